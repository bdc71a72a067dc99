"""What `check` returns: a table of verdicts that prints, and a page of pictures."""

import numpy as np

from skabi.reports._page import draw_page
from skabi.reports._rendering import as_html, as_text
from skabi.reports._verdicts import worst


class Report:
    """Every check of a posterior, with verdicts and what to try.

    Made by `skabi.reports.check`. It prints as a short table, and a notebook shows it as a coloured one.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, 10)
        One row for each check, and for each parameter where a check is of one, with the columns

        - `check`, `parameter`: what was looked at; no parameter where it is all of them;
        - `figure`, `expected`: what came out, and what was to;
        - `error`: what is judged by its size; the larger, the worse;
        - `p_value`, `adjusted_p_value`: by itself, and by Holm's method; NaN where chance has no part;
        - `verdict`: "good", "doubtful" or "bad";
        - `finding`, `what_to_try`: empty where the verdict is good.
    results : dict of str to object
        What the diagnostics returned, by name: `sbc_ranks`, `central_coverage`, `highest_density_coverage`, `tarp`,
        `recovery`, `log_prob` (at the true parameters), `predictive_check` and `statistic_names`, `effective_shares`,
        `pareto_k`, `usual_p_values`, `batch_test`, and what pictures need, `intervals` and `loss_curve`.
    notes : list of str
        What was left out and why, and which errors are too small to be seen.
    parameter_names : list of str
    n_draws : int
        Behind each rank.
    level : float
        Share of reports on exact posteriors that may have a false alarm.
    has_few : bool, default=False
        Whether data sets are so few that a bad error may be chance.

    Attributes
    ----------
    axes_ : object ndarray of shape (n_rows, n_cols)
        Panels of the last `plot`, None in cells without one.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    check : Makes one.
    """

    def __init__(self, table, *, results, notes, parameter_names, n_draws, level, has_few=False):
        self.table = table
        self.results = results
        self.notes = notes
        self.parameter_names = parameter_names
        self.n_draws = n_draws
        self.level = level
        self.has_few = has_few

    @property
    def verdict(self):
        """Worst verdict of the table: "good" ("good so far" with few data sets), "doubtful" or "bad"."""
        verdict = worst(self.table["verdict"])
        return "good so far" if self.has_few and verdict == "good" else verdict

    @property
    def is_good(self):
        """Whether every verdict of the table is good, however few the data sets."""
        return self.problems.empty

    @property
    def problems(self):
        """Rows of the table whose verdict is not good, the bad ones first."""
        problems = self.table[self.table["verdict"] != "good"]
        return problems.sort_values("verdict", kind="stable")

    def plot(self, *, ax=None):
        """Draw a page of pictures: ranks, coverage, training, predictions and recovery.

        Of more than six parameters, or statistics, those are drawn that are furthest off. Titles have the verdicts of
        the table, and p-values are its adjusted ones; all lines of a panel leave their bands with a probability of
        `level` at most.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            One Axes is divided into panels, three a row; an array of axes with one entry a panel is drawn into; None
            makes a figure.

        Returns
        -------
        report : Report
            The report itself.
        """
        self.figure_, self.axes_ = draw_page(self, ax=ax)
        return self

    def __repr__(self):
        return as_text(self)

    def _repr_html_(self):
        return as_html(self)

    def _title(self):
        n_datasets = len(self.results["sbc_ranks"])
        counts = self.table["verdict"].value_counts()
        counted = ", ".join(
            f"{n} {verdict}" for verdict in ("bad", "doubtful", "good") if (n := counts.get(verdict, 0))
        )
        return f"Posterior check: {self.verdict} ({counted}), {n_datasets} data sets, {self.n_draws} draws of each"

    def _advice(self):
        """Return `(what to try, [what it is for])` for each piece of advice, that of bad verdicts first."""
        advice: dict[str, list[str]] = {}
        for (what_to_try, finding), rows in self.problems.groupby(["what_to_try", "finding"], sort=False):
            names = ", ".join(name for name in rows["parameter"] if name)
            advice.setdefault(what_to_try, []).append(f"{finding} ({names})" if names else finding)
        return list(advice.items())

    def _rows_shown(self, n):
        """Return the n worst rows of the table, in its order."""
        rank = {"bad": 0, "doubtful": 1, "good": 2}
        order = np.argsort(self.table["verdict"].map(rank).to_numpy(), kind="stable")
        return self.table.iloc[np.sort(order[:n])]
