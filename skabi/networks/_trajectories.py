"""The posterior of trajectories: of hyper-parameters, of the last states, and of each before given the next."""

import torch
from torch import nn

from skabi.networks._data_sets import values_and_mask
from skabi.networks._perceptrons import residual_perceptron


class TrajectoryNetwork(nn.Module):
    """Three densities, all given a causal memory of the series.

    As states depend on the past through those of the time before alone,

        p(eta, x_1:T | y_1:T) = p(eta | y_1:T) p(x_T | eta, y_1:T) prod_t p(x_t | x_(t+1), eta, y_1:t),

    so that the memory at time t is all that the factor of time t needs: the first two factors at any t are filtering,
    all together are smoothing.

    Parameters
    ----------
    memory : CausalMemory
    belief : StateBelief
    filtered : DensityNetwork
        Of standardised states given the embedding of the belief.
    backcast : Backcast
    hyper : DensityNetwork or None
        Of hyper-parameters.
    width : int
    """

    def __init__(self, memory, belief, filtered, backcast, hyper, *, width):
        super().__init__()
        self.memory, self.belief, self.filtered, self.backcast = memory, belief, filtered, backcast
        self.hyper = hyper
        self.of_subject = residual_perceptron(memory.n_memory, width, 1, width) if hyper is not None else None

    def forward(self, loss, batch):
        """Return the loss of this network on a batch, `(n,)`."""
        return loss(self, batch)

    def pooled(self, memory, is_there=None):
        """Return what all subjects say of hyper-parameters, `(n, n_times, width + 1)`.

        Parameters
        ----------
        memory : Tensor of shape (n, n_subjects, n_times, n_memory)
        is_there : Tensor of bool of shape (n, n_subjects), optional
        """
        each = self.of_subject(memory)
        if is_there is None:
            mean, n_there = each.mean(dim=1), each.new_full((len(each),), float(each.shape[1]))
        else:
            share = is_there.to(each.dtype)
            n_there = share.sum(dim=1)
            mean = torch.einsum("njtw,nj->ntw", each, share / n_there[:, None])
        return torch.cat([mean, n_there.log()[:, None, None].expand(*mean.shape[:2], 1)], dim=-1)

    def training_loss(self, theta, x):
        """Return the mean loss of the three densities over the times that are looked at, `(n,)`.

        Parameters
        ----------
        theta : dict of str to Tensor
            `hyper` `(n, n_hyper)`; `states` and `jumped` `(n, n_subjects, n_times, n_states)`; `location`, of what
            steps say of the states before them, `(n, n_subjects, n_times - 1, n_states)`; `factor`
            `(n, n_states, n_states)` and `jump_scale` `(n, n_states)`.
        x : Tensor of shape (n, n_subjects, n_times, n_tokens) or DataSets
            The mask says which times are looked at, the same for all subjects, and which subjects are there.
        """
        tokens, mask = values_and_mask(x)
        times = _times_of(tokens, mask)
        memory = self.memory(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        at = _take(memory, times)
        loss = at.new_zeros(len(at))
        if self.hyper is not None:
            pooled = self.pooled(at, None if mask is None else mask.any(dim=2))
            loss = loss + self.hyper.training_loss(theta["hyper"][:, None], pooled).mean(dim=1)
        location, scale, embedding = self.belief(at, theta["hyper"][:, None, None])
        states = _take(theta["states"], times)
        filtered = self.filtered.training_loss((states - location) / scale, embedding) + scale.log().sum(-1)
        loss = loss + filtered.mean(dim=(1, 2))
        if not self.backcast.moving:
            return loss
        steps = times[:, :-1]
        belief = location[:, :, :-1], scale[:, :, :-1], embedding[:, :, :-1]
        binding = (
            _take(theta["location"], steps),
            theta["factor"][:, None, None],
            theta["jump_scale"][:, None, None],
        )
        jumped = _take(theta["jumped"], steps + 1)
        return loss + self.backcast.training_loss(states[:, :, :-1], jumped, belief, binding).mean(dim=(1, 2))

    def filter_log_prob(self, states, belief):
        """Return the log density of states `(..., n_states)` given the data so far, `(...,)`."""
        location, scale, embedding = belief
        return self.filtered.log_prob((states - location) / scale, embedding) - scale.log().sum(-1)

    def filter_sample(self, belief, shape, generator):
        """Return states `(*shape, n_states)` given the data so far."""
        location, scale, embedding = belief
        z = torch.randn(
            (*shape, location.shape[-1]), generator=generator, dtype=location.dtype, device=generator.device
        )
        return location + scale * self.filtered.from_base(z.to(location.device), embedding).to(location.dtype)


def _times_of(tokens, mask):
    """Return the times that are looked at, `(n, n_looked_at)`."""
    n, _, n_times, _ = tokens.shape
    if mask is None:
        return torch.arange(n_times, device=tokens.device).expand(n, -1)
    return mask.any(dim=1).nonzero()[:, 1].reshape(n, -1)


def _take(values, times):
    """Return `values` `(n, n_subjects, n_times, k)` at times `(n, n_looked_at)`."""
    index = times[:, None, :, None].expand(-1, values.shape[1], -1, values.shape[3])
    return values.gather(2, index)
