import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import mmd_test, sliced_wasserstein_test
from skabi.exceptions import ShapeError
from skabi.plotting import TwoSampleDisplay
from skabi.plotting._canvas import BLUE, VERMILION


def _test(x, z, *, random_state):
    return mmd_test(x, z, n_permutations=99, random_state=random_state)


@pytest.fixture
def sets():
    """Draws of three data sets, of which the last two differ."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(3, 100, 2)), rng.normal(size=(3, 80, 2))
    return x, z * np.array([1.0, 3.0, 1.0])[:, np.newaxis, np.newaxis] + np.array([0.0, 0.0, 1.0])[:, None, None]


def test_one_data_set_is_a_line_on_a_histogram(sets):
    ax = plt.figure().add_subplot()
    x, z = sets[0][2], sets[1][2]
    display = TwoSampleDisplay.from_draws(x, z, test=_test, random_state=0, ax=ax)
    expected = _test(x, z, random_state=0)
    assert (display.statistic, display.p_value) == (expected.statistic, 0.01)
    np.testing.assert_array_equal(display.null, expected.null)
    assert display.ax_ is ax and display.figure_ is ax.figure
    (bins,) = ax.patches
    density, edges, _ = bins.get_data()
    assert edges[0] == expected.null.min() and edges[-1] == expected.null.max()
    assert np.sum(density * np.diff(edges)) == pytest.approx(1)
    (line,) = ax.collections
    np.testing.assert_array_equal(line.get_segments()[0][:, 0], expected.statistic)
    assert ax.get_legend_handles_labels()[1] == ["99 permutations", "observed, p = 0.01"]
    assert ax.get_xlim()[1] > expected.statistic


def test_several_data_sets_are_sorted_above_their_range_by_chance(sets):
    display = TwoSampleDisplay.from_draws(*sets, test=_test, random_state=0)
    expected = _test(*sets, random_state=0)
    order = np.argsort(expected.statistic)
    np.testing.assert_array_equal(display.order_, order)
    np.testing.assert_array_equal(display.rejected_, [False, True, True])
    points = {line.get_color(): line.get_xydata() for line in display.ax_.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(
        points[VERMILION], [[1, expected.statistic[order[1]]], [2, expected.statistic[order[2]]]]
    )
    np.testing.assert_allclose(points[BLUE], [[0, expected.statistic[0]]])
    for bars, rows in zip(display.ax_.collections, (order[1:], order[:1]), strict=True):
        ends = np.array([bar[:, 1] for bar in bars.get_segments()])
        ordered = np.sort(expected.null[rows], axis=1)
        np.testing.assert_allclose(ends, ordered[:, [0, -5]])
    assert display.ax_.get_legend_handles_labels()[1] == [
        "p <= 0.05: 2 data sets",
        "p > 0.05: 1 data set",
        "bars: by chance, up to p = 0.05",
    ]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [str(i) for i in order]


@pytest.mark.parametrize("level", [0.01, 0.05, 0.15, 0.29])
def test_points_are_coloured_where_they_leave_their_bar(level):
    rng = np.random.default_rng(1)
    statistic, null = rng.normal(1.0, 1.0, size=100), rng.normal(size=(100, 99))
    p_value = (1 + np.count_nonzero(null >= statistic[:, np.newaxis], axis=1)) / 100
    display = TwoSampleDisplay(statistic=statistic, null=null, p_value=p_value, level=level).plot()
    for line, bars in zip(display.ax_.lines, display.ax_.collections, strict=False):
        above = line.get_ydata() > [bar[1, 1] for bar in bars.get_segments()]
        assert (above == (line.get_color() == VERMILION)).all()
    assert 0 < np.count_nonzero(display.rejected_) < 100


def test_estimator_draws_as_many_as_the_reference_or_fewer(exact, too_narrow, simulations):
    X = simulations[0][:2]
    reference = exact.sample(X, 200, random_state=7)
    display = TwoSampleDisplay.from_estimator(exact, X, reference, random_state=0)
    assert (display.p_value > 0.01).all()
    display = TwoSampleDisplay.from_estimator(
        too_narrow, X, reference, n_draws=100, test=sliced_wasserstein_test, random_state=0
    )
    assert display.rejected_.all()


def test_equal_draws_still_make_a_picture():
    display = TwoSampleDisplay.from_draws(np.ones((10, 1)), np.ones((12, 1)), random_state=0)
    assert display.p_value == 1.0
    display.figure_.canvas.draw()


def test_numbers_that_do_not_fit_raise(exact, simulations):
    with pytest.raises(ShapeError, match="of the same n_datasets"):
        TwoSampleDisplay(statistic=[1.0, 2.0], null=np.zeros((3, 9)), p_value=[0.1, 0.2]).plot()
    with pytest.raises(ShapeError, match="reference must have shape"):
        TwoSampleDisplay.from_estimator(exact, simulations[0][:3], np.zeros((10, 2)))
