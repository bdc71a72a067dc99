"""What a series has said up to each time, at a cost that does not grow with it."""

from typing import NamedTuple

import torch
from torch import nn


class CausalState(NamedTuple):
    """What is kept of the times so far.

    Attributes
    ----------
    n_times : int
    last : Tensor of shape (n, n_tokens)
        The last observation.
    states : tuple of Tensor of shape (n, width)
        Of the recurrence of each layer.
    means : tuple of Tensor of shape (n, 2 * width)
        Over all times, of each layer.
    """

    n_times: int
    last: torch.Tensor
    states: tuple
    means: tuple


class LinearRecurrence(torch.autograd.Function):
    """States `h_t = keep_t h_(t-1) + new_t` with `h_0 = 0`, time after time.

    On a processor as many small steps as there are times cost less than the few large ones of a parallel scan.
    """

    @staticmethod
    def forward(ctx, keep, new):
        """Return states of the shape of `keep` and `new`, `(n, n_times, width)`."""
        keeps = keep.transpose(0, 1).contiguous()
        states = new.transpose(0, 1).contiguous()
        for before, after, kept in zip(states[:-1], states[1:], keeps[1:], strict=True):
            after.addcmul_(before, kept)
        ctx.save_for_backward(keeps, states)
        return states.transpose(0, 1)

    @staticmethod
    def backward(ctx, gradient):
        """Return gradients of `keep` and `new`."""
        keeps, states = ctx.saved_tensors
        of_new = gradient.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        times = range(len(of_new) - 1, 0, -1)
        for time in times:
            of_new[time - 1].addcmul_(of_new[time], keeps[time])
        of_keep = torch.zeros_like(keeps)
        of_keep[1:] = of_new[1:] * states[:-1]
        return of_keep.transpose(0, 1), of_new.transpose(0, 1)


class CausalLayer(nn.Module):
    """A gated recurrence [1]_, which forgets, and means over all times, which do not.

    Means are taken of what is read, and of how far it was from what the recurrence had kept: how fast a series moves
    shows in how much longer and shorter memories are surprised by it.

    References
    ----------
    .. [1] L. Feng, F. Tung, M. Ahmed, Y. Bengio, H. Hajimirsadeghi (2024). Were RNNs all we needed? arXiv 2410.01201.
    """

    def __init__(self, n_in, width):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(n_in, width), nn.SiLU(), nn.Linear(width, 3 * width))
        # What is remembered is linear far out, where perceptrons have seen little.
        self.straight = nn.Linear(n_in, 2 * width, bias=False)
        # States remember for one step, for about fifty, or for some time between.
        with torch.no_grad():
            self.read[-1].bias[:width].copy_(torch.linspace(0.0, -4.0, width))

    def forward(self, x):
        """Return states `(n, n_times, width)` and means `(n, n_times, 2 * width)` of `x` `(n, n_times, n_in)`."""
        gate, candidate, averaged = self._read(x)
        states = LinearRecurrence.apply(1 - gate, gate * candidate)
        before = nn.functional.pad(states, (0, 0, 1, 0))[:, :-1]
        counts = torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)[:, None]
        return states, torch.cat([averaged, (candidate - before).abs()], dim=-1).cumsum(dim=1) / counts

    def step(self, state, mean, x, n_times):
        """Return state `(n, width)` and mean `(n, 2 * width)` after `n_times`, of which `x` `(n, n_in)` is the last."""
        gate, candidate, averaged = self._read(x)
        new = torch.cat([averaged, (candidate - state).abs()], dim=-1)
        return torch.lerp(state, candidate, gate), torch.lerp(mean, new, 1 / n_times)

    def _read(self, x):
        width = self.read[-1].out_features // 3
        gate, new = self.read(x).split([width, 2 * width], dim=-1)
        return (gate.sigmoid(), *(new + self.straight(x)).chunk(2, dim=-1))


class CausalMemory(nn.Module):
    """Layers of recurrences and means, each of which reads what those before it have found, and the observations.

    Parameters
    ----------
    n_tokens : int
        Numbers in which an observation comes.
    width : int
    n_layers : int
    n_usual : int
        Length of a usual series, in whose logarithm time is told.
    """

    def __init__(self, n_tokens, width, n_layers, n_usual):
        super().__init__()
        self.n_tokens, self.width = n_tokens, width
        self.register_buffer("log_usual", torch.tensor(float(n_usual)).log1p())
        n_first = 2 * n_tokens + 1
        sizes = [n_first if i == 0 else n_first + 3 * width for i in range(n_layers)]
        self.layers = nn.ModuleList(CausalLayer(n_in, width) for n_in in sizes)
        self.n_memory = n_first + 3 * width * n_layers

    def forward(self, tokens):
        """Return what is known at each time, `(n, n_times, n_memory)`, of tokens `(n, n_times, n_tokens)`."""
        n, n_times, _ = tokens.shape
        change = nn.functional.pad(tokens.diff(dim=1), (0, 0, 1, 0))
        time = self._time(torch.arange(1, n_times + 1, dtype=tokens.dtype, device=tokens.device))
        first = torch.cat([tokens, change, time.expand(n, -1)[..., None]], dim=-1)
        found, x = [first], first
        for layer in self.layers:
            each = layer(x)
            found += each
            x = torch.cat([first, *each], dim=-1)
        return torch.cat(found, dim=-1)

    def start(self, n):
        """Return the state of `n` series before their first time."""
        like = self.layers[0].read[0].weight
        states, means = (tuple(like.new_zeros(n, k * self.width) for _ in self.layers) for k in (1, 2))
        return CausalState(0, like.new_zeros(n, self.n_tokens), states, means)

    def step(self, state, tokens):
        """Return the state after tokens `(n, n_tokens)`, and what is known then, `(n, n_memory)`."""
        n_times = state.n_times + 1
        time = self._time(tokens.new_full((len(tokens), 1), float(n_times)))
        change = tokens - state.last if state.n_times else torch.zeros_like(tokens)
        first = torch.cat([tokens, change, time], dim=-1)
        found, x, states, means = [first], first, [], []
        for layer, hidden, mean in zip(self.layers, state.states, state.means, strict=True):
            each = layer.step(hidden, mean, x, n_times)
            states.append(each[0])
            means.append(each[1])
            found += each
            x = torch.cat([first, *each], dim=-1)
        return CausalState(n_times, tokens, tuple(states), tuple(means)), torch.cat(found, dim=-1)

    def _time(self, count):
        return count.log1p() / self.log_usual
