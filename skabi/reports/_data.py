"""Do data look like what the model makes? Replicated data sets, and how usual observed ones are."""

from collections.abc import Mapping

import numpy as np
from sklearn.frozen import FrozenEstimator

from skabi.diagnostics import posterior_predictive_check
from skabi.diagnostics._statistics import Statistics
from skabi.exceptions import SimulatorError
from skabi.misspecification import MahalanobisDetector
from skabi.reports._advice import for_training
from skabi.reports._subject import without_warning_of_what_is_unusual
from skabi.reports._verdicts import OF_PROBABILITY, Row, shortened

_MEND_MODEL = (
    "The simulator or the prior does not make such data, and for them the posterior is a guess: compare with simulated "
    "data, and mend the simulator, widen the prior, or clean the data. skabi.refine helps only if the model is right "
    "and they are rare."
)


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
    n = len(case.y)
    statistics = Statistics(case.statistics, case.subject.posterior)
    observed = statistics(case.X, n_datasets=n)
    replicated = statistics(replicates, n_datasets=n * case.n_replicates).reshape(n, case.n_replicates, -1)
    result = posterior_predictive_check(observed, replicated, one_draw=True, random_state=case.seeds["ties"])
    case.results["predictive_check"], case.results["statistic_names"] = result, statistics.names
    worst = int(np.argmin(result.overall))
    error = _largest_error(result.ranks[:, worst], result.n_replicates)
    row = Row(
        check="posterior predictive check",
        figure=error,
        expected="near 0",
        error=error,
        limits=OF_PROBABILITY,
        p_value=float(min(1.0, result.overall[worst] * len(result.overall))),
        finding=f"unlike its replicates: {shortened(statistics.names)[worst]}",
        what_to_try=(
            "Where ranks and coverage fail too, mend these first. Else the posterior misses what this statistic tells. "
            f"{for_training(case, 'another summary')}"
        ),
    )
    return [row]


def check_observed(case):
    """Return rows: how usual observed data sets are among simulated ones, each by itself and all together."""
    if case.observed is None:
        return []
    with without_warning_of_what_is_unusual(True):
        p_values = case.subject.usual_p_values(case.observed)
    if p_values is None:
        return case.leave_out("observed data sets", "the posterior does not know what is usual")
    case.results["usual_p_values"] = p_values
    together = _together(case)
    if together is None:
        return [_each_by_itself(case, p_values)]
    case.results["batch_test"] = together
    row = Row(
        check="observed data: all together",
        figure=together.p_value,
        expected=f"above {case.level:.2g}",
        error=1 - together.p_value,
        limits=(0.0, 0.0),
        p_value=together.p_value,
        family="observed data",
        finding=f"{len(p_values)} data sets are unlike as many simulated ones",
        what_to_try=_MEND_MODEL,
    )
    return [_each_by_itself(case, p_values), row]


def _together(case):
    """Return the test of all observed data sets as one, or None where there is one only, or no summaries of them."""
    posterior = case.subject.posterior
    if len(case.results["usual_p_values"]) < 2 or not hasattr(posterior, "transform"):
        return None
    frozen = posterior if isinstance(posterior, FrozenEstimator) else FrozenEstimator(posterior)
    with without_warning_of_what_is_unusual(True):
        detector = MahalanobisDetector(frozen, random_state=case.seeds["batches"]).fit(case.X)
        return detector.test(case.observed, batch=True, random_state=case.seeds["batches"])


def _each_by_itself(case, p_values):
    n = len(p_values)
    unusual = np.flatnonzero(p_values * n < case.level)
    listed = ", ".join(map(str, unusual[:5])) + (", ..." if unusual.size > 5 else "")
    return Row(
        check="observed data: smallest p-value",
        figure=float(p_values.min()),
        expected=f"above {case.level / n:.2g}",
        error=unusual.size / n,
        limits=(0.0, 0.0),
        p_value=float(min(1.0, n * p_values.min())),
        family="observed data",
        finding=f"{unusual.size} of {n} unlike the simulations: {listed}, counted from 0",
        what_to_try=_MEND_MODEL,
    )


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


def _largest_error(ranks, n_draws):
    """Return the largest difference of the distribution function of ranks from the uniform one."""
    shares = np.cumsum(np.bincount(ranks, minlength=n_draws + 1)) / len(ranks)
    return float(np.abs(shares - np.arange(1, n_draws + 2) / (n_draws + 1)).max())
