"""One chunk of a store: the rows of some whole seed blocks in a zarr group, which counts once it has its description.

The group holds `X` (or `X_0`, `X_1`, ... for several sources), a row a data set, and `y`. Where data sets have sizes of
their own, the observations of all lie one after the other in `X`, and `sizes` says how many each has. `X` is compressed
where that makes it smaller, which random numbers are not.
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

# What is compressed to more than this share of its size is stored as it is, and read in a fraction of the time.
_WORTHWHILE = 0.9


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
    compressed, digests = [], {}
    for name, array in arrays.items():
        files, is_compressed = _encoded(name, array)
        compressed += [name] * is_compressed
        digests[name] = digest(files[f"{name}/{NODE}"])
        for key, content in files.items():
            write_file(chunk.folder / key, content)
    described = attributes | {
        "key": chunk.key,
        "start": chunk.start,
        "stop": chunk.stop,
        "n_kept": len(y),
        "columns": list(y.columns),
        "layout": layout,
        "compressed": compressed,
        "sha256_of_descriptions": digests,
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


def _encoded(name, array):
    """Return the files of an array as a dict of path to bytes, and whether they are compressed."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    if name.startswith("X"):
        files = _zarr_files(name, array, [ZstdCodec(level=1), Crc32cCodec()])
        if sum(map(len, files.values())) < _WORTHWHILE * array.nbytes or not array.size:
            return files, True
    return _zarr_files(name, array, None), False


def _zarr_files(name, array, compressors):
    import zarr
    from zarr.storage import MemoryStore

    files: dict = {}
    node = zarr.create_array(
        store=MemoryStore(files),
        name=name,
        shape=array.shape,
        chunks=tuple(max(1, size) for size in array.shape),
        dtype=array.dtype.newbyteorder("<"),
        compressors=compressors,
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
        array = (_read_zarr if name in attributes["compressed"] else _read_plain)(folder, attributes, name)
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


def _read_zarr(folder, attributes, name):
    import zarr

    return np.asarray(zarr.open_array(str(folder / name), mode="r")[...])


def _read_plain(folder, attributes, name):
    # A file is read in a fraction of the time that zarr takes to open it; others read it by its description.
    if digest((folder / name / NODE).read_bytes()) != attributes["sha256_of_descriptions"][name]:
        raise StoreError("its description does not have the content that was written")
    shape = _shape(attributes, name)
    dtype = np.dtype("<i8" if name.startswith("sizes") else "<f8")
    if not shape[0]:
        return np.empty(shape, dtype)
    content = folder.joinpath(name, "c", *"0" * len(shape)).read_bytes()
    return np.frombuffer(content, dtype).reshape(shape)


def _shape(attributes, name):
    """Return the shape of an array of a chunk; -1 stands for a length that is not kept."""
    n_kept = attributes["n_kept"]
    if name == "y":
        return n_kept, len(attributes["columns"])
    of_name = (
        each for i, each in enumerate(attributes["layout"]) if name in (_name("X", each, i), _name("sizes", each, i))
    )
    source = next(of_name)
    if name.startswith("sizes"):
        return n_kept, source["counted"]
    return -1 if source["counted"] else n_kept, *source["shape"]
