"""Densities and draws in chunks are those in one piece, complete, and each of its own row."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.engines import Gaussian
from skabi.estimators import _densities
from skabi.estimators._densities import emulate, log_densities
from skabi.networks._likelihood import Likelihood, LikelihoodMixture
from skabi.networks._memory import SeriesMemory
from skabi.networks._observations import ObservationDensity
from skabi.networks._residual import LinearResidual


def a_network(*, is_series=False, seed=0):
    """Return a likelihood of one column, normal around 10 theta."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        memory = SeriesMemory(1, 4) if is_series else None
        n_context = 1 + (memory.n_memory if is_series else 0)
        density = ObservationDensity(None, Gaussian(()).build(1, n_context), n_context)
        weight = torch.zeros(1, n_context)
        weight[0, 0] = 10.0
        if is_series:
            weight[0, 1:] = 0.3 * torch.randn(n_context - 1)
        density.residual = LinearResidual(weight, torch.full((1,), float(seed)), torch.eye(1))
    return Likelihood(density, memory).requires_grad_(False)


NETWORKS = {
    "set": a_network(),
    "series": a_network(is_series=True),
    "mixture": LikelihoodMixture([a_network(is_series=True, seed=seed) for seed in range(2)]),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))


@every_network
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("chunk", [1, 7, 8192])
def test_densities_are_the_network_s_in_chunks_of_any_size(network, dtype, chunk, monkeypatch):
    rng = np.random.default_rng(0)
    values, theta = rng.normal(size=(5, 3, 1)), rng.normal(size=(5, 11, 1))
    network = copy.deepcopy(network).to(dtype)
    expected = network.log_prob(torch.tensor(values, dtype=dtype), torch.tensor(theta, dtype=dtype)).numpy()
    monkeypatch.setattr(_densities, "_CHUNK", chunk)
    found = log_densities(network, values, theta, dtype=dtype)
    assert found.shape == (5, 11, 3) and found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype is torch.float64 else 1e-5)


def test_a_network_never_sees_more_than_a_chunk(monkeypatch):
    class Spy:
        seen = []
        members = [NETWORKS["set"]]

        def log_prob(self, values, theta):
            log_prob = torch.zeros(*theta.shape[:2], values.shape[1])
            self.seen.append(log_prob.numel())
            return log_prob

    monkeypatch.setattr(_densities, "_CHUNK", 100)
    log_densities(Spy(), np.zeros((6, 7, 1)), np.zeros((6, 50, 2)))
    assert max(Spy.seen) <= 100 and sum(Spy.seen) == 6 * 50 * 7


@every_network
@pytest.mark.parametrize("chunk", [1, 10, 8192])
def test_draws_are_complete_and_belong_to_their_rows(network, chunk, monkeypatch):
    monkeypatch.setattr(_densities, "_CHUNK", chunk)
    theta = np.arange(60.0)[:, np.newaxis]
    draws = emulate(network, theta, 1, seed=3)
    assert draws.shape == (60, 1, 1) and draws.dtype == np.float64
    assert np.abs(draws[:, 0] - 10 * theta).max() < 7
    assert np.unique(draws[:, 0] - 10 * theta).size == 60
    assert emulate(network, theta, 4, seed=3).shape == (60, 4, 1)


@every_network
def test_draws_repeat_by_the_seed_whatever_the_number_of_cores(network, monkeypatch):
    monkeypatch.setattr(_densities, "_CHUNK", 10)
    theta, draws = np.zeros((20, 1)), []
    for seed, n_cores in ((0, 1), (0, 3), (1, 1)):
        monkeypatch.setattr("joblib.effective_n_jobs", lambda n_jobs, n_cores=n_cores: n_cores)
        draws.append(emulate(network, theta, 3, seed=seed))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.isin(draws[2], draws[0]).any()


def test_draws_are_as_normal_as_the_density():
    residuals = emulate(NETWORKS["set"], np.repeat([[0.5]], 5000, axis=0), 2, seed=0)[..., 0] - 5
    assert stats.kstest(residuals.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(residuals.T)[0, 1]) < 4.5 / np.sqrt(5000)
