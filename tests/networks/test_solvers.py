"""Solvers reach exact solutions at the order, or to the tolerance, that they state."""

import math

import pytest
import torch

from skabi.engines import DormandPrince, RungeKutta

ENDS = torch.tensor([0.0, 1.0], dtype=torch.float64)
TURN = 6.0


def turning(x, time):
    """The velocity of points that turn around the origin, faster and faster."""
    speed = 2 * TURN * torch.as_tensor(time)[..., None]
    return speed * torch.stack([-x[..., 1], x[..., 0]], dim=-1)


def turned(x):
    cos, sin = math.cos(TURN), math.sin(TURN)
    return torch.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], dim=-1)


@pytest.fixture
def points():
    return torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_errors_of_fixed_steps_fall_with_their_order(points, order):
    solver = RungeKutta(order).build()
    coarse, fine = (
        (solver(turning, points, torch.linspace(0, 1, n + 1, dtype=torch.float64)) - turned(points)).norm().item()
        for n in (400, 800)
    )
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_adaptive_steps_keep_to_their_tolerance(points, tolerance):
    error = DormandPrince(tolerance).build()(turning, points, ENDS) - turned(points)
    # Errors of about twenty to a thousand steps add up.
    assert error.abs().max() < 50 * tolerance
    backwards = DormandPrince(tolerance).build()(turning, turned(points), ENDS.flip(0))
    assert (backwards - points).abs().max() < 50 * tolerance


def test_rows_choose_their_steps_by_themselves(points):
    solver = DormandPrince(1e-6).build()
    together, alone = solver(turning, points, ENDS), solver(turning, points[2:3], ENDS)
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-13)


def test_rows_that_need_more_steps_than_allowed_are_nan_and_others_are_not():
    def stiff(x, time):
        return torch.tensor([[0.0], [-3000.0]], dtype=torch.float64) * x

    x = DormandPrince(1e-8, max_steps=60).build()(stiff, torch.ones(2, 1, dtype=torch.float64), ENDS)
    assert x[0, 0] == 1.0 and x[1, 0].isnan()


def test_bad_hyperparameters_of_solvers_are_named():
    with pytest.raises(ValueError, match="order must be one of 1, 2, 4; got 3"):
        RungeKutta(3).build()
    with pytest.raises(ValueError, match="tolerance must lie between"):
        DormandPrince(0.0).build()
    with pytest.raises(ValueError, match="max_steps must be at least 1"):
        DormandPrince(max_steps=0).build()
