"""A series seen from afar."""

from torch import nn


class SegmentMeans(nn.Module):
    """Means over segments of time, counted from the start of a series; zero where it has ended.

    Parameters
    ----------
    n_segments : int
    length : int
        Times a segment; what comes after the last segment is not seen.
    """

    def __init__(self, n_segments, length):
        super().__init__()
        self.n_segments, self.length = n_segments, length

    def forward(self, x, mask=None):
        """Return `(n, n_segments * n_features)` of series `(n, n_times, n_features)`."""
        counts = self._sums(x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype))
        values = x if mask is None else x * mask[..., None]
        return (self._sums(values) / counts.clamp(min=1)[..., None]).flatten(1)

    def _sums(self, values):
        """Return sums over the times of each segment, `(n, n_segments, ...)` of `(n, n_times, ...)`."""
        n_times = self.n_segments * self.length
        values = values[:, :n_times]
        missing = n_times - values.shape[1]
        values = nn.functional.pad(values, (0, 0) * (values.ndim - 2) + (0, missing))
        return values.unflatten(1, (self.n_segments, self.length)).sum(dim=2)
