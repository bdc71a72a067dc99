"""Draws, densities and quasi-random draws of a trained network, in chunks of bounded memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import special
from scipy.stats import qmc

from skabi._progress import progress
from skabi._random import integer_seed
from skabi._torch import single_thread, to_array, to_tensor, torch_generator
from skabi.networks._data_sets import first_tensor, n_places, n_rows, take, without_padding

# Draws that pass through a network at once: enough to keep it busy, few enough to stay in a processor's cache.
_CHUNK = 4096
_N_BASE = 1024
# Uniform numbers keep this distance from the ends, where normal ones are infinite.
_MARGIN = 1e-12
_CPU = torch.device("cpu")
# Observations, times or pixels that pass through a summary network at once.
_PLACES = 32_768


def chunks(n_datasets, n_draws, size):
    """Yield slices of data sets and of draws that cover all with at most `size` draws at once."""
    n_rows, n_columns = max(1, size // n_draws), min(n_draws, size)
    for row in range(0, n_datasets, n_rows):
        for column in range(0, n_draws, n_columns):
            yield slice(row, min(row + n_rows, n_datasets)), slice(column, min(column + n_columns, n_draws))


def each(work, arguments, device=_CPU, *, doing="computing", verbose=0):
    """Return `[work(*chunk), ...]`, a chunk a thread: torch's own threads spend too long waiting for each other.

    There are as many threads as torch would use: one a core, and fewer in workers that share the cores. With `verbose`
    a bar says what it is `doing`, if that takes longer than two seconds.
    """
    arguments, n_threads = list(arguments), torch.get_num_threads()

    @torch.no_grad()
    def run(chunk):
        return work(*chunk)

    bar = progress(len(arguments), doing, verbose=verbose, unit=" parts", may_be_short=True)
    with single_thread(), bar as advance:
        if len(arguments) == 1 or device.type != "cpu":
            return _advancing(map(run, arguments), advance)
        with ThreadPoolExecutor(min(len(arguments), n_threads)) as pool:
            return _advancing(pool.map(run, arguments), advance)


def _advancing(results, advance):
    """Return all results, and tell of each when it comes."""
    done = []
    for result in results:
        done.append(result)
        advance(1)
    return done


def contexts(network, x, *, verbose=0):
    """Return what the density is conditioned on, a tensor `(n_datasets, n_context)`."""
    n = max(1, min(_CHUNK, _PLACES // n_places(x)))
    parts = ((without_padding(take(x, slice(start, start + n))),) for start in range(0, n_rows(x), n))
    return torch.cat(each(network.context, parts, first_tensor(x).device, doing="summarizing", verbose=verbose))


def draw(network, context, n_draws, *, seed, parameter_map, verbose=0):
    """Return posterior draws in the parameters' own units, `(n_datasets, n_draws, n_parameters)`."""
    n_datasets = len(context)
    draws = np.empty((n_datasets, n_draws, network.n_parameters))

    def work(index, rows, columns):
        # A stream of random numbers a chunk, so that draws do not depend on the number of threads.
        generator = torch_generator(integer_seed(np.random.SeedSequence([seed, index])), context.device)
        theta = network.sample_given(context[rows], columns.stop - columns.start, generator)
        draws[rows, columns] = _in_own_units(_finite(theta, range(n_datasets)[rows]), parameter_map)

    parts = ((i, *chunk) for i, chunk in enumerate(chunks(n_datasets, n_draws, _CHUNK)))
    each(work, parts, context.device, doing="drawing", verbose=verbose)
    return draws


