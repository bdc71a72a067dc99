from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.exceptions import ShapeError
from skabi.plotting import ElpdDifferenceDisplay


def _result(*pointwise):
    return SimpleNamespace(pointwise=[np.array(values, dtype=float) for values in pointwise])


@pytest.fixture
def results():
    """Two results of 10 data sets with 40 to 49 observations, the first of each never held out."""
    rng = np.random.default_rng(0)
    second = [rng.normal(-1.0, 1.0, size=40 + i) for i in range(10)]
    first = [values + rng.normal((i - 4.5) / 10, 0.7, size=len(values)) for i, values in enumerate(second)]
    for values in (*first, *second):
        values[0] = np.nan
    return _result(*first), _result(*second)


def test_totals_are_sorted_with_two_standard_errors(results):
    ax = plt.figure().add_subplot()
    display = ElpdDifferenceDisplay.from_results(*results, names=("A", "B"), ax=ax)
    first, second = (result.pointwise for result in results)
    differences = [a[1:] - b[1:] for a, b in zip(first, second, strict=True)]
    total = np.array([values.sum() for values in differences])
    se = np.array([np.sqrt(len(values) * np.var(values, ddof=1)) for values in differences])
    np.testing.assert_allclose(display.difference_, total)
    np.testing.assert_allclose(display.se_, se)

    order = np.argsort(total)
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(points[np.argsort(points[:, 0])], np.column_stack([np.arange(10), total[order]]))
    bars = np.concatenate([bars.get_segments() for bars in ax.collections])
    bars = bars[np.argsort(bars[:, 0, 0])]
    np.testing.assert_allclose(bars[:, :, 1], np.column_stack([total - 2 * se, total + 2 * se])[order])
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(i) for i in order]
    assert ax.get_ylabel().endswith("A less B")
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert display.labelled_.size == 0


def test_colour_says_which_model_is_clearly_better(results):
    display = ElpdDifferenceDisplay.from_results(*results, names=("A", "B"))
    clearly = np.abs(display.difference_) > 2 * display.se_
    np.testing.assert_array_equal(display.better_, np.where(clearly, np.sign(display.difference_), 0))
    counts = [np.count_nonzero(display.better_ == sign) for sign in (1, -1, 0)]
    assert min(counts) >= 2
    assert display.ax_.get_legend_handles_labels()[1] == [
        f"A clearly better: {counts[0]} data sets",
        f"B clearly better: {counts[1]} data sets",
        f"neither: {counts[2]} data sets",
        "two standard errors to each side",
    ]
    colors = {line.get_color() for line in display.ax_.lines if line.get_marker() == "o"}
    assert len(colors) == 3
    swapped = ElpdDifferenceDisplay.from_results(*results[::-1], names=("B", "A"))
    np.testing.assert_array_equal(swapped.better_, -display.better_)


def test_one_data_set_is_shown_by_observation():
    first = _result([0.0, 0.0], [1.0, np.nan, -7.0, 5.0, -1.5, 2.0, 0.5, 0.25])
    second = _result([0.0, 0.0], [0.0, np.nan, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0])
    display = ElpdDifferenceDisplay.from_results(first, second, dataset=1, names=("A", "B"))
    ax = display.ax_
    expected = {0: 1.0, 2: -7.0, 3: 5.0, 4: -1.5, 5: 2.0, 6: 0.0, 7: 0.25}
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    assert {int(x): y for x, y in points} == expected
    assert {text.get_text(): text.xy for text in ax.texts} == {str(i): (i, expected[i]) for i in (2, 3, 5, 4, 0)}
    assert display.labelled_.tolist() == [2, 3, 5, 4, 0]

    differences = list(expected.values())
    se = np.sqrt(7 * np.var(differences, ddof=1))
    np.testing.assert_allclose([display.difference_, display.se_], [[sum(differences)], [se]])
    assert ax.get_legend_handles_labels()[1] == [
        "A better: 4 observations",
        "B better: 2 observations",
        "equal: 1 observation",
        f"total \N{MINUS SIGN}0.25, standard error {se:.2g}: neither clearly better",
    ]
    assert ax.get_xlabel() == "observation of data set 1, both counted from 0"


def test_labels_of_neighbours_lean_away_from_each_other():
    difference = np.zeros(200)
    difference[[50, 52, 54, 120]] = 3.0, 3.1, 3.2, -3.0
    difference[121] = 2.0
    display = ElpdDifferenceDisplay(pointwise=[difference], dataset=0).plot()
    sides = {text.get_text(): text.get_ha() for text in display.ax_.texts}
    assert sides == {"50": "right", "52": "center", "54": "left", "120": "center", "121": "center"}


@pytest.mark.parametrize("dataset", [None, 0])
def test_legend_stands_above_points_and_labels(dataset):
    rng = np.random.default_rng(0)
    display = ElpdDifferenceDisplay(pointwise=[rng.normal(5.0, size=30)] * 3, dataset=dataset).plot()
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    drawn = [*display.ax_.texts, *(line for line in display.ax_.lines if line.get_marker() == "o")]
    assert all(artist.get_window_extent().y1 < legend.y0 for artist in drawn)
    bottom = display.ax_.get_window_extent().y0
    assert all(artist.get_window_extent().y0 > bottom for artist in drawn)


def test_equal_models_are_not_better():
    display = ElpdDifferenceDisplay.from_results(_result([1.0, 2.0]), _result([1.0, 2.0]))
    assert display.better_.tolist() == [0]


def test_results_that_do_not_belong_together_raise(results):
    first, second = results
    with pytest.raises(ShapeError, match="same data sets; got 10 and 9"):
        ElpdDifferenceDisplay.from_results(first, _result(*second.pointwise[:9]))
    shorter = _result(*second.pointwise[:9], second.pointwise[9][:-1])
    with pytest.raises(ShapeError, match=r"data set 9 has observations of shape \(49,\) in the one and \(48,\)"):
        ElpdDifferenceDisplay.from_results(first, shorter)
    second.pointwise[4][5:7] = np.nan
    with pytest.raises(ValueError, match="2 of data set 4 are held out in one of them alone"):
        ElpdDifferenceDisplay.from_results(first, second)


def test_other_input_that_does_not_fit_raises(results):
    with pytest.raises(ValueError, match="dataset must be less than 10; got 10"):
        ElpdDifferenceDisplay.from_results(*results, dataset=10)
    with pytest.raises(ValueError, match="dataset must be at least 0"):
        ElpdDifferenceDisplay.from_results(*results, dataset=-1)
    with pytest.raises(ShapeError, match="at least one data set"):
        ElpdDifferenceDisplay.from_results(_result(), _result())
    for names in ("AB", ("A",), ("A", "A")):
        with pytest.raises(ValueError, match="two distinct names"):
            ElpdDifferenceDisplay.from_results(*results, names=names)
    with pytest.raises(ValueError, match="at least 2 observations that were held out; data set 1 has 1"):
        ElpdDifferenceDisplay(pointwise=[[1.0, 2.0], [1.0, np.nan]]).plot()
    with pytest.raises(ValueError, match="infinite"):
        ElpdDifferenceDisplay.from_results(_result([-np.inf, 1.0]), _result([0.0, 1.0]))
