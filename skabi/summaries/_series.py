"""Summaries of series."""

import math

from skabi._params import check_count
from skabi._shapes import check_axes
from skabi.summaries._base import BaseSummary, n_summaries_or_default, width_or_default

# Convolutions stride until a series is about this long, which is what is read step by step.
_FEW_STEPS = 64
# Segments of time, of few features and of many.
_MOST_SEGMENTS, _FEWEST_SEGMENTS = 16, 4


class SeriesSummary(BaseSummary):
    """Summaries of observations in their order [1]_: convolutions over time, then a recurrence [2]_ or attention.

    Convolutions find what happens, wherever in time. What depends on when it happens, counted from the start of a
    series, is told by means over segments of time. These, segment by segment, are among the summaries that are not
    learned and come first, after means and log standard deviations of the features and of their steps:
    `(4 + n_segments) * n_features` together. `n_summaries` learned ones follow.

    Lengths may differ; what is beyond a series' end changes nothing. The cost is linear in the length; with attention
    blocks there is a part that grows with the square of the number of steps left after the convolutions. See `cost`.

    Parameters
    ----------
    n_summaries : int, optional
        Learned ones; by default four times the number of parameters, at least 8.
    n_segments : int, optional
        Means of each feature over segments of equal length. By default 16, fewer of short series and of more than
        eight features. More where parameters act at certain times, such as measures taken on a day; 0 where any stretch
        of a series is like any other.
    width : int, optional
        Channels; by default eight times the number of parameters, from 32 to 128.
    n_convolutions : int, optional
        By default two, and one more for each time that a series must be halved to come down to 64 steps.
    kernel_size : int, default=5
        Times that a convolution sees at once; odd.
    n_attention_blocks : int, default=0
        Blocks in which times see each other [3]_, in place of the recurrence: for what depends on times that
        are far apart.
    n_heads : int, default=4
        Heads of each attention; a divisor of width.

    References
    ----------
    .. [1] S. Radev, U. Mertens, A. Voss, L. Ardizzone, U. Koethe (2020). BayesFlow: learning complex stochastic models
       with invertible neural networks. arXiv 2003.06281.
    .. [2] L. Feng, F. Tung, M. Ahmed, Y. Bengio, H. Hajimirsadeghi (2024). Were RNNs all we needed? arXiv 2410.01201.
    .. [3] A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, L. Kaiser, I. Polosukhin (2017).
       Attention is all you need. arXiv 1706.03762.

    Examples
    --------
    >>> from skabi.summaries import SeriesSummary
    >>> SeriesSummary().build((100, 2), n_parameters=3).n_summaries
    50
    """

    takes_any_length = True
    observations = "ordered"

    def __init__(
        self,
        n_summaries=None,
        *,
        n_segments=None,
        width=None,
        n_convolutions=None,
        kernel_size=5,
        n_attention_blocks=0,
        n_heads=4,
    ):
        self.n_summaries = n_summaries
        self.n_segments = n_segments
        self.width = width
        self.n_convolutions = n_convolutions
        self.kernel_size = kernel_size
        self.n_attention_blocks = n_attention_blocks
        self.n_heads = n_heads

    def build(self, shape, n_parameters):
        """Return a network for series of `shape` `(n_times, n_features)`."""
        from skabi.networks._series import ConvolutionSeries

        check_axes(shape, ("n_times", "n_features"), type(self).__name__)
        n_heads = check_count(self.n_heads, "n_heads")
        kernel_size = check_count(self.kernel_size, "kernel_size")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that it has a middle; got {kernel_size}.")
        n_segments, segment_length = self._segments(*shape)
        return ConvolutionSeries(
            shape[-1],
            n_segments=n_segments,
            segment_length=segment_length,
            width=width_or_default(self.width, n_parameters, n_heads=n_heads),
            kernel_size=kernel_size,
            strides=self._strides(shape[0]),
            n_attention_blocks=check_count(self.n_attention_blocks, "n_attention_blocks", minimum=0),
            n_heads=n_heads,
            n_summaries=n_summaries_or_default(self.n_summaries, n_parameters),
        )

    def n_feature_axes(self, shape):
        """Return 1: times share the scales of their features."""
        return 1

    def _segments(self, n_times, n_features):
        """Return the number of segments and the times in each."""
        if self.n_segments is None:
            n_most = max(_FEWEST_SEGMENTS, min(_MOST_SEGMENTS, 128 // n_features))
        else:
            n_most = check_count(self.n_segments, "n_segments", minimum=0)
        length = math.ceil(n_times / max(1, n_most))
        return min(n_most, math.ceil(n_times / length)), length

    def _strides(self, n_times):
        n_halvings = max(0, math.ceil(math.log2(n_times / _FEW_STEPS)))
        if self.n_convolutions is None:
            return [1, 1] + [2] * n_halvings
        n_convolutions = check_count(self.n_convolutions, "n_convolutions")
        n_halvings = min(n_halvings, n_convolutions)
        return [1] * (n_convolutions - n_halvings) + [2] * n_halvings
