"""Designs that a network proposes around draws of the parameters, and what it expects of each."""

import torch
from torch import nn

from skabi.networks._perceptrons import perceptron

# Added to correlations and variances of draws, so that there is a factor where they agree.
_LEAST_CORRELATION, _LEAST_VARIANCE = 1e-4, 1e-20


class DrawsReader(nn.Module):
    """What is seen of a set of draws: where they lie, how wide, and their shape, in any order of them."""

    def __init__(self, n_parameters, *, n_features, hidden_layer_sizes):
        super().__init__()
        self.reader = perceptron([n_parameters, n_features, n_features])
        n_seen = 2 * n_parameters + n_parameters * (n_parameters - 1) // 2 + 2 * n_features
        self.hidden = perceptron([n_seen, *hidden_layer_sizes])
        self.register_buffer("below", torch.tril_indices(n_parameters, n_parameters, -1))

    def forward(self, u):
        """Return features `(n, n_hidden)`, standardised draws and their standard deviations, of `(n, n_draws, d)`."""
        mean = u.mean(dim=1, keepdim=True)
        away = u - mean
        scale = (away.square().mean(dim=1) + _LEAST_VARIANCE).sqrt()
        standard = away / scale[:, None]
        correlation = standard.mT @ standard / u.shape[1]
        factor = torch.linalg.cholesky(correlation + _LEAST_CORRELATION * torch.eye(u.shape[2], device=u.device))
        read = nn.functional.silu(self.reader(standard))
        shape = factor[:, self.below[0], self.below[1]]
        seen = [mean[:, 0], scale.log() / 2, shape, read.mean(dim=1), read.amax(dim=1)]
        return self.hidden(torch.cat(seen, dim=1)), standard, scale


class BoxProposals(nn.Module):
    """Proposes a design of a box for each draw, and a value of it.

    A design is linear in the draw, which makes it precise where draws are close together, and moved from there by
    standard deviations.
    """

    def __init__(self, n_parameters, low, high, *, n_features, hidden_layer_sizes):
        super().__init__()
        n_hidden, self.n_designs = hidden_layer_sizes[-1], len(low)
        sizes = {"n_features": n_features, "hidden_layer_sizes": hidden_layer_sizes}
        self.reader = DrawsReader(n_parameters, **sizes)
        self.draw = nn.Linear(n_parameters, n_hidden)
        self.both = nn.Sequential(nn.SiLU(), nn.Linear(n_hidden, n_hidden), nn.SiLU())
        self.value = nn.Linear(n_hidden, 1)
        self.move = nn.Linear(n_hidden, self.n_designs * n_parameters)
        nn.init.zeros_(self.move.weight)
        nn.init.zeros_(self.move.bias)
        self.place = nn.Linear(n_parameters, self.n_designs)
        self.register_buffer("middle", (low + high) / 2)
        self.register_buffer("reach", (high - low) / 2)

    def n_anchors(self, u):
        """Return how many designs there are to choose from."""
        return u.shape[1]

    def judges(self, u, anchors):
        """Return the draws that are no anchors, `(n, n_draws - n_anchors, n_parameters)`.

        Those that designs are proposed around neither make outcomes nor are contrasted, since a design may tell of them
        more than of others.
        """
        is_anchor = torch.zeros(u.shape[:2], dtype=torch.bool, device=u.device).scatter_(1, anchors, True)
        others = is_anchor.float().argsort(dim=1, stable=True)[:, : u.shape[1] - anchors.shape[1]]
        return u[torch.arange(len(u), device=u.device)[:, None], others]

    def forward(self, u, anchors):
        """Return designs `(n, n_anchors, n_designs)` and values `(n, n_anchors)`.

        Parameters
        ----------
        u : tensor of shape (n, n_draws, n_parameters)
        anchors : tensor of shape (n_anchors,) or (n, n_anchors)
            Which draws designs are proposed around.
        """
        seen, standard, scale = self.reader(u)
        rows = torch.arange(len(u), device=u.device)[:, None]
        hidden = self.both(seen[:, None] + self.draw(standard[rows, anchors]))
        move = self.move(hidden).unflatten(-1, (self.n_designs, -1)) @ scale[:, None, :, None]
        raw = self.place(u[rows, anchors]) + move[..., 0]
        # At an end of the box a gradient still says which way to go.
        inside = raw + (raw.clamp(-1, 1) - raw).detach()
        return self.middle + self.reach * inside, self.value(hidden)[..., 0]


class PoolProposals(nn.Module):
    """Proposes the designs of a pool, each with a value."""

    def __init__(self, n_parameters, members, *, n_features, hidden_layer_sizes):
        super().__init__()
        n_hidden = hidden_layer_sizes[-1]
        sizes = {"n_features": n_features, "hidden_layer_sizes": hidden_layer_sizes}
        self.reader = DrawsReader(n_parameters, **sizes)
        self.register_buffer("members", members)
        scale = members.std(dim=0)
        self.register_buffer("standard", (members - members.mean(dim=0)) / torch.where(scale > 0, scale, 1.0))
        self.member = nn.Linear(members.shape[1], n_hidden)
        self.both = nn.Sequential(nn.SiLU(), nn.Linear(n_hidden, n_hidden), nn.SiLU())
        self.value = nn.Linear(n_hidden, 1)

    def n_anchors(self, u):
        """Return how many designs there are to choose from."""
        return len(self.members)

    def judges(self, u, anchors):
        """Return all draws, since designs are of the pool."""
        return u

    def forward(self, u, anchors):
        """Return designs `(n, n_anchors, n_designs)` and values `(n, n_anchors)`; anchors are members of the pool."""
        seen, _, _ = self.reader(u)
        anchors = anchors.expand(len(u), -1)
        hidden = self.both(seen[:, None] + self.member(self.standard[anchors]))
        return self.members[anchors], self.value(hidden)[..., 0]
