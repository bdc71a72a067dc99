"""Trainings that are interrupted and go on as if nothing had happened."""

import hashlib
import json
import math
import numbers
import time
from pathlib import Path

import torch
from skorch.callbacks import Callback

from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning
from skabi.training._checkpoint_file import CheckpointFile

# Shares of the time of training that snapshots, in memory, and files may cost.
_SNAPSHOT_SHARE, _FILE_SHARE = 0.005, 0.01
# Seconds after which the next is due, whatever it costs.
_LONGEST_WAIT = 600.0
# Seconds for which the state of a fit is kept that nobody goes on with: 60 days.
_LONGEST_KEPT = 60 * 86_400
# Of the names of folders in which the states of fits are.
_PREFIX = "fit-"


class Checkpoint:
    """Where the state of a training is kept: in a subfolder of its own, so that other fits may share the folder.

    Parameters
    ----------
    folder : path-like
    identity : dict of str to str
        What must be the same for training to go on. Values that begin with # are hashes.
    notes : dict, optional
        What else is kept in the file.
    """

    def __init__(self, folder, identity, notes=None):
        self.folder = Path(folder)
        text = json.dumps(sorted(identity.items()))
        self.file = CheckpointFile(
            self.folder / f"{_PREFIX}{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
        )
        self.identity = identity
        self.notes = notes or {}
        self._is_warned = False

    def load(self):
        """Return the state of an earlier training of the same fit, or None; delete what is old of others.

        It is warned of a fit with the same recipe that was not completed, where that was on other data: who calls
        `fit` again to go on learns why it does not.

        Raises
        ------
        ValueError
            If it cannot be read.
        """
        state = self.file.load()
        for file in files_in(self.folder):
            if file.folder != self.file.folder and (file.age() or 0.0) > _LONGEST_KEPT:
                file.remove()
        if state is None:
            self._warn_of_others()
        return state

    def save(self, state):
        """Write the state of a training, or warn, once, that it cannot be written."""
        try:
            self.file.save({"identity": self.identity, "notes": self.notes, **state})
        except OSError as error:
            if not self._is_warned:
                self._is_warned = True
                warn(
                    f"the checkpoint in {str(self.folder)!r} cannot be written ({error}). Training goes on, and it is "
                    "tried again; if the process ends now, what was learned since the last checkpoint is lost.",
                    ApproximationWarning,
                )

    def _warn_of_others(self):
        for state in map(CheckpointFile.peek, files_in(self.folder)):
            if state is None:
                continue
            before = state["identity"]
            is_same = recipe_of(before) == recipe_of(self.identity)
            if is_same and before.get("random_state") == self.identity.get("random_state"):
                names = [name for name, value in self.identity.items() if before.get(name) != value]
                warn(
                    f"the checkpoint in {str(self.folder)!r} has the state of a fit with the same recipe that differs: "
                    f"not the same {', '.join(names)}. That state is kept, and this fit begins anew.",
                    ApproximationWarning,
                )
                return


def files_in(folder):
    """Return the files of all fits whose state is kept in a folder, the last written first."""
    files = [CheckpointFile(path) for path in Path(folder).glob(f"{_PREFIX}*")]
    ages = {file: age for file in files if (age := file.age()) is not None}
    return sorted(ages, key=ages.__getitem__)


def recipe_of(identity):
    """Return what is no hash in an identity."""
    return {name: value for name, value in identity.items() if not value.startswith("#")}


class TrainingState:
    """All that the rest of a training depends on, at the end of an epoch.

    Parameters
    ----------
    generator : torch.Generator
        Shuffles the batches.
    parts : dict of str to callback
        Callbacks with `state()` and `restore(state)`.
    """

    def __init__(self, generator, parts):
        self.generator = generator
        self.parts = parts

    def take(self, net):
        """Return a copy of the state."""
        state = {
            "weights": net.module_.state_dict(),
            "optimizer": [dict(net.optimizer_.state.get(weight, {})) for weight in _trained(net)],
            "rate": float(net.lr),
            "generator": self.generator.get_state(),
            "history": [_numbers(epoch) for epoch in net.history],
            "parts": {name: part.state() for name, part in self.parts.items()},
        }
        return _copied(state)

    def put(self, net, state):
        """Give a net that is about to be trained the state of an earlier one."""
        net.module_.load_state_dict(state["weights"])
        for weight, kept in zip(_trained(net), state["optimizer"], strict=True):
            if kept:
                net.optimizer_.state[weight] = {key: value.to(weight.device) for key, value in kept.items()}
        net.lr = state["rate"]
        self.generator.set_state(state["generator"])
        for epoch in state["history"]:
            net.history.append({**epoch, "batches": []})
        for name, part in self.parts.items():
            part.restore(state["parts"][name])


class Resume(Callback):
    """Start from the state of an earlier training.

    Parameters
    ----------
    training_state : TrainingState
    state : dict
    """

    def __init__(self, training_state, state):
        self.training_state = training_state
        self.state = state

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Put the state in place, after the callbacks before this one have set theirs to the beginning."""
        self.training_state.put(net, self.state)


class KeepState(Callback):
    """Write the state at the end of an epoch, as often as costs little.

    A copy in memory is taken more often: it is what `flush` writes when training ends early.

    Parameters
    ----------
    checkpoint : Checkpoint
    training_state : TrainingState
    """

    def __init__(self, checkpoint, training_state):
        self.checkpoint = checkpoint
        self.training_state = training_state

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Have nothing to write yet."""
        self._snapshot = None
        self._snapshots, self._files = _Rhythm(_SNAPSHOT_SHARE), _Rhythm(_FILE_SHARE)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Copy, and write, what is due."""
        if self._snapshots.is_due():
            with self._snapshots:
                self._snapshot = self.training_state.take(net)
        if self._snapshot is not None and self._files.is_due():
            with self._files:
                self.flush()

    def flush(self):
        """Write the last copy unless that was done."""
        if self._snapshot is not None:
            self.checkpoint.save(self._snapshot)
            self._snapshot = None

    def forget(self):
        """Delete what was written."""
        self._snapshot = None
        self.checkpoint.file.remove()


class _Rhythm:
    """When something is due that may cost a share of the time."""

    def __init__(self, share):
        self.share = share
        self._cost, self._end = 0.0, -math.inf

    def is_due(self):
        """Return whether it may be done again."""
        return time.perf_counter() - self._end >= min(self._cost / self.share, _LONGEST_WAIT)

    def __enter__(self):
        self._start = time.perf_counter()

    def __exit__(self, *error):
        self._end = time.perf_counter()
        self._cost = self._end - self._start


def _trained(net):
    return [weight for group in net.optimizer_.param_groups for weight in group["params"]]


def _numbers(epoch):
    """Return what JSON can hold of an epoch in skorch's history, without its batches."""
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in epoch.items()}
    return {name: value for name, value in plain.items() if isinstance(value, (numbers.Number, str))}


def _copied(state):
    if isinstance(state, dict):
        return {key: _copied(part) for key, part in state.items()}
    if isinstance(state, (list, tuple)):
        return [_copied(part) for part in state]
    return state.detach().clone() if isinstance(state, torch.Tensor) else state
