"""Probability integral transforms, as a difference of distribution functions."""

from skabi._names import check_parameter_names
from skabi._shapes import check_draws_and_parameters
from skabi.diagnostics import pit_ecdf, pit_values, uniformity_test
from skabi.diagnostics._pit import pit_ranks
from skabi.plotting._sbc import SBCDisplay

# Fine enough to lose nothing of continuous values.
_N_PIECES = 1000


class PITDisplay(SBCDisplay):
    """Uniformity of probability integral transforms of true values, which calibrated predictions have [1]_.

    Lines, band, colours, the constructor's parameters and `from_estimator` are those of `SBCDisplay`; transforms are
    ranks made continuous. It serves predictive checks too: `from_draws` takes replicated data sets for draws and
    observed data for `y`, and `from_pit` transforms from elsewhere, such as those of leave-one-out predictions.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    PITDisplay.from_estimator : Sample a fitted estimator, transform and plot.
    PITDisplay.from_draws : Transform with draws that you have and plot.
    PITDisplay.from_pit : Plot transforms that you have.

    References
    ----------
    .. [1] Säilynoja, T., Bürkner, P.-C., Vehtari, A. (2022). Graphical test for discrete uniformity and its
           applications in goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32, 32.
           arXiv:2103.10522.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import PITDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = PITDisplay.from_pit(np.column_stack([rng.random(200), rng.beta(2, 2, size=200)]))
    >>> display.inside
    array([ True, False])
    >>> plt.close(display.figure_)
    """

    _x_label = "probability integral transform of the true value"
    _y_label = "share of data sets up to that value,\nless the share if calibrated"

    @classmethod
    def from_draws(cls, draws, y, *, prob=0.95, parameter_names=None, random_state=None, ax=None):
        """Transform true values with draws and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws, or replicated data sets.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made the data sets, drawn from the prior; or observed data.
        prob : float, default=0.95
            Probability of the band.
        parameter_names : list of str, default=None
            Names for the legend; by default the columns of `y`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the points between draws.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : PITDisplay

        Raises
        ------
        ShapeError
            If the shapes of `draws` and `y` do not fit.
        """
        draws, truth = check_draws_and_parameters(draws, y)
        names = check_parameter_names(parameter_names, truth.shape[1], y=y)
        pit = pit_values(draws, truth, random_state=random_state)
        return cls.from_pit(pit, prob=prob, parameter_names=names, ax=ax)

    @classmethod
    def from_pit(cls, pit, *, prob=0.95, parameter_names=None, ax=None):
        """Plot transforms.

        Parameters
        ----------
        pit : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            Values in [0, 1], from `pit_values` for example.
        prob : float, default=0.95
            Probability of the band.
        parameter_names : list of str, default=None
            Names for the legend.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : PITDisplay

        Raises
        ------
        ShapeError
            If `pit` has another number of dimensions.
        ValueError
            If values are NaN or outside [0, 1].
        """
        result = pit_ecdf(pit, prob=prob)
        p_value = uniformity_test(pit_ranks(pit, _N_PIECES), _N_PIECES - 1)
        return cls._of(result, p_value, names=parameter_names, ax=ax)
