"""The divergence of a velocity, exactly or by random probes."""

import torch
from torch.func import vjp


def velocity_and_divergence(velocity, x, probes=None):
    """Return `velocity(x)` `(..., d)` and its divergence `(...,)`.

    Parameters
    ----------
    velocity : callable
        Acts on each row by itself.
    x : Tensor of shape (..., d)
    probes : Tensor of shape (n_probes, d), optional
        Signs by which the divergence is estimated [1]_ instead of computed.

    References
    ----------
    .. [1] M. Hutchinson (1989). A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
       splines. Communications in Statistics 18(3), 1059-1076.
    """
    value, pull = vjp(velocity, x)
    directions = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device) if probes is None else probes
    total = sum((pull(direction.expand_as(value))[0] * direction).sum(dim=-1) for direction in directions)
    return value, total if probes is None else total / len(probes)


def signs(n_probes, n_parameters):
    """Return `n_probes` rows of random signs, always the same."""
    draws = torch.rand(n_probes, n_parameters, generator=torch.Generator().manual_seed(0))
    return torch.where(draws < 0.5, -1.0, 1.0)
