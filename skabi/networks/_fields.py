"""Functions of parameters, a time and a data set, in whose values free-form densities are written."""

import math

import torch
from torch import nn

from skabi.networks._perceptrons import residual_perceptron


class Clock(nn.Module):
    """Sines and cosines of a time between about -10 and 10, and what a layer makes of them.

    Parameters
    ----------
    n_out : int
    n_frequencies : int
        Geometrically spaced between an eighth of a turn and four per unit of time.
    """

    def __init__(self, n_out, n_frequencies=12):
        super().__init__()
        turns = torch.logspace(-3, 2, n_frequencies, base=2.0)
        self.register_buffer("frequencies", 2 * math.pi * turns)
        self.layer = nn.Sequential(nn.Linear(2 * n_frequencies + 1, n_out), nn.SiLU())

    def forward(self, time):
        """Return `(..., n_out)` for times `(...,)`."""
        time = time[..., None]
        phase = time * self.frequencies
        return self.layer(torch.cat([time, phase.sin(), phase.cos()], dim=-1))


class ModulatedBlock(nn.Module):
    """What two layers add to their input, the first of them scaled and moved by what is known of time and data [1]_.

    References
    ----------
    .. [1] E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville (2018). FiLM: visual reasoning with a general
       conditioning layer. arXiv 1709.07871.
    """

    def __init__(self, width, dropout):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        self.activation, self.drop = nn.SiLU(), nn.Dropout(dropout)

    def forward(self, x, scale, shift):
        """Return `(..., width)`."""
        inner = torch.addcmul(shift, self.inner(self.activation(x)), scale)
        return x + self.outer(self.drop(self.activation(inner)))


class ResidualField(nn.Module):
    """A residual perceptron of parameters, modulated block by block by time and data set.

    What depends on the data set alone is computed by `read`, once for all its draws and all times.

    Parameters
    ----------
    n_parameters, n_context : int
    width : int
    n_blocks : int
        Blocks that see the parameters.
    n_reading_blocks : int
        Blocks that see the data set alone.
    dropout : float
        Share of the numbers within blocks that training leaves out.
    """

    def __init__(self, n_parameters, n_context, *, width, n_blocks, n_reading_blocks, dropout):
        super().__init__()
        self.width, n_modulations = width, (1 + 2 * n_blocks) * width
        self.reading = residual_perceptron(n_context, width, n_reading_blocks, width)
        self.from_context = nn.Linear(width, n_modulations)
        self.clock = Clock(width)
        self.from_time = nn.Linear(width, n_modulations, bias=False)
        self.from_theta = nn.Linear(n_parameters, width, bias=False)
        self.blocks = nn.ModuleList(ModulatedBlock(width, dropout) for _ in range(n_blocks))
        self.last = nn.Sequential(nn.SiLU(), nn.Linear(width, n_parameters))
        nn.init.zeros_(self.last[1].weight)
        nn.init.zeros_(self.last[1].bias)
        with torch.no_grad():
            # Blocks start unmodulated, near a scale of one.
            self.from_context.weight[width:].mul_(0.1)
            self.from_context.bias[width:] = torch.tensor([1.0, 0.0]).repeat_interleave(width).repeat(n_blocks)
            self.from_time.weight[width:].mul_(0.1)

    def read(self, context):
        """Return what the data set adds, `(..., n_modulations)` of context `(..., n_context)`."""
        return self.from_context(self.reading(context))

    def forward(self, theta, time, read):
        """Return `(..., n_parameters)` of parameters, times `(...,)` and what was read; leading axes broadcast."""
        first, *modulations = (read + self.from_time(self.clock(time))).split(self.width, dim=-1)
        x = self.from_theta(theta) + first
        for block, scale, shift in zip(self.blocks, modulations[::2], modulations[1::2], strict=True):
            x = block(x, scale, shift)
        return self.last(x)
