"""What every engine's network must do: be a density that knows its own draws, in either precision."""

import copy
import itertools
import math

import pytest
import torch
from scipy import stats
from sklearn.base import clone

from skabi.engines import AutoregressiveSplineFlow, BaseEngine, Gaussian, SplineFlow

ENGINES = {
    "AutoregressiveSplineFlow": AutoregressiveSplineFlow(2, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8)),
    "Gaussian": Gaussian(hidden_layer_sizes=(8,)),
    "linear Gaussian": Gaussian(hidden_layer_sizes=()),
    "SplineFlow": SplineFlow(3, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8)),
}
FLOWS = [AutoregressiveSplineFlow, SplineFlow]

every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
n_parameters_1_2_5 = pytest.mark.parametrize("n_parameters", [1, 2, 5])


def build(engine, n_parameters, *, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return engine.build(n_parameters, 2)


def random_network(engine, n_parameters, *, scale=0.4):
    """A float64 network far from the standard normal where every engine starts, and a generator."""
    network = build(engine, n_parameters).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network, generator


def normals(*shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@every_engine
@n_parameters_1_2_5
def test_to_base_and_from_base_are_inverse_and_the_jacobian_is_right(engine, n_parameters):
    network, generator = random_network(engine, n_parameters)
    theta, context = normals(20, n_parameters, generator=generator), normals(20, 2, generator=generator)
    z, log_det = network.to_base(theta, context)
    assert (z - theta).abs().max() > 0.5
    torch.testing.assert_close(network.from_base(z, context), theta, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(network.to_base(network.from_base(theta, context), context)[0], theta, rtol=0, atol=1e-8)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(lambda t, i=i: network.to_base(t, context[i])[0], theta[i])
        torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[i])


def box(draws):
    """Ends that leave out a share of the draws far below 1e-3."""
    low, high = draws.min(0).values, draws.max(0).values
    margin = 0.2 * (high - low)
    return low - margin, high + margin


@every_engine
def test_one_parameter_integrates_to_one_and_draws_follow_the_density(engine):
    network, generator = random_network(engine, 1)
    context = torch.tensor([[0.7, -0.4]], dtype=torch.float64)
    with torch.no_grad():
        draws = network.sample(context, 4000, generator)[0]
        (low,), (high,) = box(draws)
        grid = torch.linspace(low, high, 20_001, dtype=torch.float64)
        density = network.log_prob(grid[:, None], context).exp()
    cdf = torch.cumulative_trapezoid(density, grid)
    assert cdf[-1].item() == pytest.approx(1.0, abs=1e-3)
    index = torch.searchsorted(grid, draws[:, 0]).clamp(1, len(cdf)) - 1
    assert stats.kstest(cdf[index].numpy(), "uniform").pvalue > 1e-4


@every_engine
def test_two_parameters_integrate_to_one_and_draws_have_the_density_s_moments(engine):
    network, generator = random_network(engine, 2)
    context = torch.tensor([[0.7, -0.4]], dtype=torch.float64)
    with torch.no_grad():
        draws = network.sample(context, 20_000, generator)[0]
        axes = [torch.linspace(low, high, 401, dtype=torch.float64) for low, high in zip(*box(draws), strict=True)]
        grid = torch.cartesian_prod(*axes)
        mass = network.log_prob(grid, context).exp() * math.prod((axis[1] - axis[0]).item() for axis in axes)
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-3)

    def moments(theta):
        gap = theta - draws.mean(0)
        return torch.stack([theta[:, 0], theta[:, 1], gap[:, 0] ** 2, gap[:, 0] * gap[:, 1], gap[:, 1] ** 2], dim=-1)

    exact, found = (mass[:, None] * moments(grid)).sum(0), moments(draws)
    # 4.5 standard errors of the draws' moments, and 1e-3 of their spread for the grid.
    tolerance = found.std(0) * (4.5 / math.sqrt(len(draws)) + 1e-3)
    assert ((found.mean(0) - exact).abs() < tolerance).all()


@every_engine
@n_parameters_1_2_5
def test_leading_axes_broadcast(engine, n_parameters):
    network, generator = random_network(engine, n_parameters)
    theta, context = normals(3, 4, n_parameters, generator=generator), normals(3, 2, generator=generator)
    found = network.log_prob(theta, context[:, None])
    assert found.shape == (3, 4)
    points = network.from_base(theta, context[:, None])
    for i, j in itertools.product(range(3), range(4)):
        torch.testing.assert_close(found[i, j], network.log_prob(theta[i, j], context[i]))
        torch.testing.assert_close(points[i, j], network.from_base(theta[i, j], context[i]))
    torch.testing.assert_close(network.log_prob(theta[:, 0], context[0]), network.log_prob(theta[:, 0], context[[0]]))


@every_engine
@n_parameters_1_2_5
def test_draws_belong_to_their_data_set_and_to_the_seed(engine, n_parameters):
    network, generator = random_network(engine, n_parameters)
    context = normals(3, 2, generator=generator)
    draws, again, other = (network.sample(context, 6, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert draws.shape == (3, 6, n_parameters)
    assert torch.equal(draws, again) and not torch.isclose(draws, other).any()
    z = torch.randn(3, 6, n_parameters, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for i in range(3):
        torch.testing.assert_close(network.to_base(draws[i], context[i])[0], z[i], rtol=1e-8, atol=1e-8)


@every_engine
def test_training_loss_reaches_every_weight(engine):
    network, generator = random_network(engine, 3)
    theta, context = normals(50, 3, generator=generator), normals(50, 2, generator=generator)
    loss = network.training_loss(theta, context)
    torch.testing.assert_close(loss, -network.log_prob(theta, context))
    loss.mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


@every_engine
@n_parameters_1_2_5
def test_a_double_copy_computes_in_float64(engine, n_parameters):
    network = build(engine, n_parameters)
    theta = torch.randn(10, n_parameters, generator=torch.Generator().manual_seed(3))
    context = torch.randn(10, 2, generator=torch.Generator().manual_seed(4))
    double = copy.deepcopy(network).double()
    assert network.log_prob(theta, context).dtype == torch.float32
    log_prob = double.log_prob(theta.double(), context.double())
    assert log_prob.dtype == torch.float64
    torch.testing.assert_close(log_prob.float(), network.log_prob(theta, context), rtol=1e-4, atol=1e-4)
    draws = double.sample(context.double(), 3, torch.Generator().manual_seed(0))
    assert draws.dtype == torch.float64 and network.sample(context, 3, torch.Generator()).dtype == torch.float32
    # Single precision anywhere on the way would leave errors of 1e-7.
    z = double.to_base(theta.double(), context.double())[0]
    torch.testing.assert_close(double.from_base(z, context.double()), theta.double(), rtol=0, atol=1e-12)


@every_engine
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("n_parameters", [1, 3])
def test_far_out_everything_is_finite(engine, dtype, n_parameters):
    network = random_network(engine, n_parameters)[0].to(dtype)
    theta = torch.tensor(list(itertools.product([-40.0, -4.0, 0.0, 4.0, 40.0], repeat=n_parameters)), dtype=dtype)
    theta.requires_grad_()
    context = torch.tensor([5.0, -5.0], dtype=dtype)
    log_prob = network.log_prob(theta, context)
    (gradient,) = torch.autograd.grad(log_prob.sum(), theta)
    assert log_prob.isfinite().all() and gradient.isfinite().all()
    assert network.from_base(theta, context).isfinite().all()


@every_engine
@n_parameters_1_2_5
def test_an_untrained_network_is_close_to_the_standard_normal(engine, n_parameters):
    network = build(engine, n_parameters)
    theta = torch.randn(200, n_parameters, generator=torch.Generator().manual_seed(1))
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(theta).sum(-1)
    assert (network.log_prob(theta, torch.ones(200, 2)) - normal).abs().max() < 0.5


@every_engine
def test_the_global_seed_fixes_what_is_built(engine):
    first, again, other = (build(engine, 5, seed=seed).state_dict() for seed in (0, 0, 1))
    assert first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)
    # A linear Gaussian network starts at zero and has nothing to draw.
    drawn = [name for name in first if not torch.equal(first[name], other[name])]
    assert bool(drawn) == (engine.hidden_layer_sizes != ())


@every_engine
@n_parameters_1_2_5
def test_the_state_brings_a_network_back(engine, n_parameters):
    network, generator = random_network(engine, n_parameters)
    other = build(engine, n_parameters, seed=7).double()
    other.load_state_dict(network.state_dict())
    theta, context = normals(6, n_parameters, generator=generator), normals(6, 2, generator=generator)
    assert torch.equal(other.log_prob(theta, context), network.log_prob(theta, context))
    assert torch.equal(other.from_base(theta, context), network.from_base(theta, context))


@every_engine
def test_a_recipe_is_cloned_and_untouched_by_build(engine):
    before = engine.get_params()
    engine.build(2, 1)
    assert clone(engine).get_params() == engine.get_params() == before


@pytest.mark.parametrize("engine_class", [*FLOWS, Gaussian])
def test_bad_hidden_layer_sizes_are_named(engine_class):
    with pytest.raises(TypeError, match=r"hidden_layer_sizes must be a tuple of int, such as \(64,\); got 64"):
        engine_class(hidden_layer_sizes=64).build(2, 1)
    with pytest.raises(TypeError, match=r"hidden_layer_sizes\[1\] must be an int; got 2.5"):
        engine_class(hidden_layer_sizes=(8, 2.5)).build(2, 1)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes\[0\] must be at least 1; got 0"):
        engine_class(hidden_layer_sizes=(0,)).build(2, 1)
    engine_class(hidden_layer_sizes=[8]).build(2, 1)


@pytest.mark.parametrize("engine_class", FLOWS)
def test_bad_hyperparameters_of_flows_are_named(engine_class):
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        engine_class(n_bins=1).build(2, 1)
    with pytest.raises(TypeError, match="n_transforms must be an int"):
        engine_class(2.5).build(2, 1)
    with pytest.raises(ValueError, match=r"bound must lie between 0\.0 and inf"):
        engine_class(bound=0.0).build(2, 1)
    with pytest.raises(ValueError, match="hidden_layer_sizes must have at least one entry"):
        engine_class(hidden_layer_sizes=()).build(2, 1)


def test_an_engine_without_build_says_so():
    with pytest.raises(NotImplementedError, match="BaseEngine must define build"):
        BaseEngine().build(2, 1)
