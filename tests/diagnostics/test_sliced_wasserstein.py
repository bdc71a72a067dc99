import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import sliced_wasserstein, sliced_wasserstein_test
from skabi.exceptions import ShapeError


def normal(n, n_columns=2, *, seed, scale=1.0, shift=0.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(n, n_columns))


@pytest.mark.parametrize("n_z", [40, 57])
def test_one_column_is_the_distance_of_scipy(n_z):
    x, z = normal(40, 1, seed=0), normal(n_z, 1, seed=1, shift=1.0, scale=2.0)
    sd = np.concatenate([x, z]).std()
    expected = stats.wasserstein_distance(x[:, 0], z[:, 0]) / sd
    assert sliced_wasserstein(x, z) == pytest.approx(expected, rel=1e-12)


def test_shift_gives_its_mean_projection():
    # A shift by a vector of length s moves projections in two dimensions by 2 s / pi on average.
    x = normal(300, seed=0)
    shift = np.array([3.0, 4.0])
    pooled_sd = np.concatenate([x, x + shift]).std(axis=0)
    expected = 2 / np.pi * np.linalg.norm(shift / pooled_sd)
    directions = 2000
    # The projection of a direction at a uniform angle has a variance of 1 / 2 - 4 / pi**2.
    error = np.linalg.norm(shift / pooled_sd) * np.sqrt((0.5 - 4 / np.pi**2) / directions)
    value = sliced_wasserstein(x, x + shift, n_projections=directions, random_state=0)
    assert abs(value - expected) < 4 * error


def test_several_columns_are_a_mean_over_directions_of_scipy():
    x, z = normal(30, 3, seed=0), normal(25, 3, seed=1, scale=0.5)
    pooled = np.concatenate([x, z])
    rng = np.random.default_rng(5)
    expected = []
    for _ in range(1000):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction) * pooled.std(axis=0)
        expected.append(stats.wasserstein_distance(x @ direction, z @ direction))
    error = np.std(expected) * np.sqrt(2 / 1000)
    value = sliced_wasserstein(x, z, n_projections=1000, random_state=0)
    assert abs(value - np.mean(expected)) < 4 * error


@pytest.mark.parametrize("unit", [1e-305, 1e-200, 1e200, 1e307])
def test_extreme_units_do_not_matter_either(unit):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(40, 2)), rng.normal(1.0, 1.0, size=(40, 2))
    result, scaled = (sliced_wasserstein_test(u * x, u * z, random_state=0) for u in (1.0, unit))
    assert scaled.p_value == result.p_value == 1 / 200
    np.testing.assert_allclose(scaled.null, result.null)


def test_units_do_not_matter_and_equal_sets_have_no_distance():
    x, z = normal(50, seed=0), normal(60, seed=1, shift=0.5)
    factors = np.array([1e-6, 1e5])
    value = sliced_wasserstein(x, z, random_state=0)
    assert sliced_wasserstein(x * factors, z * factors, random_state=0) == pytest.approx(value, rel=1e-9)
    assert sliced_wasserstein(x, x) == pytest.approx(0.0, abs=1e-12)
    assert sliced_wasserstein(np.ones((5, 2)), np.ones((6, 2))) == 0.0


@pytest.mark.parametrize(
    ("settings", "is_small"),
    [({}, False), ({"scale": 0.6}, True), ({"scale": 1.6}, True), ({"shift": 0.4}, True)],
)
def test_p_value_of_exact_narrow_wide_and_biased_draws(settings, is_small):
    x, z = normal(200, seed=0), normal(150, seed=1, **settings)
    result = sliced_wasserstein_test(x, z, n_permutations=99, random_state=0)
    assert (result.p_value <= 0.02) == is_small
    assert result.p_value == (1 + np.count_nonzero(result.null >= result.statistic)) / 100
    assert result.statistic == pytest.approx(sliced_wasserstein(x, z, random_state=0), rel=1e-12)


def test_rate_of_false_alarms():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(400, 20, 2)), rng.normal(size=(400, 15, 2))
    result = sliced_wasserstein_test(x, z, n_projections=10, n_permutations=19, random_state=1)
    assert result.p_value.shape == (400,) and result.null.shape == (400, 19)
    n_alarms = np.count_nonzero(result.p_value <= 0.05)
    low, high = stats.binom.ppf([0.0005, 0.9995], 400, 0.05)
    assert low <= n_alarms <= high


def test_several_data_sets_share_directions():
    x, z = normal(20, seed=0).reshape(2, 10, 2), normal(24, seed=1).reshape(2, 12, 2)
    values = sliced_wasserstein(x, z, random_state=3)
    np.testing.assert_allclose(
        values, [sliced_wasserstein(*pair, random_state=3) for pair in zip(x, z, strict=True)], rtol=1e-12
    )


@pytest.mark.parametrize("function", [sliced_wasserstein, sliced_wasserstein_test])
def test_wrong_input(function):
    with pytest.raises(ShapeError, match="the same n_datasets and n_columns"):
        function(np.zeros((10, 2)), np.zeros((10, 3)))
    with pytest.raises(ShapeError, match="x must have shape"):
        function(np.zeros(10), np.zeros(10))
    with pytest.raises(ShapeError, match="x must have shape"):
        function(1.0, 2.0)
    with pytest.raises(ValueError, match="x must be finite; 1 of its 6"):
        function([[0.0, 1.0], [np.nan, 1.0], [2.0, 0.0]], np.zeros((10, 2)))
    with pytest.raises(ValueError, match="n_projections must be at least 1"):
        function(np.zeros((10, 2)), np.zeros((10, 2)), n_projections=0)
