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
        self.has_one_summary = not members[0].summary.state_dict()

    @property
    def n_parameters(self):
        """Number of parameters."""
        return self.members[0].n_parameters

    @property
    def n_context(self):
        """Number of summaries and conditions of all members; one set of them where nothing is learned in it."""
        return sum(member.n_context for member in self._summarizing())

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
        return log_mean_exp(torch.stack(terms))

    def sample_given(self, context, n_draws, generator):
        """Return draws `(n, n_draws, n_parameters)`, as many of each member as of any other, in random order."""
        n_members, device = len(self.members), context.device
        n_each = -(-n_draws // n_members)
        parts = [m.sample_given(self._of_member(context, i), n_each, generator) for i, m in enumerate(self.members)]
        rows = torch.arange(len(context))[:, None]
        # Which member comes first, and where its draws go, is each data set's own chance.
        first = torch.randint(n_members, (len(context), 1), generator=generator, device=device).cpu()
        place = torch.rand(len(context), n_draws, generator=generator, device=device).argsort(dim=1).cpu()
        return torch.stack(parts, dim=2)[rows, place // n_members, (place + first) % n_members]

    def from_base_given(self, z, context, phase=None):
        """Return the theta that base points `z` `(n, n_points, n_parameters)` become, a block of points a member.

        Where points cannot be shared out equally, the `phase` `(n,)` of a row, from 0 to 1, says who gets more: blocks
        end at multiples of n_points / n_members plus the phase, rounded down. Over rows whose phases are evenly spaced
        all members get as many points (Hermite's identity), also where a row has fewer points than there are members.
        """
        n_points, n_members = z.shape[1], len(self.members)
        phase = torch.zeros(len(z), dtype=torch.float64) if phase is None else phase
        ends = (torch.arange(n_members + 1, dtype=torch.float64) * n_points / n_members + phase[:, None]).floor().long()
        ends[:, -1] = n_points
        theta = torch.empty(z.shape, dtype=torch.float64)
        for i, member in enumerate(self.members):
            # A block of a quasi-random sequence fills space; every n-th of its points may lie in a corner.
            points = slice(int(ends[:, i].min()), int(ends[:, i + 1].max()))
            if points.start == points.stop:
                continue
            own = member.from_base_given(z[:, points], self._of_member(context, i)).to(theta)
            place = torch.arange(points.start, points.stop)
            is_own = (place >= ends[:, i, None]) & (place < ends[:, i + 1, None])
            theta[:, points] = torch.where(is_own[..., None], own, theta[:, points])
        return theta


class StackedMembers(nn.Module):
    """The members of an ensemble with their weights stacked along a leading axis: what is trained."""

    def __init__(self, ensemble):
        super().__init__()
        weights, buffers = stack_module_state(list(ensemble.members))
        is_trained = {name: weight.requires_grad for name, weight in ensemble.members[0].named_parameters()}
        self.weights = nn.ParameterDict()
        for name, weight in weights.items():
            self.weights[_without_dots(name)] = nn.Parameter(weight.detach(), requires_grad=is_trained[name])
        self._buffer_names = [_without_dots(name) for name in buffers]
        for name, buffer in zip(self._buffer_names, buffers.values(), strict=True):
            self.register_buffer(name, buffer)
        # In a list, so that its own weights are not this module's.
        self._skeleton = [copy.deepcopy(ensemble.members[0]).to("meta")]

    @property
    def shared(self):
        """What of the members has no weights: a list, of one module."""
        return self._skeleton

    def forward(self, loss, batch):
        """Return the mean of the members' losses, `(n,)`; in evaluation the loss of their mixture, if it has one."""
        skeleton = self._skeleton[0].train(self.training)

        def of_one(weights, buffers):
            return functional_call(skeleton, (weights, buffers), (loss, batch))

        weights = {_with_dots(name): weight for name, weight in self.weights.items()}
        buffers = {_with_dots(name): getattr(self, name) for name in self._buffer_names}
        if loss.needs_joint_density:
            # Which may be known in NumPy alone: one member after the other.
            members = range(len(next(iter(weights.values()))))
            each = [of_one(_member(weights, i), _member(buffers, i)) for i in members]
            losses = torch.stack(each)
        else:
            losses = vmap(of_one, randomness="different")(weights, buffers)
        is_of_mixture = not self.training and getattr(skeleton, "has_density_loss", True)
        return loss.of_mixture(losses) if is_of_mixture else losses.mean(dim=0)

    @torch.no_grad()
    def unstack_into(self, ensemble):
        """Give each member of `ensemble` its weights and buffers back."""
        for i, member in enumerate(ensemble.members):
            for name, weight in member.named_parameters():
                weight.copy_(self.weights[_without_dots(name)][i])
            for name, buffer in member.named_buffers():
                buffer.copy_(getattr(self, _without_dots(name))[i])


def _member(stacked, i):
    return {name: tensor[i] for name, tensor in stacked.items()}


def _without_dots(name):
    return name.replace(".", "/")


def _with_dots(name):
    return name.replace("/", ".")


def log_mean_exp(values):
    """Return the log of the mean of `exp(values)` over the first axis."""
    return values.logsumexp(dim=0) - math.log(len(values))
