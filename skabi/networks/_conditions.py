"""What a density is conditioned on besides summaries."""

import torch
from torch import nn


class NoConditions(nn.Module):
    """Nothing besides summaries."""

    n_conditions = 0


class LogCounts(nn.Module):
    """The logarithm of each data set's number of observations, standardised: how much can be known at all.

    Parameters
    ----------
    location, scale : dict of str to float, or float
        Mean and standard deviation of the logarithms in training, one a source where there are several.
    """

    def __init__(self, location, scale):
        super().__init__()
        self.names = list(location) if isinstance(location, dict) else None
        self.register_buffer("location", _as_row(location))
        self.register_buffer("scale", _as_row(scale))

    @property
    def n_conditions(self):
        """Number of sources whose observations are counted."""
        return len(self.location)

    def forward(self, mask):
        """Return `(n, n_conditions)`; a source that is not there counts as if it had one observation."""
        masks = [mask] if self.names is None else [mask[name] for name in self.names]
        counts = torch.stack([m.sum(dim=1) for m in masks], dim=1)
        return (counts.clamp(min=1).to(self.location.dtype).log() - self.location) / self.scale


def _as_row(values):
    return torch.tensor(list(values.values()) if isinstance(values, dict) else [values])
