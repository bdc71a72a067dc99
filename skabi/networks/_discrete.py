"""The probability of whole numbers and of categories, one column after the other."""

import torch
from torch import nn
from torch.nn import functional
from zuko.nn import MaskedLinear, MaskedMLP

# Logistic distributions in the mixture that a count has.
_N_COMPONENTS = 8
_SMALLEST_SCALE = 1e-3
# Below the lowest count there is nothing: its bin has no lower edge.
_NO_EDGE = 1e6
# From here on the arcsinh of a count has its derivative for the difference between neighbours, to one in 1e5.
_SMALL_COUNT = 100
# Beyond this many units a count is told to networks by its logarithm.
_LINEAR = 5.0


class DiscreteHead(nn.Module):
    """The probability of discrete columns given a context, each given those before it [1]_.

    A category has a probability for each of its levels. A count has the mass that a mixture of logistic distributions
    puts between the edges of its bin, so that probabilities of all counts add up to one, also of those never seen [2]_.

    Parameters
    ----------
    n_levels : sequence of int
        Of each column: how many levels a category has, 0 for a count.
    lowest, location, scale : sequences of float
        Of each column: its lowest count, minus infinity where there is none, and what its counts are standardised by,
        after their arcsinh where `is_wide`.
    is_wide : sequence of bool
        Which counts range over orders of magnitude.
    n_context : int
    width : int
        Of the two hidden layers.

    References
    ----------
    .. [1] M. Germain, K. Gregor, I. Murray, H. Larochelle (2015). MADE: masked autoencoder for distribution estimation.
       arXiv 1502.03509.
    .. [2] T. Salimans, A. Karpathy, X. Chen, D. Kingma (2017). PixelCNN++: improving the PixelCNN with discretized
       logistic mixture likelihood and other modifications. arXiv 1701.05517.
    """

    def __init__(self, n_levels, *, lowest, location, scale, is_wide, n_context, width=128):
        super().__init__()
        self.n_levels = tuple(n_levels)
        self.register_buffer("lowest", torch.tensor(lowest, dtype=torch.float32))
        self.register_buffer("location", torch.tensor(location, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("is_wide", torch.tensor(is_wide, dtype=torch.bool))
        n_features, n_numbers = zip(*((n, n) if n else (1, 3 * _N_COMPONENTS) for n in n_levels), strict=True)
        self.n_features, self._n_numbers = sum(n_features), n_numbers
        column_of_feature = torch.repeat_interleave(torch.arange(len(n_levels)), torch.tensor(n_features))
        before = column_of_feature < torch.arange(len(n_levels))[:, None]
        may_see = torch.cat([before, torch.ones(len(n_levels), n_context, dtype=torch.bool)], dim=1)
        may_see = may_see.repeat_interleave(torch.tensor(n_numbers), dim=0)
        layers = MaskedMLP(may_see, [max(width, len(n_levels))] * 2, activation=nn.SiLU)
        self.layers = nn.ModuleList(layer for layer in layers if isinstance(layer, MaskedLinear))
        self._start_spread_out()

    def _start_spread_out(self):
        """Let levels start as probable as each other, and components of counts side by side."""
        nn.init.normal_(self.layers[-1].weight, std=1e-2)
        places = torch.linspace(-1.5, 1.5, _N_COMPONENTS)
        start = torch.cat([torch.zeros(_N_COMPONENTS), places, torch.full((_N_COMPONENTS,), -0.5)])
        with torch.no_grad():
            self.layers[-1].bias.copy_(torch.cat([torch.zeros(n) if n else start for n in self.n_levels]))

    def features(self, values):
        """Return numbers `(..., n_features)` that stand for discrete values `(..., n_columns)`."""
        units = _softened(self._to_units(values))
        each = [
            functional.one_hot(values[..., i].long(), n).to(values.dtype) if n else units[..., [i]]
            for i, n in enumerate(self.n_levels)
        ]
        return torch.cat(each, dim=-1)

    def log_prob(self, values, features, context):
        """Return the log probability `(...,)`; leading axes of features and context broadcast."""
        numbers = self._numbers(features, context).split(self._n_numbers, dim=-1)
        total = 0.0
        for i, (n, parts) in enumerate(zip(self.n_levels, numbers, strict=True)):
            total = total + (self._of_level(values, i, parts) if n else self._of_count(values, i, parts))
        return total

    def sample(self, context, generator):
        """Return values `(n, n_columns)` given context `(n, c)`."""
        values = context.new_zeros(len(context), len(self.n_levels))
        for i, n in enumerate(self.n_levels):
            parts = self._numbers(self.features(values), context).split(self._n_numbers, dim=-1)[i]
            values[:, i] = self._draw_level(parts, generator) if n else self._draw_count(i, parts, generator)
        return values

    def _numbers(self, features, context):
        first, *rest = self.layers
        weight = first.mask * first.weight
        hidden = functional.linear(context, weight[:, self.n_features :], first.bias)
        hidden = hidden + functional.linear(features, weight[:, : self.n_features])
        for layer in rest:
            hidden = layer(functional.silu(hidden))
        return hidden

    def _to_units(self, counts):
        return (torch.where(self.is_wide, counts.asinh(), counts) - self.location) / self.scale

    def _of_level(self, values, i, logits):
        log_probs = logits.log_softmax(-1)
        index = values[..., i].long().expand(log_probs.shape[:-1]).unsqueeze(-1)
        return log_probs.gather(-1, index).squeeze(-1)

    def _of_count(self, values, i, numbers):
        counts = values[..., i, None]
        lower, upper = (self._to_units(values + shift)[..., i, None] for shift in (-0.5, 0.5))
        logits, places, log_scales = numbers.chunk(3, dim=-1)
        scales = log_scales.exp() + _SMALLEST_SCALE
        has_lower = counts > self.lowest[i]
        width = torch.where(has_lower, self._bin_width(counts, upper - lower, i), _NO_EDGE)
        a = torch.where(has_lower, (lower - places) / scales, -_NO_EDGE)
        # s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)) for the logistic function s.
        inside = functional.logsigmoid((upper - places) / scales) + functional.logsigmoid(-a)
        masses = inside + torch.log(-torch.expm1(-width / scales))
        return (logits.log_softmax(-1) + masses).logsumexp(-1)

    def _bin_width(self, counts, difference, i):
        """Return the width of a bin in units, which for large counts is no difference that floating point knows."""
        narrow = torch.where(self.is_wide[i], 1 / torch.hypot(counts, torch.ones_like(counts)), 1.0) / self.scale[i]
        return torch.where(self.is_wide[i] & (counts.abs() < _SMALL_COUNT), difference, narrow)

    def _draw_level(self, logits, generator):
        return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0].to(logits.dtype)

    def _draw_count(self, i, numbers, generator):
        logits, places, log_scales = numbers.chunk(3, dim=-1)
        chosen = torch.multinomial(logits.softmax(-1), 1, generator=generator)
        place, scale = places.gather(-1, chosen)[:, 0], log_scales.gather(-1, chosen)[:, 0].exp() + _SMALLEST_SCALE
        uniform = torch.rand(place.shape, generator=generator, dtype=place.dtype, device=place.device)
        tiny = torch.finfo(place.dtype).tiny
        units = place + scale * torch.logit(uniform.clamp(tiny, 1 - torch.finfo(place.dtype).eps))
        counts = units * self.scale[i] + self.location[i]
        return torch.where(self.is_wide[i], counts.sinh(), counts).round().clamp(min=self.lowest[i])


def _softened(units):
    size = units.abs()
    return units.sign() * torch.where(size > _LINEAR, _LINEAR + (size - _LINEAR).clamp(min=0).log1p(), size)
