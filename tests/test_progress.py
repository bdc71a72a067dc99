"""Bars over long work: after two seconds, one at a time, none without `verbose`."""

import time

import numpy as np
import pytest
from sklearn.base import clone

from skabi import AmortizedPosterior, JointEstimator, _progress
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.simulators import Simulator


@pytest.fixture(scope="module")
def fitted():
    return AmortizedPosterior(Gaussian((4,)), n_simulations=300, max_iter=1, random_state=0).fit(ConjugateGaussian())


@pytest.fixture
def at_once(monkeypatch):
    """Count all work as long."""
    monkeypatch.setattr(_progress, "_SHORT", 1e-9)


def test_short_work_has_no_bar(fitted, capfd):
    X, y = ConjugateGaussian().sample(50, random_state=0)
    fitted.set_params(verbose=1)
    fitted.predict(X), fitted.sample(X, 10), fitted.score(X, y), fitted.transform(X)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "answer, bars",
    [
        (lambda posterior, X, y: posterior.predict(X), ["summarizing", "predicting"]),
        (lambda posterior, X, y: posterior.score(X, y), ["summarizing", "densities"]),
        (lambda posterior, X, y: posterior.sample(X, 20), ["summarizing", "drawing"]),
        (lambda posterior, X, y: posterior.sample(X, 20, n_replicates=2), ["summarizing", "drawing"]),
        (lambda posterior, X, y: posterior.transform(X), ["summarizing"]),
    ],
    ids=["predict", "score", "sample", "replicates", "transform"],
)
def test_long_work_has_a_bar_with_the_time_left(fitted, at_once, capfd, answer, bars):
    X, y = ConjugateGaussian().sample(300, random_state=0)
    answer(fitted.set_params(verbose=0), X, y)
    assert capfd.readouterr().err == ""
    answer(fitted.set_params(verbose=1), X, y)
    shown = capfd.readouterr().err
    assert [bar for bar in ("summarizing", "predicting", "densities", "drawing") if f"{bar}: 100%" in shown] == bars
    assert "<00:00" in shown


def test_draws_to_a_store_have_one_bar(fitted, at_once, capfd, tmp_path):
    X, _ = ConjugateGaussian().sample(300, random_state=0)
    fitted.set_params(verbose=1).sample(X, 20, store=tmp_path / "draws.zarr")
    shown = capfd.readouterr().err
    assert "drawing: 100%" in shown and "data sets" in shown and " parts" not in shown.rpartition("drawing:   0%")[2]


def test_likelihoods_have_bars(at_once, capfd):
    joint = JointEstimator(Gaussian((4,)), Gaussian((4,)), n_simulations=300, max_iter=1, random_state=0)
    joint.fit(ConjugateGaussian()).likelihood_.set_params(verbose=1)
    X, y = ConjugateGaussian().sample(500, random_state=0)
    joint.log_likelihood(X, y)
    assert "densities: 100%" in capfd.readouterr().err
    joint.sample_data(y)
    assert "emulating: 100%" in capfd.readouterr().err


def test_a_bar_inside_another_is_not_shown(capfd):
    with _progress.progress(2, "outer", verbose=1) as advance:
        with _progress.progress(3, "inner", verbose=1) as inside:
            inside(3)
        advance(2)
    with _progress.progress(1, "next", verbose=1) as advance:
        advance(1)
    shown = capfd.readouterr().err
    assert "outer" in shown and "next" in shown and "inner" not in shown


def test_training_inside_a_bar_has_none(fitted, capfd):
    posterior, simulator = clone(fitted).set_params(verbose=1), ConjugateGaussian()
    X, y = simulator.sample(100, random_state=0)
    with _progress.progress(1, "outer", verbose=1):
        posterior.fit(X, y)
    assert "training" not in capfd.readouterr().err
    posterior.fit(X, y)
    assert "training" in capfd.readouterr().err


def test_a_bar_that_waits_comes_after_two_seconds(capfd, monkeypatch):
    monkeypatch.setattr(_progress, "_SHORT", 0.2)
    with _progress.progress(4, "working", verbose=1, may_be_short=True) as advance:
        advance(1)
        assert capfd.readouterr().err == ""
        time.sleep(0.25)
        advance(1)
        assert "2/4" in capfd.readouterr().err


def test_simulation_and_store_count_data_sets(capfd, tmp_path):
    simulator = Simulator(ConjugateGaussian().prior, lambda theta, rng: rng.normal(theta))
    X, _ = simulator.sample(40, random_state=0, verbose=1)
    stored, _ = simulator.sample(40, random_state=0, verbose=1, store=tmp_path / "sims.zarr")
    shown = capfd.readouterr().err
    assert shown.count("simulating: 100%") >= 2 and "40/40" in shown
    np.testing.assert_array_equal(stored.read(), X)
