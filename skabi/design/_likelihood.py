"""Log densities of outcomes under many parameters at once."""

import numpy as np
import torch

from skabi._shapes import as_float_array
from skabi._torch import single_thread, to_array, to_tensor
from skabi.exceptions import ShapeError

# Densities that are computed at once.
_BLOCK = 2**18
# Stands for the log of zero, in single precision too.
LEAST = -1e30
# By which two likelihoods of one experiment may differ, of the larger or in nats.
_TOLERANCE = 1e-3


def log_likelihood_table(experiment, outcomes, designs, y) -> np.ndarray:
    """Return log densities `(n, m)` of n outcomes under each of m parameters.

    Parameters
    ----------
    experiment : Experiment
    outcomes : ndarray of shape (n, n_outcomes)
    designs : ndarray of shape (n, n_designs)
    y : ndarray of shape (m, n_parameters)
    """
    n, m = len(outcomes), len(y)
    table = np.empty((n, m))
    n_columns = min(m, _BLOCK)
    n_rows = max(1, _BLOCK // n_columns)
    compute = _in_numpy if experiment.torch_log_likelihood is None else _in_torch
    for start in range(0, m, n_columns):
        columns = slice(start, start + n_columns)
        for first in range(0, n, n_rows):
            rows = slice(first, first + n_rows)
            table[rows, columns] = compute(experiment, outcomes[rows], designs[rows], y[columns])
    return table


def log_likelihood_rows(experiment, outcomes, designs, y) -> np.ndarray:
    """Return log densities `(n,)` of outcomes under the parameters of the same row, `(n, n_parameters)`."""
    if experiment.torch_log_likelihood is None:
        return _rows_in_numpy(experiment, outcomes, designs, y)
    entries = {name: _double(values) for name, values in experiment.prior.split(y).items()}
    return _call_torch(experiment, _double(outcomes), _double(designs), entries, (len(y),))


def log_likelihood_of_draws(experiment, steps, y) -> np.ndarray:
    """Return log densities `(n, m, n_steps)` of the steps of n histories, each under its own m parameters.

    Parameters
    ----------
    experiment : Experiment
    steps : ndarray of shape (n, n_steps, n_designs + n_outcomes)
    y : ndarray of shape (n, m, n_parameters)
    """
    n, m, n_parameters = y.shape
    shape = (n, m, steps.shape[1])
    if experiment.torch_log_likelihood is not None:
        entries = experiment.prior.split(y.reshape(n * m, n_parameters))
        entries = {name: _double(part.reshape(n, m, 1, *part.shape[1:])) for name, part in entries.items()}
        designs, outcomes = np.split(steps[:, np.newaxis], [experiment.n_designs], axis=-1)
        return _call_torch(experiment, _double(outcomes), _double(designs), entries, shape)
    flat = np.broadcast_to(steps[:, np.newaxis], (*shape, steps.shape[2])).reshape(-1, steps.shape[2])
    designs, outcomes = np.split(flat, [experiment.n_designs], axis=1)
    rows = np.broadcast_to(y[:, :, np.newaxis], (*shape, n_parameters)).reshape(-1, n_parameters)
    return _rows_in_numpy(experiment, outcomes, designs, rows).reshape(shape)


def check_true(values):
    """Raise unless log densities of outcomes under the parameters that made them are finite; return them."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(values))} of {np.size(values)} outcomes have a likelihood of zero under "
            "the very parameters they were simulated with. simulate and log_likelihood are not of one model."
        )
    return values


def check_twins(experiment, *, n_rows=64):
    """Raise unless the likelihoods in NumPy and in torch agree on simulated outcomes."""
    if experiment.log_likelihood is None or experiment.torch_log_likelihood is None:
        return
    y = experiment.prior.sample(n_rows, random_state=0).to_numpy()
    designs = experiment.space.sample(n_rows, random_state=0)
    outcomes = experiment.outcomes(designs, experiment.prior.split(y), np.random.default_rng(0))
    in_numpy = _rows_in_numpy(experiment, outcomes, designs, y)
    in_torch = log_likelihood_rows(experiment, outcomes, designs, y)
    close = np.isclose(in_torch, in_numpy, rtol=_TOLERANCE, atol=_TOLERANCE)
    if not close.all():
        i = int(np.argmin(close))
        raise ValueError(
            f"the likelihoods in torch and in NumPy disagree: at outcome {outcomes[i].tolist()} of design "
            f"{designs[i].tolist()} one is {in_torch[i]:.6g} and the other {in_numpy[i]:.6g}."
        )


def check_functions(experiment, name, *, advice="Without them, GreedyDesign searches for each design anew."):
    """Raise unless an experiment has functions in torch that are of one model with those in NumPy."""
    if experiment.torch_outcome is None or experiment.torch_log_likelihood is None:
        raise ValueError(f"{name} needs an experiment with torch_outcome and torch_log_likelihood. {advice}")
    check_twins(experiment)


def _in_numpy(experiment, outcomes, designs, y):
    n, m = len(outcomes), len(y)
    rows = _rows_in_numpy(experiment, outcomes.repeat(m, axis=0), designs.repeat(m, axis=0), np.tile(y, (n, 1)))
    return rows.reshape(n, m)


def _rows_in_numpy(experiment, outcomes, designs, y):
    values = as_float_array_of_densities(experiment.log_likelihood(outcomes, designs, **experiment.prior.split(y)))
    if values.shape != (len(outcomes),):
        raise ShapeError(
            f"log_likelihood must return one number an outcome, (n,) for n={len(outcomes)}; got shape {values.shape}."
        )
    return check_densities(values)


def as_float_array_of_densities(values):
    """Return values as a float array in which infinity and NaN may stand."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return as_float_array(values, name="what log_likelihood returns")


def check_densities(values):
    """Raise if log densities are NaN or plus infinity; return them."""
    is_wrong = np.isnan(values) | (values == np.inf)
    if is_wrong.any():
        raise ValueError(
            f"log_likelihood must return log densities, finite or -inf; {np.count_nonzero(is_wrong)} of {values.size} "
            "are NaN or infinity."
        )
    return values


def _in_torch(experiment, outcomes, designs, y):
    entries = {name: _double(values)[None] for name, values in experiment.prior.split(y).items()}
    shape = (len(outcomes), len(y))
    return _call_torch(experiment, _double(outcomes)[:, None], _double(designs)[:, None], entries, shape)


def _call_torch(experiment, outcomes, designs, entries, shape):
    with torch.no_grad(), single_thread():
        values = torch_log_likelihood(experiment, outcomes, designs, entries, shape)
    return check_densities(to_array(values))


def torch_log_likelihood(experiment, outcomes, designs, entries, shape):
    """Return what the experiment's likelihood in torch does, a tensor of this shape, or raise."""
    values = experiment.torch_log_likelihood(outcomes, designs, **entries)
    if not isinstance(values, torch.Tensor):
        raise TypeError(f"torch_log_likelihood must return a tensor; got {type(values).__name__}.")
    if values.shape != shape:
        raise ShapeError(
            f"torch_log_likelihood must return one number for each outcome and parameters, {tuple(shape)} for outcomes "
            f"{tuple(outcomes.shape)} and parameters of leading axes "
            f"{[tuple(value.shape) for value in entries.values()]}; got {tuple(values.shape)}. Leave leading axes as "
            "they are, and take the last axis of outcomes and designs as in outcome[..., 0]."
        )
    return values


def _double(array):
    return to_tensor(array, dtype=torch.float64)
