"""Solvers of ordinary differential equations dx/dt = v(x, t), of many rows at once.

`solver(velocity, x, times)` returns x `(..., k)` at the last of `times`, from x at the first. `velocity(x, time)` takes
one time, or one a row, `(...,)`. Rows whose solution fails are NaN.
"""

import torch
from torch import nn


class RungeKutta(nn.Module):
    """Steps between all given times, by an explicit method.

    Parameters
    ----------
    table : list of list of float
        Of the stages after the first, the weights of the velocities before; their sum is the stage's time.
    weights : list of float
        Of the velocities in a step.
    """

    def __init__(self, table, weights):
        super().__init__()
        self.table, self.weights = table, weights

    def forward(self, velocity, x, times):
        """Return the solution at the last of `times`."""
        for start, length in zip(times[:-1], times.diff(), strict=True):
            speeds = [velocity(x, start)]
            for row in self.table:
                speeds.append(velocity(_moved(x, row, speeds, length), start + sum(row) * length))
            x = _moved(x, self.weights, speeds, length)
        return x


def _moved(x, weights, speeds, length):
    for weight, speed in zip(weights, speeds, strict=True):
        if weight:
            x = torch.addcmul(x, speed, weight * length)
    return x


# Dormand, Prince (1980): of each stage, and how the last differs from the embedded method of fourth order.
_STAGES = [
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]
_ERROR = [71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]
_SAFETY, _LEAST, _MOST = 0.9, 0.2, 5.0


class DormandPrince(nn.Module):
    """Steps of fifth order whose length each row chooses by itself, so that no row depends on its neighbours.

    Parameters
    ----------
    tolerance : float
        Error of a step, beside one plus the size of x.
    max_steps : int
        Of a row that needs more the result is NaN.
    """

    def __init__(self, tolerance, max_steps):
        super().__init__()
        self.tolerance, self.max_steps = tolerance, max_steps

    def forward(self, velocity, x, times):
        """Return the solution at the last of `times`; those between do not matter."""
        time = times[0].expand(x.shape[:-1])
        length = ((times[-1] - times[0]) / 20).expand(x.shape[:-1])
        first = velocity(x, time)
        for _ in range(self.max_steps):
            left = times[-1] - time
            is_last = length.abs() >= left.abs()
            length = torch.where(is_last, left, length)
            speeds, last = [first], x
            for row in _STAGES:
                last = _moved(x, row, speeds, length[..., None])
                speeds.append(velocity(last, time + min(sum(row), 1.0) * length))
            ratio = self._error(x, last, speeds, length)
            is_good = ratio <= 1
            x = torch.where(is_good[..., None], last, x)
            first = torch.where(is_good[..., None], speeds[-1], first)
            time = torch.where(is_good, torch.where(is_last, times[-1], time + length), time)
            length = length * (_SAFETY * ratio.clamp(min=1e-10) ** -0.2).clamp(_LEAST, _MOST).nan_to_num(nan=_LEAST)
            if (time == times[-1]).all():
                return x
        return torch.where((time == times[-1])[..., None], x, torch.nan)

    @torch.no_grad()
    def _error(self, x, last, speeds, length):
        """Return the error of a step in units of what is tolerated, `(...,)`; gradients are those of given steps."""
        error = _moved(torch.zeros_like(x), _ERROR, speeds, length[..., None])
        size = self.tolerance * (1 + torch.maximum(x.abs(), last.abs()))
        return (error / size).square().mean(dim=-1).sqrt()
