"""An epidemic seen through ten small surveys."""

import numpy as np
from scipy import stats

from skabi.datasets._problem import Problem
from skabi.datasets._runge_kutta import runge_kutta_step
from skabi.priors import IndependentPrior

POPULATION = 1_000_000
SURVEY_SIZE = 1000
N_SURVEYS = 10
DAYS_BETWEEN = 17
STEPS_A_DAY = 4


def infected_share(beta, gamma):
    """Share of the population that is infected at each survey, `(n_datasets, 10)`.

    The logarithms of the susceptible and infected shares are integrated, so that both stay positive however small.
    With four Runge-Kutta steps a day the relative error is below 1e-5 for parameters up to two prior standard
    deviations from the centre, and below 3e-4 at five.
    """

    def derivative(log_shares):
        """Return the derivative of the log susceptible and log infected share, per day, `(2, n_datasets)`."""
        log_susceptible, log_infected = log_shares
        return np.stack([-beta * np.exp(log_infected), beta * np.exp(log_susceptible) - gamma])

    start = np.log([(POPULATION - 1) / POPULATION, 1 / POPULATION])
    log_shares = np.repeat(start[:, np.newaxis], len(beta), axis=1)
    record = [log_shares[1]]
    for _ in range(N_SURVEYS - 1):
        for _ in range(DAYS_BETWEEN * STEPS_A_DAY):
            log_shares = runge_kutta_step(derivative, log_shares, 1.0 / STEPS_A_DAY)
        record.append(log_shares[1])
    return np.exp(np.stack(record, axis=-1))


def simulate_sir(beta, gamma, rng):
    """Infected people in each survey, `(n_datasets, 10)`."""
    return rng.binomial(SURVEY_SIZE, infected_share(beta, gamma)).astype(np.float64)


def sir_log_likelihood(X, beta, gamma, *, pointwise=False):
    """Log probability of the surveys, `(n_datasets,)`, or of each survey, `(n_datasets, 10)`."""
    log_probability = stats.binom.logpmf(X, SURVEY_SIZE, infected_share(beta, gamma))
    return log_probability if pointwise else log_probability.sum(axis=-1)


class SIR(Problem):
    """SIR task of the SBI benchmark [1]_, [2]_: contact and recovery rate of an epidemic.

    The model of a population of ``N = 1,000,000`` with one infected at the start is

    - ``beta ~ LogNormal(log 0.4, 0.5)`` (contact rate, per day), ``gamma ~ LogNormal(log 0.125, 0.2)`` (recovery rate)
    - ``dS/dt = -beta S I / N``, ``dI/dt = beta S I / N - gamma I``, ``dR/dt = gamma I``
    - ``X_i ~ Binomial(1000, I(t_i) / N)`` at days 0, 17, ..., 153; `X` has shape `(n_datasets, 10)`

    The likelihood is exact up to the integration of the ODE: the relative error of ``I`` is below 1e-5 up to two prior
    standard deviations from the centre, and below 3e-4 at five.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 10.

    References
    ----------
    .. [1] Kermack, McKendrick (1927). A contribution to the mathematical theory of epidemics. Proceedings of the Royal
       Society A 115, 700-721.
    .. [2] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import SIR
    >>> X, y = SIR().sample(5, random_state=0)
    >>> X.shape, list(y.columns)
    ((5, 10), ['beta', 'gamma'])
    """

    def __init__(self):
        self.n_features = N_SURVEYS
        prior = IndependentPrior({"beta": stats.lognorm(0.5, scale=0.4), "gamma": stats.lognorm(0.2, scale=0.125)})
        super().__init__(prior, simulate_sir, vectorized=True, log_likelihood=sir_log_likelihood)
