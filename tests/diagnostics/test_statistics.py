"""Statistics of predictive checks, and what they are called."""

import numpy as np
import pandas as pd
import pytest

from skabi.diagnostics._statistics import Statistics
from skabi.exceptions import ShapeError

X = np.random.default_rng(0).normal(size=(5, 3))


class Encoder:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def transform(self, X):
        return np.stack([np.mean(x) * np.ones(3) for x in X])


@pytest.mark.parametrize("form", [np.asarray, list, pd.DataFrame])
def test_mean_and_sd_are_the_default(form):
    statistics = Statistics(None, object())
    np.testing.assert_allclose(statistics(form(X), n_datasets=5), np.column_stack([X.mean(axis=1), X.std(axis=1)]))
    assert statistics.names == ["mean", "standard deviation"]


@pytest.mark.parametrize(
    ("given", "estimator", "data_sets", "names"),
    [
        (None, Encoder(), X, ["summary 0", "summary 1", "summary 2"]),
        (None, Encoder(n_features_in_=3), X, ["column 0", "column 1", "column 2"]),
        (None, Encoder(n_features_in_=3, feature_names_in_=["a", "b", "c"]), X, ["a", "b", "c"]),
        (None, Encoder(n_features_in_=3), X[:, :, np.newaxis], ["summary 0", "summary 1", "summary 2"]),
        (lambda X: X[:, 0], Encoder(), X, ["statistic 0"]),
        (lambda X: pd.DataFrame(X[:, :1], columns=["first"]), Encoder(), X, ["first"]),
    ],
)
def test_names(given, estimator, data_sets, names):
    statistics = Statistics(given, estimator)
    assert statistics(data_sets, n_datasets=5).shape == (5, len(names))
    assert statistics.names == names


@pytest.mark.parametrize("wrong", [np.mean, lambda X: X[:4], lambda X: X[:, :0], lambda X: X[np.newaxis]])
def test_one_row_a_data_set(wrong):
    with pytest.raises(ShapeError, match="one row for each data set, here 5"):
        Statistics(wrong, object())(X, n_datasets=5)
