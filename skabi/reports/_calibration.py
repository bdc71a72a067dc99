"""Does the posterior keep its word? Ranks, and coverage of intervals, of regions and of balls."""

import numpy as np

from skabi._random import generators
from skabi.diagnostics import central_coverage, highest_density_coverage, sbc_ranks, tarp, uniformity_test
from skabi.reports._advice import for_shift, for_training
from skabi.reports._verdicts import OF_PROBABILITY, Row, fault_row

# Densities are slower than draws, and ranks are uniform for any number of them.
_N_DENSITIES = 100
_PROB = 0.9
# Pieces of the unit interval among which continuous values are sorted for a test of ranks.
_N_PIECES = 1000
_NARROW = (
    "More simulations (n_simulations), or n_estimators=8, whose mixture is wider; stop earlier by a smaller "
    "n_iter_no_change."
)
_SHAPE = "A more flexible engine, such as SplineFlow with more transforms; then more simulations (n_simulations)."
_MEND_DENSITY = (
    "Such densities judge nothing: mend log_prob, or look at the loss curve, for training may have failed; lower "
    "learning_rate_init."
)
_JOINT = (
    "Look at the rows of single parameters first. If these are good, how parameters depend on each other is not: a "
    "more flexible engine, or more simulations (n_simulations)."
)


def check_ranks(case):
    """Return a row a parameter: simulation-based calibration."""
    n_draws = case.draws.shape[1]
    ranks = sbc_ranks(case.draws, case.y, random_state=case.seeds["ranks"])
    case.results["sbc_ranks"] = ranks
    rows = []
    for name, u, p_value in zip(
        case.names, _continuous(ranks, n_draws).T, uniformity_test(ranks, n_draws), strict=True
    ):
        finding, what_to_try = _describe(u, case)
        error = abs(largest_error(u))
        rows.append(
            Row(
                check="SBC ranks",
                parameter=name,
                figure=error,
                expected="near 0",
                error=error,
                limits=OF_PROBABILITY,
                p_value=float(p_value),
                finding=f"posterior {finding}",
                what_to_try=what_to_try,
            )
        )
    return rows


def check_central_coverage(case):
    """Return a row a parameter: coverage of central intervals."""
    result = case.results["central_coverage"] = central_coverage(case.draws, case.y)
    u = _continuous(case.results["sbc_ranks"], case.draws.shape[1])
    # The central interval that just holds the truth has this probability, which is uniform, too.
    folded = np.abs(2 * u - 1)
    p_values = _p_values(folded)
    rows = []
    for j, name in enumerate(case.names):
        error = largest_error(folded[:, j])
        finding, what_to_try = _describe_intervals(u[:, j], error, case)
        rows.append(_coverage_row("central intervals", result.levels, result.coverage[:, j], error, p_values[j],
                                  parameter=name, finding=finding, what_to_try=what_to_try))  # fmt: skip
    return rows


def check_highest_density(case):
    """Return a row: coverage of regions of highest density, all parameters at once."""
    draws = case.draws[:, :_N_DENSITIES]
    of_truth = case.subject.log_prob(case.X, case.y)
    of_draws = None if of_truth is None else case.subject.log_prob(case.X, draws)
    if of_draws is None:
        return case.leave_out("highest-density coverage", "the posterior has no density")
    fault = _fault(of_truth, of_draws, (len(case.y), draws.shape[1]))
    if fault:
        return [fault_row("log_prob of the posterior", fault, _MEND_DENSITY)]
    case.results["log_prob"] = of_truth
    result = highest_density_coverage(of_draws, of_truth, random_state=case.seeds["densities"])
    case.results["highest_density_coverage"] = result
    error = largest_error(_continuous(result.ranks, draws.shape[1]))
    finding, what_to_try = ("regions too small", _NARROW) if error < 0 else ("regions too large", _wide(case))
    row = _coverage_row("highest density", result.levels, result.coverage, error, result.p_value,
                        finding=finding, what_to_try=what_to_try)  # fmt: skip
    return [row]


def _fault(of_truth, of_draws, shape):
    """Return why log densities cannot be those of a posterior, or None."""
    if of_truth.shape != shape[:1] or of_draws.shape != shape:
        return f"shapes {of_truth.shape} and {of_draws.shape} in place of {shape[:1]} and {shape}"
    both = np.column_stack([of_truth, of_draws])
    for name, is_bad in (("NaN", np.isnan(both)), ("infinite", both == np.inf)):
        if is_bad.any():
            return f"{name} for {np.count_nonzero(is_bad.any(axis=1))} of {len(both)} data sets"
    n_nowhere = np.count_nonzero((of_draws == -np.inf).all(axis=1))
    return f"zero density at its own draws of {n_nowhere} of {len(both)} data sets" if n_nowhere else None


def check_tarp(case):
    """Return a row: coverage of balls around random points, all parameters at once."""
    result = case.results["tarp"] = tarp(case.draws, case.y, random_state=case.seeds["points"])
    error = largest_error(_continuous(result.ranks, case.draws.shape[1]))
    row = _coverage_row("balls (TARP)", result.levels, result.coverage, error, result.p_value,
                        finding="joint posterior off", what_to_try=_JOINT)  # fmt: skip
    return [row]


def largest_error(u):
    """Return the largest difference, with its sign, of the distribution function of `u` from the uniform one."""
    ordered = np.sort(u)
    n = len(ordered)
    above, below = np.arange(1, n + 1) / n - ordered, ordered - np.arange(n) / n
    return float(above.max() if above.max() > below.max() else -below.max())


def _continuous(ranks, n_draws):
    """Return ranks as uniform values in [0, 1], a random point of each one's piece."""
    (rng,) = generators(0, 1)
    return (ranks + rng.random(ranks.shape)) / (n_draws + 1)


def _p_values(u):
    """Return p-values of the columns of `u`, whose mean and spread are those of uniform values or not."""
    pieces = np.minimum((u * _N_PIECES).astype(np.int64), _N_PIECES - 1)
    return uniformity_test(pieces, _N_PIECES - 1, order=2)


def _coverage_row(regions, levels, coverage, error, p_value, **rest):
    return Row(
        check=f"coverage: {regions}",
        figure=float(np.interp(_PROB, levels, coverage)),
        expected=f"{_PROB:.2f}",
        error=abs(error),
        limits=OF_PROBABILITY,
        p_value=float(p_value),
        **rest,
    )


def _scores(u):
    """Return standard scores of the mean and of the spread of uniform values."""
    n = len(u)
    return np.sqrt(12 * n) * (u.mean() - 0.5), np.sqrt(180 * n) * (((u - 0.5) ** 2).mean() - 1 / 12)


def _wide(case):
    return for_training(case, "a more flexible engine", "a summary that keeps more of the data")


def _describe(u, case):
    """Return what is wrong with a posterior whose truths have the ranks `u`, and what to try."""
    shift, spread = _scores(u)
    if max(abs(shift), abs(spread)) < 2:
        return "of another shape", _SHAPE
    if abs(spread) >= abs(shift):
        return ("too narrow", _NARROW) if spread > 0 else ("too wide", _wide(case))
    return ("shifted, too high" if shift < 0 else "shifted, too low"), for_shift(case)


def _describe_intervals(u, error, case):
    """Return the same of intervals, whose coverage is off by `error`."""
    if error > 0:
        return "intervals too wide", _wide(case)
    shift, spread = _scores(u)
    if abs(shift) > abs(spread):
        return f"intervals shifted, too {'high' if shift < 0 else 'low'}", for_shift(case)
    return "intervals too narrow", _NARROW
