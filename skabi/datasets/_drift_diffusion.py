"""Choices and reaction times of the drift diffusion model."""

from functools import partial

import numpy as np
from scipy import special, stats

from skabi._params import check_real
from skabi.datasets._observations import check_size, observations, split
from skabi.datasets._problem import Problem
from skabi.datasets._wiener import log_exit_density, sample_exit_times
from skabi.priors import IndependentPrior


def simulate_trials(drift, boundary, non_decision_time, rng, n_observations):
    """Return reaction times and choices, one number of trials for all data sets or one for each: an array or a list."""
    sizes = np.broadcast_to(n_observations, len(drift))
    drift, boundary, non_decision_time = (np.repeat(p, sizes) for p in (drift, boundary, non_decision_time))
    half = boundary / 2
    is_upper = rng.random(len(drift)) < special.expit(drift * boundary)
    times = non_decision_time + half**2 * sample_exit_times(drift * half, rng)
    return split(np.column_stack([times, is_upper]), sizes, is_ragged=np.ndim(n_observations) > 0)


def trials_log_likelihood(X, drift, boundary, non_decision_time, *, pointwise=False):
    """Log density of the trials, `(n_datasets,)`, or of each trial: `(n_datasets, n_trials)` or a list."""
    data = observations(X, 2)
    time, choice = data.values.T
    drift, half = data.repeat(drift), data.repeat(boundary / 2)
    time = time - data.repeat(non_decision_time)
    # Cosh cancels: the probability of a side is exp(+-z) / (2 cosh(z)).
    log_side = np.where(choice == 1, drift * half, np.where(choice == 0, -drift * half, -np.inf))
    terms = log_side - 0.5 * drift**2 * time - np.log(2 * half**2) + log_exit_density(time / half**2)
    return data.sums_or_terms(terms, pointwise=pointwise)


class DriftDiffusion(Problem):
    """Drift diffusion model: which of two answers, and after how long.

    Evidence starts in the middle between two boundaries and moves as a Wiener process, ``dW = drift dt + dB`` with t in
    seconds, until it meets one. A trial is

    - ``decision time = first t at which W leaves (-boundary / 2, boundary / 2)``
    - ``X_j1 = non_decision_time + decision time``, the reaction time in seconds
    - ``X_j2 = 1`` if the upper boundary was met, else 0

    with ``drift ~ N(0, drift_sd**2)``, ``boundary ~ Uniform(0.5, 2.5)``, the separation of the boundaries, and
    ``non_decision_time ~ Uniform(0.1, 0.6)`` in seconds. Trials are independent given the parameters.

    Simulation is exact, without time steps: choice and decision time are independent, ``P(X_j2 = 1) = 1 / (1 +
    exp(-drift * boundary))``, and the decision time is ``(boundary / 2)**2`` times a Jacobi variable, which Devroye's
    rejection sampler draws [2]_. The likelihood is the density of first passage [1]_, [3]_, accurate to 1e-12.

    Parameters
    ----------
    n_trials : int or (int, int), default=(50, 500)
        Range of numbers of trials, ends included, each as probable: `X` is a list of arrays `(n_trials, 2)`. Or one
        number for all: `X` is an array `(n_datasets, n_trials, 2)`.
    drift_sd : float, default=2.0
        Prior standard deviation of the drift.

    Attributes
    ----------
    n_features : int
        Number of columns of a data set, 2.

    References
    ----------
    .. [1] Ratcliff (1978). A theory of memory retrieval. Psychological Review 85(2), 59-108.
    .. [2] Polson, Scott, Windle (2013). Bayesian inference for logistic models using Pólya-Gamma latent variables.
       Journal of the American Statistical Association 108, 1339-1349. arXiv 1205.0310.
    .. [3] Navarro, Fuss (2009). Fast and accurate calculations for first-passage times in Wiener diffusion models.
       Journal of Mathematical Psychology 53(4), 222-230.

    Examples
    --------
    >>> from skabi.datasets import DriftDiffusion
    >>> X, y = DriftDiffusion().sample(3, random_state=0)
    >>> [x.shape for x in X], list(y.columns)
    ([(487, 2), (287, 2), (172, 2)], ['drift', 'boundary', 'non_decision_time'])
    >>> X, y = DriftDiffusion(n_trials=200).sample(3, random_state=0)
    >>> X.shape
    (3, 200, 2)
    """

    def __init__(self, n_trials=(50, 500), *, drift_sd=2.0):
        sizes, size = check_size(n_trials, "n_trials")
        self.n_trials = sizes or size
        self.drift_sd = check_real(drift_sd, "drift_sd", low=0.0)
        self.n_features = 2
        prior = IndependentPrior(
            {
                "drift": stats.norm(0.0, self.drift_sd),
                "boundary": stats.uniform(0.5, 2.0),
                "non_decision_time": stats.uniform(0.1, 0.5),
            }
        )
        super().__init__(
            prior,
            simulate_trials if sizes else partial(simulate_trials, n_observations=size),
            vectorized=True,
            n_observations=sizes,
            log_likelihood=trials_log_likelihood,
        )
