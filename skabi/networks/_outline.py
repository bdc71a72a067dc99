"""What of a series is not learned."""

import torch
from torch import nn

from skabi.networks._pooling import moments


class SeriesOutline(nn.Module):
    """Moments of a series and of its steps, and its means over segments of time.

    Segments are counted from the start of a series; where it has ended, their means are zero.

    Parameters
    ----------
    n_features : int
    n_segments : int
    length : int
        Times a segment; what comes after the last segment is not seen.
    """

    def __init__(self, n_features, n_segments, length):
        super().__init__()
        self.n_segments, self.length = n_segments, length
        self.n_summaries = (4 + n_segments) * n_features

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of series `(n, n_times, n_features)`."""
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        steps = x[:, 1:] - x[:, :-1]
        return torch.cat([moments(x, mask), moments(steps, mask[:, 1:]), self._segments(x, mask)], dim=1)

    def _segments(self, x, mask):
        counts = self._sums(mask.to(x.dtype))
        return (self._sums(x * mask[..., None]) / counts.clamp(min=1)[..., None]).flatten(1)

    def _sums(self, values):
        """Return sums over the times of each segment, `(n, n_segments, ...)` of `(n, n_times, ...)`."""
        n_times = self.n_segments * self.length
        values = values[:, :n_times]
        values = nn.functional.pad(values, (0, 0) * (values.ndim - 2) + (0, n_times - values.shape[1]))
        return values.unflatten(1, (self.n_segments, self.length)).sum(dim=2)
