"""The influenza counts."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from skabi.datasets import load_influenza


def test_counts():
    influenza = load_influenza()
    counts = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
    assert influenza.data.shape == (1, 14) and influenza.data.dtype == np.float64
    assert_array_equal(influenza.data[0], counts)
    assert_array_equal(influenza.frame["in_bed"], counts)
    assert influenza.n_pupils == 763
    assert len(influenza.feature_names) == 14
    assert "British Medical Journal" in influenza.DESCR


def test_dates():
    frame = load_influenza().frame
    assert list(frame.columns) == ["date", "day", "in_bed"]
    assert frame["date"].iloc[0] == pd.Timestamp(1978, 1, 22)
    assert frame["date"].iloc[-1] == pd.Timestamp(1978, 2, 4)


def test_each_call_returns_its_own_arrays():
    load_influenza().data[:] = 0
    assert load_influenza().data.max() == 298
