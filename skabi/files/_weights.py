"""The numbers of a model, apart from its recipe: arrays and tensors by name, in safetensors."""

import numpy as np
import safetensors.numpy
import torch

from skabi.exceptions import ModelFileError
from skabi.files._kinds import Kind, expect, expect_shape, is_of

_NUMBERS = "biufc"
_TIMES = "mM"
# Types of torch that NumPy does not have, and those of the same size that it has.
_STAND_INS = {
    name: (getattr(torch, name), stand_in)
    for name, stand_in in [
        ("bfloat16", torch.int16),
        ("float8_e4m3fn", torch.uint8),
        ("float8_e5m2", torch.uint8),
    ]
}
_TENSOR_TYPES = (
    *("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    *("complex64", "complex128", *_STAND_INS),
)


def to_bytes(arrays):
    """Return arrays by name as the content of a file."""
    return safetensors.numpy.save(arrays)


def from_bytes(content):
    """Return arrays by name from the content of a file."""
    try:
        return safetensors.numpy.load(content)
    except Exception as error:
        raise ModelFileError(f"the weights cannot be read: {error}.") from error


def _put(array, writer):
    """Store an array as its own bytes in C order and return what is to be said of that; nothing if it is empty."""
    # Sums depend on the order of numbers in memory, in their last digits.
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    stored = np.ascontiguousarray(array.transpose(axes)).reshape([array.shape[axis] for axis in axes])
    fields: dict = {} if axes == sorted(axes) else {"axes": axes}
    if not array.size:
        return {}
    if stored.dtype.kind == "c":
        stored = stored.view(stored.real.dtype).reshape(*stored.shape, 2)
    if stored.dtype.kind in _TIMES:
        stored = stored.view(stored.dtype.str.replace(stored.dtype.kind, "i").partition("[")[0])
    return {"name": writer.put(stored.astype(stored.dtype.newbyteorder("<"), copy=False))} | fields


def _get(node, dtype, reader):
    """Return the array of a node, in the machine's own order of bytes."""
    shape = expect_shape(node)
    if "name" not in node:
        if 0 not in shape:
            raise ModelFileError(f"an array of shape {shape} has no numbers in the file.")
        return np.empty(shape, dtype)
    stored = reader.take(expect(node, "name", str))
    axes = expect(node, "axes", list) if "axes" in node else list(range(len(shape)))
    if sorted(axes) != list(range(len(shape))):
        raise ModelFileError(f"an array of shape {shape} cannot have the order of axes {axes}.")
    wanted = [shape[axis] for axis in axes]
    if dtype.kind == "c" and stored.shape[-1:] == (2,) and stored.dtype.itemsize * 2 == dtype.itemsize:
        stored = stored.view(dtype).reshape(stored.shape[:-1])
    if dtype.kind in _TIMES and stored.dtype == np.int64:
        stored = stored.view(dtype)
    if list(stored.shape) != wanted or stored.dtype != dtype:
        raise ModelFileError(
            f"the weights {node['name']!r} must be {dtype} of shape {tuple(wanted)}; they are {stored.dtype} of shape "
            f"{stored.shape}."
        )
    return stored.copy().transpose(np.argsort(axes))


def _is_array(value):
    return (
        type(value) is np.ndarray
        and (
            (value.dtype.kind in _NUMBERS and value.dtype.name != "longdouble" and value.dtype.itemsize <= 16)
            or value.dtype.kind in _TIMES
        )
        and value.dtype.name not in ("float128", "complex256", "float96")
    )


def _write_array(array, writer):
    fields = {"dtype": array.dtype.str, "shape": list(array.shape)} | _put(array, writer)
    return fields if array.flags.writeable else fields | {"read_only": True}


def number_type(text):
    """Return the type of numbers of a name."""
    dtype = np.dtype(text)
    if dtype.kind not in _NUMBERS + _TIMES or dtype.hasobject or dtype.itemsize > 16 or dtype.shape:
        raise ModelFileError(f"no array of numbers has the type {text!r}.")
    return dtype


def _read_array(node, reader):
    dtype = number_type(expect(node, "dtype", str))
    array = _get(node, dtype.newbyteorder("="), reader).astype(dtype, copy=False)
    if "read_only" in node:
        array.flags.writeable = False
    return array


def _is_tensor(value):
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout is torch.strided
        and (value.device.type != "meta" and str(value.dtype).removeprefix("torch.") in _TENSOR_TYPES)
    )


def _write_tensor(tensor, writer):
    values, name = tensor.detach().to("cpu").resolve_conj().resolve_neg(), str(tensor.dtype).removeprefix("torch.")
    array = (values.view(_STAND_INS[name][1]) if name in _STAND_INS else values).numpy()
    fields = {"dtype": name, "shape": list(tensor.shape)} | _put(array, writer)
    if type(tensor) is torch.nn.Parameter:
        fields["is_parameter"] = True
    return fields | {"requires_grad": True} if tensor.requires_grad else fields


def _read_tensor(node, reader):
    name = expect(node, "dtype", str)
    if name not in _TENSOR_TYPES:
        raise ModelFileError(f"no tensor has the type {name[:100]!r}.")
    stand_in = _STAND_INS[name][1] if name in _STAND_INS else getattr(torch, name)
    dtype = torch.empty(0, dtype=stand_in).numpy().dtype
    tensor = torch.from_numpy(_get(node, dtype, reader))
    tensor = tensor.view(_STAND_INS[name][0]) if name in _STAND_INS else tensor
    requires_grad = "requires_grad" in node
    if "is_parameter" in node:
        return torch.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_() if requires_grad else tensor


def _write_number(value, writer):
    if value.dtype.kind in _TIMES:
        return {"dtype": value.dtype.str, "value": int(value.view(np.int64))}
    return {"dtype": value.dtype.str, "value": writer.write(value.item())}


def _read_number(node, reader):
    dtype = number_type(expect(node, "dtype", str))
    value = reader.read(node["value"])
    if type(value) not in (bool, int, float, complex):
        raise ModelFileError(f"a number must be one; the file has a {type(value).__name__}.")
    return np.array(value, np.int64).view(dtype)[()] if dtype.kind in _TIMES else dtype.type(value)


def _is_number(value):
    return (
        isinstance(value, np.generic)
        and value.dtype.kind in _NUMBERS + _TIMES
        and value.dtype.itemsize <= 16
        and (type(value) not in (np.longdouble, np.clongdouble))
    )


def _write_dtype(dtype, writer):
    return {"name": str(dtype).removeprefix("torch.")}


def _read_torch_dtype(node, reader):
    name = expect(node, "name", str)
    if name not in _TENSOR_TYPES:
        raise ModelFileError(f"torch has no type of numbers {name[:100]!r}.")
    return getattr(torch, name)


KINDS = [
    Kind("array", _is_array, _write_array, _read_array, ("dtype", "shape"), ("name", "axes", "read_only")),
    Kind(
        "tensor",
        _is_tensor,
        _write_tensor,
        _read_tensor,
        ("dtype", "shape"),
        ("name", "axes", "is_parameter", "requires_grad"),
    ),
    Kind("scalar", _is_number, _write_number, _read_number, ("dtype", "value"), is_kept=False),
    Kind("torch dtype", is_of(torch.dtype), _write_dtype, _read_torch_dtype, ("name",), is_kept=False),
    Kind(
        "torch device",
        is_of(torch.device),
        _write_dtype,
        lambda node, reader: torch.device(expect(node, "name", str)),
        ("name",),
        is_kept=False,
    ),
]
