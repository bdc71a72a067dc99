"""What makes the rows of a simulator: a description in JSON that is the same in every process.

Code is described by its instructions and constants, without lines, comments and docstrings, and with what it uses of
its own package and of other code that is not installed: functions, classes, and values of modules. What is of installed
packages is described by its name. Code compiled by another version of Python counts as other code.
"""

import functools
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from skabi.priors import BasePrior
from skabi.simulators._store_code import DEREF, GLOBAL, changed, changed_attributes, names
from skabi.simulators._store_files import digest

_HAS_DOCSTRING = 0x4000000  # what inspect calls CO_HAS_DOCSTRING, since Python 3.13
# Arrays up to this size are written out, so that a difference can be read.
_SHORT = 8
_LONG = 200
_NOTHING = object()
# Keys of the descriptions of single values.
_OF_VALUES = {"array", "dtype", "items", "length", "sha256", "type", "value"}
# What a prior of skabi holds beside its distributions; it follows from these.
_OF_PRIORS = ("distributions", "_arguments", "_sizes", "_columns", "_support")
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent


def identity_of(simulator):
    """Return a description of what the rows of a simulator depend on, apart from the seed."""
    first = _Describer(simulator.simulate)
    first.describe(simulator.simulate)
    # What a function changes does not count for another that was met before it either.
    describer = _Describer(simulator.simulate, first.changed)
    described = {
        "simulate": describer.describe(simulator.simulate),
        "prior": _describe_prior(simulator.prior),
        "sizes": {
            kind if source is None else f"{kind}[{source!r}]": describer.describe(distribution)
            for (kind, source), distribution in simulator._sizes.items()
        },
        "vectorized": bool(simulator.vectorized),
        "allow_nan": bool(simulator.allow_nan),
        "on_error": simulator.on_error,
        "block_size": simulator.block_size,
    }
    # As it will be read back.
    return json.loads(json.dumps(described))


def differences(old, new, name="", *, ignored=()):
    """Return lines of text that say where two descriptions differ, apart from parts whose names are ignored."""
    if old == new or name in ignored:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        lines: list[str] = []
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{name}.{key}" if name else key
            lines += differences(old.get(key, "nothing"), new.get(key, "nothing"), inner, ignored=ignored)
        return lines
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, f"{name}[{i}]", ignored=ignored)]
    return [f"{name}: {_shown(old)} in the store, {_shown(new)} now"]


