"""An equal mixture of networks that are trained side by side in one batch of operations [1]_.

References
----------
.. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell (2017). Simple and scalable predictive uncertainty estimation using
   deep ensembles. arXiv 1612.01474.
"""

import copy
import math

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble(nn.Module):
    """The mixture of `members`, each a `SummarizedDensity`, with the methods of one."""

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.has_one_summary = next(members[0].summary.parameters(), None) is None

    @property
    def n_parameters(self):
        """Number of parameters."""
        return self.members[0].n_parameters

    @property
    def n_summaries(self):
        """Number of summaries of all members; one set of them where nothing is learned in it."""
        return sum(member.n_summaries for member in self._summarizing())

    def _summarizing(self):
        return self.members[:1] if self.has_one_summary else self.members

    def context(self, x):
        """Return what the members are conditioned on, `(n, n_members, n_context)`; `(n, 1, n_context)` if the same."""
        return torch.stack([member.context(x) for member in self._summarizing()], dim=1)

    def _of_member(self, context, i):
        return context[..., 0 if self.has_one_summary else i, :]

    def log_prob_given(self, theta, context):
        """Return the log density of the mixture, `(...,)`."""
        terms = [m.log_prob_given(theta, self._of_member(context, i)) for i, m in enumerate(self.members)]
        return _log_mean_exp(torch.stack(terms))

    def sample_given(self, context, n_draws, generator):
        """Return draws `(n, n_draws, n_parameters)`, as many of each member as of any other, in random order."""
        order = torch.randperm(n_draws, generator=generator, device=context.device).cpu()
        shift = int(torch.randint(len(self.members), (), generator=generator, device=context.device))
        counts = [len(range((i + shift) % len(self.members), n_draws, len(self.members))) for i in self._indices()]
        parts = [
            member.sample_given(self._of_member(context, i), counts[i], generator)
            for i, member in enumerate(self.members)
            if counts[i]
        ]
        return torch.cat(parts, dim=1)[:, order]

    def from_base_given(self, z, context):
        """Return the theta that base points `z` `(n, n_points, n_parameters)` become, a block of points a member."""
        theta = torch.empty(z.shape, dtype=torch.float64)
        for i, member in enumerate(self.members):
            # A block of a quasi-random sequence fills space; every n-th of its points may lie in a corner.
            points = slice(i * z.shape[1] // len(self.members), (i + 1) * z.shape[1] // len(self.members))
            theta[:, points] = member.from_base_given(z[:, points], self._of_member(context, i))
        return theta

    def _indices(self):
        return range(len(self.members))


class StackedMembers(nn.Module):
    """The members of an ensemble with their weights stacked along a leading axis: what is trained."""

    def __init__(self, ensemble):
        super().__init__()
        weights, self._buffers_of_members = stack_module_state(list(ensemble.members))
        self.weights = nn.ParameterDict({_without_dots(name): nn.Parameter(w) for name, w in weights.items()})
        # In a list, so that its own weights are not this module's.
        self._skeleton = [copy.deepcopy(ensemble.members[0]).to("meta")]

    def training_loss(self, theta, x):
        """Return the mean loss of the members, `(n,)`; in evaluation the loss of their mixture."""
        weights = {name.replace("/", "."): w for name, w in self.weights.items()}

        def of_one(weights, buffers):
            return functional_call(self._skeleton[0], (weights, buffers), (theta, x))

        losses = vmap(of_one)(weights, self._buffers_of_members)
        return losses.mean(dim=0) if self.training else -_log_mean_exp(-losses)

    @torch.no_grad()
    def unstack_into(self, ensemble):
        """Give each member of `ensemble` its weights back."""
        for i, member in enumerate(ensemble.members):
            for name, weight in member.named_parameters():
                weight.copy_(self.weights[_without_dots(name)][i])


def _without_dots(name):
    return name.replace(".", "/")


def _log_mean_exp(values):
    return values.logsumexp(dim=0) - math.log(len(values))
