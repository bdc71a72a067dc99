"""Draws, densities and quasi-random draws of a trained network, in chunks of bounded memory."""

import numpy as np
import torch
from scipy import special
from scipy.stats import qmc

from skabi._torch import single_thread, to_array, to_tensor

# Draws that pass through a network at once: enough to keep it busy, few enough to stay in a processor's cache.
_CHUNK = 4096
_N_BASE = 1024


def _chunks(n_datasets, n_draws):
    """Yield slices of data sets and of draws that cover all with at most `_CHUNK` draws at once."""
    n_rows, n_columns = max(1, _CHUNK // n_draws), min(n_draws, _CHUNK)
    for row in range(0, n_datasets, n_rows):
        for column in range(0, n_draws, n_columns):
            yield slice(row, min(row + n_rows, n_datasets)), slice(column, min(column + n_columns, n_draws))


@single_thread()
@torch.no_grad()
def contexts(network, x):
    """Return what the density is conditioned on, a tensor `(n_datasets, n_context)`."""
    return torch.cat([network.context(part) for part in x.split(_CHUNK)])


@single_thread()
@torch.no_grad()
def draw(network, x, n_draws, *, generator, parameter_map):
    """Return posterior draws in the parameters' own units, `(n_datasets, n_draws, n_parameters)`."""
    context = contexts(network, x)
    draws = np.empty((len(x), n_draws, network.density.n_parameters))
    for rows, columns in _chunks(len(x), n_draws):
        theta = network.sample_given(context[rows], columns.stop - columns.start, generator)
        draws[rows, columns] = _in_own_units(theta, parameter_map)
    return draws


@single_thread()
@torch.no_grad()
def log_density(network, x, y, *, parameter_map):
    """Return the log posterior density of y `(n_datasets, n_draws, n_parameters)`, `(n_datasets, n_draws)`."""
    context = contexts(network, x)
    log_prob = np.empty(y.shape[:2])
    for rows, columns in _chunks(*y.shape[:2]):
        part = y[rows, columns]
        theta, log_det = parameter_map.to_network(part.reshape(-1, part.shape[-1]))
        inside = np.isfinite(log_det)
        theta = to_tensor(np.where(inside[:, np.newaxis], theta, 0.0), dtype=x.dtype, device=x.device)
        values = network.log_prob_given(theta.reshape(part.shape), context[rows, None])
        log_prob[rows, columns] = np.where(inside, to_array(values).ravel() + log_det, -np.inf).reshape(part.shape[:2])
    return log_prob


def quasi_draws(network, x, *, parameter_map):
    """Yield, a chunk of data sets at a time, the images `(n, 1024, n_parameters)` of one fixed set of base points."""
    context = contexts(network, x)
    n_parameters = network.density.n_parameters
    points = qmc.Sobol(n_parameters, scramble=True, rng=0).random(_N_BASE)
    base = to_tensor(special.ndtri(points), dtype=x.dtype, device=x.device)
    for part in context.split(max(1, _CHUNK // _N_BASE)):
        with single_thread(), torch.no_grad():
            theta = network.from_base_given(base.expand(len(part), _N_BASE, n_parameters), part[:, None])
        yield _in_own_units(theta, parameter_map)


def _in_own_units(theta, parameter_map):
    theta = to_array(theta)
    return parameter_map.from_network(theta.reshape(-1, theta.shape[-1])).reshape(theta.shape)
