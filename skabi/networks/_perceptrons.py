"""Perceptrons: plain, residual, and with an input in two parts, one a draw and one a data set."""

import itertools

from torch import nn
from torch.nn import functional

from skabi.networks._follows_training import FollowsTraining


def perceptron(sizes):
    """Return a perceptron with SiLU between layers of the given `sizes`, the first of which is the input's."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class FallingDropout(FollowsTraining, nn.Module):
    """Dropout of a share that falls to zero as training proceeds: first against learning by heart, at last precise.

    Until a training tells how far it is there is none.
    """

    def __init__(self, share):
        super().__init__()
        self.share, self.left = share, 0.0

    def proceed(self, share):
        """Take note of the share of the training that is done."""
        self.left = 1 - share

    def forward(self, x):
        """Return x, in training with some numbers zero and the others larger."""
        dropped = self.share * self.left
        return functional.dropout(x, dropped) if dropped and self.training else x


class ResidualBlock(nn.Module):
    """What two layers add to their input [1]_.

    Parameters
    ----------
    width : int
    dropout : float, default=0.0
        Share of the numbers between the layers that training leaves out at its begin.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.
    """

    def __init__(self, width, dropout=0.0):
        super().__init__()
        activation = nn.Sequential(nn.SiLU(), FallingDropout(dropout))
        self.change = nn.Sequential(nn.SiLU(), nn.Linear(width, width), activation, nn.Linear(width, width))

    def forward(self, x):
        """Return `x` and what is added to it, `(..., width)`."""
        return x + self.change(x)


def residual_perceptron(n_in, width, n_blocks, n_out, dropout=0.0):
    """Return a perceptron with `n_blocks` residual blocks of the given `width` and SiLU at its end."""
    blocks = [ResidualBlock(width, dropout) for _ in range(n_blocks)]
    return nn.Sequential(nn.Linear(n_in, width), *blocks, nn.SiLU(), nn.Linear(width, n_out), nn.SiLU())


class Conditioner(nn.Module):
    """A perceptron of `(theta, context)` that multiplies the context by its weights once for all its draws."""

    def __init__(self, n_theta, n_context, hidden_layer_sizes, n_out):
        super().__init__()
        n_first = hidden_layer_sizes[0]
        self.from_theta = nn.Linear(n_theta, n_first, bias=False) if n_theta else None
        self.from_context = nn.Linear(n_context, n_first)
        self.rest = nn.Sequential(nn.SiLU(), perceptron([*hidden_layer_sizes, n_out]))
        # The last layer starts small, so that a new flow is close to the identity and training starts smoothly.
        nn.init.normal_(self.rest[1][-1].weight, std=1e-2)
        nn.init.zeros_(self.rest[1][-1].bias)

    def forward(self, theta, context):
        """Return `(..., n_out)`; leading axes of theta `(..., n_theta)` and context `(..., n_context)` broadcast."""
        first = self.from_context(context)
        if self.from_theta is not None:
            first = self.from_theta(theta) + first
        return self.rest(first)
