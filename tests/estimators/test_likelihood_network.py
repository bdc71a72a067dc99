"""A new likelihood network fits its data's columns, and starts from their linear regression."""

import numpy as np
import pytest
import torch

from skabi.engines import Gaussian
from skabi.estimators._data_map import DataMap
from skabi.estimators._likelihood_network import likelihood_network, linear_start_of_observations
from skabi.networks._data_sets import DataSets

N, N_TIMES = 400, 6


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("is_series", [False, True])
@pytest.mark.parametrize("kinds", ["x", "k", "n", "xk", "nxkx"])
def test_every_mixture_of_columns_has_a_density_and_draws(kinds, is_series, generator):
    rng = np.random.default_rng(0)
    make = {
        "x": lambda: rng.normal(size=N),
        "k": lambda: rng.integers(3, size=N).astype(float),
        "n": lambda: rng.poisson(100.0, size=N).astype(float),
    }
    rows = np.stack([make[kind]() for kind in kinds], axis=1)
    data_map = DataMap().fit(rows, name="X")
    with torch.random.fork_rng(devices=[]):
        network = likelihood_network(Gaussian((4,)), data_map, 2, is_series=is_series)
    values = torch.tensor(data_map.to_network(rows)[0], dtype=torch.float32).reshape(N // 5, 5, -1)
    theta = torch.randn(N // 5, 2, generator=generator)
    losses = network.training_loss(theta, values)
    assert losses.shape == (N // 5,) and losses.isfinite().all()
    assert network.density.n_discrete == len(kinds) - kinds.count("x") and (network.memory is not None) == is_series
    assert (network.density.density is None) == ("x" not in kinds)


def network_of(rows, *, is_series=False):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return likelihood_network(Gaussian(()), DataMap().fit(rows, name="X"), 1, is_series=is_series)


def test_the_start_is_the_regression_on_levels_and_parameters(generator):
    theta = torch.randn(N, 1, generator=generator)
    level = torch.randint(3, (N, N_TIMES), generator=generator)
    noise = 0.1 * torch.randn(N, N_TIMES, generator=generator)
    x = torch.stack([level, 2 * theta + torch.tensor([0.0, 5.0, -1.0])[level] + noise], dim=-1)
    network = network_of(x.reshape(-1, 2).double().numpy())
    residual = linear_start_of_observations(network, x, theta)
    effects, slope = residual.weight[0, :3], residual.weight[0, 3]
    torch.testing.assert_close(effects - effects[0], torch.tensor([0.0, 5.0, -1.0]), rtol=0, atol=0.03)
    assert slope == pytest.approx(2.0, abs=0.01) and residual.scale.item() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("is_padded", [False, True])
def test_the_start_of_a_series_is_the_regression_on_parameters_and_the_last_times(is_padded, generator):
    theta = torch.randn(N, 1, generator=generator)
    x = torch.zeros(N, N_TIMES + 2)
    for t in range(2, N_TIMES + 2):
        x[:, t] = theta[:, 0] + 0.8 * x[:, t - 1] - 0.5 * x[:, t - 2] + 0.1 * torch.randn(N, generator=generator)
    x = x[:, 2:, None]
    network = network_of(x.reshape(-1, 1).double().numpy(), is_series=True)
    if is_padded:
        mask = torch.arange(N_TIMES) < torch.randint(1, N_TIMES + 1, (N, 1), generator=generator)
        # Whatever stands in padding is not part of the regression.
        x = DataSets(torch.where(mask[..., None], x, 99.0), mask)
    residual = linear_start_of_observations(network, x, theta)
    n_fixed = 1 + network.memory.n_fixed
    # Parameters, the last observation, whether there is one, the one before, and whether there is one.
    expected = torch.tensor([1.0, 0.8, 0.0, -0.5, 0.0])
    torch.testing.assert_close(residual.weight[0, :n_fixed], expected, rtol=0, atol=0.03)
    assert (residual.weight[0, n_fixed:] == 0).all() and residual.weight.shape[1] == 1 + network.memory.n_memory
    assert residual.scale.item() == pytest.approx(0.1, abs=0.01)
