"""What skabi raises and warns of."""

__all__ = ["ApproximationWarning", "ShapeError", "SimulatorError", "SkabiError", "TrainingError"]


class SkabiError(Exception):
    """Base class of the errors that only skabi raises."""


class ShapeError(SkabiError, ValueError):
    """An array does not have the shape that its role asks for."""


class SimulatorError(SkabiError, RuntimeError):
    """A simulator raised, or returned something that is not a set of simulations."""


class TrainingError(SkabiError, RuntimeError):
    """A network could not be trained: its loss did not stay finite."""


class ApproximationWarning(UserWarning):
    """An answer was given, and there is a stated reason to trust it less."""
