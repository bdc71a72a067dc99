"""Two crescents: a posterior with two modes, each thin and bent."""

import numpy as np
from scipy import special, stats

from skabi._params import check_count
from skabi._random import generators
from skabi.datasets._exact import ExactSimulator, check_data_sets
from skabi.priors import IndependentPrior

RADIUS, RADIUS_SD = 0.1, 0.01
OFFSET = 0.25
ROOT_TWO = np.sqrt(2.0)
MAX_PROPOSALS = 10_000_000
# Rows whose evidence is computed at once, so that memory does not grow with the number of data sets.
N_ROWS_AT_ONCE = 200


def _sample_crescent(shape, rng):
    """Return points of the crescent, two arrays of the given shape."""
    angle = rng.uniform(-np.pi / 2, np.pi / 2, shape)
    radius = rng.normal(RADIUS, RADIUS_SD, shape)
    return radius * np.cos(angle) + OFFSET, radius * np.sin(angle)


def simulate_two_moons(theta, rng):
    """Return a point of the crescent moved by the parameters, `(n_datasets, 2)`."""
    first, second = _sample_crescent(len(theta), rng)
    total, difference = theta[:, 0] + theta[:, 1], theta[:, 1] - theta[:, 0]
    return np.column_stack([first - np.abs(total) / ROOT_TWO, second + difference / ROOT_TWO])


def two_moons_log_likelihood(X, theta):
    """Return the log density, `(n_datasets,)`: polar coordinates on the crescent, whose Jacobian is the radius.

    A negative radius, ten standard deviations from the mean, reaches the crescent's other side. It is part of the
    simulator and so of the density.
    """
    total, difference = theta[..., 0] + theta[..., 1], theta[..., 1] - theta[..., 0]
    first = X[..., 0] + np.abs(total) / ROOT_TWO - OFFSET
    second = X[..., 1] - difference / ROOT_TWO
    radius = np.hypot(first, second)
    signed_radius = np.where(first < 0, -radius, radius)
    return stats.norm.logpdf(signed_radius, RADIUS, RADIUS_SD) - np.log(np.pi * radius)


def _preimage_mass(X):
    """Return the probability that a point of the crescent is one that the prior can move to `X`, `(n_datasets,)`.

    A crescent point `(p1, p2)` leads from `X` back to `u = p1 - x1`, which must be an absolute value, and
    `v = x2 - p2`; the parameters lie in the box when `u >= 0` and `u + abs(v) <= sqrt(2)`. For a given radius each
    condition is an interval of angles, so that the probability over the angle is exact; over the radius it is averaged
    at evenly spaced quantiles.
    """
    quantiles = (np.arange(1000) + 0.5) / 1000
    radius = RADIUS + RADIUS_SD * special.ndtri(quantiles)
    shift = (X[:, :1] - OFFSET) / radius
    reach = np.arccos(np.clip(shift, 0.0, 1.0))  # abs(angle) <= reach means u >= 0
    cut = []  # angles nearer than this to -pi/4, to pi/4 have u + v > sqrt(2), u - v > sqrt(2)
    for side in (1.0, -1.0):
        limit = shift + (ROOT_TWO - side * X[:, 1:]) / radius
        cut.append(np.arccos(np.clip(limit / ROOT_TWO, -1.0, 1.0)))
    low = [np.clip(centre - half, -reach, reach) for centre, half in zip((-np.pi / 4, np.pi / 4), cut, strict=True)]
    high = [np.clip(centre + half, -reach, reach) for centre, half in zip((-np.pi / 4, np.pi / 4), cut, strict=True)]
    overlap = np.maximum(np.minimum(*high) - np.maximum(*low), 0.0)
    removed = (high[0] - low[0]) + (high[1] - low[1]) - overlap
    return np.maximum(2 * reach - removed, 0.0).mean(axis=1) / np.pi


