"""From an estimator to a folder."""

import logging
import os

import numpy
import scipy
import sklearn
import torch

import skabi
from skabi.files._folders import as_path, check_free, write_folder
from skabi.files._recipe import Writer
from skabi.files._weights import to_bytes

_LOGGER = logging.getLogger(__name__)
_LIBRARIES = (numpy, scipy, sklearn, torch)


def save(model, path: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Write an estimator to a folder that `load` opens without running code from it.

    The folder has two files: ``recipe.json``, which can be read, and ``weights.safetensors``, which holds all numbers
    in rows. Each has a SHA-256 checksum. The folder is written under another name and renamed when it is complete. A
    model that is replaced is put aside first, where `load` and `save` find it if this is cut off.

    Stored are constructor parameters and everything that `fit` left, fitted or not: networks, maps, priors, the history
    of training, random states, so that a loaded estimator gives the same numbers and goes on training
    (`warm_start=True`) as the one that was saved would have. What is one object in two places stays one. Simulators and
    callbacks that an estimator holds are stored like everything else.

    Classes and functions are stored as names alone. Estimators of skabi and what they are made of, torch's layers and
    distributions of `scipy.stats` are found when the file is opened; all others, such as a network of one's own, the
    functions of a `ChainedPrior` or of a simulator, or a `StandardScaler` in a pipeline, must then be passed: see
    `load`. So must lambdas and functions
    inside functions, whose names say so (``module.<lambda>``; a second one has a 2 behind it).

    Not stored: gradients, which device a network was on (it is loaded to the CPU), whether two arrays share memory, and
    how a distribution of `scipy.stats` draws without a `random_state`. What has no place in a file, such as an open
    file, a module with hooks or a tree of scikit-learn, is refused.

    Parameters
    ----------
    model : estimator
        Or a recipe, a prior, or anything else that is made of them.
    path : str or path
        The folder to make, and those above it.
    overwrite : bool, default=False
        Whether to replace a model that is there.

    Raises
    ------
    FileExistsError
        If there is something at `path` already, and it is no model or `overwrite` is False.
    ModelFileError
        If something in the model has no place in a file; the message says where it is.

    See Also
    --------
    load : The way back, and how long it stays open.

    Examples
    --------
    >>> import tempfile
    >>> from skabi.engines import SplineFlow
    >>> from skabi.files import load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(SplineFlow(n_bins=4), f"{folder}/engine")
    ...     engine = load(f"{folder}/engine")
    >>> engine
    SplineFlow(n_bins=4)
    """
    path = as_path(path)
    check_free(path, overwrite=overwrite)
    writer = Writer()
    recipe = writer.write_model(model)
    versions = {"skabi": skabi.__version__, "versions": {each.__name__: each.__version__ for each in _LIBRARIES}}
    write_folder(path, recipe=recipe, weights=to_bytes(writer.weights), versions=versions, overwrite=overwrite)
    _LOGGER.info("saved %s to %s", type(model).__name__, path)
