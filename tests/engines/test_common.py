"""What skabi's own engines do beyond the contract that tests/test_common.py checks."""

import copy
import itertools
import math

import pytest
import torch

from skabi.engines import AutoregressiveSplineFlow, BaseEngine, ColumnwiseSplineFlow, Gaussian, SplineFlow
from skabi.testing import check_engine

SMALL = {"n_blocks": 1, "block_width": 8}
ENGINES = {
    "AutoregressiveSplineFlow": AutoregressiveSplineFlow(2, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8), **SMALL),
    "ColumnwiseSplineFlow": ColumnwiseSplineFlow(2, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8), **SMALL),
    "Gaussian": Gaussian(hidden_layer_sizes=(8,)),
    "linear Gaussian": Gaussian(hidden_layer_sizes=()),
    "SplineFlow": SplineFlow(3, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8), **SMALL),
    "skewed SplineFlow": SplineFlow(3, n_bins=5, bound=4.0, skew=True, hidden_layer_sizes=(8, 8), **SMALL),
}
FLOWS = [AutoregressiveSplineFlow, ColumnwiseSplineFlow, SplineFlow]

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
def test_the_contract_holds_for_other_hyperparameters_too(engine):
    check_engine(engine)


def box(draws):
    """Ends that leave out a share of the draws far below 1e-3."""
    low, high = draws.min(0).values, draws.max(0).values
    margin = 0.2 * (high - low)
    return low - margin, high + margin


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
def test_another_seed_gives_other_first_weights(engine):
    first, other = (build(engine, 5, seed=seed).state_dict() for seed in (0, 1))
    # A linear Gaussian network starts at zero and has nothing to draw.
    drawn = [name for name in first if not torch.equal(first[name], other[name])]
    assert bool(drawn) == (engine.hidden_layer_sizes != ())


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
    with pytest.raises(ValueError, match="n_blocks must be at least 0"):
        engine_class(n_blocks=-1).build(2, 1)
    with pytest.raises(TypeError, match="block_width must be an int"):
        engine_class(block_width=8.5).build(2, 1)


@pytest.mark.parametrize("engine_class", FLOWS)
def test_blocks_are_as_many_and_as_wide_as_asked(engine_class):
    sizes = {"n_transforms": 1, "hidden_layer_sizes": (8,)}
    counts = [
        sum(weight.numel() for weight in engine_class(n_blocks=n, block_width=16, **sizes).build(1, 1).parameters())
        for n in range(3)
    ]
    assert counts[1] - counts[0] == counts[2] - counts[1] == 2 * (16 * 16 + 16)


def test_an_engine_without_build_says_so():
    with pytest.raises(NotImplementedError, match="BaseEngine must define build"):
        BaseEngine().build(2, 1)
