"""The evidence of a model for each data set, and how far it is from the exact one."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import (
    BLUE,
    GREY,
    VERMILION,
    add_legend,
    counted,
    draw_intervals,
    hide_frame,
    import_matplotlib,
    label_sorted,
    one_axes,
)


class EvidenceDisplay:
    """Log evidence of a model for each data set, with its 90 % interval over posterior draws.

    A learned posterior and likelihood give one value of the evidence for each draw: likelihood times prior, divided by
    the density of the posterior. If both are exact, all these values are equal; an interval that is wide shows that
    they do not belong to each other.

    Without exact values, the data sets are sorted by their evidence. With exact values, what is drawn is the error, the
    median less the exact value, against the exact value; intervals that miss it are drawn in a second colour.

    Parameters
    ----------
    median : ndarray of shape (n_datasets,)
        Median of the log evidence over the draws, in nats.
    lower, upper : ndarray of shape (n_datasets,)
        Ends of the central 90 % interval over the draws.
    exact : ndarray of shape (n_datasets,), default=None
        Exact log evidence, where it is known.

    Attributes
    ----------
    order_ : int ndarray of shape (n_datasets,)
        The data sets from the lowest median to the highest.
    error_ : ndarray of shape (n_datasets,) or None
        Median less exact value.
    missed_ : bool ndarray of shape (n_datasets,) or None
        Which intervals miss the exact value.
    ax_ : matplotlib Axes
        Axes with the intervals.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    EvidenceDisplay.from_estimator : Compute the evidence with a fitted estimator and plot.
    EvidenceDisplay.from_evidence : Plot an evidence that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.plotting import EvidenceDisplay
    >>> display = EvidenceDisplay(
    ...     median=[-9.0, -5.0, -7.1], lower=[-9.5, -5.2, -7.3], upper=[-8.6, -4.7, -6.9], exact=[-9.1, -5.1, -6.8]
    ... ).plot()
    >>> display.missed_
    array([False, False,  True])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, median, lower, upper, exact=None):
        self.median = median
        self.lower = lower
        self.upper = upper
        self.exact = exact

    @classmethod
    def from_estimator(cls, estimator, X, *, n_draws=2000, exact=None, random_state=None, ax=None):
        """Compute the log evidence of each data set and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `log_evidence(X, n_draws, *, random_state)`; a `JointEstimator` for example.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Data sets.
        n_draws : int, default=2000
            Posterior draws for each data set.
        exact : array-like of shape (n_datasets,), default=None
            Exact log evidence, where it is known.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : EvidenceDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        evidence = estimator.log_evidence(X, n_draws=n_draws, random_state=random_state)
        return cls.from_evidence(evidence, exact=exact, ax=ax)

    @classmethod
    def from_evidence(cls, evidence, *, exact=None, ax=None):
        """Plot the log evidence of each data set.

        Parameters
        ----------
        evidence : object
            With `median`, `lower` and `upper`, arrays of shape (n_datasets,); what `log_evidence` of a
            `JointEstimator` returns, for example.
        exact : array-like of shape (n_datasets,), default=None
            Exact log evidence, where it is known.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : EvidenceDisplay
        """
        return cls(median=evidence.median, lower=evidence.lower, upper=evidence.upper, exact=exact).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : EvidenceDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If the arrays do not have one value a data set each.
        ValueError
            If a value is not a finite number.
        """
        median, lower, upper = (self._values(name) for name in ("median", "lower", "upper"))
        exact = None if self.exact is None else self._values("exact")
        self.order_ = np.argsort(median, kind="stable")
        self.error_ = self.missed_ = None
        self.figure_, self.ax_ = one_axes(ax)
        if exact is None:
            self._plot_sorted(*(values[self.order_] for values in (median, lower, upper)))
        else:
            self._plot_errors(exact, *(values - exact for values in (median, lower, upper)))
        hide_frame(self.ax_)
        return self

    def _values(self, name):
        """Return the constructor's array of that name, checked."""
        values, n_datasets = as_float_array(getattr(self, name), name=name), np.size(self.median)
        if values.shape != (n_datasets,) or n_datasets == 0:
            raise ShapeError(
                f"{name} must have shape (n_datasets,), here ({n_datasets},) with at least one data set; "
                f"got {values.shape}."
            )
        return values

    def _plot_sorted(self, median, lower, upper):
        """Draw data sets that are sorted by their evidence."""
        label = f"median and 90 % interval of the draws, typical width {np.median(upper - lower):.2g} nats"
        groups = [(np.ones(len(median), dtype=bool), BLUE, label)]
        draw_intervals(self.ax_, np.arange(len(median)), median, lower, upper, groups=groups)
        label_sorted(self.ax_, self.order_, by="log evidence")
        self.ax_.set_ylabel("log evidence (nats)")
        self._add_legend(lower.min(), upper.max())

    def _plot_errors(self, exact, error, lower, upper):
        """Draw errors against exact values."""
        missed = (lower > 0) | (upper < 0)
        groups = [
            (rows, color, f"90 % interval of the draws {verb} it: {counted(np.count_nonzero(rows), 'data set')}")
            for rows, color, verb in ((~missed, BLUE, "holds"), (missed, VERMILION, "misses"))
        ]
        rmse = np.sqrt(np.mean(error**2))
        self.ax_.axhline(0, color=GREY, lw=1, label=f"exact value; root mean squared error {rmse:.3g} nats")
        draw_intervals(self.ax_, exact, error, lower, upper, groups=groups)
        self.error_, self.missed_ = error, missed
        self.ax_.set(xlabel="exact log evidence (nats)", ylabel="error: median less exact log evidence (nats)")
        self._add_legend(min(lower.min(), 0), max(upper.max(), 0))

    def _add_legend(self, low, high):
        """Add the legend above all intervals."""
        margin = 0.06 * (high - low) or 0.5
        add_legend(self.ax_, low - margin, high + margin)
