import numpy as np
import pytest

from skabi.diagnostics import pit_ecdf, pit_values, uniformity_test
from skabi.plotting import PITDisplay


def test_lines_are_ecdf_of_transforms_less_uniform(exact, simulations):
    X, y = simulations
    display = PITDisplay.from_estimator(exact, X, y, n_draws=99, prob=0.9, random_state=0)
    pit = pit_values(exact.sample(X, 99, random_state=0), y, random_state=0)
    result = pit_ecdf(pit, prob=0.9)
    for j in range(2):
        line = display.ax_.lines[1 + j]
        np.testing.assert_array_equal(line.get_xdata(), result.z)
        np.testing.assert_allclose(line.get_ydata(), result.ecdf[:, j] - result.z)
    np.testing.assert_allclose(display.uniformity_p_value, uniformity_test(np.floor(1000 * pit), 999))
    labels = ["90 % simultaneous band", "beta, gamma: inside"]
    assert isinstance(display, PITDisplay) and display.ax_.get_legend_handles_labels()[1] == labels
    assert "transform" in display.ax_.get_xlabel()


def test_transforms_of_one_column_from_elsewhere():
    pit = np.random.default_rng(0).beta(3, 3, size=300)
    display = PITDisplay.from_pit(pit, parameter_names=["beta"])
    assert display.ax_.get_legend_handles_labels()[1][-1] == "beta: outside, p < 0.0001"
    assert display.uniformity_p_value.shape == (1,) and display.uniformity_p_value[0] < 1e-4


def test_discrete_replications_are_calibrated():
    rng = np.random.default_rng(0)
    display = PITDisplay.from_draws(rng.poisson(1, size=(300, 50, 1)), rng.poisson(1, size=(300, 1)), random_state=0)
    assert display.inside.tolist() == [True]
    assert display.uniformity_p_value[0] > 0.01


def test_values_outside_the_unit_interval_raise():
    with pytest.raises(ValueError, match="between 0 and 1"):
        PITDisplay.from_pit([0.5, 1.5])
