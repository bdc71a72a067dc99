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
from zuko.nn import MaskedLinear, MaskedMLP

from skabi.networks._location_scale import LocationScaleFlow
from skabi.networks._splines import inverse_spline, n_spline_numbers, spline


class AutoregressiveSplineStack(LocationScaleFlow):
    """Location and scale given the context, then splines given the parameters before, in random and reversed orders."""

    def __init__(
        self,
        n_parameters,
        n_context,
        *,
        n_transforms,
        n_bins,
        bound,
        hidden_layer_sizes,
        n_blocks,
        block_width,
        dropout,
    ):
        sizes = {"n_bins": n_bins, "bound": bound, "hidden_layer_sizes": hidden_layer_sizes}
        super().__init__(
            n_parameters,
            n_context,
            n_blocks=n_blocks,
            block_width=block_width,
            dropout=dropout,
            n_embedding=hidden_layer_sizes[-1],
            transforms=[
                AutoregressiveSpline(order, hidden_layer_sizes[-1], **sizes)
                for order in _orders(n_parameters, n_transforms)
            ],
        )


class AutoregressiveSpline(nn.Module):
    """A spline of each column, whose knots depend on the columns before it in `order` and the context."""

    def __init__(self, order, n_context, *, n_bins, bound, hidden_layer_sizes):
        super().__init__()
        self.bound, self.n_columns, self.n_numbers = bound, len(order), n_spline_numbers(n_bins)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))
        # Inside, columns stand in this order, so that the masks are the same for every order.
        before = torch.ones(len(order), len(order), dtype=torch.bool).tril(-1)
        may_see = torch.cat([before, torch.ones(len(order), n_context, dtype=torch.bool)], dim=1)
        layers = MaskedMLP(may_see.repeat_interleave(self.n_numbers, dim=0), hidden_layer_sizes, activation=nn.SiLU)
        self.layers = nn.ModuleList(layer for layer in layers if isinstance(layer, MaskedLinear))
        self._units = self._units_of_each_column()
        # The last layer starts small, so that a new flow is close to the identity and training starts smoothly.
        nn.init.normal_(self.layers[-1].weight, std=1e-2)
        nn.init.zeros_(self.layers[-1].bias)

    def _weights(self):
        """Return the masked weights of each layer, the first without, and after them, those for the context."""
        first, *rest = (layer.mask * layer.weight for layer in self.layers)
        return [first[:, : self.n_columns], *rest], first[:, self.n_columns :]

    def forward(self, z, context):
        """Return `(z, log |det|)` after the splines, in one pass; the context meets its weights once for all draws."""
        z, (weights, of_context) = z.index_select(-1, self.order), self._weights()
        hidden = functional.linear(context, of_context, self.layers[0].bias) + functional.linear(z, weights[0])
        for weight, layer in zip(weights[1:], self.layers[1:], strict=True):
            hidden = functional.linear(functional.silu(hidden), weight, layer.bias)
        numbers = hidden.unflatten(-1, (self.n_columns, self.n_numbers))
        z, log_derivative = spline(z, numbers, bound=self.bound)
        return z.index_select(-1, self.back), log_derivative.sum(-1)

    def inverse(self, z, context):
        """Undo `forward` column by column; a hidden unit is computed once, as soon as all that it sees is undone."""
        z, (weights, of_context) = z.index_select(-1, self.order), self._weights()
        # What each layer's units have got so far; of the last layer only those of columns that are not undone.
        inputs = [
            functional.linear(context, of_context, self.layers[0].bias),
            *(layer.bias for layer in self.layers[1:]),
        ]
        undone = []
        for i, units_of_layers in enumerate(self._units):
            for k, units in enumerate(units_of_layers, start=1):
                values, weight = functional.silu(inputs[k - 1][..., units]), weights[k][:, units]
                if k == len(self._units[0]):
                    weight = weight[i * self.n_numbers :]
                inputs[k] = inputs[k] + functional.linear(values, weight)
            numbers, inputs[-1] = inputs[-1].tensor_split([self.n_numbers], dim=-1)
            undone.append(inverse_spline(z[..., i], numbers, bound=self.bound))
            inputs[0] = inputs[0] + undone[-1].unsqueeze(-1) * weights[0][:, i]
        return torch.stack(undone, dim=-1).index_select(-1, self.back)

    def _units_of_each_column(self):
        """Return, for each column, the units of each hidden layer that see the columns up to just before it."""
        n_seen, by_layer = self.layers[0].mask[:, : self.n_columns].sum(dim=1), []
        for layer in self.layers[1:]:
            by_layer.append([torch.nonzero(n_seen == i).squeeze(1) for i in range(self.n_columns)])
            n_seen = (layer.mask * n_seen).amax(dim=1)
        return list(zip(*by_layer, strict=True))


def _orders(n_parameters, n_transforms):
    """Yield orders of the columns: a random one, then the same one backwards, and so on."""
    for i in range(n_transforms):
        if i % 2 == 0:
            order = torch.randperm(n_parameters)
        yield order if i % 2 == 0 else order.flip(0)
