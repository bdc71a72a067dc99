"""Summaries of images."""

from skabi._params import check_count
from skabi._shapes import check_axes
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning
from skabi.summaries._base import BaseSummary, n_summaries_or_default, width_or_default


class ImageSummary(BaseSummary):
    """Summaries of images: residual convolutions [1]_ at ever coarser resolution.

    The default for X of shape `(n_datasets, height, width, n_channels)`. Images without an axis of channels,
    `(n_datasets, height, width)`, look like sets: say `summary=ImageSummary()`.

    All summaries are learned. The cost is linear in the number of pixels. See `cost`.

    Parameters
    ----------
    n_summaries : int, optional
        By default four times the number of parameters, at least 8.
    width : int, optional
        Channels of the network; by default eight times the number of parameters, from 32 to 128.
    n_blocks : int, default=1
        Residual blocks at each resolution.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.

    Examples
    --------
    >>> from skabi.summaries import ImageSummary
    >>> ImageSummary(width=16).build((16, 16, 3), n_parameters=2).n_summaries
    8
    """

    observations = "one"

    def __init__(self, n_summaries=None, *, width=None, n_blocks=1):
        self.n_summaries = n_summaries
        self.width = width
        self.n_blocks = n_blocks

    def build(self, shape, n_parameters):
        """Return a network for images of `shape` `(height, width)` or `(height, width, n_channels)`."""
        from skabi.networks._images import ResidualImage

        if len(shape) != 2:
            check_axes(shape, ("height", "width", "n_channels"), type(self).__name__)
            _warn_of_channels_first(shape)
        return ResidualImage(
            shape,
            width=width_or_default(self.width, n_parameters),
            n_blocks=check_count(self.n_blocks, "n_blocks"),
            n_summaries=n_summaries_or_default(self.n_summaries, n_parameters),
        )

    def n_feature_axes(self, shape):
        """Return the number of axes of channels: pixels share the scales of theirs."""
        return len(shape) - 2


def _warn_of_channels_first(shape):
    """Warn if images look as if channels were their first axis."""
    sides = shape[1:]
    if shape[0] <= 4 < min(sides) and max(sides) <= 4 * min(sides):
        warn(
            f"images of shape {tuple(shape)} have {shape[2]} channels, since channels are the last axis. If they are "
            "the first, pass np.moveaxis(X, 1, -1).",
            ApproximationWarning,
        )
