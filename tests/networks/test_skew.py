"""One tail wider by a factor, the other narrower by the same."""

import math

import torch

from skabi.networks._skew import Skew


def test_tails_are_scaled_by_opposite_factors_and_the_middle_moves():
    skew = Skew(2, 1).double()
    with torch.no_grad():
        skew.skewness.bias.copy_(torch.tensor([0.5, -1.0]))
    context, far = torch.zeros(1, dtype=torch.float64), 1e6
    right, left = (skew(torch.full((2,), sign * far, dtype=torch.float64), context)[0] / far for sign in (1, -1))
    torch.testing.assert_close(right, torch.tensor([math.exp(-0.5), math.exp(1.0)], dtype=torch.float64))
    torch.testing.assert_close(left, -torch.tensor([math.exp(0.5), math.exp(-1.0)], dtype=torch.float64))
    middle = skew(torch.zeros(2, dtype=torch.float64), context)[0]
    torch.testing.assert_close(middle, torch.tensor([-math.sinh(0.5), math.sinh(1.0)], dtype=torch.float64))


def test_an_untrained_one_changes_nothing():
    z = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None]
    skewed, log_det = Skew(1, 3).double()(z, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(skewed, z)
    torch.testing.assert_close(log_det, torch.zeros(11, dtype=torch.float64), atol=1e-12, rtol=0)
