"""The random numbers of free-form losses."""

import torch
from torch.quasirandom import SobolEngine

# Uniform numbers keep this distance from the ends, where normal ones are infinite.
_MARGIN = 1e-6
_GOLDEN = 0.6180339887498949


def times_and_normals(theta, n_repeats, *, is_random):
    """Return uniform numbers `(n_repeats, ...)` and normal ones `(n_repeats, ..., d)` for theta `(..., d)`.

    The uniform numbers of a row are spread evenly between zero and one. Where nothing is to be random, both are quasi-
    random, and the same for as many rows, so that losses of different networks compare like with like. Random ones come
    from torch's global generator, on the CPU whatever the device.
    """
    shape, device = (n_repeats, *theta.shape[:-1]), theta.device
    if is_random:
        first = torch.arange(n_repeats, dtype=theta.dtype).reshape(-1, *[1] * (theta.ndim - 1))
        uniforms = (first + torch.rand(theta.shape[:-1], dtype=theta.dtype)) / n_repeats
        normals = torch.randn((*shape, theta.shape[-1]), dtype=theta.dtype)
        return uniforms.to(device), normals.to(device)
    n, d = torch.Size(shape).numel(), theta.shape[-1]
    # Moved, each column by a share of its own, and not scrambled: that would draw random numbers.
    shift = torch.arange(1, d + 2, dtype=torch.float64) * _GOLDEN
    points = (SobolEngine(d + 1).draw(n, dtype=torch.float64) + shift) % 1.0
    # Rows are in the first axis of the sequence, so that the repeats of each are spread evenly.
    points = points.reshape(*theta.shape[:-1], n_repeats, d + 1).movedim(-2, 0).clamp(_MARGIN, 1 - _MARGIN).to(theta)
    return points[..., 0], torch.special.ndtri(points[..., 1:])
