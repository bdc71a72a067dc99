"""Free-form engines whose network is the exact one, for a normal posterior."""

import math

import pytest
import torch
from torch import nn

from skabi.engines import ConsistencyModel, DiffusionModel, DormandPrince, FlowMatching, ResidualNetwork, RungeKutta
from skabi.testing import check_engine

MEAN = torch.tensor([0.7, -1.2, 0.1], dtype=torch.float64)
SPREAD = torch.tensor([0.3, 1.1, 0.6], dtype=torch.float64)
SMALL = ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)
CONTEXT = torch.zeros(1, 2, dtype=torch.float64)


class Exact(nn.Module):
    """A field of given values; data sets say how far the mean is moved."""

    def __init__(self, value):
        super().__init__()
        self.value, self.error = value, 0.0

    def read(self, context):
        return context[..., :1]

    def forward(self, theta, time, read):
        return self.value(theta, time[..., None], MEAN + read + self.error)


def straight(x, told, mean):
    """The mean of parameters minus normal points, given a point on the line between them, less what is given."""
    t = 1.001 - (4 * told).exp()
    size = 1 / torch.sqrt((1 - t) ** 2 + t**2)
    x = x / size
    variance = (1 - t) ** 2 + (t * SPREAD) ** 2
    velocity = mean + (t * SPREAD**2 - (1 - t)) / variance * (x - t * mean)
    return (velocity - size**2 * (2 * t - 1) * x) / size


def noise_removed(x, told, mean):
    sigma = (4 * told).exp()
    size = torch.sqrt(1 + sigma**2)
    x = x * size
    denoised = (SPREAD**2 * x + sigma**2 * mean) / (SPREAD**2 + sigma**2)
    return (denoised - x / size**2) / (sigma / size)


def path_ended(x, told, mean, least=0.001):
    t = (4 * told).exp()
    x = x * torch.sqrt(1 + t**2)
    end = mean + (x - mean) * torch.sqrt((SPREAD**2 + least**2) / (SPREAD**2 + t**2))
    gap = t - least
    return (end - x / (1 + gap**2)) / (gap / torch.sqrt(1 + t**2))


def exact(engine, value):
    network = engine.build(3, 2).double().eval()
    network.field = Exact(value)
    return network


FLOW = FlowMatching(SMALL, n_steps=32)
DIFFUSION = DiffusionModel(SMALL, n_steps=64, noise=(0.001, 50.0))
both = pytest.mark.parametrize(("engine", "value"), [(FLOW, straight), (DIFFUSION, noise_removed)], ids=["flow", "sde"])


def normal_log_prob(theta, mean=MEAN):
    return torch.distributions.Normal(mean, SPREAD).log_prob(theta).sum(-1)


@both
def test_density_and_draws_of_the_exact_network_are_the_posterior_s(engine, value):
    network = exact(engine, value)
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    context = torch.tensor([[0.0, 0.0], [0.4, 1.0]], dtype=torch.float64)
    theta = network.from_base(z, context[:, None])
    mean = MEAN + context[:, None, :1]
    # What starts with another mean than zero, and noise of 50, keeps a fiftieth of a standard deviation.
    slack = 1e-5 if value is straight else 0.04
    assert ((theta - mean - z * SPREAD) / SPREAD).abs().max() < slack
    gap = network.log_prob(theta, context[:, None]) - normal_log_prob(theta, mean)
    assert gap.abs().max() < 4 * slack


@both
def test_probes_estimate_the_log_density(engine, value):
    network = exact(engine.set_params(n_probes=2), value)
    engine.set_params(n_probes=None)
    theta = MEAN + SPREAD * torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    # Of a velocity whose columns are independent any signs give the exact divergence.
    torch.testing.assert_close(
        network.log_prob(theta, CONTEXT), exact(engine, value).log_prob(theta, CONTEXT), rtol=0, atol=1e-9
    )


@both
def test_the_loss_is_least_for_the_exact_network(engine, value):
    network = exact(engine, value)
    generator = torch.Generator().manual_seed(2)
    theta = MEAN + SPREAD * torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    losses = []
    for error in (-0.1, 0.0, 0.1):
        network.field.error = error
        losses.append(network.training_loss(theta, CONTEXT.expand(2000, -1)).mean())
    assert losses[1] < min(losses[0], losses[2])


