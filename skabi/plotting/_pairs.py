"""Draws of one posterior, parameter by parameter and pair by pair."""

import numpy as np

from skabi._names import check_parameter_names, names_of
from skabi._shapes import as_float_array, check_draws
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, VERMILION, hide_frame, import_matplotlib, many_axes
from skabi.plotting._density import highest_density, histogram

_N_POINTS_SHOWN = 1000


class PairsDisplay:
    """Draws of the posterior of one data set: histograms, and scatters with contours of highest density.

    The diagonal shows each parameter alone, the lower triangle each pair. The contours enclose 50 % and 90 % of the
    draws. A second set of draws, say from the prior or from an exact posterior, can be laid over the first.

    Panels span the middle 98 % of the draws, the true values and a margin. The reference widens them by at most one
    such span to either side, so that a wide prior leaves the posterior legible. Bins and smoothing are chosen by
    cross-validation, so that narrow modes are kept apart.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_parameters)
        Posterior draws of one data set.
    true_values : ndarray of shape (n_parameters,), default=None
        The parameters that made the data set, if known.
    reference : ndarray of shape (n_reference, n_parameters), default=None
        Draws to compare with.
    reference_label : str, default="reference"
        What the legend calls the reference.
    parameter_names : list of str, default=None
        Names for the axes.

    Attributes
    ----------
    axes_ : object ndarray of shape (n_parameters, n_parameters)
        The panels, None above the diagonal.
    ax_ : matplotlib Axes or None
        The Axes that was divided into panels; None where an array of axes was given.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    PairsDisplay.from_estimator : Sample a fitted estimator and plot.
    PairsDisplay.from_draws : Plot draws that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import PairsDisplay
    >>> draws = np.random.default_rng(0).normal(size=(500, 2))
    >>> display = PairsDisplay.from_draws(draws, [0.0, 0.5], parameter_names=["beta", "gamma"])
    >>> display.axes_.shape
    (2, 2)
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, draws, true_values=None, reference=None, reference_label="reference", parameter_names=None):
        self.draws = draws
        self.true_values = true_values
        self.reference = reference
        self.reference_label = reference_label
        self.parameter_names = parameter_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        reference=None,
        reference_label="reference",
        n_draws=2000,
        random_state=None,
        ax=None,
    ):
        """Sample the posterior of one data set and plot the draws.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (1, n_features) or another form of one data set
            The data set.
        y : array-like of shape (1, n_parameters) or (n_parameters,), default=None
            The parameters that made it, if known.
        reference : array-like of shape (n_reference, n_parameters), default=None
            Draws to compare with, such as `prior.sample(2000)`.
        reference_label : str, default="reference"
            What the legend calls the reference.
        n_draws : int, default=2000
            Number of posterior draws.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : PairsDisplay

        Raises
        ------
        ShapeError
            If X holds more than one data set, or shapes do not fit.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        n_datasets = X.shape[0] if hasattr(X, "shape") else len(X)
        if n_datasets != 1:
            raise ShapeError(f"X must hold one data set; got {n_datasets}. Pass X[[i]] for the i-th.")
        draws = check_draws(estimator.sample(X, n_draws=n_draws, random_state=random_state))
        names = names_of(estimator, y, n_parameters=draws.shape[2])
        labels = {"reference_label": reference_label, "parameter_names": names}
        return cls.from_draws(draws, y, reference=reference, **labels, ax=ax)

    @classmethod
    def from_draws(cls, draws, y=None, *, reference=None, reference_label="reference", parameter_names=None, ax=None):
        """Plot draws of one data set.

        Parameters
        ----------
        draws : array-like of shape (n_draws, n_parameters) or (1, n_draws, n_parameters)
            Posterior draws of one data set. The columns of a DataFrame name the parameters.
        y : array-like of shape (n_parameters,) or (1, n_parameters), default=None
            The parameters that made the data set, if known.
        reference : array-like of the same form as `draws`, default=None
            Draws to compare with; their number may differ.
        reference_label : str, default="reference"
            What the legend calls the reference.
        parameter_names : list of str, default=None
            Names for the axes; by default the columns of `y` or of `draws`.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : PairsDisplay

        Raises
        ------
        ShapeError
            If draws hold more than one data set, or shapes do not fit.
        """
        named = y if hasattr(y, "columns") else draws
        draws = _one_dataset(draws, name="draws")
        n_parameters = draws.shape[1]
        names = check_parameter_names(parameter_names, n_parameters, y=named)
        if y is not None:
            y = as_float_array(y, name="y").ravel()
            if y.size != n_parameters:
                raise ShapeError(f"y must hold one value for each of {n_parameters} parameters; got {y.size}.")
        if reference is not None:
            reference = _one_dataset(reference, name="reference")
            if reference.shape[1] != n_parameters:
                raise ShapeError(
                    f"reference must have {n_parameters} parameters, as draws have; got shape {reference.shape}."
                )
        display = cls(
            draws=draws, true_values=y, reference=reference, reference_label=reference_label, parameter_names=names
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            One Axes is divided into the panels; an array of axes of shape (n_parameters, n_parameters) or with one
            entry for each panel is drawn into; None makes a figure.

        Returns
        -------
        display : PairsDisplay
            The display itself.
        """
        n = self.draws.shape[1]
        names = check_parameter_names(self.parameter_names, n)
        side = 4.5 if n == 1 else min(2.4 + 1.7 * n, 14.0)
        used = np.tril(np.ones((n, n), dtype=bool))
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=(side, 0.8 * side if n == 1 else side))
        limits = [self._limits(j) for j in range(n)]
        for row, col in np.argwhere(used):
            panel = self.axes_[row, col]
            if row == col:
                self._plot_one(panel, row, limits[row])
            else:
                self._plot_pair(panel, col, row, [limits[col], limits[row]])
                panel.set_ylim(limits[row])
            panel.set_xlim(limits[col])
            _label(panel, row, col, names)
        self._add_legend()
        return self

    def _limits(self, j):
        """Return the range of parameter `j` that its panels show."""
        values = self.draws[:, j]
        low, high = np.quantile(values, [0.01, 0.99])
        first, last = values.min(), values.max()
        if self.reference is not None:
            other = self.reference[:, j]
            width = high - low
            other_low, other_high = np.quantile(other, [0.01, 0.99])
            low, high = max(min(low, other_low), low - width), min(max(high, other_high), high + width)
            first, last = min(first, other.min()), max(last, other.max())
        if self.true_values is not None:
            low, high = min(low, self.true_values[j]), max(high, self.true_values[j])
            first, last = min(first, low), max(last, high)
        width = high - low
        if width == 0:
            width = max(abs(low), 1.0)
            return low - 0.5 * width, high + 0.5 * width
        # A margin to see tails in, but not far past the last draw: support often ends there.
        return max(low - 0.15 * width, first - 0.03 * width), min(high + 0.15 * width, last + 0.03 * width)

    def _plot_one(self, panel, j, limits):
        """Draw the histogram of parameter `j`."""
        density, edges = histogram(self.draws[:, j], limits)
        panel.stairs(density, edges, fill=True, color=BLUE, alpha=0.35, lw=0)
        panel.stairs(density, edges, color=BLUE, lw=1.0)
        if self.reference is not None:
            panel.stairs(*histogram(self.reference[:, j], limits), color=VERMILION, lw=1.2, ls="--")
        if self.true_values is not None:
            panel.axvline(self.true_values[j], color="black", lw=1.2)
        panel.set_ylim(bottom=0)
        panel.set_yticks([])
        hide_frame(panel)
        panel.spines["left"].set_visible(False)

    def _plot_pair(self, panel, j, k, limits):
        """Draw parameter `k` against parameter `j`."""
        shown = self.draws[:: -(-len(self.draws) // _N_POINTS_SHOWN)]
        panel.plot(shown[:, j], shown[:, k], ls="", marker="o", ms=1.6, mew=0, color=BLUE, alpha=0.3, rasterized=True)
        _contour(panel, self.draws[:, [j, k]], limits, color=BLUE, linestyle="solid")
        if self.reference is not None:
            _contour(panel, self.reference[:, [j, k]], limits, color=VERMILION, linestyle="dashed")
        if self.true_values is not None:
            panel.plot(
                self.true_values[j],
                self.true_values[k],
                ls="",
                marker="X",
                ms=8 if len(self.axes_) <= 5 else 6,
                mfc="black",
                mec="white",
                zorder=4,
            )

    def _add_legend(self):
        """Explain colours in the empty corner, or over the one panel there is."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles: list[Patch | Line2D] = [Patch(facecolor=BLUE, alpha=0.45, label="posterior")]
        if self.reference is not None:
            handles.append(Line2D([], [], color=VERMILION, ls="--", label=self.reference_label))
        if self.true_values is not None:
            handles.append(Line2D([], [], color="black", marker="X", mec="white", ms=8, label="true value"))
        n = len(self.axes_)
        if n == 1:
            self.axes_[0, 0].legend(handles=handles, frameon=False)
            return
        # The empty corner begins one panel to the right of the first; the layout need not make room for it.
        legend = self.axes_[0, 0].legend(
            handles=handles,
            title="contours hold 50 % and 90 %",
            alignment="left",
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(1.05, 1.0),
            fontsize=9,
            title_fontsize=9,
        )
        legend.set_in_layout(False)


def _one_dataset(draws, *, name):
    """Return draws of one data set as a float64 array `(n_draws, n_parameters)`."""
    draws = as_float_array(draws, name=name)
    if draws.ndim == 3 and len(draws) == 1:
        draws = draws[0]
    if draws.ndim != 2 or 0 in draws.shape:
        raise ShapeError(
            f"{name} must have shape (n_draws, n_parameters), the draws of one data set; got {draws.shape}. "
            f"From those of several data sets pass {name}[i]."
        )
    return draws


def _contour(panel, pairs, limits, *, color, linestyle):
    """Draw the outlines of the smallest regions that hold given shares of the draws."""
    density, centres, levels = highest_density(pairs, limits)
    if levels.size:
        panel.contour(*centres, density.T, levels=levels, colors=color, linewidths=1.1, linestyles=linestyle)


def _label(panel, row, col, names):
    """Put names and numbers on the outer panels only."""
    from matplotlib.ticker import MaxNLocator

    n = len(names)
    size = 10 if n <= 5 else 8
    panel.xaxis.set_major_locator(MaxNLocator(3 if n > 1 else 6, prune="both" if n > 5 else None))
    panel.tick_params(labelsize=size - 1)
    panel.tick_params(axis="x", labelrotation=45 if n > 5 else 0, labelbottom=row == n - 1)
    if row == n - 1:
        panel.set_xlabel(names[col], fontsize=size)
    if row != col:
        panel.yaxis.set_major_locator(MaxNLocator(3))
        panel.tick_params(axis="y", labelleft=col == 0)
    if col == 0 and row > 0:
        panel.set_ylabel(names[row], fontsize=size)
    if n == 1:
        panel.set_ylabel("density")
