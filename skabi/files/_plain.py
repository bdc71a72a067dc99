"""Values of Python's own and of NumPy's that are no numbers in rows: containers, texts, random states."""

import base64
import functools
import pathlib
from types import FunctionType, MethodType

import numpy as np

from skabi.exceptions import ModelFileError
from skabi.files._kinds import KIND, Kind, expect, expect_shape, is_of
from skabi.files._names import must_be_passed

_MOST_TEXT = 2**28
_BIT_GENERATORS = {
    kind.__name__: kind
    for kind in (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)
}
# Of what JSON writes as a number all readers keep this much.
LARGEST_INT = 2**53
_IMMUTABLE = (type(None), bool, int, float, complex, str, bytes, np.generic, type, FunctionType)


def write_float(value):
    """Return a float as JSON has it, or a node."""
    return value if np.isfinite(value) else {KIND: "float", "value": repr(value)}


def _read_float(node, reader):
    value = expect(node, "value", str)
    if value not in ("nan", "inf", "-inf"):
        raise ModelFileError(f"a float must be a number, nan, inf or -inf; the file has {value[:100]!r}.")
    return float(value)


def write_dict(items, writer):
    """Return a dict as JSON has it if its keys are plain text, else a list of pairs."""
    keys = [key for key, _ in items]
    if all(type(key) is str and not key.startswith(KIND) for key in keys):
        return {key: writer.write_at(value, f"[{key!r}]") for key, value in items}
    for key in keys:
        _check_immutable(key)
    pairs = [[writer.write(key), writer.write_at(value, f"[{key!r}]")] for key, value in items]
    return {KIND: "dict", "items": pairs}


def _read_pairs(node, reader, result):
    for pair in expect(node, "items", list):
        if type(pair) is not list or len(pair) != 2:
            raise ModelFileError("an item of a dict must be a key and a value.")
        key = reader.read(pair[0])
        _check_immutable(key)
        result[key] = reader.read(pair[1])
    return result


def _read_dict(node, reader):
    result = reader.keep(node, {})
    if type(node["items"]) is dict:
        result.update({key: reader.read(value) for key, value in node["items"].items()})
        return result
    return _read_pairs(node, reader, result)


def _check_immutable(value):
    """Raise unless to hash a value runs no code but Python's own."""
    if isinstance(value, (tuple, frozenset)) and type(value) in (tuple, frozenset):
        for part in value:
            _check_immutable(part)
    elif not isinstance(value, _IMMUTABLE):
        raise ModelFileError(f"a {type(value).__name__} cannot be a key of a dict or a member of a set in a file.")


def _read_list(node, reader):
    result = reader.keep(node, [])
    result.extend(reader.read(item) for item in expect(node, "items", list))
    return result


def _write_members(value, writer):
    for member in value:
        _check_immutable(member)
    return {"items": sorted((writer.write(member) for member in value), key=repr)}


def _read_members(node, reader):
    members = [reader.read(item) for item in expect(node, "items", list)]
    for member in members:
        _check_immutable(member)
    return (set if node[KIND] == "set" else frozenset)(members)


def _write_items(value, writer):
    return {"items": [writer.write_at(item, f"[{i}]") for i, item in enumerate(value)]}


def _read_tuple(node, reader):
    return tuple([reader.read(item) for item in expect(node, "items", list)])


def _write_ends(value, writer):
    return {"start": writer.write(value.start), "stop": writer.write(value.stop), "step": writer.write(value.step)}


def _read_ends(node, reader):
    ends = [reader.read(node[name]) for name in ("start", "stop", "step")]
    if any(end is not None and type(end) is not int for end in ends):
        raise ModelFileError(f"the ends of a {node[KIND]} must be whole numbers.")
    return slice(*ends) if node[KIND] == "slice" else range(*ends)


def _read_bytes(node, reader):
    return base64.b64decode(expect(node, "base64", str), validate=True)


def _write_texts(array, writer):
    items = [writer.write(item) for item in array.ravel().tolist()]
    return {"dtype": array.dtype.str, "shape": list(array.shape), "items": items}


def _read_texts(node, reader):
    dtype, shape, items = np.dtype(expect(node, "dtype", str)), expect_shape(node), expect(node, "items", list)
    n = int(np.prod(shape, dtype=object))
    if dtype.kind not in "US" or len(items) != n or max(n, 1) * dtype.itemsize > _MOST_TEXT:
        raise ModelFileError(f"an array of {len(items)} texts cannot be {str(dtype)[:50]} of shape {shape}.")
    values = [reader.read(item) for item in items]
    if not all(type(value) is (str if dtype.kind == "U" else bytes) for value in values):
        raise ModelFileError("an array of texts has something else in it.")
    return np.array(values, dtype).reshape(shape)


def _write_objects(array, writer):
    return {"shape": list(array.shape), **_write_items(array.ravel().tolist(), writer)}


def _read_objects(node, reader):
    shape, items = expect_shape(node), expect(node, "items", list)
    if len(items) != int(np.prod(shape, dtype=object)):
        raise ModelFileError(f"an array of {len(items)} objects cannot have the shape {shape}.")
    flat = np.empty(len(items), dtype=object)
    result = reader.keep(node, flat.reshape(shape))
    for i, item in enumerate(items):
        flat[i] = reader.read(item)
    return result


def _read_dtype(node, reader):
    dtype = np.dtype(expect(node, "name", str))
    if dtype.itemsize > _MOST_TEXT:
        raise ModelFileError("no type of numbers is so large.")
    return dtype


def _write_generator(value, writer):
    return {"name": type(value.bit_generator).__name__, "state": writer.write(value.bit_generator.state)}


