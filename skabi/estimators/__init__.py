"""The scikit-learn face: estimators with `fit(simulator)`, `sample(X)` and `score`."""

from skabi.estimators._posterior import AmortizedPosterior

__all__ = ["AmortizedPosterior"]
