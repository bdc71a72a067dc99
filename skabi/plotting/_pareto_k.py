"""Whether importance weights can be relied on."""

import numpy as np

from skabi.plotting._canvas import BLUE, INK, VERMILION, add_legend, hide_frame, label_sorted, one_axes

# Larger ones, infinite ones too, stand here.
_HIGHEST = 1.5


class ParetoKDisplay:
    """Pareto k of importance weights, data set by data set.

    Above the line weights are too uneven to be relied on: there the draws came from Markov chains. Those beyond the
    axis, infinite ones too, stand at its end.

    Parameters
    ----------
    pareto_k : ndarray of shape (n_datasets,)
        NaN where no weights were looked at.
    largest_k : float
        Up to which weights are relied on.

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

    def __init__(self, *, pareto_k, largest_k):
        self.pareto_k = pareto_k
        self.largest_k = largest_k

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
        return cls(pareto_k=refined.pareto_k, largest_k=refined.largest_k).plot(ax=ax)

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
        is_good = values <= self.largest_k
        size = 5 if len(values) <= 50 else 3
        for rows, color, label in ((is_good, BLUE, "importance sampling"), (~is_good, VERMILION, "Markov chains")):
            if rows.any():
                shown = np.clip(values[rows], -0.5, _HIGHEST)
                ax.plot(places[rows], shown, ls="", marker="o", ms=size, color=color, label=label)
        ax.axhline(self.largest_k, color=INK, lw=1, ls="--", label=f"largest k, {self.largest_k:.2f}")
        label_sorted(ax, self.order_, by="Pareto k")
        ax.set_ylabel(f"Pareto k, at most {_HIGHEST}" if (values > _HIGHEST).any() else "Pareto k")
        add_legend(ax, min(values.min(), 0.0) - 0.1, _HIGHEST if not is_good.all() else 1.0)
        hide_frame(ax)
        self.ax_ = ax
        return self
