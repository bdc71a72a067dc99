import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import ecdf_bands, pit_ecdf, pit_values
from skabi.exceptions import ShapeError


def test_value_lies_in_the_piece_between_its_neighbours():
    draws = np.tile([[0.1, 5.0], [0.3, 5.0], [0.2, 7.0]], (500, 1, 1))
    pit = pit_values(draws, np.tile([0.25, 5.0], (500, 1)), random_state=0)
    # Of four pieces the third; and the first three, because two draws equal the truth.
    for column, (low, high) in zip(pit.T, [(0.5, 0.75), (0.0, 0.75)], strict=True):
        assert column.min() > low and column.max() < high
        assert stats.kstest((column - low) / (high - low), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("n_draws", [3, 200])
def test_transforms_of_the_exact_posterior_are_uniform(gaussians, n_draws):
    exact = gaussians(2000, n_draws)
    assert stats.kstest(pit_values(exact.draws, exact.y, random_state=0)[:, 0], "uniform").pvalue > 1e-4


def test_transforms_of_discrete_values_are_uniform():
    rng = np.random.default_rng(0)
    counts, replicated = rng.poisson(1.0, size=(2000, 1)), rng.poisson(1.0, size=(2000, 20, 1))
    assert stats.kstest(pit_values(replicated, counts, random_state=0)[:, 0], "uniform").pvalue > 1e-4


def test_random_state_repeats():
    draws, y = np.zeros((20, 5, 1)), np.ones(20)
    first, same, other = (pit_values(draws, y, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


@pytest.mark.parametrize("n_values", [1, 7, 50, 1500])
def test_ecdf_is_the_share_of_values_up_to_z(n_values):
    rng = np.random.default_rng(0)
    # Ends of pieces too, which belong to the piece on their left.
    pit = np.column_stack([rng.random(n_values), rng.integers(n_values + 1, size=n_values) / n_values])
    result = pit_ecdf(pit)
    np.testing.assert_allclose(result.ecdf[1:], [(pit <= z + 1e-12).mean(axis=0) for z in result.z[1:]])
    np.testing.assert_array_equal(result.ecdf[0], 0)
    assert result.z[0] == 0 and result.z[-1] == 1
    assert len(result.z) == min(n_values, 1000) + 1


def test_bands_are_those_of_ranks():
    result = pit_ecdf(np.linspace(0, 1, 60), prob=0.8)
    bands = ecdf_bands(60, 59, prob=0.8)
    np.testing.assert_array_equal(result.bands.lower, bands.lower)
    np.testing.assert_array_equal(result.bands.upper, bands.upper)
    assert result.inside.tolist() == [True]


def test_false_alarms_come_as_often_as_they_should():
    result = pit_ecdf(np.random.default_rng(0).random((80, 200)))
    rejected = np.count_nonzero(~result.inside)
    assert stats.binom.isf(0.999, 200, 0.05) <= rejected <= stats.binom.isf(0.001, 200, 0.05)
    np.testing.assert_array_equal(result.inside, result.p_value > 0.05)


@pytest.mark.parametrize("error", [{"scale": 0.7}, {"scale": 1.4}, {"shift": 0.4}])
def test_wrong_posteriors_are_flagged(gaussians, error):
    wrong = gaussians(400, 99, **error)
    result = pit_ecdf(pit_values(wrong.draws, wrong.y, random_state=0))
    assert not result.inside[0] and result.p_value[0] < 1e-3


@pytest.mark.parametrize("pit", [[0.5, -0.1], [0.5, 1.1], [0.5, np.inf]])
def test_values_outside_the_unit_interval(pit):
    with pytest.raises(ValueError, match="between 0 and 1; they go from"):
        pit_ecdf(pit)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="2 of 3 rows hold NaN"):
        pit_ecdf([[0.5, np.nan], [0.1, 0.2], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="draws must be finite"):
        pit_values(np.full((2, 3, 1), np.nan), np.zeros(2))
    with pytest.raises(ValueError, match="y must be finite"):
        pit_values(np.zeros((2, 3, 1)), [0.0, np.nan])


@pytest.mark.parametrize("pit", [0.5, [], np.zeros((2, 2, 2))])
def test_wrong_shapes(pit):
    with pytest.raises(ShapeError, match=r"\(n_values, n_columns\)"):
        pit_ecdf(pit)
