from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skabi._names import check_parameter_names, names_of, vector_columns
from skabi.exceptions import ShapeError


def test_given_names_come_before_columns_and_columns_before_numbers():
    y = pd.DataFrame([[1.0, 2.0]], columns=["beta", "gamma"])
    assert check_parameter_names(["a", "b"], 2, y=y) == ["a", "b"]
    assert check_parameter_names(None, 2, y=y) == ["beta", "gamma"]
    assert check_parameter_names(None, 2) == ["theta[0]", "theta[1]"]


def test_wrong_names():
    with pytest.raises(ShapeError, match="each of the 2 parameters; got 1"):
        check_parameter_names(["a"], 2)
    with pytest.raises(ValueError, match="distinct"):
        check_parameter_names(["a", "a"], 2)
    with pytest.raises(TypeError, match="list of strings"):
        check_parameter_names("ab", 2)


def test_names_come_from_the_estimator_then_from_the_columns_then_are_numbered():
    y = pd.DataFrame(np.zeros((1, 2)), columns=["a", "b"])
    assert names_of(SimpleNamespace(parameter_names_=["c", "d"]), None, n_parameters=2) == ["c", "d"]
    assert names_of(SimpleNamespace(), y, n_parameters=2) == ["a", "b"]
    assert names_of(SimpleNamespace(), y.to_numpy(), n_parameters=2) == ["theta[0]", "theta[1]"]


def test_columns_must_be_those_fitted():
    estimator = SimpleNamespace(parameter_names_=["a", "b"])
    y = pd.DataFrame(np.zeros((1, 2)), columns=["b", "a"])
    assert names_of(estimator, y[["a", "b"]], n_parameters=2) == ["a", "b"]
    with pytest.raises(ValueError, match=r"in that order: \['a', 'b'\]; got \['b', 'a'\]"):
        names_of(estimator, y, n_parameters=2)


def test_entries_in_order_make_a_vector():
    names = ["beta", "theta[0]", "theta[1]", "gamma"]
    assert vector_columns(names) == {"beta": 0, "theta": [1, 2], "gamma": 3}


@pytest.mark.parametrize(
    "names", [["a[0]", "a[2]"], ["a[1]", "a[0]"], ["a[0]", "a"], ["a[00]"], ["a[1]"], ["[0]"], ["a[0]b"]]
)
def test_anything_else_stays_scalar(names):
    assert vector_columns(names) == {name: column for column, name in enumerate(names)}
