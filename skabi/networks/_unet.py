"""A convolutional network whose parameters are the pixels of an image.

References
----------
.. [1] O. Ronneberger, P. Fischer, T. Brox (2015). U-Net: convolutional networks for biomedical image segmentation.
   arXiv 1505.04597.
"""

import torch
from torch import nn
from torch.nn import functional

from skabi.networks._fields import Clock
from skabi.networks._perceptrons import residual_perceptron

# The coarsest grid is at most so many pixels high and wide.
_COARSEST = 4


class ModulatedConvolutions(nn.Module):
    """What two convolutions add to an image, scaled and moved between them by what is known of time and data."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_out = n_out
        self.inner = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.outer = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.short = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x, scale, shift):
        """Return `(n, n_out, height, width)`."""
        inner = self.inner(functional.silu(x)) * scale[..., None, None] + shift[..., None, None]
        return self.short(x) + self.outer(functional.silu(inner))


class UNetField(nn.Module):
    """A network of an image, ever coarser and then finer again, with links between grids of the same size [1]_.

    Parameters
    ----------
    shape : tuple of int
        Height, width and number of channels of the image whose pixels are the parameters.
    n_context : int
    n_channels : int
        On the finest grid; each coarser one has twice as many.
    n_blocks : int
        Pairs of convolutions on each grid, on the way down and on the way up.
    n_images : int
        Channels of an image `(height, width, n_images)` with which the context begins, and which are seen beside the
        image of the parameters.
    """

    def __init__(self, shape, n_context, *, n_channels, n_blocks, n_images):
        super().__init__()
        self.shape, self.n_images = shape, n_images
        height, width, n_colours = shape
        n_grids = 1
        while max(height, width) > _COARSEST * 2 ** (n_grids - 1):
            n_grids += 1
        widths = [n_channels * 2**i for i in range(n_grids)]
        self.first = nn.Conv2d(n_colours + n_images, n_channels, 3, padding=1)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for n_in, n_out in zip([n_channels, *widths[:-1]], widths, strict=True):
            self.down.append(_blocks(n_in, n_out, n_blocks))
        for n_in, n_out in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.up.append(_blocks(n_in + n_out, n_out, n_blocks))
        self.last = nn.Conv2d(n_channels, n_colours, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.sizes = [part.n_out for blocks in (*self.down, *self.up) for part in blocks for _ in range(2)]
        n_read = 4 * n_channels
        self.reading = residual_perceptron(n_context, n_read, 1, n_read)
        self.from_context = nn.Linear(n_read, sum(self.sizes))
        self.clock = Clock(n_read)
        self.from_time = nn.Linear(n_read, sum(self.sizes))

    def read(self, context):
        """Return what the data set adds, `(..., n)`: images, and how convolutions are modulated."""
        n_pixels = self.n_images * self.shape[0] * self.shape[1]
        if context.shape[-1] < n_pixels:
            raise ValueError(
                f"n_images={self.n_images} asks for {n_pixels} summaries, pixel by pixel; there are "
                f"{context.shape[-1]}. Use summary=IdentitySummary(), and data sets of that size."
            )
        return torch.cat([context[..., :n_pixels], self.from_context(self.reading(context))], dim=-1)

    def forward(self, theta, time, read):
        """Return `(..., n_parameters)` of parameters, times `(...,)` and what was read; leading axes broadcast."""
        height, width, n_colours = self.shape
        leading = torch.broadcast_shapes(theta.shape[:-1], time.shape, read.shape[:-1])
        images, modulation = read.tensor_split([self.n_images * height * width], dim=-1)
        modulation = (modulation + self.from_time(self.clock(time))).expand(*leading, -1).reshape(-1, sum(self.sizes))
        pixels = theta.expand(*leading, -1).reshape(-1, height, width, n_colours).movedim(-1, 1)
        if self.n_images:
            images = images.expand(*leading, -1).reshape(-1, height, width, self.n_images).movedim(-1, 1)
            pixels = torch.cat([pixels, images], dim=1)
        pixels = self._convolved(pixels, modulation.split(self.sizes, dim=-1))
        return pixels.movedim(1, -1).reshape(*leading, -1)

    def _convolved(self, x, modulations):
        """Return images `(n, n_colours, height, width)`."""
        modulations = iter(modulations)
        x, finer = self.first(x), []
        for i, blocks in enumerate(self.down):
            x = _through(blocks, functional.avg_pool2d(x, 2, ceil_mode=True) if i else x, modulations)
            finer.append(x)
        for blocks, beside in zip(self.up, finer[-2::-1], strict=True):
            x = functional.interpolate(x, size=beside.shape[-2:], mode="nearest")
            x = _through(blocks, torch.cat([x, beside], dim=1), modulations)
        return self.last(functional.silu(x))


def _blocks(n_in, n_out, n_blocks):
    return nn.ModuleList(ModulatedConvolutions(n_in if i == 0 else n_out, n_out) for i in range(n_blocks))


def _through(blocks, x, modulations):
    for block in blocks:
        scale, shift = next(modulations), next(modulations)
        x = block(x, 1 + scale, shift)
    return x
