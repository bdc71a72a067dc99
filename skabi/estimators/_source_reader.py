"""From data sets in their own units to the numbers that networks see."""

import numpy as np
import torch

from skabi.estimators._features import FeatureScaler
from skabi.estimators._sources import is_there, is_uneven, missing_shares
from skabi.exceptions import ShapeError
from skabi.networks._conditions import counts_of
from skabi.networks._data_sets import masked


class SourceReader:
    """Scale the features of one source, fill what is missing and say what that was.

    Observations, and pixels, share the scales of their features. With missing values a data set gets as many features
    again, 1 where a value is missing and 0 elsewhere; the value itself is then zero.

    Parameters
    ----------
    n_feature_axes : int
        How many of a data set's last axes hold features.
    n_free_axes : int
        Along how many of their first axes data sets may have any length: 1 where they may have any number of
        observations, 2 where they may have any number of groups, too.
    may_miss : bool
        Whether values may be missing.
    """

    def __init__(self, n_feature_axes, *, n_free_axes=0, may_miss=False):
        self.n_feature_axes = n_feature_axes
        self.n_free_axes = n_free_axes
        self.may_miss = may_miss

    def fit(self, source):
        """Learn the scales of features, and the lengths there are, from a `Source`."""
        self.shape, self.is_ragged = source.shape, source.is_ragged and self.n_free_axes > 0
        self.columns = source.columns
        self.lengths = self.group_lengths = (max(source.shape), 0)
        self.had_uneven_groups = False
        self.was_absent, self.largest_share = False, 0.0
        self.may_miss_of_each = np.zeros(self._feature_shape(source), dtype=bool)
        self.note(source)
        values = source.values[source.mask] if source.mask is not None else source.values
        rows = values.reshape(-1, *self._feature_shape(source))
        self._scaler = FeatureScaler().fit(_filled(rows) if self.may_miss else rows)
        self.is_constant_ = self._scaler.is_constant_
        return self

    @property
    def network_shape(self):
        """Shape of one data set as a network sees it."""
        if not self.may_miss:
            return self.shape
        return (*self.shape[:-1], 2 * self.shape[-1]) if self.n_feature_axes else (*self.shape, 2)

    def places(self, n):
        """Return the shape of the mask of `n` data sets as long as the longest of `fit`."""
        return (n, *self.shape[: self.n_free_axes * self.is_ragged])

    def transform(self, source):
        """Return `(values, mask)`, with shapes `(n_datasets, *network_shape)` and that of the source's mask."""
        # Padding stays zero and costs nothing.
        there = source.values if source.mask is None else source.values[source.mask]
        scaled = self._scaler.transform(there.reshape(-1, *self._feature_shape(source))).reshape(there.shape)
        if source.mask is None:
            values = scaled
        else:
            values = np.zeros(source.values.shape)
            values[source.mask] = scaled
        if self.may_miss:
            is_missing = np.isnan(values)
            parts = [np.where(is_missing, 0.0, values), is_missing.astype(float)]
            values = np.concatenate(parts, axis=-1) if self.n_feature_axes else np.stack(parts, axis=-1)
        mask = self._mask(source)
        return (values if mask is None else masked(values, mask)), mask

    def _mask(self, source):
        """Return what networks are told of which observations are there, or None."""
        places = source.values.shape[: 1 + self.n_free_axes]
        if source.mask is None:
            return np.ones(places, dtype=bool) if self.is_ragged else None
        if not self.n_free_axes:
            # A list of arrays that have one shape.
            return source.mask.reshape(len(source), -1).any(axis=1)
        axes = [1] * (len(places) - source.mask.ndim)
        return np.broadcast_to(source.mask.reshape(*source.mask.shape, *axes), places)

    def log_counts(self, source):
        """Return logarithms of numbers of observations of data sets that are there; None if they are always one.

        `(n_datasets, 1)`, or of groups, and of the mean number of observations in them, `(n_datasets, 2)`.
        """
        mask = self._mask(source)
        if mask is None or mask.ndim == 1:
            return None
        there = mask.reshape(len(mask), -1).any(axis=1)
        logs = np.log(counts_of(torch.from_numpy(mask[there])).double().numpy())
        return logs if np.ptp(logs, axis=0).any() else None

    def check(self, source, *, name):
        """Raise unless data sets have shape and columns of `fit`; return in what some are unlike any there."""
        if not self.goes_on_with(source, name=name):
            raise ShapeError(self._wrong_shape(source, name=name))
        unlike = []
        if self.n_free_axes and not _within(source.lengths, self.lengths):
            unlike.append(f"{name} has fewer or more {self._counted[0]} ({_range(self.lengths)} in fit)")
        if self.n_free_axes == 2 and not _within(source.group_lengths[source.group_lengths > 0], self.group_lengths):
            unlike.append(f"groups of {name} have fewer or more observations ({_range(self.group_lengths)} in fit)")
        if self.n_free_axes == 2 and _has_uneven_groups(source) and not self.had_uneven_groups:
            unlike.append(f"groups of one data set of {name} differ in size, as they never did in fit")
        if not self.was_absent and not is_there(source).all():
            unlike.append(f"{name} is not there, as it always was in fit")
        share = missing_shares(source).max(initial=0.0)
        unseen = np.flatnonzero(self._is_missing_of_each(source) & ~self.may_miss_of_each)
        if share > self.largest_share:
            unlike.append(f"{share:.0%} of {name} is missing, where it was {self.largest_share:.0%} at most in fit")
        elif unseen.size:
            unlike.append(f"feature {unseen[0]} of {name} is missing, as it never was in fit")
        return unlike

    def goes_on_with(self, source, *, name):
        """Return whether data sets have the shape of `fit`, with other lengths where any may be; check columns."""
        self._check_columns(source, name=name)
        if is_uneven(source) and source.n_ragged_axes > self.n_free_axes:
            return False
        return (
            len(source.shape) == len(self.shape) and source.shape[self.n_free_axes :] == self.shape[self.n_free_axes :]
        )

    def note(self, source):
        """Take it that lengths, and what is missing, of `source` were seen in training."""
        self.lengths = _widened(self.lengths, source.lengths)
        if self.n_free_axes == 2:
            self.group_lengths = _widened(self.group_lengths, source.group_lengths[source.group_lengths > 0])
            self.had_uneven_groups |= _has_uneven_groups(source)
        self.was_absent |= not is_there(source).all()
        self.largest_share = max(self.largest_share, missing_shares(source).max(initial=0.0))
        self.may_miss_of_each = self.may_miss_of_each | self._is_missing_of_each(source)

    def expect_missing(self, *, may_be_absent):
        """Take it that all that may be missing is so in some data sets."""
        self.was_absent, self.largest_share = may_be_absent, 1.0
        self.may_miss_of_each = np.ones_like(self.may_miss_of_each)

    def _is_missing_of_each(self, source):
        """Return which features are missing somewhere in a data set that is there."""
        if not source.has_nan:
            return np.zeros(self.may_miss_of_each.shape, dtype=bool)
        values = source.values[is_there(source)]
        return np.isnan(values).reshape(-1, *self.may_miss_of_each.shape).any(axis=0)

    def _check_columns(self, source, *, name):
        if self.columns is not None and source.columns not in (None, self.columns):
            raise ValueError(
                f"{name} must have the columns {self.columns} in this order, as in fit; got {source.columns}."
            )

    def _wrong_shape(self, source, *, name):
        """Return what is wrong, with advice."""
        n_free = self.n_free_axes
        first = [f"n_{counted}" for counted in self._counted]
        wanted = _listed(("n_datasets", *first, *self.shape[n_free:]))
        got = source.values.shape
        is_one_data_set = len(got) == len(self.shape) and got[n_free:] == self.shape[n_free:]
        advice = "."
        if is_uneven(source):
            lengths = f"{source.lengths.min()} to {source.lengths.max()}"
            got = f"arrays {_listed((lengths, *source.shape[1:]))}"
        elif is_one_data_set:
            advice = f", one data set without its first axis. Pass {name}[np.newaxis]."
        elif self.shape[-1:] == (1,) and source.shape[1:] == self.shape[1:-1]:
            advice = f". For one feature pass {name}[..., np.newaxis]."
        elif sorted(source.shape) == sorted(self.shape) or source.shape[:1] == self.shape[-1:]:
            advice = ". The axes seem to come in another order; see np.moveaxis."
        return f"{name} must have shape {wanted}, as in fit; got {got}{advice}"

    @property
    def _counted(self):
        """Return what lies along the axes of any length, the first first."""
        return ("groups", "observations")[2 - self.n_free_axes :]

    def _feature_shape(self, source):
        return source.shape[len(source.shape) - self.n_feature_axes :] or (1,)


def _has_uneven_groups(source):
    """Return whether groups of one data set have different numbers of observations."""
    lengths = source.group_lengths
    return bool(((lengths > 0) & (lengths != lengths.max(axis=1, keepdims=True))).any())


def _within(lengths, ends):
    return bool(((lengths >= ends[0]) & (lengths <= ends[1])).all())


def _listed(axes):
    return f"({', '.join(map(str, axes))})"


def _range(ends):
    return f"{ends[0]} to {ends[1]}"


def _widened(ends, lengths):
    """Return the ends of a range that holds `lengths`, too."""
    return (min(ends[0], int(lengths.min())), max(ends[1], int(lengths.max()))) if lengths.size else ends


def _filled(rows):
    """Return `rows` with the observed values of each column, over and over, in place of missing ones."""
    rows = rows.reshape(len(rows), -1).copy()
    for column in rows.T:
        seen = column[~np.isnan(column)]
        column[:] = np.resize(seen, len(column)) if len(seen) else 0.0
    return rows
