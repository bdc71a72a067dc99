"""Values left out at random in training, so that a network learns to do without them."""

import torch

from skabi.networks._data_sets import DataSets, values_and_mask

# Share of the data sets from which nothing is left out.
_COMPLETE = 0.25


class DropAtRandom:
    """Leave values, and whole sources where there are several, out of data sets.

    Each data set has a rate of its own, so that a network sees few and many values missing: zero for a quarter of them,
    for the others uniform from zero to `rate`.

    Parameters
    ----------
    rate : float
    """

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x, generator):
        """Return `x` with the second half of its features, the marks of missing values, set where one is left out."""
        values, mask = values_and_mask(x)
        if not isinstance(values, dict):
            values = self._without_some_values(values, mask, generator)
            return values if mask is None else DataSets(values, mask)
        rates = self._rates(next(iter(values.values())), generator)
        pairs = {name: self._without_it(values[name], mask[name], rates, generator) for name in values}
        return DataSets(
            {name: value for name, (value, _) in pairs.items()}, {name: mask for name, (_, mask) in pairs.items()}
        )

    def _without_it(self, values, mask, rates, generator):
        """Return values and mask of a source, with rates `(n, 1)` at which it is not there at all."""
        values = self._without_some_values(values, mask, generator)
        stays = _uniform(rates.shape, values, generator) >= rates
        mask = mask & stays.reshape(-1, *[1] * (mask.ndim - 1))
        return values * mask.reshape(*mask.shape, *[1] * (values.ndim - mask.ndim)), mask

    def _without_some_values(self, values, mask, generator):
        numbers, marks = values.chunk(2, dim=-1)
        rates = self._rates(values, generator).reshape(-1, *[1] * (values.ndim - 1))
        is_left_out = (_uniform(numbers.shape, values, generator) < rates).to(values.dtype)
        if mask is not None:
            is_left_out = is_left_out * mask.reshape(*mask.shape, *[1] * (values.ndim - mask.ndim))
        return torch.cat([numbers * (1 - is_left_out), torch.maximum(marks, is_left_out)], dim=-1)

    def _rates(self, values, generator):
        """Return a rate for each data set, `(n, 1)`."""
        share = _uniform((len(values), 1), values, generator)
        return self.rate * ((share - _COMPLETE) / (1 - _COMPLETE)).clamp(min=0)


def _uniform(shape, like, generator):
    """Return uniform numbers where `like` is, from a generator on the CPU or there."""
    return torch.rand(shape, generator=generator, device=generator.device).to(like.device)
