"""Series of observations in their order."""

import torch
from torch import nn

from skabi.networks._attention import Attention
from skabi.networks._outline import SeriesOutline
from skabi.networks._perceptrons import residual_perceptron
from skabi.networks._pooling import moments
from skabi.networks._recurrence import GatedRecurrence, last_state


class ConvolutionBlock(nn.Module):
    """A convolution over time, added to its input where both have the same length; padding stays zero."""

    def __init__(self, n_in, width, kernel_size, stride):
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv1d(n_in, width, kernel_size, stride, padding=kernel_size // 2)
        self.skip = nn.Conv1d(n_in, width, 1, stride)

    def forward(self, x, mask):
        """Return values `(n, width, n_times / stride)` of `x` `(n, n_in, n_times)`, and the mask of these times."""
        x = self.skip(x) + nn.functional.silu(self.convolution(x))
        if mask is None:
            return x, None
        # The first of the times that a step strides over decides.
        mask = mask[:, :: self.stride]
        return x * mask[:, None], mask


class ConvolutionSeries(nn.Module):
    """Convolutions over time, then a recurrent network or attention over what they found, then moments.

    An outline of the series itself comes first: what a linear regression can start from. Summaries do not depend on
    padding after a series' end: `mask` is true up to there.

    Parameters
    ----------
    n_features : int
    n_segments, segment_length : int
        See `SeriesOutline`.
    strides : sequence of int
        One convolution each.
    n_attention_blocks : int
        Without any a gated recurrence reads the series.
    """

    def __init__(
        self,
        n_features,
        *,
        n_segments,
        segment_length,
        width,
        kernel_size,
        strides,
        n_attention_blocks,
        n_heads,
        n_summaries,
    ):
        super().__init__()
        self.outline = SeriesOutline(n_features, n_segments, segment_length)
        self.n_fixed, self.token_width = self.outline.n_summaries, width
        self.n_summaries = self.n_fixed + n_summaries
        self.convolutions = nn.ModuleList(
            ConvolutionBlock(width if i else n_features, width, kernel_size, stride) for i, stride in enumerate(strides)
        )
        self.attention = nn.ModuleList(Attention(width, n_heads) for _ in range(n_attention_blocks))
        self.recurrent = None if n_attention_blocks else GatedRecurrence(width)
        self.of_all = residual_perceptron(2 * width if n_attention_blocks else 3 * width, 2 * width, 1, n_summaries)

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of series `(n, n_times, n_features)`."""
        tokens, token_mask = self.tokens(x, mask)
        statistics = moments(tokens, token_mask)
        if self.recurrent is not None:
            statistics = torch.cat([statistics, last_state(self.recurrent(tokens), token_mask)], dim=-1)
        return torch.cat([self.outline(x, mask), self.of_all(statistics)], dim=-1)

    def tokens(self, x, mask=None):
        """Return tokens `(n, n_tokens, width)` and their mask."""
        x = x.transpose(1, 2)
        for convolution in self.convolutions:
            x, mask = convolution(x, mask)
        tokens = x.transpose(1, 2)
        if len(self.attention):
            tokens = tokens + _positions(tokens)
        for block in self.attention:
            tokens = block(tokens, tokens, mask)
        return tokens, mask


def _positions(tokens):
    """Return sines and cosines of the place in the series, `(n_tokens, width)`."""
    n, width = tokens.shape[-2:]
    place = torch.arange(n, dtype=tokens.dtype, device=tokens.device)[:, None]
    frequency = 1e-4 ** (torch.arange(width, dtype=tokens.dtype, device=tokens.device) // 2 * 2 / width)
    is_even = torch.arange(width, device=tokens.device) % 2 == 0
    return torch.where(is_even, (place * frequency).sin(), (place * frequency).cos())
