"""What of a series is remembered at each time of all times before it."""

from typing import NamedTuple

import torch
from torch import nn

from skabi.networks._perceptrons import residual_perceptron
from skabi.networks._pooling import moments
from skabi.networks._recurrence import GatedRecurrence, last_state

_N_LAGS = 2


class MemoryState(NamedTuple):
    """What is remembered of the times so far.

    Attributes
    ----------
    lags : Tensor of shape (n, n_lags, n_tokens + 1)
        The last observations, the latest first, and whether they are there.
    hidden : Tensor of shape (n, width)
    """

    lags: torch.Tensor
    hidden: torch.Tensor


class SeriesMemory(nn.Module):
    """The last observations as they are, and states of a gated recurrence over all before.

    Parameters
    ----------
    n_tokens : int
        Numbers in which an observation comes.
    width : int
    """

    def __init__(self, n_tokens, width):
        super().__init__()
        self.n_tokens, self.width = n_tokens, width
        self.read = nn.Sequential(nn.Linear(n_tokens, width), nn.SiLU())
        self.recurrence = GatedRecurrence(width)
        self.n_fixed = _N_LAGS * (n_tokens + 1)
        self.n_memory = self.n_fixed + width

    def forward(self, tokens):
        """Return what is remembered at each time, `(n, n_times, n_memory)`, of tokens `(n, n_times, n_tokens)`."""
        there = torch.cat([tokens, torch.ones_like(tokens[..., :1])], dim=-1)
        lags = [_moved(there, n) for n in range(1, _N_LAGS + 1)]
        return torch.cat([*lags, _moved(self.states(tokens), 1)], dim=-1)

    def states(self, tokens):
        """Return the recurrence's state after each time, `(n, n_times, width)`."""
        return self.recurrence(self.read(tokens))

    def start(self, n):
        """Return the state of `n` series before their first time."""
        like = self.recurrence.gate.weight
        return MemoryState(like.new_zeros(n, _N_LAGS, self.n_tokens + 1), like.new_zeros(n, self.width))

    def recall(self, state):
        """Return what is remembered, `(n, n_memory)`."""
        return torch.cat([state.lags.flatten(1), state.hidden], dim=-1)

    def advance(self, state, tokens):
        """Return the state after an observation `(n, n_tokens)`."""
        there = torch.cat([tokens, torch.ones_like(tokens[..., :1])], dim=-1)
        lags = torch.cat([there[:, None], state.lags[:, :-1]], dim=1)
        return MemoryState(lags, self.recurrence.step(state.hidden, self.read(tokens)))


class MemorySummary(nn.Module):
    """Summaries of a series by the network that remembers it for a likelihood: one network serves both.

    Parameters
    ----------
    memory : SeriesMemory
    summary : ConvolutionSeries
        Whose outline comes first, and whose number of learned summaries is kept.
    """

    def __init__(self, memory, summary):
        super().__init__()
        self.memory, self.outline = memory, summary.outline
        self.n_fixed, self.n_summaries = summary.n_fixed, summary.n_summaries
        width = memory.width
        self.of_all = residual_perceptron(3 * width, 2 * width, 1, self.n_summaries - self.n_fixed)

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of series `(n, n_times, n_features)`."""
        states = self.memory.states(x)
        statistics = torch.cat([moments(states, mask), last_state(states, mask)], dim=-1)
        return torch.cat([self.outline(x, mask), self.of_all(statistics)], dim=-1)


def _moved(values, n):
    """Return `values` `(n, n_times, ...)` moved `n` times on, with zeros before."""
    return nn.functional.pad(values, (0, 0, n, 0))[:, : values.shape[1]]
