"""From simulations of a model whose parameters move to a trained network."""

import math
from typing import NamedTuple

import numpy as np
import torch

from skabi._params import check_choice, check_count, check_real
from skabi._random import integer_seed, seed_sequence
from skabi._torch import resolve_device, seeded, to_tensor, torch_generator
from skabi.dynamic._drawing import Learned
from skabi.dynamic._looking import LookAtTimes
from skabi.dynamic._series import SeriesReader
from skabi.dynamic._usual_memories import UsualMemories, usual_memories
from skabi.engines import SplineFlow
from skabi.estimators._base import or_default
from skabi.estimators._parameters import ParameterMap
from skabi.losses import Batch, ForwardKL
from skabi.networks._backcast import Backcast, StateBelief
from skabi.networks._causal import CausalMemory
from skabi.networks._data_sets import take
from skabi.networks._trajectories import TrajectoryNetwork
from skabi.training import DropAtRandom, EpochBar, FreshRows, Rows, TrainingRecord, train

# Flows that cost little: a trajectory passes through one at each of its times.
_SMALL = {"n_bins": 6, "hidden_layer_sizes": (32,), "n_blocks": 1, "dropout": 0.0}


class Lesson(NamedTuple):
    """What was learned, and how.

    Attributes
    ----------
    learned : Learned
    reader : SeriesReader
    usual_memories : UsualMemories
    record : TrainingRecord
    offsets : tuple of float
        Log-determinants of training and held-out rows, which make a loss one of the units of `log_prob`.
    """

    learned: Learned
    reader: SeriesReader
    usual_memories: UsualMemories
    record: TrainingRecord
    offsets: tuple[float, float]


def default_engine(n_parameters):
    """Return the density of so many hyper-parameters or filtered states where none is asked for."""
    return SplineFlow(min(n_parameters, 2), block_width=64, **_SMALL)


def default_step_engine():
    """Return the density of a step back where none is asked for."""
    return SplineFlow(1, block_width=32, **_SMALL)


def check_numbers(estimator):
    """Raise if a number of the constructor is none, or outside its range."""
    for name in ("width", "n_layers", "max_iter", "batch_size", "n_iter_no_change", "n_looks"):
        check_count(getattr(estimator, name), name)
    check_count(estimator.n_simulations, "n_simulations", minimum=11)
    check_count(estimator.n_looks, "n_looks", minimum=2)
    check_real(estimator.learning_rate_init, "learning_rate_init", low=0.0)
    check_real(estimator.validation_fraction, "validation_fraction", low=0.0, high=1.0)
    check_real(estimator.missing_rate, "missing_rate", low=0.0, high=1.0)
    check_choice(estimator.missing, "missing", (None, "mask"))


def learn(estimator, space, X, y, *, simulate=None):
    """Return the `Lesson` of series and the trajectories that made them.

    Parameters
    ----------
    estimator : DynamicPosterior
    space : StateSpace
    X : ndarray of shape (n, n_subjects, n_times, n_features)
    y : Trajectories
        Likewise with an axis of subjects.
    simulate : callable, optional
        `simulate(seed)` returns other X and y, for each epoch but the first.
    """
    seeds = seed_sequence(estimator.random_state).spawn(6)[1:]
    split_seed, network_seed, shuffle_seed, fresh_seed, usual_seed = seeds
    order = np.random.default_rng(split_seed).permutation(len(X))
    n_held_out = min(max(1, math.ceil(estimator.validation_fraction * len(X))), len(X) - 10)
    held_out, used = order[:n_held_out], order[n_held_out:]
    reader = SeriesReader(may_miss=estimator.missing is not None).fit(X[used])
    hyper_map = None
    if space.prior is not None:
        hyper_map = ParameterMap(space.prior, space.hyper_names).fit(y.hyper[used])
    location, scale = _units(y.states[used])
    with seeded(integer_seed(network_seed)):
        network = build(estimator, space, reader, n_times=X.shape[2])
    learned = Learned(network, space, hyper_map, location, scale)
    device = resolve_device(estimator.device)

    def rows(X, y):
        theta, log_det = targets(learned, y)
        theta = {name: part.to(device) for name, part in theta.items()}
        return Batch(to_tensor(reader.transform(X), device=device), theta), log_det

    def of_epoch(epoch, is_over):
        batch, log_det = rows(*simulate(np.random.SeedSequence([integer_seed(fresh_seed), epoch])))
        return batch, float(log_det.mean())

    batch, log_det = rows(X, y)
    drops = estimator.missing is not None and not np.isnan(X).any()
    dropping = DropAtRandom(estimator.missing_rate) if drops else None
    look = LookAtTimes(estimator.n_looks, dropping)
    offsets = log_det[used].mean(), log_det[held_out].mean()
    bar = [EpochBar(estimator.max_iter, train_offset=offsets[0], valid_offset=offsets[1])] if estimator.verbose else []
    record = train(
        network.to(device),
        ForwardKL(),
        train_rows=Rows(take(batch, torch.as_tensor(used, device=device))),
        valid_batch=take(batch, torch.as_tensor(held_out, device=device)),
        max_iter=estimator.max_iter,
        batch_size=estimator.batch_size,
        learning_rate_init=estimator.learning_rate_init,
        n_iter_no_change=estimator.n_iter_no_change,
        generator=torch_generator(integer_seed(shuffle_seed)),
        dropping=look,
        callbacks=bar,
        fresh=None if simulate is None else FreshRows(of_epoch, len(X)),
    )
    network.eval().to("cpu").requires_grad_(False)
    usual = usual_memories(
        network,
        *(reader.transform(X[rows]) for rows in (used, held_out)),
        dropping=dropping,
        generator=torch_generator(integer_seed(usual_seed)),
    )
    return Lesson(learned, reader, usual, record, offsets)


