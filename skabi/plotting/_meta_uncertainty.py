"""Model probabilities that replications would get: on the simplex, on the line, or model by model."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, GREY, PALETTE, hide_frame, import_matplotlib, many_axes, one_axes
from skabi.plotting._density import histogram

# Corners of the simplex of three models: left, right, top.
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
_ROUNDING = 1e-4
_N_POINTS_SHOWN = 2000
_OBSERVED = "the data set"
# The share of a panel's height that is drawn in; the rest is for the legend.
_TOP = 0.8


class MetaUncertaintyDisplay:
    """Model probabilities of one data set, and those that its replications would get.

    Three models have a triangle, whose corners are probability one and whose grey lines part the replications by the
    model that they select, the most probable one. Two models have the probability of the second on a line. More models
    have one panel each, with the probability of that model. The legend, or the title of a panel, says how many of the
    draws select each model.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_models)
        Model probabilities of replications of one data set.
    observed : array-like of shape (n_models,), default=None
        Model probabilities of the data set itself, which are marked.
    names : list of str, default=None
        Names of the models; by default "0", "1", ...

    Attributes
    ----------
    shares_ : ndarray of shape (n_models,)
        Shares of the draws that select each model.
    axes_ : object ndarray of shape (n_rows, n_cols)
        The panels, None in cells without one.
    ax_ : matplotlib Axes or None
        The Axes of the triangle or line, or the one that was divided into panels; None where an array of axes was
        given.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    MetaUncertaintyDisplay.from_estimator : Draw with a fitted `MetaUncertainty` and plot.
    MetaUncertaintyDisplay.from_draws : Plot draws that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import MetaUncertaintyDisplay
    >>> draws = np.random.default_rng(0).dirichlet([8.0, 2.0, 1.0], size=1000)
    >>> display = MetaUncertaintyDisplay.from_draws(draws, [0.6, 0.3, 0.1], names=["SI", "SIR", "SEIR"])
    >>> display.shares_.round(1)
    array([1., 0., 0.])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, draws, observed=None, names=None):
        self.draws = draws
        self.observed = observed
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, X, *, n_draws=2000, random_state=None, ax=None):
        """Draw model probabilities of replications and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `classes_`, `predict_proba(X)` and `sample(X, n_draws, *, random_state)`, whose draws have
            shape (n_datasets, n_draws, n_models); a `MetaUncertainty`, for example.
        X : array-like of shape (1, n_features) or another form of one data set
            The data set.
        n_draws : int, default=2000
            Replications.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : MetaUncertaintyDisplay

        Raises
        ------
        ShapeError
            If X holds more than one data set.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        observed = estimator.predict_proba(X)
        if len(observed) != 1:
            raise ShapeError(f"X must hold one data set; got {len(observed)}. Pass X[[i]] for the i-th.")
        (draws,) = estimator.sample(X, n_draws, random_state=random_state)
        return cls.from_draws(draws, observed[0], names=list(estimator.classes_), ax=ax)

    @classmethod
    def from_draws(cls, draws, observed=None, *, names=None, ax=None):
        """Plot model probabilities of replications.

        Parameters
        ----------
        draws : array-like of shape (n_draws, n_models)
            Model probabilities of replications of one data set.
        observed : array-like of shape (n_models,), default=None
            Model probabilities of the data set itself.
        names : list of str, default=None
            Names of the models; by default "0", "1", ...
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : MetaUncertaintyDisplay
        """
        return cls(draws=draws, observed=observed, names=names).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the probabilities.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            Axes to draw into; None makes a figure. For more than three models one Axes is divided into the panels, and
            an array of axes, one a panel, is drawn into.

        Returns
        -------
        display : MetaUncertaintyDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If probabilities or names are not those of the same two models or more.
        ValueError
            If probabilities are negative or do not sum to one.
        """
        draws, observed, names = self._checked()
        n_models = draws.shape[1]
        self.shares_ = np.bincount(draws.argmax(axis=1), minlength=n_models) / len(draws)
        labels = [f"{name}: {share:.0%}" for name, share in zip(names, self.shares_, strict=True)]
        if n_models > 3:
            self._plot_panels(ax, draws, observed, labels)
            return self
        self.figure_, self.ax_ = one_axes(ax)
        self.axes_ = np.array([[self.ax_]], dtype=object)
        if n_models == 3:
            _plot_triangle(self.ax_, draws, observed, names, labels)
        else:
            _plot_line(self.ax_, draws[:, 1], None if observed is None else observed[1], names, labels)
        return self

    def _checked(self):
        """Return draws, observed probabilities and names."""
        draws = as_float_array(self.draws, name="draws")
        if draws.ndim != 2 or len(draws) == 0 or draws.shape[1] < 2:
            raise ShapeError(
                "draws must have shape (n_draws, n_models), of one data set and at least two models; got "
                f"{draws.shape}. From those of several data sets pass draws[i]."
            )
        n_models = draws.shape[1]
        observed = None if self.observed is None else as_float_array(self.observed, name="observed")
        if observed is not None and observed.shape != (n_models,):
            raise ShapeError(f"observed must have shape (n_models,), here ({n_models},); got {observed.shape}.")
        for name, proba in (("draws", draws), ("observed", observed)):
            if proba is not None and ((proba < 0).any() or (np.abs(proba.sum(axis=-1) - 1) > _ROUNDING).any()):
                raise ValueError(f"{name} must be probabilities of models: not negative, and of sum one.")
        names = [str(name) for name in (range(n_models) if self.names is None else self.names)]
        if len(names) != n_models:
            raise ShapeError(f"names must have one name for each of the {n_models} models; got {names}.")
        return draws, observed, names

    def _plot_panels(self, ax, draws, observed, labels):
        """Draw a histogram for each model."""
        n_models = len(labels)
        n_cols = int(np.ceil(np.sqrt(n_models)))
        n_rows = -(-n_models // n_cols)
        used = np.arange(n_rows * n_cols).reshape(n_rows, n_cols) < n_models
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=(2.6 * n_cols, 2.2 * n_rows))
        for j, panel in enumerate(self.axes_[used]):
            _plot_histogram(panel, draws[:, j])
            if observed is not None:
                panel.axvline(observed[j], ymax=_TOP, color="black", lw=1.2, label=_OBSERVED)
            panel.set_title(f"selected: {labels[j]}", fontsize=9)
            if j >= n_models - n_cols:
                panel.set_xlabel("probability")
        if observed is not None:
            self.axes_[0, 0].legend(frameon=False, loc="upper left", fontsize=8, borderaxespad=0)


