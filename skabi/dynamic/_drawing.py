"""Draws of hyper-parameters and states: smoothing backwards in time, and filtering."""

from dataclasses import dataclass

import numpy as np
import torch

from skabi._random import integer_seed
from skabi._torch import to_array, to_tensor, torch_generator
from skabi.dynamic._state_space import StateSpace
from skabi.estimators._inference import chunks, each
from skabi.estimators._parameters import ParameterMap
from skabi.networks._trajectories import TrajectoryNetwork

# Trajectories that pass through a network at once.
_CHUNK = 2048


@dataclass
class Learned:
    """What a fit has learned, and the units in which it did.

    Attributes
    ----------
    network : TrajectoryNetwork
    space : StateSpace
    hyper_map : ParameterMap or None
    location, scale : ndarray of shape (n_states,)
        Of states on the real line.
    """

    network: TrajectoryNetwork
    space: StateSpace
    hyper_map: ParameterMap | None
    location: np.ndarray
    scale: np.ndarray

    def standardized(self, states):
        """Return states `(..., n_states)` in the units of the network."""
        return (states - self.location) / self.scale

    def own(self, states):
        """Return states `(..., n_states)` of the network on the real line, an array."""
        return to_array(states) * self.scale + self.location

    def hyper_draws(self, context, n_draws, generator):
        """Return hyper-parameters given contexts `(n, n_context)`: of the network, and in their own units.

        Both are `(n, n_draws, n_hyper)`.
        """
        if self.hyper_map is None:
            n = len(context)
            return context.new_zeros(n, n_draws, 0), np.empty((n, n_draws, 0))
        theta = self.network.hyper.sample(context, n_draws, generator).to(context)
        own = self.hyper_map.from_network(to_array(theta).reshape(-1, theta.shape[-1]))
        return theta, own.reshape(theta.shape)

    def binding(self, states, numbers, like):
        """Return the `Binding` of states on the real line `(n, n_states)`, standardised tensors like another."""
        location, factor, jump_scale = self.space.binding(states, numbers)
        parts = (
            self.standardized(location),
            factor / self.scale[:, np.newaxis],
            jump_scale / self.scale,
        )
        return tuple(to_tensor(part, dtype=like.dtype) for part in parts)


