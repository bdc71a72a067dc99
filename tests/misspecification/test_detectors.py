import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from skorch.helper import SliceDict

from skabi import AmortizedModelComparator, AmortizedPosterior
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.heads import Softmax
from skabi.losses._summary_regularizer import SQUARED_WIDTHS
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
from skabi.misspecification._batch_test import draw_batches
from skabi.misspecification._kernel import kernel_means, mean_kernels_within
from skabi.summaries import ImageSummary, SetSummary

DETECTORS = pytest.mark.parametrize("detector", [MahalanobisDetector, SummaryMMDDetector])


def sets(n, rng, *, scale=(1.0, 1.0, 1.0, 1.0), location=0.0):
    """Return sets `(n, 2, 4)` whose first observation is normal."""
    return location + np.array(scale) * rng.normal(size=(n, 2, 4))


def assert_share(found, n, expected):
    """Raise unless a share of `n` is a binomial one, of probability `expected`."""
    assert abs(found - expected) < 3.5 * np.sqrt(expected * (1 - expected) / n)


def test_distances_are_chi_squared_whatever_the_units(normal_rows):
    detector = MahalanobisDetector(random_state=0).fit(normal_rows)
    new = np.random.default_rng(1).permutation(normal_rows)[:500]
    distances = -detector.score_samples(new)
    assert stats.kstest(distances**2, stats.chi2(3).cdf).pvalue > 0.01
    np.testing.assert_allclose(detector.score_samples(10_000 - new), detector.score_samples(10_000 - new[::-1])[::-1])


@DETECTORS
def test_units_do_not_matter(detector, normal_rows):
    first = detector(random_state=0).fit(normal_rows)
    second = detector(random_state=0).fit(1e-3 * normal_rows + 1.0)
    np.testing.assert_allclose(first.test(normal_rows[:50]), second.test(1e-3 * normal_rows[:50] + 1.0), atol=1e-3)


@DETECTORS
def test_verdicts_are_scores_below_the_offset(detector, normal_rows):
    fitted = detector(contamination=0.1, random_state=0).fit(normal_rows)
    decision = fitted.decision_function(normal_rows)
    np.testing.assert_array_equal(decision, fitted.score_samples(normal_rows) - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(normal_rows) == -1, decision < 0)
    assert np.mean(decision < 0) == pytest.approx(0.1)
    np.testing.assert_array_equal(fitted.fit_predict(normal_rows), fitted.predict(normal_rows))


@DETECTORS
def test_p_values_count_the_data_sets_kept_apart(detector, normal_rows):
    fitted = detector(random_state=0).fit(normal_rows)
    assert len(fitted.reference_scores_) == 2500
    score = fitted.score_samples(normal_rows[:20])
    expected = [(1 + np.sum(fitted.reference_scores_ <= value)) / 2501 for value in score]
    np.testing.assert_allclose(fitted.test(normal_rows[:20]), expected)
    assert fitted.test(normal_rows[:1] + 1e4) == 1 / 2501


