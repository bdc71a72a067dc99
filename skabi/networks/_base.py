"""What a density network can do."""

import torch
from torch import nn


class DensityNetwork(nn.Module):
    """A conditional density q(theta | context) given by an invertible map to standard normals.

    A subclass has `to_base` and `from_base`. Leading axes of `theta` and `context` broadcast: `(n, n_draws, d)` with
    `(n, 1, c)` computes what depends on the context alone once a data set.

    Attributes
    ----------
    has_density : bool
        Whether there is a `log_prob`.
    has_density_loss : bool
        Whether `training_loss` is minus a log density.
    """

    has_density = True
    has_density_loss = True

    def __init__(self, n_parameters):
        super().__init__()
        self.n_parameters = n_parameters

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)` of shapes `(..., d)` and `(...,)`."""
        raise NotImplementedError

    def from_base(self, z, context):
        """Return theta `(..., d)`: the inverse of `to_base`."""
        raise NotImplementedError

    def log_prob(self, theta, context):
        """Return the log density, `(...,)`."""
        z, log_det = self.to_base(theta, context)
        return log_det - 0.5 * (z.square().sum(-1) + self.n_parameters * _LOG_TWO_PI)

    def sample(self, context, n_draws, generator):
        """Return draws `(n, n_draws, d)` given context `(n, c)`."""
        shape = (len(context), n_draws, self.n_parameters)
        z = torch.randn(shape, generator=generator, dtype=context.dtype, device=context.device)
        return self.from_base(z, context[:, None])

    def training_loss(self, theta, context):
        """Return what training minimises, `(n,)`."""
        return -self.log_prob(theta, context)


_LOG_TWO_PI = 1.8378770664093453
