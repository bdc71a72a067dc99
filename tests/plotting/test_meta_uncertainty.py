from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.exceptions import ShapeError
from skabi.plotting import MetaUncertaintyDisplay


class Replications:
    """A fitted `MetaUncertainty`, in what a picture asks of it."""

    def __init__(self, concentration, names):
        self.concentration, self.classes_ = np.array(concentration), np.array(names)

    def predict_proba(self, X):
        return np.tile(self.concentration / self.concentration.sum(), (len(X), 1))

    def sample(self, X, n_draws, *, random_state=None):
        return np.random.default_rng(random_state).dirichlet(self.concentration, size=(len(X), n_draws))


def _markers(ax, marker):
    """Return what is drawn by a marker, `(n, 2)`."""
    return np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == marker])


def _labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_three_models_are_drawn_on_the_simplex():
    meta = Replications([3.0, 2.0, 1.0], ["SI", "SIR", "SEIR"])
    ax = plt.figure().add_subplot()
    display = MetaUncertaintyDisplay.from_estimator(meta, np.zeros((1, 4)), n_draws=300, random_state=0, ax=ax)
    draws = meta.sample(np.zeros((1, 4)), 300, random_state=0)[0]
    np.testing.assert_array_equal(display.draws, draws)
    selected = draws.argmax(axis=1)
    np.testing.assert_allclose(display.shares_, np.bincount(selected) / 300)

    corners = np.array([[0, 0], [1, 0], [0.5, 3**0.5 / 2]])
    places = draws @ corners
    np.testing.assert_allclose(_markers(ax, "X"), [np.array([3, 2, 1]) / 6 @ corners])
    drawn = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    for j, line in enumerate(drawn):
        np.testing.assert_allclose(line.get_xydata(), places[selected == j])
    assert len({line.get_color() for line in drawn}) == 3
    # What parts the selections goes from the centre to the middle of each edge.
    dashed = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed, [[corners.mean(axis=0), corners[[j - 1, j - 2]].mean(axis=0)] for j in range(3)])

    assert {text.get_text(): text.xy for text in ax.texts}.keys() == {"SI", "SIR", "SEIR"}
    np.testing.assert_allclose([text.xy for text in ax.texts], corners)
    names = zip(meta.classes_, display.shares_, strict=True)
    assert _labels(ax) == [*(f"{name}: {share:.0%}" for name, share in names), "the data set"]
    assert display.ax_ is ax and display.figure_ is ax.figure and display.axes_.tolist() == [[ax]]


def test_legend_of_the_simplex_stands_beside_it():
    display = MetaUncertaintyDisplay.from_draws(np.eye(3)[[0, 0, 1, 2]], names=["constant", "linear", "quadratic"])
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    x, y = display.ax_.transData.inverted().transform((legend.x1, legend.y0))
    # Above the left edge of the triangle.
    assert y > 3**0.5 * x
    assert not any(text.get_window_extent().overlaps(legend) for text in display.ax_.texts)
    assert _labels(display.ax_) == ["constant: 50%", "linear: 25%", "quadratic: 25%"]


def test_many_draws_are_thinned_where_they_are_drawn_and_not_where_they_are_counted():
    draws = np.random.default_rng(0).dirichlet(np.ones(3), size=9001)
    display = MetaUncertaintyDisplay.from_draws(draws)
    shown, corners = draws[::5], np.array([[0, 0], [1, 0], [0.5, 3**0.5 / 2]])
    by_model = shown[np.argsort(shown.argmax(axis=1), kind="stable")]
    np.testing.assert_allclose(_markers(display.ax_, "o"), by_model @ corners)
    np.testing.assert_allclose(display.shares_, np.bincount(draws.argmax(axis=1)) / 9001)


def test_two_models_are_drawn_on_the_line():
    meta = Replications([4.0, 2.0], ["flat", "sloped"])
    display = MetaUncertaintyDisplay.from_estimator(meta, np.zeros((1, 4)), random_state=0)
    ax = display.ax_
    half, observed = ax.lines
    assert half.get_xdata()[0] == 0.5 and observed.get_xdata()[0] == pytest.approx(1 / 3)
    assert ax.get_xlabel() == "probability of sloped"
    density, edges, _ = ax.patches[0].get_data()
    assert np.sum(density * np.diff(edges)) == pytest.approx(1)
    # The probability of the second model, whose mean is a third, and not that of the first.
    assert np.sum(density * np.diff(edges) * (edges[1:] + edges[:-1]) / 2) == pytest.approx(1 / 3, abs=0.03)
    flat, sloped = display.shares_
    assert _labels(ax) == [f"replications select flat: {flat:.0%}, sloped: {sloped:.0%}", "the data set"]
    display.figure_.draw_without_rendering()
    assert ax.patches[0].get_window_extent().y1 < ax.get_legend().get_window_extent().y0


def test_more_models_have_a_panel_each():
    meta = Replications([5.0, 3.0, 1.0, 1.0, 2.0], list("abcde"))
    display = MetaUncertaintyDisplay.from_estimator(meta, np.zeros((1, 4)), random_state=0)
    assert display.axes_.shape == (2, 3) and display.axes_[1, 2] is None
    panels = display.axes_.ravel()[:5]
    titles = [f"selected: {name}: {share:.0%}" for name, share in zip("abcde", display.shares_, strict=True)]
    assert [panel.get_title() for panel in panels] == titles
    np.testing.assert_allclose([panel.lines[0].get_xdata()[0] for panel in panels], np.array([5, 3, 1, 1, 2]) / 12)
    given = plt.figure().subplots(1, 5)
    assert display.plot(ax=given) is display and display.ax_ is None
    assert list(display.axes_.ravel()[:5]) == list(given)


@pytest.mark.parametrize("n_models", [2, 3, 4])
def test_nothing_is_marked_where_nothing_was_observed(n_models):
    draws = np.random.default_rng(0).dirichlet(np.ones(n_models), size=100)
    display = MetaUncertaintyDisplay.from_draws(draws)
    assert not any(line.get_marker() == "X" or line.get_color() == "black" for line in display.axes_.flat[0].lines)


def test_input_that_does_not_fit_raises():
    draws = np.full((5, 3), 1 / 3)
    with pytest.raises(ShapeError, match="X must hold one data set; got 2"):
        MetaUncertaintyDisplay.from_estimator(Replications([1.0, 1.0], "ab"), np.zeros((2, 4)))
    for wrong in (draws[np.newaxis], draws[:0], draws[:, :1]):
        with pytest.raises(ShapeError, match=r"draws must have shape \(n_draws, n_models\)"):
            MetaUncertaintyDisplay.from_draws(wrong)
    with pytest.raises(ShapeError, match=r"observed must have shape \(n_models,\), here \(3,\); got \(2,\)"):
        MetaUncertaintyDisplay.from_draws(draws, [0.5, 0.5])
    with pytest.raises(ShapeError, match="one name for each of the 3 models; got \\['a', 'b'\\]"):
        MetaUncertaintyDisplay.from_draws(draws, names=["a", "b"])
    with pytest.raises(ValueError, match="draws must be probabilities"):
        MetaUncertaintyDisplay.from_draws(draws * 2)
    with pytest.raises(ValueError, match="observed must be probabilities"):
        MetaUncertaintyDisplay.from_draws(draws, [1.5, -0.5, 0.0])
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        MetaUncertaintyDisplay.from_draws(draws, ax=SimpleNamespace())
