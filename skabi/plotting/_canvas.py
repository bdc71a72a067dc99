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


def hide_frame(ax):
    """Take away the top and right edges of the frame, which carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)
