import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from skabi.diagnostics import c2st
from skabi.exceptions import ApproximationWarning, ShapeError


def normal(n, n_parameters=2, *, seed, scale=1.0, shift=0.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(n, n_parameters))


@pytest.mark.parametrize("classifier", [None, RandomForestClassifier(50, min_samples_leaf=5, random_state=0)])
def test_equal_distributions_give_one_half(classifier):
    accuracy = c2st(normal(500, seed=0), normal(500, seed=1), classifier=classifier)
    assert isinstance(accuracy, float)
    assert abs(accuracy - 0.5) < 4.5 * 0.5 / np.sqrt(1000)


def test_disjoint_distributions_give_one():
    assert c2st(normal(200, seed=0), normal(200, seed=1, shift=20.0)) == 1.0


@pytest.mark.parametrize("classifier", [None, LogisticRegression()])
def test_shift_gives_the_accuracy_of_the_best_classifier(classifier):
    n = 1000
    accuracy = c2st(normal(n, 1, seed=0), normal(n, 1, seed=1, shift=1.5), classifier=classifier)
    best = stats.norm.cdf(0.75)
    assert abs(accuracy - best) < 4.5 * np.sqrt(best * (1 - best) / (2 * n))


def test_the_network_sees_spread_that_a_linear_classifier_cannot():
    n = 1000
    reference, wide = normal(n, 1, seed=0), normal(n, 1, seed=1, scale=3.0)
    # The best rule names the narrower one where |x| < cut.
    cut = np.sqrt(2 * np.log(3.0) / (1 - 1 / 9))
    best = 0.5 + stats.norm.cdf(cut) - stats.norm.cdf(cut / 3)
    assert abs(c2st(reference, wide) - best) < 4.5 * np.sqrt(best * (1 - best) / (2 * n)) + 0.01
    assert c2st(reference, wide, classifier=LogisticRegression()) < 0.6


def test_default_is_the_protocol_of_the_benchmark():
    reference, draws = normal(300, seed=0, scale=3.0), normal(300, seed=1, scale=3.0, shift=4.0)
    mean, std = reference.mean(axis=0), reference.std(axis=0, ddof=1)
    values = np.concatenate([(reference - mean) / std, (draws - mean) / std])
    network = MLPClassifier((20, 20), activation="relu", solver="adam", max_iter=1000, random_state=1)
    folds = KFold(5, shuffle=True, random_state=1)
    scores = cross_val_score(network, values, np.repeat([0, 1], 300), cv=folds, scoring="accuracy")
    assert c2st(reference, draws) == pytest.approx(scores.mean(), abs=1e-12)


def test_several_data_sets_give_an_array_of_the_single_values():
    reference = np.stack([normal(100, seed=0), normal(100, seed=1)])
    draws = np.stack([normal(100, seed=2), normal(100, seed=3, shift=3.0)])
    classifier = LogisticRegression()
    accuracy = c2st(reference, draws, classifier=classifier)
    assert accuracy.shape == (2,)
    single = [c2st(reference[i], draws[i], classifier=classifier) for i in range(2)]
    np.testing.assert_array_equal(accuracy, single)
    assert single[0] < 0.65 < 0.9 < single[1]
    np.testing.assert_array_equal(c2st(reference, draws, classifier=classifier, n_jobs=2), accuracy)


def test_units_do_not_matter():
    reference, draws = normal(200, seed=0), normal(200, seed=1, shift=0.5)
    factors, shift = 2.0 ** np.array([-30, 20]), 2.0 ** np.array([-27, 22])
    # Powers of two keep all digits but those that adding the shift rounds off.
    assert c2st(reference * factors + shift, draws * factors + shift) == pytest.approx(c2st(reference, draws), abs=0.02)


def test_constant_columns():
    reference, draws = normal(200, seed=0), normal(200, seed=1)
    reference[:, 1] = draws[:, 1] = 0.1
    assert abs(c2st(reference, draws, classifier=LogisticRegression()) - 0.5) < 4.5 * 0.5 / np.sqrt(400)
    draws[:, 1] = 0.1 + 1e-9
    assert c2st(reference, draws, classifier=LogisticRegression()) == 1.0


def test_training_that_does_not_converge_is_said():
    short = MLPClassifier((5,), max_iter=2, random_state=0)
    with pytest.warns(ApproximationWarning, match="5 of 5 classifiers did not converge") as caught:
        c2st(normal(50, seed=0), normal(50, seed=1), classifier=short)
    assert [warning.filename for warning in caught] == [__file__]


def test_result_repeats_and_depends_on_the_seed():
    reference, draws = normal(300, 1, seed=0), normal(300, 1, seed=1, shift=1.0)
    accuracy = c2st(reference, draws)
    assert accuracy == c2st(reference, draws)
    assert accuracy != c2st(reference, draws, random_state=2)


@pytest.mark.parametrize(
    ("reference_shape", "draws_shape", "message"),
    [
        ((100,), (100,), r"reference\[:, np.newaxis\]"),
        ((100, 2), (90, 2), "as many draws in one as in the other"),
        ((100, 2), (100, 3), "the same shape"),
        ((1, 100, 2), (100, 2), "the same shape"),
        ((0, 2), (0, 2), "the same shape"),
    ],
)
def test_wrong_shapes(reference_shape, draws_shape, message):
    with pytest.raises(ShapeError, match=message):
        c2st(np.zeros(reference_shape), np.zeros(draws_shape))


def test_wrong_values():
    good = normal(20, seed=0)
    with pytest.raises(ValueError, match="draws must be finite"):
        c2st(good, np.full_like(good, np.nan))
    with pytest.raises(ValueError, match="at least n_folds=5 draws"):
        c2st(good[:4], good[:4])
    with pytest.raises(ValueError, match="n_folds must be at least 2"):
        c2st(good, good, n_folds=1)


@pytest.mark.filterwarnings("ignore::skabi.exceptions.ApproximationWarning")
def test_a_value_beyond_single_precision_is_no_error():
    reference, draws = np.random.default_rng(0).normal(size=(2, 100, 1))
    draws[0] = 1e39
    assert 0.3 < c2st(reference, draws) < 0.7
