"""The contract of simulators."""

import pickle
from collections.abc import Mapping

import joblib
import numpy as np
import pandas as pd

from skabi.testing._global_state import numpy_state


def check_simulator(simulator):
    """Check that a simulator's rows depend on the seed alone, and belong to its prior and likelihood.

    Its prior has a suite of its own, `check_prior`.

    Parameters
    ----------
    simulator : Simulator

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from skabi.datasets import TwoMoons
    >>> from skabi.testing import check_simulator
    >>> check_simulator(TwoMoons())
    """
    # More than one block of rows, so that there is something to run in parallel.
    n = getattr(simulator, "block_size", 16) + 20
    X, y = _check_sample(simulator, n)
    _check_seeds(simulator, X, y)
    _check_simulate_from(simulator, y)
    if getattr(simulator, "log_likelihood", None) is not None:
        _check_log_likelihood(simulator, X[:20], y.iloc[:20])


def _check_sample(simulator, n):
    state = numpy_state()
    X, y = simulator.sample(n, random_state=0)
    again = numpy_state()
    assert again == state, "sample must leave NumPy's global generator alone."
    assert len(X) == n and all(
        isinstance(x, np.ndarray) and x.dtype == np.float64 and x.ndim >= 2 for x in _arrays(X)
    ), (
        f"sample({n}) must return X as a float64 array (n_datasets, ...) with {n} rows, a list of {n} such arrays "
        f"(n_observations, ...), or a SliceDict of these; got {type(X).__name__} of length {len(X)}."
    )
    assert all(np.isfinite(x).all() for x in _arrays(X)), "simulations must be finite."
    names = simulator.prior.parameter_names
    assert isinstance(y, pd.DataFrame) and list(y) == list(names) and list(y.index) == list(range(n)), (
        f"sample({n}) must return y as a DataFrame with {n} rows, numbered, and the columns {names}."
    )
    assert np.isfinite(simulator.prior.log_prob(y)).all(), "y must lie in the prior's support."
    return X, y


def _check_seeds(simulator, X, y):
    def same(sampled, message):
        rows = len(sampled[0])
        assert _same(sampled[0], X[:rows]) and sampled[1].equals(y.iloc[:rows]), message

    n = len(X)
    same(simulator.sample(n, random_state=0), "sample must repeat for the same random_state.")
    with joblib.parallel_config(backend="threading"):
        same(simulator.sample(n, random_state=0, n_jobs=2), "rows must not depend on n_jobs.")
    same(simulator.sample(7, random_state=0), "the first rows must not depend on how many are asked for.")
    same(pickle.loads(pickle.dumps(simulator)).sample(n, random_state=0), "pickle must bring a simulator back.")
    other = simulator.sample(n, random_state=1)
    assert not _same(other[0], X) and not other[1].equals(y), "sample must draw anew for another random_state."


def _check_simulate_from(simulator, y):
    rows = y.iloc[:5]
    X, again, other = (simulator.simulate_from(rows, random_state=seed) for seed in (0, 0, 1))
    assert len(X) == 5, f"simulate_from must return one data set a row of y; got {len(X)} for 5."
    assert _same(X, again), "simulate_from must repeat for the same random_state."
    assert not _same(X, other), "simulate_from must simulate anew for another random_state."


def _check_log_likelihood(simulator, X, y):
    together = simulator.log_likelihood(X, **simulator.prior.split(y))
    assert np.shape(together) == (len(X),), f"log_likelihood must have shape (n,); got {np.shape(together)}."
    assert np.isfinite(together).all(), "log_likelihood of simulations given their own parameters must be finite."
    alone = [simulator.log_likelihood(X[i : i + 1], **simulator.prior.split(y.iloc[[i]]))[0] for i in range(len(X))]
    assert np.allclose(together, alone, rtol=1e-9), "log_likelihood of a row must not depend on the others."


def _arrays(X):
    """Return the arrays that X, an array, a list or a dict of these, is made of."""
    if isinstance(X, Mapping):
        return [array for values in X.values() for array in _arrays(values)]
    return [X] if isinstance(X, np.ndarray) and X.dtype != object else list(X)


def _same(X, other):
    """Return whether two X are equal."""
    arrays, others = _arrays(X), _arrays(other)
    return len(arrays) == len(others) and all(map(np.array_equal, arrays, others))
