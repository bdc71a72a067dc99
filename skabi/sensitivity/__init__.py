"""What the answer owes to each choice: prior, likelihood, data, approximator."""

from skabi.sensitivity._analysis import SensitivityAnalysis
from skabi.sensitivity._comparator import ContextComparator
from skabi.sensitivity._posterior import ContextPosterior
from skabi.sensitivity._result import SensitivityResult
from skabi.sensitivity._simulator import ContextSimulator
from skabi.sensitivity._weights import Reweighted, change_prior

__all__ = [
    "ContextComparator",
    "ContextPosterior",
    "ContextSimulator",
    "Reweighted",
    "SensitivityAnalysis",
    "SensitivityResult",
    "change_prior",
]
