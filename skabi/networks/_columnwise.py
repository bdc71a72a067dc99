"""A density as a product over columns, a network each."""

import torch
from torch import nn

from skabi.networks._base import DensityNetwork


class Columnwise(DensityNetwork):
    """The chain rule: the density of each column given the context and the columns before it.

    Parameters
    ----------
    columns : list of DensityNetwork
        Of one column each, given those before it followed by the context.
    """

    def __init__(self, columns):
        super().__init__(len(columns))
        self.columns = nn.ModuleList(columns)

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)`."""
        parts = [
            column.to_base(theta[..., i : i + 1], _joined(theta[..., :i], context))
            for i, column in enumerate(self.columns)
        ]
        z, log_dets = zip(*parts, strict=True)
        return torch.cat(z, dim=-1), sum(log_dets)

    def from_base(self, z, context):
        """Return theta, column by column: the inverse of `to_base`."""
        theta = z.expand(*torch.broadcast_shapes(z.shape[:-1], context.shape[:-1]), -1)[..., :0]
        for i, column in enumerate(self.columns):
            part = column.from_base(z[..., i : i + 1], _joined(theta, context))
            theta = torch.cat([theta, part.expand(*theta.shape[:-1], 1)], dim=-1)
        return theta


def _joined(before, context):
    """Return the columns before and the context; what does not depend on columns keeps the shape of the context."""
    if not before.shape[-1]:
        return context
    shape = torch.broadcast_shapes(before.shape[:-1], context.shape[:-1])
    return torch.cat([before.expand(*shape, -1), context.expand(*shape, -1)], dim=-1)
