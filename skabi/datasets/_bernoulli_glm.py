"""Spikes of a neuron driven by white noise, as 100 bins and as ten sufficient statistics.

The stimulus is the one of sbibm 1.1.0 (MIT licence; Lueckmann et al., 2021): 100 standard normal numbers from NumPy's
legacy generator with seed 42, whose stream NumPy guarantees, rounded to single precision.
"""

import numpy as np
from scipy import special, stats

from skabi.datasets._problem import Problem
from skabi.priors import IndependentPrior

N_BINS = 100
N_LAGS = 9


def _make_design_matrix():
    """Return a column of ones and the stimulus delayed by 0 to 8 bins, `(100, 10)`."""
    stimulus = np.random.RandomState(42).standard_normal(N_BINS).astype(np.float32)
    design_matrix = np.zeros((N_BINS, 1 + N_LAGS))
    design_matrix[:, 0] = 1.0
    for lag in range(N_LAGS):
        design_matrix[lag:, 1 + lag] = stimulus[: N_BINS - lag]
    design_matrix.setflags(write=False)
    return design_matrix


DESIGN_MATRIX = _make_design_matrix()


def _make_prior():
    """Return the prior: offset of variance 2 and a filter that is smooth, with precision F'F."""
    difference = np.eye(N_LAGS) - np.eye(N_LAGS, k=-1)
    roughness = difference @ difference + np.diag(np.sqrt(np.arange(N_LAGS) / N_LAGS))
    covariance = np.zeros((1 + N_LAGS, 1 + N_LAGS))
    covariance[0, 0] = 2.0
    covariance[1:, 1:] = np.linalg.inv(roughness.T @ roughness)
    return IndependentPrior({"theta": stats.multivariate_normal(np.zeros(1 + N_LAGS), covariance)})


def simulate_spikes(theta, rng):
    """Return a spike (1) or none (0) in each bin, `(n_datasets, 100)`."""
    return (rng.random((len(theta), N_BINS)) < special.expit(theta @ DESIGN_MATRIX.T)).astype(np.float64)


def simulate_spike_statistics(theta, rng):
    """Return the number of spikes and nine sums of the stimulus before spikes, `(n_datasets, 10)`."""
    return simulate_spikes(theta, rng) @ DESIGN_MATRIX


def spike_statistics_log_likelihood(X, theta):
    """Log probability of the statistics, `(n_datasets,)`.

    The stimulus takes generic values, so that no two spike trains share their statistics: the probability of the
    statistics is the one of the train.
    """
    log_normaliser = np.logaddexp(0.0, theta @ DESIGN_MATRIX.T).sum(axis=-1)
    return (X * theta).sum(axis=-1) - log_normaliser


def spikes_log_likelihood(X, theta, *, pointwise=False):
    """Log probability of the spikes, `(n_datasets,)`, or of each bin, `(n_datasets, 100)`."""
    logit = theta @ DESIGN_MATRIX.T
    log_probability = X * logit - np.logaddexp(0.0, logit)
    return log_probability if pointwise else log_probability.sum(axis=-1)


class BernoulliGLM(Problem):
    """Bernoulli GLM task of the SBI benchmark [1]_, [2]_: logistic regression seen through sufficient statistics.

    The model, with the fixed design matrix ``D`` `(100, 10)` of ones and lagged stimulus, is

    - ``theta_1 ~ N(0, 2)`` (variance) and ``theta_2..10 ~ N(0, (F'F)^-1)``, where ``F`` takes second differences:
      a smooth filter
    - ``z_t ~ Bernoulli(logistic(D_t theta))`` in 100 bins
    - ``X = D' z``, `(n_datasets, 10)`: the number of spikes, and the stimulus summed at nine lags before a spike

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 10.

    See Also
    --------
    BernoulliGLMRaw : The same model with the 100 bins as data.

    References
    ----------
    .. [1] Gonçalves, Lueckmann, Deistler, Nonnenmacher, Öcal, Bassetto, et al. (2020). Training deep neural density
       estimators to identify mechanistic models of neural dynamics. eLife 9, e56261.
    .. [2] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import BernoulliGLM
    >>> X, y = BernoulliGLM().sample(5, random_state=0)
    >>> X.shape, y.shape
    ((5, 10), (5, 10))
    """

    def __init__(self):
        self.n_features = 1 + N_LAGS
        super().__init__(
            _make_prior(), simulate_spike_statistics, vectorized=True, log_likelihood=spike_statistics_log_likelihood
        )


class BernoulliGLMRaw(Problem):
    """Bernoulli GLM raw task of the SBI benchmark [1]_: the model of `BernoulliGLM`, seen through its 100 bins.

    `X` is the spike train, `(n_datasets, 100)` zeros and ones. ``X @ D`` are the sufficient statistics of
    `BernoulliGLM`, so both have the same posterior.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 100.

    See Also
    --------
    BernoulliGLM : The same model with ten sufficient statistics as data.

    References
    ----------
    .. [1] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import BernoulliGLMRaw
    >>> X, y = BernoulliGLMRaw().sample(5, random_state=0)
    >>> X.shape, y.shape
    ((5, 100), (5, 10))
    """

    def __init__(self):
        self.n_features = N_BINS
        super().__init__(_make_prior(), simulate_spikes, vectorized=True, log_likelihood=spikes_log_likelihood)