@DETECTORS
def test_p_values_are_uniform_under_the_null(detector, encoder):
    rng = np.random.default_rng(2)
    fitted = detector(FrozenEstimator(encoder), random_state=0).fit(sets(6000, rng))
    X = sets(2000, rng)
    assert stats.kstest(fitted.test(X), "uniform").pvalue > 0.01
    assert_share(np.mean(fitted.predict(X) < 0), 2000, 0.05)
    p_values = [fitted.test(X[i : i + 5], batch=True, n_null=200, random_state=i).p_value for i in range(0, 1000, 5)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


@DETECTORS
def test_a_prior_that_is_too_narrow_is_found_by_what_is_said_of_parameters(detector, encoder):
    rng = np.random.default_rng(3)
    X, others = sets(10_000, rng), sets(4000, rng, scale=(2.5, 2.5, 1.0, 1.0))
    fitted = detector(FrozenEstimator(encoder), random_state=0).fit(X)
    best, of_all_summaries = stats.chi2.sf(stats.chi2.isf(0.05, 2) / 2.5**2, 2), 0.555
    power = np.mean(fitted.test(others) <= 0.05)
    assert of_all_summaries < best - 0.05 < power < best + 0.02
    assert np.mean([fitted.test(x, batch=True).p_value <= 0.05 for x in others[:1000].reshape(200, 5, 2, 4)]) > 0.93


@DETECTORS
def test_batches_see_a_common_shift_that_single_data_sets_do_not(detector, normal_rows):
    fitted = detector(random_state=0).fit(normal_rows)
    shifted = normal_rows[:40] + np.array([0.6, 0.0, 0.0])
    assert np.mean(fitted.test(shifted) <= 0.05) < 0.3
    assert fitted.test(shifted, batch=True).p_value < 0.01


def test_a_kernel_sees_batches_that_are_too_narrow(normal_rows):
    fitted = SummaryMMDDetector(random_state=0).fit(normal_rows)
    narrow = normal_rows.mean(axis=0) + 0.3 * (normal_rows[:60] - normal_rows.mean(axis=0))
    assert fitted.test(narrow, batch=True, n_null=200).p_value < 0.01


@DETECTORS
def test_a_batch_of_one_is_as_unusual_as_its_data_set(detector, normal_rows):
    fitted = detector(random_state=0).fit(normal_rows)
    test = fitted.test(normal_rows[:1], batch=True, n_null=2500)
    assert_share(test.p_value, 2500, fitted.test(normal_rows[:1])[0])
    assert test.null.shape == (2500,)
    assert len(repr(test)) < 120


def test_batches_hold_no_data_set_twice_and_all_of_them_alike():
    index = draw_batches(20, 5, n_batches=4000, rng=np.random.default_rng(4))
    assert index[0].tolist() == [0, 1, 2, 3, 4] and index.shape == (4001, 5)
    assert (np.diff(np.sort(index, axis=1), axis=1) > 0).all()
    assert stats.chisquare(np.bincount(index[1:].ravel(), minlength=20)).pvalue > 0.01


@DETECTORS
def test_what_p_values_count_has_no_say_in_what_is_usual(detector, encoder):
    X, probe = (
        np.random.default_rng(14).normal(size=(60, 1, 4)),
        np.array([[[2.0, 2.0, 0.0, 0.0]], [[0.0, 0.0, 3.0, 1.0]]]),
    )

    def scores(X):
        fitted = detector(FrozenEstimator(encoder), moments=False, random_state=0).fit(X)
        assert len(fitted._kept_views) == 2 and len(fitted.reference_scores_) == 20
        return fitted.score_samples(probe)

    of_others = [scores(np.concatenate([X[:i], X[i : i + 1] + 9.0, X[i + 1 :]])) for i in range(60)]
    assert sum(np.array_equal(other, scores(X)) for other in of_others) == 20


@DETECTORS
def test_p_values_of_large_batches_are_exact(detector):
    rng, n = np.random.default_rng(14), 300
    p_values = []
    for seed in range(n):
        X = rng.normal(size=(90, 1))
        p_values.append(detector(random_state=seed).fit(X[:60]).test(X[60:], batch=True, n_null=19).p_value)
    assert_share(np.mean(np.array(p_values) <= 0.05), n, 1 / 20)
    assert_share(np.mean(np.array(p_values) <= 0.5), n, 1 / 2)


def test_the_kernel_that_is_looked_up_is_that_of_the_sum():
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(300, 3)) * np.logspace(-4, 4, 300)[:, np.newaxis], rng.normal(size=(7, 3))
    squared = np.sum((x[:, np.newaxis] - z) ** 2, axis=2)
    expected = np.mean([np.exp(-squared / (2 * width)) for width in SQUARED_WIDTHS], axis=(0, 2))
    np.testing.assert_allclose(kernel_means(x, z), expected, atol=1e-5)
    np.testing.assert_allclose(mean_kernels_within(z[np.newaxis]), kernel_means(z, z).mean(), atol=1e-12)


@DETECTORS
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_summaries_of_a_posterior_are_judged_whatever_the_data_sets(detector, n_estimators):
    posterior = AmortizedPosterior(Gaussian((8,)), n_estimators=n_estimators, n_simulations=200, max_iter=2)
    simulator = GaussianMeanScale(n_observations=(5, 9))
    posterior.set_params(random_state=0).fit(simulator)
    fitted = detector(FrozenEstimator(posterior), n_simulations=300, random_state=0).fit(simulator)
    X, _ = simulator.sample(60, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ApproximationWarning)
        verdict = fitted.predict([*X, 1e3 + 1e3 * X[0]])
    assert verdict.shape == (61,) and verdict[-1] == -1
    assert clone(fitted).fit(X).n_features_in_ == 1


@DETECTORS
def test_a_simulator_or_its_data_sets(detector):
    X = ConjugateGaussian().sample(1000, random_state=np.random.default_rng(0))[0]
    fitted = detector(n_simulations=1000, random_state=0).fit(ConjugateGaussian())
    assert fitted.n_features_in_ == 2
    assert abs(np.mean(fitted.predict(X) < 0) - 0.05) < 0.035
    again = detector(n_simulations=1000, random_state=0).fit(ConjugateGaussian())
    np.testing.assert_array_equal(fitted.reference_scores_, again.reference_scores_)


