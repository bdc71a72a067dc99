"""A parameter that is a Gaussian process of time."""

import numpy as np

from skabi._params import check_choice
from skabi.dynamic._base import BaseTransition, Pull

_SHORTEST = 0.1


class GaussianProcess(BaseTransition):
    """A parameter that is a stationary Gaussian process with a Matern kernel.

    Processes of this kind have a state through which alone the future depends on the past [1]_: the value itself for
    the rough process of smoothness 1/2 (Ornstein-Uhlenbeck), value and slope for the one of smoothness 3/2. So the
    posterior of a whole trajectory is exact in form, can be filtered, and is forecast. The squared exponential kernel,
    the limit of smoothness, has no such state.

    Parameters
    ----------
    length : number, frozen distribution or str, default=10.0
        Length scale, in times.
    sd : number, frozen distribution or str, default=1.0
        Standard deviation of the process on the real line. See `BaseTransition`.
    mean : number, frozen distribution or str, default=0.0
        Its mean there.
    smoothness : {0.5, 1.5}, default=1.5
        Of the kernel: 0.5 for `exp(-d)`, 1.5 for `(1 + sqrt(3) d) exp(-sqrt(3) d)`, where d is distance over length.
    bounds : (float or None, float or None), optional
        Ends between which the parameter moves.

    References
    ----------
    .. [1] J. Hartikainen, S. Sarkka (2010). Kalman filtering and smoothing solutions to temporal Gaussian process
       regression models. IEEE International Workshop on Machine Learning for Signal Processing.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.dynamic import GaussianProcess
    >>> numbers, rng = {"length": 5.0, "sd": 1.0, "mean": 0.0}, np.random.default_rng(0)
    >>> states, _ = GaussianProcess().sample(2000, 11, numbers, rng)
    >>> round(float(np.corrcoef(states[:, 0, 0], states[:, 5, 0])[0, 1]), 1)  # (1 + 1.73) exp(-1.73) = 0.48
    0.5
    """

    _positive = ("sd", "length")

    def __init__(self, length=10.0, *, sd=1.0, mean=0.0, smoothness=1.5, bounds=None):
        self.length = length
        self.sd = sd
        self.mean = mean
        self.smoothness = smoothness
        self.bounds = bounds

    @property
    def n_states(self):  # type: ignore[override]
        """Numbers of a state: the value, and the slope of a smooth process in units of its standard deviation."""
        return 2 if self.smoothness == 1.5 else 1

    def check(self, name):
        """Raise unless numbers are in their ranges, and the smoothness is one of those that have a state."""
        super().check(name)
        check_choice(self.smoothness, f"smoothness of {name!r}", (0.5, 1.5))

    def start(self, n, hyper, rng):
        """Return states of the stationary process, `(n, n_states)`."""
        noise = hyper["sd"] * rng.standard_normal((self.n_states, n))
        noise[0] += hyper["mean"]
        return noise.T

    def advance(self, states, hyper, rng):
        """Return states at the next time, and that none of them jumped."""
        step, factor = self._matrices(hyper, len(states))
        centred = states - self._centre(hyper)
        noise = rng.standard_normal(states.shape)
        moved = np.einsum("nij,nj->ni", step, centred) + np.einsum("nij,nj->ni", factor, noise)
        return moved + self._centre(hyper), False

    def pull(self, states, hyper, *, jumped):
        """Return what the step says of the states before it: it is undone, and its noise with it."""
        # Where steps forget nearly all, what they say is of no matter, but must be a number.
        step, factor = self._matrices(hyper | {"length": np.maximum(hyper["length"], _SHORTEST)}, len(states))
        back = np.linalg.inv(step)
        location = np.einsum("nij,nj->ni", back, states - self._centre(hyper)) + self._centre(hyper)
        spread = back @ factor
        return Pull(location, np.linalg.cholesky(spread @ spread.swapaxes(1, 2)))

    def _centre(self, hyper):
        mean = np.reshape(hyper["mean"], (-1, 1))
        return mean if self.n_states == 1 else mean * np.array([1.0, 0.0])

    def _matrices(self, hyper, n):
        """Return the step `(n, k, k)` and a factor of the covariance of its noise, in units of the state."""
        length, sd = (np.broadcast_to(hyper[name], n) for name in ("length", "sd"))
        if self.n_states == 1:
            keep = np.exp(-1 / length)
            return keep[:, np.newaxis, np.newaxis], (sd * np.sqrt(-np.expm1(-2 / length)))[:, np.newaxis, np.newaxis]
        # Sarkka, Solin (2019), "Applied stochastic differential equations", example 6.2 and section 12.3; slopes are
        # in units of sd * rate, so that the stationary covariance is sd ** 2 times the identity.
        rate = np.sqrt(3) / length
        step = np.exp(-rate)[:, np.newaxis, np.newaxis] * np.stack(
            [np.stack([1 + rate, rate], axis=-1), np.stack([-rate, 1 - rate], axis=-1)], axis=-2
        )
        noise = np.eye(2) - step @ step.swapaxes(1, 2)
        return step, sd[:, np.newaxis, np.newaxis] * np.linalg.cholesky(noise)
