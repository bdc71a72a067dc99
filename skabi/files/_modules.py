"""Torch modules: their class, what they hold, and their weights by name.

What a recipe would build is written down part by part rather than built again: so a file needs no seed, no data set
and no knowledge of which estimator builds what; parts that only a fit knows, such as a linear start or a shared memory,
stand where they belong; and an engine of one's own is stored like skabi's. Layers of torch's own that have weights are
made by their constructors, so that what a later torch adds to them is there, and tell what shapes weights must have.
"""

import torch
from torch import nn

from skabi.exceptions import ModelFileError
from skabi.files._kinds import Kind, expect
from skabi.files._objects import check_state, empty

_CONVOLUTION = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"),
    "padding_mode",
)
_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")
_BATCH_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_ARGUMENTS: dict[type, tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine", "bias"),
    nn.Embedding: ("num_embeddings", "embedding_dim"),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _CONVOLUTION),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _BATCH_NORM),
    **dict.fromkeys((nn.GRU, nn.LSTM), _RECURRENT),
}
_STANDARD = vars(nn.Module())
_OWN = {"training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}


def _arguments_of(module):
    """Return the arguments that made a layer of torch's own, or None if they do not say all."""
    if type(module) not in _ARGUMENTS or module._modules or module._non_persistent_buffers_set:
        return None
    arguments = {name: getattr(module, name) for name in _ARGUMENTS[type(module)] if name != "bias"}
    if "bias" in _ARGUMENTS[type(module)]:
        bias = getattr(module, "bias", None)
        arguments["bias"] = bias if isinstance(bias, bool) else bias is not None
    try:
        again = _layer(type(module), arguments)
    except (RuntimeError, TypeError, ValueError, ModelFileError):
        return None
    is_same = _shapes(again) == _shapes(module) and _plain_state(again) == _plain_state(module)
    return arguments if is_same else None


def _layer(cls, arguments):
    """Return a layer of torch's own that takes no memory yet."""
    if type(arguments) is not dict or set(arguments) != set(_ARGUMENTS[cls]):
        raise ModelFileError(f"{cls.__name__} is made of {', '.join(_ARGUMENTS[cls])}; the file has other arguments.")
    if arguments.get("num_layers", 1) > 1000:
        raise ModelFileError("no recurrent network has so many layers.")
    return cls(**arguments, device="meta")


def _shapes(module):
    return {
        name: None if tensor is None else tuple(tensor.shape)
        for name, tensor in (module._parameters | module._buffers).items()
    }


def _plain_state(module):
    names = ("_flat_weights", "_flat_weight_refs", "_backward_hooks")
    return {name: part for name, part in vars(module).items() if name not in {*names, *_STANDARD}}


def _write_module(module, writer):
    for name, usual in _STANDARD.items():
        if name not in _OWN and vars(module).get(name, usual) != usual:
            raise ModelFileError(f"a {type(module).__name__} with hooks ({name}) has no place in a file.")
    fields = {"class": writer.name_of(type(module)), "training": bool(module.training)}
    arguments = _arguments_of(module)
    if arguments is not None:
        fields["arguments"] = writer.write(arguments)
    else:
        state = {name: part for name, part in vars(module).items() if name not in _STANDARD}
        check_state(type(module), state)
        fields["state"] = _by_name(state, writer)
    for name, parts in [("weights", module._parameters), ("buffers", module._buffers), ("parts", module._modules)]:
        if parts:
            fields[name] = _by_name(parts, writer)
    if module._non_persistent_buffers_set:
        fields["passing"] = sorted(module._non_persistent_buffers_set)
    return fields


def _by_name(parts, writer):
    return {name: writer.write_at(part, f".{name}") for name, part in parts.items()}


def _read_module(node, reader):
    cls = reader.names.get(expect(node, "class", str), wanted=type)
    if not issubclass(cls, nn.Module):
        raise ModelFileError(f"a {cls.__name__} is no module.")
    if ("arguments" in node) == ("state" in node):
        raise ModelFileError(f"a {cls.__name__} must have either arguments or a state.")
    if "arguments" in node:
        if cls not in _ARGUMENTS:
            raise ModelFileError(f"a {cls.__name__} is not made from arguments.")
        module = reader.keep(node, _layer(cls, reader.read(node["arguments"])))
        _fill_layer(module, node, reader)
    else:
        module = reader.keep(node, empty(cls))
        nn.Module.__init__(module)
        state = {name: reader.read(part) for name, part in expect(node, "state", dict).items()}
        check_state(cls, state)
        if any(name in _STANDARD for name in state):
            raise ModelFileError(f"the state of a {cls.__name__} holds what belongs to torch.")
        vars(module).update(state)
        _fill_parts(module, node, reader)
    module.training = expect(node, "training", bool)
    return module


def _fill_layer(module, node, reader):
    """Give a layer of torch's own its weights, which must be of the shapes that its arguments say."""
    shapes = _shapes(module)
    given = [(name, part) for field in ("weights", "buffers") for name, part in node.get(field, {}).items()]
    if sorted(name for name, _ in given) != sorted(shapes) or "parts" in node or "passing" in node:
        raise ModelFileError(f"a {type(module).__name__} has {', '.join(shapes)}; the file has something else.")
    for name, part in given:
        tensor = reader.read(part)
        found = None if tensor is None else tuple(getattr(tensor, "shape", ("?",)))
        if found != shapes[name]:
            raise ModelFileError(
                f"{name} of a {type(module).__name__} must have shape {shapes[name]}; the file has {found}."
            )
        _check_tensor(name, tensor, nn.Parameter if name in module._parameters else torch.Tensor)
        setattr(module, name, tensor)
    if isinstance(module, nn.RNNBase):
        module._init_flat_weights()


def _fill_parts(module, node, reader):
    """Give a module its weights, buffers and parts."""
    for field, own, wanted in [
        ("weights", module._parameters, nn.Parameter),
        ("buffers", module._buffers, torch.Tensor),
        ("parts", module._modules, nn.Module),
    ]:
        for name, part in (expect(node, field, dict) if field in node else {}).items():
            value = reader.read(part)
            _check_tensor(name, value, wanted)
            if name in _STANDARD or name in vars(module):
                raise ModelFileError(f"a {type(module).__name__} cannot have a part called {name[:100]!r}.")
            own[name] = value
    if "passing" in node:
        passing = expect(node, "passing", list)
        if not all(name in module._buffers for name in passing):
            raise ModelFileError(f"the passing buffers of a {type(module).__name__} must be buffers.")
        module._non_persistent_buffers_set = set(passing)
    if isinstance(module, nn.Linear) and _shapes(module)["weight"] != (module.out_features, module.in_features):
        raise ModelFileError(f"weight of a {type(module).__name__} does not have the shape that its features ask for.")


def _check_tensor(name, value, wanted):
    if value is not None and not isinstance(value, wanted):
        raise ModelFileError(f"{name[:100]!r} of a module must be a {wanted.__name__}; it is a {type(value).__name__}.")


KINDS = [
    Kind(
        "module",
        lambda value: isinstance(value, nn.Module),
        _write_module,
        _read_module,
        ("class", "training"),
        ("arguments", "state", "weights", "buffers", "parts", "passing"),
    ),
]