def smooth(learned, memory, lengths, n_draws, *, seed, hyper=None, verbose=0):
    """Draw whole trajectories.

    Parameters
    ----------
    learned : Learned
    memory : Tensor of shape (n, n_subjects, n_times, n_memory)
    lengths : ndarray of int of shape (n,)
    n_draws : int
    seed : int
    hyper : ndarray of shape (n, n_draws, n_hyper), optional
        Hyper-parameters in the place of draws.
    verbose : int

    Returns
    -------
    hyper : ndarray of shape (n, n_draws, n_hyper)
    states : ndarray of shape (n, n_draws, n_subjects, n_times, n_states)
    """
    n, n_subjects, n_times, _ = memory.shape
    found = np.empty((n, n_draws, len(learned.space.hyper_names)))
    states = np.empty((n, n_draws, n_subjects, n_times, learned.space.n_states))

    def work(index, rows, columns):
        generator = torch_generator(integer_seed(np.random.SeedSequence([seed, index])))
        given = None if hyper is None else hyper[rows, columns]
        found[rows, columns], states[rows, columns] = _backwards(
            learned, memory[rows], lengths[rows], columns.stop - columns.start, generator, given
        )

    parts = ((i, *chunk) for i, chunk in enumerate(chunks(n, n_draws, max(1, _CHUNK // n_subjects))))
    each(work, parts, doing="drawing", verbose=verbose)
    return found, states


def _backwards(learned, memory, lengths, n_draws, generator, given):
    """Return hyper-parameters and trajectories of a chunk."""
    network, (n, n_subjects, n_times, _) = learned.network, memory.shape
    last = torch.as_tensor(lengths - 1)
    rows = torch.arange(n)
    if given is None:
        context = memory[rows, :, last, :]
        pooled = network.pooled(context[:, :, None])[:, 0] if network.hyper is not None else context[:, 0]
        theta, own = learned.hyper_draws(pooled, n_draws, generator)
    else:
        own = given
        theta = _hyper_to_network(learned, given, memory)
    theta = theta[:, None]
    shape = (n, n_subjects, n_draws)
    numbers = learned.space.numbers(own[:, np.newaxis].repeat(n_subjects, axis=1).reshape(n * n_subjects * n_draws, -1))
    states = memory.new_zeros(*shape, learned.space.n_states)
    path = np.empty((n, n_draws, n_subjects, n_times, learned.space.n_states))
    for time in range(n_times - 1, -1, -1):
        belief = network.belief(memory[:, :, None, time], theta)
        belief = tuple(part.expand(*shape, -1) for part in belief)
        is_last = (last == time)[:, None, None, None]
        if (last > time).any():
            after = learned.own(states).reshape(-1, states.shape[-1])
            binding = learned.binding(after, numbers, states)
            binding = tuple(part.unflatten(0, shape) for part in binding)
            before = network.backcast.sample(belief, binding, generator)
        else:
            before = states
        if is_last.any():
            before = torch.where(is_last, network.filter_sample(belief, shape, generator), before)
        states = before
        path[..., time, :] = np.moveaxis(learned.own(states), 2, 1)
    beyond = np.arange(n_times) >= lengths[:, np.newaxis]
    path[np.broadcast_to(beyond[:, np.newaxis, np.newaxis, :], path.shape[:-1])] = np.nan
    return own, path


def _hyper_to_network(learned, hyper, like):
    """Return hyper-parameters `(..., n_hyper)` in the units of the network."""
    if learned.hyper_map is None:
        return like.new_zeros(hyper.shape)
    theta, _ = learned.hyper_map.to_network(hyper.reshape(-1, hyper.shape[-1]))
    return to_tensor(theta.reshape(hyper.shape), dtype=like.dtype)


def filtered(learned, memory, n_draws, *, seed, hyper=None, verbose=0):
    """Draw hyper-parameters and states of each time given the data up to it.

    Parameters
    ----------
    learned, memory, n_draws, seed
        As in `smooth`.
    hyper : ndarray of shape (n, n_draws, n_hyper), optional
    verbose : int

    Returns
    -------
    hyper : ndarray of shape (n, n_draws, n_times, n_hyper)
    states : ndarray of shape (n, n_draws, n_subjects, n_times, n_states)
    """
    n, n_subjects, n_times, _ = memory.shape
    by_time = memory.transpose(1, 2).flatten(0, 1)
    found = np.empty((n * n_times, n_draws, len(learned.space.hyper_names)))
    states = np.empty((n * n_times, n_subjects, n_draws, learned.space.n_states))

    def work(index, rows, columns):
        generator = torch_generator(integer_seed(np.random.SeedSequence([seed, index])))
        given = None if hyper is None else hyper.repeat(n_times, axis=0)[rows, columns]
        part = by_time[rows]
        found[rows, columns], states[rows, :, columns] = _at_one_time(
            learned, part, columns.stop - columns.start, generator, given
        )

    parts = ((i, *chunk) for i, chunk in enumerate(chunks(n * n_times, n_draws, max(1, 2 * _CHUNK // n_subjects))))
    each(work, parts, doing="drawing", verbose=verbose)
    found = np.swapaxes(found.reshape(n, n_times, n_draws, -1), 1, 2)
    return found, states.reshape(n, n_times, n_subjects, n_draws, -1).transpose(0, 3, 2, 1, 4)


def _at_one_time(learned, memory, n_draws, generator, given=None):
    """Return hyper-parameters `(n, n_draws, n_hyper)` and states `(n, n_subjects, n_draws, n_states)`.

    Of memories `(n, n_subjects, n_memory)` at one time.
    """
    network = learned.network
    if given is None:
        pooled = network.pooled(memory[:, :, None])[:, 0] if network.hyper is not None else memory[:, 0]
        theta, own = learned.hyper_draws(pooled, n_draws, generator)
    else:
        own, theta = given, _hyper_to_network(learned, given, memory)
    belief = network.belief(memory[:, :, None], theta[:, None])
    shape = (*memory.shape[:2], n_draws)
    states = network.filter_sample(tuple(part.expand(*shape, -1) for part in belief), shape, generator)
    return own, learned.own(states)


def at_one_time(learned, memory, n_draws, *, seed):
    """Return what `filtered` draws, of memories `(n, n_subjects, n_memory)` at one time.

    Hyper-parameters are `(n, n_draws, n_hyper)` and states `(n, n_draws, n_subjects, n_states)`.
    """
    with torch.inference_mode():
        hyper, states = _at_one_time(learned, memory, n_draws, torch_generator(seed))
    return hyper, np.swapaxes(states, 1, 2)


def log_density(learned, memory, lengths, hyper, states):
    """Return the log density of hyper-parameters and trajectories, `(n,)`, with respect to states on the real line.

    Parameters
    ----------
    learned : Learned
        In double precision.
    memory : Tensor of shape (n, n_subjects, n_times, n_memory)
    lengths : ndarray of int of shape (n,)
    hyper : ndarray of shape (n, n_hyper)
    states : ndarray of shape (n, n_subjects, n_times, n_states)
    """
    network, (n, n_subjects, n_times, _) = learned.network, memory.shape
    rows, last = torch.arange(n), torch.as_tensor(lengths - 1)
    total = memory.new_zeros(n)
    theta = _hyper_to_network(learned, hyper, memory)
    if network.hyper is not None:
        pooled = network.pooled(memory[rows, :, last, :][:, :, None])[:, 0]
        _, log_det = learned.hyper_map.to_network(hyper)
        total = total + network.hyper.log_prob(theta, pooled) + to_tensor(log_det, dtype=memory.dtype)
    belief = network.belief(memory, theta[:, None, None])
    own = to_tensor(learned.standardized(states), dtype=memory.dtype)
    of_last = network.filter_log_prob(own[rows, :, last], tuple(part[rows, :, last] for part in belief))
    log_units = np.log(learned.scale)
    total = total + of_last.sum(dim=1) - n_subjects * float(log_units.sum())
    if n_times == 1 or not network.backcast.moving:
        return to_array(total)
    numbers = learned.space.numbers(hyper.repeat(n_subjects * (n_times - 1), axis=0))
    binding = learned.binding(states[:, :, 1:].reshape(-1, states.shape[-1]), numbers, memory)
    binding = tuple(part.unflatten(0, (n, n_subjects, n_times - 1)) for part in binding)
    # What stays as it is must be found to be equal, whatever its rounding.
    location = torch.where(torch.isclose(binding[0], own[:, :, :-1], rtol=1e-9, atol=1e-12), own[:, :, :-1], binding[0])
    before = tuple(part[:, :, :-1] for part in belief)
    binding = (location, *binding[1:])
    steps = network.backcast.log_prob(own[:, :, :-1], before, binding, to_tensor(log_units, dtype=own.dtype))
    is_there = torch.arange(n_times - 1) < last[:, None]
    return to_array(total + (steps * is_there[:, None]).sum(dim=(1, 2)))