def changed_parts(before, after, name=""):
    """Return the names of the smallest parts, each one value of the simulator's, in which two descriptions differ."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        parts = {key: changed_parts(before[key], after[key], f"{name}.{key}" if name else key) for key in before}
        # Of a value that is one text, or a list of another length, nothing is left that could be compared.
        is_whole = before.keys() <= _OF_VALUES and any(found == [f"{name}.{key}"] for key, found in parts.items())
        return [name] if is_whole else [each for found in parts.values() for each in found]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [each for i, pair in pairs for each in changed_parts(*pair, f"{name}[{i}]")]
    return [name]


def _shown(value, *, n_characters=120):
    text = repr(value)
    return text if len(text) <= n_characters else f"{text[:n_characters]}..."


def _describe_prior(prior):
    # A chained prior has functions of the user, which are in a package of their own.
    distributions = prior.distributions if isinstance(prior, BasePrior) and hasattr(prior, "distributions") else prior
    if distributions is prior:
        return _Describer(prior).describe(prior)
    entries = {name: _Describer(each).describe(each) for name, each in distributions.items()}
    described = {"class": _name_of(type(prior)), "order": list(entries), **entries}
    if type(prior).__module__.startswith("skabi."):
        return described
    describer, state = _Describer(prior), {k: v for k, v in vars(prior).items() if k not in _OF_PRIORS}
    return described | {"class": describer.describe(type(prior)), "state": describer.describe_each(state)}


def _name_of(value):
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def _package_of(value):
    while isinstance(value, functools.partial):
        value = value.func
    module = getattr(value, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


class _Describer:
    """Describes values that a root depends on, each at its first place."""

    def __init__(self, root, changed=None):
        self.package = _package_of(root)
        # Names of variables of a module that its functions change, by the id of what the module holds.
        self.changed: dict[int, set] = changed or {}
        self.seen: dict[int, Any] = {}
        self.kept_alive: list[Any] = []

    def describe(self, value: Any):
        """Return what makes a value, as JSON."""
        plain = _plain(value)
        if plain is not None:
            return plain[0]
        if type(value) in (list, tuple):
            return _shortened({"type": type(value).__name__, "items": [self.describe(each) for each in value]})
        if type(value) in (set, frozenset):
            items = sorted(repr(self.describe(each)) for each in value)
            return _shortened({"type": type(value).__name__, "items": items})
        if isinstance(value, ModuleType):
            return {"module": value.__name__}
        if id(value) not in self.seen:
            # An id stands for a value as long as that lives.
            self.kept_alive.append(value)
            again = {"as before": _name_of(value)}
            self.seen[id(value)] = again
            described = self._describe_new(value)
            # Code is described once. Data are every time, since copies must read like the same object twice.
            self.seen[id(value)] = again if isinstance(value, (FunctionType, type)) else described
            return described
        return self.seen[id(value)]

    def _describe_new(self, value):
        if type(value) is dict:
            items = {key if isinstance(key, str) else repr(self.describe(key)): v for key, v in value.items()}
            return _shortened(self.describe_each(items))
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            of = self._object(value.__self__, called=value.__name__)
            return {"method": self._function(value.__func__), "of": of}
        if isinstance(value, functools.partial):
            return {
                "partial": self.describe(value.func),
                "args": self.describe(value.args),
                **self.describe_each(value.keywords),
            }
        if isinstance(value, (stats._multivariate.multivariate_normal_frozen, stats.rv_discrete, stats.rv_continuous)):
            return self._distribution(value)
        if hasattr(value, "dist") and hasattr(value, "kwds"):
            return self._frozen(value)
        return self._class(value) if isinstance(value, type) else self._object(value)

    def _function(self, function):
        name = _name_of(function)
        if not self._is_followed(function):
            return {"name": name}
        code = function.__code__
        described = {"name": name, "code": digest(repr(self._code(code)).encode())[:16], "python": _python()}
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        inner = {
            "defaults": {str(i): each for i, each in enumerate(function.__defaults__ or ())},
            "keyword defaults": function.__kwdefaults__ or {},
            "closure": _constant(_contents(cells), changed(code, DEREF)),
            "globals": _constant(self._globals(function), self._changed_in_module(function)),
        }
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            inner["closure"]["__wrapped__"] = wrapped
        described.update({part: self.describe_each(values) for part, values in inner.items() if values})
        return described

    def _is_followed(self, value):
        """Return whether a function or class is of the root's package, or not of an installed one."""
        return _package_of(value) == self.package or _is_own(getattr(value, "__module__", None))

    def _globals(self, function):
        used, found = sorted(names(function.__code__)), {}
        for name in used:
            value = function.__globals__.get(name, _NOTHING)
            if isinstance(value, ModuleType) and (_is_own(value.__name__) or value.__name__ == self.package):
                found.update({f"{name}.{each}": vars(value)[each] for each in used if each in vars(value)})
            elif value is not _NOTHING:
                found[name] = value
        return found

    def _changed_in_module(self, function):
        """Return the names of variables of its module that a function, or another that was met, changes."""
        found = self.changed.setdefault(id(function.__globals__), set())
        found |= changed(function.__code__, GLOBAL)
        return found

    def _code(self, code):
        constants = list(code.co_consts)
        has_docstring = sys.version_info < (3, 13) or bool(code.co_flags & _HAS_DOCSTRING)
        if constants and isinstance(constants[0], str) and has_docstring:
            constants[0] = None
        n_arguments = code.co_argcount + code.co_kwonlyargcount
        constants = [self._code(each) if isinstance(each, CodeType) else self.describe(each) for each in constants]
        return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames[:n_arguments])]

    def _class(self, cls):
        if not self._is_followed(cls):
            return {"class": _name_of(cls)}
        methods = {name: each for name, each in vars(cls).items() if _is_method(each) or _plain(each) is not None}
        hidden = ("__module__", "__doc__", "__qualname__", "__firstlineno__")
        methods = {name: each for name, each in methods.items() if name not in hidden}
        bases = [self.describe(base) for base in cls.__bases__ if base is not object]
        return {
            "class": _name_of(cls),
            "bases": bases,
            **self.describe_each({k: _unwrapped(v) for k, v in methods.items()}),
        }

    def _object(self, value, *, called="__call__"):
        if isinstance(value, (BuiltinFunctionType, np.ufunc)):
            return {"name": f"{getattr(value, '__module__', None)}.{value.__name__}"}
        described = {"class": self.describe(type(value))}
        # What compilers and caches make of a function; numba calls it py_func.
        wrapped = getattr(value, "py_func", getattr(value, "__wrapped__", None))
        if wrapped is not None:
            return described | {"wrapped": self.describe(wrapped)}
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # what cannot be pickled may still have attributes
            return described | {"state": self.describe_each(getattr(value, "__dict__", {}))}
        if isinstance(reduced, str):
            return described | {"name": reduced}
        # (callable, arguments, state, items of a list, items of a dict)
        arguments = [each for each in reduced[1] if not isinstance(each, type)]
        items = [list(each) for each in reduced[3:5] if each is not None]
        state = reduced[2] if len(reduced) > 2 else None
        if type(state) is tuple and len(state) == 2 and type(state[1]) is dict:
            # Attributes in a dict, and those in slots.
            state = (state[0] or {}) | state[1]
        is_named = type(state) is dict and all(isinstance(key, str) for key in state)
        # Attributes one by one, however many, so that one that changes can be told from those that do not.
        passing = changed_attributes(type(value), called) if is_named and self._is_followed(type(value)) else ()
        described["state"] = self.describe_each(_constant(state, passing)) if is_named else self.describe(state)
        return described | {"arguments": self.describe(arguments), "contents": self.describe(items)}

    def _distribution(self, value):
        if isinstance(value, stats._multivariate.multivariate_normal_frozen):
            return {"family": "multivariate_normal", **self.describe_each({"mean": value.mean, "cov": value.cov})}
        known = getattr(stats, value.name or "", None)
        if known is not None and known.__class__ is value.__class__:
            return {"family": value.name, "a": self.describe(value.a), "b": self.describe(value.b)}
        state = {key: each for key, each in value.__getstate__().items() if key != "_random_state"}
        state["_ctor_param"] = {key: each for key, each in state.get("_ctor_param", {}).items() if key != "seed"}
        return {"family": self.describe(type(value)), **self.describe_each(state)}

    def _frozen(self, value):
        names = [*(value.dist.shapes or "").replace(",", " ").split(), "loc", "scale"]
        given = {"loc": 0.0, "scale": 1.0, **dict(zip(names, value.args, strict=False)), **value.kwds}
        if isinstance(value.dist, stats.rv_discrete):
            given.pop("scale")
        parameters = {key: np.asarray(each, dtype=np.float64)[()] for key, each in given.items()}
        return {**self.describe(value.dist), **self.describe_each(parameters)}

    def describe_each(self, values):
        """Return descriptions of values by name."""
        return {key: self.describe(each) for key, each in values.items()}


