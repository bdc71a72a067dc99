"""What a density is conditioned on besides summaries."""

import torch
from torch import nn


class NoConditions(nn.Module):
    """Nothing besides summaries."""

    n_conditions = 0


class LogCounts(nn.Module):
    """The logarithm of each data set's number of observations, standardised: how much can be known at all.

    Of groups there are two: that of groups, and that of the mean number of observations a group.

    Parameters
    ----------
    location, scale : dict of str to list of float, or list of float
        Mean and standard deviation of the logarithms in training, a dict where there are several sources. A number that
        never varied says nothing.
    """

    def __init__(self, location, scale):
        super().__init__()
        self.names = list(location) if isinstance(location, dict) else None
        scale = _as_row(scale)
        self.register_buffer("location", _as_row(location))
        self.register_buffer("scale", torch.where(scale > 0, scale, torch.inf))

    @property
    def n_conditions(self):
        """How many numbers are counted."""
        return len(self.location)

    def forward(self, mask):
        """Return `(n, n_conditions)`; a source that is not there counts as if it had one observation."""
        masks = [mask] if self.names is None else [mask[name] for name in self.names]
        counts = torch.cat([counts_of(m) for m in masks], dim=1)
        return (counts.to(self.location.dtype).log() - self.location) / self.scale


def counts_of(mask):
    """Return numbers of observations, `(n, 1)`, or of groups and of the mean of observations a group, `(n, 2)`."""
    if mask.ndim == 2:
        return mask.sum(dim=1, keepdim=True).clamp(min=1)
    n_groups = mask.any(dim=2).sum(dim=1).clamp(min=1)
    return torch.stack([n_groups, mask.sum(dim=(1, 2)).clamp(min=1) / n_groups], dim=1)


def _as_row(values):
    return torch.tensor([value for each in values.values() for value in each] if isinstance(values, dict) else values)
