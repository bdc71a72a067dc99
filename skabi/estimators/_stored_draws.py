"""Posterior draws of many data sets in a store on disk: made and written a chunk at a time, each of them once."""

import logging
import math
import os
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skabi._parallel import results
from skabi._params import check_count
from skabi._progress import progress, silent
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.estimators._checkpointed import hash_of_weights
from skabi.exceptions import ApproximationWarning, StoreError

_LOGGER = logging.getLogger(__name__)
# Numbers in a chunk: 16 MB.
_CHUNK = 2_000_000
_CHECKSUM = 4


def draw_into(path, posterior, X, *, n_draws, n_replicates, random_state):
    """Return a `zarr.Array` `(n_datasets, n_draws, n_parameters)`, once what is missing of it has been drawn."""
    import zarr

    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"store must be the path of a folder; got {path!r} of type {type(path).__name__}.")
    path = Path(path).expanduser().absolute()
    n_draws = check_count(n_draws, "n_draws")
    identity = _identity(posterior, X, n_draws, n_replicates)
    try:
        seed = _claim(path, identity, random_state)
        size, n_bytes = zarr.open_array(path, mode="r").chunks[0], 8 * n_draws * len(posterior.parameter_names_)
        starts = [
            start for start in range(0, _num_samples(X), size) if not _is_there(path, start // size, size * n_bytes)
        ]
        _draw(path, posterior, X, starts, size=size, n_draws=n_draws, n_replicates=n_replicates, seed=seed)
    except OSError as error:
        raise StoreError(
            f"cannot write to the store {str(path)!r} ({error}). See to the cause, and call sample with the same "
            "arguments again: it draws what is missing."
        ) from error
    return zarr.open_array(path, mode="r")


def _identity(posterior, X, n_draws, n_replicates):
    """Return what the draws of a store depend on besides their seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        # What is wrong with data sets is said before there is a store. Weights know nothing of units and supports.
        probe = posterior.sample(_safe_indexing(X, slice(1)), 8, random_state=0)
    return {
        "shape": [_num_samples(X), n_draws, probe.shape[2]],
        "weights": hash_of_weights(posterior.network_),
        "parameters": list(posterior.parameter_names_),
        "draws of the first data set": probe.ravel().tolist(),
        "data sets": joblib.hash(X),
        "n_replicates": n_replicates,
    }


def _claim(path, identity, random_state):
    """Make a store, or see that one which is there has the same draws; return its seed."""
    own = seed_sequence(random_state).generate_state(4).tolist()
    if path.exists() and not path.is_dir():
        raise StoreError(f"{str(path)!r} is a file; a store is a folder. Choose another path.")
    if not path.exists() or not any(path.iterdir()):
        _create(path, identity | {"seed": own})
    found = _read(path)
    seed = found.pop("seed")
    if random_state is not None and own != seed:
        found, identity = found | {"random_state": "another one"}, identity | {"random_state": "this one"}
    differences = [name for name, value in identity.items() if not _is_same(found.get(name), value)]
    if differences:
        raise StoreError(
            f"the store {str(path)!r} has draws of something else; not the same: {', '.join(differences)}. Choose "
            "another path."
        )
    return np.random.SeedSequence(seed)


def _create(path, attributes):
    """Make an empty store, complete at once; that of another process that was quicker stays."""
    import zarr
    from zarr.codecs import Crc32cCodec

    path.parent.mkdir(parents=True, exist_ok=True)
    n_datasets, *rest = attributes["shape"]
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        zarr.create_array(
            store=f"{folder}/draws",
            shape=(n_datasets, *rest),
            chunks=(max(1, min(n_datasets, _CHUNK // math.prod(rest))), *rest),
            dtype="float64",
            compressors=[Crc32cCodec()],
            filters=None,
            fill_value=np.nan,
            attributes={"skabi_draws": attributes},
        )
        try:
            os.rename(f"{folder}/draws", path)
        except OSError:
            if not (path / "zarr.json").exists():
                raise


def _read(path):
    """Return what a store of draws says of itself."""
    import zarr

    try:
        attributes: Any = zarr.open_array(path, mode="r").attrs["skabi_draws"]
    except Exception as error:
        raise StoreError(f"{str(path)!r} is no store of draws, and is left as it is. Choose another path.") from error
    return dict(attributes)


def _is_same(found, wanted):
    """Return whether two entries of an identity agree; numbers may round differently on another machine."""
    if isinstance(wanted, list) and all(isinstance(number, float) for number in wanted):
        return found is not None and len(found) == len(wanted) and np.allclose(found, wanted, rtol=1e-3)
    return found == wanted


def _is_there(path, number, n_bytes):
    """Return whether a chunk is complete: as long as its numbers and their checksum."""
    chunk = path / "c" / str(number) / "0" / "0"
    return chunk.exists() and chunk.stat().st_size == n_bytes + _CHECKSUM


def _draw(path, posterior, X, starts, *, size, n_draws, n_replicates, seed):
    """Draw the chunks that begin at `starts`; workers write them."""
    n_datasets = _num_samples(X)
    tasks = (
        joblib.delayed(_draw_chunk)(
            path,
            posterior,
            _safe_indexing(X, slice(start, start + size)),
            start,
            n_draws=n_draws,
            n_replicates=n_replicates,
            seed=np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, start)),
        )
        for start in starts
    )
    n_done = n_datasets - sum(min(size, n_datasets - start) for start in starts)
    first, n_warned, began = None, 0, time.perf_counter()
    with progress(n_datasets, "drawing", verbose=posterior.verbose, initial=n_done) as advance:
        for n_rows, message in results(tasks, n_jobs=posterior.n_jobs, in_order=False, batch_size=1):
            advance(n_rows)
            first, n_warned = first or message, n_warned + bool(message)
    seconds = time.perf_counter() - began
    _LOGGER.info("drew %d data sets x %d into %r in %.1f s", n_datasets - n_done, n_draws, str(path), seconds)
    if n_warned:
        warn(f"in {n_warned} of {len(starts)} parts of the data sets, the first: {first}", ApproximationWarning)


def _draw_chunk(path, posterior, X, start, *, n_draws, n_replicates, seed):
    """Draw and write one chunk; return its number of data sets, and what was warned of."""
    import zarr

    with warnings.catch_warnings(record=True) as caught, silent():
        warnings.simplefilter("always", ApproximationWarning)
        draws = posterior.sample(X, n_draws, n_replicates=n_replicates, random_state=seed)
    zarr.open_array(path, mode="r+")[start : start + len(draws)] = draws
    messages = [str(each.message) for each in caught if issubclass(each.category, ApproximationWarning)]
    return len(draws), messages[0] if messages else None
