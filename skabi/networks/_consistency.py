"""Consistency models.

References
----------
.. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
.. [2] Y. Song, P. Dhariwal (2024). Improved techniques for training consistency models. arXiv 2310.14189.
.. [3] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
   simulation-based inference. arXiv 2312.05440.
.. [4] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
   American Statistical Association 102(477), 359-378.
"""

import math

import torch

from skabi.networks._base import DensityNetwork
from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels, told

# Song, Dhariwal (2024): of the logarithm of times in training, and of the loss near zero, times the root of d.
_MEAN, _SPREAD, _SOFTNESS = -1.1, 2.0, 0.00054
# Draws whose energy score judges a network, of each held-out row.
_N_JUDGED = 8


class ConsistencyNetwork(DensityNetwork):
    """A function that takes any point of a path of the probability flow to the parameters where the path ends [1]_.

    It has draws and no density.

    Parameters
    ----------
    n_parameters : int
    field : module
        `read(context)`, and `field(x, time, read)` with values `(..., n_parameters)`.
    n_repeats : int
        Times, and noises, of each row in a training step.
    times : tuple of two float
        The least, at which the function changes nothing, and the most noise.
    n_levels : tuple of two int
        Levels of noise at the beginning and at the end of training.

    Attributes
    ----------
    n_steps : int
    progress : float
        Share of the training that is done.
    """

    has_density = False
    has_density_loss = False

    def __init__(self, n_parameters, field, *, n_repeats, times, n_levels):
        super().__init__(n_parameters)
        self.field, self.n_repeats, self.times, self.n_levels = field, n_repeats, times, n_levels
        self.progress = 0.0

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
        """Return the distance between what neighbouring points of a path become, `(...,)`; held out, a score of draws.

        A network that takes all points to one would have no distance. So held-out rows are judged by the energy score
        [4]_ of draws, which is least for those of the posterior.
        """
        read = self.field.read(context)
        if not self.training:
            return self._energy_score(theta, read)
        uniforms, z = times_and_normals(theta, self.n_repeats, is_random=True)
        grid = levels(*self.times, self.n_levels_now() + 1).to(theta)
        place = (uniforms[..., None] > _shares_below(grid)).sum(dim=-1)
        later, earlier = grid[place + 1], grid[place]
        of_later = self.ended(theta + later[..., None] * z, later, read)
        with torch.no_grad():
            of_earlier = self.ended(theta + earlier[..., None] * z, earlier, read)
        softness = _SOFTNESS * math.sqrt(self.n_parameters)
        distance = torch.sqrt((of_later - of_earlier).square().sum(dim=-1) + softness**2) - softness
        return (distance / (later - earlier)).mean(dim=0)

    def n_levels_now(self):
        """Return how many intervals there are between levels at this point of training; they double [2]_."""
        first, last = self.n_levels
        n_doublings = math.floor(self.progress * (math.log2(last / first) + 1))
        return min(first * 2**n_doublings, last)

    def ended(self, x, time, read):
        """Return where the path through x at a time ends, `(..., d)`."""
        least = self.times[0]
        # Schmitt et al. (2024), eq. 6, for parameters of variance one.
        gap = (time - least)[..., None]
        skip, out = 1 / (1 + gap.square()), gap / torch.sqrt(1 + time.square())[..., None]
        return skip * x + out * told(self.field, x, time, read)

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

    def _energy_score(self, theta, read):
        draws = self._image(times_and_normals(theta, _N_JUDGED, is_random=False)[1], read)
        error = (draws - theta).norm(dim=-1).mean(dim=0)
        gaps = (draws[:, None] - draws).norm(dim=-1).sum(dim=(0, 1)) / (_N_JUDGED * (_N_JUDGED - 1))
        return error - gaps / 2


def _shares_below(grid):
    """Return the probability of all intervals up to each of a grid, without the last: those of log-normal times."""
    ends = torch.erf((grid.log() - _MEAN) / (math.sqrt(2) * _SPREAD))
    return (ends[1:-1] - ends[0]) / (ends[-1] - ends[0])


def _later_digits(uniforms, step):
    """Return uniform numbers that are as good as independent of the first digits of others, and differ by step."""
    return ((997 + 60 * step) * uniforms).frac().clamp(1e-12, 1 - 1e-12)
