"""Amortized Bayesian inference for scikit-learn users.

Fit a simulator once, then sample the posterior of any data set in one pass through a network. The estimators live
here; priors, simulators, diagnostics and displays live in the rooms named after them.

Everything is loaded when it is first used, so that ``import skabi`` is quick and does not import torch.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skabi.estimators import AmortizedModelComparator, AmortizedPosterior, EnsemblePosterior, JointEstimator
    from skabi.files import load

__version__ = "0.1.0"

# What is logged is shown by those who ask for it.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AmortizedModelComparator",
    "AmortizedPosterior",
    "EnsemblePosterior",
    "JointEstimator",
    "__version__",
    "load",
]

_HOMES = {
    **dict.fromkeys(
        ("AmortizedModelComparator", "AmortizedPosterior", "EnsemblePosterior", "JointEstimator"), "skabi.estimators"
    ),
    "load": "skabi.files",
}
_ROOMS = (
    "datasets",
    "design",
    "diagnostics",
    "draws",
    "dynamic",
    "elicitation",
    "engines",
    "estimators",
    "exceptions",
    "files",
    "heads",
    "hierarchical",
    "losses",
    "misspecification",
    "model_selection",
    "networks",
    "pipeline",
    "plotting",
    "priors",
    "refine",
    "reports",
    "sensitivity",
    "simulators",
    "summaries",
    "testing",
    "training",
)


def __getattr__(name):
    """Load a public name or a room at its first use (PEP 562)."""
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"skabi.{name}")
    raise AttributeError(f"module 'skabi' has no attribute {name!r}")


def __dir__():
    return sorted({*__all__, *_ROOMS, "__doc__", "__file__", "__name__", "__path__"})
