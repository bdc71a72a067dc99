from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.exceptions import ShapeError
from skabi.plotting import InformationGainDisplay, PolicyGainDisplay

BOUNDS = ("lower", "upper", "posterior_bound")


def _gain(designs, **bounds):
    values = {name: bounds.get(name) for name in BOUNDS}
    errors = {f"{name}_error": None if value is None else 0.1 * np.ones(len(designs)) for name, value in values.items()}
    names = [f"number {i}" for i in range(designs.shape[1])]
    return SimpleNamespace(designs=designs, design_names=names, **values, **errors)


class _Estimator:
    def evaluate(self, designs):
        return _gain(np.asarray(designs), lower=np.arange(len(designs)) * 1.0, upper=np.arange(len(designs)) + 1.0)


def test_bounds_are_lines_over_a_design_in_its_order():
    ax = plt.figure().add_subplot()
    display = InformationGainDisplay.from_estimator(_Estimator(), [[2.0], [0.0], [1.0]], ax=ax)
    assert display.shown_ == ["lower", "upper"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0.0, 1.0], [1.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [2.0, 3.0, 1.0])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(-0.2)
    assert band[:, 1].max() == pytest.approx(2.2)
    assert ax.get_xlabel() == "number 0"
    assert display.ax_ is ax
    assert display.plot().ax_ is not ax


def test_designs_of_several_numbers_are_points():
    designs = np.array([[0.0, 1.0, 5.0], [2.0, 3.0, 6.0]])
    display = InformationGainDisplay.from_gain(_gain(designs, posterior_bound=np.array([0.5, 0.7])), columns=(2, 0))
    points = display.ax_.collections[0]
    np.testing.assert_array_equal(points.get_offsets(), designs[:, [2, 0]])
    np.testing.assert_array_equal(points.get_array(), [0.5, 0.7])
    assert display.shown_ == ["posterior_bound"]
    assert display.ax_.get_xlabel() == "number 2"


def test_bounds_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"one value a design, \(2,\)"):
        InformationGainDisplay(designs=[[0.0], [1.0]], lower=[1.0]).plot()
    with pytest.raises(ShapeError, match=r"designs must have shape \(n, n_designs\)"):
        InformationGainDisplay(designs=[0.0, 1.0], lower=[1.0, 2.0]).plot()
    with pytest.raises(ValueError, match="no bound to draw"):
        InformationGainDisplay(designs=[[0.0]]).plot()


def _policy(lower, upper, n_contrastive=1000):
    errors = {name: 0.1 * np.ones(len(lower)) for name in ("lower_error_by_step", "upper_error_by_step")}
    return SimpleNamespace(lower_by_step=lower, upper_by_step=upper, n_contrastive=n_contrastive, **errors)


def test_policies_step_by_step():
    gains = {"random": _policy([0.5, 1.0], [0.6, 1.2]), "greedy": _policy([0.7, 1.5, 2.0], [0.7, np.inf, 2.5])}
    display = PolicyGainDisplay.from_gains(gains)
    first, second = display.ax_.lines
    np.testing.assert_array_equal(first.get_xydata(), [[1, 0.5], [2, 1.0]])
    np.testing.assert_array_equal(second.get_xydata(), [[1, 0.7], [2, 1.5], [3, 2.0]])
    assert display.ax_.get_legend_handles_labels()[1] == ["random", "greedy"]
    band = display.ax_.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.3)
    assert band[:, 1].max() == pytest.approx(1.4)
    assert display.plot() is display


def test_a_ceiling_that_is_near_is_drawn():
    display = PolicyGainDisplay.from_gains({"deep": _policy([1.0, 2.0], [1.0, 2.5], n_contrastive=9)})
    assert display.ax_.lines[-1].get_ydata()[0] == pytest.approx(np.log(10))
    assert display.ax_.get_legend_handles_labels()[1][-1] == "most that the lower bound can be"


def test_policies_that_do_not_fit():
    with pytest.raises(ValueError, match="at least one policy"):
        PolicyGainDisplay.from_gains({})
    bounds = {"lower": [[1.0]], "lower_error": [[0.1]], "upper": [[1.0]], "upper_error": [[0.1]]}
    with pytest.raises(ShapeError, match="one for each of 1 policies"):
        PolicyGainDisplay(**bounds, names=["a", "b"]).plot()
    with pytest.raises(ShapeError, match=r"bounds of a must have shape \(n_steps,\)"):
        PolicyGainDisplay(**(bounds | {"upper": [[1.0, 2.0]]}), names=["a"]).plot()
