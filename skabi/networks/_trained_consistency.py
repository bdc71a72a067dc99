"""Consistency models that learn from themselves.

References
----------
.. [1] Y. Song, P. Dhariwal (2024). Improved techniques for training consistency models. arXiv 2310.14189.
.. [2] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
   simulation-based inference. arXiv 2312.05440.
"""

import math

import torch

from skabi.networks._consistency import ConsistencyNetwork
from skabi.networks._follows_training import FollowsTraining
from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels

# Song, Dhariwal (2024): of the logarithm of times in training, and of the distance near zero, times the root of d.
_MEAN, _SPREAD, _SOFTNESS = -1.1, 2.0, 0.00054


class TrainedConsistencyNetwork(FollowsTraining, ConsistencyNetwork):
    """A consistency model that takes neighbouring points of a path to where it takes the one with less noise [1]_ [2]_.

    Parameters
    ----------
    n_parameters, field, times
        As of `ConsistencyNetwork`.
    n_repeats : int
        Times, and noises, of each row in a training step.
    n_levels : tuple of two int
        Intervals between levels of noise at the beginning and at the end of training.

    Attributes
    ----------
    progress : float
        Share of the training that is done.
    """

    def __init__(self, n_parameters, field, *, times, n_repeats, n_levels):
        super().__init__(n_parameters, field, times=times)
        self.n_repeats, self.n_levels = n_repeats, n_levels
        self.progress = 0.0

    def proceed(self, share):
        """Take note that a share of the training, from 0 to 1, is done."""
        self.progress = share

    def n_levels_now(self):
        """Return how many intervals there are between levels at this point of training: they double, up to the most."""
        first, last = self.n_levels
        n_doublings = math.floor(self.progress * (math.log2(last / first) + 1))
        return min(first * 2**n_doublings, last)

    def training_loss(self, theta, context):
        """Return the weighted distance between where neighbouring points of a path are taken, `(...,)`."""
        read = self.field.read(context)
        if not self.training:
            return self.energy_score(theta, read)
        uniforms, z = times_and_normals(theta, self.n_repeats, is_random=True)
        grid = levels(*self.times, self.n_levels_now() + 1).to(theta)
        place = (uniforms[..., None] > _shares_below(grid)).sum(dim=-1)
        later, earlier = grid[place + 1], grid[place]
        # Song, Dhariwal (2024): both drop the same units.
        with torch.no_grad(), torch.random.fork_rng([theta.device] if theta.is_cuda else []):
            of_earlier = self.ended(theta + earlier[..., None] * z, earlier, read)
        of_later = self.ended(theta + later[..., None] * z, later, read)
        return (pseudo_huber(of_later - of_earlier) / (later - earlier)).mean(dim=0)


def pseudo_huber(gap):
    """Return a distance that is the root of squares where a gap `(..., d)` is large, and smooth at zero, `(...,)`."""
    softness = _SOFTNESS * math.sqrt(gap.shape[-1])
    return torch.sqrt(gap.square().sum(dim=-1) + softness**2) - softness


def _shares_below(grid):
    """Return the probability of all intervals up to each of a grid, without the last: those of log-normal times."""
    ends = torch.erf((grid.log() - _MEAN) / (math.sqrt(2) * _SPREAD))
    return (ends[1:-1] - ends[0]) / (ends[-1] - ends[0])
