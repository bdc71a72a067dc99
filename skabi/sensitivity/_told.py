"""Data sets with what is told of choices, as sources."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import _num_samples

from skabi.estimators._sources import is_ragged
from skabi.simulators import is_simulator
from skabi.simulators._data_sets import as_objects

DATA, CONTEXT = "data", "context"


def sources(X, context):
    """Return the sources of data sets, and what is told of choices, `(n_datasets, n_columns)`, as a SliceDict."""
    from skorch.helper import SliceDict

    if not isinstance(X, Mapping):
        return SliceDict(**{DATA: as_objects(X) if is_ragged(X) else np.asarray(X), CONTEXT: context})
    if CONTEXT in X:
        raise ValueError(f"X has a source {CONTEXT!r}, by which choices are told; call it something else.")
    own = {name: as_objects(values) if is_ragged(values) else values for name, values in X.items()}
    return SliceDict(**own, **{CONTEXT: context})


def n_data_sets(X):
    """Return how many data sets there are."""
    if is_simulator(X):
        raise TypeError("X must be data sets; got a simulator. Draw data sets first: X, y = simulator.sample(n).")
    return _num_samples(next(iter(X.values())) if isinstance(X, Mapping) else X)


def rows_of(X, rows):
    """Return some data sets."""
    return [X[row] for row in rows] if isinstance(X, list) else X[rows]