def test_without_a_posterior_summaries_alone_are_judged(normal_rows):
    scaler = StandardScaler().fit(normal_rows)
    fitted = MahalanobisDetector(FrozenEstimator(scaler), random_state=0).fit(normal_rows)
    alone = MahalanobisDetector(random_state=0).fit(normal_rows)
    np.testing.assert_allclose(fitted.score_samples(normal_rows), alone.score_samples(normal_rows))


def test_parameters_of_which_summaries_say_nothing_are_not_asked_for(encoder):
    rng = np.random.default_rng(6)
    encoder.sample = lambda X, n_draws, *, random_state: random_state.normal(size=(len(X), n_draws, 2))
    fitted = MahalanobisDetector(FrozenEstimator(encoder), moments=False, random_state=0).fit(sets(500, rng))
    X = sets(10, rng)
    centred = X[:, 0] - fitted.mean_
    expected = np.sqrt(np.sum(centred @ np.linalg.inv(fitted.covariance_) * centred, axis=1))
    np.testing.assert_allclose(-fitted.score_samples(X), expected)


@DETECTORS
def test_other_shapes_are_refused(detector, normal_rows, encoder):
    fitted = detector(random_state=0).fit(normal_rows)
    for wrong in (normal_rows[np.newaxis], [normal_rows, normal_rows], SliceDict(a=normal_rows)):
        with pytest.raises(ShapeError, match="FrozenEstimator"):
            fitted.predict(wrong)
    with pytest.raises(ValueError, match="2 features"):
        fitted.predict(normal_rows[:, :2])
    of_the_encoder = detector(FrozenEstimator(encoder), random_state=0).fit(
        np.random.default_rng(0).normal(size=(100, 5, 4))
    )
    with pytest.raises(ShapeError, match=r"the columns of fit: .* 12 numbers a data set, and of these 9"):
        of_the_encoder.predict(np.zeros((3, 5, 3)))
    with pytest.raises(ValueError, match="at least 2 data sets"):
        detector(FrozenEstimator(encoder)).fit(np.zeros((1, 2, 4)))


@DETECTORS
def test_bad_input_is_refused(detector, normal_rows, encoder):
    missing = normal_rows.copy()
    missing[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        detector().fit(missing)
    with pytest.raises(NotFittedError):
        detector().test(normal_rows)
    for contamination in (0.0, 0.6, -1.0):
        with pytest.raises(ValueError, match="contamination must"):
            detector(contamination=contamination).fit(normal_rows)
    with pytest.raises(TypeError, match=r"FrozenEstimator\(estimator\)"):
        detector(encoder).fit(normal_rows)
    with pytest.raises(NotFittedError, match="AmortizedPosterior, is not fitted"):
        detector(FrozenEstimator(AmortizedPosterior())).fit(normal_rows)
    with pytest.raises(TypeError, match="must have transform"):
        detector(FrozenEstimator(MahalanobisDetector().fit(normal_rows))).fit(normal_rows)
    with pytest.raises(ValueError, match="n_null must be at least 1"):
        detector().fit(normal_rows).test(normal_rows[:2], batch=True, n_null=0)


@DETECTORS
@pytest.mark.parametrize(
    ("constant", "other"), [(1e6, 1e6 + 4.4e-9), (1e6, 1e6 + 20.0), (0.0, 1e-300), (5.0, -5.0), (1e200, 1.1e200)]
)
def test_what_never_varied_must_not(detector, constant, other):
    X = 1e-8 * np.random.default_rng(8).normal(size=(1000, 2))
    fitted = detector(random_state=0).fit(np.column_stack([X, np.full(1000, constant)]))
    assert fitted.predict([[0.0, 0.0, constant], [0.0, 0.0, other]]).tolist() == [1, -1]


@DETECTORS
def test_rounding_of_what_never_varied_is_no_departure(detector):
    X = np.random.default_rng(8).normal(size=(1000, 2))
    rounded = np.full(1000, 0.3)
    rounded[::3] = 0.1 + 0.2
    fitted = detector(random_state=0).fit(np.column_stack([X, rounded]))
    alone = detector(random_state=0).fit(X)
    new = np.column_stack([X[:9], [*rounded[:6], *3 * [0.3 - 5e-17]]])
    np.testing.assert_allclose(fitted.score_samples(new), alone.score_samples(new[:, :2]))


@DETECTORS
def test_columns_that_depend_on_others_must(detector):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(2000, 2))
    repeated = detector(random_state=0).fit(X[:, [0, 0, 1]])
    assert repeated.predict([[0.5, 0.5, 0.0], [0.5, 0.5 + 1e-9, 0.0]]).tolist() == [1, -1]
    assert repeated.predict([[0.5, 0.5, 0.0], [0.5, -0.5, 0.0]]).tolist() == [1, -1]
    nearly = np.column_stack([X, X[:, :1] + 3e-6 * rng.normal(size=(2000, 8))])
    fitted, alone = detector(random_state=0).fit(nearly[:1000]), detector(random_state=0).fit(X[:1000])
    np.testing.assert_allclose(fitted.score_samples(nearly[1000:]), alone.score_samples(X[1000:]), rtol=1e-2, atol=1e-6)


