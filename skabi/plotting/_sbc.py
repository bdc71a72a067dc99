"""Simulation-based calibration, as a difference of distribution functions."""

import numpy as np

from skabi._names import check_parameter_names, names_of
from skabi._shapes import check_draws_and_parameters
from skabi.diagnostics import sbc_ecdf, sbc_ranks, uniformity_test
from skabi.plotting._canvas import (
    GREY,
    INK,
    PALE_GREY,
    add_legend,
    hide_frame,
    import_matplotlib,
    line_style,
    one_axes,
    p_value_in_words,
)

_N_NAMES_SHOWN = 6
# Longer lists leave the axes.
_LONGEST_LIST = 45


class SBCDisplay:
    """Uniformity of the ranks of true values among posterior draws, which calibrated posteriors have [1]_.

    One line a parameter: the empirical distribution function of the ranks, less that of the uniform distribution.
    A line of a calibrated posterior stays in the band along its whole length with probability `prob` [2]_. Lines
    that leave the band are drawn in colour.

    A line above the band means draws that tend to be too large, below it too small. First above, then below, means
    posteriors that are too narrow; first below, then above, too wide.

    Parameters
    ----------
    z : ndarray of shape (n_points,)
        Fractional ranks at which the distribution functions are evaluated.
    ecdf : ndarray of shape (n_points, n_parameters)
        Empirical distribution function of the fractional ranks of each parameter.
    lower, upper : ndarray of shape (n_points,)
        Simultaneous band of the distribution function of one parameter, its ends included.
    inside : bool ndarray of shape (n_parameters,)
        Which lines stay in the band.
    p_value : ndarray of shape (n_parameters,), default=None
        Probabilities of lines that go as far out, for the legend; those of `from_draws` are of the band's own test, not
        of `uniformity_test`.
    prob : float, default=None
        Probability of the band, for the legend.
    parameter_names : list of str, default=None
        Names for the legend.
    uniformity_p_value : ndarray of shape (n_parameters,), default=None
        P-values of `uniformity_test`, which sees a wrong spread with fewer data sets than the band does; kept, not
        drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    SBCDisplay.from_estimator : Sample a fitted estimator, rank and plot.
    SBCDisplay.from_draws : Rank draws that you have and plot.
    SBCDisplay.from_ranks : Plot ranks that you have.
    JointSBCDisplay : The same for a posterior and a likelihood that were learned together.

    References
    ----------
    .. [1] Talts, S., Betancourt, M., Simpson, D., Vehtari, A., Gelman, A. (2018). Validating Bayesian Inference
           Algorithms with Simulation-Based Calibration. arXiv:1804.06788.
    .. [2] Säilynoja, T., Bürkner, P.-C., Vehtari, A. (2022). Graphical test for discrete uniformity and its
           applications in goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32, 32.
           arXiv:2103.10522.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import SBCDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = SBCDisplay.from_draws(rng.normal(size=(200, 99, 2)), rng.normal(size=(200, 2)))
    >>> display.inside
    array([ True,  True])
    >>> plt.close(display.figure_)
    """

    _x_label = "rank of the true value among the draws, as a fraction"
    _y_label = "share of data sets up to that rank,\nless the share if calibrated"

    def __init__(
        self,
        *,
        z,
        ecdf,
        lower,
        upper,
        inside,
        p_value=None,
        prob=None,
        parameter_names=None,
        uniformity_p_value=None,
    ):
        self.z = z
        self.ecdf = ecdf
        self.lower = lower
        self.upper = upper
        self.inside = inside
        self.p_value = p_value
        self.prob = prob
        self.parameter_names = parameter_names
        self.uniformity_p_value = uniformity_p_value

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_draws=1000, prob=0.95, random_state=None, ax=None):
        """Sample the posterior of each data set, rank the true values and plot.

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
        prob : float, default=0.95
            Probability of the band.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws and of the order of ties.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SBCDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws=n_draws, random_state=random_state)
        names = names_of(estimator, y, n_parameters=draws.shape[2])
        return cls.from_draws(draws, y, prob=prob, parameter_names=names, random_state=random_state, ax=ax)

    @classmethod
    def from_draws(cls, draws, y, *, prob=0.95, parameter_names=None, random_state=None, ax=None):
        """Rank true values among draws and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made the data sets, drawn from the prior.
        prob : float, default=0.95
            Probability of the band.
        parameter_names : list of str, default=None
            Names for the legend; by default the columns of `y`.
        random_state : int, RandomState, Generator or None, default=None
            Breaks ties between draws and true values, which discrete parameters have.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SBCDisplay

        Raises
        ------
        ShapeError
            If the shapes of `draws` and `y` do not fit.
        """
        draws, truth = check_draws_and_parameters(draws, y)
        names = check_parameter_names(parameter_names, truth.shape[1], y=y)
        ranks = sbc_ranks(draws, truth, random_state=random_state)
        return cls.from_ranks(ranks, draws.shape[1], prob=prob, parameter_names=names, ax=ax)

    @classmethod
    def from_ranks(cls, ranks, n_draws, *, prob=0.95, parameter_names=None, ax=None):
        """Plot ranks.

        Parameters
        ----------
        ranks : int array-like of shape (n_datasets, n_parameters)
            Ranks of true values among draws, from `sbc_ranks`.
        n_draws : int
            Number of posterior draws behind each rank.
        prob : float, default=0.95
            Probability of the band.
        parameter_names : list of str, default=None
            Names for the legend.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SBCDisplay

        Raises
        ------
        ShapeError
            If `ranks` have another number of dimensions.
        ValueError
            If ranks are not whole numbers between 0 and `n_draws`.
        """
        result = sbc_ecdf(ranks, n_draws, prob=prob)
        return cls._of(result, uniformity_test(ranks, n_draws), names=parameter_names, ax=ax)

    @classmethod
    def _of(cls, result, uniformity_p_value, *, names, ax):
        """Return the display of a `RankECDF`, plotted."""
        display = cls(
            z=result.z,
            ecdf=result.ecdf,
            lower=result.bands.lower,
            upper=result.bands.upper,
            inside=result.inside,
            p_value=result.p_value,
            prob=result.bands.prob,
            parameter_names=check_parameter_names(names, result.ecdf.shape[1]),
            uniformity_p_value=uniformity_p_value,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the lines and the band.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SBCDisplay
            The display itself.
        """
        n_parameters = self.ecdf.shape[1]
        names = check_parameter_names(self.parameter_names, n_parameters)
        lower, upper = self.lower - self.z, self.upper - self.z
        difference = self.ecdf - self.z[:, np.newaxis]
        self.figure_, ax = one_axes(ax)
        ax.fill_between(self.z, lower, upper, color=PALE_GREY, lw=0, label=self._band_label())
        ax.axhline(0, color=GREY, lw=0.8)
        inside = np.flatnonzero(self.inside)
        for j in inside:
            label = _list_of([names[i] for i in inside]) if j == inside[0] else None
            ax.plot(self.z, difference[:, j], color=INK, lw=0.9, label=label)
        for count, j in enumerate(np.flatnonzero(~self.inside)):
            p_value = "" if self.p_value is None else f", {p_value_in_words(self.p_value[j])}"
            ax.plot(self.z, difference[:, j], lw=1.8, label=f"{names[j]}: outside{p_value}", **line_style(count + 1))
        reach = 1.1 * max(np.abs(difference).max(), np.abs([lower, upper]).max())
        ax.set(xlim=(0, 1), xlabel=self._x_label, ylabel=self._y_label)
        add_legend(ax, -reach, reach)
        hide_frame(ax)
        self.ax_ = ax
        return self

    def _band_label(self):
        return "simultaneous band" if self.prob is None else f"{100 * self.prob:.4g} % simultaneous band"


def _list_of(names):
    """Return the legend entry of the lines in the band."""
    if len(names) > _N_NAMES_SHOWN:
        return f"{len(names)} parameters: inside"
    text = ", ".join(names)
    return f"{text if len(text) <= _LONGEST_LIST else f'{names[0]}, ..., {names[-1]}'}: inside"
