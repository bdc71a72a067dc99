"""One multivariate normal given the context.

References
----------
.. [1] M. Pourahmadi (1999). Joint mean-covariance models with applications to longitudinal data: unconstrained
   parameterisation. Biometrika 86(3), 677-690.
"""

import torch
from torch import nn
from torch.nn import functional

from skabi.networks._base import DensityNetwork
from skabi.networks._perceptrons import perceptron


class GaussianNetwork(DensityNetwork):
    """A normal whose mean and precision the context gives.

    The precision is `T' D^-2 T`, its modified Cholesky factors [1]_: T has ones on the diagonal and minus the
    regression coefficients of each parameter on those before it below, D has the residual standard deviations.
    Unlike the entries of an ordinary factor those of T do not grow as the posterior narrows.
    """

    def __init__(self, n_parameters, n_context, *, hidden_layer_sizes):
        super().__init__(n_parameters)
        n_below = n_parameters * (n_parameters - 1) // 2
        self.perceptron = perceptron([n_context, *hidden_layer_sizes, 2 * n_parameters + n_below])
        # Starts as the standard normal.
        nn.init.zeros_(self.perceptron[-1].weight)
        nn.init.zeros_(self.perceptron[-1].bias)
        # Where each entry of T - 1 stands among the numbers below the diagonal; the last number is a zero.
        place = torch.full((n_parameters, n_parameters), n_below)
        place[tuple(torch.tril_indices(n_parameters, n_parameters, offset=-1))] = torch.arange(n_below)
        self.register_buffer("place", place)

    def _factors(self, context):
        """Return the location `(..., d)`, the log of D `(..., d)` and T - 1 `(..., d, d)`."""
        numbers = self.perceptron(context)
        location, log_scale = numbers[..., : 2 * self.n_parameters].chunk(2, dim=-1)
        below = functional.pad(numbers[..., 2 * self.n_parameters :], (0, 1))
        return location, log_scale, below[..., self.place]

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)`; the latter depends on the context alone and broadcasts."""
        location, log_scale, below = self._factors(context)
        gap = theta - location
        z = (gap + torch.einsum("...ij,...j->...i", below, gap)) * torch.exp(-log_scale)
        return z, -log_scale.sum(-1)

    def from_base(self, z, context):
        """Return theta: the inverse of `to_base`."""
        location, log_scale, below = self._factors(context)
        identity = torch.eye(self.n_parameters, dtype=below.dtype, device=below.device)
        inverse = torch.linalg.solve_triangular(below, identity, upper=False, unitriangular=True)
        return location + torch.einsum("...ij,...j->...i", inverse, z * torch.exp(log_scale))
