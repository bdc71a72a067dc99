"""The scikit-learn face: estimators with `fit(simulator)`, `sample(X)` and `score`."""

from skabi.estimators._comparator import AmortizedModelComparator
from skabi.estimators._disagreement import Disagreement
from skabi.estimators._ensemble_posterior import EnsemblePosterior
from skabi.estimators._evidence import LogEvidence
from skabi.estimators._joint import JointEstimator
from skabi.estimators._known_likelihood import KnownLikelihood
from skabi.estimators._likelihood import AmortizedLikelihood
from skabi.estimators._posterior import AmortizedPosterior

__all__ = [
    "AmortizedLikelihood",
    "AmortizedModelComparator",
    "AmortizedPosterior",
    "Disagreement",
    "EnsemblePosterior",
    "JointEstimator",
    "KnownLikelihood",
    "LogEvidence",
]
