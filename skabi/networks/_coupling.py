"""Coupling flows with spline transforms [1]_ on top of a conditional location and scale.

References
----------
.. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
"""

import torch
from torch import nn

from skabi.networks._base import DensityNetwork
from skabi.networks._conditioner import Conditioner, perceptron
from skabi.networks._splines import inverse_spline, n_spline_numbers, spline, spline_knots


class SplineCouplingStack(DensityNetwork):
    """Location and scale given the context, then spline couplings between random halves of the parameters."""

    def __init__(self, n_parameters, n_context, *, n_transforms, n_bins, bound, hidden_layer_sizes, generator):
        super().__init__(n_parameters)
        n_embedding = hidden_layer_sizes[-1]
        self.embedding = nn.Sequential(perceptron([n_context, *hidden_layer_sizes]), nn.SiLU())
        self.location_scale = nn.Linear(n_embedding, 2 * n_parameters)
        nn.init.zeros_(self.location_scale.weight)
        nn.init.zeros_(self.location_scale.bias)
        self.couplings = nn.ModuleList(
            SplineCoupling(kept, moved, n_embedding, n_bins=n_bins, bound=bound, hidden_layer_sizes=hidden_layer_sizes)
            for kept, moved in _halves(n_parameters, n_transforms, generator)
        )

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)`."""
        embedding = self.embedding(context)
        location, log_scale = self.location_scale(embedding).chunk(2, dim=-1)
        z = (theta - location) * torch.exp(-log_scale)
        log_det = -log_scale.sum(-1)
        for coupling in self.couplings:
            z, term = coupling(z, embedding)
            log_det = log_det + term
        return z, log_det

    def from_base(self, z, context):
        """Return theta: the inverse of `to_base`."""
        embedding = self.embedding(context)
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z, embedding)
        location, log_scale = self.location_scale(embedding).chunk(2, dim=-1)
        return z * torch.exp(log_scale) + location


class SplineCoupling(nn.Module):
    """Splines of the columns `moved`, whose knots depend on the columns `kept` and the context."""

    def __init__(self, kept, moved, n_context, *, n_bins, bound, hidden_layer_sizes):
        super().__init__()
        self.bound, self.n_moved = bound, len(moved)
        self.register_buffer("kept", torch.tensor(kept, dtype=torch.long))
        self.register_buffer("moved", torch.tensor(moved, dtype=torch.long))
        self.register_buffer("back", torch.argsort(torch.cat([self.kept, self.moved])))
        n_out = len(moved) * n_spline_numbers(n_bins)
        self.conditioner = Conditioner(len(kept), n_context, hidden_layer_sizes, n_out)

    def _split(self, z, context):
        kept = z[..., self.kept]
        numbers = self.conditioner(kept, context).unflatten(-1, (self.n_moved, -1))
        return kept, z[..., self.moved], spline_knots(numbers, bound=self.bound)

    def forward(self, z, context):
        """Return `(z, log |det|)` after the splines."""
        kept, moved, knots = self._split(z, context)
        moved, log_derivative = spline(moved, knots, bound=self.bound)
        return torch.cat([kept, moved], dim=-1)[..., self.back], log_derivative.sum(-1)

    def inverse(self, z, context):
        """Undo `forward`."""
        kept, moved, knots = self._split(z, context)
        return torch.cat([kept, inverse_spline(moved, knots, bound=self.bound)], dim=-1)[..., self.back]


def _halves(n_parameters, n_transforms, generator):
    """Yield `(kept, moved)` columns: a random split, then the same split the other way round, and so on."""
    for i in range(n_transforms):
        if i % 2 == 0:
            order = torch.randperm(n_parameters, generator=generator).tolist()
            first, second = order[: n_parameters // 2], order[n_parameters // 2 :]
        yield (first, second) if i % 2 == 0 or n_parameters == 1 else (second, first)