def draw_evenly(network, context, n_draws, *, n_replicates, seed, parameter_map, verbose=0):
    """Return draws as `draw` does, in replicates: each a quasi-random sequence, moved by a random shift of its own.

    Over the replicates of a data set, members of an ensemble have as many draws as each other, or one more.
    """
    n_datasets, n_each, n_parameters = len(context), n_draws // n_replicates, network.n_parameters
    points = _sobol(n_each, n_parameters)
    rng = np.random.default_rng(seed)
    shifts = rng.random((n_datasets * n_replicates, 1, n_parameters))
    phases = torch.tensor(((np.arange(n_replicates) + rng.random((n_datasets, 1))) / n_replicates).ravel())
    draws = np.empty((n_datasets * n_replicates, n_each, n_parameters))
    owners = np.repeat(np.arange(n_datasets), n_replicates)

    def work(rows, columns):
        base = _normals((points[columns] + shifts[rows]) % 1.0, context)
        theta = network.from_base_given(base, context[owners[rows], None], phases[rows])
        draws[rows, columns] = _in_own_units(_finite(theta, owners[rows]), parameter_map)

    each(work, chunks(len(draws), n_each, _CHUNK), context.device, doing="drawing", verbose=verbose)
    return draws.reshape(n_datasets, n_draws, n_parameters)


def log_density(network, x, y, *, parameter_map, verbose=0):
    """Return the log posterior density of y `(n_datasets, n_draws, n_parameters)`, `(n_datasets, n_draws)`."""
    context = contexts(network, x, verbose=verbose)
    log_prob = np.empty(y.shape[:2])

    def work(rows, columns):
        part = y[rows, columns]
        theta, log_det = parameter_map.to_network(part.reshape(-1, part.shape[-1]))
        inside = np.isfinite(log_det)
        theta = to_tensor(np.where(inside[:, np.newaxis], theta, 0.0), dtype=context.dtype, device=context.device)
        values = network.log_prob_given(theta.reshape(part.shape), context[rows, None])
        _finite(torch.where(values.isinf(), 0.0, values), range(len(y))[rows])
        log_prob[rows, columns] = np.where(inside, to_array(values).ravel() + log_det, -np.inf).reshape(part.shape[:2])

    each(work, chunks(y.shape[0], y.shape[1], _CHUNK), context.device, doing="densities", verbose=verbose)
    return log_prob


def summarize_draws(network, x, summary, *, parameter_map, verbose=0):
    """Return `summary` of the images of one fixed set of base points, for all data sets.

    `summary` turns draws `(n, 1024, n_parameters)` into an array `(n, ...)`.
    """
    context = contexts(network, x, verbose=verbose)
    n_parameters = network.n_parameters
    base = _normals(_sobol(_N_BASE, n_parameters), context)

    def work(rows):
        part = context[rows]
        theta = network.from_base_given(base.expand(len(part), _N_BASE, n_parameters), part[:, None])
        return summary(_in_own_units(_finite(theta, range(len(context))[rows]), parameter_map))

    parts = ((rows,) for rows, _ in chunks(len(context), _N_BASE, _CHUNK))
    return np.concatenate(each(work, parts, context.device, doing="predicting", verbose=verbose))


def _sobol(n, n_parameters):
    """Return the first points of one scrambled Sobol sequence, `(n, n_parameters)`."""
    return qmc.Sobol(n_parameters, scramble=True, rng=0).random_base2((n - 1).bit_length())[:n]


def _normals(points, context):
    """Return standard normal numbers where uniform ones are, of the type of `context` and beside it."""
    normals = special.ndtri(points.clip(_MARGIN, 1 - _MARGIN))
    return to_tensor(normals, dtype=context.dtype, device=context.device)


def _finite(values, numbers):
    """Return what a network gave for the data sets of these numbers, if it is finite.

    Raises
    ------
    FloatingPointError
        If it is not.
    """
    is_finite = values.isfinite().reshape(len(values), -1).all(dim=1).cpu()
    if not is_finite.all():
        failed = sorted({int(numbers[i]) for i in torch.nonzero(~is_finite).ravel()})
        listed = ", ".join(map(str, failed[:5])) + (", ..." if len(failed) > 5 else "")
        raise FloatingPointError(
            f"the network gave NaN or infinity for data sets {listed}, counted from 0. Look for extreme values in X. "
            "If the engine is a free-form one, its solver may have failed there: raise its n_steps or max_steps, lower "
            "its tolerance, or take another solver."
        )
    return values


def _in_own_units(theta, parameter_map):
    theta = to_array(theta)
    return parameter_map.from_network(theta.reshape(-1, theta.shape[-1])).reshape(theta.shape)
