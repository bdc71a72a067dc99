"""The logistic regression that a comparator's network starts from."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skabi._torch import to_tensor

# More rows cost time and change little, the more so the wider they are.
_LARGEST_SAMPLE, _LARGEST_MATRIX = 20_000, 2_000_000
_MOST_STEPS = 200


def logistic_start(context, label, *, n_models, n_used):
    """Return weight `(n_models, n_context)` and bias `(n_models,)` of a logistic regression of labels on `context`.

    Parameters
    ----------
    context : ndarray of shape (n, n_context)
    label : ndarray of int of shape (n,)
    n_models : int
    n_used : int
        How many of the first columns of `context` the regression is on.
    """
    n_context = context.shape[1]
    rows = slice(None, None, -(-len(label) // min(_LARGEST_SAMPLE, max(1000, _LARGEST_MATRIX // n_context))))
    weight, bias = np.zeros((n_models, n_context)), np.zeros(n_models)
    seen = np.unique(label[rows])
    if len(seen) > 1:
        regression = LogisticRegression(max_iter=_MOST_STEPS)
        with warnings.catch_warnings():
            # A start need not be the optimum.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(context[rows, :n_used], label[rows])
        # Of two classes there are the log-odds of the second alone.
        is_binary = len(seen) == 2
        weight[seen[1:] if is_binary else seen, :n_used] = regression.coef_
        bias[seen[1:] if is_binary else seen] = regression.intercept_
    return to_tensor(weight), to_tensor(bias)
