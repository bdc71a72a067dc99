"""Draws of hyper-parameters and states: smoothing backwards in time, and filtering."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from skabi._random import integer_seed, seed_sequence
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


def smooth(learned, memory, lengths, n_draws, *, seed, hyper=None, alone=False, verbose=0):
    """Draw whole trajectories.

    Parameters
    ----------
    learned : Learned
    memory : Tensor of shape (n, n_subjects, n_times, n_memory)
    lengths : ndarray of int of shape (n,)
    n_draws : int
    seed : int or SeedSequence
    hyper : ndarray of shape (n, n_draws, n_hyper), optional
        Hyper-parameters in the place of draws.
    alone : bool, default=False
        Whether all data sets have the same random numbers, so that draws of one do not depend on the others.
    verbose : int

    Returns
    -------
    hyper : ndarray of shape (n, n_draws, n_hyper)
    states : ndarray of shape (n, n_draws, n_subjects, n_times, n_states)
    """
    n, n_subjects, n_times, _ = memory.shape
    found = np.empty((n, n_draws, len(learned.space.hyper_names)))
    states = np.empty((n, n_draws, n_subjects, n_times, learned.space.n_states))

    def work(seed, rows, columns):
        given = None if hyper is None else hyper[rows, columns]
        found[rows, columns], states[rows, columns] = _backwards(
            learned, memory[rows], lengths[rows], columns.stop - columns.start, torch_generator(seed), given
        )

    parts = _parts(n, 1, n_draws, max(1, _CHUNK // n_subjects), seed=seed, alone=alone)
    each(work, parts, doing="drawing", verbose=verbose)
    states[_beyond(states.shape[:-1], lengths)] = np.nan
    return found, states


def _parts(n, n_rows, n_draws, size, *, seed, alone):
    """Return seeds, rows and draws of the parts of `n` data sets of `n_rows` rows, each of at most `size` draws.

    Parts of data sets that are `alone` have rows of one data set, and the seeds of those of any other.
    """
    groups = [list(chunks(n_rows, n_draws, size))] * n if alone else [list(chunks(n * n_rows, n_draws, size))]
    seeds = [integer_seed(child) for child in seed_sequence(seed).spawn(len(groups[0]))]
    return [
        (part_seed, slice(rows.start + i * n_rows, rows.stop + i * n_rows), columns)
        for i, group in enumerate(groups)
        for part_seed, (rows, columns) in zip(seeds, group, strict=True)
    ]


def _beyond(shape, lengths):
    """Return which places of draws `(n, ..., n_times)` are after the ends of series, bool of this shape."""
    is_beyond = np.arange(shape[-1]) >= lengths[:, np.newaxis]
    return np.broadcast_to(is_beyond.reshape(len(lengths), *[1] * (len(shape) - 2), shape[-1]), shape)


def _backwards(learned, memory, lengths, n_draws, generator, given):
    """Return hyper-parameters and trajectories of a chunk; those of times after the end of a series mean nothing."""
    n, n_subjects, n_times, _ = memory.shape
    last = torch.as_tensor(lengths - 1)
    theta, own = _hyper_given(learned, memory[torch.arange(n), :, last], n_draws, generator, given)
    shape = (n, n_subjects, n_draws)
    numbers = learned.space.numbers(own[:, np.newaxis].repeat(n_subjects, axis=1).reshape(n * n_subjects * n_draws, -1))
    states = memory.new_zeros(*shape, learned.space.n_states)
    path = np.empty((n, n_draws, n_subjects, n_times, learned.space.n_states))
    for time in range(int(last.max()), -1, -1):
        belief = learned.network.belief(memory[:, :, None, time], theta[:, None])
        belief = tuple(part.expand(*shape, -1) for part in belief)
        after, is_last = states, (last == time)[:, None, None, None]
        if (last > time).any():
            states = _one_back(learned, after, numbers, belief, generator)
        if is_last.any():
            states = torch.where(is_last, learned.network.filter_sample(belief, shape, generator), states)
        path[..., time, :] = np.moveaxis(learned.own(states), 2, 1)
    return own, path


def _one_back(learned, states, numbers, belief, generator):
    """Return draws of the states before `states`, `(n, n_subjects, n_draws, n_states)`."""
    binding = learned.binding(learned.own(states).reshape(-1, states.shape[-1]), numbers, states)
    binding = tuple(part.unflatten(0, states.shape[:-1]) for part in binding)
    return learned.network.backcast.sample(belief, binding, generator)


def _hyper_given(learned, memory, n_draws, generator, given):
    """Return hyper-parameters of the network and in their own units `(n, n_draws, n_hyper)`, drawn unless given.

    Of memories `(n, n_subjects, n_memory)` at one time.
    """
    if given is not None:
        return _hyper_to_network(learned, given, memory), given
    pooled = learned.network.pooled(memory[:, :, None])[:, 0] if learned.network.hyper is not None else memory[:, 0]
    return learned.hyper_draws(pooled, n_draws, generator)


def _hyper_to_network(learned, hyper, like):
    """Return hyper-parameters `(..., n_hyper)` in the units of the network."""
    if learned.hyper_map is None:
        return like.new_zeros(hyper.shape)
    theta, _ = learned.hyper_map.to_network(hyper.reshape(-1, hyper.shape[-1]))
    return to_tensor(theta.reshape(hyper.shape), dtype=like.dtype)


def filtered(learned, memory, lengths, n_draws, *, seed, hyper=None, alone=False, verbose=0):
    """Draw hyper-parameters and states of each time given the data up to it.

    Parameters
    ----------
    learned, memory, lengths, n_draws, seed, hyper, alone, verbose
        As in `smooth`.

    Returns
    -------
    hyper : ndarray of shape (n, n_draws, n_times, n_hyper)
    states : ndarray of shape (n, n_draws, n_subjects, n_times, n_states)
        Both NaN after the ends of series.
    """
    n, n_subjects, n_times, _ = memory.shape
    size = max(1, 2 * _CHUNK // n_subjects)
    if alone:
        # Parts are full, so that their random numbers do not depend on how many times there are.
        memory = functional.pad(memory, (0, 0, 0, -n_times % max(1, size // n_draws)))
    n_rows = memory.shape[2]
    by_time = memory.transpose(1, 2).flatten(0, 1)
    found = np.empty((n * n_rows, n_draws, len(learned.space.hyper_names)))
    states = np.empty((n * n_rows, n_subjects, n_draws, learned.space.n_states))

    def work(seed, rows, columns):
        given = None if hyper is None else hyper.repeat(n_rows, axis=0)[rows, columns]
        found[rows, columns], states[rows, :, columns] = _at_one_time(
            learned, by_time[rows], columns.stop - columns.start, torch_generator(seed), given
        )

    each(work, _parts(n, n_rows, n_draws, size, seed=seed, alone=alone), doing="drawing", verbose=verbose)
    found = np.swapaxes(found.reshape(n, n_rows, n_draws, len(learned.space.hyper_names)), 1, 2)[:, :, :n_times]
    states = states.reshape(n, n_rows, n_subjects, n_draws, -1).transpose(0, 3, 2, 1, 4)[:, :, :, :n_times]
    for drawn in (found, states):
        drawn[_beyond(drawn.shape[:-1], lengths)] = np.nan
    return found, states


def _at_one_time(learned, memory, n_draws, generator, given=None):
    """Return hyper-parameters `(n, n_draws, n_hyper)` and states `(n, n_subjects, n_draws, n_states)`.

    Of memories `(n, n_subjects, n_memory)` at one time.
    """
    theta, own = _hyper_given(learned, memory, n_draws, generator, given)
    belief = learned.network.belief(memory[:, :, None], theta[:, None])
    shape = (*memory.shape[:2], n_draws)
    states = learned.network.filter_sample(tuple(part.expand(*shape, -1) for part in belief), shape, generator)
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
