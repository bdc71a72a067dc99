"""One Runge-Kutta step."""

import numpy as np
from numpy.testing import assert_allclose

from skabi.datasets._runge_kutta import runge_kutta_step


def test_linear_system_gives_four_terms_of_the_exponential():
    step = np.array([0.1, 0.5])
    expected = 1 + step + step**2 / 2 + step**3 / 6 + step**4 / 24
    assert_allclose(runge_kutta_step(lambda state: state, np.ones((3, 2)), step), np.tile(expected, (3, 1)))


def test_error_is_of_fifth_order():
    # y' = y**2 from 1 has the solution 1 / (1 - t).
    errors = [runge_kutta_step(np.square, np.array(1.0), h) - 1 / (1 - h) for h in (0.1, 0.05)]
    assert 28 < errors[0] / errors[1] < 48
