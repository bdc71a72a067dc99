"""Posterior draws of many data sets in a store on disk: made and written a chunk at a time, each of them once."""

import os
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples
from tqdm import tqdm

from skabi._parallel import results
from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.estimators._checkpointed import hash_of_weights
from skabi.exceptions import ApproximationWarning, StoreError

# Numbers in a chunk: 16 MB.
_CHUNK = 2_000_000


def draw_into(path, posterior, X, *, n_draws, n_replicates, random_state):
    """Return a `zarr.Array` `(n_datasets, n_draws, n_parameters)`, once what is missing of it has been drawn."""
    import zarr

    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"store must be the path of a folder; got {path!r} of type {type(path).__name__}.")
    path = Path(path).absolute()
    shape = (_num_samples(X), check_count(n_draws, "n_draws"), len(posterior.parameter_names_))
    try:
        seed = _claim(path, shape, random_state, identity=_identity(posterior, X, n_replicates))
        size = zarr.open_array(path, mode="r").chunks[0]
        starts = [start for start in range(0, shape[0], size) if not _is_there(path, start // size)]
        _draw(path, posterior, X, starts, size=size, n_draws=n_draws, n_replicates=n_replicates, seed=seed)
    except OSError as error:
        raise StoreError(
            f"cannot write to the store {str(path)!r} ({error}). What is drawn is safe: see to the cause, and call "
            "sample with the same arguments again, which goes on from there."
        ) from error
    return zarr.open_array(path, mode="r")


def _claim(path, shape, random_state, *, identity):
    """Make a store, or see that one which is there is of the same draws; return its seed."""
    import zarr
    from zarr.codecs import Crc32cCodec

    own = seed_sequence(random_state)
    identity = identity | {"shape": list(shape)}
    if not path.exists() or not any(path.iterdir()):
        seed = {"entropy": str(own.entropy), "spawn_key": list(own.spawn_key)}
        zarr.create_array(
            store=path,
            shape=shape,
            chunks=(max(1, _CHUNK // (shape[1] * shape[2])), *shape[1:]),
            dtype="float64",
            compressors=[Crc32cCodec()],
            filters=None,
            fill_value=np.nan,
            attributes={"skabi_draws": identity | {"seed": seed}},
        )
        return own
    try:
        attributes: Any = zarr.open_array(path, mode="r").attrs["skabi_draws"]
    except Exception as error:
        raise StoreError(f"{str(path)!r} is no store of draws, and is left as it is. Choose another path.") from error
    found = dict(attributes)
    kept = found.pop("seed")
    wanted = np.random.SeedSequence(_entropy(kept["entropy"]), spawn_key=tuple(kept["spawn_key"]))
    if random_state is not None and not np.array_equal(own.generate_state(4), wanted.generate_state(4)):
        found, identity = found | {"random_state": "another one"}, identity | {"random_state": "this one"}
    differences = [
        f"{name}: {found.get(name)} there, {identity[name]} now"
        for name in identity
        if found.get(name) != identity[name]
    ]
    if differences:
        raise StoreError(
            f"the store {str(path)!r} has draws of something else ({'; '.join(differences)}). Choose another path."
        )
    return wanted


def _entropy(text):
    """Return the entropy of a seed from its text: an int, or a list of such."""
    numbers = [int(number) for number in text.strip("[]").split(",")]
    return numbers if text.startswith("[") else numbers[0]


def _identity(posterior, X, n_replicates):
    return {
        "weights": hash_of_weights(posterior.network_),
        "parameters": list(posterior.parameter_names_),
        "data sets": joblib.hash(X),
        "n_replicates": n_replicates,
    }


def _is_there(path, number):
    return (path / "c" / str(number) / "0" / "0").exists()


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
    first, n_warned = None, 0
    with tqdm(
        total=n_datasets, initial=n_done, desc="drawing", unit=" data sets", disable=not posterior.verbose
    ) as bar:
        for n_rows, message in results(tasks, n_jobs=posterior.n_jobs, in_order=False, batch_size=1):
            bar.update(n_rows)
            first, n_warned = first or message, n_warned + bool(message)
    if n_warned:
        warn(f"in {n_warned} of {len(starts)} parts of the data sets, the first: {first}", ApproximationWarning)


def _draw_chunk(path, posterior, X, start, *, n_draws, n_replicates, seed):
    """Draw and write one chunk; return its number of data sets, and what was warned of."""
    import zarr

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ApproximationWarning)
        draws = posterior.sample(X, n_draws, n_replicates=n_replicates, random_state=seed)
    zarr.open_array(path, mode="r+")[start : start + len(draws)] = draws
    messages = [str(each.message) for each in caught if issubclass(each.category, ApproximationWarning)]
    return len(draws), messages[0] if messages else None
