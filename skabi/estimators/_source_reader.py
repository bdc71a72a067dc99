"""From data sets in their own units to the numbers that networks see."""

import numpy as np

from skabi.estimators._features import FeatureScaler
from skabi.exceptions import ShapeError


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
        self.shape, self.is_ragged = source.shape, source.is_ragged
        self.lengths = (int(source.lengths.min()), int(source.lengths.max()))
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
        if mask is not None and self.takes_any_length:
            mask = np.broadcast_to(mask.reshape(len(mask), -1), values.shape[:2])
        if mask is not None:
            values = values * mask.reshape(*mask.shape, *[1] * (values.ndim - mask.ndim))
        return values, mask

    def check(self, source, *, name):
        """Raise unless data sets have the shape seen in `fit`; return whether their lengths are others than there."""
        free = self.takes_any_length and len(source.shape) == len(self.shape)
        if source.shape == self.shape or (free and source.shape[1:] == self.shape[1:]):
            shortest, longest = self.lengths
            lengths = source.lengths if free else np.array([])
            return bool(lengths.size and (lengths.min() < shortest or lengths.max() > longest))
        first = "n_observations" if self.takes_any_length else self.shape[0]
        wanted = ", ".join(map(str, ("n_datasets", first, *self.shape[1:])))
        whole = source.values.shape
        if whole == self.shape or (self.takes_any_length and len(whole) > 1 and whole[1:] == self.shape[1:]):
            advice = f", one data set without its first axis. Pass {name}[np.newaxis]."
        elif sorted(source.shape) == sorted(self.shape) or source.shape[:1] == self.shape[-1:]:
            advice = ". The axes seem to come in another order; see np.moveaxis."
        else:
            advice = "."
        raise ShapeError(f"{name} must have shape ({wanted}), as in fit; got {whole}{advice}")

    def _feature_shape(self, source):
        return source.shape[len(source.shape) - self.n_feature_axes :] or (1,)


def _filled(rows):
    """Return `rows` with the observed values of each column, over and over, in place of missing ones."""
    rows = rows.reshape(len(rows), -1).copy()
    for column in rows.T:
        seen = column[~np.isnan(column)]
        column[:] = np.resize(seen, len(column)) if len(seen) else 0.0
    return rows
