"""Data sets in a store on disk: read as a whole where memory allows, else a part at a time in training."""

import json
import math

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skabi._progress import progress
from skabi._shapes import as_float_array
from skabi._warnings import collected, warn
from skabi.estimators._sources import is_several
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.simulators import StoredDataSets

# Bytes up to which data sets are read as a whole, and of a part of them.
_WHOLE, _PART = 2**28, 2**26
# Rows that scales are learned from, and of which some are held out: as many as two parts have, within these limits.
_FEWEST_FIRST, _MOST_FIRST = 500, 20_000


def is_stored(X):
    """Return whether data sets, of one source or several, are in a store."""
    return isinstance(X, StoredDataSets) or (
        is_several(X) and any(isinstance(source, StoredDataSets) for source in X.values())
    )


def in_memory(X, rows=None):
    """Return data sets, or some of them, read into memory if they are in a store, else as they are."""
    if not is_stored(X):
        return X
    if not is_several(X):
        return X.read(rows)
    return type(X)(**{name: source.read(rows) for name, source in X.items()})


def is_large(X):
    """Return whether data sets are in a store, all sources of them, and not to be read as a whole."""
    sources = list(X.values()) if is_several(X) else [X]
    is_all = all(isinstance(source, StoredDataSets) for source in sources)
    return is_all and math.fsum(source.nbytes for source in sources) > _WHOLE


def in_parts(answer, X, *others, doing, verbose):
    """Return `answer(X, *others)`, an array or a tuple of them, of large data sets of which a part is read at a time.

    Parameters
    ----------
    answer : callable
        Returns arrays with a row for each data set, which does not depend on other data sets.
    X : StoredDataSets or SliceDict
    *others : array-like of shape (n_datasets, ...)
    doing : str
        What stands before the bar.
    verbose : int
    """
    sources = list(X.values()) if is_several(X) else [X]
    n, n_bytes = len(sources[0]), sum(source.nbytes for source in sources)
    for other in others:
        if _num_samples(other) != n:
            raise ShapeError(f"X and y must have the same n_datasets; got {n} and {_num_samples(other)}.")
    arrays: list[np.ndarray] = []
    answered, n_parts = None, 0
    with progress(n, doing, verbose=verbose, may_be_short=True) as advance, collected() as messages:
        for rows in _groups(sources[0].chunks(), n_rows=max(1, _PART * n // n_bytes)):
            answered = answer(in_memory(X, rows), *(_safe_indexing(other, rows) for other in others))
            found = answered if isinstance(answered, tuple) else (answered,)
            arrays = arrays or [np.empty((n, *part.shape[1:]), part.dtype) for part in found]
            for array, part in zip(arrays, found, strict=True):
                array[rows] = part
            n_parts += 1
            advance(len(rows))
    if messages:
        warn(f"in {len(messages)} of {n_parts} parts of the data sets, the first: {messages[0]}", ApproximationWarning)
    return tuple(arrays) if isinstance(answered, tuple) else arrays[0]


def _groups(chunks, *, n_rows):
    """Yield positions of rows of chunks, at least `n_rows` of them together."""
    group: list = []
    for chunk in chunks:
        group.append(chunk)
        if sum(map(len, group)) >= n_rows:
            yield np.concatenate(group)
            group = []
    if group:
        yield np.concatenate(group)


class Stream:
    """Simulations of which training reads a part at a time.

    Attributes
    ----------
    chunks : list of ndarray of int
        Rows that are read together.
    first : ndarray of int
        Rows that are read at first, and stay in memory.
    n_rows : int
        Rows of a part.
    """

    def __init__(self, X, y):
        sources = list(X.values()) if is_several(X) else [X]
        self.X, self.y = X, as_float_array(y, name="y")
        if self.y.ndim == 0 or len(self.y) != len(sources[0]):
            raise ShapeError(
                f"X and y must have the same n_datasets; got {len(sources[0])} data sets and y of shape {self.y.shape}."
            )
        self.chunks = list(sources[0].chunks())
        self.n_rows = max(1, _PART * len(self.y) // sum(source.nbytes for source in sources))
        # Rows may have been sorted since they were simulated.
        order = np.random.default_rng(0).permutation(len(self.chunks))
        n_first = int(np.clip(2 * self.n_rows, _FEWEST_FIRST, _MOST_FIRST))
        n_chunks = np.searchsorted(np.cumsum([len(self.chunks[i]) for i in order]), n_first)
        self.first = np.concatenate([self.chunks[i] for i in order[: n_chunks + 1]])

    def __len__(self):
        return sum(map(len, self.chunks))

    def hold_out(self, rows):
        """Leave some of the first rows out of training."""
        held_out = self.first[rows]
        self.chunks = [kept for chunk in self.chunks if len(kept := chunk[~np.isin(chunk, held_out)])]

    def identity(self):
        """Return arrays that tell what is streamed from all else."""
        sources = self.X.values() if is_several(self.X) else [self.X]
        return [self.y, *(part for source in sources for part in _identity(source))]

    def read(self, chunks):
        """Return X and y of chunks."""
        rows = np.concatenate(chunks)
        return in_memory(self.X, rows), self.y[rows]


def _identity(source):
    """Return rows of a store, and what is written there of the content of their chunks, as arrays."""
    rows, reader = np.asarray(source._rows), source._reader
    digests = [reader._chunks[number][1]["sha256_of_arrays"] for number, _ in reader.by_chunk(rows)]
    return rows, np.frombuffer(json.dumps([source._source, digests], sort_keys=True).encode(), dtype=np.uint8)


def opened(X, y):
    """Return X and y in memory, all of them or the first rows, and the `Stream` of all of them in that case."""
    if not is_stored(X):
        return X, y, None
    sources = X.values() if is_several(X) else [X]
    if y is None or not all(isinstance(source, StoredDataSets) for source in sources):
        return in_memory(X), y, None
    if math.fsum(source.nbytes for source in sources) <= _WHOLE:
        return in_memory(X), y, None
    stream = Stream(X, y)
    return in_memory(X, stream.first), _safe_indexing(y, stream.first), stream
