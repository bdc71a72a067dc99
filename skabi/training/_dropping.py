"""Values, or observations, left out at random in training."""

import torch

from skabi.networks._data_sets import DataSets, masked, values_and_mask

# Share of the data sets from which nothing is left out.
_COMPLETE = 0.25
# Share of the others in which values do not go missing in a given way, where there are several.
_NOT_THIS_WAY = 0.5


class DropAtRandom:
    """Leave values, and whole sources where there are several, out of data sets: a network learns to do without them.

    Each data set has a rate of its own, so that a network sees few and many values missing: zero for a quarter of them,
    for the others uniform from zero to `rate`. Where data sets have several axes, values go missing singly or together:
    all that share a place along one axis (an observation, a feature), or a stretch of the first axis (an outage). Each
    way has a rate of its own then, zero for half of the data sets.

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
        return masked(values, mask), mask

    def _without_some_values(self, values, mask, generator):
        numbers, marks = values.chunk(2, dim=-1)
        is_left_out = self._is_left_out(numbers, generator).to(values.dtype)
        if mask is not None:
            is_left_out = masked(is_left_out, mask)
        return torch.cat([numbers * (1 - is_left_out), torch.maximum(marks, is_left_out)], dim=-1)

    def _is_left_out(self, numbers, generator):
        n, *sizes = numbers.shape
        if len(sizes) == 1:
            return _uniform(numbers.shape, numbers, generator) < self._rates(numbers, generator)
        each = torch.zeros(numbers.shape, dtype=torch.bool, device=numbers.device)
        for shape in [(n, *sizes), *_shapes_of_one_axis(n, sizes)]:
            rates = self._rates(numbers, generator, share_of_none=_NOT_THIS_WAY).reshape(n, *[1] * len(sizes))
            each = each | (_uniform(shape, numbers, generator) < rates)
        each = each | self._stretch(numbers, generator).reshape(n, -1, *[1] * (len(sizes) - 1))
        is_complete = _uniform((n, *[1] * len(sizes)), numbers, generator) < _COMPLETE
        return each & ~is_complete

    def _stretch(self, values, generator):
        """Return which places of the first axis are in a stretch that begins anywhere."""
        n_places = values.shape[1]
        place = torch.arange(n_places, device=values.device)
        length = self._rates(values, generator, share_of_none=_NOT_THIS_WAY) * n_places
        start = _uniform((len(values), 1), values, generator) * (n_places + length) - length
        return (place >= start) & (place < start + length)

    def _rates(self, values, generator, *, share_of_none=_COMPLETE):
        """Return a rate for each data set, `(n, 1)`."""
        share = _uniform((len(values), 1), values, generator)
        return self.rate * ((share - share_of_none) / (1 - share_of_none)).clamp(min=0)


def _shapes_of_one_axis(n, sizes):
    """Yield shapes of `n` data sets of `sizes` with one axis of them as long as it is, the others of length one."""
    for axis, size in enumerate(sizes):
        if size > 1:
            yield (n, *[1] * axis, size, *[1] * (len(sizes) - axis - 1))


def _uniform(shape, like, generator):
    """Return uniform numbers where `like` is, from a generator on the CPU or there."""
    return torch.rand(shape, generator=generator, device=generator.device).to(like.device)


class _SomeObservations:
    """Look at a few observations of each data set in a step: others of the same data set say little more.

    Parameters
    ----------
    n_observations : int
        How many, at most.
    """

    def __init__(self, n_observations):
        self.n_observations = n_observations

    def __call__(self, x, generator):
        """Return `x` as it is if it has no more observations, else what `_choose` makes of it."""
        values, mask = values_and_mask(x)
        if values.shape[1] <= self.n_observations:
            return x
        place = _uniform(values.shape[:2], values, generator)
        # What is not there comes last.
        return self._choose(values, mask, place if mask is None else place + ~mask)

    def _choose(self, values, mask, place):
        """Return data sets of which the `n_observations` with the lowest `place` count."""
        raise NotImplementedError


class KeepAtRandom(_SomeObservations):
    """Keep a few observations of each data set: enough for a step where each has a loss of its own."""

    def _choose(self, values, mask, place):
        kept = place.topk(self.n_observations, dim=1, largest=False).indices
        rows = torch.arange(len(values), device=values.device)[:, None]
        return values[rows, kept] if mask is None else DataSets(values[rows, kept], mask[rows, kept])


class LookAtRandom(_SomeObservations):
    """Look at a few times of each series: all are there to be remembered, and the mask is true at these alone."""

    def _choose(self, values, mask, place):
        chosen = place <= place.kthvalue(self.n_observations, dim=1, keepdim=True).values
        return DataSets(values, chosen if mask is None else chosen & mask)
