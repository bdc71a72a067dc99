"""Exit times of a Wiener process: draws against closed forms, and the density against other series."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from skabi.datasets._wiener import TURN, log_exit_density, sample_exit_times

N = 200_000


def navarro_fuss(x, *, n_terms=200):
    """Density of the exit time from (-1, 1) by the two series of Navarro and Fuss (2009, eqs. 5 and 6), each summed."""
    u, k = np.asarray(x)[..., np.newaxis] / 4, np.arange(-n_terms, n_terms + 1)
    early = ((0.5 + 2 * k) * np.exp(-((0.5 + 2 * k) ** 2) / (2 * u))).sum(-1) / np.sqrt(2 * np.pi * u[..., 0] ** 3)
    k = np.arange(1, 10 * n_terms)
    late = np.pi * (k * np.exp(-(k**2) * np.pi**2 * u / 2) * np.sin(k * np.pi / 2)).sum(-1)
    # Either boundary, in units of (boundary / 2)**2 rather than boundary**2.
    return 2 * early / 4, 2 * late / 4


def test_density_agrees_with_two_other_series():
    x = np.concatenate([np.geomspace(0.02, 5.0, 200), [TURN, np.nextafter(TURN, 1)]])
    early, late = navarro_fuss(x)
    assert_allclose(np.exp(log_exit_density(x)), early, rtol=1e-12)
    # Cancellation in the other series: it is accurate to 1e-14 of its first term.
    is_good = x > 0.1
    assert_allclose(np.exp(log_exit_density(x))[is_good], late[is_good], rtol=1e-11)


def test_density_far_out():
    assert_allclose(log_exit_density(1e-4), 0.5 * np.log(2 / np.pi) - 1.5 * np.log(1e-4) - 5000, rtol=1e-14)
    assert_allclose(log_exit_density(1e4), np.log(np.pi / 2) - np.pi**2 / 8 * 1e4, rtol=1e-14)
    assert_allclose(log_exit_density([0.0, -1.0]), -np.inf)
    assert_allclose(integrate.quad(lambda x: np.exp(log_exit_density(x)), 0, 30, points=[0.3, 1, 3])[0], 1, rtol=1e-9)


# Below and above 1 / TURN the sampler proposes in different ways.
@pytest.mark.parametrize("z", [0.0, 0.4, 1.5, 1.6, 5.0, 40.0])
def test_draws_have_the_right_transform_and_moments(z):
    times = sample_exit_times(np.full(N, z), np.random.default_rng(0))
    for rate in (0.1, 1.0, 10.0):
        expected, squared = (
            np.exp(np.logaddexp(z, -z) - np.logaddexp(r, -r)) for r in np.sqrt([2 * rate + z**2, 4 * rate + z**2])
        )
        assert abs(np.exp(-rate * times).mean() - expected) < 5 * np.sqrt((squared - expected**2) / N)
    mean = np.tanh(z) / z if z else 1.0
    variance = (np.tanh(z) - z / np.cosh(z) ** 2) / z**3 if z else 2 / 3
    assert abs(times.mean() - mean) < 5 * np.sqrt(variance / N)
    spread = (times - mean) ** 2
    assert abs(spread.mean() - variance) < 5 * spread.std() / np.sqrt(N)


@pytest.mark.parametrize("z", [0.0, 1.0, 3.0])
def test_draws_follow_the_density(z):
    grid = np.linspace(0, 15, 60_001)[1:]
    density = np.cosh(z) * np.exp(-(z**2) * grid / 2) * navarro_fuss(grid, n_terms=20)[0]
    cdf = integrate.cumulative_trapezoid(density, grid, initial=0.0)
    assert_allclose(cdf[-1], 1, atol=1e-6)
    times = sample_exit_times(np.full(20_000, z), np.random.default_rng(1))
    assert stats.kstest(times, lambda x: np.interp(x, grid, cdf)).pvalue > 1e-4


def test_signs_and_shapes_of_drift():
    z = np.array([[0.5, -0.5], [2.0, -2.0]])
    times = sample_exit_times(z, np.random.default_rng(2))
    np.testing.assert_array_equal(times, sample_exit_times(np.abs(z), np.random.default_rng(2)))
    assert times.shape == (2, 2)
    assert sample_exit_times(np.empty(0), np.random.default_rng(2)).shape == (0,)
