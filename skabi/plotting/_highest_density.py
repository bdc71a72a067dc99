"""Nominal against observed coverage of regions of highest posterior density."""

from skabi._names import names_of
from skabi._random import generators
from skabi.diagnostics import highest_density_coverage
from skabi.plotting._canvas import import_matplotlib
from skabi.plotting._coverage import RegionCoverage


class HighestDensityCoverageDisplay(RegionCoverage):
    """How often regions of highest posterior density hold the true parameters, against how often they claim to [1]_.

    Points of calibrated posteriors lie on the diagonal, below it those of overconfident ones, above it of ones that
    are too wide. One curve judges all parameters at once. The band, or bars where levels are few, are intervals of
    the observed share given the number of data sets, for each level by itself; the p-value in the legend is that of
    the whole curve.

    The constructor takes `levels`, `coverage`, `lower`, `upper` and `p_value`, by name.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
        Nominal probabilities of the regions.
    coverage : ndarray of shape (n_levels,)
        Share of data sets whose region holds the true parameters.
    lower, upper : ndarray of shape (n_levels,)
        Monte Carlo interval of that share.
    p_value : float or None
        Probability of curves as far from the diagonal, for the legend.
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    HighestDensityCoverageDisplay.from_estimator : Sample a fitted estimator, count and plot.
    HighestDensityCoverageDisplay.from_log_prob : Count from densities that you have and plot.
    CoverageDisplay : The same for intervals of one parameter at a time.

    References
    ----------
    .. [1] Hermans, J., Delaunoy, A., Rozet, F., Wehenkel, A., Begy, V., Louppe, G. (2022). A Trust Crisis In
           Simulation-Based Inference? Your Posterior Approximations Can Be Unfaithful. TMLR. arXiv:2110.06581.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.plotting import HighestDensityCoverageDisplay
    >>> rng = np.random.default_rng(0)
    >>> draws, y = stats.norm.logpdf(rng.normal(size=(200, 500))), stats.norm.logpdf(rng.normal(size=200))
    >>> display = HighestDensityCoverageDisplay.from_log_prob(draws, y)
    >>> bool(abs(display.coverage - display.levels).max() < 0.15)
    True
    >>> plt.close(display.figure_)
    """

    _region = "region of highest posterior density"

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_draws=1000, levels=None, random_state=None, ax=None):
        """Sample the posterior of each data set, compare densities and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)` and `log_prob(X, y)`, which takes draws for `y` too.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Simulated data sets that the estimator was not fitted on.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made them, drawn from the prior.
        n_draws : int, default=1000
            Draws for each data set.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the regions; None leaves them to `highest_density_coverage`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws and of the order of ties.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : HighestDensityCoverageDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        for_draws, for_ties = generators(random_state, 2)
        draws = estimator.sample(X, n_draws=n_draws, random_state=for_draws)
        names_of(estimator, y, n_parameters=draws.shape[2])
        log_prob_draws, log_prob_y = estimator.log_prob(X, draws), estimator.log_prob(X, y)
        return cls.from_log_prob(log_prob_draws, log_prob_y, levels=levels, random_state=for_ties, ax=ax)

    @classmethod
    def from_log_prob(cls, log_prob_draws, log_prob_y, *, levels=None, random_state=None, ax=None):
        """Count from densities how often regions hold the true parameters, and plot.

        Parameters
        ----------
        log_prob_draws : array-like of shape (n_datasets, n_draws)
            Log posterior densities of draws.
        log_prob_y : array-like of shape (n_datasets,)
            Log posterior densities of the parameters that made the data sets.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the regions; None leaves them to `highest_density_coverage`.
        random_state : int, RandomState, Generator or None, default=None
            Breaks ties between densities, which discrete parameters have.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : HighestDensityCoverageDisplay

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        ValueError
            If a density is NaN.
        """
        result = highest_density_coverage(log_prob_draws, log_prob_y, levels=levels, random_state=random_state)
        return cls._of(result, ax=ax)
