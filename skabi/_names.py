"""Names of parameters and groups: which ones to use, their order, and which columns are the entries of one vector."""

import re

import numpy as np
import pandas as pd

from skabi.exceptions import ShapeError

_ENTRY = re.compile(r"(?P<base>.+)\[(?P<index>0|[1-9][0-9]*)\]")


def check_parameter_names(parameter_names, n_parameters, *, y=None):
    """Return `n_parameters` distinct strings: those given, else the columns of `y`, else `theta[0]`, `theta[1]`, ..."""
    if parameter_names is None:
        parameter_names = getattr(y, "columns", None)
    if parameter_names is None:
        return [f"theta[{i}]" for i in range(n_parameters)]
    if isinstance(parameter_names, str):
        raise TypeError(f"parameter_names must be a list of strings; got the string {parameter_names!r}.")
    names = [str(name) for name in parameter_names]
    if len(names) != n_parameters:
        raise ShapeError(
            f"parameter_names must have one name for each of the {n_parameters} parameters; got {len(names)}: {names}."
        )
    if len(set(names)) != n_parameters:
        raise ValueError(f"parameter_names must be distinct; got {names}.")
    return names


def names_of(estimator, y, *, n_parameters):
    """Return the names that `estimator` was fitted with, or the columns of `y` where it does not know any."""
    fitted = getattr(estimator, "parameter_names_", None)
    if fitted is None:
        return check_parameter_names(None, n_parameters, y=y)
    fitted = check_parameter_names(fitted, n_parameters)
    if hasattr(y, "columns") and check_parameter_names(None, n_parameters, y=y) != fitted:
        raise ValueError(
            f"The columns of y must be the parameters that the estimator was fitted with, in that order: {fitted}; "
            f"got {list(y.columns)}. Try y[estimator.parameter_names_]."
        )
    return fitted


def vector_columns(parameter_names):
    """Return a dict of variable name -> column number, or list of column numbers for a vector.

    `theta[0]`, `theta[1]`, ... in this order and without gaps are the vector `theta`; any other name is a scalar.
    """
    entries: dict[str, list] = {}
    for column, name in enumerate(parameter_names):
        match = _ENTRY.fullmatch(name)
        if match:
            entries.setdefault(match["base"], []).append((int(match["index"]), column))
    vectors = {
        base: [column for _, column in found]
        for base, found in entries.items()
        if [index for index, _ in found] == list(range(len(found))) and base not in parameter_names
    }
    base_of = {column: base for base, columns in vectors.items() for column in columns}
    variables = {}
    for column, name in enumerate(parameter_names):
        base = base_of.get(column)
        variables[name if base is None else base] = column if base is None else vectors[base]
    return variables


def order_of(labels, own, name, *, of):
    """Return where each of `labels` stands among the labels `own` of `name`; None if places are the same.

    Labels that are counted from 0 name nothing: there places are taken for the same.

    Raises
    ------
    ValueError
        If the groups are others.
    """
    labels, own = pd.Index(labels), pd.Index(own)
    if own.equals(labels):
        return None
    order = own.get_indexer(labels) if own.is_unique else np.array([-1])
    if len(own) == len(labels) and (order >= 0).all():
        return order
    if any(each.equals(pd.RangeIndex(len(each))) for each in (labels, own)):
        return None
    raise ValueError(
        f"{name} must be of the groups of {of}, which begin with {labels.tolist()[:5]}, in any order; got "
        f"{own.tolist()[:5]}."
    )
