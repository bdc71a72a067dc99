"""What an expert stated, and what the prior implies."""

import numpy as np

from skabi.plotting._canvas import BLUE, GREY, hide_frame, import_matplotlib, many_axes

_COLUMNS = ["target", "row", "statistic", "stated", "implied"]
_N_LABELS = 10


class ElicitationDisplay:
    """What an expert stated beside what the prior implies, a panel for each target.

    Statements are open circles, and what the prior implies are dots, statistic by statistic; those of one column of a
    quantity stand side by side. Where they lie in each other the prior says what the expert said.

    Parameters
    ----------
    residuals : DataFrame
        With the columns `target`, `row`, `statistic`, `stated` and `implied`: `residuals_` of a `PriorElicitor`.

    Attributes
    ----------
    targets_ : list of str
        Names of the panels.
    axes_ : object ndarray of shape (n_rows, n_cols)
        The panels, None in cells without one.
    ax_ : matplotlib Axes or None
        The Axes that was divided into panels; None where an array of axes was given.
    figure_ : matplotlib Figure

    See Also
    --------
    ElicitationDisplay.from_estimator : Plot a fitted elicitor.
    ElicitationDisplay.from_residuals : Plot a table that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from skabi.plotting import ElicitationDisplay
    >>> table = pd.DataFrame(
    ...     {"target": "y", "row": 0, "statistic": ["25 %", "75 %"], "stated": [1.0, 3.0], "implied": [1.1, 2.9]}
    ... )
    >>> display = ElicitationDisplay.from_residuals(table)
    >>> display.targets_
    ['y']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, residuals):
        self.residuals = residuals

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Plot what was stated to a fitted elicitor.

        Parameters
        ----------
        estimator : object
            Fitted, with `residuals_`; a `PriorElicitor`, for example.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : ElicitationDisplay
        """
        import_matplotlib()
        if not hasattr(estimator, "residuals_"):
            raise ValueError(f"estimator must be fitted and have residuals_; got {estimator!r}. Call fit first.")
        return cls.from_residuals(estimator.residuals_, ax=ax)

    @classmethod
    def from_residuals(cls, residuals, *, ax=None):
        """Plot a table of statements.

        Parameters
        ----------
        residuals : DataFrame
            As `residuals_` of a `PriorElicitor`.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : ElicitationDisplay
        """
        return cls(residuals=residuals).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the statements.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            Axes to draw into; None makes a figure. One Axes is divided into the panels, and an array of axes, one a
            panel, is drawn into.

        Returns
        -------
        display : ElicitationDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the table lacks a column or has no row.
        """
        missing = [name for name in _COLUMNS if name not in self.residuals]
        if missing or not len(self.residuals):
            raise ValueError(
                f"residuals must be a table of statements with the columns {_COLUMNS}; it lacks {missing}."
            )
        panels = list(self.residuals.groupby("target", sort=False))
        self.targets_ = [str(name) for name, _ in panels]
        n_cols = min(3, int(np.ceil(np.sqrt(len(panels)))))
        n_rows = -(-len(panels) // n_cols)
        used = np.arange(n_rows * n_cols).reshape(n_rows, n_cols) < len(panels)
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=(3.4 * n_cols, 2.6 * n_rows))
        for panel, (name, table) in zip(self.axes_[used], panels, strict=True):
            _draw_target(panel, table)
            panel.set_title(str(name), fontsize=10)
        self.axes_[0, 0].legend(frameon=False, fontsize=8)
        return self


def _draw_target(ax, table):
    """Draw the statements of one target, rows apart from each other."""
    rows = table["row"].astype(str).to_numpy()
    starts = np.concatenate([[0], np.flatnonzero(rows[1:] != rows[:-1]) + 1])
    group = np.searchsorted(starts, np.arange(len(rows)), side="right") - 1
    x = np.arange(len(rows)) + group
    stated, implied = table["stated"].to_numpy(), table["implied"].to_numpy()
    ax.vlines(x, stated, implied, color=GREY, lw=1)
    ax.plot(x, stated, ls="", marker="o", ms=7, mfc="none", mec="black", label="stated")
    ax.plot(x, implied, ls="", marker="o", ms=3.5, color=BLUE, label="implied by the prior")
    if len(rows) <= _N_LABELS:
        ax.set_xticks(x, table["statistic"].astype(str), rotation=45, ha="right", fontsize=8)
    else:
        middles = [x[group == g].mean() for g in range(len(starts))]
        ax.set_xticks(middles, rows[starts], fontsize=8)
        ax.set_xlabel("column")
    hide_frame(ax)
