"""What was learned: contraction, log score against the prior's, and the gap between training and new data."""

import numpy as np
from scipy import stats

from skabi.diagnostics import recovery
from skabi.reports._verdicts import Row

# A posterior variance of more than this share of the prior's says next to nothing of a parameter.
_LARGEST_SHARE = 0.95
# Nats, and standard errors, by which training data may do better than new ones.
_LARGEST_GAP, _N_ERRORS = 0.1, 3.0
# Probability of the intervals of the picture.
_PROB = 0.9
# Interquartile range of the normal distribution, in standard deviations; and from how many times as large a standard
# deviation on a prior is heavy in its tails.
_RANGE_OF_NORMAL, _HEAVY = 1.349, 10.0
# Draws of the prior for its standard deviations.
_N_PRIOR_DRAWS = 10_000


def check_contraction(case):
    """Return a row a parameter: how much narrower than the prior posteriors are."""
    prior_draws = case.y if case.prior is None else _prior_draws(case)
    prior_std = None if case.prior is None else prior_draws.std(axis=0, ddof=1)
    table = recovery(case.draws, case.y, prior_std=prior_std, parameter_names=case.names)
    case.results["recovery"] = table
    lower, upper = np.quantile(case.draws, [(1 - _PROB) / 2, (1 + _PROB) / 2], axis=1)
    mean = case.draws.mean(axis=1)
    case.results["intervals"] = {"true_values": case.y, "posterior_mean": mean, "lower": lower, "upper": upper}
    contractions = _without_heavy_tails(case, prior_draws, table["contraction"])
    return [
        Row(
            check="contraction",
            parameter=str(name),
            figure=contraction,
            expected=f"above {1 - _LARGEST_SHARE:.2f}",
            error=1 - contraction,
            limits=(_LARGEST_SHARE, np.inf),
            finding="hardly narrower than the prior",
            what_to_try=(
                "Data may say nothing of this parameter, or leave modes far apart (look at the draws): that is the "
                "model, and more training does not help. If you know that they say more, another summary, or features "
                "that tell of it."
            ),
        )
        for name, contraction in contractions.dropna().items()
    ]


def _without_heavy_tails(case, prior_draws, contractions):
    """Return contractions, by interquartile ranges where the variance of the prior is in its tails, or infinite."""
    ranges = np.subtract(*np.quantile(prior_draws, [0.75, 0.25], axis=0))
    is_heavy = prior_draws.std(axis=0) > _HEAVY * ranges / _RANGE_OF_NORMAL
    if not is_heavy.any():
        return contractions
    shares = np.subtract(*np.quantile(case.draws, [0.75, 0.25], axis=1)) / np.where(ranges > 0, ranges, np.nan)
    case.notes.append(
        f"The contraction of {', '.join(contractions.index[is_heavy])} is that of the interquartile range, squared, at "
        "the median data set: the prior has no variance to speak of."
    )
    return contractions.where(~is_heavy, 1 - np.median(shares**2, axis=0))


def check_score(case):
    """Return a row: how much higher the posterior's density at the truth is than the prior's, in nats."""
    log_prob = case.results.get("log_prob")
    if log_prob is None:
        return case.leave_out("log score", "the posterior has no density")
    if case.prior is None:
        return case.leave_out("log score against the prior's", "no prior is known")
    gain = log_prob - case.prior.log_prob(case.y)
    mean = float(gain.mean())
    if np.isfinite(mean):
        spread = gain.std(ddof=1) / np.sqrt(len(gain))
        p_value = float(stats.norm.cdf(mean / spread)) if spread > 0 else float(mean >= 0)
        finding = "worse than the prior"
    else:
        p_value, finding = 0.0, f"no density at the truth of {np.count_nonzero(~np.isfinite(gain))} data sets"
    row = Row(
        check="log score above the prior's",
        figure=mean,
        expected="above 0",
        error=-mean,
        limits=(0.0, 0.0),
        p_value=p_value,
        finding=finding,
        what_to_try=(
            "Training failed, or data are not of the kind it saw: look at the loss curve; lower learning_rate_init, "
            "more simulations (n_simulations), a simpler engine."
        ),
    )
    return [row]


def check_gap(case):
    """Return a row: by how much training data score higher than new ones, in nats."""
    if case.subject.loss_curve is not None:
        case.results["loss_curve"] = case.subject.loss_curve
    log_prob, training_score = case.results.get("log_prob"), case.subject.training_score
    if log_prob is None or training_score is None or not np.isfinite(log_prob).all():
        return []
    gap = training_score - float(log_prob.mean())
    allowed = _LARGEST_GAP + _N_ERRORS * float(log_prob.std(ddof=1)) / np.sqrt(len(log_prob))
    row = Row(
        check="training score above new data",
        figure=gap,
        expected=f"below {allowed:.2f}",
        error=gap,
        limits=(allowed, np.inf),
        finding="overfitted",
        what_to_try=(
            "More simulations (n_simulations) help most; else n_estimators=8, a smaller engine, or a smaller "
            "n_iter_no_change."
        ),
    )
    return [row]


def _prior_draws(case):
    """Return draws of the prior `(n, n_parameters)`, whose spread is surer than that of the true parameters."""
    return np.asarray(case.prior.sample(_N_PRIOR_DRAWS, random_state=case.seeds["prior"]), dtype=float)
