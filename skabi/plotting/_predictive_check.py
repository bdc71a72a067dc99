"""Posterior predictive check, data set by data set."""

import numpy as np

from skabi._params import check_count, check_real
from skabi._random import generators
from skabi.diagnostics import posterior_predictive_check
from skabi.diagnostics._statistics import Statistics
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import (
    BLUE,
    VERMILION,
    add_legend,
    counted,
    draw_intervals,
    hide_frame,
    import_matplotlib,
    label_sorted,
    many_axes,
    p_value_in_words,
)

_N_COLS = 3


class PredictiveCheckDisplay:
    """Statistics of data sets against those of data sets replicated from their posterior.

    One panel a statistic. A point is the observed value of a data set, a bar the central interval of its replicates;
    the data sets are sorted by the median of these. Points outside of their bar are drawn in a second colour; a share
    of 1 - `prob` of them is expected if all replicates of a data set come from one posterior draw, and fewer if each
    comes from its own. The title has the p-value of all data sets together.

    Parameters
    ----------
    observed : ndarray of shape (n_datasets, n_statistics)
        Observed values.
    median, lower, upper : ndarray of shape (n_datasets, n_statistics)
        Median of the replicates and ends of their central interval.
    overall : ndarray of shape (n_statistics,), default=None
        P-value of each statistic over all data sets, for the titles.
    prob : float, default=None
        Probability of the intervals, for the legend.
    statistic_names : list of str, default=None
        Names for the titles.

    Attributes
    ----------
    outside_ : bool ndarray of shape (n_datasets, n_statistics)
        Which observed values lie outside of their interval.
    axes_ : object ndarray of shape (n_rows, n_cols)
        The panels, None in cells without one.
    ax_ : matplotlib Axes or None
        The Axes that was divided into panels; None where an array of axes was given.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    PredictiveCheckDisplay.from_estimator : Sample a fitted estimator, simulate and plot.
    PredictiveCheckDisplay.from_replicates : Plot statistics that you have.
    posterior_predictive_check : The p-values, and their references.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import PredictiveCheckDisplay
    >>> replicated = np.random.default_rng(0).normal(size=(3, 100, 1))
    >>> display = PredictiveCheckDisplay.from_replicates([0.0, 1.0, 4.0], replicated[..., 0])
    >>> display.outside_.ravel()
    array([False, False,  True])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, observed, median, lower, upper, overall=None, prob=None, statistic_names=None):
        self.observed = observed
        self.median = median
        self.lower = lower
        self.upper = upper
        self.overall = overall
        self.prob = prob
        self.statistic_names = statistic_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        simulator,
        statistics=None,
        n_replicates=100,
        one_draw=False,
        prob=0.9,
        statistic_names=None,
        random_state=None,
        ax=None,
    ):
        """Sample the posterior of each data set, simulate replicates and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Data sets.
        simulator : object
            With `simulate_from(y, *, random_state)`; a `Simulator`, for example. One that draws numbers of observations
            is given those of the data sets.
        statistics : callable, default=None
            Takes n data sets in the form in which the simulator makes them, which should be that of `X`, and returns
            an array of shape (n, n_statistics) or (n,), or a DataFrame, whose columns are names. None takes the
            summaries of an estimator that has `transform`, or else mean and standard deviation of each data set.
        n_replicates : int, default=100
            Replicates of each data set.
        one_draw : bool, default=False
            Whether to simulate all replicates of a data set at one posterior draw, which makes p-values uniform if
            the posterior is exact, rather than each at its own.
        prob : float, default=0.9
            Probability of the central intervals.
        statistic_names : list of str, default=None
            Names for the titles; None takes those of `statistics`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws, of the simulations and of the order of ties.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : PredictiveCheckDisplay

        Raises
        ------
        ShapeError
            If `statistics` does not return one row a data set.
        TypeError
            If the simulator draws sizes of several sources or of groups: simulate with them yourself, and use
            `from_replicates`.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        n_replicates = check_count(n_replicates, "n_replicates")
        for_draws, for_data, for_ties = generators(random_state, 3)
        draws = estimator.sample(X, n_draws=1 if one_draw else n_replicates, random_state=for_draws)
        of_data_sets = Statistics(statistics, estimator)
        observed = of_data_sets(X, n_datasets=len(draws))
        draws = np.repeat(draws, n_replicates, axis=1) if one_draw else draws
        y = draws.reshape(-1, draws.shape[2])
        replicates = simulator.simulate_from(y, **_sizes(simulator, X, n_replicates), random_state=for_data)
        replicated = of_data_sets(replicates, n_datasets=len(y))
        return cls.from_replicates(
            observed,
            replicated.reshape(len(observed), n_replicates, -1),
            one_draw=one_draw,
            prob=prob,
            statistic_names=of_data_sets.names if statistic_names is None else statistic_names,
            random_state=for_ties,
            ax=ax,
        )

    @classmethod
    def from_replicates(
        cls, observed, replicated, *, one_draw=False, prob=0.9, statistic_names=None, random_state=None, ax=None
    ):
        """Plot observed statistics against replicated ones.

        Parameters
        ----------
        observed : array-like of shape (n_datasets, n_statistics) or (n_datasets,)
            Statistics of the data sets.
        replicated : array-like of shape (n_datasets, n_replicates, n_statistics) or (n_datasets, n_replicates)
            The same statistics of data sets simulated at posterior draws.
        one_draw : bool, default=False
            Whether all replicates of a data set come from one and the same posterior draw.
        prob : float, default=0.9
            Probability of the central intervals.
        statistic_names : list of str, default=None
            Names for the titles.
        random_state : int, RandomState, Generator or None, default=None
            Breaks ties between observed and replicated values.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : PredictiveCheckDisplay

        Raises
        ------
        ShapeError
            If the shapes or the number of names do not fit.
        ValueError
            If values are not finite numbers, or `prob` is not between 0 and 1.
        """
        prob = check_real(prob, "prob", low=0, high=1)
        check = posterior_predictive_check(observed, replicated, one_draw=one_draw, random_state=random_state)
        observed = np.asarray(observed, dtype=float).reshape(check.p_value.shape)
        replicated = np.asarray(replicated, dtype=float).reshape(len(observed), -1, observed.shape[1])
        lower, median, upper = np.quantile(replicated, [(1 - prob) / 2, 0.5, (1 + prob) / 2], axis=1, method="weibull")
        display = cls(
            observed=observed,
            median=median,
            lower=lower,
            upper=upper,
            overall=check.overall,
            prob=prob,
            statistic_names=statistic_names,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            One Axes is divided into panels, three a row; an array of axes with one entry a statistic is drawn into;
            None makes a figure.

        Returns
        -------
        display : PredictiveCheckDisplay
            The display itself.
        """
        n_statistics = self.observed.shape[1]
        names = _check_names(self.statistic_names, n_statistics)
        n_cols = min(n_statistics, _N_COLS)
        used = (np.arange(-(-n_statistics // n_cols) * n_cols) < n_statistics).reshape(-1, n_cols)
        figsize = (4.2 * n_cols + 1, 3.8 * len(used))
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=figsize)
        self.outside_ = (self.observed < self.lower) | (self.observed > self.upper)
        for j, panel in enumerate(self.axes_[used]):
            self._plot_one(panel, j)
            overall = "" if self.overall is None else f": overall {p_value_in_words(self.overall[j])}"
            panel.set_title(f"{names[j]}{overall}", fontsize=10)
            if j % n_cols == 0:
                panel.set_ylabel("observed value and replicates")
        return self

    def _plot_one(self, panel, j):
        """Draw the points and intervals of statistic `j`."""
        order = np.argsort(self.median[:, j], kind="stable")
        observed, lower, upper, outside = (
            values[order, j] for values in (self.observed, self.lower, self.upper, self.outside_)
        )
        interval = "interval" if self.prob is None else f"{100 * self.prob:g} % interval"
        groups = [
            (rows, color, f"{where} the {interval}: {counted(np.count_nonzero(rows), 'data set')}")
            for rows, color, where in ((~outside, BLUE, "inside"), (outside, VERMILION, "outside"))
        ]
        draw_intervals(panel, np.arange(len(order)), observed, lower, upper, groups=groups)
        label_sorted(panel, order, by="median replicate")
        low, high = min(lower.min(), observed.min()), max(upper.max(), observed.max())
        margin = 0.05 * (high - low) or 0.5
        add_legend(panel, low - margin, high + margin)
        hide_frame(panel)


def _sizes(simulator, X, n_replicates):
    """Return the numbers of observations that replicates must have, as a keyword of `simulate_from`."""
    drawn = getattr(simulator, "n_observations", None)
    if isinstance(drawn, dict) or getattr(simulator, "n_groups", None) is not None:
        raise TypeError(
            "replicates must have the sizes of the data sets, which from_estimator knows of one source without groups "
            "only; simulate with simulator.simulate_from and use from_replicates."
        )
    return {} if drawn is None else {"n_observations": np.repeat([len(x) for x in X], n_replicates)}


def _check_names(names, n_statistics):
    """Return `n_statistics` names: those given, else `T[0]`, `T[1]`, ..."""
    names = [f"T[{j}]" for j in range(n_statistics)] if names is None else [str(name) for name in names]
    if len(names) != n_statistics:
        raise ShapeError(f"statistic_names must have one name for each of {n_statistics} statistics; got {names}.")
    return names
