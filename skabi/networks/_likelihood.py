"""The density of data sets given parameters: a product over observations."""

import math

import torch
from torch import nn

from skabi.networks._data_sets import values_and_mask


class Likelihood(nn.Module):
    """The density of each observation given parameters and, with a memory, the observations before it.

    Parameters
    ----------
    density : ObservationDensity
        Given parameters, and what is remembered.
    memory : SeriesMemory, optional
        Without one observations are independent given the parameters.
    """

    def __init__(self, density, memory=None):
        super().__init__()
        self.density, self.memory = density, memory

    @property
    def members(self):
        """The likelihood itself, as the only member of a mixture."""
        return [self]

    def log_prob(self, values, theta):
        """Return log densities of each observation.

        Parameters
        ----------
        values : Tensor of shape (n, n_observations, n_columns)
        theta : Tensor of shape (n, n_draws, n_parameters)

        Returns
        -------
        log_prob : Tensor of shape (n, n_draws, n_observations)
        """
        return self.density.log_prob(values[:, None], self._context(values, theta[:, :, None]))

    def training_loss(self, theta, x):
        """Return minus the mean log density of a data set's observations, `(n,)`."""
        values, mask = values_and_mask(x)
        if mask is not None and self.memory is not None:
            return self._loss_of_some(values, mask, theta)
        log_prob = self.log_prob(values, theta[:, None])[:, 0]
        if mask is None:
            return -log_prob.mean(dim=1)
        return -torch.where(mask, log_prob, 0.0).sum(dim=1) / mask.sum(dim=1)

    def _loss_of_some(self, values, mask, theta):
        """Return the loss of the times where `mask` is true; the others are remembered, and cost little."""
        rows, times = mask.nonzero(as_tuple=True)
        context = self._context(values, theta[:, None, None])[:, 0]
        log_prob = self.density.log_prob(values[rows, times], context[rows, times])
        return -log_prob.new_zeros(len(values)).index_add(0, rows, log_prob) / mask.sum(dim=1)

    def forward(self, loss, batch):
        """Return the loss of this network on a batch, `(n,)`."""
        return loss(self, batch)

    def regression(self, values, theta):
        """Return what continuous columns are conditioned on, and these, `(n, n_observations, ...)`; theta `(n, d)`."""
        context = self._context(values, theta[:, None, None])[:, 0]
        context = self.density.with_discrete(values, context)
        return context.expand(*values.shape[:2], -1), values[..., self.density.n_discrete :]

    def _context(self, values, theta):
        """Return `(n, n_draws, 1 or n_observations, n_context)` for theta `(n, n_draws, 1, n_parameters)`."""
        if self.memory is None:
            return theta
        remembered = self.memory(self.density.tokens(values))[:, None]
        shape = torch.broadcast_shapes(theta.shape[:-1], remembered.shape[:-1])
        return torch.cat([theta.expand(*shape, -1), remembered.expand(*shape, -1)], dim=-1)


class LikelihoodMixture(nn.Module):
    """The equal mixture of likelihoods, observation by observation."""

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def log_prob(self, values, theta):
        """Return log densities of each observation, as a single likelihood does."""
        terms = torch.stack([member.log_prob(values, theta) for member in self.members])
        return terms.logsumexp(dim=0) - math.log(len(self.members))


def sample_observations(network, theta, n_observations, generator):
    """Return data sets `(n, n_observations, n_columns)` given theta `(n, n_parameters)`, in double precision."""
    members = network.members
    if members[0].memory is None:
        rows = theta.repeat_interleave(n_observations, dim=0)
        return _one_of([member.density.sample(rows, generator) for member in members], generator).unflatten(
            0, (len(theta), n_observations)
        )
    states = [member.memory.start(len(theta)) for member in members]
    series = []
    for _ in range(n_observations):
        contexts = [torch.cat([theta, m.memory.recall(s)], dim=-1) for m, s in zip(members, states, strict=True)]
        each = [member.density.sample(c, generator) for member, c in zip(members, contexts, strict=True)]
        series.append(_one_of(each, generator))
        tokens = [member.density.tokens(series[-1].to(theta)) for member in members]
        states = [m.memory.advance(*pair) for m, *pair in zip(members, states, tokens, strict=True)]
    return torch.stack(series, dim=1)


def _one_of(samples, generator):
    """Return row by row that of one of the samples, tensors `(n, n_columns)`, at random."""
    if len(samples) == 1:
        return samples[0]
    chosen = torch.randint(len(samples), (len(samples[0]),), generator=generator, device=generator.device).cpu()
    return torch.stack(samples, dim=1)[torch.arange(len(chosen)), chosen]
