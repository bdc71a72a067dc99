"""A kernel wide enough for every scale, quickly."""

import numpy as np

from skabi.losses._summary_regularizer import SQUARED_WIDTHS

# Between these squared distances the kernel is looked up; below them it is that of equal points, beyond it is zero.
_LOW, _HIGH, _STEP = np.log(1e-9), np.log(1e8), 0.005
_GRID = np.exp(np.arange(_LOW, _HIGH, _STEP))
_VALUES = np.mean([np.exp(-_GRID / (2 * squared)) for squared in SQUARED_WIDTHS], axis=0)
_SLOPES = np.diff(_VALUES, append=0.0)
# Kernels computed at once: few enough to stay in a processor's cache.
_CHUNK = 50_000
# Pairs within a batch are those within blocks of so many data sets.
_BLOCK = 200


def kernel_means(points, reference):
    """Return the mean kernel of each point `(n, d)` with all of the reference `(n_reference, d)`, `(n,)`."""
    squares = np.sum(reference**2, axis=1)
    n_rows = max(1, _CHUNK // len(reference))
    means = np.empty(len(points))
    for start in range(0, len(points), n_rows):
        part = points[start : start + n_rows]
        squared = np.sum(part**2, axis=1)[:, np.newaxis] + squares - 2 * part @ reference.T
        means[start : start + n_rows] = _kernel(squared).mean(axis=1)
    return means


def mean_kernels_within(batches):
    """Return the mean kernel of pairs of points of each batch `(n_batches, n, d)`, `(n_batches,)`.

    Of large batches these are the pairs within blocks.
    """
    size = batches.shape[1]
    total = np.zeros(len(batches))
    for block in np.array_split(batches, -(-size // _BLOCK), axis=1):
        squares = np.sum(block**2, axis=2)
        squared = squares[:, :, np.newaxis] + squares[:, np.newaxis] - 2 * block @ block.swapaxes(1, 2)
        total += _kernel(squared).mean(axis=(1, 2)) * block.shape[1] / size
    return total


def _kernel(squared):
    """Return the mean of the Gaussian kernels at squared distances, by linear interpolation of their sum in the log."""
    place = np.log(np.maximum(squared, _GRID[0]))
    place -= _LOW
    place /= _STEP
    np.minimum(place, len(_GRID) - 1, out=place)
    index = place.astype(np.intp)
    place -= index
    place *= _SLOPES[index]
    place += _VALUES[index]
    return place
