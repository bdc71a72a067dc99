import itertools

import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import sbc_ranks, uniformity_test
from skabi.diagnostics._uniformity import _basis, _polynomials, _statistic
from skabi.exceptions import ShapeError


@pytest.mark.parametrize(("n_draws", "order"), [(1, 1), (3, 3), (99, 4), (20_000, 6)])
def test_polynomials_are_orthonormal_on_the_grid_of_ranks(n_draws, order):
    values = np.vstack([np.ones(n_draws + 1), _polynomials(n_draws, order)])
    np.testing.assert_allclose(values @ values.T / (n_draws + 1), np.eye(order + 1), atol=1e-10)


def test_first_order_is_the_test_of_the_mean_rank():
    ranks = np.random.default_rng(0).integers(8, size=(150, 3)) // [1, 2, 1]
    z = (ranks.mean(axis=0) - 3.5) / np.sqrt((8**2 - 1) / 12 / 150)
    np.testing.assert_allclose(uniformity_test(ranks, 7, order=1), 2 * stats.norm.sf(np.abs(z)))


def test_second_order_adds_the_test_of_the_spread():
    ranks = np.random.default_rng(1).integers(8, size=150)
    squares = (np.arange(8) - 3.5) ** 2
    z = (squares[ranks].mean() - squares.mean()) / (squares.std() / np.sqrt(150))
    first = stats.norm.isf(uniformity_test(ranks, 7, order=1) / 2) ** 2
    np.testing.assert_allclose(uniformity_test(ranks, 7, order=2), stats.chi2.sf(first + z**2, 2))


@pytest.mark.parametrize("n_datasets", [10, 40, 100, 1000])
@pytest.mark.parametrize("n_draws", [9, 200])
def test_false_alarms_come_as_often_as_they_should(n_datasets, n_draws):
    n_repeats = 2000
    ranks = np.random.default_rng(n_datasets + n_draws).integers(n_draws + 1, size=(n_datasets, n_repeats))
    p_value = uniformity_test(ranks, n_draws)
    for level in (0.05, 0.2):
        # Of the repetitions, and of the simulations behind small samples.
        standard_error = np.sqrt(level * (1 - level) * (1 / n_repeats + 1 / 9999))
        assert abs((p_value <= level).mean() - level) < 4 * standard_error


def test_p_values_of_few_data_sets_are_those_of_all_outcomes():
    ranks = np.array(list(itertools.product(range(4), repeat=3))).T
    statistic = _statistic(ranks, _polynomials(3, 2), _basis(3, None))
    exact = (statistic >= statistic[:, np.newaxis] - 1e-9).mean(axis=1)
    assert np.abs(uniformity_test(ranks, 3, order=2) - exact).max() < 4 * 0.5 / np.sqrt(9999)


@pytest.mark.parametrize("error", [{"shift": 0.2}, {"shift": -0.2}, {"scale": 1.15}, {"scale": 1 / 1.15}])
def test_small_errors_are_rejected_with_a_thousand_data_sets(gaussians, error):
    wrong = gaussians(1000, 60, 40, **error)
    p_value = uniformity_test(sbc_ranks(wrong.draws, wrong.y), 60)
    assert p_value.shape == (40,)
    assert (p_value <= 0.05).mean() >= 0.95


def test_exact_posteriors_pass(gaussians):
    exact = gaussians(1000, 60, 40)
    rejected = (uniformity_test(sbc_ranks(exact.draws, exact.y), 60) <= 0.05).sum()
    assert rejected <= stats.binom.isf(1e-4, 40, 0.05)


def test_there_are_no_more_polynomials_than_draws():
    ranks = np.random.default_rng(2).integers(3, size=(200, 1))
    assert uniformity_test(ranks, 2, order=9) == uniformity_test(ranks, 2, order=2)


def test_few_data_sets_give_the_same_answer_twice():
    assert uniformity_test([3, 1, 4, 1, 5], 9) == uniformity_test([3, 1, 4, 1, 5], 9)


def test_wrong_arguments():
    with pytest.raises(ShapeError, match=r"\(n_datasets, n_parameters\)"):
        uniformity_test(np.zeros((2, 2, 2), dtype=int), 10)
    with pytest.raises(ValueError, match="between 0 and n_draws=10"):
        uniformity_test([0, 11], 10)
    with pytest.raises(ValueError, match="1 of 2 data sets are NaN"):
        uniformity_test([0, np.nan], 10)
    with pytest.raises(ValueError, match="order must"):
        uniformity_test([0, 1], 10, order=0)
