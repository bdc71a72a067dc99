import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import mmd, mmd_test
from skabi.exceptions import ShapeError


def normal(n, n_columns=2, *, seed, scale=1.0, shift=0.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(n, n_columns))


def test_equals_a_double_loop():
    x, z = normal(7, seed=0), normal(5, seed=1, shift=0.5, scale=2.0)
    pooled = np.concatenate([x, z])
    a, b = ((values - pooled.mean(axis=0)) / pooled.std(axis=0) for values in (x, z))

    def kernel(u, v):
        return np.mean([np.exp(-np.sum((u - v) ** 2) / (2 * width**2)) for width in (0.3, 2.0)])

    within_a = np.mean([kernel(a[i], a[j]) for i in range(7) for j in range(7) if i != j])
    within_b = np.mean([kernel(b[i], b[j]) for i in range(5) for j in range(5) if i != j])
    across = np.mean([kernel(u, v) for u in a for v in b])
    assert mmd(x, z, bandwidths=[0.3, 2.0]) == pytest.approx(within_a + within_b - 2 * across, rel=1e-12)


def test_closed_form_between_gaussians():
    # The mean kernel of two draws whose difference is N(shift, variance) with width h is
    # h / sqrt(h**2 + variance) * exp(-shift**2 / (2 * (h**2 + variance))).
    n, shift, scale, width = 400, 1.0, 2.0, 0.7
    pooled_sd = np.sqrt((1 + scale**2) / 2 + shift**2 / 4)

    def mean_kernel(shift, variance):
        total = (width * pooled_sd) ** 2 + variance
        return width * pooled_sd / np.sqrt(total) * np.exp(-(shift**2) / (2 * total))

    exact = mean_kernel(0, 2) + mean_kernel(0, 2 * scale**2) - 2 * mean_kernel(shift, 1 + scale**2)
    rng = np.random.default_rng(0)
    values = [mmd(rng.normal(size=(n, 1)), rng.normal(shift, scale, size=(n, 1)), bandwidths=width) for _ in range(20)]
    error = np.std(values, ddof=1) / np.sqrt(20)
    # Scaling by sample moments adds a bias of order 1 / n.
    assert abs(np.mean(values) - exact) < 4 * error + 2 * exact / n


def test_default_widths_are_multiples_of_the_median_distance():
    x, z = normal(40, seed=0), normal(40, seed=1)
    pooled = np.concatenate([x, z])
    pooled /= pooled.std(axis=0)
    distances = np.linalg.norm(pooled[:, np.newaxis] - pooled, axis=2)[np.triu_indices(80, 1)]
    widths = np.median(distances) * np.array([0.25, 0.5, 1, 2, 4])
    assert mmd(x, z) == pytest.approx(mmd(x, z, bandwidths=widths), rel=1e-10)


def test_value_is_unbiased_around_zero():
    rng = np.random.default_rng(0)
    values = mmd(rng.normal(size=(100, 30, 2)), rng.normal(size=(100, 20, 2)))
    assert values.shape == (100,)
    assert (values < 0).any()
    assert abs(values.mean()) < 4 * values.std() / 10


def test_units_do_not_matter():
    x, z = normal(50, seed=0), normal(60, seed=1, shift=0.5)
    factors, shift = np.array([1e-6, 1e5]), np.array([3e-6, 2e5])
    assert mmd(x * factors + shift, z * factors + shift) == pytest.approx(mmd(x, z), rel=1e-6)


@pytest.mark.parametrize("unit", [1e-305, 1e-200, 1e200, 1e307])
def test_extreme_units_do_not_matter_either(unit):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(40, 2)), rng.normal(1.0, 1.0, size=(40, 2))
    result, scaled = (mmd_test(u * x, u * z, random_state=0) for u in (1.0, unit))
    assert scaled.p_value == result.p_value == 1 / 200
    np.testing.assert_allclose(scaled.null, result.null, atol=1e-9)


