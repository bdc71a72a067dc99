"""Log densities and draws of data sets given parameters, from a trained likelihood, in chunks of bounded memory."""

import numpy as np
import torch

from skabi._random import integer_seed
from skabi._torch import to_array, to_tensor, torch_generator
from skabi.estimators._inference import chunks, each
from skabi.networks._likelihood import sample_observations

# Observations, each with one draw of the parameters, that pass through a network at once.
_CHUNK = 8192


def log_densities(network, values, theta, *, dtype=torch.float64, verbose=0):
    """Return log densities of observations.

    Parameters
    ----------
    network : Likelihood or LikelihoodMixture
    values : ndarray of shape (n_datasets, n_observations, n_columns)
    theta : ndarray of shape (n_datasets, n_draws, n_parameters)

    Returns
    -------
    log_prob : ndarray of shape (n_datasets, n_draws, n_observations)
    """
    log_prob = np.empty((*theta.shape[:2], values.shape[1]))
    n_at_once = max(1, _CHUNK // values.shape[1])

    def work(rows, columns):
        x, parameters = to_tensor(values[rows], dtype=dtype), to_tensor(theta[rows, columns], dtype=dtype)
        log_prob[rows, columns] = to_array(network.log_prob(x, parameters))

    each(work, chunks(theta.shape[0], theta.shape[1], n_at_once), doing="densities", verbose=verbose)
    return log_prob


def emulate(network, theta, n_observations, *, seed, verbose=0):
    """Return observations `(n, n_observations, n_columns)` for parameters `(n, n_parameters)`."""
    parts = np.empty(len(theta), dtype=object)

    def work(index, rows):
        generator = torch_generator(integer_seed(np.random.SeedSequence([seed, index])))
        draws = sample_observations(network, to_tensor(theta[rows]), n_observations, generator)
        parts[index] = to_array(draws)

    size = max(1, _CHUNK // n_observations)
    starts = range(0, len(theta), size)
    rows = ((i, slice(start, start + size)) for i, start in enumerate(starts))
    each(work, rows, doing="emulating", verbose=verbose)
    return np.concatenate(list(parts[: len(starts)]))
