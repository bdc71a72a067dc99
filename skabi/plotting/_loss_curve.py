"""How training went, epoch by epoch."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, GREY, VERMILION, hide_frame, one_axes


class LossCurveDisplay:
    """Training and held-out loss by epoch, with the epoch whose weights were kept.

    Both are negative mean log densities, so that lower is better. A held-out curve that turns upwards while the
    training curve still falls shows overfitting. Where the first epochs dwarf the rest, the axis leaves them out.

    Parameters
    ----------
    training_loss : ndarray of shape (n_epochs,)
        Mean training loss of each epoch.
    validation_loss : ndarray of shape (n_epochs,), default=None
        Negative mean log density of the held-out simulations after each epoch.
    best_iter : int, default=None
        The epoch kept, counted from 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    LossCurveDisplay.from_estimator : Plot the curves of a fitted estimator.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.plotting import LossCurveDisplay
    >>> display = LossCurveDisplay(training_loss=[2.0, 1.2, 1.0], validation_loss=[1.6, 1.3, 1.4], best_iter=2).plot()
    >>> display.ax_.get_xlabel()
    'epoch'
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, training_loss, validation_loss=None, best_iter=None):
        self.training_loss = training_loss
        self.validation_loss = validation_loss
        self.best_iter = best_iter

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Plot the curves of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, with `loss_curve_` and, where it held simulations out, `validation_scores_` and `best_iter_`.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
        """
        check_is_fitted(estimator, "loss_curve_")
        scores = getattr(estimator, "validation_scores_", None)
        has_scores = scores is not None and len(scores) > 0
        display = cls(
            training_loss=np.asarray(estimator.loss_curve_, dtype=float),
            validation_loss=-np.asarray(scores, dtype=float) if has_scores else None,
            best_iter=getattr(estimator, "best_iter_", None),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If the two curves have different lengths.
        """
        curves = [np.asarray(self.training_loss, dtype=float)]
        if self.validation_loss is not None:
            curves.append(np.asarray(self.validation_loss, dtype=float))
            if curves[0].shape != curves[1].shape:
                raise ShapeError(
                    f"training_loss and validation_loss must have one value an epoch each; "
                    f"got {len(curves[0])} and {len(curves[1])}."
                )
        self.figure_, ax = one_axes(ax)
        epochs = np.arange(1, len(curves[0]) + 1)
        marker = "o" if len(epochs) <= 20 else ""
        styles = ({"color": GREY, "label": "training"}, {"color": BLUE, "label": "held out"})
        for curve, style in zip(curves, styles, strict=False):
            ax.plot(epochs, curve, marker=marker, ms=3.5, lw=1.6, **style)
        if self.best_iter:
            kept = curves[-1][self.best_iter - 1]
            ax.plot(
                [self.best_iter], [kept], ls="", marker="o", ms=8, mfc="none", mec=VERMILION, mew=1.8, clip_on=False,
                zorder=3, label=f"kept: epoch {self.best_iter}, {kept:.3g}".replace("-", "\N{MINUS SIGN}"),
            )  # fmt: skip
        _leave_out_the_start(ax, curves)
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.set(xlabel="epoch", ylabel="negative mean log density (nats)")
        ax.legend(frameon=False)
        hide_frame(ax)
        self.ax_ = ax
        return self


def _leave_out_the_start(ax, curves):
    """End the axis at the height of the curves after a tenth of the epochs, where the start is far above it."""
    start = len(curves[0]) // 10
    settled = np.concatenate([curve[start:] for curve in curves])
    settled = settled[np.isfinite(settled)]
    if settled.size == 0:
        return
    low, high = settled.min(), settled.max()
    highest = max(np.nanmax(curve) for curve in curves)
    if highest - low > 3 * (high - low) > 0:
        ax.set_ylim(low - 0.06 * (high - low), high + 0.3 * (high - low))
