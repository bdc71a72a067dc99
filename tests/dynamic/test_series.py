import numpy as np

from skabi.dynamic._series import SeriesReader


def test_series_are_read_evenly_as_far_as_they_may_go():
    values = np.random.default_rng(0).standard_normal((50, 1, 20, 1))
    reader = SeriesReader(may_miss=False).fit(values)
    near, far = (np.diff(reader.transform(np.reshape(x, (-1, 1))), axis=0) for x in ([0.0, 1.0], [14.0, 15.0]))
    np.testing.assert_allclose(near, far)
    beyond = reader.transform(np.array([[-1e9], [30.0], [1e9]])).ravel()
    assert (np.diff(beyond) > 0).all() and np.abs(beyond).max() < 50
