"""Untrained likelihood networks, and the linear regression that they start from."""

import torch

from skabi._torch import to_array
from skabi.estimators._linear_start import linear_start
from skabi.networks._data_sets import values_and_mask
from skabi.networks._discrete import DiscreteHead
from skabi.networks._likelihood import Likelihood
from skabi.networks._memory import SeriesMemory
from skabi.networks._observations import ObservationDensity

_MEMORY_WIDTH = 64


def likelihood_network(engine, data_map, n_parameters, *, is_series):
    """Return an untrained `Likelihood` of the observations that a `DataMap` maps."""
    head = data_map.head
    n_tokens = data_map.n_continuous + (0 if head is None else sum(n or 1 for n in head["n_levels"]))
    memory = SeriesMemory(n_tokens, _MEMORY_WIDTH) if is_series else None
    n_context = n_parameters + (0 if memory is None else memory.n_memory)
    head = None if head is None else DiscreteHead(**head, n_context=n_context)
    n_features = 0 if head is None else head.n_features
    density = engine.build(data_map.n_continuous, n_features + n_context) if data_map.n_continuous else None
    return Likelihood(ObservationDensity(head, density, n_context), memory)


@torch.no_grad()
def linear_start_of_observations(network, x, theta):
    """Return the regression of continuous columns on discrete ones, parameters and the last times of a series."""
    values, mask = values_and_mask(x)
    kept = torch.ones(values.shape[:2], dtype=torch.bool) if mask is None else mask
    context, continuous = (part[kept] for part in network.regression(values, theta))
    n_learned = 0 if network.memory is None else network.memory.width
    return linear_start(to_array(context), to_array(continuous), n_used=context.shape[1] - n_learned)
