"""The global random numbers that nothing may touch."""

import numpy as np


def numpy_state():
    """Return the state of NumPy's global generator, comparable."""
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    return name, key.tolist(), *rest
