"""Draws of losses: their random numbers, and whether a network could make them."""

import torch

from skabi._params import check_real

_HELD_OUT_SEED = 0


def draws_of_training(network, generator):
    """Return what draws random numbers on the CPU: the training's generator, or for held-out data a fresh one.

    Numbers are then the same each time that held-out data are judged, and epochs can be compared.
    """
    return generator if network.training else torch.Generator().manual_seed(_HELD_OUT_SEED)


def have_failed(values, network, name):
    """Return whether what a network gave to a loss of this name is NaN or infinite somewhere.

    Raises
    ------
    FloatingPointError
        If it is, and a solver has made it.
    """
    if bool(values.isfinite().all()):
        return False
    if any(hasattr(member.density, "solver") for member in getattr(network, "members", [network])):
        raise FloatingPointError(
            f"the solver of the free-form engine gave NaN or infinity where {name} asked it for draws or densities. "
            "Raise its n_steps or max_steps, lower its tolerance, or take another solver. If that does not help, lower "
            "learning_rate_init, or take SplineFlow(), which needs no solver."
        )
    return True


def check_weight(weight):
    """Return the weight of a penalty, which may be zero: a search then holds what it is compared with."""
    is_zero = not isinstance(weight, (bool, str)) and weight == 0
    return 0.0 if is_zero else check_real(weight, "weight", low=0.0)
