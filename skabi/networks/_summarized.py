"""A density of parameters given a data set, through the data set's summaries."""

from torch import nn

from skabi.networks._residual import LinearResidual


class SummarizedDensity(nn.Module):
    """A summary network under a density network, trained as one.

    The density is that of the residual of a linear regression on the context, so that a network starts from the
    regression's normal posterior and learns what is left.
    """

    def __init__(self, summary, density):
        super().__init__()
        self.summary = summary
        self.density = density
        self.residual = LinearResidual.identity(density.n_parameters, summary.n_summaries)

    @property
    def n_parameters(self):
        """Number of parameters."""
        return self.density.n_parameters

    @property
    def n_summaries(self):
        """Number of summaries."""
        return self.summary.n_summaries

    def context(self, x):
        """Return what the density is conditioned on, `(n, n_context)`."""
        return self.summary(x, None)

    def log_prob(self, theta, x):
        """Return the log density of `theta` `(n, n_parameters)`, `(n,)`."""
        return self.log_prob_given(theta, self.context(x))

    def training_loss(self, theta, x):
        """Return what the density says that training minimises, `(n,)`."""
        context = self.context(x)
        return self.density.training_loss(self.residual(theta, context), context) - self.residual.log_det

    def forward(self, loss, batch):
        """Return the loss of this network on a batch, `(n,)`."""
        return loss(self, batch)

    def log_prob_given(self, theta, context):
        """Return the log density `(...,)` of `theta` `(..., n_parameters)` given context `(..., n_context)`."""
        return self.density.log_prob(self.residual(theta, context), context) + self.residual.log_det

    def sample_given(self, context, n_draws, generator):
        """Return draws `(n, n_draws, n_parameters)` given context `(n, n_context)`."""
        return self.residual.inverse(self.density.sample(context, n_draws, generator), context[:, None])

    def from_base_given(self, z, context):
        """Return the theta that base points `z` `(..., n_parameters)` become."""
        return self.residual.inverse(self.density.from_base(z, context), context)
