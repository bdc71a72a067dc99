"""The folder of a model: a recipe and weights, each with its checksum, written all at once."""

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
from pathlib import Path

from skabi.exceptions import ModelFileError

_LOGGER = logging.getLogger(__name__)
RECIPE, WEIGHTS = "recipe.json", "weights.safetensors"
# The number of this layout, and of what estimators hold. Whoever changes either after a release, so that kept files no
# longer open or an older release would not know what to do with a new one, takes the next number, and turns recipes of
# the one before into it.
FORMAT = 1
_LARGEST_RECIPE, _LARGEST_WEIGHTS = 2**26, 2**32
_FIELDS = ("format", "skabi", "versions", "weights", "model", "sha256")


def write_folder(path, *, recipe, weights, versions, overwrite):
    """Write a recipe and the bytes of weights to a folder that is there as a whole or not at all."""
    check_free(path, overwrite=overwrite)
    content = {
        "format": FORMAT,
        **versions,
        "weights": {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
        "model": recipe,
    }
    content["sha256"] = _checksum(content)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    # Lone surrogates, which text may have, are written as escapes.
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) > _LARGEST_RECIPE or len(weights) > _LARGEST_WEIGHTS:
        raise ModelFileError(
            f"a model may have {_LARGEST_RECIPE:,} bytes in its recipe and {_LARGEST_WEIGHTS:,} in its weights; this "
            f"one has {len(encoded):,} and {len(weights):,}. Does it hold data sets that it does not need?"
        )
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    made.mkdir(parents=True)
    try:
        _write(made / RECIPE, encoded)
        _write(made / WEIGHTS, weights)
        _put_in_place(made, path)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def as_path(path):
    """Return the path of a model, with the home directory in the place of `~`."""
    return Path(path).expanduser()


def check_free(path, *, overwrite):
    """Raise if there is something at a path that must stay, or that a save which was killed was to replace."""
    moved = _moved(path)
    if moved is not None:
        moved.rename(path)
    if not path.exists():
        return
    if not overwrite:
        raise FileExistsError(f"there is something at {path} already. To replace a model: save(..., overwrite=True).")
    if not path.is_dir() or path.is_symlink() or not {entry.name for entry in path.iterdir()} <= {RECIPE, WEIGHTS}:
        raise FileExistsError(
            f"{path} is not the folder of a model, or has other files in it, which would be lost. Choose another."
        )


def _write(path, content):
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(made, path):
    """Rename a folder, and then delete the one that had its name."""
    if not path.exists():
        made.rename(path)
        return
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    path.rename(old)
    try:
        made.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _moved(path):
    """Return where the model of a path is if a save was killed after it had put it aside, else None."""
    if path.exists() or not path.parent.is_dir():
        return None
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.old")
    found = [each for each in path.parent.iterdir() if name.fullmatch(each.name) and (each / RECIPE).exists()]
    return max(found, key=lambda each: each.stat().st_mtime, default=None)


def read_folder(path):
    """Return the recipe and the bytes of the weights of a folder, checked to be what was written."""
    moved = _moved(path)
    if moved is not None:
        # Not renamed: whoever moved it may be about to put another in its place.
        _LOGGER.warning("a save to %s was cut off; the model that it was to replace is opened, from %s", path, moved)
        path = moved
    if not path.is_dir() or not (path / RECIPE).exists():
        raise ModelFileError(f"{path} must be a folder made by save, with {RECIPE} and {WEIGHTS}; there is none.")
    content = _parsed(_read(path / RECIPE, _LARGEST_RECIPE))
    _check_format(content)
    if set(content) != set(_FIELDS):
        raise _damaged(f"{RECIPE} must have {', '.join(_FIELDS)}")
    if _checksum({key: value for key, value in content.items() if key != "sha256"}) != content["sha256"]:
        raise _damaged(f"{RECIPE} does not have its checksum")
    weights, said = _read(path / WEIGHTS, _LARGEST_WEIGHTS), content["weights"]
    if said != {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}:
        raise _damaged(f"{WEIGHTS} does not have the size and the checksum that {RECIPE} has for it")
    return content["model"], weights


def _check_format(content):
    number = content.get("format")
    if type(number) is not int or number < 1:
        raise _damaged(f"{RECIPE} has no format")
    if number > FORMAT:
        raise ModelFileError(
            f"the model was written in format {number} by skabi {str(content.get('skabi'))[:50]}; this release reads "
            f"formats up to {FORMAT}. Install a later skabi."
        )


def _read(path, largest):
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= largest else None
    except (OSError, MemoryError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}. Both files of a model must be in its folder.") from error
    if content is None:
        raise ModelFileError(f"{path} is larger than the {largest:,} bytes that a model may have.")
    return content


def _parsed(encoded):
    try:
        content = json.loads(
            encoded.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise _damaged(f"{RECIPE} is not JSON as save writes it ({str(error)[:200]})") from error
    if type(content) is not dict:
        raise _damaged(f"{RECIPE} holds no model")
    return content


def _without_repeats(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key comes twice")
    return result


def _refuse_constant(text):
    raise ValueError(f"{text} is no number of JSON")


def _checksum(content):
    """Return the SHA-256 of content, whatever the blanks in its file."""
    try:
        text = json.dumps(content, separators=(",", ":"))
    except RecursionError as error:
        raise _damaged(f"{RECIPE} is nested too deep") from error
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(what):
    return ModelFileError(
        f"{what}: the model was altered or cut off after it was saved. Copy it again, or save it anew."
    )
