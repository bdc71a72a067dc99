"""Files of a store: written whole or not at all, and never believed without a digest."""

import errno
import hashlib
import json
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from skabi.exceptions import StoreError

# Ends of the names of files that are being written; no reader looks at those.
_PARTIAL = ".partial"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
# A writer that has not come back for its file in an hour was killed.
_ABANDONED = 3600.0
# Every zarr node, an array or a group, is described by a file of this name.
NODE = "zarr.json"


def write_file(path, content, *, is_entry_synced=False):
    """Write bytes to a new or existing file, so that a reader finds all of them or none, whatever happens.

    Whether a file that took the place of another is still there after a power failure, its folder has to be told; what
    does not count by being there needs no such care.
    """
    partial = _write_partial(path, content)
    try:
        os.replace(partial, path)
    except BaseException:
        _remove(partial)
        raise
    if is_entry_synced:
        _sync_folder(path.parent)


def publish_file(path, content):
    """Write bytes to a file that nobody else has written yet; return whether it was this call that did."""
    partial = _write_partial(path, content)
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # file systems without hard links: the first look has to do
        if path.exists():
            return False
        os.replace(partial, path)
    finally:
        _remove(partial)
    _sync_folder(path.parent)
    return True


def remove_partial(folder):
    """Remove what killed writers left in a folder and the folders below it."""
    with suppress(OSError):
        for path in folder.rglob(f"*{_PARTIAL}"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()


def group_content(attributes):
    """Return the bytes of the description of a zarr group, with a digest of its attributes."""
    attributes = {**attributes, "sha256": digest(_canonical(attributes))}
    return json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}, indent=1).encode()


def read_group(folder):
    """Return the attributes of a zarr group, or None where there is no such file; a damaged one is a `StoreError`."""
    try:
        content = (folder / NODE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        content = b""
    try:
        attributes = dict(json.loads(content)["attributes"])
        is_sound = attributes.pop("sha256") == digest(_canonical(attributes))
    except (ValueError, KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise StoreError(f"{folder / NODE} is damaged: its digest is not that of its content.")
    return attributes


def digest(content):
    """Return the SHA-256 digest of bytes or of a contiguous array, as text."""
    return hashlib.sha256(content).hexdigest()


def cannot_write(path, error, n_done, n):
    """Return the `StoreError` for an `OSError` met in writing."""
    if error.errno in _FULL:
        reason, advice = "there is no space left", "Make space"
    elif error.errno in _REFUSED:
        reason, advice = "the folder cannot be written to", "Make it writable, or choose another folder"
    else:
        reason, advice = "writing failed", "See to the cause"
    done = f"{n_done:,} of {n:,} simulations are stored and safe. " if n_done is not None else ""
    return StoreError(
        f"cannot write to the store {str(path)!r}: {reason} ({error}). {done}{advice} and call sample with the same "
        "store again: it goes on from there."
    )


def _write_partial(path, content):
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        _remove(partial)
        raise
    return partial


def _remove(path):
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _sync_folder(folder):
    # Where a folder cannot be opened, as on Windows, its entries are written in order anyway.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _canonical(attributes):
    return json.dumps(attributes, sort_keys=True).encode()


def as_path(store):
    """Return the absolute path of a store, which workers in other folders find too."""
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(
            f"store must be the path of a folder, str or Path; got {store!r} of type {type(store).__name__}."
        )
    return Path(os.path.abspath(Path(store).expanduser()))
