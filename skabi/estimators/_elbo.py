"""The evidence lower bound of data sets."""

import numpy as np
import torch

from skabi._torch import to_array, torch_generator
from skabi.estimators._inference import chunks
from skabi.losses import Batch
from skabi.networks._data_sets import map_tensors, take

# Draws of each data set, and of all of them, and how many go through a network at once.
_MOST_DRAWS, _FEWEST_DRAWS, _ALL_DRAWS, _CHUNK = 1000, 16, 200_000, 4096


@torch.no_grad()
def elbo(network, loss, task):
    """Return the evidence lower bound of each data set of a trained `Task`, `(n_datasets,)`.

    Parameters
    ----------
    network : SummarizedDensity or Ensemble
        On the CPU.
    loss : ReverseKL
    task : Task
    """
    model, n = task.model.on("cpu"), len(task.rows)
    n_draws = int(np.clip(_ALL_DRAWS // n, _FEWEST_DRAWS, _MOST_DRAWS))
    bound, generator = loss.bind(model, torch_generator(task.seed)), torch_generator(task.seed)
    parts = []
    for rows, _ in chunks(n, n_draws, _CHUNK):
        x = map_tensors(lambda part: part.cpu(), take(task.x, rows))
        batch = Batch(x, None, task.rows[rows].cpu())
        parts.append(to_array(bound.lower_bound(network, batch, n_draws, generator)))
    return np.concatenate(parts)
