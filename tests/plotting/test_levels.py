import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skabi.exceptions import ShapeError
from skabi.hierarchical import LevelDraws
from skabi.plotting import LevelsDisplay

ESTIMATES = np.array([3.0, -2.0, 0.5])


def draws(n=1):
    rng = np.random.default_rng(0)
    groups = [rng.normal([[1.0, -1.0], [-1.0, 5.0], [0.0, 2.0]], 0.5, size=(400, 3, 2)) for _ in range(n)]
    labels = [np.array(["a", "b", "c"])] * n
    return LevelDraws(rng.normal(size=(n, 400, 1)), groups, ["mu"], ["theta", "rate"], labels)


def test_groups_are_sorted_by_their_own_estimates_and_lead_to_their_means():
    made = draws()
    display = LevelsDisplay.from_draws(made, estimates=ESTIMATES, truth=ESTIMATES, center=0.2, prob=0.8)
    assert display.order_.tolist() == [1, 2, 0]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["b", "c", "a"]
    means = made.groups[0][:, :, 0].mean(axis=0)
    intervals, shrinkage = (np.asarray(bars.get_segments())[:, :, 0] for bars in display.ax_.collections)
    np.testing.assert_allclose(shrinkage, np.stack([ESTIMATES, means], axis=1)[[1, 2, 0]])
    limits = np.quantile(made.groups[0][:, :, 0], [0.1, 0.9], axis=0).T
    np.testing.assert_allclose(intervals, limits[[1, 2, 0]])
    plt.close(display.figure_)


def test_one_parameter_is_shown():
    made = draws()
    display = LevelsDisplay.from_draws(made, parameter="rate")
    assert display.ax_.get_xlabel() == "rate"
    np.testing.assert_allclose(display.posterior_mean, made.groups[0][:, :, 1].mean(axis=0))
    assert display.order_.tolist() == [0, 2, 1]
    plt.close(display.figure_)


def test_an_estimator_is_sampled():
    class Fitted:
        def sample(self, X, n_draws, *, random_state):
            return draws(len(X))

    figure, ax = plt.subplots()
    display = LevelsDisplay.from_estimator(Fitted(), [None], estimates=ESTIMATES, ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    plt.close(figure)


def test_series_are_matched_by_label():
    made = draws()
    expected = LevelsDisplay.from_draws(made, estimates=ESTIMATES, truth=ESTIMATES)
    sorted_otherwise = pd.Series(ESTIMATES, index=["a", "b", "c"]).loc[["c", "a", "b"]]
    display = LevelsDisplay.from_draws(made, estimates=sorted_otherwise, truth=sorted_otherwise)
    np.testing.assert_array_equal(display.estimates, expected.estimates)
    np.testing.assert_array_equal(display.truth, expected.truth)
    with pytest.raises(ValueError, match="estimates must be of the groups of draws"):
        LevelsDisplay.from_draws(made, estimates=sorted_otherwise.rename({"c": "z"}))
    for each in (expected, display):
        plt.close(each.figure_)


def test_bad_input():
    with pytest.raises(ShapeError, match=r"draws\[i\]"):
        LevelsDisplay.from_draws(draws(2))
    with pytest.raises(ShapeError, match="one number for each of 3 groups"):
        LevelsDisplay.from_draws(draws(), estimates=[1.0])
    with pytest.raises(ValueError, match="one of the groups'"):
        LevelsDisplay.from_draws(draws(), parameter="mu")
    with pytest.raises(ValueError, match="prob"):
        LevelsDisplay.from_draws(draws(), prob=1.0)
