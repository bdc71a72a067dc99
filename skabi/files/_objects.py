"""Objects as the name of their class and what they hold; classes and functions as names alone."""

import inspect
import sys
import types

from sklearn.base import BaseEstimator
from torch import nn

from skabi.exceptions import ModelFileError
from skabi.files._kinds import KIND, Kind, expect
from skabi.files._names import must_be_passed, own_name


def _slots(cls):
    """Return the names of the slots of a class and those it derives from."""
    names = [
        name
        for base in cls.__mro__
        for name in (
            [base.__slots__] if isinstance(vars(base).get("__slots__"), str) else vars(base).get("__slots__", ())
        )
    ]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def state_of(value):
    """Return all that an object holds, a dict."""
    state = dict(getattr(value, "__dict__", {}))
    return state | {name: getattr(value, name) for name in _slots(type(value)) if hasattr(value, name)}


def empty(cls):
    """Return an object of a class that holds nothing yet, made without running code of the class."""
    try:
        return object.__new__(cls)
    except TypeError as error:
        raise ModelFileError(
            f"a {cls.__module__}.{cls.__qualname__} holds what only its own code knows, and has no place in a file."
        ) from error


def check_state(cls, names):
    """Raise if what an object holds would hide a method or property of its class, or has no name."""
    for name in names:
        if type(name) is not str or (name.startswith("__") and name.endswith("__")):
            raise ModelFileError(f"{str(name)[:100]!r} is no name of something that a {cls.__name__} holds.")
        of_class = inspect.getattr_static(cls, name, None)
        if isinstance(of_class, (types.FunctionType, property, classmethod, staticmethod)):
            raise ModelFileError(f"{name!r} of a {cls.__name__} would hide its method or property of that name.")


def fill(value, state):
    """Give an empty object what it holds."""
    check_state(type(value), state)
    slots = set(_slots(type(value)))
    for name, part in state.items():
        if name in slots:
            object.__setattr__(value, name, part)
        else:
            vars(value)[name] = part


def _write_object(value, writer):
    cls = type(value)
    empty(cls)
    if isinstance(value, (BaseException, types.ModuleType)):
        raise ModelFileError(f"a {cls.__name__} has no place in a file.")
    state = state_of(value)
    check_state(cls, state)
    return {
        "class": writer.name_of(cls),
        "state": {name: writer.write_at(part, f".{name}") for name, part in state.items()},
    }


def _read_object(node, reader):
    cls = reader.names.get(expect(node, "class", str), wanted=type)
    if issubclass(cls, nn.Module):
        raise ModelFileError(f"a {cls.__name__} must be a module in the file, and is an object.")
    result = reader.keep(node, empty(cls))
    state = {name: reader.read(part) for name, part in expect(node, "state", dict).items()}
    fill(result, _later_parameters(cls, state) | state)
    return result


def _later_parameters(cls, state):
    """Return constructor parameters that an estimator has got since it was saved, at their defaults."""
    if not issubclass(cls, BaseEstimator) or not isinstance(cls.__init__, types.FunctionType):
        return {}
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.name not in state and p.default is not p.empty}


def _is_row(value):
    return isinstance(value, tuple) and type(value) is not tuple and hasattr(type(value), "_fields")


def _write_row(value, writer):
    items = {name: writer.write_at(part, f".{name}") for name, part in value._asdict().items()}
    return {"class": writer.name_of(type(value)), "items": items}


def _read_row(node, reader):
    cls = reader.names.get(expect(node, "class", str), wanted=type)
    items = expect(node, "items", dict)
    if not issubclass(cls, tuple) or tuple(items) != getattr(cls, "_fields", None):
        raise ModelFileError(f"a {cls.__name__} is no named tuple of {', '.join(items)[:200]}.")
    return tuple.__new__(cls, [reader.read(item) for item in items.values()])


def _is_function(value):
    """Return whether a value is a function, or what its module has under its name and can be called: `numpy.exp`."""
    if isinstance(value, types.FunctionType):
        return True
    module, _, name = (own_name(value) or "").rpartition(".")
    return callable(value) and vars(sys.modules.get(module, types)).get(name) is value


def _write_method(value, writer):
    _function_of(type(value.__self__), value.__name__, must_be_passed)
    return {"of": writer.write_at(value.__self__, ".__self__"), "name": value.__name__}


def _function_of(cls, name, is_passed):
    """Return a method of a class that the user passes, which skabi does not define: its own may write files."""
    function = inspect.getattr_static(cls, name, None)
    is_own = isinstance(function, types.FunctionType) and not function.__module__.startswith("skabi.")
    if not is_own or not is_passed(cls):
        raise ModelFileError(f"a {cls.__name__} has no method {name[:100]!r} that could be named in a file.")
    return function


def _read_method(node, reader):
    owner = reader.read(node["of"])
    return types.MethodType(_function_of(type(owner), expect(node, "name", str), reader.names.is_passed), owner)


def _read_class(node, reader):
    return reader.names.get(expect(node, "class", str), wanted=type)


def _read_function(node, reader):
    return reader.names.get(expect(node, "function", str), wanted="function")


KINDS = [
    Kind(
        "class",
        lambda value: isinstance(value, type),
        lambda value, writer: {"class": writer.name_of(value)},
        _read_class,
        ("class",),
        is_kept=False,
    ),
    Kind(
        "function",
        _is_function,
        lambda value, writer: {"function": writer.name_of(value)},
        _read_function,
        ("function",),
        is_kept=False,
    ),
    Kind(
        "method",
        lambda value: isinstance(value, types.MethodType) and not isinstance(value.__self__, type),
        _write_method,
        _read_method,
        ("of", "name"),
        is_kept=False,
    ),
    Kind("row", _is_row, _write_row, _read_row, ("class", "items"), is_kept=False),
    # The last of all kinds: whatever is left.
    Kind("object", lambda value: True, _write_object, _read_object, ("class", "state")),
]
NAMES = {"class", "function"}


def names_in(node):
    """Return the names of classes and functions that a node asks for."""
    names = [node[field] for field in NAMES & set(node)] if KIND in node else []
    return [name for name in names if isinstance(name, str)]
