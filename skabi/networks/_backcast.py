"""The density of the states of a time given those of the next, and what was seen until then."""

import torch
from torch import nn
from torch.nn import functional

# What standardised numbers that networks read are bent to, and logarithms of ratios.
_FAR, _SMALLEST_RATIO = 10.0, 1e-3
# Share of a filter's scale below which distances are not resolved.
_FINEST = 0.05
# In units of a state's spread, a jump that leaves nothing of the state before.
_FORGETTING = 1e4


class StateBelief(nn.Module):
    """What is believed of the states of a time given the memory of the series and hyper-parameters.

    Parameters
    ----------
    n_memory, n_hyper, n_states, width : int
    """

    def __init__(self, n_memory, n_hyper, n_states, width):
        super().__init__()
        self.from_memory = nn.Linear(n_memory, width)
        self.from_hyper = nn.Linear(n_hyper, width, bias=False) if n_hyper else None
        self.rest = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.straight = nn.Linear(n_memory, n_states)
        self.location_scale = nn.Linear(width, 2 * n_states)

    def forward(self, memory, hyper):
        """Return location and scale `(..., n_states)`, and an embedding `(..., width)`; leading axes broadcast."""
        first = self.from_memory(memory)
        if self.from_hyper is not None:
            first = first + self.from_hyper(hyper)
        embedding = functional.silu(first + self.rest(first))
        location, log_scale = self.location_scale(embedding).chunk(2, dim=-1)
        return location + self.straight(memory), log_scale.clamp(-7.0, 4.0).exp(), embedding


class Backcast(nn.Module):
    """The density of the states before a step, component by component.

    What a step says of the state before it, a normal density, is multiplied with the normal that is believed of this
    state without the step; a flow of one number learns the rest. A component that may jump has the probability of a
    jump first.

    Parameters
    ----------
    n_states, width : int
    moving : list of int
        Components that move at all.
    can_jump : list of bool
        Of all components.
    links : list of list of int
        For each component, those before it with which its steps are correlated.
    build : callable
        `build(n_context)` returns the density of one number.
    """

    def __init__(self, n_states, width, *, moving, can_jump, links, build):
        super().__init__()
        self.moving, self.can_jump, self.links = list(moving), list(can_jump), list(links)
        n_common = width + 2 * n_states
        sizes = {j: n_common + 2 * i for i, j in enumerate(self.moving)}
        self.densities = nn.ModuleDict({str(j): build(sizes[j] + 2 * can_jump[j]) for j in self.moving})
        self.jumps = nn.ModuleDict(
            {
                str(j): nn.Sequential(nn.Linear(sizes[j] + 2, width), nn.SiLU(), nn.Linear(width, 1))
                for j in self.moving
                if can_jump[j]
            }
        )

    def training_loss(self, states, jumped, belief, binding):
        """Return minus the log density of states and jumps `(..., n_states)`, or what densities put in its place.

        Parameters
        ----------
        states, jumped : Tensor of shape (..., n_states)
            States before the step, and whether the step was a jump.
        belief : tuple
            What `StateBelief` returns.
        binding : tuple of Tensor
            Location `(..., n_states)`, factor `(..., n_states, n_states)` and jump scale `(..., n_states)`.
        """
        loss = states.new_zeros(states.shape[:-1])
        walk = _Walk(self, belief, binding)
        for j in self.moving:
            x, scale = states[..., j], walk.scale(j)
            if self.can_jump[j]:
                flag = jumped[..., j]
                loss = loss + functional.binary_cross_entropy_with_logits(
                    walk.jump_logit(j).expand(flag.shape), flag.to(x.dtype), reduction="none"
                )
                # Where nothing is left after a jump, a step without one says as much of the density after one.
                as_jump = flag | ((scale == 0) & (binding[2][..., j] > _FORGETTING))
                scale = torch.where(as_jump, binding[2][..., j], scale)
            base, spread, context = walk.base(j, scale)
            there = spread > 0
            safe = torch.where(there, spread, 1.0)
            term = self.densities[str(j)].training_loss(((x - base) / safe)[..., None], context) + safe.log()
            loss = loss + torch.where(there, term, 0.0)
            walk.note(j, x)
        return loss

    def log_prob(self, states, belief, binding, log_units):
        """Return the log density of states `(..., n_states)`, `(...,)`; jumps are summed over.

        It is a density with respect to states in other units, whose logarithms are `log_units` `(n_states,)`. Where a
        component stays as it is without a jump, this is the log probability of that, or of a jump with the density of
        the number.
        """
        total = states.new_zeros(states.shape[:-1])
        walk = _Walk(self, belief, binding)
        for j in self.moving:
            x = states[..., j]
            without = self._log_density(j, x, walk, walk.scale(j)) - log_units[j]
            if self.can_jump[j]:
                logit = walk.jump_logit(j)
                stays = walk.scale(j) == 0
                without = torch.where(stays, torch.where(x == walk.location(j), 0.0, -torch.inf), without)
                after = self._log_density(j, x, walk, binding[2][..., j]) - log_units[j]
                after = torch.where(stays & (x == walk.location(j)), -torch.inf, after)
                without = torch.logaddexp(without + functional.logsigmoid(-logit), after + functional.logsigmoid(logit))
            total = total + without
            walk.note(j, x)
        return total

    def _log_density(self, j, x, walk, scale):
        base, spread, context = walk.base(j, scale)
        safe = torch.where(spread > 0, spread, 1.0)
        return self.densities[str(j)].log_prob(((x - base) / safe)[..., None], context) - safe.log()

    def sample(self, belief, binding, generator):
        """Return states before the step, `(..., n_states)`."""
        location = binding[0]
        states = location.clone()
        walk = _Walk(self, belief, binding)
        for j in self.moving:
            scale = walk.scale(j)
            if self.can_jump[j]:
                chance = walk.jump_logit(j).sigmoid().expand(location.shape[:-1])
                flag = _uniform(chance, generator) < chance
                scale = torch.where(flag, binding[2][..., j], scale)
            base, spread, context = walk.base(j, scale)
            x = base.expand(location.shape[:-1]).clone()
            there = (spread > 0).expand(x.shape)
            if there.all():
                x = x + spread * self._draw(j, x.shape, context, generator)
            elif there.any():
                x[there] += spread.expand(x.shape)[there] * self._draw(
                    j, (int(there.sum()),), context.expand(*x.shape, -1)[there], generator
                )
            states[..., j] = x
            walk.note(j, x)
        return states

    def _draw(self, j, shape, context, generator):
        z = torch.randn((*shape, 1), generator=generator, dtype=context.dtype, device=generator.device)
        return self.densities[str(j)].from_base(z.to(context.device), context).squeeze(-1).to(context.dtype)


