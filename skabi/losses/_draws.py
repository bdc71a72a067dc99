"""Random numbers of losses."""

import torch

_HELD_OUT_SEED = 0


def draws_of_training(network, generator):
    """Return what draws random numbers on the CPU: the training's generator, or for held-out data a fresh one.

    Numbers are then the same each time that held-out data are judged, and epochs can be compared.
    """
    return generator if network.training else torch.Generator().manual_seed(_HELD_OUT_SEED)
