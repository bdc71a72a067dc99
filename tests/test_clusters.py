"""The same code on a Dask cluster of two processes, and on Ray: the same rows, draws and scores."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import GridSearchCV

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"mean": stats.norm(), "scale": stats.gamma(2.0)})


def simulate(mean, scale, rng):
    return mean[:, np.newaxis] + scale[:, np.newaxis] * rng.normal(size=(len(mean), 4))


def simulate_slowly(mean, scale, rng):
    time.sleep(0.05)
    return simulate(mean, scale, rng)


@pytest.fixture(scope="module")
def simulator():
    return Simulator(PRIOR, simulate, vectorized=True, block_size=100)


@pytest.fixture(scope="module")
def posterior(simulator):
    return AmortizedPosterior(Gaussian((8,)), n_simulations=300, max_iter=2, random_state=0).fit(simulator)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def on_dask(client):
    with joblib.parallel_config(backend="dask"):
        yield


@pytest.mark.slow
def test_simulations_are_those_of_one_process(on_dask, simulator, tmp_path):
    X, y = simulator.sample(1000, random_state=0)
    stored, _ = simulator.sample(1000, random_state=0, store=tmp_path / "sims.zarr")
    with joblib.parallel_config(backend="sequential"):
        expected, parameters = simulator.sample(1000, random_state=0)
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(stored.read(), expected)
    np.testing.assert_array_equal(y, parameters)


@pytest.mark.slow
def test_a_worker_may_be_killed(client, on_dask, tmp_path):
    slow = Simulator(PRIOR, simulate_slowly, vectorized=True, block_size=100)
    store = tmp_path / "sims.zarr"
    killed = []

    def kill():
        while len(list(store.rglob("zarr.json"))) < 4:
            time.sleep(0.01)
        killed.append(next(iter(client.run(os.getpid).values())))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    X, _ = slow.sample(6000, random_state=0, store=store)
    killer.join(timeout=10)
    assert killed and killed[0] not in client.run(os.getpid).values()
    with joblib.parallel_config(backend="sequential"):
        expected, _ = Simulator(PRIOR, simulate, vectorized=True, block_size=100).sample(6000, random_state=0)
    np.testing.assert_array_equal(X.read(), expected)


@pytest.mark.slow
def test_searches_have_the_scores_of_one_process(on_dask, simulator):
    X, y = simulator.sample(200, random_state=0)
    search = GridSearchCV(
        AmortizedPosterior(Gaussian((4,)), max_iter=2, random_state=0), {"learning_rate_init": [1e-3, 1e-2]}, cv=2
    )
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="sequential"):
        np.testing.assert_allclose(search.fit(X, y).cv_results_["mean_test_score"], scores, rtol=1e-5)


@pytest.mark.slow
def test_draws_go_to_a_store(on_dask, posterior, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr("skabi.estimators._stored_draws._CHUNK", 10_000)
    X, _ = simulator.sample(250, random_state=1)
    draws = posterior.sample(X, 100, store=tmp_path / "draws.zarr", random_state=0)
    with joblib.parallel_config(backend="sequential"):
        expected = posterior.sample(X, 100, store=tmp_path / "again.zarr", random_state=0)
    assert draws.chunks == (50, 100, 2)
    np.testing.assert_array_equal(draws[:], expected[:])


# JAX, if a test before this one imported it, warns of the processes that ray forks.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@pytest.mark.slow
def test_ray_makes_the_same_rows(simulator, tmp_path):
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    expected, _ = simulator.sample(500, random_state=0)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=2):
            X, _ = simulator.sample(500, random_state=0)
            stored, _ = simulator.sample(500, random_state=0, store=tmp_path / "sims.zarr")
    finally:
        ray.shutdown()
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(stored.read(), expected)
