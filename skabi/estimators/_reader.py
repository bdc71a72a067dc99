"""From all sources of data sets to what networks see."""

import numpy as np
import torch

from skabi._torch import to_tensor
from skabi.estimators._source_reader import SourceReader
from skabi.estimators._sources import Source, is_uneven, shape_of
from skabi.exceptions import ShapeError
from skabi.networks._data_sets import DataSets
from skabi.summaries import FusionSummary, NestedSummary, summary_by_shape


class Reader:
    """One `SourceReader` for X, or one for each of its sources.

    Parameters
    ----------
    summary : summary recipe
    may_miss : bool
        Whether values and sources may be missing.

    Attributes
    ----------
    shape : tuple of int, or dict of str to tuple of int
        Of one data set, the longest.
    network_shape : tuple of int, or dict of str to tuple of int
        Of one data set as networks see it.
    each : dict of str or None to SourceReader
        By name; None is the name of X that has no several sources.
    """

    def __init__(self, summary, *, may_miss):
        self.summary = summary
        self.may_miss = may_miss

    def fit(self, X):
        """Learn scales and lengths from a `Source` or a dict of such."""
        self.shape, self.is_several = shape_of(X), not isinstance(X, Source)
        if self.is_several:
            recipes, sources = self.summary.source_summaries(self.shape), X
        else:
            self.summary.check_sources(self.shape)
            recipes, sources = {None: self.summary}, {None: X}
        self.each = {name: self._read(name, recipes[name], source) for name, source in sources.items()}
        shapes = {name: reader.network_shape for name, reader in self.each.items()}
        self.network_shape = shapes if self.is_several else shapes[None]
        return self

    def _read(self, name, summary, source):
        if np.isnan(source.values).all() or source.lengths.size == 0:
            raise ValueError(f"{shown(name)} has no value in any data set of fit; leave it out.")
        n_free_axes = summary.n_free_axes if summary.takes_any_length else 0
        if is_uneven(source) and source.n_ragged_axes > n_free_axes:
            raise ShapeError(f"{summary!r} needs {_needed(source, n_free_axes)}")
        reader = SourceReader(summary.n_feature_axes(source.shape), n_free_axes=n_free_axes, may_miss=self.may_miss)
        return reader.fit(source)

    def check(self, X):
        """Raise unless data sets have the shapes seen in `fit`; return in what some are unlike any there, as texts."""
        sources = X if self.is_several else {None: X}
        return [text for name, reader in self.each.items() for text in reader.check(sources[name], name=shown(name))]

    def expect_missing(self):
        """Take it that all that may be missing is so in some data sets: it is left out in training."""
        for reader in self.each.values():
            reader.expect_missing(may_be_absent=self.is_several)

    def goes_on_with(self, X):
        """Return whether data sets have the shapes of `fit`, with other lengths at most."""
        if isinstance(X, Source) == self.is_several or (self.is_several and set(X) != set(self.each)):
            return False
        sources = X if self.is_several else {None: X}
        return all([reader.goes_on_with(sources[name], name=shown(name)) for name, reader in self.each.items()])

    def note(self, X):
        """Take it that lengths, and what is missing, of X were seen in training."""
        for name, reader in self.each.items():
            reader.note(X[name] if self.is_several else X)

    def log_counts(self, X):
        """Return mean and standard deviation of the logarithms of numbers of observations; None if they are always one.

        Lists: of observations, or of groups and of observations a group. Dicts of lists, with an entry for each source
        whose lengths differ, where there are several.
        """
        each = {name: reader.log_counts(X[name] if self.is_several else X) for name, reader in self.each.items()}
        each = {name: logs for name, logs in each.items() if logs is not None}
        if not each:
            return None
        mean, std = (
            {name: getattr(logs, statistic)(axis=0).tolist() for name, logs in each.items()}
            for statistic in ("mean", "std")
        )
        return (mean, std) if self.is_several else (mean[None], std[None])

    def to_network(self, X, *, device="cpu", dtype=torch.float32):
        """Return scaled data sets as a tensor, or as `DataSets` where there are masks or several sources."""
        values, masks = {}, {}
        for name, reader in self.each.items():
            value, mask = reader.transform(X[name] if self.is_several else X)
            values[name] = to_tensor(value, device=device, dtype=dtype)
            masks[name] = None if mask is None else to_tensor(mask, device=device, dtype=torch.bool)
        if self.is_several:
            return DataSets(values, masks)
        return values[None] if masks[None] is None else DataSets(values[None], masks[None])


def summary_or_default(summary, X):
    """Return `summary`, or the recipe that suits the shape of X, a `Source` or a dict of such."""
    if summary is not None:
        return summary
    if not isinstance(X, Source):
        return FusionSummary()
    return NestedSummary() if is_uneven(X) and len(X.shape) == 3 else summary_by_shape(X.shape)


def _needed(source, n_free_axes):
    """Return what a recipe needs that lets data sets differ in fewer axes than they do."""
    if source.n_ragged_axes == 2:
        each = source.group_lengths[source.group_lengths > 0]
        return f"groups of one size; got groups of {each.min()} to {each.max()} observations. Use NestedSummary()."
    return (
        f"data sets of one shape; got a list of arrays of {source.lengths.min()} to {source.lengths.max()} "
        "observations. Use SetSummary(), or SeriesSummary() where their order matters."
    )


def shown(name):
    """Return how a source is called in messages."""
    return "X" if name is None else f"X[{name!r}]"