def build(estimator, space, reader, *, n_times):
    """Return an untrained `TrajectoryNetwork`."""
    step_engine = or_default(estimator.step_engine, default_step_engine)
    width, n_hyper, n_states = estimator.width, len(space.hyper_names), space.n_states

    def density(n_parameters, n_context):
        engine = or_default(estimator.engine, lambda: default_engine(n_parameters))
        return engine.build(n_parameters, n_context)

    memory = CausalMemory(reader.n_tokens, width, estimator.n_layers, n_times)
    backcast = Backcast(
        n_states,
        width,
        moving=[i for i, is_static in enumerate(space.flags("is_static")) if not is_static],
        can_jump=space.flags("can_jump"),
        links=[list(range(columns.start, i)) for columns in space.columns.values() for i in _range(columns)],
        build=lambda n_context: step_engine.build(1, n_context),
    )
    return TrajectoryNetwork(
        memory,
        StateBelief(memory.n_memory, n_hyper, n_states, width),
        density(n_states, width),
        backcast,
        density(n_hyper, width + 1) if n_hyper else None,
        width=width,
    )


def targets(learned, y):
    """Return what a network learns of trajectories, a dict of tensors, and its log-determinants `(n,)`."""
    n, n_subjects, n_times, n_states = y.states.shape
    theta, log_det = np.empty((n, 0)), np.zeros(n)
    if learned.hyper_map is not None:
        theta, log_det = learned.hyper_map.to_network(y.hyper)
    n_steps = n_subjects * (n_times - 1)
    numbers = learned.space.numbers(y.hyper.repeat(n_steps, axis=0))
    location, factor, jump_scale = learned.space.binding(y.states[:, :, 1:].reshape(-1, n_states), numbers)
    parts = {
        "hyper": theta,
        "states": learned.standardized(y.states),
        "location": learned.standardized(location).reshape(n, n_subjects, n_times - 1, n_states),
        "factor": factor[::n_steps] / learned.scale[:, np.newaxis],
        "jump_scale": jump_scale[::n_steps] / learned.scale,
    }
    # Of a step, the states after it and before it count, each once.
    moving = learned.network.backcast.moving
    log_det = log_det - np.log(learned.scale).sum() - np.log(learned.scale[moving]).sum()
    tensors = {name: to_tensor(part) for name, part in parts.items()}
    return tensors | {"jumped": to_tensor(y.jumped, dtype=torch.bool)}, log_det


def _range(columns):
    return range(columns.start, columns.stop)


def _units(states):
    """Return means and standard deviations of states `(n, n_subjects, n_times, n_states)`, robust to heavy tails."""
    rows = states.reshape(-1, states.shape[-1])
    low, middle, high = np.quantile(rows, [0.16, 0.5, 0.84], axis=0)
    scale = (high - low) / 2
    return middle, np.where(scale > 0, scale, 1.0)