class TwoMoons(ExactSimulator):
    """Two moons task of the SBI benchmark [1]_, [2]_: two parameters, two crescent-shaped modes.

    The model is

    - ``theta ~ Uniform(-1, 1)`` for each of two parameters
    - ``a ~ Uniform(-pi / 2, pi / 2)`` and ``r ~ N(0.1, 0.01**2)``
    - ``X = (r cos a + 0.25 - |theta_1 + theta_2| / sqrt(2), r sin a + (theta_2 - theta_1) / sqrt(2))``,
      of shape `(n_datasets, 2)`

    Given `X`, a point ``p`` of the crescent determines ``|theta_1 + theta_2| = sqrt(2) (p_1 - X_1)``, whose sign is a
    fair coin, and ``theta_2 - theta_1 = sqrt(2) (X_2 - p_2)``. The map is a reflection and a rotation, its Jacobian is
    one, and the prior is flat: the posterior draws are crescent points mapped back, those outside the box left out.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 2.

    References
    ----------
    .. [1] Greenberg, Nonnenmacher, Macke (2019). Automatic posterior transformation for likelihood-free inference.
       arXiv 1905.07488.
    .. [2] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import TwoMoons
    >>> simulator = TwoMoons()
    >>> draws = simulator.sample_posterior([[0.0, 0.0]], n_draws=1000, random_state=0)
    >>> draws.shape
    (1, 1000, 2)
    """

    def __init__(self):
        self.n_features = 2
        prior = IndependentPrior({"theta": stats.uniform(np.full(2, -1.0), 2.0)})
        super().__init__(prior, simulate_two_moons, vectorized=True, log_likelihood=two_moons_log_likelihood)

    def log_evidence(self, X):
        """Log marginal likelihood of each data set.

        It is exact but for an average over the radius, whose error is below 1e-3 of the evidence unless the evidence
        is a small fraction of its greatest value, 1/2.

        Parameters
        ----------
        X : array-like of shape (n_datasets, 2)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)`; `-inf` for data that no parameter in the box can make.
        """
        X = check_data_sets(X, self.n_features)
        # A data set often comes once for each of its draws.
        distinct, inverse = np.unique(X, axis=0, return_inverse=True)
        starts = range(0, len(distinct), N_ROWS_AT_ONCE)
        mass = np.concatenate([_preimage_mass(distinct[start : start + N_ROWS_AT_ONCE]) for start in starts])
        with np.errstate(divide="ignore"):
            # Prior density 1/4, two parameters for each point of the crescent.
            return np.log(mass / 2.0)[inverse]

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior.

        Parameters
        ----------
        X : array-like of shape (n_datasets, 2)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, 2)
            Posterior draws.

        Raises
        ------
        ValueError
            If no parameter in the box could have made a data set, or so few that ten million proposals did not find
            `n_draws`.
        """
        X = check_data_sets(X, self.n_features)
        n_draws = check_count(n_draws, "n_draws")
        (rng,) = generators(random_state, 1)
        return np.stack([_invert(x, n_draws=n_draws, row=row, rng=rng) for row, x in enumerate(X)])


def _invert(x, *, n_draws, row, rng):
    """Map crescent points back to parameters until `n_draws` lie in the box, `(n_draws, 2)`."""
    kept, n_kept, n_proposals = [], 0, 0
    n_batch = n_draws
    while n_kept < n_draws:
        if n_proposals >= MAX_PROPOSALS:
            raise ValueError(
                f"The prior can hardly have made data set {row}, X = {x}: {n_proposals} proposals gave {n_kept} of "
                f"{n_draws} posterior draws. Check the units and the order of the columns of X."
            )
        first, second = _sample_crescent(n_batch, rng)
        absolute_total = first - x[0]
        total = np.where(rng.random(n_batch) < 0.5, -absolute_total, absolute_total)
        difference = x[1] - second
        theta = np.column_stack([total - difference, total + difference]) / ROOT_TWO
        theta = theta[(absolute_total >= 0) & (np.abs(theta) <= 1).all(axis=1)]
        kept.append(theta)
        n_kept += len(theta)
        n_proposals += n_batch
        n_batch = min(4 * n_batch, 1_000_000)
    return np.concatenate(kept)[:n_draws]
