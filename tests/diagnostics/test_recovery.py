import numpy as np
import pandas as pd
import pytest

from skabi.diagnostics import recovery
from skabi.exceptions import ShapeError


def gaussian(n_datasets=4000, n_draws=400):
    # Prior N(0, 2^2), noise variance 1: posterior N(0.8 x, 0.8).
    rng = np.random.default_rng(0)
    y = 2 * rng.normal(size=(n_datasets, 1))
    x = y + rng.normal(size=y.shape)
    return 0.8 * x[:, np.newaxis] + np.sqrt(0.8) * rng.normal(size=(n_datasets, n_draws, 1)), y


def test_exact_posterior_gives_the_values_of_theory():
    draws, y = gaussian()
    row = recovery(draws, y, prior_std=2.0).loc["theta[0]"]
    n = len(y)
    assert abs(row["bias"]) < 4.5 * np.sqrt(0.8 / n)
    assert row["rmse"] == pytest.approx(np.sqrt(0.8), abs=4.5 * np.sqrt(0.8 / (2 * n)) + 0.002)
    rho = np.sqrt(0.8)
    assert row["correlation"] == pytest.approx(rho, abs=4.5 * (1 - rho**2) / np.sqrt(n) + 0.002)
    assert row["contraction"] == pytest.approx(0.8, abs=4.5 * 0.2 * np.sqrt(2 / 400 / n))
    assert abs(row["z_score_mean"]) < 4.5 / np.sqrt(n)
    assert row["z_score_sd"] == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * n) + 0.003)


def test_prior_std_comes_from_y_by_default():
    draws, y = gaussian(500)
    pd.testing.assert_frame_equal(recovery(draws, y), recovery(draws, y, prior_std=y.std(axis=0, ddof=1)))
    assert recovery(draws, y, prior_std=4.0)["contraction"].item() == pytest.approx(0.95, abs=0.005)


def test_shift_and_overconfidence_show():
    draws, y = gaussian(500)
    base, shifted = recovery(draws, y), recovery(draws + 3.0, y)
    np.testing.assert_allclose(shifted["bias"] - base["bias"], 3.0)
    np.testing.assert_allclose(shifted["correlation"], base["correlation"])
    mean = draws.mean(axis=1, keepdims=True)
    narrow = recovery(mean + 0.5 * (draws - mean), y)
    np.testing.assert_allclose(narrow["z_score_sd"], 2 * base["z_score_sd"])
    np.testing.assert_allclose(1 - narrow["contraction"], (1 - base["contraction"]) / 4)


def test_names_come_from_the_argument_then_from_columns():
    draws, y = np.random.default_rng(0).normal(size=(5, 10, 2)), np.arange(10.0).reshape(5, 2)
    frame = pd.DataFrame(y, columns=["beta", "gamma"])
    assert recovery(draws, frame).index.tolist() == ["beta", "gamma"]
    assert recovery(draws, frame, parameter_names=["b", "g"]).index.tolist() == ["b", "g"]
    table = recovery(draws, y)
    assert table.index.tolist() == ["theta[0]", "theta[1]"]
    assert table.index.name == "parameter"
    assert table.columns.tolist() == ["bias", "rmse", "correlation", "contraction", "z_score_mean", "z_score_sd"]


def test_constant_columns_give_nan_without_warnings():
    rng = np.random.default_rng(0)
    draws, y = rng.normal(size=(7, 10, 2)), rng.normal(size=(7, 2))
    y[:, 0] = 0.1
    draws[:, :, 1] = 0.1
    table = recovery(draws, y)
    assert table.loc["theta[0]", ["correlation", "contraction"]].isna().all()
    assert table.loc["theta[1]", ["correlation", "z_score_mean", "z_score_sd"]].isna().all()
    assert table.loc["theta[1]", "contraction"] == pytest.approx(1.0)
    assert table.loc["theta[0]", ["bias", "rmse", "z_score_mean", "z_score_sd"]].notna().all()


def test_wrong_input():
    draws, y = np.zeros((5, 10, 2)), np.zeros((5, 2))
    with pytest.raises(ShapeError, match="at least 2 data sets"):
        recovery(draws[:1], y[:1])
    with pytest.raises(ShapeError, match="2 draws"):
        recovery(draws[:, :1], y)
    with pytest.raises(ShapeError, match="one name for each of the 2"):
        recovery(draws, y, parameter_names=["a"])
    with pytest.raises(ShapeError, match=r"shape \(2,\)"):
        recovery(draws, y, prior_std=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="positive"):
        recovery(draws, y, prior_std=[1.0, 0.0])
    with pytest.raises(ValueError, match="prior_std must be finite"):
        recovery(draws, y, prior_std=np.nan)
    with pytest.raises(ShapeError, match="same n_datasets"):
        recovery(draws, y[:4])


def test_nan_is_refused():
    draws, y = np.zeros((3, 4, 2)), np.zeros((3, 2))
    draws[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="draws must be finite"):
        recovery(draws, y)
    y[2] = np.nan
    with pytest.raises(ValueError, match="y must be finite; 2 of its 6 values are NaN"):
        recovery(np.zeros((3, 4, 2)), y)
