"""The calibration of each time."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skabi.diagnostics import central_coverage
from skabi.dynamic import DynamicPosterior, DynamicSimulator, RandomWalk, Static
from skabi.engines import Gaussian
from skabi.plotting import TimeCalibrationDisplay

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def fitted():
    simulator = DynamicSimulator(
        {"level": RandomWalk(), "offset": Static()},
        None,
        lambda level, offset, rng: rng.normal(level + offset),
        n_times=6,
        n_subjects=3,
    )
    posterior = DynamicPosterior(
        Gaussian((8,)), step_engine=Gaussian((8,)), width=8, n_simulations=60, max_iter=1, random_state=0
    )
    return posterior.fit(simulator), *simulator.sample(20, random_state=0)


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("parameter", [1, "offset"])
def test_a_parameter_of_a_subject_is_looked_at_over_labelled_times(fitted, parameter):
    posterior, X, y = fitted
    times = np.arange(2000, 2006)
    display = TimeCalibrationDisplay.from_estimator(
        posterior, X, y, parameter=parameter, subject=2, times=times, n_draws=50, random_state=0
    )
    draws = posterior.sample(X, 50, random_state=0)
    wanted = central_coverage(draws.values[:, :, 2, :, 1], y.values[:, 2, :, 1], levels=(0.5, 0.9)).coverage
    assert_allclose(display.coverage, wanted)
    assert_allclose(display.ax_.lines[-1].get_xdata(), times)
    assert display.parameter_name == "offset"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"parameter": "height"}, ValueError, "parameter must be one of"),
        ({"parameter": 2}, ValueError, "parameter must be below 2"),
        ({"subject": 3}, ValueError, "subject must be below 3"),
        ({"y": np.ones((20, 6))}, TypeError, "y must be Trajectories"),
    ],
)
def test_what_does_not_fit(fitted, changes, error, message):
    posterior, X, y = fitted
    with pytest.raises(error, match=message):
        TimeCalibrationDisplay.from_estimator(posterior, X, **({"y": y} | changes), n_draws=5)


def test_coverage_of_each_time_is_drawn():
    draws, truth = RNG.normal(size=(500, 99, 8)), RNG.normal(size=(500, 8))
    truth[:, 5] *= 4
    display = TimeCalibrationDisplay.from_draws(draws, truth, parameter_name="level")
    line = display.ax_.lines[-1].get_ydata()
    assert_allclose(line, display.coverage[1])
    assert display.upper[1, 5] < 0.9 and (display.upper[1, :5] > 0.85).all()
