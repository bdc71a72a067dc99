"""Where a fit keeps the state of its training, and by what it is told from other fits."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skabi._random import seed_sequence
from skabi.estimators._sources import is_several
from skabi.estimators._stored import in_memory
from skabi.networks._data_sets import map_tensors
from skabi.training import Checkpoint, CheckpointFile
from skabi.training._checkpoints import files_in, recipe_of

# What does not change the weights, or is seen in data, parameters and first weights.
_OF_NO_MATTER = {
    "callbacks",
    "checkpoint",
    "device",
    "n_jobs",
    "n_simulations",
    "prior",
    "random_state",
    "verbose",
    "warm_start",
    "warn_outside",
}


class CheckpointedFits:
    """Base class of estimators whose fits may be interrupted, and then go on."""

    checkpoint: str | Path | None = None
    random_state: object = None
    _own_seed: np.random.SeedSequence
    # Of a fit that the user ended: whether it went on, curve and scores before it, and a hash of its first weights.
    _interrupted: tuple[bool, list, list, str] | None
    # The folder in which the state of the last fit is.
    _kept_in: str

    def _begin_fit(self, *others):
        """Choose the seed of a fit without a random state, and of others beside it: that of a checkpoint, if any."""
        if self.checkpoint is None or self.random_state is not None:
            return
        kept = (_seed_of_checkpoint(fit) for fit in (self, *others))
        seed = next((seed for seed in kept if seed is not None), None) or seed_sequence()
        for fit in (self, *others):
            fit._own_seed = seed

    def _root_seed(self):
        """Return the seed that all others of a fit come from."""
        if self.checkpoint is not None and self.random_state is None:
            return seed_sequence(self._own_seed)
        return seed_sequence(self.random_state)

    def _checkpoint_of(self, task):
        """Return where the training of a `Task` is kept, or None."""
        if self.checkpoint is None or task.is_pass:
            return None
        notes = {}
        if self.random_state is None:
            notes["seed"] = {"entropy": self._own_seed.entropy, "spawn_key": list(self._own_seed.spawn_key)}
        checkpoint = Checkpoint(self.checkpoint, _identity(self, task), notes)
        self._kept_in = str(checkpoint.file.folder)
        return checkpoint

    def _as_interrupted(self, task):
        """Return a `Task` that goes on from a fit with a checkpoint as that fit itself, if it was interrupted."""
        interrupted = getattr(self, "_interrupted", None)
        if task.is_pass or interrupted is None or self.checkpoint is None:
            return task
        is_continued, losses, scores, first_weights = interrupted
        same = replace(task, is_continued=is_continued, past=(losses, scores), first_weights=first_weights)
        return task if self._checkpoint_of(same).file.age() is None else same

    def _end_fit(self):
        """Forget the checkpoint of a fit that is complete."""
        if self._interrupted is None and (folder := vars(self).pop("_kept_in", None)) is not None:
            CheckpointFile(folder).remove()


def _seed_of_checkpoint(estimator):
    """Return the seed of the last fit of the same recipe that was not completed, or None."""
    for file in files_in(estimator.checkpoint):
        state = file.peek()
        if state is not None and recipe_of(state["identity"]) == _recipe(estimator) and "seed" in state["notes"]:
            kept = state["notes"]["seed"]
            return np.random.SeedSequence(kept["entropy"], spawn_key=tuple(kept["spawn_key"]))
    return None


def _recipe(estimator):
    """Return what an estimator says of its fits, a dict of str to str."""
    recipe = {"estimator": type(estimator).__name__}
    for name, value in _parameters(estimator).items():
        if _arrays_in(value) is None:
            recipe[name] = type(value).__name__ if isinstance(value, BaseEstimator) else _text(value)
    if estimator.fresh_simulations:
        recipe["n_simulations"] = _text(estimator.n_simulations)
    return recipe


def _parameters(estimator):
    """Return the parameters of an estimator, and of recipes in it, that matter for its weights."""
    parameters = estimator.get_params(deep=True).items()
    return {name: value for name, value in parameters if name.partition("__")[0] not in _OF_NO_MATTER}


def _arrays_in(value):
    """Return the arrays that a parameter consists of, as data sets do, or None: texts of arrays leave numbers out."""
    value = in_memory(value)
    if is_several(value):
        value = list(value.values())
    if hasattr(value, "__array__") and np.ndim(value):
        array = np.asarray(value)
        return None if array.dtype == object else [array]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    parts = [_arrays_in(part) for part in value]
    return None if None in parts else [array for part in parts for array in part]


def _identity(estimator, task):
    """Return what must be the same for a training to go on, a dict of str to str."""
    streamed = [] if task.stream is None else task.stream.identity()
    arrays = {name: _arrays_in(value) for name, value in _parameters(estimator).items()}
    return {
        **_recipe(estimator),
        **{name: hash_of(parts) for name, parts in arrays.items() if parts is not None},
        "random_state": f"#{task.seed}",
        "data sets and parameters": hash_of(
            [task.x, task.theta, task.log_det, task.used, task.held_out, *streamed],
        ),
        "first weights": task.first_weights,
    }


def hash_of_weights(network):
    """Return a text that tells the weights of a network from others."""
    return hash_of([network.state_dict()])


def _text(value):
    """Return what is written of a value, without where it lies in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def hash_of(parts):
    """Return a text that tells arrays, or data sets and states of tensors, from others."""
    digest = hashlib.blake2b(digest_size=16)

    def add(tensor):
        array = tensor.detach().cpu().contiguous().numpy() if isinstance(tensor, torch.Tensor) else tensor
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return tensor

    for part in parts:
        add(part) if isinstance(part, np.ndarray) else map_tensors(add, part)
    return f"#{digest.hexdigest()}"
