"""A density of discrete and continuous columns together adds up and integrates to one, and is that of its draws."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import cumulative_trapezoid, trapezoid

from skabi.engines import Gaussian, SplineFlow
from skabi.networks._discrete import DiscreteHead
from skabi.networks._observations import ObservationDensity
from skabi.networks._residual import LinearResidual

GRID = np.linspace(-20, 20, 801)
LINEAR = Gaussian((8,))
SPLINES = SplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8)


def a_density(n_levels, engine, *, n_continuous=1):
    """Return a density given two numbers, in double precision, with random weights and residual."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        n_columns = len(n_levels)
        head = n_levels and DiscreteHead(
            n_levels,
            lowest=[0.0] * n_columns,
            location=[0.0] * n_columns,
            scale=[1.0 if n else 0.3 for n in n_levels],
            is_wide=[False] * n_columns,
            n_context=2,
            width=16,
        )
        n_context = 2 + (head.n_features if head else 0)
        density = ObservationDensity(head or None, engine and engine.build(n_continuous, n_context), 2)
        for parameter in density.parameters():
            parameter.data.add_(0.2 * torch.randn(parameter.shape))
        if engine is not None:
            scale = 0.5 * torch.randn(n_continuous, n_continuous).tril(-1) + torch.rand(n_continuous).add(0.5).diag()
            density.residual = LinearResidual(torch.randn(n_continuous, n_context), torch.ones(n_continuous), scale)
    return density.double().requires_grad_(False)


def on_the_grid(density, levels, context):
    """Return the density along the grid of the continuous column, `(n_levels, n_grid)`."""
    values = torch.tensor([[[*level, x] for x in GRID] for level in levels], dtype=torch.float64)
    return density.log_prob(values, torch.tensor(context, dtype=torch.float64)).exp().numpy()


def every_level(n_levels, *, n_counts=40):
    return list(itertools.product(*(range(n or n_counts) for n in n_levels)))


@pytest.mark.parametrize(
    ("n_levels", "engine"), [([], LINEAR), ([3], LINEAR), ([2, 0], LINEAR), ([3, 2], SPLINES), ([0], SPLINES)]
)
def test_levels_and_integral_add_up_to_one(n_levels, engine):
    density = a_density(n_levels, engine)
    for context in ([0.5, -0.5], [-1.0, 2.0]):
        masses = trapezoid(on_the_grid(density, every_level(n_levels), context), GRID, axis=1)
        assert masses.sum() == pytest.approx(1.0, abs=1e-4 if engine is SPLINES else 1e-7)


def test_discrete_columns_alone_add_up_to_one():
    density, values = a_density([3, 0], None), torch.tensor(every_level([3, 0])).double()
    assert density.log_prob(values, torch.ones(2).double()).exp().sum().item() == pytest.approx(1.0, abs=1e-9)


def test_a_continuous_column_is_given_the_discrete_ones():
    density = a_density([3], LINEAR)
    of_level = on_the_grid(density, every_level([3]), [0.5, -0.5])
    means = trapezoid(of_level * GRID, GRID, axis=1) / trapezoid(of_level, GRID, axis=1)
    assert np.abs(np.diff(np.sort(means))).min() > 0.1


@pytest.mark.parametrize(("n_levels", "engine"), [([], LINEAR), ([3, 2], LINEAR), ([2], SPLINES)])
def test_draws_have_the_density(n_levels, engine):
    density, n, context = a_density(n_levels, engine), 4000, [0.5, -0.5]
    draws = density.sample(torch.tensor(context).double().expand(n, -1), torch.Generator().manual_seed(0)).numpy()
    levels = every_level(n_levels)
    of_level = on_the_grid(density, levels, context)
    cdf = cumulative_trapezoid(of_level, GRID, axis=1, initial=0.0)
    masses = cdf[:, -1:]
    drawn = [levels.index(tuple(draw[:-1])) for draw in draws]
    if n_levels:
        assert stats.chisquare(np.bincount(drawn, minlength=len(levels)), n * masses[:, 0] / masses.sum()).pvalue > 1e-4
    place = [np.interp(x, GRID, cdf[i] / masses[i]) for i, x in zip(drawn, draws[:, -1], strict=True)]
    assert stats.kstest(place, "uniform").pvalue > 1e-4


def test_draws_of_several_continuous_columns_have_the_residual_s_covariance():
    """Standard normals through a residual map are a normal whose covariance is that of the map."""
    density = ObservationDensity(None, Gaussian(()).build(2, 2), 2)
    scale = torch.tensor([[2.0, 0.0], [1.5, 0.5]])
    density.residual = LinearResidual(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([3.0, -1.0]), scale)
    density = density.double().requires_grad_(False)
    n, context = 20_000, torch.tensor([[0.5, 1.0]]).double()
    normal = stats.multivariate_normal([3.5, 1.0], (scale @ scale.T).numpy())
    draws = density.sample(context.expand(n, -1), torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_allclose(density.log_prob(torch.tensor(draws), context), normal.logpdf(draws))
    variance = normal.cov.diagonal()
    assert (np.abs(draws.mean(0) - normal.mean) < 4.5 * np.sqrt(variance / n)).all()
    error = np.sqrt((np.outer(variance, variance) + normal.cov**2) / n)
    assert (np.abs(np.cov(draws.T) - normal.cov) < 4.5 * error).all()


@pytest.mark.parametrize(("n_levels", "engine"), [([], LINEAR), ([2, 0], LINEAR), ([2, 0], None), ([3], SPLINES)])
def test_leading_axes_broadcast(n_levels, engine):
    density = a_density(n_levels, engine, n_continuous=2)
    generator = torch.Generator().manual_seed(0)
    context = torch.randn(3, 4, 1, 2, generator=generator, dtype=torch.float64)
    flat = context[:, :1].expand(3, 1, 5, 2).reshape(-1, 2)
    values = density.sample(flat, generator).reshape(3, 1, 5, -1)
    found = density.log_prob(values, context)
    assert found.shape == (3, 4, 5)
    whole = density.log_prob(values.expand(3, 4, 5, -1), context.expand(3, 4, 5, 2))
    torch.testing.assert_close(found, whole)
    assert found.flatten().unique().numel() > 15


def test_tokens_are_levels_counts_in_units_and_continuous_columns():
    density = a_density([2, 0], LINEAR)
    assert density.tokens(torch.tensor([[1.0, 0.6, -7.0]]).double()).tolist() == [[0.0, 1.0, 2.0, -7.0]]
    assert a_density([], LINEAR).tokens(torch.tensor([[-7.0]]).double()).tolist() == [[-7.0]]
    assert a_density([2], None).tokens(torch.tensor([[1.0]]).double()).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(("n_levels", "engine"), [([], LINEAR), ([2, 0], LINEAR), ([2, 0], None)])
def test_draws_come_in_double_precision(n_levels, engine):
    draws = a_density(n_levels, engine).float().sample(torch.zeros(7, 2), torch.Generator().manual_seed(0))
    assert draws.dtype == torch.float64 and draws.shape == (7, len(n_levels) + (engine is not None))
