"""Predator and prey, counted with error."""

import numpy as np
from scipy import stats

from skabi.datasets._problem import Problem
from skabi.datasets._runge_kutta import runge_kutta_step
from skabi.priors import IndependentPrior

PREY, PREDATORS = 30.0, 1.0
N_TIMES = 10
INTERVAL = 2.1
NOISE_SD = 0.1
LOG_LIMITS = np.log([1e-10, 1e4])
# Largest change of a log population in a step, roughly.
RESOLUTION = 0.2


def _derivative(log_state, rates):
    """Return the derivative of log prey and log predators, `(2, n_datasets)`."""
    alpha, beta, gamma, delta = rates
    prey, predators = np.exp(log_state)
    return np.stack([alpha - beta * predators, delta * prey - gamma])


def log_populations(alpha, beta, gamma, delta):
    """Log prey and log predators at ten times, `(n_datasets, 2, 10)`.

    Logarithms are integrated, so that populations stay positive, by Runge-Kutta steps that shrink as the rates of the
    system grow: the error of a log population is below 1e-4, a thousandth of the observation noise, for parameters up
    to four prior standard deviations from the centre. Each data set has its own steps, so that its result does not
    depend on the others.
    """
    rates = np.stack([alpha, beta, gamma, delta])
    log_state = np.repeat(np.log([[PREY], [PREDATORS]]), rates.shape[1], axis=1)
    result = np.empty((rates.shape[1], 2, N_TIMES))
    result[:, :, 0] = log_state.T
    running = np.arange(rates.shape[1])
    next_time, time = np.ones(len(running), dtype=int), np.zeros(len(running))
    while running.size:
        prey, predators = np.exp(log_state)
        fastest = rates[0] + rates[1] * predators + rates[2] + rates[3] * prey
        remaining = INTERVAL * next_time - time
        step = np.minimum(RESOLUTION / fastest, remaining)
        log_state = runge_kutta_step(lambda state, rates=rates: _derivative(state, rates), log_state, step)
        time = time + step
        arrived = step == remaining
        if arrived.any():
            result[running[arrived], :, next_time[arrived]] = log_state[:, arrived].T
            time[arrived] = INTERVAL * next_time[arrived]
            next_time = next_time + arrived
            left = next_time < N_TIMES
            if not left.all():
                running, next_time, time = running[left], next_time[left], time[left]
                log_state, rates = log_state[:, left], rates[:, left]
    return result


def _log_medians(alpha, beta, gamma, delta):
    """Medians of the logarithms of the 20 counts, `(n_datasets, 20)`, within the benchmark's limits."""
    return np.clip(log_populations(alpha, beta, gamma, delta), *LOG_LIMITS).reshape(-1, 2 * N_TIMES)


def simulate_lotka_volterra(alpha, beta, gamma, delta, rng):
    """Ten counts of prey, then ten of predators, `(n_datasets, 20)`."""
    log_medians = _log_medians(alpha, beta, gamma, delta)
    return np.exp(log_medians + NOISE_SD * rng.standard_normal(log_medians.shape))


def lotka_volterra_log_likelihood(X, alpha, beta, gamma, delta, *, pointwise=False):
    """Log density of the counts, `(n_datasets,)`, or of each count, `(n_datasets, 20)`."""
    scale = np.exp(_log_medians(alpha, beta, gamma, delta))
    log_density = stats.lognorm.logpdf(X, NOISE_SD, scale=scale)
    return log_density if pointwise else log_density.sum(axis=-1)


class LotkaVolterra(Problem):
    """Lotka-Volterra task of the SBI benchmark [1]_, [2]_: growth and death of predators and prey.

    The model is

    - ``alpha, gamma ~ LogNormal(-0.125, 0.5)`` and ``beta, delta ~ LogNormal(-3, 0.5)``
    - ``dx/dt = alpha x - beta x y`` for prey, ``dy/dt = -gamma y + delta x y`` for predators, from ``x = 30, y = 1``
    - each count at times 0, 2.1, ..., 18.9 is ``LogNormal(log population, 0.1)``, with populations outside
      [1e-10, 1e4] moved to these limits as in the benchmark's code; `X` has shape `(n_datasets, 20)`, prey first

    Counts range over many orders of magnitude. The likelihood is exact up to the integration of the ODE, whose error
    in a log population is below 1e-4.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 20.

    References
    ----------
    .. [1] Lotka (1920). Analytical note on certain rhythmic relations in organic systems. Proceedings of the National
       Academy of Sciences 6(7), 410-415.
    .. [2] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import LotkaVolterra
    >>> X, y = LotkaVolterra().sample(5, random_state=0)
    >>> X.shape, list(y.columns)
    ((5, 20), ['alpha', 'beta', 'gamma', 'delta'])
    """

    def __init__(self):
        self.n_features = 2 * N_TIMES
        fast, slow = stats.lognorm(0.5, scale=np.exp(-0.125)), stats.lognorm(0.5, scale=np.exp(-3.0))
        prior = IndependentPrior({"alpha": fast, "beta": slow, "gamma": fast, "delta": slow})
        super().__init__(prior, simulate_lotka_volterra, vectorized=True, log_likelihood=lotka_volterra_log_likelihood)
