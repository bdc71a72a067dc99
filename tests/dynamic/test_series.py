import numpy as np
import pandas as pd
import pytest

from skabi.dynamic._series import SeriesReader, as_series, check_times
from skabi.exceptions import ShapeError


def test_series_are_read_evenly_as_far_as_they_may_go():
    values = np.random.default_rng(0).standard_normal((50, 1, 20, 1))
    reader = SeriesReader(may_miss=False).fit(values)
    near, far = (np.diff(reader.transform(np.reshape(x, (-1, 1))), axis=0) for x in ([0.0, 1.0], [14.0, 15.0]))
    np.testing.assert_allclose(near, far)
    beyond = reader.transform(np.array([[-1e9], [30.0], [1e9]])).ravel()
    assert (np.diff(beyond) > 0).all() and np.abs(beyond).max() < 50


def test_series_without_observations_are_refused():
    with pytest.raises(ShapeError, match="data set 1 has none"):
        as_series([np.zeros((3, 1)), np.zeros((0, 1))], several=False, allow_nan=False)


def test_subjects_of_a_data_set_have_series_of_one_length():
    one, other = np.zeros((3, 1)), np.zeros((2, 1))
    for X in ([[one, other], [one, one]], [[one, other]]):
        with pytest.raises(ShapeError, match='Fill the shorter ones up with NaN, and fit with missing="mask"'):
            as_series(X, several=True, allow_nan=False)


def test_periods_are_told_by_their_starts():
    times = check_times(pd.period_range("2020-01", periods=3, freq="M"), 3)
    np.testing.assert_array_equal(times, np.array(["2020-01-01", "2020-02-01", "2020-03-01"], dtype=times.dtype))
