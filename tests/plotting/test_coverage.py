import numpy as np
import pytest

from skabi.diagnostics import central_coverage
from skabi.plotting import CoverageDisplay


def test_points_are_shares_of_intervals_that_hold_the_truth(exact, simulations):
    X, y = simulations
    display = CoverageDisplay.from_estimator(exact, X, y, n_draws=999, random_state=0)
    draws = np.sort(exact.sample(X, 999, random_state=0), axis=1)
    truth = y.to_numpy()
    for level in (0.1, 0.5, 0.9):
        row = int(np.argmin(np.abs(display.levels - level)))
        # 999 draws cut the line into 1000 equal parts: the interval ends at draws number 500 * (1 -+ level).
        low, high = round(500 * (1 - level)), round(500 * (1 + level))
        expected = ((draws[:, low - 1] < truth) & (truth < draws[:, high - 1])).mean(axis=0)
        np.testing.assert_allclose(display.coverage[row], expected, atol=1e-9)
    for j in range(2):
        line = display.ax_.lines[1 + j]
        assert line.get_label() == ["beta", "gamma"][j]
        np.testing.assert_array_equal(line.get_xdata(), display.levels)
        np.testing.assert_array_equal(line.get_ydata(), display.coverage[:, j])


def test_bands_are_those_of_the_diagnostic(exact, simulations):
    X, y = simulations
    draws = exact.sample(X, 200, random_state=0)
    display = CoverageDisplay.from_draws(draws, y)
    result = central_coverage(draws, y)
    for j, band in enumerate(display.ax_.collections):
        corners = band.get_paths()[0].vertices
        for limit in (result.lower[:, j], result.upper[:, j]):
            for corner in zip(result.levels, limit, strict=True):
                assert np.abs(corners - corner).sum(axis=1).min() < 1e-12


def test_few_levels_have_bars_side_by_side(exact, simulations):
    X, y = simulations
    display = CoverageDisplay.from_estimator(exact, X, y, levels=[0.5, 0.8], random_state=0)
    first, second = (np.asarray(bars.get_segments()) for bars in display.ax_.collections)
    np.testing.assert_allclose(first[:, :, 1], np.column_stack([display.lower[:, 0], display.upper[:, 0]]))
    np.testing.assert_allclose((first[:, 0, 0] + second[:, 0, 0]) / 2, [0.5, 0.8])
    assert (second[:, 0, 0] - first[:, 0, 0] > 0).all()


def test_one_level_is_enough(exact, simulations):
    X, y = simulations
    display = CoverageDisplay.from_estimator(exact, X, y, levels=[0.9], random_state=0)
    assert display.coverage.shape == (1, 2)


def test_posteriors_that_are_too_narrow_lie_below_the_diagonal(too_narrow, simulations):
    X, y = simulations
    display = CoverageDisplay.from_estimator(too_narrow, X, y, random_state=0)
    assert (display.upper[5:-1] < display.levels[5:-1, np.newaxis]).all()


def test_level_outside_the_unit_interval_raises():
    with pytest.raises(ValueError, match="levels"):
        CoverageDisplay.from_draws(np.zeros((5, 10, 1)), np.zeros((5, 1)), levels=[1.5])
