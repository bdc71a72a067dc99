import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import sbc_ranks
from skabi.exceptions import ShapeError


def test_rank_is_the_number_of_draws_below_the_truth():
    draws = np.array([[[0.1, 5.0], [0.3, 6.0], [0.2, 7.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]])
    y = np.array([[0.25, 4.0], [9.0, 2.5]])
    ranks = sbc_ranks(draws, y)
    np.testing.assert_array_equal(ranks, [[2, 0], [3, 2]])
    assert ranks.dtype.kind == "i"


def test_ranks_of_the_exact_posterior_are_uniform():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4000, 1))
    x = y + rng.normal(size=y.shape)
    draws = x[:, np.newaxis] / 2 + np.sqrt(0.5) * rng.normal(size=(4000, 9, 1))
    counts = np.bincount(sbc_ranks(draws, y).ravel(), minlength=10)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-4


def test_ties_are_broken_evenly():
    # A posterior on four values has ties all the time; without random breaking the rank 0 would take a quarter.
    rng = np.random.default_rng(1)
    y = rng.integers(4, size=(4000, 1))
    draws = rng.integers(4, size=(4000, 9, 1))
    counts = np.bincount(sbc_ranks(draws, y, random_state=0).ravel(), minlength=10)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-4


def test_random_state_repeats_and_matters_only_for_ties():
    rng = np.random.default_rng(2)
    draws, y = rng.integers(3, size=(50, 20, 2)), rng.integers(3, size=(50, 2))
    first = sbc_ranks(draws, y, random_state=3)
    np.testing.assert_array_equal(first, sbc_ranks(draws, y, random_state=3))
    assert (first != sbc_ranks(draws, y, random_state=4)).any()
    draws = draws + rng.uniform(0.1, 0.2, size=draws.shape)
    np.testing.assert_array_equal(sbc_ranks(draws, y), sbc_ranks(draws, y))


def test_one_dimensional_y_is_one_parameter():
    assert sbc_ranks(np.zeros((3, 5, 1)), np.ones(3)).shape == (3, 1)


@pytest.mark.parametrize(
    ("draws", "y", "message"),
    [
        (np.zeros((3, 5)), np.zeros((3, 5)), r"\(n_datasets, n_draws, n_parameters\)"),
        (np.zeros((3, 5, 2)), np.zeros((4, 2)), "same n_datasets"),
        (np.zeros((3, 5, 2)), np.zeros((3, 3)), r"\(n_datasets, 2\)"),
        (np.zeros((3, 5, 2)), np.zeros(3), r"\(n_datasets, 2\)"),
        (np.zeros((3, 0, 2)), np.zeros((3, 2)), "at least one"),
    ],
)
def test_wrong_shapes(draws, y, message):
    with pytest.raises(ShapeError, match=message):
        sbc_ranks(draws, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad):
    draws, y = np.zeros((3, 5, 1)), np.zeros((3, 1))
    draws[1, 2, 0] = bad
    with pytest.raises(ValueError, match="draws must be finite"):
        sbc_ranks(draws, y)
    with pytest.raises(ValueError, match="y must be finite"):
        sbc_ranks(np.zeros((3, 5, 1)), [0.0, bad, 0.0])
