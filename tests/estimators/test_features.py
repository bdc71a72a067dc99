"""Features of any scale, tail or order of magnitude come out near a standard normal, and nothing is lost."""

import numpy as np
import pytest
from scipy import stats

from skabi.estimators._features import FeatureScaler

N = 1000


def columns():
    """Columns `(N, n_features)` of many kinds, by name."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=N)
    return {
        "normal": normal,
        "normal far from zero": 1e6 + normal,
        "uniform": rng.uniform(size=N),
        "lognormal over 20 orders": np.exp(rng.normal(0.0, 20 * np.log(10) / 6, size=N)),
        "negative lognormal": -np.exp(rng.normal(0.0, 10.0, size=N)),
        "both signs over many orders": np.exp(rng.normal(0.0, 10.0, size=N)) * rng.choice([-1, 1], size=N),
        "Cauchy": rng.standard_cauchy(N),
        "Cauchy far from zero": 1e6 + rng.standard_cauchy(N),
        "normal with outliers": np.r_[normal[:-3], 1e6, 1e9, -1e12],
        "counts": rng.poisson(0.2, size=N).astype(float),
        "one that differs": (np.arange(N) == 5).astype(float),
        "two values": rng.integers(0, 2, size=N).astype(float),
        "two clusters": rng.choice([-1e5, 1e5], size=N) + normal,
        "mostly zero": np.where(rng.uniform(size=N) < 0.7, 0.0, np.exp(rng.normal(0.0, 5.0, size=N))),
    }


COLUMNS = columns()
every_column = pytest.mark.parametrize("name", COLUMNS)


def scaled(column, new=None):
    column = np.asarray(column)[:, np.newaxis]
    new = column if new is None else np.asarray(new)[:, np.newaxis]
    return FeatureScaler().fit(column).transform(new)[:, 0]


def normality(values):
    """Correlation with normal quantiles."""
    return stats.probplot(values)[1][2]


@every_column
def test_order_is_kept_and_no_two_values_fall_together(name):
    x = np.unique(COLUMNS[name])
    # Also of numbers that were not in fit, between the others and beyond.
    x = np.sort(np.r_[x, (x[1:] + x[:-1]) / 2, x[0] - np.ptp(x), x[-1] + np.ptp(x)])
    assert (np.diff(scaled(COLUMNS[name], x)) > 0).all()


@every_column
def test_values_are_bounded_and_of_order_one(name):
    z = scaled(COLUMNS[name])
    assert np.abs(z).max() < 35
    # The central nine tenths are between -1.645 and 1.645 for a standard normal.
    low, high = np.quantile(z, [0.05, 0.95])
    if low < high:
        assert high - low == pytest.approx(3.29)


@every_column
@pytest.mark.parametrize("power", [-60, 20, 600])
def test_powers_of_two_change_nothing(name, power):
    unit = 2.0**power
    np.testing.assert_array_equal(scaled(COLUMNS[name] * unit), scaled(COLUMNS[name]))


@every_column
@pytest.mark.parametrize("unit", [1e-5, 1e6])
def test_units_change_nothing_but_rounding(name, unit):
    x = COLUMNS[name]
    # Rounding moves x by an epsilon of its size; how much that is after scaling, neighbours that far away tell.
    epsilon = 16 * np.finfo(float).eps
    tolerance = np.abs(scaled(x, x * (1 + epsilon)) - scaled(x, x * (1 - epsilon))).max() + 1e-12
    np.testing.assert_allclose(scaled(x * unit), scaled(x), rtol=0, atol=tolerance)


def test_a_sign_is_no_more_than_a_sign():
    np.testing.assert_allclose(scaled(-COLUMNS["Cauchy"]), -scaled(COLUMNS["Cauchy"]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["lognormal over 20 orders", "negative lognormal"])
def test_many_orders_of_magnitude_come_out_near_normal(name):
    assert normality(COLUMNS[name]) < 0.3
    assert normality(scaled(COLUMNS[name])) > 0.98
    # On this scale each order of magnitude is as wide as any other, but for the smallest twentieth.
    x = np.sign(COLUMNS[name][0]) * np.geomspace(*np.quantile(np.abs(COLUMNS[name]), [0.3, 0.97]), 10)
    steps = np.diff(scaled(COLUMNS[name], x))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-2)


@pytest.mark.parametrize("name", ["Cauchy", "Cauchy far from zero"])
def test_heavy_tails_come_out_near_normal(name):
    assert normality(COLUMNS[name]) < 0.5
    assert normality(scaled(COLUMNS[name])) > 0.97


@pytest.mark.parametrize("name", ["normal", "normal far from zero", "uniform", "two clusters"])
def test_what_has_no_tails_stays_linear(name):
    x = COLUMNS[name]
    z = scaled(x)
    near = np.abs(z) < 5
    slope, intercept = np.polyfit(x[near] - x.mean(), z[near], 1)
    np.testing.assert_allclose(z[near], intercept + slope * (x[near] - x.mean()), rtol=0, atol=1e-6)


def test_outliers_are_softened_and_told_apart():
    bulk, far = scaled(COLUMNS["normal"], [-3.0, 0.0, 3.0]), scaled(COLUMNS["normal"], [10.0, 1e3, 1e6, 1e9, 1e300])
    assert np.abs(bulk).max() < 4
    assert (np.diff(far) > 0).all()
    assert 5 < far[0] < 10
    assert far[-1] < 5 + np.log(1e301)


def test_softening_is_continuous_with_slope_one():
    scale = (np.quantile(COLUMNS["normal"], 0.95) - np.quantile(COLUMNS["normal"], 0.05)) / 3.29
    x = np.median(COLUMNS["normal"]) + scale * np.array([4.9999, 5.0, 5.0001])
    np.testing.assert_allclose(scaled(COLUMNS["normal"], x), [4.9999, 5.0, 5.0001], rtol=0, atol=1e-7)


def test_constants_become_zero():
    X = np.column_stack([np.full(50, 7.0), np.zeros(50), np.arange(50.0)])
    scaler = FeatureScaler().fit(X)
    assert scaler.is_constant_.tolist() == [True, True, False]
    z = scaler.transform(X + 1e9)
    assert (z[:, :2] == 0).all()
    assert (z[:, 2] != 0).all()
    assert (scaled(np.full(50, 1e-300), [-1e308, 0.0, 1e308]) == 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e-307, 1e-320])
@pytest.mark.parametrize("name", ["normal", "Cauchy", "counts", "two clusters", "one that differs"])
def test_huge_and_tiny_numbers(name, unit):
    x = COLUMNS[name] / np.abs(COLUMNS[name]).max() * unit
    z = scaled(x)
    assert np.isfinite(z).all()
    assert np.ptp(z) > 1
    largest = np.finfo(float).max
    z = scaled(x, [-largest, -1.0, 0.0, 5e-324, 1.0, largest])
    assert np.isfinite(z).all()
    assert (np.diff(z) >= 0).all()
    assert np.ptp(z) > 0


def test_a_large_sample_is_judged_by_a_part_and_scaled_as_a_whole():
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(0.0, 5.0, size=20_001))
    z = scaled(x)
    assert normality(z) > 0.98
    assert np.diff(np.quantile(z, [0.05, 0.95]))[0] == pytest.approx(3.29)
    # What varies only in rows that the part leaves out is no constant.
    x = np.ones(20_001)
    x[1] = 2.0
    assert np.unique(scaled(x)).size == 2


@pytest.mark.parametrize("shape", [(N, 3, 4), (N, 2, 3, 2), (N, 12)])
def test_features_are_scaled_one_by_one_whatever_the_axes(shape):
    flat = np.stack(list(COLUMNS.values())[:12], axis=1)
    z = FeatureScaler().fit(flat.reshape(shape)).transform(flat.reshape(shape))
    assert z.shape == shape
    for column, name in zip(z.reshape(N, -1).T, COLUMNS, strict=False):
        np.testing.assert_allclose(column, scaled(COLUMNS[name]), rtol=1e-13)


def test_two_rows():
    np.testing.assert_allclose(np.abs(np.diff(scaled([1.0, 3.0]))), 2 * 3.29 / 1.8, rtol=0.1)


def beyond(column):
    """Values of a column, between them, and as far beyond them as a million times their range, `(n, 1)`."""
    x = np.unique(column)
    far = np.ptp(x) * np.array([0.1, 1.0, 1e3, 1e6])
    return np.r_[x, (x[1:] + x[:-1]) / 2, x[0] - far, x[-1] + far][:, np.newaxis]


@every_column
def test_the_inverse_undoes_it_also_far_beyond_what_was_seen(name):
    scaler, x = FeatureScaler().fit(COLUMNS[name][:, np.newaxis]), beyond(COLUMNS[name])
    z = scaler.transform(x)
    # Rounding moves x by an epsilon of its size, and z by an epsilon of its own, which the slope turns into one of x.
    epsilon = 64 * np.finfo(float).eps
    tolerance = epsilon * (np.abs(x) + (1 + np.abs(z)) * np.exp(-scaler.log_derivative(x)))
    assert (np.abs(scaler.inverse_transform(z) - x) <= tolerance).all()
    steps = np.linspace(-6, 6, 101)[:, np.newaxis]
    np.testing.assert_allclose(scaler.transform(scaler.inverse_transform(steps)), steps, rtol=0, atol=1e-7)


def test_the_inverse_spans_orders_of_magnitude():
    x = np.geomspace(1e-8, 1e12, 50)[:, np.newaxis]
    scaler = FeatureScaler().fit(COLUMNS["lognormal over 20 orders"][:, np.newaxis])
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=1e-10)


@every_column
def test_the_derivative_is_that_of_neighbours(name):
    scaler, x = FeatureScaler().fit(COLUMNS[name][:, np.newaxis]), beyond(COLUMNS[name])
    found = scaler.log_derivative(x)
    step = 1e-5 * np.exp(-found)
    # Where x is so large that it hardly moves, take a step that it knows.
    step = np.maximum(step, 1e-9 * np.abs(x))
    lower, upper = x - step, x + step
    slope = (scaler.transform(upper) - scaler.transform(lower)) / (upper - lower)
    np.testing.assert_allclose(found, np.log(slope), rtol=0, atol=1e-4)


def test_the_inverse_and_the_derivative_of_several_features():
    X = np.stack(list(COLUMNS.values()), axis=1)
    scaler = FeatureScaler().fit(X)
    for i, (name, column) in enumerate(COLUMNS.items()):
        alone = FeatureScaler().fit(column[:, np.newaxis])
        np.testing.assert_allclose(scaler.log_derivative(X)[:, [i]], alone.log_derivative(X[:, [i]]), err_msg=name)
        Z = scaler.transform(X)
        np.testing.assert_allclose(scaler.inverse_transform(Z)[:, [i]], alone.inverse_transform(Z[:, [i]]))


def test_constants_come_back():
    X = np.column_stack([np.full(50, 7.0), np.zeros(50), np.arange(50.0)])
    scaler = FeatureScaler().fit(X)
    for Z in (scaler.transform(X), scaler.transform(X) + 3.0):
        np.testing.assert_array_equal(scaler.inverse_transform(Z)[:, :2], X[:, :2])


@pytest.mark.parametrize("unit", [1e300, 1e-300])
@pytest.mark.parametrize("name", ["normal", "Cauchy", "lognormal over 20 orders"])
def test_inverse_and_derivative_of_huge_and_tiny_numbers_are_finite(name, unit):
    x = COLUMNS[name] / np.abs(COLUMNS[name]).max() * unit
    scaler, largest = FeatureScaler().fit(x[:, np.newaxis]), np.finfo(float).max
    assert np.isfinite(scaler.log_derivative(np.array([[-largest], [0.0], [1.0], [largest]]))).all()
    back = scaler.inverse_transform(np.array([[-1e4], [-40.0], [-1.0], [0.0], [1.0], [40.0], [1e4]]))[:, 0]
    assert np.isfinite(back).all() and (back[1:] >= back[:-1]).all() and back[2] < back[3] < back[4]
