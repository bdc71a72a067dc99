import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import tarp
from skabi.exceptions import ShapeError
from skabi.plotting import TARPDisplay


def test_curve_is_that_of_the_diagnostic(exact, simulations):
    X, y = simulations
    ax = plt.figure().add_subplot()
    draws, references = exact.sample(X, 99, random_state=0), np.zeros(y.shape)
    display = TARPDisplay.from_draws(draws, y, references=references, ax=ax)
    result = tarp(draws, y, references=references)
    assert display.ax_ is ax and display.figure_ is ax.figure
    curve = ax.lines[1]
    np.testing.assert_array_equal(curve.get_xdata(), result.levels)
    np.testing.assert_array_equal(curve.get_ydata(), result.coverage)
    assert display.p_value == result.p_value
    assert curve.get_label().startswith("observed, p = ")
    assert "ball around a reference point" in ax.get_xlabel()


def test_random_state_chooses_draws_and_reference_points(exact, simulations):
    first, same, other = (
        TARPDisplay.from_estimator(exact, *simulations, n_draws=50, random_state=seed).coverage for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_posteriors_that_are_too_narrow_are_told_by_curve_and_p_value(too_narrow, simulations):
    display = TARPDisplay.from_estimator(too_narrow, *simulations, levels=[0.5, 0.95], random_state=0)
    assert display.upper[1] < 0.95
    assert display.ax_.get_legend_handles_labels()[1] == ["calibrated", "observed, p < 0.0001"]


def test_wrong_references_raise(exact, simulations):
    with pytest.raises(ShapeError, match="references"):
        TARPDisplay.from_estimator(exact, *simulations, references=np.zeros((3, 2)))
