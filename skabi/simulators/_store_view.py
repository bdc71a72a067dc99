"""Data sets in a store, looked at without reading them."""

import math
from collections import OrderedDict
from threading import Lock

import numpy as np
import pandas as pd

from skabi.exceptions import StoreError
from skabi.simulators._data_sets import as_objects
from skabi.simulators._store_chunks import examine_parameters, read_data_sets
from skabi.simulators._store_files import as_path
from skabi.simulators._store_plan import find_store

# Bytes of decoded chunks that are kept in memory for a store, in each process.
_CACHE = 2**27


def open_store(path, *, partial=False):
    """Open simulations on disk without reading them.

    To read one data set reads its chunk, which has at most 8 MiB, or the rows of one seed block where these are more:
    8 bytes a number, so a vectorized simulator with `block_size=1000` of images of 200 x 200 has chunks of 320 MB, and
    one with `block_size=25` has chunks of 8 MB. The last chunks that were read stay in memory, 128 MiB of them or one.

    Parameters
    ----------
    path : str or Path
        A folder that `Simulator.sample` was called with, as `store`.
    partial : bool, default=False
        Whether a store that is not complete is opened too. Its rows are then those of the chunks that are done, in
        order, which need not be the first ones; where simulations take longer for some parameters than for others,
        those may be missing.

    Returns
    -------
    X : StoredDataSets or SliceDict
        Data sets that stay on disk, `(n_datasets, ...)`. `X[i]` reads one of them, and `X[rows]`, for a slice or an
        array of int or bool, selects without reading. `X.read()` and `np.asarray(X)` read all into memory; `X.chunks()`
        yields positions of rows that are read together. Where data sets have sizes of their own, `X` has shape
        `(n_datasets,)` and `read` returns a list. With several sources, a `skorch.helper.SliceDict` of these. It can be
        pickled, and split by scikit-learn.
    y : DataFrame of shape (n_datasets, n_parameters)
        Their parameters, in memory: 8 bytes each.

    Raises
    ------
    StoreError
        If there is no store at `path`, it is not complete, or a part of it is damaged; also later, when a part of `X`
        is read that is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skabi.datasets import TwoMoons
    >>> from skabi.simulators import open_store
    >>> with TemporaryDirectory() as folder:
    ...     _ = TwoMoons().sample(3000, store=f"{folder}/moons.zarr", random_state=0)
    ...     X, y = open_store(f"{folder}/moons.zarr")
    ...     print(X.shape, X[::2].shape, X[0].shape, X[:100].read().shape, y.shape)
    (3000, 2) (1500, 2) (2,) (100, 2) (3000, 2)
    """
    path = as_path(path)
    store = find_store(path)
    if store is None:
        raise StoreError(f"there is no store at {str(path)!r}. Make one with simulator.sample(n, store={str(path)!r}).")
    X, y, _ = view(store, store.chunks(), store.n_asked(), partial=partial)
    if X is None:
        raise StoreError(
            f"the store {str(path)!r} has no rows. Call simulator.sample(n, store=...), with the simulator that it was "
            "made with."
        )
    return X, y


def view(store, chunks, n, *, partial=False):
    """Return `(X, y)` of the first `n` rows, which are in `chunks`, and the descriptions of those that are there.

    Where no rows are, X and y are None.
    """
    kept, described, frames, n_kept, n_found = [], [], [], 0, 0
    for chunk in chunks:
        try:
            found = examine_parameters(chunk)
        except StoreError as error:
            raise damaged(error, store.path) from error
        if found is None:
            continue
        attributes, y = found
        n_rows = min(chunk.stop, n) - chunk.start
        n_found += n_rows
        # Positions of rows in a chunk are those among the rows that were kept.
        n_here = n_rows - int(np.count_nonzero(np.array(attributes["dropped"], dtype=int) < n_rows))
        kept.append((chunk.folder, attributes))
        described.append(attributes)
        frames.append(y[:n_here])
        n_kept += n_here
    if n_found < n and not partial:
        raise StoreError(
            f"the store {str(store.path)!r} is not complete: it has {n_found:,} of {n:,} rows. Finish it with "
            f"simulator.sample({n}, store=...), or open what is there with open_store(..., partial=True)."
        )
    if not n_kept:
        return None, None, described
    y = pd.DataFrame(np.concatenate([y for y in frames if len(y)]), columns=described[0]["columns"])
    reader = _Reader(store.path, kept)
    layout = next(each["layout"] for each in described if each["layout"])
    parts = {
        source["source"]: StoredDataSets(reader, source, number=i, rows=range(n_kept))
        for i, source in enumerate(layout)
    }
    return (parts[None] if None in parts else _slice_dict(parts)), y, described


def damaged(error, path):
    """Return the `StoreError` for a damaged part of a store."""
    return StoreError(
        f"{error} Call simulator.sample(n, store={str(path)!r}) again, with the simulator that it was made with: it "
        "simulates damaged parts anew."
    )


