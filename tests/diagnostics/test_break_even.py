import math

import numpy as np
import pytest

from skabi.diagnostics import break_even


@pytest.mark.parametrize(
    ("training", "seconds", "other"), [(600, 0.1, 45), (1, 0.999, 1), (0.5, 1, 10), (7, 2, 9), (3600.0, 0.02, 0.05)]
)
def test_it_is_the_smallest_number_that_takes_no_longer(training, seconds, other):
    n = break_even(training, seconds, other).n_datasets
    assert isinstance(n, int)
    slack = 1e-9
    assert training + n * seconds <= n * other + slack
    assert n == 1 or training + (n - 1) * seconds > (n - 1) * other + slack


def test_equal_times_pay_and_rounding_costs_no_data_set():
    # 0.6 / (0.3 - 0.1) is a hair above 3 in binary numbers.
    assert break_even(0.6, 0.1, 0.3).n_datasets == 3
    assert break_even(8, 1, 5).n_datasets == 2


@pytest.mark.parametrize("other", [1.0, 0.5])
def test_it_never_pays_where_each_data_set_takes_as_long(other):
    result = break_even(10, 1.0, other)
    assert result.n_datasets == math.inf
    assert result.speedup(10**9) < 1


def test_speedup_is_the_ratio_of_times():
    result = break_even(60, 0.5, 10)
    assert result.speedup(4) == pytest.approx(4 * 10 / (60 + 4 * 0.5))
    numbers = np.array([[1, 10], [100, 10**8]])
    np.testing.assert_allclose(result.speedup(numbers), numbers * 10 / (60 + numbers * 0.5))
    assert result.speedup(result.n_datasets) >= 1 > result.speedup(result.n_datasets - 1)
    assert result.speedup(10**9) == pytest.approx(20)
    with pytest.raises(ValueError, match="n_datasets must be at least 1"):
        result.speedup([1, 0])


@pytest.mark.parametrize("position", range(3))
def test_times_must_be_positive_numbers(position):
    names, times = ["training_seconds", "seconds", "other_seconds"], [60, 1.0, 10.0]
    for wrong, error in ((0, ValueError), (-1.0, ValueError), (math.nan, ValueError), ("1 s", TypeError)):
        with pytest.raises(error, match=f"^{names[position]} must"):
            break_even(*times[:position], wrong, *times[position + 1 :])
