"""How far posteriors move under other choices."""

import numpy as np

from skabi.exceptions import ShapeError
from skabi.plotting._canvas import GREY, PALE_GREY, hide_frame, import_matplotlib, line_style, many_axes

_LABELS = {
    "distance": "Wasserstein distance / posterior sd",
    "joint_distance": "energy distance of joint posteriors",
    "mean_change_sd": "change of the mean / posterior sd",
    "sd_change_sd": "change of the sd / posterior sd",
}


class SensitivityDisplay:
    """How far posteriors move under other choices, in a panel for each parameter.

    Powers of prior and likelihood are curves over the power, one for each choice; other choices, such as observations
    left out, members of an ensemble or the combinations of a multiverse, are points, one below the other, those that
    move most at the top. Numbers are averages over data sets, or those of one. The grey band is what Monte Carlo error
    alone makes: a distance that chance exceeds once in a hundred times, or three standard errors; of an average, those
    of one data set, which is wider. Crosses are importance weights that cannot be relied on.

    Parameters
    ----------
    result : SensitivityResult
    statistic : str, default="distance"
        A column of its table: "distance", "joint_distance", "mean_change_sd" or "sd_change_sd", say.
    data_set : int, optional
        The data set, counted from 0; by default the average of all.
    n_shown : int, default=15
        Choices that are shown as points, at most.

    Attributes
    ----------
    values_ : dict of str to DataFrame
        What is drawn, by parameter: the choices, `value`, `noise` and `reliable`.
    axes_ : ndarray of Axes
        One panel a parameter.
    ax_ : Axes or None
        The Axes that was divided.
    figure_ : Figure

    See Also
    --------
    skabi.sensitivity.SensitivityAnalysis : Makes results.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.plotting import SensitivityDisplay
    >>> from skabi.sensitivity import SensitivityAnalysis
    >>> simulator = ConjugateGaussian()
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(simulator)
    >>> result = SensitivityAnalysis(posterior, random_state=0).prior([[1.0, 0.0]], alphas=[0.8, 1.25])
    >>> display = SensitivityDisplay.from_result(result)
    >>> list(display.values_)
    ['theta[0]', 'theta[1]']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, result, statistic="distance", data_set=None, n_shown=15):
        self.result = result
        self.statistic = statistic
        self.data_set = data_set
        self.n_shown = n_shown

    @classmethod
    def from_analysis(cls, analysis, X, *, alphas=(0.5, 0.71, 1.0, 1.41, 2.0), ax=None):
        """Raise the prior of each entry to powers and plot.

        Parameters
        ----------
        analysis : SensitivityAnalysis
            Of a fitted estimator.
        X : array-like of shape (n_datasets, ...)
        alphas : sequence of float, default=(0.5, 0.71, 1.0, 1.41, 2.0)
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : SensitivityDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        return cls.from_result(analysis.prior(X, alphas), ax=ax)

    @classmethod
    def from_result(cls, result, *, statistic="distance", data_set=None, n_shown=15, ax=None):
        """Plot what an analysis found.

        Parameters
        ----------
        result : SensitivityResult
        statistic : str, default="distance"
        data_set : int, optional
        n_shown : int, default=15
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : SensitivityDisplay
        """
        return cls(result=result, statistic=statistic, data_set=data_set, n_shown=n_shown).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            Axes to draw into; None makes a figure. One Axes is divided into the panels, and an array of axes, one a
            parameter, is drawn into.

        Returns
        -------
        display : SensitivityDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the statistic is no column of the table.
        ShapeError
            If there is no such data set.
        """
        self.values_ = self._values()
        is_curve = "alpha" in self.result.choice_names
        # Names of choices need room: their panels are one below the other.
        n_cols = min(3, len(self.values_)) if is_curve else 1
        n_rows = -(-len(self.values_) // n_cols)
        used = np.arange(n_rows * n_cols).reshape(n_rows, n_cols) < len(self.values_)
        n_points = min(self.n_shown, max(map(len, self.values_.values())))
        figsize = (3.4 * n_cols, 2.6 * n_rows) if is_curve else (6.0, (1.1 + 0.17 * n_points) * n_rows)
        is_own = ax is None
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=figsize)
        for panel, (parameter, values) in zip(self.axes_[used], self.values_.items(), strict=True):
            (self._draw_curves if is_curve else self._draw_points)(panel, values)
            panel.set_title(parameter, fontsize=10)
            hide_frame(panel)
        if is_curve:
            for panel in self.axes_[:, 0]:
                panel.set_ylabel(_LABELS.get(self.statistic, self.statistic), fontsize=8)
            labelled = self.axes_[0, 0].get_legend_handles_labels()
            if is_own:
                self.figure_.legend(*labelled, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
            else:
                self.axes_[0, 0].legend(frameon=False, fontsize=8)
        return self

    def _values(self):
        """Return what is drawn, by parameter."""
        result, table = self.result, self.result.table
        if self.statistic not in table:
            raise ValueError(
                f"statistic must be a column of the table, such as {list(_LABELS)}; got {self.statistic!r}."
            )
        if self.data_set is not None:
            table = table[table["data_set"] == self.data_set]
            if table.empty:
                raise ShapeError(f"data_set must be one of {result.n_datasets}, counted from 0; got {self.data_set}.")
        reliable = table["pareto_k"] <= result.largest_k if result.largest_k is not None else True
        parts = table[[*result.choice_names, "parameter"]].assign(
            value=table[self.statistic], noise=self._noise(table), reliable=reliable
        )
        grouped = parts.groupby(["parameter", *result.choice_names], sort=False)
        means = grouped.agg(
            value=("value", "mean"), noise=("noise", "mean"), reliable=("reliable", "all")
        ).reset_index()
        return {name: means[means["parameter"] == name].reset_index(drop=True) for name in result.parameter_names}

    def _noise(self, table):
        """Return what Monte Carlo error makes of the statistic, where it is known, in its units."""
        if f"{self.statistic}_noise" in table:
            return table[f"{self.statistic}_noise"]
        name, _, rest = self.statistic.partition("_change")
        if f"{name}_se" not in table or not self.statistic.startswith(f"{name}_change"):
            return np.full(len(table), np.nan)
        if rest != "_sd":
            return 3 * table[f"{name}_se"]
        # The standard deviation of the baseline is that by which changes were divided.
        return 3 * table[f"{name}_se"] / (table["sd"] - table["sd_change"]).replace(0.0, np.nan)

    def _draw_curves(self, ax, values):
        for i, (choice, own) in enumerate(values.groupby("choice", sort=False)):
            own = own.sort_values("alpha")
            ax.plot(own["alpha"], own["value"], marker="o", ms=3, lw=1.2, label=choice, **line_style(i))
            wrong = own[~own["reliable"]]
            ax.plot(wrong["alpha"], wrong["value"], ls="", marker="x", ms=8, color=line_style(i)["color"])
        noise = values.groupby("alpha")["noise"].max()
        low = 0 * noise if self.statistic.endswith("distance") else -noise
        ax.fill_between(noise.index, low, noise, color=PALE_GREY, lw=0, zorder=0, label="Monte Carlo noise")
        ax.axvline(1.0, color=GREY, lw=0.8, ls=":")
        ax.set_xscale("log")
        ticks = sorted({float(alpha) for alpha in (values["alpha"].min(), 1.0, values["alpha"].max())})
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel("power")

    def _draw_points(self, ax, values):
        order = values["value"].abs().sort_values(ascending=False, kind="stable").index[: self.n_shown]
        own = values.loc[order].reset_index(drop=True)
        places = np.arange(len(own))[::-1]
        left = np.zeros(len(own)) if self.statistic.endswith("distance") else -own["noise"].to_numpy()
        ax.barh(places, own["noise"] - left, left=left, color=PALE_GREY, height=0.8, zorder=0)
        for is_reliable, marker in ((True, "o"), (False, "x")):
            rows = (own["reliable"] == is_reliable).to_numpy()
            ax.plot(own["value"][rows], places[rows], ls="", marker=marker, ms=4, color=line_style(0)["color"])
        names = self.result.choice_names
        labels = [
            str(row[names[0]]) if len(names) == 1 else ", ".join(f"{name} {_shown(row[name])}" for name in names)
            for _, row in own.iterrows()
        ]
        ax.set_yticks(places, labels, fontsize=8)
        ax.axvline(0.0, color=GREY, lw=0.8)
        if len(values) > len(own):
            where = {"xycoords": "axes fraction", "ha": "right", "va": "bottom"}
            ax.annotate(f"and {len(values) - len(own)} more", (1, 0), fontsize=7, **where)
        ax.set_xlabel(_LABELS.get(self.statistic, self.statistic))


def _shown(value):
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
