import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skabi.exceptions import ShapeError
from skabi.plotting import PairsDisplay


@pytest.fixture
def draws():
    return np.random.default_rng(0).normal(size=(800, 3)) * [1.0, 1e-3, 1e3]


def test_from_estimator_shows_the_draws_and_the_truth(exact, simulations):
    X, y = simulations
    display = PairsDisplay.from_estimator(exact, X[[4]], y.iloc[[4]], n_draws=500, random_state=2)
    expected = exact.sample(X[[4]], 500, random_state=2)[0]
    np.testing.assert_array_equal(display.draws, expected)
    np.testing.assert_array_equal(display.true_values, y.iloc[4])
    points, truth = display.axes_[1, 0].lines
    np.testing.assert_array_equal(points.get_xydata(), expected)
    np.testing.assert_array_equal(truth.get_xydata(), [y.iloc[4]])
    assert display.axes_[0, 1] is None
    for j in range(2):
        assert display.axes_[j, j].lines[0].get_xdata()[0] == y.iloc[4, j]
    assert [panel.get_xlabel() for panel in display.axes_[1]] == ["beta", "gamma"]
    assert display.axes_[1, 0].get_ylabel() == "gamma"


def test_bars_of_the_diagonal_are_a_density(draws):
    display = PairsDisplay.from_draws(draws)
    for j in range(3):
        values, edges, _ = display.axes_[j, j].patches[0].get_data()
        counts, _ = np.histogram(draws[:, j], bins=edges)
        np.testing.assert_allclose(values, counts / (800 * np.diff(edges)))
        assert 0.97 < np.sum(values * np.diff(edges)) <= 1 + 1e-12


def test_a_wide_reference_leaves_the_posterior_legible(draws):
    alone = PairsDisplay.from_draws(draws).axes_[2, 0].get_xlim()
    display = PairsDisplay.from_draws(draws, reference=draws[:500] * 1000, reference_label="prior")
    wide = display.axes_[2, 0].get_xlim()
    assert np.ptp(alone) < np.ptp(wide) < 4.5 * np.ptp(alone)
    labels = [text.get_text() for text in display.axes_[0, 0].get_legend().get_texts()]
    assert labels == ["posterior", "prior"]
    assert display.reference.shape == (500, 3)


def test_true_values_far_out_are_in_view(draws):
    display = PairsDisplay.from_draws(draws, [50.0, 0.0, 0.0])
    assert display.axes_[1, 0].get_xlim()[1] > 50


@pytest.mark.parametrize("n_parameters", [1, 2, 10])
def test_any_number_of_parameters(n_parameters):
    draws = np.random.default_rng(0).normal(size=(100, n_parameters))
    display = PairsDisplay.from_draws(draws, draws[0], reference=draws)
    assert display.axes_.shape == (n_parameters, n_parameters)
    display.figure_.canvas.draw()


@pytest.mark.parametrize("draws", [np.zeros((1, 2)), np.ones((50, 2)), np.eye(2), np.arange(6.0).reshape(3, 2)])
def test_few_or_constant_draws_are_shown(draws):
    display = PairsDisplay.from_draws(draws, [0.0, 0.0])
    display.figure_.canvas.draw()
    points, truth = display.axes_[1, 0].lines
    np.testing.assert_array_equal(points.get_xydata(), draws)
    np.testing.assert_array_equal(truth.get_xydata(), [[0.0, 0.0]])
    for j in range(2):
        low, high = display.axes_[j, j].get_xlim()
        assert low < min(0.0, draws[:, j].min()) and max(0.0, draws[:, j].max()) < high
        values, edges, _ = display.axes_[j, j].patches[0].get_data()
        # One draw has no density.
        assert np.sum(values * np.diff(edges)) == pytest.approx(1.0 if len(draws) > 1 else 0.0)
    assert not display.axes_[1, 0].collections  # Too few for contours.


def test_axes_given_are_drawn_into(draws):
    figure, axes = plt.subplots(3, 3)
    display = PairsDisplay.from_draws(draws, ax=axes)
    assert display.figure_ is figure and display.ax_ is None
    assert display.axes_[2, 1] is axes[2, 1]
    _, ax = plt.subplots()
    assert display.plot(ax=ax).ax_ is ax


def test_names_come_from_columns_of_draws_or_of_y(draws):
    frame = pd.DataFrame(draws, columns=["a", "b", "c"])
    assert PairsDisplay.from_draws(frame).parameter_names == ["a", "b", "c"]
    assert PairsDisplay.from_draws(draws, frame[:1]).parameter_names == ["a", "b", "c"]
    assert PairsDisplay.from_draws(draws).parameter_names == ["theta[0]", "theta[1]", "theta[2]"]


def test_shapes_that_do_not_fit_raise(exact, simulations, draws):
    X, y = simulations
    with pytest.raises(ShapeError, match=r"X must hold one data set; got 200. Pass X\[\[i\]\]"):
        PairsDisplay.from_estimator(exact, X, y)
    with pytest.raises(ShapeError, match="draws of one data set"):
        PairsDisplay.from_draws(np.zeros((2, 10, 3)))
    with pytest.raises(ShapeError, match="one value for each of 3 parameters; got 2"):
        PairsDisplay.from_draws(draws, [0.0, 1.0])
    with pytest.raises(ShapeError, match="reference must have 3 parameters"):
        PairsDisplay.from_draws(draws, reference=np.zeros((10, 2)))
    with pytest.raises(ValueError, match="draws must be finite"):
        PairsDisplay.from_draws(np.full((10, 2), np.nan))
