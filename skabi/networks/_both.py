"""A posterior and a likelihood that are trained as one."""

from torch import nn


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
