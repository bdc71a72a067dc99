"""What is learned of a data set through its summaries: a density of parameters."""

import torch
from torch import nn

from skabi.networks._conditions import NoConditions
from skabi.networks._data_sets import values_and_mask
from skabi.networks._residual import LinearResidual


class Summarized(nn.Module):
    """A summary network and direct conditions, on which something else is conditioned.

    Parameters
    ----------
    summary : module
        `summary(x, mask)` returns `(n, n_summaries)`.
    conditions : module, optional
        `conditions(mask)` returns `(n, n_conditions)`, of which what follows is told directly; by default nothing.
    """

    def __init__(self, summary, conditions=None):
        super().__init__()
        self.summary = summary
        self.conditions = NoConditions() if conditions is None else conditions

    @property
    def n_context(self):
        """Number of summaries and direct conditions."""
        return self.summary.n_summaries + self.conditions.n_conditions

    def context(self, x):
        """Return summaries and direct conditions, `(n, n_context)`."""
        values, mask = values_and_mask(x)
        summaries = self.summary(values, mask)
        return torch.cat([summaries, self.conditions(mask)], dim=1) if self.conditions.n_conditions else summaries

    def forward(self, loss, batch):
        """Return the loss of this network on a batch, `(n,)`."""
        return loss(self, batch)


class SummarizedDensity(Summarized):
    """A summary network under a density network, trained as one.

    The density is that of the residual of a linear regression on the context, so that a network starts from the
    regression's normal posterior and learns what is left.

    Parameters
    ----------
    summary : module
        `summary(x, mask)` returns `(n, n_summaries)`.
    density : DensityNetwork
        Of parameters, given summaries and conditions.
    conditions : module, optional
        `conditions(mask)` returns `(n, n_conditions)`.
    """

    def __init__(self, summary, density, conditions=None):
        super().__init__(summary, conditions)
        self.density = density
        self.residual = LinearResidual.identity(density.n_parameters, self.n_context)

    @property
    def n_parameters(self):
        """Number of parameters."""
        return self.density.n_parameters

    @property
    def has_density(self):
        """Whether log densities can be computed."""
        return getattr(self.density, "has_density", True)

    @property
    def has_density_loss(self):
        """Whether the loss of training is minus a log density."""
        return getattr(self.density, "has_density_loss", True)

    def log_prob(self, theta, x):
        """Return the log density of `theta` `(n, n_parameters)`, `(n,)`."""
        return self.log_prob_given(theta, self.context(x))

    def training_loss(self, theta, x):
        """Return what the density says that training minimises, `(n,)`."""
        context = self.context(x)
        loss = self.density.training_loss(self.residual(theta, context), context)
        return loss - self.residual.log_det if self.has_density_loss else loss

    def log_prob_given(self, theta, context):
        """Return the log density `(...,)` of `theta` `(..., n_parameters)` given context `(..., n_context)`."""
        return self.density.log_prob(self.residual(theta, context), context) + self.residual.log_det

    def sample_given(self, context, n_draws, generator):
        """Return draws `(n, n_draws, n_parameters)` given context `(n, n_context)`."""
        return self.residual.inverse(self.density.sample(context, n_draws, generator), context[:, None])

    def from_base_given(self, z, context, phase=None):
        """Return the theta that base points `z` `(..., n_parameters)` become; `phase` is for ensembles."""
        return self.residual.inverse(self.density.from_base(z, context), context)
