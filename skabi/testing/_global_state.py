"""The global random numbers that nothing may touch."""

import numpy as np


def numpy_state():
    """Return the state of NumPy's global generator, comparable."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return state["state"]["key"].tolist(), state["state"]["pos"], state["has_gauss"]