def _plot_histogram(ax, proba):
    """Draw how often a model has which probability."""
    density, edges = histogram(proba, (0.0, 1.0))
    ax.stairs(density, edges, fill=True, color=BLUE, alpha=0.35, lw=0)
    ax.stairs(density, edges, color=BLUE, lw=1.0)
    ax.set(xlim=(-0.02, 1.02), yticks=[])
    ax.set_ylim(0, density.max() / _TOP or 1)
    hide_frame(ax)
    ax.spines["left"].set_visible(False)


def _plot_line(ax, proba, observed, names, labels):
    """Draw the probabilities of the second of two models."""
    _plot_histogram(ax, proba)
    ax.axvline(0.5, ymax=_TOP, color=GREY, lw=1, ls="--", label=f"replications select {labels[0]}, {labels[1]}")
    if observed is not None:
        ax.axvline(observed, ymax=_TOP, color="black", lw=1.5, label=_OBSERVED)
    ax.set_xlabel(f"probability of {names[1]}")
    ax.legend(frameon=False, loc="upper left")


def _plot_triangle(ax, draws, observed, names, labels):
    """Draw the probabilities of three models as points of the simplex."""
    selected = draws.argmax(axis=1)
    shown = np.arange(0, len(draws), -(-len(draws) // _N_POINTS_SHOWN))
    points = draws[shown] @ _CORNERS
    for corner in range(3):
        rows = selected[shown] == corner
        ax.plot(*points[rows].T, ls="", marker="o", ms=3, mew=0, alpha=0.35, color=PALETTE[corner])
        # Apart from the points, which are pale and may be none.
        ax.plot([], [], ls="", marker="o", ms=5, color=PALETTE[corner], label=labels[corner])
        others = np.delete(_CORNERS, corner, axis=0)
        ax.plot(*np.stack([_CORNERS.mean(axis=0), others.mean(axis=0)]).T, color=GREY, lw=1, ls="--")
    ax.plot(*_CORNERS[[0, 1, 2, 0]].T, color=GREY, lw=1)
    if observed is not None:
        place = observed @ _CORNERS
        ax.plot(*place, ls="", marker="X", ms=10, mfc="black", mec="white", zorder=4, label=_OBSERVED)
    for name, corner, (x, y) in zip(names, _CORNERS, [(0, -8), (0, -8), (0, 6)], strict=True):
        settings = {"ha": "center", "va": "bottom" if y > 0 else "top", "textcoords": "offset points"}
        ax.annotate(name, corner, xytext=(x, y), **settings)
    ax.set(aspect="equal", xlim=(-0.5, 1.2), ylim=(-0.1, 1.0))
    ax.set_axis_off()
    ax.legend(frameon=False, loc="upper left", title="replications select", alignment="left", fontsize=9)