def _read_generator(node, reader):
    name = expect(node, "name", str)
    if name not in _BIT_GENERATORS:
        raise ModelFileError(f"NumPy has no generator {name[:100]!r} that a file may hold.")
    bit_generator = _BIT_GENERATORS[name](0)
    bit_generator.state = reader.read(node["state"])
    return np.random.Generator(bit_generator)


def _write_random_state(value, writer):
    return {"state": writer.write(value.get_state(legacy=False))}


def _read_random_state(node, reader):
    result = np.random.RandomState(0)
    result.set_state(reader.read(node["state"]))
    return result


def _write_seeds(value, writer):
    return {"state": writer.write(value.state | {"spawn_key": tuple(value.spawn_key)})}


def _read_seeds(node, reader):
    state = reader.read(node["state"])
    if state["pool_size"] > 2**16:
        raise ModelFileError("no pool of a SeedSequence is so large.")
    return np.random.SeedSequence(**state)


def _check_called(function, is_passed):
    """Raise unless a partial may call a function: one that a file may name, or whatever the user passes."""
    if isinstance(function, (FunctionType, MethodType, functools.partial)):
        return
    if not (is_passed(function) or (not isinstance(function, type) and is_passed(type(function)))):
        raise ModelFileError(
            f"a partial of a {type(function).__name__} has no place in a file. Use a function that is defined with def."
        )


def _write_partial(value, writer):
    _check_called(value.func, must_be_passed)
    return {
        "function": writer.write_at(value.func, ".func"),
        "arguments": [writer.write_at(item, f".args[{i}]") for i, item in enumerate(value.args)],
        "keywords": write_dict(list(value.keywords.items()), writer),
    }


def _read_partial(node, reader):
    function, keywords = reader.read(node["function"]), reader.read(node["keywords"])
    if not callable(function) or type(keywords) is not dict:
        raise ModelFileError("a partial must have a function, and keywords in a dict.")
    _check_called(function, reader.names.is_passed)
    return functools.partial(function, *(reader.read(item) for item in expect(node, "arguments", list)), **keywords)


def _is_slice_dict(value):
    return f"{type(value).__module__}.{type(value).__qualname__}" == "skorch.helper.SliceDict"


def _read_slice_dict(node, reader):
    from skorch.helper import SliceDict

    return SliceDict(**_read_pairs(node, reader, {}))


def _write_slice_dict(value, writer):
    return {"items": [[writer.write(key), writer.write_at(part, f"[{key!r}]")] for key, part in value.items()]}


def _refuse_to_write(value, writer):
    raise AssertionError(f"{value!r} is written elsewhere")


KINDS = [
    Kind("float", is_of(), _refuse_to_write, _read_float, ("value",), is_kept=False),
    Kind("int", is_of(), _refuse_to_write, lambda n, reader: int(expect(n, "hex", str), 16), ("hex",), is_kept=False),
    Kind("dict", is_of(), _refuse_to_write, _read_dict, ("items",)),
    Kind("list", is_of(), _refuse_to_write, _read_list, ("items",)),
    Kind("tuple", is_of(tuple), _write_items, _read_tuple, ("items",), is_kept=False),
    Kind("set", is_of(set), _write_members, _read_members, ("items",)),
    Kind("frozenset", is_of(frozenset), _write_members, _read_members, ("items",), is_kept=False),
    Kind("slice", is_of(slice), _write_ends, _read_ends, ("start", "stop", "step"), is_kept=False),
    Kind("range", is_of(range), _write_ends, _read_ends, ("start", "stop", "step"), is_kept=False),
    Kind(
        "complex",
        is_of(complex),
        lambda value, writer: {"real": write_float(value.real), "imaginary": write_float(value.imag)},
        lambda node, reader: complex(reader.read(node["real"]), reader.read(node["imaginary"])),
        ("real", "imaginary"),
        is_kept=False,
    ),
    Kind(
        "bytes",
        is_of(bytes),
        lambda value, writer: {"base64": base64.b64encode(value).decode()},
        _read_bytes,
        ("base64",),
        is_kept=False,
    ),
    Kind(
        "numpy text",
        is_of(np.str_),
        lambda value, writer: {"text": str(value)},
        lambda node, reader: np.str_(expect(node, "text", str)),
        ("text",),
        is_kept=False,
    ),
    Kind(
        "texts",
        lambda value: type(value) is np.ndarray and value.dtype.kind in "US",
        _write_texts,
        _read_texts,
        ("dtype", "shape", "items"),
    ),
    Kind(
        "objects",
        lambda value: type(value) is np.ndarray and value.dtype == object,
        _write_objects,
        _read_objects,
        ("shape", "items"),
    ),
    Kind(
        "dtype",
        lambda value: isinstance(value, np.dtype) and value.fields is None and value.subdtype is None,
        lambda value, writer: {"name": value.str},
        _read_dtype,
        ("name",),
        is_kept=False,
    ),
    Kind(
        "path",
        lambda value: isinstance(value, pathlib.PurePath),
        lambda value, writer: {"text": str(value)},
        lambda node, reader: pathlib.Path(expect(node, "text", str)),
        ("text",),
        is_kept=False,
    ),
    Kind("generator", is_of(np.random.Generator), _write_generator, _read_generator, ("name", "state")),
    Kind("random state", is_of(np.random.RandomState), _write_random_state, _read_random_state, ("state",)),
    Kind("seeds", is_of(np.random.SeedSequence), _write_seeds, _read_seeds, ("state",)),
    Kind("partial", is_of(functools.partial), _write_partial, _read_partial, ("function", "arguments", "keywords")),
    Kind("sources", _is_slice_dict, _write_slice_dict, _read_slice_dict, ("items",)),
]
