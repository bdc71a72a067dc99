from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import model_calibration
from skabi.exceptions import ShapeError
from skabi.plotting import ModelCalibrationDisplay

CLASSES = np.array(["sir", "si", "seir"])  # Not sorted.


@pytest.fixture
def comparator():
    """X holds the probabilities themselves."""
    return SimpleNamespace(predict_proba=lambda X: X, classes_=CLASSES)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([0.7, 0.7, 0.7], size=300)
    return proba, CLASSES[(rng.random((300, 1)) > proba.cumsum(axis=1)[:, :-1]).sum(axis=1)]


def test_numbers_are_those_of_the_diagnostic(comparator, predictions):
    ax = plt.figure().add_subplot()
    display = ModelCalibrationDisplay.from_estimator(comparator, *predictions, n_bins=5, random_state=0, ax=ax)
    result = model_calibration(*predictions, classes=CLASSES, n_bins=5, random_state=0)
    for name in ("prob_pred", "prob_true", "lower", "upper", "counts"):
        np.testing.assert_array_equal(getattr(display, name), getattr(result, name))
    np.testing.assert_array_equal(display.ece, result.per_model.ece)
    np.testing.assert_array_equal(display.ece_lower, result.per_model.lower)
    np.testing.assert_array_equal(display.ece_upper, result.per_model.upper)
    assert display.classes.tolist() == CLASSES.tolist()
    assert display.ax_ is ax and display.figure_ is ax.figure


def test_a_curve_with_intervals_and_a_legend_for_each_model(predictions):
    display = ModelCalibrationDisplay.from_predictions(*predictions, classes=CLASSES, random_state=0)
    diagonal, *curves = display.ax_.lines
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    assert len(curves) == 3
    bars = [part for part in display.ax_.collections if hasattr(part, "get_segments")]
    for j, (curve, intervals) in enumerate(zip(curves, bars, strict=True)):
        np.testing.assert_array_equal(curve.get_xydata(), np.column_stack([display.prob_pred[j], display.prob_true[j]]))
        ends = np.asarray(intervals.get_segments())[:, :, 1]
        np.testing.assert_array_equal(ends, np.column_stack([display.lower[j], display.upper[j]]))
        error, lower, upper = display.ece[j], display.ece_lower[j], display.ece_upper[j]
        assert curve.get_label() == f"{CLASSES[j]}: ECE {error:.3f} (long-run {lower:.3f} to {upper:.3f})"


def test_areas_are_the_numbers_of_data_sets(predictions):
    display = ModelCalibrationDisplay.from_predictions(*predictions, classes=CLASSES, random_state=0)
    dots = [part for part in display.ax_.collections if not hasattr(part, "get_segments")]
    for j, part in enumerate(dots):
        np.testing.assert_allclose(part.get_sizes() / dots[0].get_sizes()[0], display.counts[j] / display.counts[0, 0])


def test_empty_bins_are_left_out():
    proba = np.tile([[0.95, 0.05], [0.25, 0.75]], (20, 1))
    display = ModelCalibrationDisplay.from_predictions(proba, np.tile([0, 1], 20), random_state=0)
    np.testing.assert_allclose(display.ax_.lines[1].get_xydata(), [[0.25, 0.0], [0.95, 1.0]])
    assert display.ax_.lines[1].get_label().startswith("0: ECE 0.150")


def test_it_is_drawn_again_without_errors():
    curve = np.array([[0.2, 0.8]])
    display = ModelCalibrationDisplay(prob_pred=curve, prob_true=curve, lower=curve, upper=curve, counts=[[3, 4]])
    assert display.plot() is display
    assert display.ax_.lines[1].get_label() == "0"


def test_what_is_refused(comparator, predictions):
    proba, y = predictions
    with pytest.raises(ValueError, match="label 'sis' of y is none of the classes"):
        ModelCalibrationDisplay.from_estimator(comparator, proba, np.where(y == "si", "sis", y))
    with pytest.raises(ValueError, match=r"classes=comparator\.classes_"):
        ModelCalibrationDisplay.from_predictions(proba, y)
    display = ModelCalibrationDisplay.from_predictions(proba, y, classes=CLASSES, random_state=0)
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        display.plot(ax=[display.ax_])
    display.classes = ["sir"]
    with pytest.raises(ShapeError, match="one label for each of 3 curves"):
        display.plot()
    display.lower = display.lower[:1]
    with pytest.raises(ShapeError, match=r"must all have shape \(n_models, n_bins\)"):
        display.plot()
