"""Reliability curves of model probabilities."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.diagnostics import model_calibration
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import GREY, hide_frame, import_matplotlib, line_style, one_axes

_LARGEST_AREA = 250.0


class ModelCalibrationDisplay:
    """How often each model is the true one, against how probable it was said to be.

    Points of calibrated probabilities lie on the diagonal. Of overconfident ones the curve is flatter: what is said to
    be nearly certain is not, and what is said to be nearly impossible happens. Bars are intervals of the observed
    share, one bin at a time, and the area of a marker is the number of data sets in its bin. The curves of two
    models are mirror images. The legend has the expected calibration error (ECE) of each model with the interval of
    the long-run one; noise alone makes an ECE that is above 0, and an interval that holds 0 has nothing else to show.

    Parameters
    ----------
    prob_pred : ndarray of shape (n_models, n_bins)
        Mean probability of the model in each bin; NaN in empty ones.
    prob_true : ndarray of shape (n_models, n_bins)
        Share of the data sets in each bin that are the model's; NaN in empty ones.
    lower, upper : ndarray of shape (n_models, n_bins)
        Intervals of that share; NaN in empty bins.
    counts : ndarray of shape (n_models, n_bins)
        Data sets in each bin.
    ece : ndarray of shape (n_models,), default=None
        Expected calibration errors, for the legend.
    ece_lower, ece_upper : ndarray of shape (n_models,), default=None
        Intervals of the long-run errors, for the legend.
    classes : array-like of shape (n_models,), default=None
        Labels of the models, for the legend; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    ModelCalibrationDisplay.from_estimator : Compute probabilities with a fitted comparator and plot.
    ModelCalibrationDisplay.from_predictions : Plot probabilities that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import ModelCalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(500)
    >>> y = np.where(rng.random(500) < p, "sloped", "flat")
    >>> proba = np.column_stack([1 - p, p])
    >>> display = ModelCalibrationDisplay.from_predictions(proba, y, classes=["flat", "sloped"], random_state=0)
    >>> display.prob_true.shape
    (2, 10)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, prob_pred, prob_true, lower, upper, counts, ece=None, ece_lower=None, ece_upper=None, classes=None
    ):
        self.prob_pred = prob_pred
        self.prob_true = prob_true
        self.lower = lower
        self.upper = upper
        self.counts = counts
        self.ece = ece
        self.ece_lower = ece_lower
        self.ece_upper = ece_upper
        self.classes = classes

    @classmethod
    def from_estimator(cls, comparator, X, y, *, n_bins=10, confidence_level=0.95, random_state=None, ax=None):
        """Compute the probabilities of the models and plot.

        Parameters
        ----------
        comparator : object
            Fitted, with `predict_proba(X)` and `classes_`; an `AmortizedModelComparator` for example.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Simulated data sets that it was not fitted on, from each model as often as its prior says.
        y : array-like of shape (n_datasets,)
            Labels of the models that made them.
        n_bins : int, default=10
            Bins of probability.
        confidence_level : float in (0, 1), default=0.95
            Probability of the intervals.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the resamples behind the intervals of the ECE.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ModelCalibrationDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        return cls.from_predictions(
            comparator.predict_proba(X),
            y,
            classes=comparator.classes_,
            n_bins=n_bins,
            confidence_level=confidence_level,
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    def from_predictions(cls, proba, y, *, classes=None, n_bins=10, confidence_level=0.95, random_state=None, ax=None):
        """Plot probabilities of models against the true ones.

        Parameters
        ----------
        proba : array-like of shape (n_datasets, n_models)
            Probabilities of the models given each data set.
        y : array-like of shape (n_datasets,)
            Labels of the models that made the data sets.
        classes : array-like of shape (n_models,), default=None
            Labels in the order of the columns; by default the numbers of the columns.
        n_bins : int, default=10
            Bins of probability.
        confidence_level : float in (0, 1), default=0.95
            Probability of the intervals.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the resamples behind the intervals of the ECE.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ModelCalibrationDisplay

        Raises
        ------
        ShapeError, ValueError
            As `skabi.diagnostics.model_calibration`.
        """
        result = model_calibration(
            proba, y, classes=classes, n_bins=n_bins, confidence_level=confidence_level, random_state=random_state
        )
        display = cls(
            **{name: getattr(result, name) for name in ("prob_pred", "prob_true", "lower", "upper", "counts")},
            ece=result.per_model.ece,
            ece_lower=result.per_model.lower,
            ece_upper=result.per_model.upper,
            classes=result.classes,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves, their intervals and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : ModelCalibrationDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If the arrays do not have one shape.
        """
        names = ("prob_pred", "prob_true", "lower", "upper", "counts")
        curves = [as_float_array(getattr(self, name), name=name, allow_nan=True) for name in names]
        if curves[0].ndim != 2 or len({values.shape for values in curves}) > 1:
            raise ShapeError(
                f"{', '.join(names)} must all have shape (n_models, n_bins); got {[v.shape for v in curves]}."
            )
        labels = self._labels(len(curves[0]))
        self.figure_, ax = one_axes(ax, figsize=(5.6, 5.2))
        ax.plot([0, 1], [0, 1], color=GREY, lw=1, zorder=1, label="calibrated")
        for j, (x, share, lower, upper, counts) in enumerate(zip(*curves, strict=True)):
            filled, style = counts > 0, line_style(j)
            ax.vlines(x[filled], lower[filled], upper[filled], color=style["color"], lw=1.2, alpha=0.7)
            ax.plot(x[filled], share[filled], lw=1.2, marker="o", ms=3, label=labels[j], **style)
            area = _LARGEST_AREA * counts[filled] / curves[-1].max()
            ax.scatter(x[filled], share[filled], s=area, color=style["color"], alpha=0.35, lw=0)
        ax.set(
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
            xlabel="mean probability of the model in a bin (area: number of data sets)",
            ylabel="share of data sets that are the model's",
        )
        ax.legend(frameon=False, loc="upper left")
        hide_frame(ax)
        self.ax_ = ax
        return self

    def _labels(self, n_models):
        """Return one line of the legend a model."""
        classes = np.arange(n_models) if self.classes is None else np.asarray(self.classes)
        labels = [str(label) for label in classes]
        if len(labels) != n_models:
            raise ShapeError(f"classes must have one label for each of {n_models} curves; got {labels}.")
        if self.ece is not None:
            labels = [f"{label}: ECE {error:.3f}" for label, error in zip(labels, self.ece, strict=True)]
        if self.ece_lower is not None and self.ece_upper is not None:
            limits = zip(labels, self.ece_lower, self.ece_upper, strict=True)
            labels = [f"{label} (long-run {lower:.3f} to {upper:.3f})" for label, lower, upper in limits]
        return labels
