"""How good amortized draws are that only a detector has vouched for, by the weights of some."""

import numpy as np
import pandas as pd
from scipy import stats

from skabi.diagnostics._pareto import effective_sizes, log_importance_weights, pareto_smoothed

# Data sets that are looked at, and draws of each.
_N_LOOKED_AT, _N_DRAWS = 20, 2000
# What is warned of: means so many posterior standard deviations off, on average, or a larger share of data sets whose
# weights are of no use.
_LARGEST_ERROR, _LARGEST_K, _LARGEST_SHARE = 0.25, 0.7, 0.05
# Of shares that are no larger one in so many is warned of, and of errors those within so many of their own.
_FALSE_ALARMS, _STANDARD_ERRORS = 0.01, 2.0

_COLUMNS = ["pareto_k", "n_effective", "error_of_means", "monte_carlo_error"]


def looked_at(rows, rng):
    """Return up to 20 of `rows`, evenly spread."""
    n = min(_N_LOOKED_AT, len(rows))
    return rows[((rng.random() + np.arange(n)) * len(rows) / max(n, 1)).astype(int)]


def spot_check(posterior, target, *, rng):
    """Return a DataFrame of the weights of amortized draws, by data set of the target, a row for each of its rows."""
    if not len(target.rows):
        return pd.DataFrame(columns=_COLUMNS, index=pd.Index([], name="dataset", dtype=int), dtype=float)
    draws = posterior.sample(target.X, _N_DRAWS, random_state=rng)
    log_weights = log_importance_weights(target.log_prob(draws), posterior.log_prob(target.X, draws))
    weights, pareto_k = pareto_smoothed(log_weights)
    error, noise = _error_of_means(draws, weights)
    columns = pareto_k, effective_sizes(weights), error, noise
    return pd.DataFrame(np.column_stack(columns), columns=_COLUMNS, index=pd.Index(target.rows, name="dataset"))


def _error_of_means(draws, weights):
    """Return how far means of draws are from weighted ones, in weighted standard deviations, and the standard error.

    Both are means over parameters, `(n_datasets,)`; the first is of what chance cannot explain.
    """
    weights = weights[..., np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weights * draws).sum(axis=1, keepdims=True)
        variance = (weights * (draws - mean) ** 2).sum(axis=1)
        square = (draws.mean(axis=1) - mean[:, 0]) ** 2 / variance
        chance = ((weights - 1 / draws.shape[1]) ** 2 * (draws - mean) ** 2).sum(axis=1) / variance
        return np.sqrt(np.maximum(square - chance, 0.0)).mean(axis=1), np.sqrt(chance.mean(axis=1))


def complaint(checked):
    """Return what a spot check found against amortized draws, or None."""
    is_high = (checked["pareto_k"] > _LARGEST_K).to_numpy()
    n_high, n = np.count_nonzero(is_high), len(checked)
    # Where weights are of no use weighted means are no better than others.
    errors = checked[~is_high & np.isfinite(checked["error_of_means"])]
    error = errors["error_of_means"].mean() if len(errors) else 0.0
    chance = np.sqrt((errors["monte_carlo_error"] ** 2).sum()) / max(len(errors), 1)
    has_error = error > _LARGEST_ERROR + _STANDARD_ERRORS * chance
    has_high = n_high > 0 and stats.binom.sf(n_high - 1, n, _LARGEST_SHARE) < _FALSE_ALARMS
    if not (has_error or has_high):
        return None
    found = []
    if has_error:
        found.append(f"means are off by {error:.2f} posterior standard deviations on average")
    if has_high:
        found.append(f"{n_high} have a Pareto k above {_LARGEST_K}")
    return f"of {n} that were looked at " + ", and ".join(found)
