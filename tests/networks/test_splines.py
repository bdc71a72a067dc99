"""Splines rise, have the slope they say, and are undone by their inverse."""

import pytest
import torch

from skabi.networks._splines import inverse_spline, n_spline_numbers, spline, spline_knots


@pytest.fixture
def knots():
    numbers = torch.randn(n_spline_numbers(6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return spline_knots(numbers, bound=3.0)


def test_slope_and_inverse(knots):
    x = torch.linspace(-4, 4, 801, dtype=torch.float64, requires_grad=True)
    y, log_derivative = spline(x, knots, bound=3.0)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.log(), log_derivative)
    assert (y.diff() > 0).all()
    torch.testing.assert_close(inverse_spline(y, knots, bound=3.0), x)


def test_the_spline_goes_through_its_knots_with_their_slopes(knots):
    positions, values, slopes = knots
    y, log_derivative = spline(positions, knots, bound=3.0)
    torch.testing.assert_close(y, values)
    torch.testing.assert_close(log_derivative[1:-1].exp(), slopes[1:-1])
    ends = torch.tensor([[-3.0, 3.0], [-3.0, 3.0]], dtype=torch.float64)
    torch.testing.assert_close(knots[:2, [0, -1]], ends)


def test_zero_numbers_make_the_identity():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    y, log_derivative = spline(x, spline_knots(torch.zeros(17, dtype=torch.float64), bound=3.0), bound=3.0)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_derivative, torch.zeros_like(x), rtol=0, atol=1e-12)


def test_the_inverse_of_steep_splines_is_never_nan_in_single_precision():
    generator = torch.Generator().manual_seed(0)
    knots = spline_knots(10 * torch.randn(20_000, 1, n_spline_numbers(8), generator=generator), bound=5.0)
    # Just below a knot the root of the quadratic equation is of a small difference, which rounds to below zero.
    y = torch.nextafter(knots[:, 0, 1, 1:-1], torch.tensor(-5.0))
    x = inverse_spline(y, knots, bound=5.0)
    assert x.isfinite().all() and (x.abs() <= 5.0 + 1e-5).all()
