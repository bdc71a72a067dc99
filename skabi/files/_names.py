"""Classes and functions by name: what models of skabi are made of is found, everything else must be passed."""

import functools
import importlib
import importlib.util
import re
import sys
import types
from collections.abc import Mapping

import numpy as np
from torch import nn

from skabi.exceptions import ModelFileError
from skabi.files._own import may_be_named

# What models are made of that is not skabi's own; a module is looked into only for what is listed.
_TRUSTED = {
    "sklearn.frozen.FrozenEstimator",
    "sklearn.pipeline.Pipeline",
    "scipy.stats.rv_histogram",
    "zuko.nn.MaskedLinear",
    *(f"builtins.{name}" for name in ("bool", "complex", "float", "int", "str")),
    *(f"numpy.{kind.__name__}" for kind in (np.bool_, np.float32, np.float64, np.int32, np.int64)),
}
# Names of earlier releases, and what they are called now: for files to outlive the modules that they name.
_RENAMED: dict[str, str] = {}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+", re.ASCII)


def own_name(value):
    """Return what a class or function calls itself, or None if it has no name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if name is None and isinstance(value, np.ufunc):
        module, name = "numpy", value.__name__
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else None


def name_of(value):
    """Return the shortest name by which a class or function is found again, or None if it has no name."""
    own = own_name(value)
    if own is None:
        return None
    for name in _public_names(value, own):
        if _found(name) is value:
            return name
    return own


def is_known(name):
    """Return whether what has this name need not be passed."""
    return _found(name) is not None


def must_be_passed(value):
    """Return whether a class or function is only found if it is passed."""
    own = own_name(value)
    return own is not None and not own.startswith("skabi.") and not is_known(name_of(value))


def _public_names(value, own):
    """Yield names of a class or function, those that are likely to last first."""
    parts, short = own.split("."), getattr(value, "__name__", "")
    yield from (name for name in _TRUSTED if name.endswith(f".{short}"))
    if own.startswith("torch.nn."):
        yield f"torch.nn.{short}"
    if parts[0] == "skabi" and len(parts) > 2:
        room = sys.modules.get(f"skabi.{parts[1]}")
        if short in getattr(room, "__all__", ()):
            yield f"skabi.{parts[1]}.{short}"
    yield own


def _found(name):
    """Return the class or function of a name, or None if it is none of those that are found."""
    if not _IDENTIFIER.fullmatch(name):
        return None
    name = _RENAMED.get(name, name)
    module_name, _, short = name.rpartition(".")
    if name in _TRUSTED:
        return getattr(importlib.import_module(module_name), short)
    if name.startswith("skabi."):
        # Not by attributes from module to module: what skabi has imported is not skabi's.
        value = vars(importlib.import_module(module_name)).get(short) if _is_module_of_skabi(module_name) else None
        is_own = isinstance(value, (type, types.FunctionType)) and value.__module__.startswith("skabi.")
        return value if is_own and may_be_named(value) else None
    if module_name == "torch.nn" or module_name.startswith("torch.nn.modules."):
        value = vars(sys.modules[module_name]).get(short) if module_name in sys.modules else None
        is_layer = isinstance(value, type) and issubclass(value, nn.Module)
        return value if is_layer and value.__module__.startswith("torch.nn.modules.") else None
    return None


@functools.lru_cache(1000)
def _is_module_of_skabi(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


class Names:
    """What names stand for when a file is opened.

    Parameters
    ----------
    custom_classes : iterable of classes and functions, or dict of str to these
        What the file names that is not found by itself.
    """

    def __init__(self, custom_classes):
        if isinstance(custom_classes, Mapping):
            self.custom = dict(custom_classes)
        else:
            self.custom = {own_name(value): value for value in custom_classes}
        if not all(isinstance(name, str) for name in self.custom):
            raise TypeError(
                "custom_classes must be classes and functions, or a dict of name to these; got "
                f"{custom_classes!r}, in which something has no name."
            )

    def get(self, name, *, wanted):
        """Return what has a name: a class (`wanted=type`) or something else that can be called."""
        value = self.custom[name] if name in self.custom else _found(name)
        if value is None:
            raise ModelFileError(f"the file asks for {str(name)[:200]!r}, which is nothing that is found by its name.")
        if not (isinstance(value, type) if wanted is type else callable(value)):
            raise ModelFileError(f"{str(name)[:200]!r} must be a {'class' if wanted is type else 'function'}.")
        return value

    def is_passed(self, value):
        """Return whether a value is one of those that were passed."""
        return any(value is each for each in self.custom.values())

    def check(self, names):
        """Raise if some of the names stand for nothing, with all of these in the message."""
        missing = sorted(name for name in set(names) if name not in self.custom and not is_known(name))
        if not missing:
            return
        listed = ", ".join(name[:200] for name in missing[:20]) + (", ..." if len(missing) > 20 else "")
        raise ModelFileError(
            f"the model has parts that do not come with skabi: {listed}. Import or define them, and if you trust them, "
            "pass them: load(path, custom_classes=[...]), or as a dict {name: object} if they have moved."
        )


class LocalNames:
    """Names of functions that no module holds, each its own: lambdas, and functions inside functions."""

    def __init__(self):
        self._taken: dict[str, object] = {}

    def name_of(self, value):
        """Return the name of a class or function, or None if it has none."""
        name, n = name_of(value), 1
        if name is None or "<" not in name:
            return name
        numbered = name
        while self._taken.setdefault(numbered, value) is not value:
            n += 1
            numbered = f"{name} {n}"
        return numbered
