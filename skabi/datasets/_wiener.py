"""Times at which a Wiener process first leaves an interval: exact draws and density.

A Wiener process with drift `z` that starts at 0 leaves (-1, 1) at a time X whose density is
``cosh(z) exp(-z**2 x / 2) f(x)``, where ``f`` is Jacobi's theta function: for every x one of two alternating series,

    f(x) = sum_n (-1)**n a_n(x),    a_n(x) = pi (n + 1/2) (2 / (pi x))**1.5 exp(-2 (n + 1/2)**2 / x)    or
                                    a_n(x) = pi (n + 1/2) exp(-(n + 1/2)**2 pi**2 x / 2),

of which the first is used below `TURN` and the second above [1]_, [2]_. The side on which it leaves is independent of
the time, and the upper one with probability ``1 / (1 + exp(-2 z))``.

References
----------
.. [1] Polson, Scott, Windle (2013). Bayesian inference for logistic models using Pólya-Gamma latent variables. Journal
   of the American Statistical Association 108, 1339-1349. arXiv 1205.0310.
.. [2] Navarro, Fuss (2009). Fast and accurate calculations for first-passage times in Wiener diffusion models. Journal
   of Mathematical Psychology 53(4), 222-230.
"""

import numpy as np
from scipy import special

TURN = 0.64


def sample_exit_times(z, rng):
    """Return times to leave (-1, 1) with drift `z`, an array of any shape: Devroye's sampler, [1]_ algorithm 1."""
    drift = np.abs(np.ravel(z))
    rate = np.pi**2 / 8 + drift**2 / 2
    # Masses of the two parts of the proposal, below and above TURN.
    above = np.pi / (2 * rate) * np.exp(-rate * TURN)
    root = np.sqrt(TURN)
    reflected = np.exp(drift + special.log_ndtr(-(TURN * drift + 1) / root))
    below = 2 * (np.exp(-drift) * special.ndtr((TURN * drift - 1) / root) + reflected)
    share_above = above / (above + below)
    times = np.empty_like(drift)
    pending = np.arange(len(drift))
    while len(pending):
        proposal = TURN + rng.standard_exponential(len(pending)) / rate[pending]
        is_below = rng.random(len(pending)) >= share_above[pending]
        proposal[is_below] = _sample_below(drift[pending[is_below]], rng)
        accepted = rng.random(len(pending)) <= _series(proposal)
        times[pending[accepted]] = proposal[accepted]
        pending = pending[~accepted]
    return times.reshape(np.shape(z))


def log_exit_density(x):
    """Return ``log f(x)``, the log density of the exit time without drift; minus infinity unless `x` is positive."""
    x = np.asarray(x, dtype=np.float64)
    positive = np.where(x > 0, x, 1.0)
    early = 1.5 * np.log(2 / (np.pi * positive)) - 0.5 / positive
    late = -(np.pi**2) / 8 * positive
    log_density = np.log(np.pi / 2) + np.where(positive <= TURN, early, late) + np.log(_series(positive))
    return np.where(x > 0, log_density, -np.inf)


def _series(x):
    """Return ``sum_n (-1)**n a_n(x) / a_0(x)``; the fifth term is below 1e-25."""
    with np.errstate(over="ignore"):
        exponent = np.where(x <= TURN, 2 / x, np.pi**2 / 2 * x)
        return sum((-1) ** n * (2 * n + 1) * np.exp(-n * (n + 1) * exponent) for n in range(4))


def _sample_below(drift, rng):
    """Return inverse Gaussian variables of mean `1 / drift` and shape 1, given that they are below `TURN`."""
    draws = np.empty_like(drift)
    pending = np.arange(len(drift))
    while len(pending):
        slow = drift[pending] < 1 / TURN
        proposal, accepted = np.empty(len(pending)), np.empty(len(pending), dtype=bool)
        for chosen, propose in ((slow, _propose_slow), (~slow, _propose_fast)):
            proposal[chosen], accepted[chosen] = propose(drift[pending[chosen]], rng)
        draws[pending[accepted]] = proposal[accepted]
        pending = pending[~accepted]
    return draws


def _propose_slow(drift, rng):
    """Propose 1 / chi-square variables below `TURN`, and tilt them by the drift; return which are accepted."""
    first, second = rng.standard_exponential((2, len(drift)))
    proposal = TURN / (1 + TURN * first) ** 2
    tilt = np.exp(-(drift**2) * proposal / 2)
    return proposal, (first**2 <= 2 * second / TURN) & (rng.random(len(drift)) <= tilt)


def _propose_fast(drift, rng):
    """Propose inverse Gaussian variables (Michael, Schucany, Haas, 1976); accepted are those below `TURN`."""
    mean = 1 / drift
    chi_square = rng.standard_normal(len(drift)) ** 2
    proposal = mean + 0.5 * mean**2 * chi_square
    proposal -= 0.5 * mean * np.sqrt(4 * mean * chi_square + (mean * chi_square) ** 2)
    proposal = np.where(rng.random(len(drift)) <= mean / (mean + proposal), proposal, mean**2 / proposal)
    return proposal, proposal <= TURN
