"""Consistency models.

References
----------
.. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
.. [2] E. Luhman, T. Luhman (2021). Knowledge distillation in iterative generative models for improved sampling speed.
   arXiv 2101.02388.
.. [3] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
   simulation-based inference. arXiv 2312.05440.
.. [4] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
   American Statistical Association 102(477), 359-378.
"""

import itertools
import math

import torch
from torch import nn

from skabi.networks._base import DensityNetwork
from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels, told

# Draws whose energy score judges a network, of each held-out row.
_N_JUDGED = 8


class ConsistencyNetwork(DensityNetwork):
    """A function that takes any point of a path of the probability flow to the parameters where the path ends [1]_.

    The flow is that of a diffusion model which learns at the same time. It has draws and no density.

    Parameters
    ----------
    field : module
        `read(context)`, and `field(x, time, read)` with values `(..., n_parameters)`.
    diffusion : DiffusionNetwork
        With the solver, and the steps, of paths in training.

    Attributes
    ----------
    n_steps : int
    """

    has_density = False
    has_density_loss = False

    def __init__(self, field, diffusion):
        super().__init__(diffusion.n_parameters)
        self.field, self.diffusion = field, diffusion
        for part in field.modules():
            # Paths are new in each step of training: there is nothing to learn by heart.
            if isinstance(part, nn.Dropout):
                part.p = 0.0

    def configure(self, *, n_steps):
        """Set how many steps a draw takes, and return the network."""
        self.n_steps = n_steps
        return self

    def log_prob(self, theta, context):
        """Raise: a draw of several steps has no density that could be computed."""
        raise NotImplementedError(
            "a consistency model has draws and no density; FlowMatching() and SplineFlow() have one."
        )

    def training_loss(self, theta, context):
        """Return the losses of the diffusion model and of what points of its paths become, `(...,)`.

        For held-out rows the second is the energy score [4]_ of draws, which is least for those of the posterior: a
        network that is right on wrong paths is no good.
        """
        loss = self.diffusion.training_loss(theta, context)
        read = self.field.read(context)
        if not self.training:
            return loss + self._energy_score(theta, read)
        x, sigma, end = self._paths(theta, context)
        # Luhman, Luhman (2021), eq. 5, at all points of a path, weighted to be the error of what the network returns.
        error = (self.ended(x, sigma, read) - end) / self._shares(sigma)[1]
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

    def ended(self, x, time, read):
        """Return where the path through x at a time ends, `(..., d)`."""
        skip, out = self._shares(time)
        return skip * x + out * told(self.field, x, time, read)

    def _shares(self, time):
        """Return how much of a point, and of what the network says, is in where its path ends, `(..., 1)`."""
        # Schmitt et al. (2024), eq. 6, for parameters of variance one.
        gap = (time - self.diffusion.sigmas[0])[..., None]
        return 1 / (1 + gap.square()), gap / torch.sqrt(1 + time.square())[..., None]

    def from_base(self, z, context):
        """Return theta `(..., d)`: the noise of later steps is in the later digits of the base point."""
        z = z.expand(*torch.broadcast_shapes(z.shape[:-1], context.shape[:-1]), -1)
        return self._image(z, self.field.read(context))

    def sample(self, context, n_draws, generator):
        """Return draws `(n, n_draws, d)` given context `(n, c)`."""
        shape = (len(context), n_draws, self.n_parameters)
        normals = (
            torch.randn(shape, generator=generator, dtype=context.dtype, device=context.device)
            for _ in range(self.n_steps)
        )
        return self._drawn(next(normals), normals, self.field.read(context[:, None]))

    def _drawn(self, z, later, read):
        least, most = self.diffusion.sigmas
        times = levels(least, most, self.n_steps + 1).to(z).flip(0)
        theta = self.ended(z * math.sqrt(1 + most**2), times[0], read)
        for time, noise in zip(times[1:-1], later, strict=True):
            theta = self.ended(theta + torch.sqrt(time.square() - least**2) * noise, time, read)
        return theta

    def _image(self, z, read):
        uniforms = torch.special.ndtr(z.double())
        later = (torch.special.ndtri(_later_digits(uniforms, step)).to(z) for step in range(1, self.n_steps))
        return self._drawn(z, later, read)

    def _energy_score(self, theta, read):
        draws = self._image(times_and_normals(theta, _N_JUDGED, is_random=False)[1], read)
        error = (draws - theta).norm(dim=-1).mean(dim=0)
        gaps = (draws[:, None] - draws).norm(dim=-1).sum(dim=(0, 1)) / (_N_JUDGED * (_N_JUDGED - 1))
        return error - gaps / 2


def _later_digits(uniforms, step):
    """Return uniform numbers that are as good as independent of the first digits of others, and differ by step."""
    return ((997 + 60 * step) * uniforms).frac().clamp(1e-12, 1 - 1e-12)
