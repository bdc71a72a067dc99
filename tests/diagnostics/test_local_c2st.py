import numpy as np
import pytest
from joblib import parallel_config
from scipy import special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skabi.diagnostics import local_c2st
from skabi.exceptions import ShapeError


class Means(ClassifierMixin, BaseEstimator):
    """As quick a classifier as can be."""

    def fit(self, X, y):
        self.weights_ = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
        return self

    def predict_proba(self, X):
        proba = special.expit(X @ self.weights_)
        return np.column_stack([1 - proba, proba])


def simulate(n, *, rng, n_parameters=1):
    """Return data sets N(y, 1) and standard normal parameters y."""
    y = rng.normal(size=(n, n_parameters))
    return y + rng.normal(size=y.shape), y


def sample(X, n_draws, *, rng, scale=1.0, shift=0.0):
    """Return draws of the exact posterior N(x / 2, 1 / 2), its sd scaled and its mean shifted by that many sd."""
    sd = np.sqrt(0.5)
    noise = rng.normal(size=(len(X), n_draws, X.shape[1]))
    return X[:, np.newaxis] / 2 + shift * sd + sd * np.broadcast_to(scale, X.shape)[:, np.newaxis] * noise


def run(observed, *, seed, n_cal=500, n_draws_cal=1, scale=None, shift=0.0, n_null=19, classifier=None, n_draws=200):
    """Return the test of a posterior whose scale is a function of the data sets."""
    rng = np.random.default_rng(seed)
    X = np.asarray(observed, dtype=float)
    X_cal, y_cal = simulate(n_cal, rng=rng, n_parameters=X.shape[1])
    scale = np.ones_like if scale is None else scale
    return local_c2st(
        sample(X, n_draws, rng=rng, scale=scale(X), shift=shift),
        X,
        draws_cal=sample(X_cal, n_draws_cal, rng=rng, scale=scale(X_cal), shift=shift),
        X_cal=X_cal,
        y_cal=y_cal,
        classifier=classifier,
        n_null=n_null,
        random_state=seed,
    )


def wide_above_zero(X):
    return np.where(X > 0, 1.5, 1.0)


def test_shapes_and_p_values():
    result = run([[-1.0], [0.0], [1.0]], seed=0, classifier=LogisticRegression())
    assert result.statistic.shape == result.p_value.shape == (3,)
    assert result.null.shape == (3, 19)
    expected = (1 + (result.null >= result.statistic[:, np.newaxis]).sum(axis=1)) / 20
    np.testing.assert_array_equal(result.p_value, expected)
    assert ((result.statistic >= 0) & (result.statistic <= 0.25)).all()


@pytest.mark.parametrize(
    "settings",
    [{"scale": lambda X: np.full_like(X, 0.6)}, {"scale": lambda X: np.full_like(X, 1.6)}, {"shift": 0.5}],
)
def test_narrow_wide_and_biased_posteriors_are_found(settings):
    assert (run([[-1.0], [1.0]], seed=0, **settings).p_value == 0.05).all()


def test_exact_posterior_is_not():
    assert (run([[-1.0, 0.0], [1.0, 0.5]], seed=0).p_value > 0.05).all()


def test_an_error_of_some_data_sets_is_found_there():
    p_values = np.array([run([[-1.5], [1.5]], seed=seed, scale=wide_above_zero).p_value for seed in range(5)])
    n_found = np.count_nonzero(p_values == 0.05, axis=0)
    assert n_found[1] == 5
    assert n_found[0] <= 2


def test_wrong_correlation_is_found():
    rng = np.random.default_rng(0)
    X_cal, y_cal = simulate(500, rng=rng, n_parameters=2)
    X = np.array([[0.5, -0.5]])

    def correlated(X, n_draws):
        draws = sample(X, n_draws, rng=rng) - X[:, np.newaxis] / 2
        draws[..., 1] = 0.7 * draws[..., 0] + np.sqrt(0.51) * draws[..., 1]
        return draws + X[:, np.newaxis] / 2

    result = local_c2st(
        correlated(X, 200), X, draws_cal=correlated(X_cal, 1), X_cal=X_cal, y_cal=y_cal, n_null=19, random_state=0
    )
    assert result.p_value[0] == 0.05


