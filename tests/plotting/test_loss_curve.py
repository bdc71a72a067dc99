import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from skabi.exceptions import ShapeError
from skabi.plotting import LossCurveDisplay


def test_curves_are_losses_by_epoch_and_the_kept_epoch_is_marked(exact):
    display = LossCurveDisplay.from_estimator(exact)
    training, held_out, kept = display.ax_.lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 2.0], [2, 1.0], [3, 0.5], [4, 0.25]])
    np.testing.assert_array_equal(held_out.get_xydata(), [[1, 1.75], [2, 1.25], [3, 0.75], [4, 1.0]])
    np.testing.assert_array_equal(kept.get_xydata(), [[3, 0.75]])
    assert kept.get_label() == "kept: epoch 3, 0.75"
    assert display.ax_.get_ylabel() == "negative mean log density (nats)"


def test_without_held_out_simulations_there_is_one_curve(exact):
    exact.validation_scores_ = None
    exact.best_iter_ = None
    display = LossCurveDisplay.from_estimator(exact)
    assert display.validation_loss is None
    assert len(display.ax_.lines) == 1


def test_a_huge_first_loss_does_not_flatten_the_rest():
    loss = np.concatenate([[1e4], np.linspace(1.0, 0.0, 29)])
    display = LossCurveDisplay(training_loss=loss).plot()
    assert display.ax_.get_ylim()[1] < 2
    display = LossCurveDisplay(training_loss=loss[1:]).plot()
    assert display.ax_.get_ylim()[1] > 1.0


def test_a_loss_that_was_not_a_number_leaves_a_gap():
    display = LossCurveDisplay(training_loss=[3.0, np.nan, 1.0, 0.5]).plot()
    low, high = display.ax_.get_ylim()
    assert low < 0.5 and high > 3.0


def test_one_epoch():
    display = LossCurveDisplay(training_loss=[1.0]).plot()
    assert len(display.ax_.lines) == 1


def test_curves_of_different_lengths_raise():
    with pytest.raises(ShapeError, match="got 2 and 1"):
        LossCurveDisplay(training_loss=[1.0, 0.5], validation_loss=[1.0]).plot()


def test_estimator_that_is_not_fitted_raises():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(LinearRegression())
