"""Do data look like what the model makes? Replicated data sets, and how usual observed ones are."""

from collections.abc import Mapping

import numpy as np

from skabi._shapes import as_float_array
from skabi.diagnostics import posterior_predictive_check
from skabi.exceptions import ShapeError, SimulatorError
from skabi.reports._subject import without_warning_of_what_is_unusual
from skabi.reports._verdicts import OF_PROBABILITY, Row


def check_predictions(case):
    """Return a row: statistics of data sets among those of data sets simulated at one posterior draw of each."""
    if case.simulator is None:
        return case.leave_out("posterior predictive check", "there is no simulator")
    if not case.n_replicates:
        return case.leave_out("posterior predictive check", "n_replicates is 0")
    try:
        replicates = _replicate(case)
    except (AttributeError, SimulatorError) as reason:
        return case.leave_out("posterior predictive check", f"data sets cannot be replicated ({reason})")
    statistics = _statistics(case)
    observed = statistics(case.X)
    replicated = statistics(replicates).reshape(len(observed), case.n_replicates, -1)
    result = posterior_predictive_check(observed, replicated, one_draw=True, random_state=case.seeds["ties"])
    case.results["predictive_check"] = result
    worst = int(np.argmin(result.overall))
    error = _largest_error(result.ranks[:, worst], result.n_replicates)
    row = Row(
        check="posterior predictive check",
        figure=error,
        expected="near 0",
        error=error,
        limits=OF_PROBABILITY,
        p_value=float(min(1.0, result.overall[worst] * len(result.overall))),
        finding=f"replicates unlike the data: statistic {worst} of {len(result.overall)}",
        what_to_try=(
            "Where ranks and coverage fail too, mend these first. Else the posterior misses what this statistic tells: "
            "longer training (max_iter), more simulations (n_simulations), or another summary."
        ),
    )
    return [row]


def check_observed(case):
    """Return a row: how usual observed data sets are among simulated ones."""
    if case.observed is None:
        return []
    with without_warning_of_what_is_unusual(True):
        p_values = case.subject.usual_p_values(case.observed)
    if p_values is None:
        return case.leave_out("observed data sets", "the posterior does not know what is usual")
    case.results["usual_p_values"] = p_values
    n = len(p_values)
    unusual = np.flatnonzero(p_values * n < case.level)
    listed = ", ".join(map(str, unusual[:5])) + (", ..." if unusual.size > 5 else "")
    row = Row(
        check="observed data: smallest p-value",
        figure=float(p_values.min()),
        expected=f"above {case.level / n:.2g}",
        error=unusual.size / n,
        limits=(0.0, 0.0),
        p_value=float(min(1.0, n * p_values.min())),
        finding=f"{unusual.size} of {n} unlike the simulations: {listed}, counted from 0",
        what_to_try=(
            "The simulator or the prior does not make such data, and for them the posterior is a guess: compare with "
            "simulated data, and mend the simulator, widen the prior, or clean the data. skabi.refine helps only if "
            "the model is right and they are rare."
        ),
    )
    return [row]


def _statistics(case):
    """Return a function from data sets to statistics `(n_datasets, n_statistics)`."""
    if case.statistics is None:
        given = case.subject.summaries if hasattr(case.subject.posterior, "transform") else _moments
    else:
        given = case.statistics

    def statistics(X):
        values = as_float_array(given(X), name="the statistics of data sets")
        values = values[:, np.newaxis] if values.ndim == 1 else values
        if values.ndim != 2 or not values.size:
            raise ShapeError(f"statistics must have shape (n_datasets, n_statistics); got {values.shape}.")
        return values

    return statistics


def _replicate(case):
    """Return `n_replicates` data sets for each, in a row, that are simulated at its first draw."""
    draws = np.repeat(case.draws[:, 0], case.n_replicates, axis=0)
    sizes = {}
    # The same numbers of observations see more; new ones are as valid.
    if isinstance(case.X, list) and getattr(case.simulator, "n_groups", None) is None:
        sizes["n_observations"] = np.repeat([len(x) for x in case.X], case.n_replicates)
    replicates = case.simulator.simulate_from(draws, **sizes, random_state=case.seeds["replicates"])
    n = len(next(iter(replicates.values()))) if isinstance(replicates, Mapping) else len(replicates)
    if n < len(draws):
        raise SimulatorError(f"{len(draws) - n} of {len(draws)} simulations failed")
    return replicates


def _moments(X):
    """Return mean and standard deviation of the numbers of each data set."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        rows = X.reshape(len(X), -1)
        return np.stack([rows.mean(axis=1), rows.std(axis=1)], axis=1)
    return np.array([[np.mean(x), np.std(x)] for x in X])


def _largest_error(ranks, n_draws):
    """Return the largest difference of the distribution function of ranks from the uniform one."""
    shares = np.cumsum(np.bincount(ranks, minlength=n_draws + 1)) / len(ranks)
    return float(np.abs(shares - np.arange(1, n_draws + 2) / (n_draws + 1)).max())