def _is_own(module):
    """Return whether a module is a file outside the folders of installed packages and of Python."""
    if not isinstance(module, str) or module.partition(".")[0] == "skabi":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return module == "__main__"
    path = Path(file).resolve()
    is_installed = {"site-packages", "dist-packages"} & set(path.parts) or path.is_relative_to(_STANDARD_LIBRARY)
    return not is_installed and path.suffix == ".py"


def _shortened(described, *, n_characters=2000):
    """Return a description, or its digest where it is long."""
    text = json.dumps(described)
    return described if len(text) <= n_characters else {"length": len(text), "sha256": digest(text.encode())[:16]}


def _plain(value):
    """Return `(description,)` of a value that describes itself, else None."""
    if value is None or (isinstance(value, (bool, int, str)) and type(value) in (bool, int, str)):
        return (value,)
    if type(value) is float:
        # JSON has no infinity, and NaN is unequal to itself.
        return (value if np.isfinite(value) else repr(value),)
    if isinstance(value, bytes) and len(value) > _LONG:
        return ({"type": "bytes", "sha256": digest(value)[:16]},)
    if isinstance(value, (complex, bytes)) or value is ...:
        return ({"type": type(value).__name__, "value": repr(value)},)
    if isinstance(value, np.generic):
        return _plain(value.item()) if isinstance(value, (np.floating, np.integer, np.bool_)) else (repr(value),)
    if isinstance(value, np.dtype):
        return ({"dtype": str(value)},)
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return ({"type": type(value).__name__, "sha256": _digest_of_frame(value)},)
    if isinstance(value, np.ndarray) and value.dtype != object:
        if value.size <= _SHORT and value.dtype.kind in "biuf":
            return ({"array": repr(value.tolist()), "dtype": str(value.dtype)},)
        content = (
            digest(np.ascontiguousarray(value))[:16] if value.dtype.kind in "biufc" else digest(value.tobytes())[:16]
        )
        return ({"array": list(value.shape), "dtype": str(value.dtype), "sha256": content},)
    return None


def _digest_of_frame(frame):
    rows = pd.util.hash_pandas_object(frame, index=True).to_numpy()
    columns = repr(list(frame.columns)) if frame.ndim == 2 else repr(frame.name)
    return digest(rows.tobytes() + columns.encode())[:16]


def _python():
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _contents(cells):
    """Return the values of closure cells by name; a cell that is not filled yet has none."""
    values = {}
    for name, cell in cells.items():
        with suppress(ValueError):
            values[name] = cell.cell_contents
    return values


def _constant(values, passing):
    """Return values, but only the types of those that are changed: counters, logs and caches."""
    return {name: type(each) if name in passing else each for name, each in values.items()}


def _is_method(value):
    return isinstance(value, (FunctionType, staticmethod, classmethod, property))


def _unwrapped(value):
    if isinstance(value, property):
        return [each for each in (value.fget, value.fset) if each is not None]
    return getattr(value, "__func__", value)
