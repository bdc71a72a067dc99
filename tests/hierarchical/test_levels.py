"""Draws of both levels as tables and trees."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skabi.exceptions import ShapeError
from skabi.hierarchical import LevelDraws


def draws(n_groups=(2, 2)):
    rng = np.random.default_rng(0)
    labels = [np.array(list("abcdef"[:n])) for n in n_groups]
    groups = [rng.normal(size=(5, n, 3)) for n in n_groups]
    return LevelDraws(rng.normal(size=(len(n_groups), 5, 2)), groups, ["mu", "tau"], ["rate", "v[0]", "v[1]"], labels)


def test_tables_have_a_row_a_draw_and_group():
    made = draws((2, 3))
    frame = made.to_frame()
    assert frame.index.names == ["dataset", "draw", "group"] and len(frame) == 5 * 5
    assert frame.loc[(1, 4, "c"), "v[1]"] == made.groups[1][4, 2, 2]
    assert made.to_frame("hyper").loc[(1, 3), "tau"] == made.hyper[1, 3, 1]
    with pytest.raises(ValueError, match="level"):
        made.to_frame("all")


def test_trees_have_a_dimension_of_groups():
    pytest.importorskip("arviz_base")
    made = draws()
    posterior = made.to_datatree()["posterior"]
    assert dict(posterior["rate"].sizes) == {"chain": 1, "draw": 5, "dataset": 2, "group": 2}
    assert float(posterior["v"].sel(dataset=1, draw=3, group="b")[0, 1]) == made.groups[1][3, 1, 2]
    assert dict(posterior["mu"].sizes) == {"chain": 1, "draw": 5, "dataset": 2}
    one = made[1].to_datatree()["posterior"]
    assert_array_equal(one["rate"][0], made.groups[1][:, :, 0])
    with pytest.raises(ShapeError, match=r"draws\[i\]"):
        draws((2, 3)).to_datatree()


def test_means_keep_labels():
    made = draws((2, 3))
    mean = made.mean()
    assert mean.groups[1].index.tolist() == ["a", "b", "c"]
    assert mean.groups[1].loc["c", "rate"] == pytest.approx(made.groups[1][:, 2, 0].mean())
    assert mean[1].hyper["mu"][0] == pytest.approx(made.hyper[1, :, 0].mean())
