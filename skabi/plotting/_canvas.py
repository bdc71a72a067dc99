"""Figures, axes and colours that all displays share; the one module that imports matplotlib."""

import numpy as np

from skabi._optional import import_optional

# Okabe and Ito (2008), Color Universal Design, without yellow, which is too pale for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, VERMILION = PALETTE[:2]
GREY = "#7F7F7F"
PALE_GREY = "#DCDCDC"
INK = "#404040"
_LINE_STYLES = ("-", "--", ":", "-.")
_N_LEVELS_AS_BARS = 5


def import_matplotlib():
    """Return `matplotlib.pyplot`, or raise an ImportError that says how to install it."""
    return import_optional("matplotlib.pyplot", extra="plots", purpose="A display")


def line_style(index):
    """Return the colour and dashes of the `index`-th line; 28 are distinct."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": _LINE_STYLES[index // len(PALETTE) % len(_LINE_STYLES)],
    }


def one_axes(ax, *, figsize=None):
    """Return `(figure, ax)`: those of `ax`, or new ones where `ax` is None."""
    plt = import_matplotlib()
    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")
    if not isinstance(ax, plt.Axes):
        raise TypeError(f"ax must be one matplotlib Axes or None; got {type(ax).__name__}.")
    return ax.figure, ax


def many_axes(ax, *, used, figsize):
    """Return `(figure, ax, axes)` for a grid of panels.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        None makes a figure. One Axes is divided into the grid. An array of Axes is taken as the panels themselves:
        either one for each cell of the grid or one for each panel in use, in reading order.
    used : bool ndarray of shape (n_rows, n_cols)
        The cells that hold a panel.
    figsize : tuple of float
        Size in inches of a figure made here.

    Returns
    -------
    figure : Figure
    ax : Axes or None
        The Axes that was divided; None where an array of Axes was given.
    axes : object ndarray of shape (n_rows, n_cols)
        The panels, None in cells without one.
    """
    plt = import_matplotlib()
    axes = np.full(used.shape, None, dtype=object)
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    if isinstance(ax, plt.Axes):
        _fill_grid(ax, axes, used)
        return ax.figure, ax, axes

    given = np.asarray(ax, dtype=object).ravel()
    if not all(isinstance(panel, plt.Axes) for panel in given):
        raise TypeError("ax must be one matplotlib Axes, an array of them, or None.")
    if given.size == used.size:
        for panel in given[~used.ravel()]:
            panel.set_axis_off()
        given = given[used.ravel()]
    if given.size != used.sum():
        raise ValueError(
            f"ax must hold {used.sum()} axes, one for each panel, or {used.size} for a grid of shape {used.shape}; "
            f"got {given.size}. Pass one Axes to have it divided."
        )
    axes[used] = given
    return given[0].figure, None, axes


def _fill_grid(ax, axes, used):
    """Divide `ax` into panels and put them into `axes` where `used`."""
    if not ax.axison:
        raise ValueError("ax was already divided by another display; pass ax=display.axes_ to draw into its panels.")
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError(
            "ax must belong to a grid to be divided; make it by plt.subplots or figure.add_subplot, "
            "or pass an array of axes, one for each panel."
        )
    ax.set_axis_off()
    grid = spec.subgridspec(*used.shape)
    for row, col in np.argwhere(used):
        axes[row, col] = ax.figure.add_subplot(grid[row, col])


def draw_intervals(ax, x, middle, lower, upper, *, groups):
    """Draw a point and an upright interval at each `x`, in colours by group.

    Parameters
    ----------
    ax : Axes
    x, middle, lower, upper : ndarray of shape (n,)
        Where the intervals stand, their points and their ends.
    groups : list of (bool ndarray of shape (n,), color, str)
        Which of them have that colour and that label; groups without any are left out.
    """
    few = len(x) <= 50
    for rows, color, label in groups:
        if rows.any():
            ax.vlines(x[rows], lower[rows], upper[rows], color=color, lw=1.5 if few else 0.8, alpha=0.6)
            ax.plot(x[rows], middle[rows], ls="", marker="o", ms=4.5 if few else 2.5, color=color, label=label)


def draw_coverage(ax, levels, coverage, lower, upper, *, labels):
    """Draw observed against nominal coverage in a unit square, with the diagonal and the limits of each curve.

    Parameters
    ----------
    ax : Axes
    levels : ndarray of shape (n_levels,)
    coverage, lower, upper : ndarray of shape (n_levels, n_curves)
    labels : list of str
        One for each curve.
    """
    n_curves = coverage.shape[1]
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, zorder=1, label="calibrated")
    few = len(levels) <= _N_LEVELS_AS_BARS
    # Side by side within 60 % of the gap between neighbouring levels, so that bars do not hide one another.
    gap = np.diff(levels).min(initial=0.1) if few else 0.0
    shifts = (np.arange(n_curves) - (n_curves - 1) / 2) * 0.6 * gap / n_curves
    for j, shift in enumerate(shifts):
        style = line_style(j)
        x = levels + shift
        if few:
            ax.vlines(x, lower[:, j], upper[:, j], color=style["color"], lw=1.5)
        else:
            ax.fill_between(x, lower[:, j], upper[:, j], color=style["color"], alpha=0.3 / n_curves**0.5, lw=0)
        ax.plot(x, coverage[:, j], lw=1.2, marker="o", ms=5 if few else 3, label=labels[j], **style)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.legend(frameon=False, loc="upper left")
    hide_frame(ax)


def label_sorted(ax, order, *, by):
    """Label the x-axis where data set `order[i]` stands at i; each by its number while these are legible."""
    if len(order) <= 25:
        ax.set_xticks(np.arange(len(order)), order)
        ax.set_xlabel(f"data set, counted from 0 and sorted by {by}")
    else:
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel(f"data sets, sorted by {by}")


def add_legend(ax, low, high):
    """Put a legend above what is drawn between the heights `low` and `high`, and end the axis there."""
    labels = ax.get_legend_handles_labels()[1]
    n_cols = 2 if max(map(len, labels)) <= 30 else 1
    # Head room, so that the legend hides nothing: a row is some 6 % of the height.
    room = min(0.03 + 0.06 * -(-len(labels) // n_cols), 0.5)
    ax.set_ylim(low, low + (high - low) / (1 - room))
    ax.legend(frameon=False, loc="upper left", ncols=n_cols)


def p_value_in_words(p_value):
    """Return a p-value for a legend; digits of very small ones mean nothing."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def counted(n, noun):
    """Return the number with its noun, for a legend."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def hide_frame(ax):
    """Take away the top and right edges of the frame, which carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)
