"""How well a classifier tells draws from reference draws, data set by data set."""

import numpy as np

from skabi._params import check_count
from skabi._shapes import check_draws
from skabi.diagnostics import c2st
from skabi.plotting._canvas import BLUE, GREY, VERMILION, hide_frame, import_matplotlib, one_axes


class C2STDisplay:
    """Classifier two-sample test (C2ST) of posterior draws against reference draws, one point a data set [1]_.

    A value is the held-out accuracy of a classifier: 0.5 where it cannot tell the two sets of draws apart, 1 where it
    always can. With few draws, values of equal distributions scatter around 0.5.

    Parameters
    ----------
    values : ndarray of shape (n_datasets,)
        Accuracy for each data set.

    Attributes
    ----------
    mean_ : float
        Mean accuracy.
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    C2STDisplay.from_estimator : Sample a fitted estimator, classify and plot.
    C2STDisplay.from_draws : Classify draws that you have and plot.

    References
    ----------
    .. [1] Lopez-Paz, D., Oquab, M. (2017). Revisiting Classifier Two-Sample Tests. ICLR. arXiv:1610.06545.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.plotting import C2STDisplay
    >>> display = C2STDisplay(values=[0.52, 0.55, 0.50, 0.61]).plot()
    >>> round(display.mean_, 3)
    0.545
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, values):
        self.values = values

    @classmethod
    def from_estimator(
        cls, estimator, X, reference, *, n_draws=None, classifier=None, n_jobs=None, random_state=None, ax=None
    ):
        """Sample the posterior of each data set, classify against the reference and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Data sets.
        reference : array-like of shape (n_datasets, n_reference, n_parameters)
            Draws from the exact posterior of each data set.
        n_draws : int, default=None
            Draws for each data set; None takes as many as the reference holds. With fewer, that many of the
            reference are used, at even steps.
        classifier : scikit-learn classifier, default=None
            As in `from_draws`.
        n_jobs : int, default=None
            As in `from_draws`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : C2STDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        reference = check_draws(reference, name="reference")
        n_reference = reference.shape[1]
        n_draws = n_reference if n_draws is None else check_count(n_draws, "n_draws")
        if n_draws > n_reference:
            raise ValueError(f"n_draws must be at most {n_reference}, the draws that reference holds; got {n_draws}.")
        reference = reference[:, np.arange(n_draws) * n_reference // n_draws]
        draws = estimator.sample(X, n_draws=n_draws, random_state=random_state)
        return cls.from_draws(reference, draws, classifier=classifier, n_jobs=n_jobs, ax=ax)

    @classmethod
    def from_draws(cls, reference, draws, *, classifier=None, n_jobs=None, random_state=1, ax=None):
        """Classify draws against the reference and plot.

        Parameters
        ----------
        reference : array-like of shape (n_datasets, n_reference, n_parameters)
            Draws from the exact posterior of each data set; for one data set the first axis may be left out.
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Draws to judge, as many as the reference holds.
        classifier : scikit-learn classifier, default=None
            Used in place of the network of `c2st`.
        n_jobs : int, default=None
            Number of folds and data sets that are worked on at the same time.
        random_state : int or None, default=1
            Seed of the folds and of the default classifier.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : C2STDisplay

        Raises
        ------
        ShapeError
            If the shapes of `reference` and `draws` do not fit.
        """
        import_matplotlib()
        values = np.atleast_1d(c2st(reference, draws, classifier=classifier, n_jobs=n_jobs, random_state=random_state))
        return cls(values=values).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the points, their mean and the line of equal distributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : C2STDisplay
            The display itself.
        """
        values = np.asarray(self.values, dtype=float)
        self.mean_ = float(values.mean())
        self.figure_, ax = one_axes(ax)
        datasets = np.arange(1, len(values) + 1)
        few = len(values) <= 50
        if few:
            ax.vlines(datasets, 0.5, values, color=BLUE, lw=1, alpha=0.5)
        ax.plot(datasets, values, ls="", marker="o", ms=6 if few else 3, color=BLUE, label="one data set")
        ax.axhline(self.mean_, color=VERMILION, lw=1.2, ls="--", label=f"mean {self.mean_:.3f}")
        ax.axhline(0.5, color=GREY, lw=1, label="0.5: cannot be told apart")
        ax.set(
            xlim=(0.4, len(values) + 0.6),
            ylim=(min(0.45, values.min() - 0.02), 1.02),
            xlabel="data set",
            ylabel="C2ST: accuracy of telling draws from reference",
        )
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.legend(frameon=False, loc="best")
        hide_frame(ax)
        self.ax_ = ax
        return self
