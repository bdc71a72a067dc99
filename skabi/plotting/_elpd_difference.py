"""Which of two models predicts better: by data set, or by observation of one data set."""

import numpy as np

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    add_legend,
    counted,
    draw_intervals,
    hide_frame,
    label_sorted,
    one_axes,
)

_N_LABELLED = 5


class ElpdDifferenceDisplay:
    """Expected log predictive density (elpd) of one model less that of another.

    Of all data sets: the total difference of each with an interval of two standard errors, sorted. One model is
    clearly better where the interval does not hold 0. A standard error is that of a sum of n differences,
    `sqrt(n * variance)` [1]_; it is an underestimate where n is small or the models are much alike [2]_.

    Of one data set: the difference of each observation. The largest ones are labelled, for they are the observations
    that decide.

    Parameters
    ----------
    pointwise : list of ndarray of shape (n_observations,)
        Differences by observation, one array a data set; NaN for observations that were never held out.
    dataset : int, default=None
        Data set to show by observation, counted from 0; None shows the totals of all.
    names : (str, str), default=("first", "second")
        Names of the models.

    Attributes
    ----------
    difference_ : ndarray of shape (n_datasets,)
        Sum of the differences of each data set shown.
    se_ : ndarray of shape (n_datasets,)
        Its standard error.
    better_ : int ndarray of shape (n_datasets,)
        1 where the first model is clearly better, -1 where the second is, 0 where neither is.
    labelled_ : int ndarray of shape (n_labelled,)
        Observations that are labelled, counted from 0, the largest difference first; none where totals are shown.
    ax_ : matplotlib Axes
        Axes with the differences.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    ElpdDifferenceDisplay.from_results : Subtract two results of cross-validation and plot.

    References
    ----------
    .. [1] Vehtari, A., Gelman, A., Gabry, J. (2017). Practical Bayesian model evaluation using leave-one-out
           cross-validation and WAIC. Statistics and Computing 27. arXiv:1507.04544.
    .. [2] Sivula, T., Magnusson, M., Matamoros, A. A., Vehtari, A. (2020). Uncertainty in Bayesian leave-one-out
           cross-validation based model comparison. arXiv:2008.10296.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import ElpdDifferenceDisplay
    >>> rng = np.random.default_rng(0)
    >>> pointwise = [rng.normal(loc, 1.0, size=100) for loc in (-1.0, 0.0, 1.0)]
    >>> display = ElpdDifferenceDisplay(pointwise=pointwise, names=("linear", "quadratic")).plot()
    >>> display.better_
    array([-1,  0,  1])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, pointwise, dataset=None, names=("first", "second")):
        self.pointwise = pointwise
        self.dataset = dataset
        self.names = names

    @classmethod
    def from_results(cls, first, second, *, dataset=None, names=("first", "second"), ax=None):
        """Subtract two results of cross-validation and plot.

        Parameters
        ----------
        first, second : object
            Results for the same data sets and observations, with `pointwise`, a list of arrays of shape
            (n_observations,); what `cross_val_elpd` or `psis_loo` of `skabi.model_selection` return, for example.
        dataset : int, default=None
            Data set to show by observation, counted from 0; None shows the totals of all.
        names : (str, str), default=("first", "second")
            Names of the models.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ElpdDifferenceDisplay

        Raises
        ------
        ShapeError
            If the results have different numbers of data sets or of observations.
        ValueError
            If the results hold out different observations of a data set, or fewer than two.
        """
        if len(first.pointwise) != len(second.pointwise):
            raise ShapeError(
                f"Both results must be of the same data sets; got {len(first.pointwise)} and {len(second.pointwise)}."
            )
        pairs = enumerate(zip(first.pointwise, second.pointwise, strict=True))
        pointwise = [_subtract(i, *pair) for i, pair in pairs]
        return cls(pointwise=pointwise, dataset=dataset, names=names).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the differences.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ElpdDifferenceDisplay
            The display itself.
        """
        names = _check_names(self.names)
        totals = [_total_and_se(i, self.pointwise[i]) for i in self._shown()]
        self.difference_, self.se_ = np.transpose(totals)
        self.better_ = (np.sign(self.difference_) * (np.abs(self.difference_) > 2 * self.se_)).astype(int)
        self.figure_, self.ax_ = one_axes(ax)
        self.ax_.axhline(0, color=GREY, lw=1)
        self.labelled_ = np.array([], dtype=int)
        if self.dataset is None:
            self._plot_totals(names)
        else:
            self._plot_observations(names)
        hide_frame(self.ax_)
        return self

    def _shown(self):
        """Return the numbers of the data sets to show."""
        if len(self.pointwise) == 0:
            raise ShapeError("pointwise must hold at least one data set; got none.")
        if self.dataset is None:
            return range(len(self.pointwise))
        if check_count(self.dataset, "dataset", minimum=0) >= len(self.pointwise):
            raise ValueError(f"dataset must be less than {len(self.pointwise)}; got {self.dataset}.")
        return [self.dataset]

    def _plot_totals(self, names):
        """Draw the data sets, sorted by their total differences."""
        order = np.argsort(self.difference_, kind="stable")
        total, se, better = self.difference_[order], self.se_[order], self.better_[order]
        groups = _groups(better, (f"{names[0]} clearly better", f"{names[1]} clearly better", "neither"), "data set")
        lower, upper = total - 2 * se, total + 2 * se
        draw_intervals(self.ax_, np.arange(len(order)), total, lower, upper, groups=groups)
        self.ax_.plot([], [], color=INK, lw=1.5, label="two standard errors to each side")
        label_sorted(self.ax_, order, by="difference")
        self._finish(names, lower, upper)

    def _plot_observations(self, names):
        """Draw the differences of one data set, and label the largest."""
        values = np.asarray(self.pointwise[self.dataset], dtype=float)
        held_out = np.flatnonzero(~np.isnan(values))
        values = values[held_out]
        groups = _groups(np.sign(values), (f"{names[0]} better", f"{names[1]} better", "equal"), "observation")
        draw_intervals(self.ax_, held_out, values, np.minimum(values, 0), np.maximum(values, 0), groups=groups)
        largest = np.argsort(-np.abs(values), kind="stable")[:_N_LABELLED]
        self.labelled_ = held_out[largest]
        _label(self.ax_, self.labelled_, values[largest])
        (total,), (se,), (better,) = self.difference_, self.se_, self.better_
        verdict = {1: f"{names[0]} clearly better", -1: f"{names[1]} clearly better", 0: "neither clearly better"}
        summary = f"total {total:.3g}".replace("-", "\N{MINUS SIGN}") + f", standard error {se:.2g}: {verdict[better]}"
        self.ax_.plot([], [], ls="", label=summary)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set_xlabel(f"observation of data set {self.dataset}, both counted from 0")
        self._finish(names, values, values)

    def _finish(self, names, lower, upper):
        """Add what both pictures share: the label of the height, and the legend above all points and labels."""
        self.ax_.set_ylabel(f"expected log predictive density (nats):\n{names[0]} less {names[1]}")
        low, high = min(lower.min(), 0), max(upper.max(), 0)
        margin = 0.1 * (high - low) or 0.5
        add_legend(self.ax_, low - margin, high + margin)


