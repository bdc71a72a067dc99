import itertools

import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import ecdf_bands, sbc_ecdf, sbc_ranks
from skabi.exceptions import ShapeError


def ecdf_at(ranks, bands):
    steps = np.rint(bands.z * (bands.n_draws + 1)).astype(int)
    return (ranks[:, np.newaxis] + 1 <= steps[:, np.newaxis]).mean(axis=-1)


def test_coverage_is_exact_where_all_outcomes_can_be_listed():
    bands = ecdf_bands(5, 3, prob=0.6)
    ranks = np.array(list(itertools.product(range(4), repeat=5)))
    ecdf = ecdf_at(ranks, bands)
    inside = ((ecdf >= bands.lower) & (ecdf <= bands.upper)).all(axis=1)
    assert 0 < inside.mean() < 1
    assert bands.coverage == pytest.approx(inside.mean(), abs=1e-12)


def test_p_value_is_exact_where_all_outcomes_can_be_listed():
    ranks = np.array(list(itertools.product(range(3), repeat=4)))
    result = sbc_ecdf(ranks.T, 2)
    z = result.z[:, np.newaxis]
    counts = np.rint(4 * result.ecdf)
    tails = np.minimum(stats.binom.cdf(counts, 4, z), stats.binom.sf(counts - 1, 4, z)).min(axis=0)
    tails = np.minimum(tails, 0.5)
    expected = (tails <= tails[:, np.newaxis] + 1e-12).mean(axis=1)
    np.testing.assert_allclose(result.p_value, expected, atol=1e-12)
    np.testing.assert_array_equal(result.inside, result.p_value > 0.05)


@pytest.mark.parametrize(
    ("n_datasets", "n_draws", "n_repeats"), [(100, 99, 1000), (100, 1000, 1000), (1000, 99, 500), (1000, 1000, 100)]
)
def test_false_alarms_are_five_percent(n_datasets, n_draws, n_repeats):
    rng = np.random.default_rng(n_datasets + n_draws)
    result = sbc_ecdf(rng.integers(n_draws + 1, size=(n_datasets, n_repeats)), n_draws)
    assert 0.95 <= result.bands.coverage < 0.952
    standard_error = np.sqrt(0.05 * 0.95 / n_repeats)
    assert abs((~result.inside).mean() - (1 - result.bands.coverage)) < 4 * standard_error
    np.testing.assert_array_equal(result.inside, result.p_value > 0.05)
    assert stats.kstest(result.p_value, "uniform").pvalue > 1e-4


def test_pointwise_limits_alone_would_alarm_too_often():
    bands = ecdf_bands(1000, 99)
    assert bands.gamma < 0.05 / 5
    middle = stats.binom.ppf([bands.gamma / 2, 1 - bands.gamma / 2], 1000, 0.5) / 1000
    np.testing.assert_allclose([bands.lower[50], bands.upper[50]], middle)


@pytest.mark.parametrize(
    ("n_datasets", "n_draws", "n_points"), [(1, 1, 1), (1, 50, 1), (7, 3, 4), (37, 1000, 37), (5000, 2500, 1000)]
)
def test_points_and_limits_of_any_size(n_datasets, n_draws, n_points):
    bands = ecdf_bands(n_datasets, n_draws)
    assert len(bands.z) == n_points + 1
    assert bands.z[0] == bands.lower[0] == bands.upper[0] == 0
    assert bands.z[-1] == bands.lower[-1] == bands.upper[-1] == 1
    assert (np.diff(bands.z) > 0).all()
    assert (bands.lower <= bands.z).all() and (bands.z <= bands.upper).all()
    assert 0.95 <= bands.coverage <= 1


def test_bands_grow_with_prob():
    narrow, wide = ecdf_bands(200, 99, prob=0.5), ecdf_bands(200, 99, prob=0.99)
    assert (wide.lower <= narrow.lower).all() and (wide.upper >= narrow.upper).all()
    assert wide.lower[50] < narrow.lower[50]


@pytest.mark.parametrize(("scale", "shift"), [(0.7, 0.0), (1.4, 0.0), (1.0, 0.3)])
def test_wrong_posteriors_are_flagged(scale, shift):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 2))
    x = y + rng.normal(size=y.shape)
    draws = x[:, np.newaxis] / 2 + np.sqrt(0.5) * rng.normal(size=(500, 199, 2))
    draws[..., 1] = x[:, [1]] / 2 + np.sqrt(0.5) * (scale * (draws[..., 1] - x[:, [1]] / 2) / np.sqrt(0.5) + shift)
    result = sbc_ecdf(sbc_ranks(draws, y), 199)
    np.testing.assert_array_equal(result.inside, [True, False])
    assert result.p_value[1] < 1e-3 < result.p_value[0]
    assert result.ecdf.shape == (len(result.z), 2)


def test_one_dimensional_ranks_are_one_parameter():
    assert sbc_ecdf([0, 1, 2, 3], 3).inside.shape == (1,)


@pytest.mark.parametrize("ranks", [np.zeros((2, 2, 2), dtype=int), np.zeros((0, 1), dtype=int), 3])
def test_wrong_shape_of_ranks(ranks):
    with pytest.raises(ShapeError, match=r"\(n_datasets, n_parameters\)"):
        sbc_ecdf(ranks, 10)


@pytest.mark.parametrize("ranks", [[0, 11], [-1, 3], [0.5, 1.0], [np.nan, 1.0], ["a", "b"]])
def test_ranks_that_cannot_be(ranks):
    with pytest.raises(ValueError, match="whole numbers"):
        sbc_ecdf(ranks, 10)


def test_data_sets_without_ranks_are_counted():
    with pytest.raises(ValueError, match=r"those of 2 of 3 data sets are NaN\. Find out why"):
        sbc_ecdf([[0.0, np.nan], [1.0, 2.0], [np.nan, np.nan]], 10)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((0, 10), ValueError), ((10, 0), ValueError), ((10.5, 10), TypeError), ((10, 10, 1.0), ValueError)],
)
def test_wrong_arguments_of_bands(arguments, error):
    n_datasets, n_draws, *prob = arguments
    with pytest.raises(error, match="must"):
        ecdf_bands(n_datasets, n_draws, **({"prob": prob[0]} if prob else {}))
