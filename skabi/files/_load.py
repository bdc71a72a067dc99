"""From a folder to an estimator."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skabi.exceptions import ModelFileError
from skabi.files._folders import as_path, read_folder
from skabi.files._names import Names
from skabi.files._recipe import Reader
from skabi.files._weights import from_bytes

_LOGGER = logging.getLogger(__name__)


def load(path: str | os.PathLike, *, custom_classes: Iterable[Callable] | Mapping[str, Callable] = ()) -> Any:
    """Open an estimator that was saved, without running code from the file.

    Objects are made empty and given what they held: no constructor of theirs and no pickle is run. A class
    is found by its name if skabi's models are made of it, or if it is a layer of torch or a distribution of
    `scipy.stats`; so are functions of `skabi.datasets`. Everything else, skabi's other functions too, must be passed
    here, and so is something that you trust. A file that was altered, cut off or made by hand gives a
    `ModelFileError`; the checksums find damage, and do not say who wrote a file.

    A release reads the files of all releases before it. A file of a later one may have a format that this one does
    not know; the message then says so. Numbers are the same with the same versions of NumPy, SciPy and torch, and to
    rounding with others.

    Parameters
    ----------
    path : str or path
        The folder that `save` made.
    custom_classes : iterable of classes and functions, or dict of str to these, default=()
        What the model is made of that does not come with skabi. It is matched by module and name; a dict says under
        which name the file knows something that has moved, or has no name of its own.

    Returns
    -------
    model : estimator
        On the CPU.

    Raises
    ------
    ModelFileError
        If there is no model at `path`, it was altered, a later release wrote it, or it needs classes or functions that
        are not passed; the message lists these.

    See Also
    --------
    save : What is stored, and what is not.

    Examples
    --------
    >>> import tempfile
    >>> import skabi
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=300, max_iter=3, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     posterior.fit(ConjugateGaussian()).save(f"{folder}/posterior")
    ...     loaded = skabi.load(f"{folder}/posterior")
    >>> bool((loaded.predict([[0.5, -1.0]]) == posterior.predict([[0.5, -1.0]])).all())
    True
    """
    names = Names(custom_classes)
    path = as_path(path)
    recipe, weights = read_folder(path)
    try:
        model = Reader(from_bytes(weights), names).read_model(recipe)
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(f"{path} does not describe a model: {error}") from error
    _LOGGER.info("loaded %s from %s", type(model).__name__, path)
    return model
