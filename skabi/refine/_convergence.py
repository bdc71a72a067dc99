"""When chains are called converged."""

import numpy as np

from skabi.diagnostics import nested_r_hat


def largest_r_hat(chains):
    """Return the largest nested R-hat of each data set's `chains`, `(n_datasets,)`.

    Compared are superchains, and, of all of them, earlier draws with later ones, which differ while chains all travel
    the same way. Each in their locations and in their distances from the middle (Vehtari et al., 2021,
    arXiv 1903.08008).
    """
    middle = np.median(chains, axis=(1, 2, 3), keepdims=True)
    values = np.concatenate([chains, np.abs(chains - middle)], axis=-1)
    n_half = values.shape[3] // 2
    halves = np.stack([values[:, :, :, :n_half], values[:, :, :, -n_half:]], axis=1)
    halves = halves.reshape(len(values), 2, -1, n_half, values.shape[-1])
    return np.maximum(nested_r_hat(values), nested_r_hat(halves)).max(axis=-1)