@pytest.mark.parametrize("n_draws_cal", [1, 3])
def test_rate_of_false_alarms(n_draws_cal):
    settings = {"n_cal": 30, "n_draws": 20, "n_null": 9, "classifier": Means(), "n_draws_cal": n_draws_cal}
    p_values = np.array([run([[0.8]], seed=seed, **settings).p_value[0] for seed in range(100)])
    for level in (0.1, 0.5):
        low, high = stats.binom.ppf([0.0005, 0.9995], 100, level)
        assert low <= np.count_nonzero(p_values <= level) <= high


def test_statistic_is_the_squared_distance_of_the_probability():
    class Fixed(LogisticRegression):
        def predict_proba(self, X):
            proba = np.where(np.arange(len(X)) % 4 == 0, 0.9, 0.4)
            return np.column_stack([1 - proba, proba])

    result = run([[0.0], [1.0]], seed=0, n_cal=50, classifier=Fixed(), n_draws=40)
    np.testing.assert_allclose(result.statistic, 0.25 * 0.4**2 + 0.75 * 0.1**2)
    np.testing.assert_array_equal(result.p_value, 1.0)


def test_classifier_sees_standardised_residuals_and_features():
    rng = np.random.default_rng(0)
    X_cal, y_cal = simulate(400, rng=rng, n_parameters=2)
    seen = []

    class Seeing(LogisticRegression):
        def fit(self, X, y):
            seen.append((X, y))
            return super().fit(X, y)

    X_cal = 1e3 * X_cal + 1e4
    draws_cal = sample((X_cal - 1e4) / 1e3, 1, rng=rng)
    local_c2st(draws_cal[:1], X_cal[:1], draws_cal=draws_cal, X_cal=X_cal, y_cal=y_cal, classifier=Seeing(), n_null=2)
    (first, label), (second, _) = seen[:2]
    np.testing.assert_array_equal(label, np.repeat([1, 0], 400))
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(first.std(axis=0), 1, rtol=1e-9)
    np.testing.assert_allclose(first[:400, 2:], (X_cal - X_cal.mean(axis=0)) / X_cal.std(axis=0), rtol=1e-9)
    # The data set predicts next to nothing of what is left of the parameters.
    assert np.abs(np.corrcoef(first.T)[:2, 2:]).max() < 0.05
    swapped = first[:400, 0] != second[:400, 0]
    assert 150 < swapped.sum() < 250
    np.testing.assert_array_equal(first[:400][swapped], second[400:][swapped])
    np.testing.assert_array_equal(first[:400][~swapped], second[:400][~swapped])


def test_narrow_posteriors_have_their_errors_found():
    # The data determine the parameters within 1 % of their prior sd.
    rng = np.random.default_rng(0)
    y_cal = rng.normal(size=(400, 1))
    X_cal = y_cal + 0.01 * rng.normal(size=(400, 1))
    draws_cal, X = X_cal + 0.006 * rng.normal(size=(400, 1)), np.array([[0.5]])
    draws = X[:, np.newaxis] + 0.006 * rng.normal(size=(1, 200, 1))
    result = local_c2st(draws, X, draws_cal=draws_cal, X_cal=X_cal, y_cal=y_cal, n_null=19, random_state=0)
    assert result.p_value[0] == 0.05


def test_several_draws_of_each_data_set_reach_the_classifier_with_as_many_truths():
    class Counting(LogisticRegression):
        def fit(self, X, y):
            assert X.shape == (2 * 3 * 50, 2)
            assert np.bincount(y).tolist() == [150, 150]
            assert len(np.unique(X[y == 1][:, 0])) == 50
            assert len(np.unique(X[y == 0][:, 0])) == 150
            return super().fit(X, y)

    run([[0.0]], seed=0, n_cal=50, n_draws_cal=3, classifier=Counting(), n_null=3)


