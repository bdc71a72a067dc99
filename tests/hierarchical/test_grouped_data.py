"""Data sets of groups: what they are read from, and how they are split."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing

from skabi.exceptions import ShapeError
from skabi.hierarchical import GroupedData


def frame():
    return pd.DataFrame(
        {
            "study": [1, 1, 1, 2, 2],
            "school": ["b", "a", "b", "a", "c"],
            "y": [1.0, 2.0, 3.0, 4.0, 5.0],
            "sigma": [0.1, 0.2, 0.1, 0.3, 0.4],
        }
    )


def test_tables_keep_labels_in_their_order():
    X = GroupedData.from_frame(frame(), group="school", features="y", covariates="sigma", dataset="study")
    assert [labels.tolist() for labels in X.labels] == [["b", "a"], ["a", "c"]]
    assert_array_equal(X.data[0][0], [[1.0], [3.0]])
    assert_array_equal(X.covariates["sigma"][0], [0.1, 0.2])
    assert repr(X) == "GroupedData of 2 data sets: 2 groups of 1 to 2 observations, covariates sigma"


def test_arrays_lists_and_rows_are_read():
    assert GroupedData(np.zeros((3, 4, 5, 2))).n_groups.tolist() == [4, 4, 4]
    rows = GroupedData(np.zeros((3, 4, 2)))
    assert not rows.has_observations and rows.n_features == 2
    assert GroupedData(
        [np.zeros((2, 3, 1)), [np.zeros((1, 1)), np.zeros((7, 1)), np.ones((2, 1))]]
    ).n_groups.tolist() == [2, 3]


def test_it_is_split_like_an_array():
    X = GroupedData(
        [[[[float(i)]]] * (i + 1) for i in range(6)], covariates={"size": [np.arange(i + 1) for i in range(6)]}
    )
    for rows, _ in KFold(3).split(X):
        part = _safe_indexing(X, rows)
        assert part.n_groups.tolist() == (rows + 1).tolist()
        assert_array_equal(part.covariates["size"][-1], np.arange(rows[-1] + 1))
    assert X[2].n_groups.tolist() == [3] and len(X[:2]) == 2


def test_groups_are_taken_with_what_is_known_of_them():
    X = GroupedData([[[[1.0]], [[2.0]], [[3.0]]]], covariates={"size": [[7, 8, 9]]}, labels=[["a", "b", "c"]])
    part = X.take_groups([[0, 2]])
    assert part.labels[0].tolist() == ["a", "c"] and part.covariates["size"][0].tolist() == [7.0, 9.0]
    with pytest.raises(ShapeError, match="at least one group"):
        X.take_groups([[]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ShapeError, "at least one data set"),
        (([[]],), ShapeError, r"data\[0\] has no groups"),
        (([[np.zeros((0, 1))]],), ShapeError, r"data\[0\]\[0\] has no observations"),
        (([[np.zeros((2, 1)), np.zeros((2, 2))]],), ShapeError, "same n_features"),
        (([[[[np.nan]]]],), ValueError, "finite"),
        ((pd.DataFrame({"y": [1.0]}),), TypeError, "from_frame"),
        (([[1.0, 2.0]],), ShapeError, r"one row of numbers.* a data set is a list of rows"),
    ],
)
def test_bad_data(arguments, error, message):
    with pytest.raises(error, match=message):
        GroupedData(*arguments)


def test_bad_labels_and_covariates():
    with pytest.raises(ValueError, match="repeat"):
        GroupedData([[[[1.0]], [[2.0]]]], labels=[["a", "a"]])
    with pytest.raises(ShapeError, match="labels"):
        GroupedData([[[[1.0]], [[2.0]]]], labels=[["a"]])
    with pytest.raises(ShapeError, match="one number for each group"):
        GroupedData([[[[1.0]], [[2.0]]]], covariates={"size": [[1.0]]})


def test_bad_tables():
    with pytest.raises(ValueError, match="no columns"):
        GroupedData.from_frame(frame(), group="class", features="y")
    with pytest.raises(ValueError, match="differs in b"):
        GroupedData.from_frame(frame(), group="school", features="sigma", covariates="y")
    with pytest.raises(ValueError, match="every row needs a group"):
        GroupedData.from_frame(frame().assign(school=[None, "a", "b", "a", "c"]), group="school", features="y")
    with pytest.raises(ValueError, match="every row needs a data set; 1 have none in 'study'"):
        GroupedData.from_frame(frame().assign(study=[1, 1, None, 2, 2]), group="school", features="y", dataset="study")
    with pytest.raises(ValueError, match="features must name at least one column"):
        GroupedData.from_frame(frame(), group="school", features=[])
    with pytest.raises(ValueError, match="at least one row"):
        GroupedData.from_frame(frame()[:0], group="school", features="y")
    with pytest.raises(ValueError, match=r"y must have no missing values; 1 of 5 rows do, the first in group 'a'"):
        GroupedData.from_frame(frame().assign(y=[0.0, np.nan, 1.0, 2.0, 3.0]), group="school", features="y")


def test_categories_without_rows_are_no_groups():
    table = frame().assign(school=lambda own: pd.Categorical(own["school"], categories=[*own["school"].unique(), "z"]))
    X, expected = (GroupedData.from_frame(each, group="school", features="y") for each in (table, frame()))
    assert X.labels[0].tolist() == expected.labels[0].tolist()