class StoredDataSets:
    """Data sets of one source of a store: a selection of rows, which are read when they are asked for.

    Parameters
    ----------
    reader : _Reader
        What reads chunks; selections of one store share it.
    source : dict
        Name and shape of the source.
    number : int
        Its place among the sources.
    rows : range or ndarray of int
        Rows of the store, among those that were kept.
    """

    def __init__(self, reader, source, *, number, rows):
        self._reader, self._source, self._number, self._rows = reader, source, number, rows

    def __len__(self):
        return len(self._rows)

    def __repr__(self):
        what = "data sets" if not self._is_ragged else "data sets with sizes of their own"
        return f"<{len(self)} {what} {self.shape[1:] or ''} in {str(self._reader.path)!r}>".replace("  ", " ")

    @property
    def _is_ragged(self):
        return self._source["counted"] > 0

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n_datasets, ...)`, or `(n_datasets,)` where data sets have sizes of their own."""
        return (len(self),) if self._is_ragged else (len(self), *self._source["shape"])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that they take in memory; about so many where they have sizes of their own."""
        return len(self) * (self._reader.bytes_a_row() if self._is_ragged else 8 * math.prod(self.shape[1:]))

    @property
    def dtype(self) -> np.dtype:
        """`float64`, or `object` where data sets have sizes of their own."""
        return np.dtype(object if self._is_ragged else np.float64)

    def __getitem__(self, rows):
        if isinstance(rows, tuple):
            # scikit-learn asks for X[rows, ...].
            rows, *others = rows
            if any(not (each is Ellipsis or (isinstance(each, slice) and each == slice(None))) for each in others):
                raise IndexError("data sets in a store are selected by rows alone; read them first, with X.read().")
        if isinstance(rows, (int, np.integer)) and not isinstance(rows, bool):
            i = int(rows)
            if not -len(self) <= i < len(self):
                raise IndexError(f"there are {len(self)} data sets; got index {i}.")
            return self._read(np.array([self._rows[i]]))[0]
        return StoredDataSets(self._reader, self._source, number=self._number, rows=self._select(rows))

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("data sets in a store have to be read; np.asarray(X) does, without copy=False.")
        values = self._read(np.asarray(self._rows))
        return as_objects(values) if self._is_ragged else values.astype(dtype or np.float64, copy=False)

    def read(self, rows=None):
        """Read data sets into memory.

        Parameters
        ----------
        rows : slice or array-like of int or bool, optional
            Which; by default all.

        Returns
        -------
        X : ndarray of shape (n_datasets, ...), or list of ndarray
            As `Simulator.sample` returns them: where data sets have sizes of their own, a list, or for one of several
            sources an array of objects.

        Raises
        ------
        StoreError
            If a part of the store is damaged.
        """
        selected = self._rows if rows is None else self._select(rows)
        values = self._read(np.asarray(selected))
        return as_objects(values) if self._is_ragged and self._source["source"] is not None else values

    def chunks(self):
        """Yield arrays of positions of rows that are read together, in the order of the store.

        `X.read(positions)` then reads each file once, however large the store: shuffle the arrays, not the rows.
        """
        rows = np.asarray(self._rows)
        for _, positions in self._reader.by_chunk(rows):
            yield positions

    def _select(self, rows):
        if isinstance(rows, slice):
            return self._rows[rows]
        rows = np.asarray(rows)
        if rows.ndim != 1 or (rows.dtype.kind not in "biu" and rows.size):
            raise IndexError(f"rows are a slice, or one axis of int or bool; got {rows.dtype} of shape {rows.shape}.")
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask must have one entry for each of {len(self)} data sets; got {len(rows)}.")
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if rows.size and not (-len(self) <= rows.min() and rows.max() < len(self)):
            raise IndexError(f"there are {len(self)} data sets; got indices from {rows.min()} to {rows.max()}.")
        rows = np.where(rows < 0, rows + len(self), rows)
        if isinstance(self._rows, range):
            return self._rows.start + self._rows.step * rows
        return self._rows[rows]

    def _read(self, rows):
        if self._is_ragged:
            data_sets = [None] * len(rows)
            for values, positions, inner in self._reader.load(rows, self._number):
                for position, row in zip(positions.tolist(), inner.tolist(), strict=True):
                    data_sets[position] = values[row].copy()
            return data_sets
        array = np.empty((len(rows), *self._source["shape"]))
        for values, positions, inner in self._reader.load(rows, self._number):
            array[positions] = values[inner]
        return array


class _Reader:
    """Reads chunks of a store, and keeps the last ones."""

    def __init__(self, path, chunks):
        self.path = path
        self._chunks = chunks
        self._ends = np.cumsum([attributes["n_kept"] for _, attributes in chunks])
        self._forget()

    def __getstate__(self):
        return {key: self.__dict__[key] for key in ("path", "_chunks", "_ends")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()

    def bytes_a_row(self):
        """Return how many bytes a row has on average."""
        return math.ceil(sum(attributes["bytes"] for _, attributes in self._chunks) / self._ends[-1])

    def by_chunk(self, rows):
        """Yield `(chunk, positions)`: which of `rows` are in it, chunks in order, positions in theirs."""
        of_row = np.searchsorted(self._ends, rows, side="right")
        order = np.argsort(of_row, kind="stable")
        numbers, starts = np.unique(of_row[order], return_index=True)
        yield from zip(numbers.tolist(), np.split(order, starts[1:]) if len(rows) else [], strict=True)

    def load(self, rows, source):
        """Yield `(data sets of a chunk, positions among rows, rows in the chunk)`."""
        for chunk, positions in self.by_chunk(rows):
            start = self._ends[chunk - 1] if chunk else 0
            yield self._decoded(chunk, source), positions, rows[positions] - start

    def _decoded(self, chunk, source):
        key = chunk, source
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key][0]
        folder, attributes = self._chunks[chunk]
        try:
            values = read_data_sets(folder, attributes, source)
        except StoreError as error:
            raise damaged(error, self.path) from error
        with self._lock:
            self._cache[key] = values, _n_bytes(values)
            while len(self._cache) > 1 and sum(size for _, size in self._cache.values()) > _CACHE:
                self._cache.popitem(last=False)
        return values

    def _forget(self):
        self._cache: OrderedDict = OrderedDict()
        self._lock = Lock()


def _n_bytes(values):
    return values.nbytes if isinstance(values, np.ndarray) else sum(each.nbytes for each in values)


def _slice_dict(parts):
    from skorch.helper import SliceDict

    return SliceDict(**parts)
