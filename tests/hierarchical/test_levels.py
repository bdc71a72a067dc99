"""Draws of both levels as tables and trees."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skabi.exceptions import ShapeError
from skabi.hierarchical import LevelDraws, Levels
from skabi.hierarchical._levels import arrays_of


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


def test_quantiles_are_those_of_draws():
    made = draws((2, 3))
    low, high = made.quantiles((0.1, 0.9))
    assert low.hyper["tau"][1] == pytest.approx(np.quantile(made.hyper[1, :, 1], 0.1))
    assert high.groups[1].loc["c", "v[0]"] == pytest.approx(np.quantile(made.groups[1][:, 2, 1], 0.9))
    assert [one.hyper.shape for one in made.quantiles()] == [(2, 2)] * 3


def test_groups_are_matched_by_label():
    """Rows in another order are the same parameters; rows that are counted are places."""
    made, shuffled = draws((2, 3)), [[1, 0], [2, 0, 1]]
    other = LevelDraws(
        made.hyper,
        [own[:, order] for own, order in zip(made.groups, shuffled, strict=True)],
        made.hyper_names,
        made.group_names,
        [own[order] for own, order in zip(made.labels, shuffled, strict=True)],
    )
    unnamed = LevelDraws(
        made.hyper, made.groups, made.hyper_names, made.group_names, [np.arange(len(own)) for own in made.labels]
    )
    for each in (other, other.mean(), unnamed):
        found = arrays_of(each, made.labels, made.hyper_names, made.group_names)[1]
        for own, expected in zip(found, made.groups, strict=True):
            assert_array_equal(own, expected if isinstance(each, LevelDraws) else expected.mean(axis=0)[np.newaxis])
    with pytest.raises(ValueError, match=r"groups\[1\] must be of the groups of X, which begin with \['a', 'b', 'x'\]"):
        arrays_of(made, [made.labels[0], np.array(["a", "b", "x"])], made.hyper_names, made.group_names)
    with pytest.raises(ShapeError, match=r"groups of X, \[2, 2\] in the first data sets; got \[2, 3\]"):
        arrays_of(made, draws().labels, made.hyper_names, made.group_names)


def test_columns_of_every_data_set_are_checked():
    y = draws().mean()
    swapped = Levels(y.hyper, [y.groups[0], y.groups[1][["v[1]", "v[0]", "rate"]]])
    with pytest.raises(ValueError, match="must have the parameters"):
        arrays_of(swapped, draws().labels, ["mu", "tau"], ["rate", "v[0]", "v[1]"])