def test_result_repeats_and_n_jobs_do_not_matter():
    rng = np.random.default_rng(0)
    X_cal, y_cal = simulate(50, rng=rng)
    given = {"draws_cal": sample(X_cal, 1, rng=rng)[:, 0], "X_cal": X_cal, "y_cal": y_cal[:, 0], "n_null": 5}
    draws, X = rng.normal(size=(2, 10, 1)), np.array([[0.0], [1.0]])
    first = local_c2st(draws, X, **given, random_state=0)
    with parallel_config(backend="threading"):
        second = local_c2st(draws, X, **given, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(first.null, second.null)
    assert (local_c2st(draws, X, **given, random_state=1).null != first.null).any()


def test_units_do_not_matter_and_columns_may_be_constant():
    rng = np.random.default_rng(0)
    X_cal, y_cal = simulate(60, rng=rng)
    draws_cal, X, draws = sample(X_cal, 1, rng=rng)[:, 0], np.array([[0.5]]), rng.normal(size=(1, 20, 1))
    settings = {"classifier": Means(), "n_null": 3, "random_state": 0}
    plain = local_c2st(draws, X, draws_cal=draws_cal, X_cal=X_cal, y_cal=y_cal, **settings)
    scaled = local_c2st(
        1e6 * draws + 1e6,
        1e-5 * X,
        draws_cal=1e6 * draws_cal + 1e6,
        X_cal=1e-5 * X_cal,
        y_cal=1e6 * y_cal + 1e6,
        **settings,
    )
    np.testing.assert_allclose(scaled.statistic, plain.statistic, rtol=1e-3)
    flat = local_c2st(
        np.zeros((1, 5, 1)),
        [[7.0]],
        draws_cal=np.zeros((60, 1)),
        X_cal=np.full((60, 1), 7.0),
        y_cal=np.zeros(60),
        n_null=3,
    )
    assert flat.statistic[0] == pytest.approx(0.0) and flat.p_value[0] == 1.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"draws": np.zeros((10, 2))}, "draws must have shape"),
        ({"X": np.zeros(3)}, r"X must have shape \(n_datasets, n_features\), with"),
        ({"X": np.zeros((4, 2))}, r"X must have shape \(n_datasets, n_features\), here \(3, 2\)"),
        ({"X": np.zeros((3, 1))}, r"here \(3, 2\) by draws and X_cal"),
        ({"X_cal": np.zeros((20, 4, 2))}, r"X_cal must have shape .* posterior\.transform\(X\)"),
        ({"y_cal": np.zeros((20, 3))}, r"y_cal must have shape \(n_datasets, 1\)"),
        ({"y_cal": np.zeros(19)}, "X_cal and y_cal must have the same n_cal; got 20 and 19"),
        ({"draws_cal": np.zeros((19, 1))}, "draws_cal must have shape .* n_cal=20 by X_cal"),
        ({"draws_cal": np.zeros((20, 0, 1))}, "draws_cal must have shape"),
        ({"draws_cal": np.zeros(20)}, "draws_cal must have shape"),
    ],
)
def test_wrong_shapes(changed, message):
    given = {
        "draws": np.zeros((3, 10, 1)),
        "X": np.zeros((3, 2)),
        "draws_cal": np.zeros((20, 1)),
        "X_cal": np.zeros((20, 2)),
        "y_cal": np.zeros((20, 1)),
    }
    with pytest.raises(ShapeError, match=message):
        local_c2st(**(given | changed))


def test_one_calibration_data_set_is_too_few():
    with pytest.raises(ShapeError, match="at least two"):
        local_c2st(
            np.zeros((3, 10, 1)), np.zeros((3, 2)), draws_cal=np.zeros((1, 1)), X_cal=np.zeros((1, 2)), y_cal=[0.0]
        )


def test_wrong_values():
    zeros = {"draws_cal": np.zeros((20, 1)), "X_cal": np.zeros((20, 2)), "y_cal": np.zeros((20, 1))}
    with pytest.raises(ValueError, match="X must be finite; 2 of its 2 values are NaN"):
        local_c2st(np.zeros((1, 10, 1)), np.full((1, 2), np.nan), **zeros)
    with pytest.raises(ValueError, match="n_null must be at least 1"):
        local_c2st(np.zeros((1, 10, 1)), np.zeros((1, 2)), **zeros, n_null=0)
    with pytest.raises(TypeError, match=r"classifier must have predict_proba.*LinearSVC"):
        local_c2st(np.zeros((1, 10, 1)), np.zeros((1, 2)), **zeros, classifier=LinearSVC())
