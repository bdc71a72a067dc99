"""Levels of noise, evenly spaced after a power is taken [1]_, and what a network is told of them.

References
----------
.. [1] T. Karras, M. Aittala, T. Aila, S. Laine (2022). Elucidating the design space of diffusion-based generative
   models. arXiv 2206.00364.
"""

import torch

# Karras et al. (2022), eq. 5: many levels are low.
_POWER = 7.0


def levels(low, high, n, *, shift=0.0):
    """Return `n` levels from `low` to `high`; those between are moved by `shift` of the distance to the next."""
    roots = torch.linspace(low ** (1 / _POWER), high ** (1 / _POWER), n, dtype=torch.float64)
    inner = roots[1:-1] + shift * (roots[1] - roots[0])
    return torch.cat([roots[:1], inner, roots[-1:]]) ** _POWER


def told(field, x, level, read):
    """Return what a network says of parameters with noise, `(..., d)`; levels `(...,)`.

    Parameters have unit variance before the noise, and again when the network sees them.
    """
    size = torch.sqrt(1 + level.square())
    return field(x / size[..., None], level.log() / 4, read)
