"""Where data sets lie among those that the simulator makes."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import (
    BLUE,
    GREY,
    INK,
    PALE_GREY,
    VERMILION,
    add_legend,
    counted,
    hide_frame,
    import_matplotlib,
    one_axes,
)

# How far left the axis goes at most, in ranges of the reference; what is beyond stands at its end.
_ROOM = 1.5


class MisspecificationDisplay:
    """Scores of data sets before the scores of simulated ones, to see whether the simulator could have made them.

    A histogram of simulated data sets, the cut-off below which a data set is called an outlier, and the data sets
    themselves, coloured by verdict. Those far out stand at the end of the axis, as arrowheads. A batch has
    one mark, minus its statistic before those of simulated batches, and its p-value.

    Parameters
    ----------
    reference : array-like of shape (n_reference,)
        Scores of simulated data sets, higher for more usual ones.
    scores : array-like of shape (n_datasets,)
        Those of the data sets.
    cutoff : float
        Score below which a data set is an outlier.
    p_value : float, default=None
        Of a batch, whose score is the only one.

    Attributes
    ----------
    is_outlier_ : ndarray of bool of shape (n_datasets,)
        The verdict.
    ax_ : matplotlib Axes
        Axes with the scores.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    skabi.misspecification : The detectors whose scores these are.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.misspecification import MahalanobisDetector
    >>> from skabi.plotting import MisspecificationDisplay
    >>> detector = MahalanobisDetector(n_simulations=1000, random_state=0).fit(ConjugateGaussian())
    >>> display = MisspecificationDisplay.from_estimator(detector, [[0.5, -0.5], [9.0, 9.0]])
    >>> display.is_outlier_
    array([False,  True])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, reference, scores, cutoff, p_value=None):
        self.reference = reference
        self.scores = scores
        self.cutoff = cutoff
        self.p_value = p_value

    @classmethod
    def from_estimator(cls, detector, X, *, batch=False, n_null=1000, random_state=0, ax=None):
        """Score data sets by a detector and plot.

        Parameters
        ----------
        detector : MahalanobisDetector or SummaryMMDDetector
            Fitted.
        X : array-like of shape (n_datasets, ...)
        batch : bool, default=False
            Whether to show the test of all data sets as one. The cut-off is that of the detector's `contamination`.
        n_null : int, default=1000
            Batches to compare with.
        random_state : int, RandomState, Generator or None, default=0
            Draws these batches.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : MisspecificationDisplay

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        check_is_fitted(detector, "offset_")
        if not batch:
            scores = detector.score_samples(X)
            return cls(reference=detector.reference_scores_, scores=scores, cutoff=detector.offset_).plot(ax=ax)
        test = detector.test(X, batch=True, n_null=n_null, random_state=random_state)
        cutoff = np.quantile(-test.null, detector.contamination)
        display = cls(reference=-test.null, scores=[-test.statistic], cutoff=cutoff, p_value=test.p_value)
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the histogram, the cut-off and the data sets.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : MisspecificationDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If the scores are not arrays of one dimension.
        ValueError
            If they are not finite.
        """
        reference = as_float_array(self.reference, name="reference")
        scores = as_float_array(self.scores, name="scores")
        if reference.ndim != 1 or scores.ndim != 1 or not reference.size or not scores.size:
            raise ShapeError(
                f"reference and scores must have shapes (n_reference,) and (n_datasets,); got {reference.shape} and "
                f"{scores.shape}."
            )
        self.is_outlier_ = scores < self.cutoff
        self.figure_, ax = one_axes(ax)
        noun = "data set" if self.p_value is None else "batch"
        label = f"simulated {noun}{'s' if noun == 'data set' else 'es'}"
        n_bins = int(np.clip(np.sqrt(len(reference)), 10, 50))
        ax.hist(reference, bins=n_bins, density=True, color=PALE_GREY, edgecolor=GREY, lw=0.5, label=label)
        top = ax.get_ylim()[1]
        share = np.mean(reference < self.cutoff)
        # Not up to the legend.
        ax.plot([self.cutoff] * 2, [0, top], color=INK, lw=1.2, ls="--", label=f"cut-off, {share:.1%} of them below")
        self._draw_scores(ax, reference, scores)
        ax.set(xlabel=f"how usual: score of a {noun}", ylabel="density", xlim=self._limits(reference, scores))
        add_legend(ax, -0.08 * top, top)
        hide_frame(ax)
        self.ax_ = ax
        return self

    def _limits(self, reference, scores):
        span = np.ptp(reference) or 1.0
        low = max(min(reference.min(), scores.min(), self.cutoff), reference.min() - _ROOM * span)
        high = max(reference.max(), scores.max(), self.cutoff)
        return low - 0.03 * span, high + 0.03 * span

    def _draw_scores(self, ax, reference, scores):
        low = reference.min() - _ROOM * (np.ptp(reference) or 1.0)
        is_beyond = scores < low
        few = len(scores) <= 50
        height = -0.04 * ax.get_ylim()[1]
        for rows, color, verdict in [(~self.is_outlier_, BLUE, "usual"), (self.is_outlier_, VERMILION, "outlier")]:
            if not rows.any():
                continue
            n = np.count_nonzero(rows)
            label = counted(n, verdict) if verdict == "outlier" else f"{n} {verdict}"
            if self.p_value is not None:
                label = f"the batch, p = {self.p_value:.3g}"
            style = {"color": color, "ls": "", "ms": 6 if few else 3, "clip_on": False}
            for part, marker in [(rows & ~is_beyond, "o"), (rows & is_beyond, "<")]:
                if part.any():
                    x = np.maximum(scores[part], low)
                    ax.plot(x, np.full(len(x), height), marker=marker, label=label, **style)
                    label = None
