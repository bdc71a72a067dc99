"""Nominal against observed coverage of balls around random points."""

from skabi._names import names_of
from skabi._random import generators
from skabi.diagnostics import tarp
from skabi.plotting._canvas import import_matplotlib
from skabi.plotting._coverage import RegionCoverage


class TARPDisplay(RegionCoverage):
    """How often balls around random points hold the true parameters, against how often they claim to [1]_.

    Points of calibrated posteriors lie on the diagonal. At high levels they lie below it if posteriors are too narrow,
    and above it if these are too wide. A shift that is the same for all data sets nearly cancels in the curve, and not
    in the p-value in the legend, which uses the directions of the reference points. The band, or bars where levels are
    few, are intervals of the observed share given the number of data sets, for each level by itself.

    The constructor takes `levels`, `coverage`, `lower`, `upper` and `p_value`, by name.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
        Nominal probabilities of the balls.
    coverage : ndarray of shape (n_levels,)
        Share of data sets whose ball holds the true parameters.
    lower, upper : ndarray of shape (n_levels,)
        Monte Carlo interval of that share.
    p_value : float or None
        P-value of `tarp`, for the legend.
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TARPDisplay.from_estimator : Sample a fitted estimator, count and plot.
    TARPDisplay.from_draws : Count from draws that you have and plot.

    References
    ----------
    .. [1] Lemos, P., Coogan, A., Hezaveh, Y., Perreault-Levasseur, L. (2023). Sampling-Based Accuracy Testing of
           Posterior Estimators for General Inference. ICML. arXiv:2302.03026.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import TARPDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = TARPDisplay.from_draws(rng.normal(size=(200, 500, 2)), rng.normal(size=(200, 2)), random_state=0)
    >>> bool(abs(display.coverage - display.levels).max() < 0.15)
    True
    >>> plt.close(display.figure_)
    """

    _region = "ball around a reference point"

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_draws=1000, references=None, levels=None, random_state=None, ax=None):
        """Sample the posterior of each data set, measure distances and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Simulated data sets that the estimator was not fitted on.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made them, drawn from the prior.
        n_draws : int, default=1000
            Draws for each data set.
        references : array-like of shape (n_datasets, n_parameters), default=None
            Reference points; None takes a draw of another data set for each.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the balls; None leaves them to `tarp`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws, of the reference points and of the order of ties.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : TARPDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        for_draws, for_points = generators(random_state, 2)
        draws = estimator.sample(X, n_draws=n_draws, random_state=for_draws)
        names_of(estimator, y, n_parameters=draws.shape[2])
        return cls.from_draws(draws, y, references=references, levels=levels, random_state=for_points, ax=ax)

    @classmethod
    def from_draws(cls, draws, y, *, references=None, levels=None, random_state=None, ax=None):
        """Count from draws how often balls hold the true parameters, and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made the data sets, drawn from the prior.
        references : array-like of shape (n_datasets, n_parameters), default=None
            Reference points; None takes a draw of another data set for each.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the balls; None leaves them to `tarp`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the reference points and of the order of ties.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : TARPDisplay

        Raises
        ------
        ShapeError
            If the shapes of `draws`, `y` and `references` do not fit.
        """
        return cls._of(tarp(draws, y, references=references, levels=levels, random_state=random_state), ax=ax)
