"""Calibration of model probabilities: against hand computations, and as often right as it says."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.calibration import calibration_curve

from skabi.diagnostics import model_calibration
from skabi.exceptions import ShapeError

N_MODELS = 3


def simulate(n_datasets, *, sharpness=1.0, rng):
    """Return probabilities and labels; above 1, `sharpness` makes the probabilities overconfident."""
    logits = 1.5 * rng.normal(size=(n_datasets, N_MODELS))
    exact = special.softmax(logits, axis=1)
    label = (rng.random((n_datasets, 1)) > exact.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return special.softmax(sharpness * logits, axis=1), label


def errors_of(result):
    """Return each figure of all models, their average and the selected one, `(n_models + 2,)`."""
    parts = (result.per_model, result.average, result.selected)
    return {name: np.hstack([getattr(part, name) for part in parts]) for name in ("ece", "lower", "upper", "p_value")}


def ece_by_loop(p, is_true, n_bins):
    total = 0.0
    for i in range(n_bins):
        rows = [row for row in range(len(p)) if i / n_bins < p[row] <= (i + 1) / n_bins]
        total += abs(sum(p[row] - is_true[row] for row in rows))
    return total / len(p)


def test_errors_and_curves_are_those_computed_by_hand():
    proba, label = simulate(200, sharpness=1.5, rng=np.random.default_rng(0))
    result = model_calibration(proba, label, n_bins=7, n_resamples=50, random_state=0)
    by_hand = [ece_by_loop(proba[:, j], label == j, 7) for j in range(N_MODELS)]
    np.testing.assert_allclose(result.per_model.ece, by_hand)
    np.testing.assert_allclose(result.average.ece, np.mean(by_hand))
    right = proba.argmax(axis=1) == label
    np.testing.assert_allclose(result.selected.ece, ece_by_loop(proba.max(axis=1), right, 7))
    for j in range(N_MODELS):
        filled = result.counts[j] > 0
        prob_true, prob_pred = calibration_curve(label == j, proba[:, j], n_bins=7)
        np.testing.assert_allclose(result.prob_true[j, filled], prob_true)
        np.testing.assert_allclose(result.prob_pred[j, filled], prob_pred)
    np.testing.assert_array_equal(result.counts.sum(axis=1), 200)
    successes = result.counts * result.prob_true
    inside = (successes > 0) & (successes < result.counts)
    low = stats.beta.ppf(0.025, successes + 0.5, result.counts - successes + 0.5)
    np.testing.assert_allclose(result.lower[inside], low[inside])
    assert (result.lower[successes == 0] == 0).all() and (result.upper[successes == result.counts] == 1).all()


def test_shapes_and_empty_bins():
    proba = np.tile([[0.95, 0.05], [0.25, 0.75]], (20, 1))
    result = model_calibration(proba, np.tile([0, 1], 20), n_resamples=30, random_state=0)
    np.testing.assert_allclose(result.bin_edges, np.linspace(0, 1, 11))
    filled = result.counts > 0
    np.testing.assert_array_equal(np.flatnonzero(filled[0]), [2, 9])
    np.testing.assert_array_equal(result.counts[:, ::-1], result.counts[::-1])
    for curve in (result.prob_pred, result.prob_true, result.lower, result.upper):
        assert curve.shape == (2, 10)
        np.testing.assert_array_equal(np.isfinite(curve), filled)
    # None of the data sets given 0.25 to the first model are its own, and all of those given 0.95.
    assert result.lower[0, 2] == 0 < result.upper[0, 2] < 1 and 0 < result.lower[0, 9] < 1 == result.upper[0, 9]
    assert result.per_model.by_chance.shape == (30, 2) and result.per_model.p_value.shape == (2,)
    assert result.average.by_chance.shape == (30,) and np.shape(result.average.ece) == ()
    np.testing.assert_allclose(result.average.ece, 0.15)


def test_probabilities_of_zero_and_one_are_in_the_outer_bins():
    result = model_calibration([[0.0, 1.0], [1.0, 0.0]], [1, 0], n_resamples=5, random_state=0)
    np.testing.assert_array_equal(result.counts[:, [0, -1]], 1)
    assert result.average.ece == result.average.upper == 0
    assert result.average.p_value == 1


def test_bins_hold_their_upper_edge():
    result = model_calibration([[0.5, 0.5], [0.25, 0.75]], [0, 1], n_bins=4, n_resamples=5, random_state=0)
    np.testing.assert_array_equal(result.counts, [[1, 1, 0, 0], [0, 1, 1, 0]])


def test_labels_of_any_kind():
    proba, label = simulate(80, rng=np.random.default_rng(1))
    names = np.array(["sir", "seir", "si"])  # Not sorted.
    expected = model_calibration(proba, label, n_resamples=20, random_state=0)
    for y in (names[label], names[label].tolist(), pd.Series(names[label], dtype="category")):
        result = model_calibration(proba, y, classes=names, n_resamples=20, random_state=0)
        np.testing.assert_array_equal(result.per_model.lower, expected.per_model.lower)
        assert result.classes.tolist() == names.tolist()


def test_seed_decides():
    proba, label = simulate(100, rng=np.random.default_rng(2))
    first, same, other = (model_calibration(proba, label, n_resamples=50, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.per_model.by_chance, same.per_model.by_chance)
    assert (first.per_model.by_chance != other.per_model.by_chance).any()


# As often right as it says


def test_p_values_of_exact_probabilities_are_uniform():
    n_repeats, rng = 150, np.random.default_rng(3)
    p_values = np.empty((n_repeats, N_MODELS + 2))
    for i in range(n_repeats):
        proba, label = simulate(60, rng=rng)
        p_values[i] = errors_of(model_calibration(proba, label, n_resamples=99, random_state=i))["p_value"]
    for share in (0.05, 0.2, 0.5):
        # Five shares, each within four standard errors.
        assert (np.abs((p_values <= share).mean(axis=0) - share) < 4 * np.sqrt(share * (1 - share) / n_repeats)).all()


@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_over_and_underconfident_probabilities_are_told(sharpness):
    proba, label = simulate(1000, sharpness=sharpness, rng=np.random.default_rng(4))
    errors = errors_of(model_calibration(proba, label, n_resamples=199, random_state=0))
    assert (errors["p_value"] == 1 / 200).all()
    assert (errors["lower"] > 0.02).all()


@pytest.mark.parametrize("sharpness", [1.0, 1.3])
def test_intervals_hold_the_long_run_error_as_often_as_they_say(sharpness):
    rng, n_repeats, level = np.random.default_rng(5), 80, 0.9
    proba, label = simulate(300_000, sharpness=sharpness, rng=rng)
    if sharpness == 1:
        long_run = np.zeros(N_MODELS + 2)
    else:
        long_run = errors_of(model_calibration(proba, label, n_resamples=1, random_state=0))["ece"]
    held, above, below = 0, 0, 0
    for i in range(n_repeats):
        proba, label = simulate(300, sharpness=sharpness, rng=rng)
        result = model_calibration(proba, label, confidence_level=level, n_resamples=99, random_state=i)
        errors = errors_of(result)
        held += (errors["lower"] <= long_run) & (long_run <= errors["upper"])
        above += errors["lower"] > long_run
        below += errors["upper"] < long_run
    # Test inversion is not exact: 0.03 beside four standard errors. With exact probabilities only one end can miss.
    slack = 0.03 + 4 * np.sqrt(level * (1 - level) / n_repeats)
    assert (np.asarray(held) / n_repeats > level - slack).all()
    tail = (1 - level) / 2
    for missed in (above, below):
        assert (missed / n_repeats < tail + 0.03 + 4 * np.sqrt(tail * (1 - tail) / n_repeats)).all()
    if sharpness > 1:
        assert (np.asarray(held) < n_repeats).any()


def test_intervals_of_one_bin_far_from_zero_are_normal():
    proba, label = np.tile([0.9, 0.1], (2000, 1)), np.repeat([0, 1], [1200, 800])
    average = model_calibration(proba, label, n_bins=1, random_state=0).average
    np.testing.assert_allclose(average.ece, 0.3)
    error = np.sqrt(0.6 * 0.4 / 2000)
    # Quantiles of 1,000 resamples: four Monte Carlo errors, in units of the standard error.
    for limit, tail in ((average.lower, 0.025), (average.debiased, 0.5), (average.upper, 0.975)):
        z = stats.norm.ppf(tail)
        slack = 4 * np.sqrt(tail * (1 - tail) / 1000) / stats.norm.pdf(z)
        assert abs((limit - 0.3) / error - z) < slack


def test_the_debiased_error_is_nearer_to_the_truth():
    rng = np.random.default_rng(6)
    plain, debiased = [], []
    for i in range(40):
        proba, label = simulate(300, sharpness=1.3, rng=rng)
        average = model_calibration(proba, label, n_resamples=99, random_state=i).average
        plain.append(average.ece)
        debiased.append(average.debiased)
        assert average.lower <= average.debiased <= average.upper
    proba, label = simulate(300_000, sharpness=1.3, rng=rng)
    long_run = model_calibration(proba, label, n_resamples=1, random_state=0).average.ece
    error = np.std(debiased) / np.sqrt(40)
    assert abs(np.mean(debiased) - long_run) < 4 * error
    assert np.mean(plain) - long_run > 0.015


# Bad input

GOOD = np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("proba", "y", "options", "error", "words"),
    [
        (GOOD + 0.1, [0, 1, 1], {}, ValueError, "row 0 sums to 1.2"),
        (np.log(GOOD), [0, 1, 1], {}, ValueError, "not negative"),
        ([[-0.1, 1.1], [0.5, 0.5]], [0, 1], {}, ValueError, "the smallest is -0.1"),
        ([[np.nan, 1.0], [0.5, 0.5]], [0, 1], {}, ValueError, "proba must be finite"),
        (GOOD[:, 1], [0, 1, 1], {}, ShapeError, r"proba must have shape \(n_datasets, n_models\).*both columns"),
        (np.ones((3, 1)), [0, 0, 0], {}, ShapeError, "two models"),
        (GOOD[:0], [], {}, ShapeError, "at least one data set"),
        (GOOD, [0, 1], {}, ShapeError, r"y must have one label a row of proba, shape \(3,\)"),
        (GOOD, [[0], [1], [1]], {}, ShapeError, "y must have one label"),
        (GOOD, [0, 1, 2], {}, ValueError, "label 2 of y is none of the classes .0, 1."),
        (GOOD, ["a", "b", "b"], {}, ValueError, r"label '.' of y.*classes=comparator\.classes_"),
        (GOOD, ["a", "b", "c"], {"classes": ["a", "b"]}, ValueError, "label 'c' of y is none"),
        (GOOD, [0, 1, np.nan], {}, ValueError, "label nan of y"),
        (GOOD, ["a", "b", "b"], {"classes": ["a", "b", "c"]}, ShapeError, "classes must have one label a column"),
        (GOOD, ["a", "a", "a"], {"classes": ["a", "a"]}, ValueError, "classes must be different"),
        (GOOD, [1, 1, 1], {}, ValueError, "all data sets of y are of the model 1"),
        (GOOD, [0, 1, 1], {"n_bins": 0}, ValueError, "n_bins must be at least 1"),
        (GOOD, [0, 1, 1], {"n_bins": 2.5}, TypeError, "n_bins must be an int"),
        (GOOD, [0, 1, 1], {"n_resamples": 0}, ValueError, "n_resamples must be at least 1"),
        (GOOD, [0, 1, 1], {"confidence_level": 1.0}, ValueError, "confidence_level must lie between"),
    ],
)
def test_what_is_refused(proba, y, options, error, words):
    with pytest.raises(error, match=words):
        model_calibration(proba, y, **options)


def test_arrays_are_left_as_they_are():
    proba = GOOD.astype(np.float32)
    proba.flags.writeable = False
    result = model_calibration(proba, [0, 1, 1], n_resamples=3, random_state=0)
    assert result.prob_pred.dtype == np.float64
