"""Whether importance weights can be relied on."""

import numpy as np

from skabi.plotting._canvas import BLUE, INK, PALETTE, VERMILION, add_legend, hide_frame, label_sorted, one_axes

# Larger and smaller ones stand here, infinite ones too.
_HIGHEST, _LOWEST = 1.5, -0.5
_SMALL, _LARGE, _FEW, _NONE = "importance sampling", "Markov chains", "Markov chains: too few draws", "not answered"
_COLORS = {_SMALL: BLUE, _LARGE: VERMILION, _FEW: PALETTE[4], _NONE: INK}


class ParetoKDisplay:
    """Pareto k of importance weights, data set by data set.

    Above the line weights are too uneven to be relied on: there the draws came from Markov chains; below it, too, where
    too few draws had any weight. Those beyond the axis, infinite ones too, stand at its ends as arrowheads.

    Parameters
    ----------
    pareto_k : ndarray of shape (n_datasets,)
        NaN where no weights were looked at.
    largest_k : float
        Up to which weights are relied on.
    rung : ndarray of str of shape (n_datasets,), optional
        Where the draws are from: "amortized", "psis" or "mcmc". Without it the line decides.

    Attributes
    ----------
    order_ : ndarray of int
        Data sets with a Pareto k, in the order in which they are drawn.
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    RungDisplay : How many data sets went how far.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import ParetoKDisplay
    >>> display = ParetoKDisplay(pareto_k=np.array([0.1, np.nan, np.inf, 0.4]), largest_k=0.7).plot()
    >>> display.order_
    array([0, 3, 2])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, pareto_k, largest_k, rung=None):
        self.pareto_k = pareto_k
        self.largest_k = largest_k
        self.rung = rung

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
        display : ParetoKDisplay

        Raises
        ------
        ValueError
            If no data set has a Pareto k: all were answered by amortized draws.
        """
        return cls(pareto_k=refined.pareto_k, largest_k=refined.largest_k, rung=refined.rung).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the points and the line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ParetoKDisplay
            The display itself.
        """
        pareto_k = np.asarray(self.pareto_k, dtype=float)
        self.order_ = np.argsort(pareto_k)[: np.count_nonzero(~np.isnan(pareto_k))]
        if not self.order_.size:
            raise ValueError("no data set has a Pareto k; refine(..., force_psis=True) looks at the weights of all.")
        self.figure_, ax = one_axes(ax, figsize=(6.4, 3.6))
        values, places = pareto_k[self.order_], np.arange(len(self.order_))
        endings = self._endings()[self.order_]
        size = 5 if len(values) <= 50 else 3
        shown = np.clip(values, _LOWEST, _HIGHEST)
        markers = np.select([values < _LOWEST, values > _HIGHEST], ["v", "^"], "o")
        for ending, color in _COLORS.items():
            labels = [ending]
            for marker in "ov^":
                rows = (endings == ending) & (markers == marker)
                if rows.any():
                    label = labels.pop() if labels else None
                    ax.plot(places[rows], shown[rows], ls="", marker=marker, ms=size, color=color, label=label)
        ax.axhline(self.largest_k, color=INK, lw=1, ls="--", label=f"largest k, {self.largest_k:.2f}")
        label_sorted(ax, self.order_, by="Pareto k")
        ax.set_ylabel("Pareto k")
        lowest, highest = np.clip([min(values.min(), 0.0), values.max()], _LOWEST, _HIGHEST)
        add_legend(ax, lowest - 0.1, max(highest, 1.0))
        hide_frame(ax)
        self.ax_ = ax
        return self

    def _endings(self):
        """Return what became of each data set, `(n_datasets,)`."""
        is_good = np.asarray(self.pareto_k, dtype=float) <= self.largest_k
        if self.rung is None:
            return np.where(is_good, _SMALL, _LARGE)
        rung = np.asarray(self.rung)
        return np.select([rung == "psis", rung == "amortized", is_good], [_SMALL, _NONE, _FEW], _LARGE)
