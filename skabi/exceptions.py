"""What skabi raises and warns of."""

__all__ = [
    "ApproximationWarning",
    "DensityError",
    "ModelFileError",
    "ShapeError",
    "SimulatorError",
    "SkabiError",
    "StoreError",
    "TrainingError",
]


class SkabiError(Exception):
    """Base class of the errors that only skabi raises."""


class DensityError(SkabiError, NotImplementedError):
    """A density was asked for, and the engine has draws alone."""


class ModelFileError(SkabiError, ValueError):
    """A saved model cannot be opened, or something in an estimator has no place in a file."""


class ShapeError(SkabiError, ValueError):
    """An array does not have the shape that its role asks for."""


class SimulatorError(SkabiError, RuntimeError):
    """A simulator raised, or returned something that is not a set of simulations."""


class StoreError(SkabiError, RuntimeError):
    """Simulations on disk could not be written, read, or are not those that were asked for."""


class TrainingError(SkabiError, RuntimeError):
    """A network could not be trained: its loss did not stay finite."""


class ApproximationWarning(UserWarning):
    """An answer was given, and there is a stated reason to trust it less."""
