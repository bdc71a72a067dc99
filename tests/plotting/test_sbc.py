import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import sbc_ecdf, sbc_ranks, uniformity_test
from skabi.plotting import SBCDisplay


def test_lines_are_ecdf_of_ranks_less_uniform(exact, simulations):
    X, y = simulations
    display = SBCDisplay.from_estimator(exact, X, y, n_draws=99, random_state=0)
    draws = exact.sample(X, 99, random_state=0)
    fractional = ((draws < y.to_numpy()[:, np.newaxis]).sum(axis=1) + 1) / 100
    for j in range(2):
        expected = [np.mean(fractional[:, j] <= z + 1e-12) - z for z in display.z]
        line = display.ax_.lines[1 + j]
        np.testing.assert_array_equal(line.get_xdata(), display.z)
        np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-12)
    assert display.figure_ is display.ax_.figure


def test_band_is_that_of_the_diagnostic(exact, simulations):
    X, y = simulations
    ax = plt.figure().add_subplot()
    display = SBCDisplay.from_estimator(exact, X, y, n_draws=99, prob=0.8, random_state=0, ax=ax)
    bands = sbc_ecdf(np.zeros((200, 1)), 99, prob=0.8).bands
    corners = ax.collections[0].get_paths()[0].vertices
    for limit in (bands.lower, bands.upper):
        for corner in zip(bands.z, limit - bands.z, strict=True):
            assert np.abs(corners - corner).sum(axis=1).min() < 1e-12
    assert display.ax_ is ax
    assert "80 % simultaneous band" in ax.get_legend_handles_labels()[1]


def test_calibrated_lines_stay_in_grey_and_others_are_named_in_colour(exact, too_narrow, simulations):
    X, y = simulations
    calibrated = SBCDisplay.from_estimator(exact, X, y, random_state=0)
    assert calibrated.inside.all()
    assert calibrated.ax_.get_legend_handles_labels()[1][1:] == ["beta, gamma: inside"]

    draws = np.stack([exact.sample(X, 500, random_state=0)[..., 0], too_narrow.sample(X, 500)[..., 1]], axis=2)
    display = SBCDisplay.from_draws(draws, y)
    assert display.inside.tolist() == [True, False]
    _, inside, outside = display.ax_.lines
    assert inside.get_label() == "beta: inside"
    assert outside.get_label().startswith("gamma: outside, p ")
    assert outside.get_linewidth() > inside.get_linewidth()
    assert outside.get_color() != inside.get_color()
    # A posterior that is too narrow has too many extreme ranks: above the band first, below it later.
    y_outside = outside.get_ydata()
    assert y_outside[: len(y_outside) // 2].max() > 0.1 and y_outside[len(y_outside) // 2 :].min() < -0.1


def test_ranks_give_the_picture_of_their_draws(exact, simulations):
    X, y = simulations
    draws = exact.sample(X, 99, random_state=0)
    from_draws = SBCDisplay.from_draws(draws, y)
    display = SBCDisplay.from_ranks(sbc_ranks(draws, y), 99, parameter_names=["beta", "gamma"])
    np.testing.assert_array_equal(display.ecdf, from_draws.ecdf)
    assert display.parameter_names == from_draws.parameter_names
    assert SBCDisplay.from_ranks(sbc_ranks(draws, y), 99).parameter_names == ["theta[0]", "theta[1]"]


def test_p_values_of_uniformity_are_kept(exact, simulations):
    X, y = simulations
    ranks = sbc_ranks(exact.sample(X, 99, random_state=0), y)
    display = SBCDisplay.from_ranks(ranks, 99)
    np.testing.assert_array_equal(display.uniformity_p_value, uniformity_test(ranks, 99))


def test_many_parameters_inside_are_counted_not_listed():
    rng = np.random.default_rng(0)
    display = SBCDisplay.from_draws(rng.normal(size=(100, 50, 8)), rng.normal(size=(100, 8)), prob=0.999)
    assert display.ax_.get_legend_handles_labels()[1][1] == "8 parameters: inside"


def test_ties_are_broken_by_random_state():
    draws, y = np.zeros((100, 20, 1)), np.zeros((100, 1))
    first, again, other = (SBCDisplay.from_draws(draws, y, random_state=seed).ecdf for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_prob_outside_the_unit_interval_raises(prob):
    with pytest.raises(ValueError, match="prob"):
        SBCDisplay.from_draws(np.zeros((5, 10, 1)), np.ones((5, 1)), prob=prob)
