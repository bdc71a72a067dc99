"""Autoregressive flows [2]_ with spline transforms [1]_ on top of a conditional location and scale.

References
----------
.. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
.. [2] G. Papamakarios, T. Pavlakou, I. Murray (2017). Masked autoregressive flow for density estimation.
   arXiv 1705.07057.
"""

import torch
from torch import nn
from torch.nn import functional
from zuko.nn import MaskedMLP

from skabi.networks._location_scale import LocationScaleFlow
from skabi.networks._splines import inverse_spline, n_spline_numbers, spline, spline_knots


class AutoregressiveSplineStack(LocationScaleFlow):
    """Location and scale given the context, then splines given the parameters before, in random and reversed orders."""

    def __init__(self, n_parameters, n_context, *, n_transforms, n_bins, bound, hidden_layer_sizes, **embedding):
        sizes = {"n_bins": n_bins, "bound": bound, "hidden_layer_sizes": hidden_layer_sizes}
        super().__init__(
            n_parameters,
            n_context,
            n_embedding=hidden_layer_sizes[-1],
            **embedding,
            transforms=[
                AutoregressiveSpline(order, hidden_layer_sizes[-1], **sizes)
                for order in _orders(n_parameters, n_transforms)
            ],
        )


class AutoregressiveSpline(nn.Module):
    """A spline of each column, whose knots depend on the columns before it in `order` and the context."""

    def __init__(self, order, n_context, *, n_bins, bound, hidden_layer_sizes):
        super().__init__()
        self.bound, self.n_columns = bound, len(order)
        self.register_buffer("order", order)
        rank = torch.argsort(order)
        may_see = torch.cat([rank[:, None] > rank, torch.ones(len(order), n_context, dtype=torch.bool)], dim=1)
        may_see = may_see.repeat_interleave(n_spline_numbers(n_bins), dim=0)
        self.first, *rest = MaskedMLP(may_see, hidden_layer_sizes, activation=nn.SiLU)
        self.rest = nn.Sequential(*rest)
        # The last layer starts small, so that a new flow is close to the identity and training starts smoothly.
        nn.init.normal_(self.rest[-1].weight, std=1e-2)
        nn.init.zeros_(self.rest[-1].bias)

    def _numbers(self, z, context):
        """Return spline numbers `(..., d, n)`; the context meets its weights once for all its draws."""
        weight = self.first.mask * self.first.weight
        from_z = functional.linear(z, weight[:, : self.n_columns])
        from_context = functional.linear(context, weight[:, self.n_columns :], self.first.bias)
        return self.rest(from_z + from_context).unflatten(-1, (self.n_columns, -1))

    def forward(self, z, context):
        """Return `(z, log |det|)` after the splines, in one pass."""
        z, log_derivative = spline(z, spline_knots(self._numbers(z, context), bound=self.bound), bound=self.bound)
        return z, log_derivative.sum(-1)

    def inverse(self, z, context):
        """Undo `forward` column by column; a hidden unit is computed once, as soon as all that it sees is undone."""
        layers = [self.first, *(layer for layer in self.rest if hasattr(layer, "mask"))]
        weights = [layer.mask * layer.weight for layer in layers]
        # What the units of each hidden layer get so far, and the units that the last hidden layer has so far.
        inputs = [functional.linear(context, weights[0][:, self.n_columns :], layers[0].bias)]
        inputs += [layer.bias for layer in layers[1:-1]]
        known = z.new_zeros(*z.shape[:-1], 0)
        n_numbers = len(layers[-1].bias) // self.n_columns
        units, last_units, undone = self._units_by_rank(layers), [], {}
        for rank, column in enumerate(self.order.tolist()):
            for i, unit in enumerate(units[rank]):
                values = functional.silu(inputs[i][..., unit])
                if i + 1 < len(inputs):
                    inputs[i + 1] = inputs[i + 1] + functional.linear(values, weights[i + 1][:, unit])
            known = torch.cat([known, values.expand(*z.shape[:-1], -1)], dim=-1)
            last_units.append(unit)
            rows = slice(column * n_numbers, (column + 1) * n_numbers)
            numbers = functional.linear(known, weights[-1][rows][:, torch.cat(last_units)], layers[-1].bias[rows])
            undone[column] = inverse_spline(z[..., column], spline_knots(numbers, bound=self.bound), bound=self.bound)
            inputs[0] = inputs[0] + undone[column].unsqueeze(-1) * weights[0][:, column]
        return torch.stack([undone[column] for column in range(self.n_columns)], dim=-1)

    def _units_by_rank(self, layers):
        """Return, for each rank in the order, the units of each hidden layer that see columns up to just before it."""
        rank = layers[0].mask[:, : self.n_columns].sum(dim=1)
        by_layer = []
        for layer in layers[1:]:
            by_layer.append([torch.nonzero(rank == r).squeeze(1) for r in range(self.n_columns)])
            rank = (layer.mask * rank).amax(dim=1)
        return list(zip(*by_layer, strict=True))


def _orders(n_parameters, n_transforms):
    """Yield orders of the columns: a random one, then the same one backwards, and so on."""
    for i in range(n_transforms):
        if i % 2 == 0:
            order = torch.randperm(n_parameters)
        yield order if i % 2 == 0 else order.flip(0)
