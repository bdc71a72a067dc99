"""The energy score: how good draws are, judged by the true parameters alone, without a density."""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist
from sklearn.utils import _safe_indexing

from skabi._random import seed_sequence
from skabi._shapes import as_float_array, check_draws_and_parameters, check_parameters
from skabi.exceptions import ApproximationWarning, ShapeError

# Draws whose distances are in memory at once: 32 MB of them.
_BLOCK = 2000
# What the scorer draws: parameters of a data set, and data sets at a time.
_N_DRAWS = 256
_N_DATASETS = 1000
_SEED = 0


def energy_score(draws: ArrayLike, y: ArrayLike, *, scale: ArrayLike | None = None) -> np.ndarray:
    """Return the energy score of the draws of each data set; lower is better [1]_.

    It is `E|draw - y| - E|draw - other draw| / 2` with Euclidean distances, equation 21 there: how far draws are from
    the true parameters, less half of how far they are from each other. Its expectation over data sets is smallest for
    draws from the exact posterior, too wide and too narrow ones being worse: it is a strictly proper score, as the log
    density is, and needs no density. For one parameter it is the continuous ranked probability score.

    The mean over pairs is that over different draws, so that the estimate is unbiased for any number of them, and that
    of one data set may be below zero. Memory does not grow with the number of draws; time does, with its square unless
    there is one parameter.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Two draws at least.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        The true parameters.
    scale : array-like of shape (n_parameters,), optional
        What one unit of each parameter is, such as its standard deviation under the prior. By default 1: parameters in
        large units then decide alone. Scores that are to be compared need the same scale.

    Returns
    -------
    score : ndarray of shape (n_datasets,)
        In the units of `y`, or of `scale`.

    Raises
    ------
    ShapeError
        If draws, y and scale do not fit together, or there is one draw only.
    ValueError
        If values are not finite numbers, or so large that their distances are not, or a scale is not positive.

    See Also
    --------
    energy_scorer : Minus the mean score of an estimator, for searches.

    References
    ----------
    .. [1] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
       American Statistical Association 102.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import energy_score
    >>> rng = np.random.default_rng(0)
    >>> y, exact = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 100, 1))
    >>> np.round([energy_score(scale * exact, y).mean() for scale in (0.5, 1.0, 2.0)], 2)
    array([0.61, 0.56, 0.65])
    """
    draws, y = check_draws_and_parameters(draws, y)
    if draws.shape[1] < 2:
        raise ShapeError(f"draws must have at least two draws a data set; got shape {draws.shape}.")
    scale = np.ones(draws.shape[2]) if scale is None else _check_scale(scale, draws.shape[2])
    with np.errstate(over="ignore", invalid="ignore"):
        draws, y = draws / scale, y / scale
        distances = np.linalg.norm(draws - y[:, np.newaxis], axis=2).mean(axis=1)
        spreads = _spreads_of_one(draws[..., 0]) if draws.shape[2] == 1 else np.array([_spread(own) for own in draws])
        score = distances - spreads / 2
    if not np.isfinite(score).all():
        raise ValueError(
            "draws and y must have distances that are floating-point numbers; those of data set "
            f"{np.flatnonzero(~np.isfinite(score))[0]} overflow. Pass a larger scale, or give them in another unit."
        )
    return score


