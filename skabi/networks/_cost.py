"""What a summary network takes."""

import torch
from torch.utils.flop_counter import FlopCounterMode


@torch.no_grad()
def count(network, shape):
    """Return the number of weights, and of multiplications for one data set of `shape`."""
    x = {name: torch.zeros(1, *s) for name, s in shape.items()} if isinstance(shape, dict) else torch.zeros(1, *shape)
    with FlopCounterMode(display=False) as counter:
        network.requires_grad_(False).eval()(x, None)
    n_weights = sum(weight.numel() for weight in network.parameters())
    # The counter takes a multiplication and an addition for two.
    return n_weights, counter.get_total_flops() // 2
