"""Cross-validation of many data sets, where each refit is a posterior of what is left."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.estimators._known_likelihood import NoDensityError
from skabi.exceptions import ApproximationWarning
from skabi.model_selection._data_sets import check_structure, observations_of, said_before, stacked
from skabi.model_selection._elpd import CrossValElpd, totals
from skabi.model_selection._splits import refits_of

# Pairs of posterior draw and held-out observation that are looked at together.
_PAIRS = 2_000_000
# Sets of evenly spread draws, whose spread is the Monte Carlo error: the fewer, the more even, but the less well known.
_REPLICATES = 8
# Where fewer draws than this have the weight, in effect, their mean is not to be relied on.
_FEWEST_DRAWS = 5


def cross_val_elpd(
    estimator,
    X: ArrayLike,
    *,
    cv=None,
    groups=None,
    n_draws: int = 1000,
    random_state=None,
    verbose: int = 0,
) -> CrossValElpd:
    """Cross-validate the predictions of each data set, with real refits [1]_, [2]_.

    A refit is an amortized posterior of the observations that are left, so that leave-one-out needs no importance
    weights, and thousands of data sets take seconds. The log predictive density of an observation that is held out is
    the log of its mean likelihood over the draws of the posterior given the others. Draws are spread evenly, by
    randomized quasi-Monte Carlo in eight replicates: a half of the error of independent ones, or less.

    Parameters
    ----------
    estimator : JointEstimator
        Fitted. The numbers of observations that are left must be among those of its fit: draw sizes at random there.
    X : array-like of shape (n_datasets, n_observations, n_features), or list of arrays
    cv : int, splitter of scikit-learn, or iterable of splits, optional
        Splits the observations of each data set; by default `LeaveOneOut()`. `KFold(5)`, `LeaveOneGroupOut()` with
        `groups`, ... Of a series the future alone can be left out, as `TimeSeriesSplit()` does. A splitter that holds
        an observation out more than once gives it the mean of its log densities.
    groups : array-like of shape (n_datasets, n_observations), or list of arrays, optional
        Groups of observations, for splitters that need them.
    n_draws : int, default=1000
        Posterior draws a refit, at least 2; rounded up to a multiple of eight.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Of the draws. Splitters that shuffle have a random state of their own.
    verbose : int, default=0
        Positive for a progress bar.

    Returns
    -------
    result : CrossValElpd
        `pointwise`, `elpd`, `se` and `monte_carlo_se`. In a series the log density of an observation is given those
        before it, those held out included, so that a block's sum is the log of its joint predictive density.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ShapeError
        If data sets have no observations to leave out.
    ValueError
        If X are not finite numbers, a known likelihood returns NaN or plus infinity, splits of a series leave out
        something else than its future, or a data set has too few observations to split.

    Warns
    -----
    ApproximationWarning
        If posteriors are asked for data sets of fewer or more observations than any in fit, if observations lie far
        outside of what fit has seen, or if the draws that make one probable are too few.

    References
    ----------
    .. [1] A. Vehtari, A. Gelman, J. Gabry (2017). Practical Bayesian model evaluation using leave-one-out
       cross-validation and WAIC. Statistics and Computing 27. arXiv 1507.04544.
    .. [2] S. Radev, M. Schmitt, V. Pratz, U. Picchini, U. Köthe, P.-C. Bürkner (2023). JANA: jointly amortized neural
       approximation of complex Bayesian models. UAI 2023. arXiv 2302.09125.

    Examples
    --------
    >>> from skabi import JointEstimator
    >>> from skabi.datasets import GaussianMeanScale
    >>> from skabi.engines import Gaussian
    >>> from skabi.model_selection import cross_val_elpd
    >>> simulator = GaussianMeanScale(n_observations=(5, 20))
    >>> joint = JointEstimator(Gaussian(), n_simulations=500, max_iter=3, random_state=0).fit(simulator)
    >>> X, y = simulator.sample(3, random_state=1)
    >>> result = cross_val_elpd(joint, X, n_draws=100, random_state=0)
    >>> result.elpd.shape, result.n_refits == sum(len(x) for x in X)
    ((3,), True)
    """
    check_is_fitted(estimator)
    n_draws = check_count(n_draws, "n_draws", minimum=2)
    n_replicates = min(_REPLICATES, n_draws)
    n_draws += -n_draws % n_replicates
    is_series = check_structure(estimator) == "ordered"
    data_sets = observations_of(X, allow_nan=getattr(estimator, "missing", None) is not None)
    refits = refits_of(data_sets, cv, groups, is_series=is_series)
    _check_sizes(estimator.posterior_, [len(refit.left) for refit in refits])
    estimator.likelihood_.warn_of_unlike(stacked(data_sets))
    sums, counts = [np.zeros(len(x)) for x in data_sets], _counts(data_sets, refits)
    variances, n_poor = np.zeros(len(data_sets)), 0
    batches = _batches(refits, n_draws, is_series=is_series)
    seeds = seed_sequence(random_state).spawn(len(batches))
    with tqdm(total=len(refits), desc="refitting", unit=" posteriors", disable=not verbose) as bar:
        for batch, seed in zip(batches, seeds, strict=True):
            left = stacked([data_sets[refit.dataset][refit.left] for refit in batch])
            with said_before():
                draws = estimator.posterior_.sample(left, n_draws, n_replicates=n_replicates, random_state=seed)
            terms = _predict(estimator.likelihood_, data_sets, batch, draws, is_series=is_series)
            for refit, (log_densities, changes, weights) in zip(batch, terms, strict=True):
                i, held_out = refit.dataset, refit.held_out
                sums[i][held_out] += log_densities
                # Observations that are held out together share their draws, and so their errors.
                replicates = (changes @ (1 / counts[i][held_out])).reshape(n_replicates, -1).mean(axis=1)
                variances[i] += np.var(replicates, ddof=1) / n_replicates
                n_poor += int(np.count_nonzero(n_draws / np.mean(weights**2, axis=0) < _FEWEST_DRAWS))
            bar.update(len(batch))
    if n_poor:
        warn(
            f"the log predictive densities of {n_poor} observations rest on fewer than {_FEWEST_DRAWS} posterior "
            "draws, since all others make them improbable: they are too low, and monte_carlo_se does not show it. "
            "Raise n_draws.",
            ApproximationWarning,
        )
    with np.errstate(invalid="ignore"):
        pointwise = [total / count for total, count in zip(sums, counts, strict=True)]
    elpd, se = totals(pointwise, [count > 0 for count in counts])
    return CrossValElpd(pointwise, elpd, se, np.sqrt(variances), len(refits))


def _counts(data_sets, refits):
    """Return how often each observation is held out."""
    counts = [np.zeros(len(x)) for x in data_sets]
    for refit in refits:
        counts[refit.dataset][refit.held_out] += 1
    return counts


def _check_sizes(posterior, sizes):
    low, high = posterior.n_observations_in_
    if min(sizes) < low or max(sizes) > high:
        warn(
            f"cross-validation asks for posteriors of {min(sizes)} to {max(sizes)} observations, and those of fit had "
            f"{low} to {high}: what is beyond is a guess. Draw sizes at random in fit, as in Simulator(..., "
            f"n_observations=({min(*sizes, low)}, {max(*sizes, high)})).",
            ApproximationWarning,
        )


def _batches(refits, n_draws, *, is_series):
    """Return lists of refits that are small enough to be looked at together."""
    batches: list[list] = [[]]
    n_pairs = 0
    for refit in refits:
        n_more = n_draws * (len(refit.held_out) + len(refit.left) * is_series)
        if n_pairs + n_more > _PAIRS and batches[-1]:
            batches.append([])
            n_pairs = 0
        batches[-1].append(refit)
        n_pairs += n_more
    return batches


def _predict(likelihood, data_sets, batch, draws, *, is_series):
    """Return for each refit log densities of what is held out, how draws change these, and the draws' weights."""
    seen = [data_sets[refit.dataset][slice(refit.held_out[-1] + 1) if is_series else refit.held_out] for refit in batch]
    try:
        with said_before():
            # Single precision is far below the Monte Carlo error.
            terms = likelihood.log_likelihood(stacked(seen), draws, pointwise=True, dtype=np.float32)
    except NoDensityError as error:
        raise NoDensityError(batch[error.dataset].dataset) from error
    if is_series:
        return [_one_after_the_other(each[:, refit.held_out]) for each, refit in zip(terms, batch, strict=True)]
    each = [log_mean_exp(part) for part in terms]
    return [(log_densities, weights, weights) for log_densities, weights in each]


def _one_after_the_other(terms):
    """Return log densities of `(n_draws, n_observations)` in a row, each given those before: draws are reweighted."""
    joint, weights = log_mean_exp(np.cumsum(terms, axis=1))
    with np.errstate(invalid="ignore"):
        log_densities = np.diff(joint, prepend=0.0)
    # What follows on something impossible is so, too.
    log_densities[np.isneginf(joint)] = -np.inf
    with np.errstate(invalid="ignore"):
        return log_densities, np.diff(weights, prepend=1.0), weights


def log_mean_exp(terms):
    """Return the log of the mean of `exp(terms)` over the first axis, and how much each term weighs, 1 on average.

    To first order the error of the log is that of the mean of the weights.
    """
    largest = terms.max(axis=0)
    largest = np.where(np.isneginf(largest), 0.0, largest)
    weights = np.exp(terms - largest)
    mean = weights.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return largest + np.log(mean), weights / mean
