"""Data sets become rows of observations, and rows data sets again."""

import numpy as np
import pytest

from skabi.estimators._data_layout import DataLayout
from skabi.estimators._sources import read
from skabi.exceptions import ShapeError

VECTORS = np.arange(8.0).reshape(4, 2)
IMAGES = np.arange(24.0).reshape(4, 3, 2)
SETS = np.arange(24.0).reshape(4, 3, 2)
RAGGED = [np.arange(2.0 * n).reshape(n, 2) + 100 * n for n in (3, 1, 2, 3)]
RNG = np.random.default_rng


def layout(X, structure):
    source = read(X)
    return DataLayout.of(source, structure), source


several = pytest.mark.parametrize("structure", ["exchangeable", "ordered"])


def test_one_observation_a_data_set():
    for X in (VECTORS, IMAGES):
        found, source = layout(X, "one")
        values, mask = found.observations(source)
        np.testing.assert_array_equal(values, X.reshape(4, 1, -1))
        assert mask is None and found.shape_of_observation == X.shape[1:] and found.lengths is None
        sizes, is_list = found.sizes(None, 4, RNG(0))
        assert sizes.tolist() == [1, 1, 1, 1] and not is_list
        back = found.data_sets(values[:, 0], sizes, n_draws=None, is_list=False)
        np.testing.assert_array_equal(back, X)


@several
def test_several_observations_a_data_set(structure):
    found, source = layout(SETS, structure)
    values, mask = found.observations(source)
    np.testing.assert_array_equal(values, SETS)
    assert mask is None and found.shape_of_observation == (2,)
    sizes, is_list = found.sizes(None, 5, RNG(0))
    assert sizes.tolist() == [3] * 5 and not is_list
    back = found.data_sets(values.reshape(-1, 2), sizes[:4], n_draws=None, is_list=False)
    np.testing.assert_array_equal(back, SETS)


def test_observations_of_several_axes_are_rows_too():
    X = np.arange(48.0).reshape(2, 4, 3, 2)
    found, source = layout(X, "exchangeable")
    values, _ = found.observations(source)
    np.testing.assert_array_equal(values, X.reshape(2, 4, 6))
    back = found.data_sets(values.reshape(-1, 6), np.array([4, 4]), n_draws=None, is_list=False)
    np.testing.assert_array_equal(back, X)


@several
def test_data_sets_of_different_sizes(structure):
    found, source = layout(RAGGED, structure)
    values, mask = found.observations(source)
    assert mask.sum(axis=1).tolist() == found.lengths.tolist() == [3, 1, 2, 3] and found.shape == (3, 2)
    for own, is_there, x in zip(values, mask, RAGGED, strict=True):
        np.testing.assert_array_equal(own[is_there], x)
    back = found.data_sets(values[mask], mask.sum(axis=1), n_draws=None, is_list=True)
    for own, x in zip(back, RAGGED, strict=True):
        np.testing.assert_array_equal(own, x)


def test_sizes_are_those_of_fit_by_their_frequency():
    found, _ = layout(RAGGED, "ordered")
    sizes, is_list = found.sizes(None, 4000, RNG(0))
    assert is_list
    np.testing.assert_allclose(np.bincount(sizes, minlength=4) / 4000, [0, 0.25, 0.25, 0.5], atol=0.035)
    np.testing.assert_array_equal(found.sizes(None, 4000, RNG(0))[0], sizes)
    assert (found.sizes(None, 4000, RNG(1))[0] != sizes).any()


@pytest.mark.parametrize("X", [SETS, RAGGED], ids=["even", "ragged"])
def test_sizes_may_be_given(X):
    found, _ = layout(X, "exchangeable")
    for given in (7, np.int64(7)):
        sizes, is_list = found.sizes(given, 3, RNG(0))
        assert sizes.tolist() == [7, 7, 7] and not is_list
    sizes, is_list = found.sizes([4, 4, 4], 3, RNG(0))
    assert sizes.tolist() == [4, 4, 4] and is_list


@pytest.mark.parametrize("n_observations", [0, [3, 0, 1], 2.0, [1, 2], [[1, 2, 3]], "3", True])
def test_bad_sizes(n_observations):
    with pytest.raises(ShapeError, match=r"n_observations must be one int of at least 1, or one for each of 3 data"):
        layout(SETS, "exchangeable")[0].sizes(n_observations, 3, RNG(0))


def test_one_observation_has_no_number_of_them():
    with pytest.raises(ValueError, match="n_observations is for data sets of several observations"):
        layout(VECTORS, "one")[0].sizes(1, 3, RNG(0))


@pytest.mark.parametrize("n_draws", [1, 3])
def test_draws_of_data_sets(n_draws):
    rows = np.arange(4 * n_draws * 2.0).reshape(-1, 2)
    found = layout(VECTORS, "one")[0].data_sets(rows, np.ones(4, dtype=int), n_draws=n_draws, is_list=False)
    np.testing.assert_array_equal(found, rows.reshape(4, n_draws, 2))

    rows = np.arange(2 * n_draws * 5 * 2.0).reshape(-1, 2)
    sets, _ = layout(SETS, "exchangeable")
    found = sets.data_sets(rows, np.array([5, 5]), n_draws=n_draws, is_list=False)
    np.testing.assert_array_equal(found, rows.reshape(2, n_draws, 5, 2))

    sizes = np.array([2, 4, 1])
    rows = np.arange(sizes.sum() * n_draws * 2.0).reshape(-1, 2)
    parts = iter(rows)
    for own, size in zip(sets.data_sets(rows, sizes, n_draws=n_draws, is_list=True), sizes, strict=True):
        assert own.shape == (n_draws, size, 2)
        for draw in own:
            np.testing.assert_array_equal(draw, [next(parts) for _ in range(size)])
