"""Monotone rational-quadratic splines [1]_ by operations on tensors, elementwise.

References
----------
.. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
"""

import math

import torch
from torch.nn import functional

SMALLEST = 1e-3
# Logarithms of relative sizes of bins; beyond, sizes would overflow.
LARGEST = 30.0
# softplus(UNIT) + SMALLEST = 1: a spline whose numbers are all zero is the identity.
UNIT = math.log(math.expm1(1 - SMALLEST))


def spline_knots(numbers, *, bound):
    """Return positions, values and slopes `(..., 3, n_bins + 1)` from unconstrained numbers `(..., 3 n_bins - 1)`."""
    n_bins = (numbers.shape[-1] + 1) // 3
    # A softmax written out, which over rows as short as these is faster than torch's own; scaled and summed at once.
    sizes = numbers[..., : 2 * n_bins].unflatten(-1, (2, n_bins)).clamp(-LARGEST, LARGEST).exp()
    scale = 2 * bound * (1 - n_bins * SMALLEST) / sizes.sum(-1, keepdim=True)
    least = torch.arange(n_bins + 1, dtype=sizes.dtype, device=sizes.device) * (2 * bound * SMALLEST)
    knots = functional.pad((sizes * scale).cumsum(-1), (1, 0)) + (least - bound)
    slopes = functional.softplus(numbers[..., 2 * n_bins :] + UNIT) + SMALLEST
    slopes = functional.pad(slopes, (1, 1), value=1.0)
    return torch.cat([knots, slopes.unsqueeze(-2)], dim=-2)


def _bin(knots, values, row):
    """Return the ends of the bins that hold `values`: positions, values and slopes below and above, each `(...)`."""
    index = (values.unsqueeze(-1) >= knots[..., row, 1:-1]).sum(-1)[..., None, None]
    knots = knots.expand(*index.shape[:-2], *knots.shape[-2:])
    index = (index + torch.arange(2, device=index.device)).expand(*index.shape[:-2], 3, 2)
    below, above = knots.gather(-1, index).unbind(-1)
    return (*below.unbind(-1), *above.unbind(-1))


def spline_steps(x, numbers, *, bound):
    """Return `(y, log dy/dx)` of the splines that `numbers` make."""
    knots = spline_knots(numbers, bound=bound)
    inside, clamped = x.abs() < bound, x.clamp(-bound, bound)
    x0, y0, d0, x1, y1, d1 = _bin(knots, clamped, 0)
    width, height = x1 - x0, y1 - y0
    slope = height / width
    t = (clamped - x0) / width
    t2, tt = t * t, t * (1 - t)
    denominator = slope + (d0 + d1 - 2 * slope) * tt
    y = y0 + height * (slope * t2 + d0 * tt) / denominator  # eq. 4
    derivative = d1 * t2 + 2 * slope * tt + d0 * (1 - t).square()  # eq. 5
    log_derivative = 2 * torch.log(slope / denominator) + torch.log(derivative)
    return torch.where(inside, y, x), torch.where(inside, log_derivative, 0.0)


def inverse_spline_steps(y, numbers, *, bound):
    """Return x such that the spline of x is `y`."""
    knots = spline_knots(numbers, bound=bound)
    inside, clamped = y.abs() < bound, y.clamp(-bound, bound)
    x0, y0, d0, x1, y1, d1 = _bin(knots, clamped, 1)
    width, height = x1 - x0, y1 - y0
    slope = height / width
    gap = clamped - y0
    bend = gap * (d0 + d1 - 2 * slope)
    a = height * (slope - d0) + bend  # eq. 6 to 8
    b = height * d0 - bend
    c = -slope * gap
    root = (b.square() - 4 * a * c).clamp_min(0.0).sqrt()
    t = (2 * c / (-b - root)).clamp(0.0, 1.0)
    return torch.where(inside, x0 + t * width, y)