@DETECTORS
@pytest.mark.parametrize("unit", [1e-200, 1e-305, 1e200, 1e307])
def test_any_unit_will_do(detector, unit):
    X = np.random.default_rng(12).normal(size=(600, 2))
    fitted, other = detector(random_state=0).fit(unit * X), detector(random_state=0).fit(X)
    np.testing.assert_allclose(fitted.score_samples(unit * X[:50]), other.score_samples(X[:50]), rtol=1e-9)
    assert other.predict([[1e200, 0.0], [1e308, -1e308], [1e-200, 0.0]]).tolist() == [-1, -1, 1]
    assert other.test([[1e200, 0.0], [1e308, -1e308]], batch=True, n_null=99).p_value == 0.01


@DETECTORS
def test_few_data_sets_are_warned_of(detector):
    X = np.random.default_rng(13).normal(size=(40, 40))
    with pytest.warns(ApproximationWarning, match="1 data sets, half of those in fit, shape the statistic of 40"):
        detector().fit(X[:3])
    fitted = detector().fit(X[:30, :2])
    with pytest.warns(ApproximationWarning, match="fit kept 15 data sets .* no p-value is below 0.062"):
        fitted.test(X[:1, :2])


@DETECTORS
def test_the_moments_of_fit_are_those_that_are_judged(detector, encoder):
    X = np.random.default_rng(15).normal(size=(200, 9, 4))
    fitted = detector(FrozenEstimator(encoder), random_state=0).fit(X)
    scores = fitted.score_samples(X)
    np.testing.assert_array_equal(fitted.set_params(moments=False).score_samples(X), scores)


def test_images_have_no_columns():
    X, y = np.random.default_rng(16).normal(size=(60, 8, 8)), np.random.default_rng(17).normal(size=60)
    for summary, n_moments in ((ImageSummary(n_summaries=2, width=8), 0), (SetSummary(n_summaries=2, width=8), 16)):
        posterior = AmortizedPosterior(Gaussian(()), summary=summary, max_iter=1, random_state=0).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            fitted = MahalanobisDetector(FrozenEstimator(posterior), random_state=0).fit(X)
        assert len(fitted.mean_) == posterior.transform(X).shape[1] + n_moments


@DETECTORS
def test_what_a_network_forgets_is_judged_beside_its_summaries(detector, encoder):
    rng = np.random.default_rng(11)
    X = rng.normal(size=(2000, 150, 4))
    heavy, skewed = X[:100].copy(), X[:100].copy()
    heavy[:, 1:, 2] = rng.standard_t(3, size=(100, 149))
    skewed[:, 1:, 3] = rng.exponential(size=(100, 149)) - 1
    fitted = detector(FrozenEstimator(encoder), random_state=0).fit(X[100:])
    without = detector(FrozenEstimator(encoder), moments=False, random_state=0).fit(X[100:])
    for unlike in (heavy, skewed):
        assert np.mean(fitted.test(unlike) <= 0.05) > 0.6
        assert np.mean(without.test(unlike) <= 0.05) < 0.15
    with pytest.raises(ValueError, match="moments must be"):
        detector(FrozenEstimator(encoder), moments="all").fit(X)


@DETECTORS
def test_comparators_have_summaries_too(detector):
    rng = np.random.default_rng(9)
    X, labels = rng.normal(size=(300, 2)), np.repeat(["a", "b"], 150)
    comparator = AmortizedModelComparator(head=Softmax(1, block_width=8), max_iter=2, random_state=0).fit(X, labels)
    fitted = detector(FrozenEstimator(comparator), random_state=0).fit(X)
    assert fitted.predict([[0.1, 0.0], [90.0, 0.0]]).tolist() == [1, -1]
