"""A recurrence over time that is computed for all times at once."""

import torch
from torch import nn


class GatedRecurrence(nn.Module):
    """States that forget at a rate, and take up at the other, that depend on what is seen [1]_.

    `h_t = (1 - z_t) h_(t-1) + z_t c_t`, with gate `z_t` and candidate `c_t` functions of the input at time t.

    References
    ----------
    .. [1] L. Feng, F. Tung, M. Ahmed, Y. Bengio, H. Hajimirsadeghi (2024). Were RNNs all we needed? arXiv 2410.01201.
    """

    def __init__(self, width):
        super().__init__()
        self.gate, self.candidate = nn.Linear(width, width), nn.Linear(width, width)
        # States remember for one step, for about fifty, or for some time between.
        with torch.no_grad():
            self.gate.bias.copy_(torch.linspace(0.0, -4.0, width))

    def forward(self, x):
        """Return the states `(n, n_times, width)` for inputs of the same shape."""
        gate = self.gate(x).sigmoid()
        return scan(1 - gate, gate * self.candidate(x))

    def step(self, state, x):
        """Return the next state `(n, width)` after one more input `(n, width)`."""
        return torch.lerp(state, self.candidate(x), self.gate(x).sigmoid())


def last_state(states, mask):
    """Return the state `(n, width)` at the last time of each series; `mask` `(n, n_times)` is true up to there."""
    if mask is None:
        return states[:, -1]
    last = (mask.sum(dim=1) - 1).clamp(min=0)
    return states.take_along_dim(last[:, None, None], dim=1)[:, 0]


def scan(keep, new):
    """Return `h` with `h_t = keep_t h_(t-1) + new_t` and `h_0 = 0`, over the last axis but one.

    Each round joins what twice as many times say together (Hillis, Steele, 1986, "Data parallel algorithms").
    """
    n = 1
    while n < new.shape[-2]:
        new = new + keep * _later(new, n)
        keep = keep * _later(keep, n)
        n *= 2
    return new


def _later(values, n):
    """Return `values` moved `n` times on, with zeros before."""
    return nn.functional.pad(values[..., :-n, :], (0, 0, n, 0))
