"""How far up the ladder data sets had to go."""

import numpy as np

from skabi.plotting._canvas import BLUE, INK, VERMILION, hide_frame, one_axes

# Words for the rungs, as an axis has room for.
_WORDS = {"amortized": "amortized", "psis": "importance sampling", "mcmc": "Markov chains"}


class RungDisplay:
    """Data sets that each rung of `skabi.refine.refine` answered, and the time that it took.

    A bar for each rung, with the number of data sets that it answered out of those that reached it; data sets whose
    chains have not converged are set apart.

    Parameters
    ----------
    summary : DataFrame
        As `Refined.summary()` returns it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    ParetoKDisplay : Why they went on.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from skabi.plotting import RungDisplay
    >>> rungs = pd.Index(["amortized", "psis", "mcmc"], name="rung")
    >>> table = {"reached": [100, 8, 2], "answered": [92, 6, 2], "accepted": [92, 6, 1], "seconds": [0.1, 0.8, 11.0]}
    >>> display = RungDisplay(summary=pd.DataFrame(table, index=rungs)).plot()
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, summary):
        self.summary = summary

    @classmethod
    def from_refined(cls, refined, *, ax=None):
        """Plot what `refine` returned.

        Parameters
        ----------
        refined : Refined
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : RungDisplay
        """
        return cls(summary=refined.summary()).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : RungDisplay
            The display itself.
        """
        self.figure_, ax = one_axes(ax, figsize=(6.4, 2.8))
        places = np.arange(len(self.summary))
        accepted = self.summary["accepted"].to_numpy()
        failed = self.summary["answered"].to_numpy() - accepted
        ax.barh(places, accepted, color=BLUE, height=0.6, label="accepted")
        if failed.any():
            ax.barh(places, failed, left=accepted, color=VERMILION, height=0.6, label="not accepted")
        for place, (_, row) in zip(places, self.summary.iterrows(), strict=True):
            text = f" {row.answered:.0f} of {row.reached:.0f}, {row.seconds:.1f} s"
            ax.text(row.answered, place, text, va="center", color=INK)
        ax.set_yticks(places, [_WORDS.get(rung, rung) for rung in self.summary.index])
        ax.set(xlabel="data sets", xlim=(0, 1.35 * max(self.summary["answered"].max(), 1)))
        ax.invert_yaxis()
        if failed.any():
            ax.legend(frameon=False, loc="lower right")
        hide_frame(ax)
        self.ax_ = ax
        return self
