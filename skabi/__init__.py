"""Amortized Bayesian inference for scikit-learn users.

Priors, simulators, problems with known answers, diagnostics and displays live in the rooms named after them.

Everything is loaded when it is first used, so that ``import skabi`` is quick and does not import torch.
"""

from importlib import import_module

__version__ = "0.1.0"

__all__ = ["__version__"]

_ROOMS = (
    "datasets",
    "diagnostics",
    "draws",
    "engines",
    "exceptions",
    "networks",
    "plotting",
    "priors",
    "simulators",
)


def __getattr__(name):
    """Load a room at its first use (PEP 562)."""
    if name in _ROOMS:
        return import_module(f"skabi.{name}")
    raise AttributeError(f"module 'skabi' has no attribute {name!r}")


def __dir__():
    return sorted({*__all__, *_ROOMS, "__doc__", "__file__", "__name__", "__path__"})
