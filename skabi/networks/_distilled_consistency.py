"""Consistency models that learn from the paths of a diffusion model.

References
----------
.. [1] E. Luhman, T. Luhman (2021). Knowledge distillation in iterative generative models for improved sampling speed.
   arXiv 2101.02388.
"""

import itertools

import torch
from torch import nn

from skabi.networks._consistency import ConsistencyNetwork
from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels


class DistilledConsistencyNetwork(ConsistencyNetwork):
    """A consistency model of the flow of a diffusion model that learns at the same time [1]_.

    Parameters
    ----------
    field : module
        As of `ConsistencyNetwork`.
    diffusion : DiffusionNetwork
        With the solver, and the steps, of paths in training.
    """

    def __init__(self, field, diffusion):
        super().__init__(diffusion.n_parameters, field, times=diffusion.sigmas)
        self.diffusion = diffusion
        for part in field.modules():
            # Paths are new in each step of training: there is nothing to learn by heart.
            if isinstance(part, nn.Dropout):
                part.p = 0.0

    def training_loss(self, theta, context):
        """Return the losses of the diffusion model and of what points of its paths become, `(...,)`."""
        loss = self.diffusion.training_loss(theta, context)
        read = self.field.read(context)
        if not self.training:
            return loss + self.energy_score(theta, read)
        x, sigma, end = self._paths(theta, context)
        # Luhman, Luhman (2021), eq. 5, at all points of a path, weighted to be the error of what the network returns.
        error = (self.ended(x, sigma, read) - end) / self.shares(sigma)[1]
        return loss + error.square().mean(dim=-1).mean(dim=0)

    @torch.no_grad()
    def _paths(self, theta, context):
        """Return points of paths `(n_steps, ..., d)` for theta `(..., d)`, their noise, and where the paths end."""
        self.diffusion.eval()
        # Moved by up to half a step, so that no levels of noise stay unseen.
        shift = torch.rand(()) - 0.5
        sigmas = levels(*self.diffusion.sigmas, self.diffusion.n_steps + 1, shift=shift).flip(0).to(theta)
        normals = times_and_normals(theta, 1, is_random=True)[1][0]
        read, points = self.diffusion.field.read(context), [normals * self.diffusion.base_scale().to(theta)]
        for ends in itertools.pairwise(sigmas):
            step = torch.stack(ends)
            points.append(self.diffusion.solver(lambda x, t: self.diffusion.velocity(x, t, read), points[-1], step))
        self.diffusion.train()
        return torch.stack(points[:-1]), sigmas[:-1].reshape(-1, *[1] * (theta.ndim - 1)), points[-1]
