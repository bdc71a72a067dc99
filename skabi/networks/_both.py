"""A posterior and a likelihood that are trained as one."""

from typing import Any, NamedTuple

from torch import nn


class Seen(NamedTuple):
    """Data sets as each half sees them.

    Attributes
    ----------
    posterior, likelihood : Tensor or DataSets
    """

    posterior: Any
    likelihood: Any


class Both(nn.Module):
    """A posterior and a likelihood with a network in common: losses a data set, and an observation, add up.

    Parameters
    ----------
    posterior : SummarizedDensity
    likelihood : Likelihood
    """

    def __init__(self, posterior, likelihood):
        super().__init__()
        self.posterior, self.likelihood = posterior, likelihood

    def forward(self, loss, batch):
        """Return the sum of both losses on a batch, `(n,)`."""
        return loss(self.posterior, batch) + self.likelihood.training_loss(batch.theta, batch.x)


class SideBySide(Both):
    """A posterior and a likelihood without a network in common, in a loss that asks one about the other."""

    def forward(self, loss, batch):
        """Return the sum of both losses on a batch, whose data sets are `Seen`, `(n,)`."""
        own = batch._replace(x=batch.x.posterior)
        return loss(self.posterior, own) + self.likelihood.training_loss(batch.theta, batch.x.likelihood)