def _groups(signs, words, noun):
    """Return the groups of `draw_intervals`, and of `noun` how many: of sign 1, -1 and 0."""
    return [
        (signs == sign, color, f"{text}: {counted(np.count_nonzero(signs == sign), noun)}")
        for sign, color, text in zip((1, -1, 0), (BLUE, VERMILION, GREY), words, strict=True)
    ]


def _label(ax, observations, values):
    """Write the number of each observation at its point, away from neighbours that are labelled too."""
    left, right = ax.get_xlim()
    for observation, value in zip(observations, values, strict=True):
        offsets = (observations - observation)[np.sign(values) == np.sign(value)] / (right - left)
        on_left, on_right = ((offsets > -0.06) & (offsets < 0)).any(), ((offsets > 0) & (offsets < 0.06)).any()
        above = value > 0
        ax.annotate(
            str(observation), (observation, value), xytext=(0, 6 if above else -6), textcoords="offset points",
            ha="center" if on_left == on_right else "left" if on_left else "right", va="bottom" if above else "top",
            fontsize=9,
        )  # fmt: skip


def _check_names(names):
    """Return `names` if they are two distinct strings."""
    if isinstance(names, str) or len(names) != 2 or names[0] == names[1]:
        raise ValueError(f"names must be two distinct names, one for each model; got {names!r}.")
    return names


def _subtract(dataset, first, second):
    """Return the differences by observation of a data set, of which both results must have held out the same."""
    first, second = (as_float_array(values, name="pointwise", allow_nan=True) for values in (first, second))
    if first.shape != second.shape or first.ndim != 1:
        raise ShapeError(
            f"Both results must be of the same data sets; data set {dataset} has observations of shape {first.shape} "
            f"in the one and {second.shape} in the other."
        )
    n_different = np.count_nonzero(np.isnan(first) != np.isnan(second))
    if n_different:
        raise ValueError(
            f"Both results must hold out the same observations; {n_different} of data set {dataset} are held out in "
            f"one of them alone. Use the same cv for both."
        )
    return first - second


def _total_and_se(dataset, differences):
    """Return the sum of the differences of a data set and its standard error (Vehtari et al. 2017, eq. 24)."""
    differences = as_float_array(differences, name=f"pointwise[{dataset}]", allow_nan=True)
    differences = differences[~np.isnan(differences)]
    if len(differences) < 2:
        raise ValueError(
            f"A standard error takes at least 2 observations that were held out; data set {dataset} has "
            f"{len(differences)}."
        )
    return differences.sum(), np.sqrt(len(differences) * differences.var(ddof=1))
