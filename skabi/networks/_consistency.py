"""Consistency models.

References
----------
.. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
.. [2] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
   simulation-based inference. arXiv 2312.05440.
.. [3] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
   American Statistical Association 102(477), 359-378.
"""

import math

import torch

from skabi.networks._base import DensityNetwork
from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels, told

# Draws whose energy score judges a network, of each held-out row.
_N_JUDGED = 8


class ConsistencyNetwork(DensityNetwork):
    """A function that takes any point of a path of the probability flow to the parameters where the path ends [1]_.

    It has draws and no density. A subclass has a `training_loss`: how it learns where paths end. Held-out rows are
    judged by the energy score [3]_ of draws, which is least for those of the posterior: a network that takes all points
    to one, or is right on wrong paths, is no good.

    Parameters
    ----------
    n_parameters : int
    field : module
        `read(context)`, and `field(x, time, read)` with values `(..., n_parameters)`.
    times : tuple of two float
        The least noise, at which the function changes nothing, and the most.

    Attributes
    ----------
    n_steps : int
    """

    has_density = False
    has_density_loss = False

    def __init__(self, n_parameters, field, *, times):
        super().__init__(n_parameters)
        self.field, self.times = field, times

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
        """Return what training minimises, or the energy score of held-out rows, `(...,)`."""
        raise NotImplementedError(f"{type(self).__name__} must define training_loss(theta, context).")

    def ended(self, x, time, read):
        """Return where the path through x at a time ends, `(..., d)`."""
        skip, out = self.shares(time)
        return skip * x + out * told(self.field, x, time, read)

    def shares(self, time):
        """Return how much of a point, and of what the network says, is in where its path ends, `(..., 1)`."""
        # Schmitt et al. (2024), eq. 6, for parameters of variance one.
        gap = (time - self.times[0])[..., None]
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
        least, most = self.times
        times = levels(least, most, self.n_steps + 1).to(z).flip(0)
        theta = self.ended(z * math.sqrt(1 + most**2), times[0], read)
        for time, noise in zip(times[1:-1], later, strict=True):
            theta = self.ended(theta + torch.sqrt(time.square() - least**2) * noise, time, read)
        return theta

    def _image(self, z, read):
        uniforms = torch.special.ndtr(z.double())
        later = (torch.special.ndtri(_later_digits(uniforms, step)).to(z) for step in range(1, self.n_steps))
        return self._drawn(z, later, read)

    def energy_score(self, theta, read):
        """Return the energy score of draws for theta `(..., d)`, `(...,)`, with the same random numbers each time."""
        draws = self._image(times_and_normals(theta, _N_JUDGED, is_random=False)[1], read)
        error = (draws - theta).norm(dim=-1).mean(dim=0)
        gaps = (draws[:, None] - draws).norm(dim=-1).sum(dim=(0, 1)) / (_N_JUDGED * (_N_JUDGED - 1))
        return error - gaps / 2


def _later_digits(uniforms, step):
    """Return uniform numbers that are as good as independent of the first digits of others, and differ by step."""
    return ((997 + 60 * step) * uniforms).frac().clamp(1e-12, 1 - 1e-12)