class _Walk:
    """One pass over the components: what each is conditioned on, given those before it."""

    def __init__(self, network, belief, binding):
        self.network = network
        self.mean, self.sd, embedding = belief
        self.locations, self.factor, self.jump_scale = binding
        diagonal = self.factor.diagonal(dim1=-2, dim2=-1)
        gap = _soft((self.locations - self.mean) / torch.hypot(self.sd, diagonal))
        ratio = _log_ratio(diagonal, self.sd)
        shape = torch.broadcast_shapes(gap.shape[:-1], embedding.shape[:-1])
        parts = [embedding.expand(*shape, -1), gap.expand(*shape, -1), ratio.expand(*shape, -1)]
        self.first = embedding.shape[-1]
        self.context = torch.cat(parts, dim=-1)
        self.noise: dict = {}

    def scale(self, j):
        return self.factor[..., j, j]

    def location(self, j):
        location = self.locations[..., j]
        for i in self.network.links[j]:
            location = location + self.factor[..., j, i] * self.noise[i]
        return location

    def jump_logit(self, j):
        mean, sd = self.mean[..., j], self.sd[..., j]
        scale = self.jump_scale[..., j]
        gap = (self.location(j) - mean) / torch.hypot(sd, self.scale(j))
        extra = self._beside(_soft(gap.square()), _log_ratio(scale, sd))
        return self.network.jumps[str(j)](torch.cat([self.context, extra], dim=-1)).squeeze(-1)

    def base(self, j, scale):
        """Return location and scale of component `j` where its step has a `scale`, and the context of its density."""
        mean, sd, location = self.mean[..., j], self.sd[..., j], self.location(j)
        base, spread = self._product(j, scale)
        if not self.network.can_jump[j]:
            return base, spread, self.context
        gap, ratio = _soft((location - mean) / torch.hypot(sd, scale)), _log_ratio(scale, sd)
        # What the step would say without a jump is not to be seen after one.
        context = self.context.clone()
        context[..., self.first + j] = gap
        context[..., self.first + self.mean.shape[-1] + j] = ratio
        return base, spread, torch.cat([context, self._beside(gap, ratio)], dim=-1)

    def note(self, j, x):
        """Let later components know the value of this one."""
        if any(j in links for links in self.network.links):
            self.noise[j] = (x - self.location(j)) / self.scale(j)
        if j != self.network.moving[-1]:
            mean, sd = self.mean[..., j], self.sd[..., j]
            base, spread = self._product(j, self.scale(j))
            near = self._beside(_soft((x - mean) / sd), _soft((x - base) / (spread + _FINEST * sd)))
            self.context = torch.cat([self.context, near], dim=-1)

    def _product(self, j, scale):
        """Return location and scale of the product of what is believed and what a step of a `scale` says."""
        mean, sd = self.mean[..., j], self.sd[..., j]
        reach = torch.hypot(sd, scale)
        return mean + (self.location(j) - mean) * (sd / reach).square(), sd * (scale / reach)

    def _beside(self, *numbers):
        shape = self.context.shape[:-1]
        return torch.stack([number.expand(shape) for number in numbers], dim=-1)


def _soft(values):
    """Return values bent so that they stay between -10 and 10."""
    return _FAR * torch.tanh(values / _FAR)


def _log_ratio(scale, sd):
    return (scale / sd + _SMALLEST_RATIO).log().clamp(max=_FAR)


def _uniform(like, generator):
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=generator.device).to(like.device)
