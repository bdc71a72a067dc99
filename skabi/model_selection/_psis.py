"""Leave-one-out by Pareto smoothed importance sampling."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.utils.validation import check_is_fitted

from skabi._optional import import_optional
from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.estimators._known_likelihood import NoDensityError
from skabi.model_selection._adaptive import WeightedDraws, adapted
from skabi.model_selection._data_sets import check_structure, observations_of, said_before, stacked
from skabi.model_selection._elpd import PsisLoo, totals

# Fewer draws have no tail to be smoothed.
_FEWEST_DRAWS = 25


def psis_loo(estimator, X: ArrayLike, *, n_draws: int = 1000, random_state=None) -> PsisLoo:
    """Estimate leave-one-out from the posterior of each whole data set [1]_.

    For comparison with the real refits of `cross_val_elpd`: no posterior of less than the whole is needed, so sizes in
    fit need not vary, but the estimate fails where one observation moves the posterior much. Weights are those of the
    prior and of the likelihood of the others against the learned posterior, whose error they undo [2]_; without a prior
    that posterior is taken for exact. Smoothed by arviz-stats.

    Where the learned posterior is elsewhere, so that of its draws less than a fifth counts (a model that could hardly
    have made the data, say), draws are adapted to prior times likelihood in a few rounds [3]_.

    Parameters
    ----------
    estimator : JointEstimator
        Fitted.
    X : array-like of shape (n_datasets, n_observations, n_features), or list of arrays
        Of observations that are independent given the parameters.
    n_draws : int, default=1000
        Posterior draws a data set, at least 25.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Returns
    -------
    result : PsisLoo
        `pointwise`, `elpd`, `se`, and `pareto_k` by observation: above 0.7 do not believe it. An observation that
        hardly any draw makes possible has NaN, and infinity for k.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ImportError
        If arviz-stats is not installed; `pip install "skabi[arviz]"` installs it.
    ShapeError, ValueError
        If data sets have no observations to leave out, or are series.

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry (2024). Pareto smoothed importance sampling. Journal of
       Machine Learning Research 25(72). arXiv 1507.02646.
    .. [2] M. Magnusson, M. Andersen, J. Jonasson, A. Vehtari (2019). Bayesian leave-one-out cross-validation for large
       data. arXiv 1904.10679.
    .. [3] J.-M. Cornuet, J.-M. Marin, A. Mira, C. Robert (2012). Adaptive multiple importance sampling. Scandinavian
       Journal of Statistics 39(4), 798-812. arXiv 0907.1254.

    Examples
    --------
    >>> from skabi import JointEstimator
    >>> from skabi.datasets import GaussianMeanScale
    >>> from skabi.engines import Gaussian
    >>> from skabi.model_selection import psis_loo
    >>> simulator = GaussianMeanScale(n_observations=(5, 20))
    >>> joint = JointEstimator(Gaussian(), n_simulations=500, max_iter=3, random_state=0).fit(simulator)
    >>> X, y = simulator.sample(3, random_state=1)
    >>> psis_loo(joint, X, n_draws=500, random_state=0).elpd.shape
    (3,)
    """
    array_stats = import_optional("arviz_stats.base", extra="arviz", purpose="psis_loo").array_stats
    check_is_fitted(estimator)
    n_draws = check_count(n_draws, "n_draws", minimum=_FEWEST_DRAWS)
    if check_structure(estimator) == "ordered":
        raise ValueError(
            "leave-one-out is for observations that are independent given the parameters; of a series leave the future "
            "out: cross_val_elpd(estimator, X, cv=TimeSeriesSplit())."
        )
    data_sets = stacked(observations_of(X))
    draw_seed, adapt_seed = seed_sequence(random_state).spawn(2)
    draws = estimator.posterior_.sample(data_sets, n_draws, random_state=draw_seed)
    estimator.likelihood_.warn_of_unlike(data_sets)
    pointwise, pareto_k = [], []
    for i, seed in enumerate(adapt_seed.spawn(len(data_sets))):
        try:
            with said_before():
                weighted = _weighted(estimator, data_sets[i : i + 1], draws[i], np.random.default_rng(seed))
        except NoDensityError as error:
            raise NoDensityError(i) from error
        elpd, k = np.transpose([_leave_out(array_stats, *pair) for pair in _left_out(weighted)])
        pointwise.append(elpd)
        pareto_k.append(k)
    _, se = totals(pointwise)
    # An observation that cannot be left out is none to pass over.
    elpd = np.array([terms.sum() for terms in pointwise])
    return PsisLoo(pointwise, elpd, se, pareto_k, n_draws)


def _weighted(estimator, X, draws, rng):
    """Return `WeightedDraws` of one data set; without a prior the learned posterior is taken for exact."""

    def log_likelihood(y):
        # Single precision is far below the Monte Carlo error.
        terms = estimator.likelihood_.log_likelihood(X, y[np.newaxis], pointwise=True, dtype=np.float32)
        return np.asarray(terms[0], dtype=float)

    def log_posterior(y):
        return posterior.log_prob(X, y[np.newaxis])[0]

    posterior, terms = estimator.posterior_, log_likelihood(draws)
    if posterior.prior_ is None:
        return WeightedDraws(terms, -terms.sum(axis=1))
    return adapted(
        draws,
        terms,
        log_posterior(draws),
        prior=posterior.prior_,
        log_likelihood=log_likelihood,
        log_posterior=log_posterior,
        rng=rng,
    )


def _left_out(weighted):
    """Yield, for each observation, its log densities and the log weights of draws for the posterior of the others."""
    is_possible = np.isfinite(weighted.terms)
    terms = np.where(is_possible, weighted.terms, 0.0)
    total, n_impossible = terms.sum(axis=1) + weighted.log_ratio, (~is_possible).sum(axis=1)
    for term, possible in zip(terms.T, is_possible.T, strict=True):
        # The learned posterior is the proposal, and the posterior of the others the target [2]_.
        yield np.where(possible, term, -np.inf), np.where(n_impossible == ~possible, total - term, -np.inf)


def _leave_out(array_stats, term, log_weights):
    """Return the log predictive density of an observation, and its Pareto k."""
    is_possible = np.isfinite(log_weights)
    if is_possible.sum() < _FEWEST_DRAWS:
        return np.nan, np.inf
    with np.errstate(all="ignore"):
        smooth, k = array_stats.psislw(-log_weights[is_possible])
    elpd = special.logsumexp(smooth + term[is_possible]) - special.logsumexp(smooth)
    return (elpd, k) if np.isfinite(k) and not np.isnan(elpd) else (np.nan, np.inf)
