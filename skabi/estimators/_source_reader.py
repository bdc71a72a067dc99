"""From data sets in their own units to the numbers that networks see."""

import numpy as np

from skabi.estimators._features import FeatureScaler
from skabi.estimators._sources import is_there, is_uneven, missing_shares
from skabi.exceptions import ShapeError
from skabi.networks._data_sets import masked


class SourceReader:
    """Scale the features of one source, fill what is missing and say what that was.

    Observations, and pixels, share the scales of their features. With missing values a data set gets as many features
    again, 1 where a value is missing and 0 elsewhere; the value itself is then zero.

    Parameters
    ----------
    n_feature_axes : int
        How many of a data set's last axes hold features.
    takes_any_length : bool
        Whether data sets may have any number of observations, along their first axis.
    may_miss : bool
        Whether values may be missing.
    """

    def __init__(self, n_feature_axes, *, takes_any_length=False, may_miss=False):
        self.n_feature_axes = n_feature_axes
        self.takes_any_length = takes_any_length
        self.may_miss = may_miss

    def fit(self, source):
        """Learn the scales of features, and the lengths there are, from a `Source`."""
        self.shape, self.is_ragged = source.shape, source.is_ragged and self.takes_any_length
        self.columns = source.columns
        self.lengths, self.was_absent, self.largest_share = (source.shape[0], 0), False, 0.0
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

    def transform(self, source):
        """Return `(values, mask)`, with shapes `(n_datasets, *network_shape)` and that of the source's mask."""
        rows = source.values.reshape(-1, *self._feature_shape(source))
        values = self._scaler.transform(rows).reshape(source.values.shape)
        mask = source.mask
        if self.may_miss:
            is_missing = np.isnan(values)
            parts = [np.where(is_missing, 0.0, values), is_missing.astype(float)]
            values = np.concatenate(parts, axis=-1) if self.n_feature_axes else np.stack(parts, axis=-1)
        if self.is_ragged and mask is None:
            mask = np.ones(values.shape[:2], dtype=bool)
        if mask is not None and mask.ndim == 2 and not self.takes_any_length:
            # A list of arrays that have one shape.
            mask = mask.any(axis=1)
        if mask is not None and self.takes_any_length:
            mask = np.broadcast_to(mask.reshape(len(mask), -1), values.shape[:2])
        if mask is not None:
            values = masked(values, mask)
        return values, mask

    def check(self, source, *, name):
        """Raise unless data sets have shape and columns of `fit`; return in what some are unlike any there."""
        if not self.goes_on_with(source, name=name):
            raise ShapeError(self._wrong_shape(source, name=name))
        unlike = []
        shortest, longest = self.lengths
        if self.takes_any_length and ((source.lengths < shortest) | (source.lengths > longest)).any():
            unlike.append(f"{name} has fewer or more observations ({shortest} to {longest} in fit)")
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
        if self.takes_any_length and len(source.shape) == len(self.shape):
            return source.shape[1:] == self.shape[1:]
        return source.shape == self.shape and not is_uneven(source)

    def note(self, source):
        """Take it that lengths, and what is missing, of `source` were seen in training."""
        if source.lengths.size:
            shortest, longest = self.lengths
            self.lengths = (min(shortest, int(source.lengths.min())), max(longest, int(source.lengths.max())))
        self.was_absent |= not is_there(source).all()
        self.largest_share = max(self.largest_share, missing_shares(source).max(initial=0.0))
        self.may_miss_of_each = self.may_miss_of_each | self._is_missing_of_each(source)

    def expect_missing(self, *, may_be_absent):
        """Take it that all that may be missing is so in some data sets."""
        self.was_absent, self.largest_share = may_be_absent, 1.0
        self.may_miss_of_each = np.ones_like(self.may_miss_of_each)

    def _is_missing_of_each(self, source):
        """Return which features are missing somewhere in a data set that is there."""
        values = source.values[is_there(source)]
        return np.isnan(values).reshape(-1, *self.may_miss_of_each.shape).any(axis=0)

    def _check_columns(self, source, *, name):
        if self.columns is not None and source.columns not in (None, self.columns):
            raise ValueError(
                f"{name} must have the columns {self.columns} in this order, as in fit; got {source.columns}."
            )

    def _wrong_shape(self, source, *, name):
        """Return what is wrong, with advice."""
        first = "n_observations" if self.takes_any_length else self.shape[0]
        wanted = ", ".join(map(str, ("n_datasets", first, *self.shape[1:])))
        got = source.values.shape
        is_one_data_set = got == self.shape or (self.takes_any_length and len(got) > 1 and got[1:] == self.shape[1:])
        advice = "."
        if is_uneven(source):
            got = f"arrays of {source.lengths.min()} to {source.lengths.max()} observations"
        elif is_one_data_set:
            advice = f", one data set without its first axis. Pass {name}[np.newaxis]."
        elif self.shape[-1:] == (1,) and source.shape[1:] == self.shape[1:-1]:
            advice = f". For one feature pass {name}[..., np.newaxis]."
        elif sorted(source.shape) == sorted(self.shape) or source.shape[:1] == self.shape[-1:]:
            advice = ". The axes seem to come in another order; see np.moveaxis."
        return f"{name} must have shape ({wanted}), as in fit; got {got}{advice}"

    def _feature_shape(self, source):
        return source.shape[len(source.shape) - self.n_feature_axes :] or (1,)


def _filled(rows):
    """Return `rows` with the observed values of each column, over and over, in place of missing ones."""
    rows = rows.reshape(len(rows), -1).copy()
    for column in rows.T:
        seen = column[~np.isnan(column)]
        column[:] = np.resize(seen, len(column)) if len(seen) else 0.0
    return rows
