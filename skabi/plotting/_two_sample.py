"""Two sets of draws: their distance against what chance makes of it."""

import numpy as np

from skabi._random import generators
from skabi._shapes import as_float_array, check_draws
from skabi.diagnostics import mmd_test
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import (
    BLUE,
    GREY,
    PALE_GREY,
    VERMILION,
    add_legend,
    counted,
    draw_intervals,
    hide_frame,
    import_matplotlib,
    label_sorted,
    one_axes,
    p_value_in_words,
)
from skabi.plotting._density import histogram


class NullDisplay:
    """Picture of statistics against what chance makes of them; the base of displays that say where these come from."""

    _distance: str
    _null_noun: str

    def __init__(self, *, statistic, null, p_value, level=0.05):
        self.statistic = statistic
        self.null = null
        self.p_value = p_value
        self.level = level

    def plot(self, *, ax=None):
        """Draw the distances.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : object
            The display itself.

        Raises
        ------
        ShapeError
            If the numbers of data sets do not fit.
        """
        statistic, null, p_value = self._checked()
        self.rejected_ = p_value <= self.level
        self.order_ = np.argsort(statistic, kind="stable")
        self.figure_, self.ax_ = one_axes(ax)
        if len(statistic) == 1:
            self._plot_one(statistic[0], null[0], p_value[0])
        else:
            self._plot_sorted(statistic[self.order_], null[self.order_], self.rejected_[self.order_])
        hide_frame(self.ax_)
        return self

    def _checked(self):
        """Return statistics, null and p-values, with the axis of data sets."""
        null = np.atleast_2d(as_float_array(self.null, name="null"))
        statistic, p_value = (
            np.atleast_1d(as_float_array(getattr(self, name), name=name)) for name in ("statistic", "p_value")
        )
        if statistic.shape != p_value.shape or statistic.shape != null.shape[:1] or not null.size:
            raise ShapeError(
                "statistic, null and p_value must be of the same n_datasets, at least one; got shapes "
                f"{statistic.shape}, {null.shape} and {p_value.shape}."
            )
        return statistic, null, p_value

    def _plot_one(self, statistic, null, p_value):
        """Draw the histogram of the null and the statistic of one data set."""
        ax, ends = self.ax_, (null.min(), null.max())
        density, edges = histogram(null, ends if ends[0] < ends[1] else (ends[0] - 0.5, ends[0] + 0.5))
        ax.stairs(density, edges, fill=True, color=PALE_GREY, label=counted(len(null), self._null_noun))
        color = VERMILION if self.rejected_[0] else BLUE
        top = 1.05 * density.max()
        ax.vlines(statistic, 0, top, color=color, lw=1.8, label=f"observed, {p_value_in_words(p_value)}")
        ax.set(xlabel=self._distance, yticks=[])
        ax.spines["left"].set_visible(False)
        add_legend(ax, 0, top)

    def _plot_sorted(self, statistic, null, rejected):
        """Draw statistics of data sets in order, each above the range of its null."""
        ordered = np.sort(null, axis=1)
        n_null = ordered.shape[1]
        # The p-value is at most `level` above this value of the null.
        critical = ordered[:, n_null - max(1, int(self.level * (n_null + 1) + 1e-9))]
        groups = [
            (rows, color, f"p {sign} {self.level:g}: {counted(np.count_nonzero(rows), 'data set')}")
            for rows, color, sign in ((rejected, VERMILION, "<="), (~rejected, BLUE, ">"))
        ]
        x = np.arange(len(statistic))
        draw_intervals(self.ax_, x, statistic, ordered[:, 0], critical, groups=groups)
        self.ax_.plot([], [], color=GREY, lw=1.5, label=f"bars: by chance, up to p = {self.level:g}")
        label_sorted(self.ax_, self.order_, by="distance")
        self.ax_.set_ylabel(self._distance)
        low, high = min(ordered[:, 0].min(), statistic.min()), max(critical.max(), statistic.max())
        margin = 0.05 * (high - low) or 0.5
        add_legend(self.ax_, low - margin, high + margin)


class TwoSampleDisplay(NullDisplay):
    """Distance of two sets of draws against the distances that chance makes.

    Of one data set: the distances after permutation as a histogram, and the observed one as a line. Of several: the
    observed distances as points, sorted, each with a bar from the least distance after permutation up to the one above
    which the p-value is at most `level`. Data sets with such a p-value are drawn in a second colour.

    Parameters
    ----------
    statistic : float, or ndarray of shape (n_datasets,)
        Observed distances.
    null : ndarray of shape (n_permutations,) or (n_datasets, n_permutations)
        Distances after permutation.
    p_value : float, or ndarray of shape (n_datasets,)
        P-values.
    level : float, default=0.05
        P-values up to this are drawn in a second colour.

    Attributes
    ----------
    order_ : int ndarray of shape (n_datasets,)
        The data sets from the smallest distance to the largest.
    rejected_ : bool ndarray of shape (n_datasets,)
        Which p-values are at most `level`.
    ax_ : matplotlib Axes
        Axes with the distances.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TwoSampleDisplay.from_estimator : Sample a fitted estimator, test and plot.
    TwoSampleDisplay.from_draws : Test draws that you have and plot.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import TwoSampleDisplay
    >>> rng = np.random.default_rng(0)
    >>> reference, narrow = rng.normal(size=(200, 2)), rng.normal(scale=0.5, size=(200, 2))
    >>> display = TwoSampleDisplay.from_draws(reference, narrow, random_state=0)
    >>> display.p_value
    0.005
    >>> plt.close(display.figure_)
    """

    _distance = "distance of the two sets of draws"
    _null_noun = "permutation"

    def __init__(self, *, statistic, null, p_value, level=0.05):
        super().__init__(statistic=statistic, null=null, p_value=p_value, level=level)

    @classmethod
    def from_estimator(
        cls, estimator, X, reference, *, n_draws=None, test=mmd_test, level=0.05, random_state=None, ax=None
    ):
        """Sample the posterior of each data set, test it against the reference and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Data sets.
        reference : array-like of shape (n_datasets, n_reference, n_parameters)
            Independent draws from the exact posterior of each data set.
        n_draws : int, default=None
            Draws for each data set; None takes as many as the reference holds.
        test : callable, default=mmd_test
            As in `from_draws`.
        level : float, default=0.05
            P-values up to this are drawn in a second colour.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws and of the permutations.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : TwoSampleDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        reference = check_draws(reference, name="reference")
        for_draws, for_test = generators(random_state, 2)
        n_draws = reference.shape[1] if n_draws is None else n_draws
        draws = estimator.sample(X, n_draws=n_draws, random_state=for_draws)
        return cls.from_draws(reference, draws, test=test, level=level, random_state=for_test, ax=ax)

    @classmethod
    def from_draws(cls, x, z, *, test=mmd_test, level=0.05, random_state=None, ax=None):
        """Test whether two sets of draws come from the same distribution and plot.

        Parameters
        ----------
        x, z : array-like of shape (n_draws, n_columns) or (n_datasets, n_draws, n_columns)
            Draws to compare, of one data set or of several.
        test : callable, default=mmd_test
            Takes x, z and `random_state` and returns a `TwoSampleTest`; `sliced_wasserstein_test`, for example.
        level : float, default=0.05
            P-values up to this are drawn in a second colour.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the permutations.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : TwoSampleDisplay
        """
        import_matplotlib()
        result = test(x, z, random_state=random_state)
        display = cls(statistic=result.statistic, null=result.null, p_value=result.p_value, level=level)
        return display.plot(ax=ax)
