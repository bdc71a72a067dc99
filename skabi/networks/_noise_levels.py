"""Levels of noise, evenly spaced after a power is taken [1]_, and what a network is told of them.

References
----------
.. [1] T. Karras, M. Aittala, T. Aila, S. Laine (2022). Elucidating the design space of diffusion-based generative
   models. arXiv 2206.00364.
"""

import torch

# Karras et al. (2022), eq. 5: many levels are low.
POWER = 7.0


def levels(low, high, n, dtype=torch.float64):
    """Return `n` levels from `low` to `high`."""
    return torch.linspace(low ** (1 / POWER), high ** (1 / POWER), n, dtype=dtype) ** POWER


def told(field, x, level, read):
    """Return what a network says of parameters with noise, `(..., d)`; levels `(...,)`.

    Parameters have unit variance before the noise, and again when the network sees them.
    """
    size = torch.sqrt(1 + level.square())
    return field(x / size[..., None], level.log() / 4, read)