def test_constant_and_discrete_columns():
    x, z = normal(50, seed=0), normal(50, seed=1)
    x[:, 1] = z[:, 1] = 0.1
    assert mmd(x, z) == pytest.approx(mmd(x[:, :1], z[:, :1]), rel=1e-12)
    assert mmd(np.ones((10, 1)), np.ones((10, 1))) == 0.0
    # More than half of the distances are zero.
    rare = np.zeros((50, 1))
    rare[:5] = 1.0
    assert 0 < mmd(rare, np.zeros((50, 1))) < 0.1


@pytest.mark.parametrize(
    ("settings", "is_small"),
    [({}, False), ({"scale": 0.7}, True), ({"scale": 1.5}, True), ({"shift": 0.4}, True)],
)
def test_p_value_of_exact_narrow_wide_and_biased_draws(settings, is_small):
    result = mmd_test(normal(200, seed=0), normal(150, seed=1, **settings), n_permutations=99, random_state=0)
    assert (result.p_value <= 0.02) == is_small
    assert result.null.shape == (99,)
    assert result.p_value == (1 + np.count_nonzero(result.null >= result.statistic)) / 100
    assert result.statistic == pytest.approx(mmd(normal(200, seed=0), normal(150, seed=1, **settings)), rel=1e-12)


def test_correlation_alone_is_seen():
    x, z = normal(300, seed=0), normal(300, seed=1)
    z[:, 1] = 0.8 * z[:, 0] + 0.6 * z[:, 1]
    assert mmd_test(x, z, n_permutations=99, random_state=0).p_value == 0.01


def test_rate_of_false_alarms():
    rng = np.random.default_rng(0)
    result = mmd_test(rng.normal(size=(400, 20, 2)), rng.normal(size=(400, 15, 2)), n_permutations=19, random_state=1)
    assert result.p_value.shape == (400,) and result.null.shape == (400, 19)
    n_alarms = np.count_nonzero(result.p_value <= 0.05)
    low, high = stats.binom.ppf([0.0005, 0.9995], 400, 0.05)
    assert low <= n_alarms <= high


def test_several_data_sets_have_the_single_statistics():
    x, z = np.stack([normal(30, seed=0), normal(30, seed=1)]), np.stack([normal(40, seed=2), normal(40, seed=3)])
    result = mmd_test(x, z, n_permutations=19, random_state=0)
    np.testing.assert_allclose(result.statistic, [mmd(*pair) for pair in zip(x, z, strict=True)], rtol=1e-12)
    first = mmd_test(x[:1], z[:1], n_permutations=19, random_state=0)
    np.testing.assert_array_equal(first.null[0], result.null[0])


def test_few_draws_have_all_their_divisions():
    result = mmd_test(normal(2, seed=0), normal(3, seed=1), n_permutations=99)
    assert result.null.shape == (10,)
    assert result.p_value == np.count_nonzero(result.null >= result.statistic - 1e-9) / 10


@pytest.mark.parametrize("function", [mmd, mmd_test])
@pytest.mark.parametrize(
    ("x_shape", "z_shape", "message"),
    [
        ((10,), (10,), r"pass x\[:, np.newaxis\]"),
        ((10, 2), (10, 3), "the same n_datasets and n_columns"),
        ((2, 10, 2), (3, 10, 2), "the same n_datasets and n_columns"),
        ((1, 10, 2), (10, 2), "the same n_datasets and n_columns"),
        ((1, 2), (10, 2), "at least two draws"),
        ((0, 10, 2), (0, 10, 2), "at least two draws"),
    ],
)
def test_wrong_shapes(function, x_shape, z_shape, message):
    with pytest.raises(ShapeError, match=message):
        function(np.zeros(x_shape), np.zeros(z_shape))


@pytest.mark.parametrize("function", [mmd, mmd_test])
def test_wrong_values(function):
    good = normal(20, seed=0)
    with pytest.raises(ValueError, match="z must be finite; 40 of its 40 values are NaN"):
        function(good, np.full_like(good, np.nan))
    with pytest.raises(ValueError, match="bandwidths must be a list of positive numbers"):
        function(good, good, bandwidths=[1.0, 0.0])
    with pytest.raises(ValueError, match="n_permutations must be at least 1"):
        mmd_test(good, good, n_permutations=0)
