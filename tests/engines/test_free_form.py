"""Free-form engines whose network is the exact one, for a normal posterior."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf
from sklearn.base import BaseEstimator
from torch import nn

from skabi.engines import ConsistencyModel, DiffusionModel, DormandPrince, FlowMatching, ResidualNetwork, RungeKutta
from skabi.networks._noise import times_and_normals
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


def test_as_many_probes_as_parameters_are_no_estimate():
    network = FlowMatching(ResidualNetwork(16), n_steps=4).build(3, 2).eval()
    theta = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(2))
    found = {}
    for n_probes in (None, 1, 3, 5):
        network.configure(solver=network.solver, n_steps=4, n_probes=n_probes)
        found[n_probes] = network.log_prob(theta, CONTEXT.float())
    assert torch.equal(found[3], found[None]) and torch.equal(found[5], found[None])
    assert not torch.allclose(found[1], found[None])


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


def exact_pair(n_path_steps):
    """Return a consistency model whose diffusion model is the exact one, and so is its own network."""
    network = exact(ConsistencyModel(SMALL, noise=(0.001, 50.0), n_path_steps=n_path_steps), path_ended).train()
    network.diffusion.field = Exact(noise_removed)
    return network


def test_paths_in_training_end_where_the_exact_function_says():
    theta, context = torch.zeros(500, 3, dtype=torch.float64), torch.zeros(500, 2, dtype=torch.float64)
    errors = []
    for n in (20, 40):
        network = exact_pair(n)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            x, sigma, end = network._paths(theta, context)
        assert x.shape == (n, 500, 3) and sigma.shape == (n, 1) and sigma[0] == pytest.approx(50.0)
        errors.append(((network.ended(x, sigma, context[:, :1]) - end) / SPREAD).abs().max())
    # The midpoint method has order two: half the step, a quarter of the error.
    assert errors[0] < 0.02 and errors[1] < errors[0] / 3


def test_the_consistency_loss_is_least_for_the_exact_network():
    network = exact_pair(40)
    theta = MEAN + SPREAD * torch.randn(500, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    losses = []
    for network.field.error in (-0.1, 0.0, 0.1):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            losses.append(network.training_loss(theta, CONTEXT.expand(500, -1)).mean())
    assert losses[1] < min(losses[0], losses[2])


SELF_TAUGHT = ConsistencyModel(SMALL, distil=False, n_repeats=3)


@pytest.mark.parametrize(("last", "n_steps", "n_off"), [(50, 1000, 3), (40, 384, 0)])
def test_levels_of_noise_double_as_published(last, n_steps, n_off):
    network = ConsistencyModel(SMALL, distil=False, n_levels=(10, last)).build(3, 2)
    # Song, Dhariwal (2024), eq. 11: N(k) counts the ends of intervals, and stages are rounded down to whole steps.
    length = math.floor(n_steps / (math.log2(last / 10) + 1))
    published = [min(10 * 2 ** (k // length), last) + 1 for k in range(n_steps)]
    found = []
    for k in range(n_steps):
        network.proceed(k / n_steps)
        found.append(network.n_levels_now() + 1)
    assert sum(n != expected for n, expected in zip(found, published, strict=True)) == n_off
    assert found[0] == 11 and found[-1] == last + 1 and found == sorted(found)


def seeded_loss(network, theta):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network.training_loss(theta, CONTEXT.expand(len(theta), -1))


def test_the_loss_of_a_self_taught_model_and_its_gradient_are_as_published():
    network = exact(SELF_TAUGHT, path_ended).train()
    network.field.error = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    network.proceed(0.7)
    theta = MEAN + SPREAD * torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = seeded_loss(network, theta)
    found.mean().backward()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        uniforms, z = map(torch.Tensor.numpy, times_and_normals(theta, 3, is_random=True))
    # Schmitt et al. (2024), section 3: the second of three doublings, so 40 intervals.
    t = np.linspace(0.001 ** (1 / 7), 10 ** (1 / 7), 41) ** 7
    weights = np.diff(erf((np.log(t) + 1.1) / (2 * math.sqrt(2))))
    place = np.searchsorted(np.cumsum(weights / weights.sum()), uniforms)
    later, earlier = t[place + 1][..., None], t[place][..., None]
    mean, spread, c = MEAN.numpy() + 0.3, SPREAD.numpy(), 0.00054 * math.sqrt(3)
    kept = {at: np.sqrt((spread**2 + 1e-6) / (spread**2 + level**2)) for at, level in enumerate((earlier, later))}
    ended = [mean + kept[at] * (theta.numpy() + level * z - mean) for at, level in enumerate((earlier, later))]
    gap, step = ended[1] - ended[0], (later - earlier)[..., 0]
    size = np.sqrt((gap**2).sum(axis=-1) + c**2)
    np.testing.assert_allclose(found.detach(), ((size - c) / step).mean(axis=0), rtol=1e-9)
    # Only where the point with more noise is taken depends on the weights.
    slope = (gap * (1 - kept[1])).sum(axis=-1) / size / step
    np.testing.assert_allclose(network.field.error.grad, slope.mean(), rtol=1e-8)


def test_neighbouring_points_meet_the_same_dropout():
    dropped = []
    network = exact(SELF_TAUGHT, lambda x, told, mean: (dropped.append(torch.rand(3)), x)[1]).train()
    seeded_loss(network, torch.zeros(4, 3, dtype=torch.float64))
    assert len(dropped) == 2 and torch.equal(*dropped)


def all_to_one(x, told, mean):
    t = (4 * told).exp()
    return (mean - x * torch.sqrt(1 + t**2) / (1 + (t - 0.001) ** 2)) * torch.sqrt(1 + t**2) / (t - 0.001)


def test_held_out_rows_judge_draws_and_not_their_distance():
    theta = MEAN + SPREAD * torch.randn(200, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    # From the second level on: below, the function changes nothing, whatever the network says.
    networks = [exact(SELF_TAUGHT, value) for value in (all_to_one, path_ended)]
    one, right = (seeded_loss(network.train(), theta).median() for network in networks)
    assert one < right
    one, right = (network.eval().training_loss(theta, CONTEXT.expand(200, -1)).mean() for network in networks)
    assert right < 0.9 * one


def test_networks_that_learn_paths_have_no_dropout():
    network = ConsistencyModel(ResidualNetwork(8, dropout=0.3)).build(3, 2)
    dropped = [
        {part.p for part in field.modules() if isinstance(part, nn.Dropout)}
        for field in (network.field, network.diffusion.field)
    ]
    assert dropped == [{0.0}, {0.3}]


@pytest.mark.parametrize(
    "engine",
    [
        FlowMatching(ResidualNetwork(6, n_blocks=2, n_reading_blocks=0, dropout=0.1), n_steps=20, time_exponent=1.0),
        DiffusionModel(SMALL, n_steps=40, noise=(0.01, 20.0), n_repeats=1),
        ConsistencyModel(SMALL, n_steps=4, n_repeats=1),
        ConsistencyModel(SMALL, n_steps=4, n_repeats=1, distil=False),
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
    with pytest.raises(ValueError, match="n_path_steps must be at least 2"):
        ConsistencyModel(n_path_steps=1).build(2, 1)
    with pytest.raises(ValueError, match=r"n_levels\[0\] must be at least 2"):
        ConsistencyModel(distil=False, n_levels=(1, 5)).build(2, 1)
    with pytest.raises(ValueError, match=r"n_levels\[1\] must be at least 10"):
        ConsistencyModel(distil=False, n_levels=(10, 5)).build(2, 1)
    with pytest.raises(ValueError, match=r"noise\[1\] must lie between 0\.01"):
        ConsistencyModel(distil=False, noise=(0.01, 0.01)).build(2, 1)
    with pytest.raises(ValueError, match="dropout must lie between"):
        FlowMatching(ResidualNetwork(dropout=1.0)).build(2, 1)


class WithoutRead(BaseEstimator):
    def build(self, n_parameters, n_context):
        return nn.Linear(n_parameters, n_parameters)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (
            FlowMatching(SMALL, solver="euler"),
            r"solver must be a solver recipe, such as RungeKutta\(order=1\).*'euler'",
        ),
        (DiffusionModel(SMALL, solver=RungeKutta), r"got the class RungeKutta: write RungeKutta\(\)"),
        (DiffusionModel(SMALL, noise=3), "noise must be a pair of numbers, such as .*; got 3"),
        (ConsistencyModel(SMALL, noise=3), "noise must be a pair of numbers, such as .*; got 3"),
        (ConsistencyModel(SMALL, distil=False, noise=3), "noise must be a pair of numbers, such as .*; got 3"),
        (ConsistencyModel(SMALL, distil=False, n_levels=3), r"n_levels must be a pair .* as \(10, 50\); got 3"),
        (DiffusionModel(SMALL, log_noise=(1.0, 2.0, 3.0)), "log_noise must be a pair"),
        (FlowMatching(ResidualNetwork), r"network must be a network recipe.*got the class ResidualNetwork: write"),
        (FlowMatching(nn.Linear(3, 3)), "network must be a network recipe"),
        (FlowMatching(WithoutRead()), r"a module with read\(context\) and .* built Linear, which lacks them"),
    ],
)
def test_recipes_of_other_kinds_are_refused(engine, message):
    with pytest.raises(TypeError, match=message):
        engine.build(3, 2)
