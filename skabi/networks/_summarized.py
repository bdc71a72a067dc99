"""A density of parameters given a data set, through the data set's summaries."""

from torch import nn


class SummarizedDensity(nn.Module):
    """A summary network under a density network, trained as one."""

    def __init__(self, summary, density):
        super().__init__()
        self.summary = summary
        self.density = density

    def context(self, x):
        """Return what the density is conditioned on, `(n, n_context)`."""
        return self.summary(x, None)

    def log_prob(self, theta, x):
        """Return the log density of `theta` `(n, d)`, `(n,)`."""
        return self.density.log_prob(theta, self.context(x))

    def training_loss(self, theta, x):
        """Return what the density says that training minimises, `(n,)`."""
        return self.density.training_loss(theta, self.context(x))
