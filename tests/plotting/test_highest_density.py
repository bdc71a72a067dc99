import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import highest_density_coverage
from skabi.plotting import HighestDensityCoverageDisplay


def test_curve_is_that_of_the_diagnostic(exact, simulations):
    X, y = simulations
    ax = plt.figure().add_subplot()
    levels = np.linspace(0.1, 0.9, 9)
    display = HighestDensityCoverageDisplay.from_estimator(
        exact, X, y, n_draws=99, levels=levels, random_state=0, ax=ax
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    diagonal, curve = ax.lines
    np.testing.assert_array_equal(curve.get_xdata(), levels)
    np.testing.assert_array_equal(curve.get_ydata(), display.coverage)
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert curve.get_label().startswith("observed, p = ")
    corners = ax.collections[0].get_paths()[0].vertices
    for limit in (display.lower, display.upper):
        for corner in zip(levels, limit, strict=True):
            assert np.abs(corners - corner).sum(axis=1).min() < 1e-12
    assert "highest posterior density" in ax.get_xlabel()


def test_densities_are_those_of_draws_and_truths(exact, simulations):
    X, y = simulations
    seen = []

    class Watched(type(exact)):
        def sample(self, X, n_draws=1000, *, random_state=None):
            seen.append(super().sample(X, n_draws, random_state=random_state))
            return seen[0]

    display = HighestDensityCoverageDisplay.from_estimator(Watched(), X, y, n_draws=50, random_state=0)
    distance = ((y.to_numpy() - 0.8 * X) ** 2).sum(axis=1)
    distances = ((seen[0] - 0.8 * X[:, np.newaxis]) ** 2).sum(axis=2)
    result = highest_density_coverage(-distances, -distance)
    np.testing.assert_array_equal(display.coverage, result.coverage)
    assert display.p_value == result.p_value


def test_posteriors_that_are_too_narrow_lie_below_the_diagonal(too_narrow, simulations):
    X, y = simulations
    display = HighestDensityCoverageDisplay.from_estimator(too_narrow, X, y, n_draws=200, random_state=0)
    assert (display.upper < display.levels).all()
    assert display.ax_.get_legend_handles_labels()[1] == ["calibrated", "observed, p < 0.0001"]


def test_few_levels_have_bars_and_no_p_value_is_no_label():
    display = HighestDensityCoverageDisplay(levels=[0.5, 0.9], coverage=[0.4, 0.8], lower=[0.3, 0.7], upper=[0.5, 0.9])
    segments = np.asarray(display.plot().ax_.collections[0].get_segments())
    np.testing.assert_allclose(segments, [[[0.5, 0.3], [0.5, 0.5]], [[0.9, 0.7], [0.9, 0.9]]])
    assert display.ax_.get_legend_handles_labels()[1] == ["calibrated", "observed"]


def test_nan_densities_raise():
    with pytest.raises(ValueError, match="1 of 3 data sets"):
        HighestDensityCoverageDisplay.from_log_prob(np.zeros((3, 10)), [0.0, np.nan, 0.0])
