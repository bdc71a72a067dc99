"""Log Bayes factors against exact ones."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.diagnostics import bayes_factor_recovery
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import INK, PALE_GREY, PALETTE, hide_frame, import_matplotlib, one_axes


class BayesFactorRecoveryDisplay:
    """Log Bayes factors of each model against exact ones, a point a data set and a colour a model.

    Points near the diagonal are Bayes factors that can be believed. The band holds the exact values that the
    figures of the legend are of, those below `largest`; beyond it, points are fainter.

    Parameters
    ----------
    log_bayes_factors : ndarray of shape (n_datasets, n_models)
        In nats, without the column of the reference.
    exact : ndarray of shape (n_datasets, n_models)
        Exact ones.
    correlation, rmse : ndarray of shape (n_models,), default=None
        Agreement of the two where the exact one is below `largest`; RMSE in nats.
    largest : float, default=6.0
        In nats.
    classes : array-like of shape (n_models,), default=None
        Labels of the models, for the legend; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    BayesFactorRecoveryDisplay.from_estimator : Compute Bayes factors with a fitted comparator and plot.
    BayesFactorRecoveryDisplay.from_predictions : Plot Bayes factors that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import BayesFactorRecoveryDisplay
    >>> rng = np.random.default_rng(0)
    >>> exact = rng.normal(scale=3.0, size=200)
    >>> display = BayesFactorRecoveryDisplay.from_predictions(exact + rng.normal(scale=0.3, size=200), exact)
    >>> bool(display.correlation[0] > 0.98)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, log_bayes_factors, exact, correlation=None, rmse=None, largest=6.0, classes=None):
        self.log_bayes_factors = log_bayes_factors
        self.exact = exact
        self.correlation = correlation
        self.rmse = rmse
        self.largest = largest
        self.classes = classes

    @classmethod
    def from_estimator(cls, comparator, X, exact, *, reference=None, largest=6.0, ax=None):
        """Compute the Bayes factors of the models and plot.

        Parameters
        ----------
        comparator : object
            Fitted, with `log_bayes_factors(X, reference)` and `classes_`; an `AmortizedModelComparator` for example.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Data sets whose evidences are known.
        exact : array-like of shape (n_datasets, n_models)
            Exact log evidences in the order of `classes_`, or exact log Bayes factors, against any reference.
        reference : label, default=None
            Model that the others are compared with; by default the first of `classes_`.
        largest : float, default=6.0
            Exact log Bayes factors that the figures of the legend are of, in nats.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : BayesFactorRecoveryDisplay

        Raises
        ------
        ShapeError
            If `exact` does not have one column a model and one row a data set.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        classes = np.asarray(comparator.classes_)
        exact = as_float_array(exact, name="exact")
        if exact.ndim != 2 or exact.shape[1] != len(classes):
            raise ShapeError(f"exact must have one column for each of {classes.tolist()}; got shape {exact.shape}.")
        learned = comparator.log_bayes_factors(X, reference=reference)
        column = 0 if reference is None else np.flatnonzero(classes == reference)[0]
        return cls.from_predictions(learned, exact - exact[:, [column]], largest=largest, classes=classes, ax=ax)

    @classmethod
    def from_predictions(cls, log_bayes_factors, exact, *, largest=6.0, classes=None, ax=None):
        """Plot log Bayes factors against exact ones.

        Parameters
        ----------
        log_bayes_factors : array-like of shape (n_datasets, n_models) or (n_datasets,)
            In nats; the column of the reference, which is 0, is left out.
        exact : array-like of the same shape
            Exact ones, against the same reference.
        largest : float, default=6.0
            Exact log Bayes factors that the figures of the legend are of, in nats.
        classes : array-like of shape (n_models,), default=None
            Labels of the models; by default the numbers of the columns.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : BayesFactorRecoveryDisplay

        Raises
        ------
        ShapeError, ValueError
            As `skabi.diagnostics.bayes_factor_recovery`.
        """
        # The legend has no intervals, for which the resamples would be.
        table = bayes_factor_recovery(log_bayes_factors, exact, largest=largest, classes=classes, n_resamples=1)
        figures = table["value"].unstack("figure", sort=False)
        learned, exact = (
            values.reshape(len(values), -1)
            for values in (
                as_float_array(log_bayes_factors, name="log_bayes_factors"),
                as_float_array(exact, name="exact"),
            )
        )
        labels = np.arange(exact.shape[1]) if classes is None else np.asarray(classes)
        is_model = np.isin(labels, figures.index.to_numpy())
        display = cls(
            log_bayes_factors=learned[:, is_model],
            exact=exact[:, is_model],
            correlation=figures["correlation"].to_numpy(),
            rmse=figures["rmse"].to_numpy(),
            largest=largest,
            classes=labels[is_model],
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the points, the diagonal and the band of what the legend is of.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : BayesFactorRecoveryDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If the two arrays are not of one shape (n_datasets, n_models).
        """
        learned = as_float_array(self.log_bayes_factors, name="log_bayes_factors")
        exact = as_float_array(self.exact, name="exact")
        if exact.ndim != 2 or learned.shape != exact.shape or not exact.size:
            raise ShapeError(
                "log_bayes_factors and exact must both have shape (n_datasets, n_models); got "
                f"{learned.shape} and {exact.shape}."
            )
        labels = self._labels(exact.shape[1])
        self.figure_, ax = one_axes(ax, figsize=(5.6, 5.2))
        ax.axvspan(-self.largest, self.largest, color=PALE_GREY, alpha=0.4, lw=0, zorder=0)
        # Thousands of points still show their density when each is faint.
        faint = float(np.clip(15 / np.sqrt(len(exact)), 0.2, 0.8))
        for j, label in enumerate(labels):
            is_small, style = np.abs(exact[:, j]) < self.largest, {"color": PALETTE[j % len(PALETTE)], "mew": 0}
            for rows, alpha, name in ((is_small, faint, label), (~is_small, faint / 3, "_beyond")):
                ax.plot(exact[rows, j], learned[rows, j], ls="", marker="o", ms=3.5, alpha=alpha, label=name, **style)
        ax.axline((0, 0), slope=1, color=INK, lw=1, label="exact")
        low, high = min(exact.min(), -self.largest), max(exact.max(), self.largest)
        margin = 0.03 * (high - low)
        ax.set(
            xlim=(low - margin, high + margin),
            xlabel="exact log Bayes factor (nats)",
            ylabel="log Bayes factor of the network (nats)",
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
            raise ShapeError(f"classes must have one label for each of {n_models} models; got {labels}.")
        if self.correlation is not None:
            labels = [f"{label}: r = {value:.3f}" for label, value in zip(labels, self.correlation, strict=True)]
        if self.rmse is not None:
            labels = [f"{label}, RMSE = {value:.2g} nats" for label, value in zip(labels, self.rmse, strict=True)]
        return labels
