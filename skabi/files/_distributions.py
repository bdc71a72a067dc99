"""Distributions of `scipy.stats` by their names there, and what pandas holds."""

import re

import numpy as np
import pandas as pd
from scipy import stats

from skabi.exceptions import ModelFileError
from skabi.files._kinds import KIND, Kind, expect, is_of

_FAMILIES = (stats.rv_continuous, stats.rv_discrete)
_SHAPES = re.compile(r"[A-Za-z_]\w*(\s*,\s*[A-Za-z_]\w*)*", re.ASCII)


def _is_frozen(value):
    return hasattr(value, "dist") and hasattr(value, "kwds") and isinstance(value.dist, _FAMILIES)


def _parameters_of(family):
    """Return what a family was made of; how it draws without a random_state is none of that."""
    return {name: value for name, value in family._updated_ctor_param().items() if name != "seed"}


def _of_scipy(name):
    family = getattr(stats, name, None) if type(name) is str else None
    return family if isinstance(family, _FAMILIES) else None


def _write_frozen(value, writer):
    return {
        "family": writer.write_at(value.dist, ".dist"),
        "arguments": [writer.write_at(item, f".args[{i}]") for i, item in enumerate(value.args)],
        "keywords": {name: writer.write_at(item, f".kwds[{name!r}]") for name, item in value.kwds.items()},
    }


def _read_frozen(node, reader):
    family = reader.read(node["family"])
    if not isinstance(family, _FAMILIES):
        raise ModelFileError("a distribution must be of a family of scipy.stats.")
    keywords = expect(node, "keywords", dict)
    values = [reader.read(item) for item in [*expect(node, "arguments", list), *keywords.values()]]
    for value in values:
        if np.asarray(value).dtype.kind not in "biuf":
            raise ModelFileError(f"the parameters of a {family.name} must be numbers.")
    arguments = values[: len(values) - len(keywords)]
    return family.freeze(*arguments, **dict(zip(keywords, values[len(arguments) :], strict=True)))


def _write_family(value, writer):
    parameters, of_scipy = _parameters_of(value), _of_scipy(value.name)
    if type(value) is type(of_scipy) and parameters == _parameters_of(of_scipy):
        return {"name": value.name}
    # An empty object would not do: families make methods of their own while they are constructed.
    return {"class": writer.name_of(type(value)), "parameters": writer.write(parameters)}


def _read_family(node, reader):
    if ("name" in node) == ("class" in node) or ("class" in node) != ("parameters" in node):
        raise ModelFileError("a family must have a name, or a class and parameters.")
    if "name" in node:
        family = _of_scipy(node["name"])
        if family is None:
            raise ModelFileError(f"scipy.stats has no family {str(node['name'])[:100]!r}.")
        return family
    cls = reader.names.get(expect(node, "class", str), wanted=type)
    parameters = reader.read(node["parameters"])
    if not issubclass(cls, _FAMILIES) or type(parameters) is not dict:
        raise ModelFileError(f"a {cls.__name__} is no family of distributions.")
    shapes = parameters.get("shapes")
    if shapes is not None and not (type(shapes) is str and _SHAPES.fullmatch(shapes)):
        raise ModelFileError("the parameters of a family must be named by words.")
    return cls(**parameters)


def _is_multivariate_normal(value):
    return type(value) is stats._multivariate.multivariate_normal_frozen


def _write_multivariate_normal(value, writer):
    fields = {"mean": value.mean, "covariance": value.cov, "allow_singular": bool(value.allow_singular)}
    again = stats.multivariate_normal(value.mean, value.cov, allow_singular=value.allow_singular)
    if type(again.cov_object) is not type(value.cov_object):
        raise ModelFileError(
            f"a multivariate_normal of a {type(value.cov_object).__name__} has no place in a file. Make it of the "
            "covariance as an array."
        )
    return {name: writer.write(part) for name, part in fields.items()}


def _read_multivariate_normal(node, reader):
    mean, covariance = reader.read(node["mean"]), reader.read(node["covariance"])
    return stats.multivariate_normal(mean, covariance, allow_singular=expect(node, "allow_singular", bool))


def _write_column(value, writer):
    is_plain = isinstance(value.dtype, np.dtype) and value.dtype.kind != "O"
    numbers = value.to_numpy()
    if is_plain:
        return {"values": writer.write(np.array(numbers))}
    if str(value.dtype) not in ("object", "str", "string"):
        raise ModelFileError(f"pandas' type {value.dtype} has no place in a file; use numbers or text.")
    return {"values": writer.write(np.array(value.to_numpy(dtype=object), dtype=object)), "dtype": str(value.dtype)}


def _read_column(node, reader):
    values = reader.read(node["values"])
    if type(values) is not np.ndarray or values.ndim != 1:
        raise ModelFileError("what pandas holds must be arrays of one axis.")
    if "dtype" not in node:
        return values, None
    dtype = expect(node, "dtype", str)
    if dtype not in ("object", "str", "string"):
        raise ModelFileError(f"a file holds nothing of pandas' type {dtype[:100]!r}.")
    return values, dtype


def _write_index(value, writer):
    if type(value) is pd.RangeIndex:
        return {"values": writer.write(range(value.start, value.stop, value.step)), "name": writer.write(value.name)}
    return _write_column(value, writer) | {"name": writer.write(value.name)}


def _read_index(node, reader):
    name = reader.read(node["name"])
    if type(node["values"]) is dict and node["values"].get(KIND) == "range":
        return pd.RangeIndex(reader.read(node["values"]), name=name)
    values, dtype = _read_column(node, reader)
    return pd.Index(values, dtype=dtype, name=name)


def _write_series(value, writer):
    return _write_column(value, writer) | {"index": writer.write(value.index), "name": writer.write(value.name)}


def _read_series(node, reader):
    values, dtype = _read_column(node, reader)
    return pd.Series(values, dtype=dtype, index=reader.read(node["index"]), name=reader.read(node["name"]))


def _write_frame(value, writer):
    columns = [writer.write_at(value.iloc[:, i], f".iloc[:, {i}]") for i in range(value.shape[1])]
    return {"columns": columns, "names": writer.write(value.columns), "index": writer.write(value.index)}


def _read_frame(node, reader):
    columns = [reader.read(column) for column in expect(node, "columns", list)]
    index, names = reader.read(node["index"]), reader.read(node["names"])
    frame = pd.DataFrame(dict(enumerate(columns)), index=index, columns=range(len(columns)))
    frame.columns = names
    return frame


KINDS = [
    Kind("distribution", _is_frozen, _write_frozen, _read_frozen, ("family", "arguments", "keywords")),
    Kind(
        "family",
        lambda value: isinstance(value, _FAMILIES),
        _write_family,
        _read_family,
        (),
        ("name", "class", "parameters"),
    ),
    Kind(
        "multivariate normal",
        _is_multivariate_normal,
        _write_multivariate_normal,
        _read_multivariate_normal,
        ("mean", "covariance", "allow_singular"),
    ),
    Kind("index", is_of(pd.RangeIndex, pd.Index), _write_index, _read_index, ("values", "name"), ("dtype",)),
    Kind("series", is_of(pd.Series), _write_series, _read_series, ("values", "index", "name"), ("dtype",)),
    Kind("frame", is_of(pd.DataFrame), _write_frame, _read_frame, ("columns", "names", "index")),
]
