import numpy as np
import pytest

from skabi.reports._calibration import largest_error
from skabi.reports._verdicts import Row, holm, judge, n_datasets_needed, smallest_error_seen, worst


def row(**fields):
    defaults = {"check": "c", "figure": 0.0, "expected": "", "finding": "wrong", "what_to_try": "mend it"}
    return Row(**{**defaults, "error": 0.0, "limits": (0.03, 0.1), **fields})


def test_holm_against_a_worked_example():
    # Holm (1979): multiply the smallest by n, the next by n - 1, ..., and keep them in order.
    adjusted = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06, 0.02])


def test_holm_of_nothing():
    assert np.isnan(holm(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("error", "p_value", "verdict"),
    [
        (0.5, 0.5, "good"),
        (0.02, 1e-9, "good"),
        (0.05, 1e-9, "doubtful"),
        (0.5, 1e-9, "bad"),
        (0.05, np.nan, "doubtful"),
        (0.5, np.nan, "bad"),
        (0.0, np.nan, "good"),
    ],
)
def test_verdict_is_of_chance_and_size(error, p_value, verdict):
    (judged,) = judge([row(error=error, p_value=p_value)], 0.05)
    assert judged.verdict == verdict
    assert (judged.finding == "") == (judged.what_to_try == "") == (verdict == "good")


def test_p_values_are_adjusted_over_all_rows():
    rows = [row(error=0.5, p_value=0.02)] + [row(p_value=0.5)] * 9
    assert judge(rows, 0.05)[0].verdict == "good"
    assert judge(rows[:1], 0.05)[0].verdict == "bad"


def test_p_values_are_adjusted_in_families():
    rows = [row(error=0.5, p_value=0.02, family="observed data")] + [row(p_value=0.5)] * 9
    assert [judged.verdict for judged in judge(rows, 0.05)] == ["bad"] + ["good"] * 9


def test_so_many_data_sets_as_are_needed_see_a_bad_error():
    n = n_datasets_needed(10, 0.05)
    assert smallest_error_seen(n, 10, 0.05) <= 0.1 < smallest_error_seen(n - 1, 10, 0.05)


def test_worst():
    assert worst(["good", "bad", "doubtful"]) == "bad"
    assert worst(["good", "doubtful"]) == "doubtful"
    assert worst([]) == "good"


def test_largest_error_has_a_sign():
    assert largest_error(np.linspace(0, 0.5, 1001)) == pytest.approx(0.5, abs=1e-3)
    assert largest_error(np.linspace(0.5, 1, 1001)) == pytest.approx(-0.5, abs=1e-3)


def test_smallest_error_is_seldom_exceeded_by_chance():
    rng = np.random.default_rng(0)
    limit = smallest_error_seen(200, 1, 0.05)
    exceeded = [abs(largest_error(rng.random(200))) > limit for _ in range(400)]
    assert np.mean(exceeded) < 0.09
