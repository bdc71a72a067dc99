"""The state of a training on disk: written so that a kill at any moment leaves a good one behind."""

import hashlib
import json
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning

_FORMAT = 1
_NAME, _PREVIOUS_NAME = "training.safetensors", "training.previous.safetensors"
# What stands in JSON in the place of a tensor; its name among tensors is the value.
_MARK = "__tensor__"


class CheckpointFile:
    """A file in a folder, and the one before it: tensors by safetensors, the rest as JSON in the file's header.

    A new state is written beside the last one and takes its place when it is complete. No code runs on loading.

    Parameters
    ----------
    folder : path-like
        Made by `save` where it is not there.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def save(self, state):
        """Write `state`: dicts and lists of tensors, numbers, texts and None."""
        from safetensors.torch import save

        tensors: dict = {}
        text = json.dumps(_without_tensors(state, tensors))
        # Copies, for safetensors takes no tensors that share memory.
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        header = {"format": str(_FORMAT), "state": text, "digest": _digest(text, tensors)}
        self.folder.mkdir(parents=True, exist_ok=True)
        # Of a name of its own: the same fit may run twice at once.
        part, path = self.folder / f"training.{uuid.uuid4().hex}.part", self.folder / _NAME
        try:
            with open(part, "wb") as stream:
                stream.write(save(tensors, metadata=header))
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileNotFoundError):
                os.replace(path, self.folder / _PREVIOUS_NAME)
            os.replace(part, path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def load(self):
        """Return the last state that was written, the one before if that one cannot be read, or None.

        Raises
        ------
        ValueError
            If there are files, and none of them can be read.
        """
        wrong = []
        for path in self._paths():
            try:
                state = _read(path)
            except (OSError, ValueError, KeyError) as error:
                wrong.append(f"{path.name}: {error}")
                continue
            if wrong:
                warn(
                    f"the last checkpoint in {str(self.folder)!r} cannot be read ({wrong[0]}); training goes on from "
                    "the one before.",
                    ApproximationWarning,
                )
            return state
        if wrong:
            raise ValueError(
                f"the checkpoint in {str(self.folder)!r} cannot be read: {'; '.join(wrong)}. Delete the folder to "
                "begin anew."
            )
        return None

    def peek(self):
        """Return the last state without its tensors, the one before if that one cannot be read, or None."""
        for path in self._paths():
            with suppress(OSError, ValueError, KeyError):
                return json.loads(_header_and_tensors(path, with_tensors=False)[0]["state"])
        return None

    def age(self):
        """Return the seconds since a state was written, or None if there is none."""
        with suppress(OSError):
            return min((time.time() - path.stat().st_mtime for path in self._paths()), default=None)
        return None

    def remove(self):
        """Delete what was written, and the folder if nothing else is in it, as far as that can be done."""
        with suppress(OSError):
            for path in [*self._paths(), *self.folder.glob("training.*.part")]:
                path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _paths(self):
        return [path for path in (self.folder / _NAME, self.folder / _PREVIOUS_NAME) if path.exists()]


def _read(path):
    """Return the state in a file; a ValueError says what is wrong with it."""
    header, tensors = _header_and_tensors(path)
    if header["digest"] != _digest(header["state"], tensors):
        raise ValueError("its content is not what was written")
    return _with_tensors(json.loads(header["state"]), tensors)


def _header_and_tensors(path, *, with_tensors=True):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if header.get("format") != str(_FORMAT):
        raise ValueError(f"it is of format {header.get('format')}, and this version of skabi reads {_FORMAT}")
    return header, tensors


def _digest(text, tensors):
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).numpy())
    return digest.hexdigest()


def _without_tensors(state, tensors):
    """Return `state` with marks in the place of tensors, which are added to a dict."""
    if isinstance(state, dict):
        return {key: _without_tensors(part, tensors) for key, part in state.items()}
    if isinstance(state, (list, tuple)):
        return [_without_tensors(part, tensors) for part in state]
    if hasattr(state, "detach"):
        name = str(len(tensors))
        tensors[name] = state
        return {_MARK: name}
    return state


def _with_tensors(state, tensors):
    """Return the inverse of `_without_tensors`."""
    if isinstance(state, list):
        return [_with_tensors(part, tensors) for part in state]
    if isinstance(state, dict):
        if set(state) == {_MARK}:
            return tensors[state[_MARK]]
        return {key: _with_tensors(part, tensors) for key, part in state.items()}
    return state
