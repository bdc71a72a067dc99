"""A conditional location and scale, and what follows it in a flow."""

import torch
from torch import nn

from skabi.networks._base import DensityNetwork
from skabi.networks._perceptrons import residual_perceptron


class LocationScaleFlow(DensityNetwork):
    """Location and scale given an embedding of the context, then invertible `transforms` given the same embedding.

    Each transform has `forward(z, embedding)`, which returns `(z, log |det|)`, and its inverse `inverse(z, embedding)`.
    """

    def __init__(self, n_parameters, n_context, *, n_blocks, block_width, dropout, n_embedding, transforms):
        super().__init__(n_parameters)
        self.embedding = residual_perceptron(n_context, block_width, n_blocks, n_embedding, dropout)
        self.location_scale = nn.Linear(n_embedding, 2 * n_parameters)
        nn.init.zeros_(self.location_scale.weight)
        nn.init.zeros_(self.location_scale.bias)
        self.transforms = nn.ModuleList(transforms)

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)`."""
        embedding = self.embedding(context)
        location, log_scale = self.location_scale(embedding).chunk(2, dim=-1)
        z = (theta - location) * torch.exp(-log_scale)
        log_det = -log_scale.sum(-1)
        for transform in self.transforms:
            z, term = transform(z, embedding)
            log_det = log_det + term
        return z, log_det

    def from_base(self, z, context):
        """Return theta: the inverse of `to_base`."""
        embedding = self.embedding(context)
        z = z.expand(*torch.broadcast_tensors(z[..., 0], embedding[..., 0])[0].shape, -1)
        for transform in reversed(self.transforms):
            z = transform.inverse(z, embedding)
        location, log_scale = self.location_scale(embedding).chunk(2, dim=-1)
        return z * torch.exp(log_scale) + location
