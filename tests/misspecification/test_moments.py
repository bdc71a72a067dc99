"""Skewness and kurtosis of columns, against scipy."""

import numpy as np
import pytest
from scipy import stats
from skorch.helper import SliceDict

from skabi.misspecification._moments import column_moments
from skabi.summaries import FusionSummary, ImageSummary


def expected(columns):
    """Return the moments of one data set `(n_observations, k)`."""
    skewness, kurtosis = stats.skew(columns, nan_policy="omit"), stats.kurtosis(columns, nan_policy="omit")
    return np.hstack([np.arcsinh(skewness), np.log(kurtosis + 3)])


@pytest.fixture
def sets():
    return np.random.default_rng(0).gamma(2.0, size=(6, 30, 2))


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1.0, 1e150, 1e307])
def test_moments_are_those_of_scipy_in_any_unit(sets, unit):
    np.testing.assert_allclose(column_moments(unit * sets), [expected(x) for x in sets])


def test_padding_and_missing_values_do_not_count(sets):
    ragged = [x[: 10 + i] for i, x in enumerate(sets)]
    np.testing.assert_allclose(column_moments(ragged), [expected(x) for x in ragged])
    sets[:, 3, 0] = np.nan
    np.testing.assert_allclose(column_moments(sets), [expected(x) for x in sets])


def test_sources_stand_side_by_side(sets):
    table = np.zeros((6, 3))
    both = column_moments(SliceDict(a=sets, b=table, c=sets[:, :9, :1]))
    np.testing.assert_allclose(both, np.hstack([column_moments(sets), column_moments(sets[:, :9, :1])]))
    assert column_moments(table).shape == (6, 0)
    assert column_moments(np.zeros((6, 8, 8, 1))).shape == (6, 0)


def test_what_varies_little_varies(sets):
    shifted = 1e9 + 1e-4 * sets
    # To the nearest number that there is, a thousandth of the spread.
    np.testing.assert_allclose(column_moments(shifted), column_moments(sets), atol=0.02)
    opposite = np.where(sets > np.median(sets, axis=1, keepdims=True), 1e308, -1e308)
    np.testing.assert_allclose(column_moments(opposite), column_moments(np.sign(opposite)), atol=1e-9)


def test_what_is_constant_but_for_rounding_does_not_vary():
    rounded = np.where(np.arange(30) % 3 == 0, 0.1 + 0.2, 0.3)[np.newaxis, :, np.newaxis]
    assert (column_moments(rounded) == 0).all()


def test_images_have_none(sets):
    assert column_moments(sets, ImageSummary()).shape == (6, 0)
    both = SliceDict(a=sets, b=sets)
    assert column_moments(both, FusionSummary({"a": ImageSummary()})).shape == (6, 4)


def test_what_has_no_shape_has_zeros(sets):
    sets[0, :, 0] = 0.1
    sets[1, :, 1] = np.nan
    sets[2, 3:, 0] = np.nan
    moments = column_moments(sets)
    assert (moments[[0, 2]][:, [0, 2]] == 0).all() and (moments[1, [1, 3]] == 0).all()
    assert (moments[3:] != 0).all()
