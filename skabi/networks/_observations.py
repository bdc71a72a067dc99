"""The density of one observation, of continuous and discrete columns, given a context."""

import torch
from torch import nn

from skabi.networks._residual import LinearResidual


class ObservationDensity(nn.Module):
    """A discrete head, then a density of the continuous columns given what is discrete.

    Columns come with discrete ones first. The density of continuous columns is that of the residual of a linear
    regression on the context, so that training starts from there.

    Parameters
    ----------
    head : DiscreteHead or None
    density : DensityNetwork or None
        Of the continuous columns, given the context and the head's features.
    n_context : int
    """

    def __init__(self, head, density, n_context):
        super().__init__()
        self.head, self.density, self.n_context = head, density, n_context
        self.n_discrete = len(head.n_levels) if head is not None else 0
        if density is not None:
            n_features = 0 if head is None else head.n_features
            self.residual = LinearResidual.identity(density.n_parameters, n_context + n_features)

    def with_discrete(self, values, context):
        """Return what continuous columns are conditioned on, `(..., n_features + n_context)`."""
        if self.head is None:
            return context
        return _joined(self.head.features(values[..., : self.n_discrete]), context)

    def log_prob(self, values, context):
        """Return the log density `(...,)` of values `(..., n_columns)`; leading axes broadcast."""
        log_prob = 0.0
        if self.head is not None:
            discrete = values[..., : self.n_discrete]
            log_prob = self.head.log_prob(discrete, self.head.features(discrete), context)
        if self.density is None:
            return log_prob
        context = self.with_discrete(values, context)
        residual = self.residual(values[..., self.n_discrete :], context)
        return log_prob + self.density.log_prob(residual, context) + self.residual.log_det

    def sample(self, context, generator):
        """Return values `(n, n_columns)` given context `(n, n_context)`, in double precision."""
        parts = []
        if self.head is not None:
            discrete = self.head.sample(context, generator)
            context = torch.cat([self.head.features(discrete), context], dim=-1)
            parts.append(discrete.to("cpu", torch.float64))
        if self.density is not None:
            residual = self.density.sample(context, 1, generator)
            parts.append(self.residual.inverse(residual, context[:, None])[:, 0])
        return torch.cat(parts, dim=-1)

    def tokens(self, values):
        """Return numbers `(..., n_tokens)` that stand for values `(..., n_columns)`."""
        return self.with_discrete(values, values[..., self.n_discrete :])


def _joined(first, second):
    shape = torch.broadcast_shapes(first.shape[:-1], second.shape[:-1])
    return torch.cat([first.expand(*shape, -1), second.expand(*shape, -1)], dim=-1)