@pytest.mark.parametrize("solver", [None, RungeKutta(2), DormandPrince(1e-7)])
def test_every_solver_finds_the_same_draws(solver):
    n_steps = 200 if isinstance(solver, RungeKutta) else 32
    network = exact(FlowMatching(SMALL, n_steps=n_steps, solver=solver), straight)
    z = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (network.from_base(z, CONTEXT) - MEAN - z * SPREAD).abs().max() < 1e-4


def moments_agree(draws, spread):
    n = len(draws)
    # 4.5 standard errors of a mean and of a standard deviation.
    assert ((draws.mean(0) - MEAN).abs() < 4.5 * spread / math.sqrt(n) + 1e-3).all()
    assert ((draws.std(0) / spread - 1).abs() < 4.5 / math.sqrt(2 * n) + 2e-3).all()


def test_draws_that_renew_noise_are_the_posterior_s():
    engine = DiffusionModel(SMALL, n_steps=40, churn=20.0, noise=(0.001, 50.0))
    draws = exact(engine, noise_removed).sample(CONTEXT, 4000, torch.Generator().manual_seed(3))[0]
    moments_agree(draws, SPREAD)


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_draws_of_the_exact_consistency_model_are_the_posterior_s(n_steps):
    network = exact(ConsistencyModel(SMALL, n_steps=n_steps, noise=(0.001, 50.0)), path_ended)
    draws = network.sample(CONTEXT, 4000, torch.Generator().manual_seed(3))[0]
    # The one step from noise of 50 keeps a fiftieth of a mean that is not zero.
    moments_agree(draws + (0.02 if n_steps == 1 else 0.0) * MEAN * SPREAD, SPREAD)


def test_base_points_give_later_steps_noise_of_their_own():
    network = exact(ConsistencyModel(SMALL, n_steps=3, noise=(0.001, 50.0)), path_ended)
    z = torch.randn(4000, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    draws = network.from_base(z, CONTEXT)
    moments_agree(draws, SPREAD)
    assert torch.equal(draws, network.from_base(z, CONTEXT))
    assert torch.corrcoef(draws.mT)[0, 1].abs() < 4.5 / math.sqrt(4000)


def test_levels_of_noise_double_while_training_goes_on():
    network = ConsistencyModel(SMALL, n_levels=(10, 50)).build(3, 2)
    found = []
    for network.progress in (0.0, 0.29, 0.31, 0.59, 0.61, 0.89, 0.91, 1.0):
        found.append(network.n_levels_now())
    # A share of 1 / (log2(50 / 10) + 1) = 0.301 each.
    assert found == [10, 10, 20, 20, 40, 40, 50, 50]


@pytest.mark.parametrize(
    "engine",
    [
        FlowMatching(ResidualNetwork(6, n_blocks=2, n_reading_blocks=0, dropout=0.1), n_steps=20, time_exponent=1.0),
        DiffusionModel(SMALL, n_steps=40, noise=(0.01, 20.0), n_repeats=1),
        ConsistencyModel(SMALL, n_steps=4, n_repeats=1),
    ],
    ids=lambda engine: type(engine).__name__,
)
@pytest.mark.slow
def test_the_contract_holds_for_other_hyperparameters_too(engine):
    check_engine(engine)


def test_bad_hyperparameters_are_named():
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        FlowMatching(n_steps=0).build(2, 1)
    with pytest.raises(TypeError, match="network must be a network recipe"):
        ConsistencyModel((8,)).build(2, 1)
    with pytest.raises(TypeError, match="n_probes must be an int"):
        FlowMatching(n_probes=0.5).build(2, 1)
    with pytest.raises(ValueError, match=r"time_exponent must lie between -1\.0"):
        FlowMatching(time_exponent=-1.0).build(2, 1)
    with pytest.raises(ValueError, match=r"noise\[1\] must lie between 0\.01"):
        DiffusionModel(noise=(0.01, 0.01)).build(2, 1)
    with pytest.raises(ValueError, match="churn must lie between"):
        DiffusionModel(churn=-1.0).build(2, 1)
    with pytest.raises(ValueError, match=r"n_levels\[1\] must be at least 10"):
        ConsistencyModel(n_levels=(10, 5)).build(2, 1)
    with pytest.raises(ValueError, match="dropout must lie between"):
        FlowMatching(ResidualNetwork(dropout=1.0)).build(2, 1)