def energy_scorer(estimator, X, y: ArrayLike) -> float:
    """Return minus the mean energy score [1]_ of an estimator's draws, for `scoring=` of scikit-learn's searches.

    Estimators with a density and without are scored alike, so that a search may compare them:
    `GridSearchCV(estimator, grid, scoring=energy_scorer)`. Parameters are in units of their standard deviations in `y`,
    so that their own units do not matter; a score is comparable with others of the same data sets. It is made from 256
    draws of each, from the same seed at every call. Where there is a density, `score`, its mean log, is the sharper of
    the two.

    Parameters
    ----------
    estimator : fitted estimator
        With `sample(X, n_draws, *, random_state)`.
    X : array-like of shape (n_datasets, ...), list of arrays, or SliceDict
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        The true parameters.

    Returns
    -------
    score : float
        Higher is better.

    Raises
    ------
    TypeError
        If the estimator cannot draw parameters.
    ValueError
        If X, y and draws do not fit together, or y are not finite numbers whose squares are.

    See Also
    --------
    energy_score : Of draws, and of each data set.

    References
    ----------
    .. [1] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
       American Statistical Association 102.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.diagnostics import energy_scorer
    >>> from skabi.engines import Gaussian
    >>> X, y = ConjugateGaussian().sample(300, random_state=0)
    >>> posterior = AmortizedPosterior(Gaussian(()), random_state=0)
    >>> search = GridSearchCV(posterior, {"max_iter": [1, 5]}, scoring=energy_scorer, cv=2).fit(X, y)
    >>> search.cv_results_["mean_test_score"].shape
    (2,)
    """
    if not callable(getattr(estimator, "sample", None)):
        raise TypeError(
            "energy_scorer needs an estimator that draws parameters, sample(X, n_draws, *, random_state), such as "
            "AmortizedPosterior. scikit-learn's pipeline has no sample even where its last step has; the one of "
            f"skabi.pipeline has. Got {estimator!r:.200}."
        )
    truth = check_parameters(y)
    scale = standard_deviations(truth)
    starts = range(0, len(truth), _N_DATASETS)
    scores = []
    for start, seed in zip(starts, seed_sequence(_SEED).spawn(len(starts)), strict=True):
        rows = slice(start, start + _N_DATASETS)
        draws = _sample(estimator, X if len(starts) == 1 else _rows(X, rows), seed)
        scores.append(energy_score(draws, truth[rows], scale=scale))
    return -float(np.concatenate(scores).mean())


def mean_distances(draws) -> np.ndarray:
    """Return mean distances between draws of several sources, `(n_sources, n_sources)`, averaged over data sets.

    Parameters
    ----------
    draws : list of ndarray of shape (n_datasets, n_draws, n_parameters)
        Of one source each; pairs of one source are of different draws.
    """
    n_sources = len(draws)
    result = np.empty((n_sources, n_sources))
    for i in range(n_sources):
        result[i, i] = np.mean([_spread(own) for own in draws[i]])
        for j in range(i):
            pairs = zip(draws[i], draws[j], strict=True)
            result[i, j] = result[j, i] = np.mean([cdist(*pair).mean() for pair in pairs])
    return result


def _sample(estimator, X, seed):
    with warnings.catch_warnings():
        # Simulated data sets are scored; of a thousand some are far out.
        warnings.filterwarnings("ignore", r"\d+ of \d+ data sets lie outside", ApproximationWarning)
        draws = estimator.sample(X, n_draws=_N_DRAWS, random_state=np.random.default_rng(seed))
    return np.asarray(draws)


def _rows(X, rows):
    """Return a slice of data sets."""
    if isinstance(X, Mapping):
        return type(X)(**{name: _safe_indexing(values, rows) for name, values in X.items()})
    return _safe_indexing(X, rows)


def standard_deviations(y):
    """Return the standard deviations of parameters, 1 for one that is constant."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.std(y, axis=0)
    if not np.isfinite(spread).all():
        raise ValueError("y must have values whose squares are floating-point numbers; give them in another unit.")
    return np.where(spread > 0, spread, 1.0)


def _check_scale(scale, n_parameters):
    scale = as_float_array(scale, name="scale")
    if scale.shape != (n_parameters,):
        raise ShapeError(f"scale must have shape ({n_parameters},), one number a parameter; got {scale.shape}.")
    if not (scale > 0).all():
        raise ValueError(f"scale must be positive numbers; got {scale.tolist()}.")
    return scale


def _spreads_of_one(draws):
    """Return the mean distance between two draws `(n_datasets, n_draws)` of one parameter: that of their order."""
    n = draws.shape[1]
    return np.sort(draws, axis=1) @ (2 * np.arange(1, n + 1) - n - 1) * 2 / (n * (n - 1))


def _spread(draws):
    """Return the mean distance between two different draws, `(n_draws, n_parameters)`."""
    n, total = len(draws), 0.0
    blocks = [draws[start : start + _BLOCK] for start in range(0, n, _BLOCK)]
    for i, block in enumerate(blocks):
        total += pdist(block).sum() + sum(cdist(block, other).sum() for other in blocks[:i])
    return 2 * total / (n * (n - 1))
