"""One chunk of a store: the rows of some whole seed blocks in a zarr group, which counts once it has its description.

The group holds `X` (or `X_0`, `X_1`, ... for several sources), a row a data set, and `y`. Where data sets have sizes of
their own, the observations of all lie one after the other in `X`, and `sizes` says how many each has.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skabi.exceptions import StoreError
from skabi.simulators._store_files import (
    NODE,
    digest,
    group_content,
    read_group,
    remove_partial,
    write_file,
)


@dataclass(frozen=True)
class Chunk:
    """Rows `start` to `stop` of a store, the folder they are in, and whose they are, as the store's `key`."""

    start: int
    stop: int
    folder: Path
    key: str

    def __len__(self):
        return self.stop - self.start


def commit(chunk, data, y, *, counted, attributes):
    """Write the rows of a chunk that were kept; its description comes last, and makes it count.

    Parameters
    ----------
    chunk : Chunk
    data : dict or None
        Data sets by source, as blocks carry them; None where there are none.
    y : DataFrame
        Their parameters.
    counted : dict
        How many sizes a source has, where it has any.
    attributes : dict
        What else is to be said of the chunk.
    """
    arrays, layout = {"y": y.to_numpy()}, None
    if data is not None:
        layout = [
            {"source": name, "counted": counted.get(name, 0), "shape": list(values[0].shape[counted.get(name, 0) :])}
            for name, values in data.items()
        ]
        for i, (values, source) in enumerate(zip(data.values(), layout, strict=True)):
            arrays.update(_flat(values, source, i))
    for key, content in _encoded(arrays).items():
        write_file(chunk.folder / key, content)
    described = attributes | {
        "key": chunk.key,
        "start": chunk.start,
        "stop": chunk.stop,
        "n_kept": len(y),
        "columns": list(y.columns),
        "layout": layout,
        "bytes": sum(array.nbytes for array in arrays.values()),
        "sha256_of_arrays": {name: digest(np.ascontiguousarray(array)) for name, array in arrays.items()},
    }
    write_file(chunk.folder / NODE, group_content(described), is_entry_synced=True)
    remove_partial(chunk.folder)


def examine(chunk):
    """Return the attributes of a chunk, None if it is not there yet, or raise a `StoreError` if it is damaged."""
    attributes = _attributes(chunk)
    if attributes is None:
        return None
    for name in attributes["sha256_of_arrays"]:
        _read(chunk.folder, attributes, name)
    return attributes


def examine_parameters(chunk):
    """Return the attributes of a chunk and its y, `(n_kept, n_parameters)`, likewise, without a look at its X."""
    attributes = _attributes(chunk)
    return None if attributes is None else (attributes, _read(chunk.folder, attributes, "y"))


def _attributes(chunk):
    attributes = read_group(chunk.folder)
    if attributes is not None and attributes["key"] != chunk.key:
        raise StoreError(f"{chunk.folder} is damaged: it holds rows of another simulator or seed.")
    return attributes


def read_data_sets(folder, attributes, i):
    """Return the data sets of a chunk for source number `i`: an array, or a list of arrays."""
    source = attributes["layout"][i]
    values = _read(folder, attributes, _name("X", source, i))
    if not source["counted"]:
        return values
    sizes = _read(folder, attributes, _name("sizes", source, i))
    ends = np.cumsum(sizes.prod(axis=1))
    return [
        part.reshape((*size, *values.shape[1:]))
        for part, size in zip(np.split(values, ends[:-1]), sizes.tolist(), strict=True)
    ]


def stand_in(layout):
    """Return one data set of zeros a source, shaped as a chunk's, for `difference`."""
    rows = {each["source"]: np.zeros((1,) * each["counted"] + tuple(each["shape"])) for each in layout}
    counted = {each["source"]: each["counted"] for each in layout}
    return {name: [row] if counted[name] else row[np.newaxis] for name, row in rows.items()}


def _name(kind, source, i):
    return kind if source["source"] is None else f"{kind}_{i}"


def _flat(values, source, i):
    """Return the arrays that a source is stored in, by name."""
    if not source["counted"]:
        return {_name("X", source, i): values}
    counted, rest = source["counted"], tuple(source["shape"])
    return {
        _name("X", source, i): np.concatenate([row.reshape((-1, *rest)) for row in values]),
        _name("sizes", source, i): np.array([row.shape[:counted] for row in values], dtype=np.int64),
    }


def _encoded(arrays):
    """Return the files of zarr arrays as a dict of path to bytes."""
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec
    from zarr.storage import MemoryStore

    files: dict = {}
    for name, array in arrays.items():
        node = zarr.create_array(
            store=MemoryStore(files),
            name=name,
            shape=array.shape,
            chunks=tuple(max(1, size) for size in array.shape),
            dtype=array.dtype.newbyteorder("<"),
            # Parameters are random numbers, which nothing compresses, and are read as they are.
            compressors=[ZstdCodec(level=1), Crc32cCodec()] if name.startswith("X") else None,
            filters=None,
            fill_value=np.nan if array.dtype.kind == "f" else 0,
            # A chunk that is NaN throughout would be left out, and the bits of its NaN lost.
            config={"write_empty_chunks": True},
        )
        node[...] = array
    files.pop(NODE, None)
    return {path: content.to_bytes() for path, content in files.items()}


def _read(folder, attributes, name):
    """Return an array of a chunk, or raise a `StoreError` unless it is the one that was written."""
    try:
        array = _read_plain(folder, attributes, name) if name[0] != "X" else _read_zarr(folder / name)
        is_sound = digest(np.ascontiguousarray(array)) == attributes["sha256_of_arrays"][name]
        cause = None
    except Exception as error:  # whatever a codec raises on bytes that it did not write
        is_sound, cause = False, error
    if not is_sound:
        raise StoreError(
            f"rows {attributes['start']:,} to {attributes['stop']:,} of the store are damaged: {folder / name} "
            f"{f'cannot be read ({cause})' if cause else 'does not have the content that was written'}."
        ) from cause
    return array


def _read_zarr(folder):
    import zarr

    return np.asarray(zarr.open_array(str(folder), mode="r")[...])


def _read_plain(folder, attributes, name):
    # Many small files are read in a fraction of the time that zarr takes to open them.
    dtype = np.dtype("<f8" if name == "y" else "<i8")
    if not attributes["n_kept"]:
        return np.empty((0, len(attributes["columns"])), dtype)
    content = (folder / name / "c" / "0" / "0").read_bytes()
    return np.frombuffer(content, dtype).reshape(attributes["n_kept"], -1)
