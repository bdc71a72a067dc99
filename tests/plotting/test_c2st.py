import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from skabi.diagnostics import c2st
from skabi.exceptions import ShapeError
from skabi.plotting import C2STDisplay


@pytest.fixture
def reference(exact, simulations):
    return exact.sample(simulations[0][:3], 1000, random_state=1)


def test_points_are_accuracies_and_the_line_their_mean(reference):
    shifted = reference[:, ::-1] + np.array([0.0, 0.5, 1.0])[:, np.newaxis, np.newaxis]
    display = C2STDisplay.from_draws(reference, shifted, classifier=LogisticRegression())
    expected = c2st(reference, shifted, classifier=LogisticRegression())
    np.testing.assert_array_equal(display.values, expected)
    points, mean, half = display.ax_.lines
    np.testing.assert_array_equal(points.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(points.get_ydata(), expected)
    assert mean.get_ydata()[0] == display.mean_ == pytest.approx(expected.mean())
    assert mean.get_label() == f"mean {expected.mean():.3f}"
    assert half.get_ydata()[0] == 0.5
    # Two Gaussians a distance d apart are told apart with probability Phi(d / 2); sd 0.011 of 2000 draws.
    distance = np.sqrt(2) * np.array([0.0, 0.5, 1.0]) / np.sqrt(0.2)
    np.testing.assert_allclose(expected, norm.cdf(distance / 2), atol=0.05)


def test_estimator_draws_as_many_as_the_reference_or_fewer(exact, simulations, reference):
    X = simulations[0][:3]
    display = C2STDisplay.from_estimator(exact, X, reference, classifier=LogisticRegression(), random_state=5)
    expected = c2st(reference, exact.sample(X, 1000, random_state=5), classifier=LogisticRegression())
    np.testing.assert_array_equal(display.values, expected)
    # Equal distributions, sd at most 0.5 / sqrt(2000) = 0.011.
    assert np.abs(display.values - 0.5).max() < 0.05

    fewer = C2STDisplay.from_estimator(
        exact, X, reference, n_draws=250, classifier=LogisticRegression(), random_state=5
    )
    expected = c2st(reference[:, ::4], exact.sample(X, 250, random_state=5), classifier=LogisticRegression())
    np.testing.assert_array_equal(fewer.values, expected)


def test_one_data_set_without_its_axis_is_one_point(reference):
    display = C2STDisplay.from_draws(reference[0], reference[0, ::-1] + 5.0, classifier=LogisticRegression())
    np.testing.assert_array_equal(display.values, [1.0])


def test_unequal_sets_raise(exact, simulations, reference):
    with pytest.raises(ShapeError, match="same shape"):
        C2STDisplay.from_draws(reference, reference[:, :10])
    with pytest.raises(ValueError, match="n_draws must be at most 1000"):
        C2STDisplay.from_estimator(exact, simulations[0][:3], reference, n_draws=1001)
    with pytest.raises(ShapeError, match="reference must have shape"):
        C2STDisplay.from_estimator(exact, simulations[0][:3], reference[0])
