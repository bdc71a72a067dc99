"""Trajectories over time."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skabi.dynamic import DynamicPosterior, DynamicSimulator, RandomWalk
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.plotting import TrajectoryDisplay

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(400, 9, 2)).cumsum(axis=1)
DATA = RNG.normal(size=(9, 1))


def learned(n_subjects):
    """Return a simulator of a level and a posterior that is quickly fitted."""
    simulator = DynamicSimulator(
        {"level": RandomWalk()}, None, lambda level, rng: rng.normal(level), n_times=6, n_subjects=n_subjects
    )
    posterior = DynamicPosterior(
        Gaussian((8,)), step_engine=Gaussian((8,)), width=8, n_simulations=60, max_iter=1, random_state=0
    )
    return simulator, posterior.fit(simulator)


@pytest.fixture(scope="module")
def fitted():
    return learned(None)


@pytest.fixture(scope="module")
def several():
    return learned(3)


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


def test_bands_are_quantiles_of_draws():
    display = TrajectoryDisplay.from_draws(VALUES, parameter_names=["a", "b"], data=DATA, truth=VALUES[0], probs=(0.8,))
    assert display.axes_.shape == (3,)
    band = display.axes_[1].collections[0].get_paths()[0].vertices
    low, high = np.quantile(VALUES[..., 0], [0.1, 0.9], axis=0)
    assert_allclose([band[:, 1].min(), band[:, 1].max()], [low.min(), high.max()])
    median, truth = (line.get_ydata() for line in display.axes_[2].lines)
    assert_allclose(median, np.median(VALUES[..., 1], axis=0))
    assert_allclose(truth, VALUES[0, :, 1])


def test_data_may_lie_over_a_parameter():
    display = TrajectoryDisplay.from_draws(VALUES, parameter_names=["a", "b"], data=DATA, over="b")
    assert display.axes_.shape == (2,)
    assert_allclose(display.axes_[1].lines[-1].get_ydata(), DATA[:, 0])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"values": VALUES[0]}, ShapeError, "n_draws, n_times, n_parameters"),
        ({"data": DATA[1:]}, ShapeError, "data must have one entry"),
        ({"times": [1, 2]}, ShapeError, "times must have one entry"),
        ({"over": "c"}, ValueError, "over must be one of"),
        ({"probs": (1.5,)}, ValueError, "probs must be probabilities between 0 and 1"),
        ({"truth": np.ones(7)}, ShapeError, r"truth must have shape \(9, 2\); got \(7, 1\)"),
        ({"values": np.where(np.arange(9)[:, np.newaxis] == 3, np.nan, VALUES)}, ValueError, "values must be finite"),
    ],
)
def test_what_does_not_fit(changes, error, message):
    with pytest.raises(error, match=message):
        TrajectoryDisplay.from_draws(**({"values": VALUES, "parameter_names": ["a", "b"]} | changes))


def test_estimators_are_sampled(fitted):
    simulator, posterior = fitted
    X, y = simulator.sample(20, random_state=0)
    display = TrajectoryDisplay.from_estimator(posterior, X[:1], n_draws=50, truth=y.values[0], random_state=0)
    assert display.values.shape == (50, 6, 1) and display.parameter_names == ["level"]
    with pytest.raises(ShapeError, match="X must be one data set"):
        TrajectoryDisplay.from_estimator(posterior, X, n_draws=50)


def test_subjects_are_shown_one_at_a_time(several):
    simulator, posterior = several
    X, y = simulator.sample(1, random_state=0)
    display = TrajectoryDisplay.from_estimator(
        posterior, X, subject=2, n_draws=50, truth=y.values[0, 2], over="level", random_state=0
    )
    draws = posterior.sample(X, 50, random_state=0)
    assert_allclose(display.values, draws.values[0, :, 2])
    assert_allclose(display.data, X[0, 2])
    with pytest.raises(ValueError, match="subject must be below 3"):
        TrajectoryDisplay.from_estimator(posterior, X, subject=3, n_draws=5)


def test_draws_after_the_end_of_a_series_are_left_out():
    values, truth = VALUES.copy(), VALUES[0].copy()
    values[:, 6:] = truth[6:] = np.nan
    display = TrajectoryDisplay.from_draws(values, data=DATA, truth=truth, times=np.arange(9) + 2000)
    assert_allclose(display.values, VALUES[:, :6])
    assert display.times.tolist() == list(range(2000, 2006)) and len(display.data) == len(display.truth) == 6
