"""Histograms, and outlines of highest density, whose smoothness is chosen by cross-validation."""

from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

_HIGHEST_DENSITY = (0.9, 0.5)
_N_CELLS = 60
_BINS = (8, 12, 17, 24, 34, 48)
_SMOOTHINGS = (1.0, 0.65, 0.4, 0.25)


def histogram(values, limits):
    """Return density and edges of a histogram over `limits`, its bins chosen by cross-validated squared error."""
    inside = values[(values >= limits[0]) & (values <= limits[1])]
    if inside.size < 2:
        return np.zeros(1), np.asarray(limits)
    n = inside.size
    histograms = [np.histogram(inside, bins=bins) for bins in _BINS]
    # Rudemo (1982), up to factors that all have in common.
    errors = [(2 - (n + 1) * np.sum((counts / n) ** 2)) / (edges[1] - edges[0]) for counts, edges in histograms]
    counts, edges = histograms[_smoothest(errors)]
    return counts / (values.size * np.diff(edges)), edges


def highest_density(pairs, limits):
    """Return a smoothed 2-D histogram of `pairs`, the centres of its cells, and its levels of highest density.

    Smoothing reflects at the first and last draw, where the support may end, so that the density does not leak out
    of it; a ring of empty cells around them closes the outlines.
    """
    limits = np.asarray(limits)
    low, high = np.maximum(limits[:, 0], pairs.min(axis=0)), np.minimum(limits[:, 1], pairs.max(axis=0))
    if (high <= low).any():
        return np.zeros((1, 1)), [], np.empty(0)
    counts, *edges = np.histogram2d(pairs[:, 0], pairs[:, 1], bins=_N_CELLS, range=np.column_stack([low, high]))
    if counts.sum() < _N_CELLS:
        return counts, edges, np.empty(0)
    cell = (high - low) / _N_CELLS
    # Scott's rule is for one Gaussian bump, and would blur a crescent: the search for narrower ones starts there.
    shown = pairs[((pairs >= low) & (pairs <= high)).all(axis=1)]
    scott = shown.std(axis=0) * len(shown) ** (-1 / 6) / cell
    factors = sorted(product(_SMOOTHINGS, repeat=2), key=np.prod, reverse=True)
    candidates = [_smooth(counts, np.maximum(factor * scott, 0.6)) for factor in factors]
    density = candidates[_smoothest([error for _, error in candidates])][0]
    ordered = np.sort(density.ravel())[::-1]
    mass = np.cumsum(ordered) / len(pairs)
    levels = np.unique([ordered[np.searchsorted(mass, share)] for share in _HIGHEST_DENSITY if share < mass[-1]])
    centres = [
        np.concatenate([[e[0] - d / 2], (e[1:] + e[:-1]) / 2, [e[-1] + d / 2]])
        for e, d in zip(edges, cell, strict=True)
    ]
    return np.pad(density, 1), centres, levels[levels > 0]


def _smooth(counts, bandwidth):
    """Return `counts` smoothed by a Gaussian, and the least-squares cross-validation error (Bowman 1984)."""
    density = gaussian_filter(counts, bandwidth, mode="reflect")
    impulse = np.zeros(_N_CELLS)
    impulse[_N_CELLS // 2] = 1.0
    # What a draw adds to the density of its own cell.
    own_share = np.prod([gaussian_filter1d(impulse, width, mode="reflect").max() for width in bandwidth])
    n = counts.sum()
    error = np.sum(density**2) / n**2 - 2 * np.sum(counts * (density - own_share)) / (n * (n - 1))
    return density, error


def _smoothest(errors):
    """Return the first index, smoothest candidate first, whose error is as low as the least but for 1 %.

    Cross-validation alone is apt to choose too rough a density.
    """
    least = np.min(errors)
    return int(np.argmax(np.asarray(errors) <= least + 0.01 * abs(least)))
