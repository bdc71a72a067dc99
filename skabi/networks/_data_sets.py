"""Data sets as networks see them: numbers, and which observations are there."""

from typing import NamedTuple

import torch


class DataSets(NamedTuple):
    """Data sets whose lengths differ, or that have several sources; a plain tensor does for all others.

    Attributes
    ----------
    values : Tensor of shape (n, ...) or dict of str to Tensor
        One tensor, or one a source.
    mask : Tensor of bool or None, or dict of str to these
        True where an observation is there: `(n, n_observations)` for a set or series, `(n, n_groups, n_observations)`
        for groups of these, `(n,)` for a source that is there as a whole or not at all. None if everything is there.
    """

    values: torch.Tensor | dict
    mask: torch.Tensor | dict | None


def values_and_mask(data):
    """Return the values of data sets, and their mask or None."""
    return data if isinstance(data, DataSets) else (data, None)


def map_tensors(action, data):
    """Return `data` (a tensor, None, or dicts and named tuples of such) with `action` done to each tensor."""
    if data is None:
        return None
    if isinstance(data, torch.Tensor):
        return action(data)
    if isinstance(data, dict):
        return {name: map_tensors(action, part) for name, part in data.items()}
    return type(data)(*(map_tensors(action, part) for part in data))


def n_rows(data):
    """Return the number of data sets."""
    return len(first_tensor(data))


def first_tensor(data):
    """Return a tensor of values: it tells the number of data sets, their type and their device."""
    while not isinstance(data, torch.Tensor):
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    return data


def take(data, rows):
    """Return some rows of `data`."""
    return map_tensors(lambda tensor: tensor[rows], data)


def without_padding(data):
    """Return `data` without the places after the end of the longest data set."""
    values, mask = values_and_mask(data)
    if isinstance(values, dict):
        parts = {name: values_and_mask(without_padding(DataSets(values[name], mask[name]))) for name in values}
        return DataSets(
            {name: part[0] for name, part in parts.items()}, {name: part[1] for name, part in parts.items()}
        )
    if mask is None or mask.ndim == 1:
        return data
    # What is there comes first along each axis.
    longest = [max(1, int(mask.sum(dim=axis).max())) for axis in range(1, mask.ndim)]
    kept = (slice(None), *map(slice, longest))
    return DataSets(values[kept], mask[kept])


def masked(values, mask):
    """Return `values` `(n, ...)`, tensor or array, with zeros where `mask`, of its first axes, is false."""
    return values * mask.reshape(*mask.shape, *[1] * (values.ndim - mask.ndim))


def n_places(data):
    """Return the number of places in a data set that a network looks at one by one: observations, times or pixels."""
    values, _ = values_and_mask(data)
    parts = values.values() if isinstance(values, dict) else [values]
    return max(part[0, ..., 0].numel() if part.ndim > 2 else 1 for part in parts)
