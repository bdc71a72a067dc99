"""Against the exact posterior: weights of draws, where the likelihood is known."""

from importlib.util import find_spec

import numpy as np
from scipy import special

from skabi.diagnostics import uniformity_test
from skabi.diagnostics._pareto import largest_k, log_importance_weights, pareto_smoothed
from skabi.estimators._known_likelihood import KnownLikelihood, data_sets_of, rows_of
from skabi.refine._target import Target
from skabi.reports._advice import for_training
from skabi.reports._verdicts import Row, fault_row

# Data sets and draws that are weighed.
_N_DATASETS, _N_DRAWS = 50, 500
# A share this small, of a posterior whose ranks are right, is a reason to doubt the likelihood.
_TINY = 0.1
_MEND_LIKELIHOOD = (
    "Mend log_likelihood of the simulator: it is to return one log density, finite or -inf, for each data set at its "
    "parameters. Nothing that needs it can be checked."
)


def check_weights(case):
    """Return rows: share of draws that are effective, and of data sets whose weights cannot be relied on."""
    if getattr(case.simulator, "log_likelihood", None) is None:
        return []
    X = rows_of(data_sets_of(case.X), np.arange(min(_N_DATASETS, len(case.y))))
    draws = case.draws[: len(X), :_N_DRAWS]
    log_prob = case.subject.log_prob(X, draws)
    if log_prob is None:
        return case.leave_out("importance weights", "the posterior has no density")
    target = Target(KnownLikelihood(case.simulator), case.simulator.prior, X, rows=np.arange(len(X)))
    try:
        log_weights = log_importance_weights(target.log_prob(draws), log_prob)
    except (TypeError, ValueError) as reason:
        return [fault_row("likelihood", str(reason), _MEND_LIKELIHOOD)]
    if (log_weights == -np.inf).all():
        return [fault_row("likelihood", "zero at all draws of all data sets", _MEND_LIKELIHOOD)]
    # Weights that differ by rounding alone have no tail.
    log_weights = np.round(log_weights - np.max(log_weights, axis=1, keepdims=True, initial=-1e300), 9)
    n_effective = np.exp(2 * special.logsumexp(log_weights, axis=1) - special.logsumexp(2 * log_weights, axis=1))
    share = case.results["effective_shares"] = np.nan_to_num(n_effective) / draws.shape[1]
    middle = float(np.median(share))
    advice = _advice(case, middle)
    rows = [
        Row(
            check="weights: effective share",
            figure=middle,
            expected="above 0.50",
            error=1 - middle,
            limits=(0.5, 0.9),
            finding="far from the exact posterior",
            what_to_try=advice,
        )
    ]
    if find_spec("arviz_stats") is None:
        case.leave_out("Pareto k of importance weights", "arviz-stats is not installed")
        return rows
    return rows + [_pareto_row(case, log_weights, advice)]


def _advice(case, share):
    ranks, n_draws = case.results["sbc_ranks"], case.draws.shape[1]
    is_calibrated = uniformity_test(ranks, n_draws).min() * ranks.shape[1] > case.level
    doubt = (
        "Ranks are as they should be, so log_likelihood may not be that of the simulator: compare the two, and the "
        "units and the order of the parameters. If it is, "
        if share < _TINY and is_calibrated
        else ""
    )
    return (
        f"{doubt}skabi.refine.refine(posterior, X, simulator) corrects draws by their weights, or by Markov chains. To "
        f"need it less often: {for_training(case).lower()}"
    )


def _pareto_row(case, log_weights, advice):
    pareto_k = case.results["pareto_k"] = pareto_smoothed(log_weights)[1]
    share = float(np.mean(~(pareto_k <= largest_k(log_weights.shape[1]))))
    return Row(
        check="weights: share with high Pareto k",
        figure=share,
        expected="below 0.10",
        error=share,
        limits=(0.1, 0.5),
        finding="tails too light for some data sets",
        what_to_try=advice,
    )
