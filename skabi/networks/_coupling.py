"""Coupling flows with spline transforms [1]_ on top of a conditional location and scale.

References
----------
.. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
"""

import torch
from torch import nn

from skabi.networks._location_scale import LocationScaleFlow
from skabi.networks._perceptrons import Conditioner
from skabi.networks._skew import Skew
from skabi.networks._splines import inverse_spline, n_spline_numbers, spline


class SplineCouplingStack(LocationScaleFlow):
    """Location and scale given the context, and a skewness, then splines between random halves of the parameters."""

    def __init__(
        self,
        n_parameters,
        n_context,
        *,
        n_transforms,
        n_bins,
        bound,
        skew,
        hidden_layer_sizes,
        n_blocks,
        block_width,
        dropout,
    ):
        sizes = {"n_bins": n_bins, "bound": bound, "hidden_layer_sizes": hidden_layer_sizes}
        skews = [Skew(n_parameters, hidden_layer_sizes[-1])] if skew else []
        super().__init__(
            n_parameters,
            n_context,
            n_blocks=n_blocks,
            block_width=block_width,
            dropout=dropout,
            n_embedding=hidden_layer_sizes[-1],
            transforms=skews
            + [
                SplineCoupling(kept, moved, hidden_layer_sizes[-1], **sizes)
                for kept, moved in _halves(n_parameters, n_transforms)
            ],
        )


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
        kept = z.index_select(-1, self.kept)
        numbers = self.conditioner(kept, context).unflatten(-1, (self.n_moved, -1))
        return kept, z.index_select(-1, self.moved), numbers

    def _together(self, kept, moved):
        return torch.cat([kept, moved], dim=-1).index_select(-1, self.back)

    def forward(self, z, context):
        """Return `(z, log |det|)` after the splines."""
        kept, moved, numbers = self._split(z, context)
        moved, log_derivative = spline(moved, numbers, bound=self.bound)
        return self._together(kept, moved), log_derivative.sum(-1)

    def inverse(self, z, context):
        """Undo `forward`."""
        kept, moved, numbers = self._split(z, context)
        return self._together(kept, inverse_spline(moved, numbers, bound=self.bound))


def _halves(n_parameters, n_transforms):
    """Yield `(kept, moved)` columns: a random split, then the same split the other way round, and so on."""
    for i in range(n_transforms):
        if i % 2 == 0:
            order = torch.randperm(n_parameters).tolist()
            first, second = order[: n_parameters // 2], order[n_parameters // 2 :]
        yield (first, second) if i % 2 == 0 or n_parameters == 1 else (second, first)
