"""A likelihood is the product of the densities of observations, whichever way it is computed, and that of its draws."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.engines import Gaussian
from skabi.networks._data_sets import DataSets
from skabi.networks._discrete import DiscreteHead
from skabi.networks._likelihood import Likelihood, LikelihoodMixture, sample_observations
from skabi.networks._memory import SeriesMemory
from skabi.networks._observations import ObservationDensity
from skabi.networks._residual import LinearResidual

N_PARAMETERS = 2


def a_likelihood(*, is_series, seed=0):
    """Return the likelihood of observations of a category, a count and a continuous column, all weights random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        memory = SeriesMemory(5, 4) if is_series else None
        n_context = N_PARAMETERS + (memory.n_memory if is_series else 0)
        head = DiscreteHead(
            [3, 0], lowest=[0, 0], location=[0, 4], scale=[1, 3], is_wide=[False] * 2, n_context=n_context, width=16
        )
        density = Gaussian((8,)).build(1, head.n_features + n_context)
        likelihood = Likelihood(ObservationDensity(head, density, n_context), memory)
        for parameter in likelihood.parameters():
            parameter.data.add_(0.2 * torch.randn(parameter.shape))
    return likelihood.double().requires_grad_(False)


def linear(weight, bias, scale, *, memory=None):
    """Return the likelihood of normal observations whose mean is linear in what they are conditioned on."""
    scale = torch.tensor(scale)
    weight = torch.tensor(weight)
    density = ObservationDensity(None, Gaussian(()).build(len(scale), weight.shape[1]), weight.shape[1])
    density.residual = LinearResidual(weight, torch.tensor(bias), scale)
    return Likelihood(density, memory).double().requires_grad_(False)


def autoregression(first, second, scale):
    """Return the likelihood of series `x_t = theta + first x_(t-1) + second x_(t-2) + scale e_t`, from zeros."""
    memory = SeriesMemory(1, 3)
    return linear([[1.0, first, 0.0, second, 0.0, 0.0, 0.0, 0.0]], [0.0], [[scale]], memory=memory)


def a_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def some_data(n=4, n_observations=6, n_draws=3):
    """Return values `(n, n_observations, 3)` and parameters `(n, n_draws, 2)`."""
    generator = a_generator(1)
    theta = torch.randn(n, n_draws, N_PARAMETERS, generator=generator, dtype=torch.float64)
    columns = [torch.randint(k, (n, n_observations), generator=generator) for k in (3, 9)]
    columns.append(torch.randn(n, n_observations, generator=generator, dtype=torch.float64))
    return torch.stack(columns, dim=-1), theta


both = pytest.mark.parametrize("is_series", [False, True], ids=["set", "series"])


@both
def test_every_draw_meets_every_observation(is_series):
    likelihood, (values, theta) = a_likelihood(is_series=is_series), some_data()
    found = likelihood.log_prob(values, theta)
    assert found.shape == (4, 3, 6) and found.unique().numel() == found.numel()
    for i, j in itertools.product(range(4), range(3)):
        torch.testing.assert_close(found[i, j], likelihood.log_prob(values[[i]], theta[[i], [j]][None])[0, 0])


def test_observations_of_a_set_have_the_density_each_for_itself():
    likelihood, (values, theta) = a_likelihood(is_series=False), some_data()
    found, order = likelihood.log_prob(values, theta), torch.randperm(6, generator=a_generator())
    torch.testing.assert_close(likelihood.log_prob(values[:, order], theta), found[..., order])
    torch.testing.assert_close(likelihood.density.log_prob(values[:, 2], theta[:, 1]), found[:, 1, 2])


def test_observations_of_a_series_have_the_density_given_those_before():
    likelihood, (values, theta) = a_likelihood(is_series=True), some_data()
    found, state = likelihood.log_prob(values, theta), likelihood.memory.start(4)
    for t in range(6):
        context = torch.cat([theta[:, 1], likelihood.memory.recall(state)], dim=1)
        torch.testing.assert_close(found[:, 1, t], likelihood.density.log_prob(values[:, t], context))
        state = likelihood.memory.advance(state, likelihood.density.tokens(values[:, t]))
    changed = values.clone()
    changed[:, 3, 2] += 1.0
    gap = (likelihood.log_prob(changed, theta) - found).abs()
    assert (gap[..., :3] == 0).all() and (gap[..., 3:] > 0).all()


@both
def test_the_loss_is_minus_the_mean_over_observations_that_are_there(is_series):
    likelihood, (values, theta) = a_likelihood(is_series=is_series), some_data()
    log_prob, lengths = likelihood.log_prob(values, theta[:, :1])[:, 0], [6, 4, 2, 1]
    torch.testing.assert_close(likelihood.training_loss(theta[:, 0], values), -log_prob.mean(dim=1))
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    padded = DataSets(values * mask[..., None], mask)
    alone = torch.stack([-log_prob[i, :n].mean() for i, n in enumerate(lengths)])
    torch.testing.assert_close(likelihood.training_loss(theta[:, 0], padded), alone)


def test_times_that_are_not_looked_at_are_remembered():
    likelihood, (values, theta) = a_likelihood(is_series=True), some_data()
    mask = torch.tensor([[0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 1], [1, 0, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1]]).bool()
    log_prob = likelihood.log_prob(values, theta[:, :1])[:, 0]
    expected = torch.stack([-own[seen].mean() for own, seen in zip(log_prob, mask, strict=True)])
    torch.testing.assert_close(likelihood.training_loss(theta[:, 0], DataSets(values, mask)), expected)


def test_padding_has_no_gradient():
    likelihood, (values, theta) = a_likelihood(is_series=True).float().requires_grad_(True), some_data()
    mask = torch.arange(6) < torch.tensor([[6], [4], [2], [1]])
    gradients = []
    for padding in (0.0, 2.0):
        padded = torch.where(mask[..., None], values, padding).float()
        loss = likelihood.training_loss(theta[:, 0].float(), DataSets(padded, mask)).mean()
        gradients.append(torch.autograd.grad(loss, list(likelihood.parameters())))
    for first, second in zip(*gradients, strict=True):
        assert first.isfinite().all()
        torch.testing.assert_close(first, second)


@both
def test_a_mixture_is_the_mean_of_densities_observation_by_observation(is_series):
    members, (values, theta) = [a_likelihood(is_series=is_series, seed=seed) for seed in range(3)], some_data()
    each = torch.stack([member.log_prob(values, theta) for member in members])
    torch.testing.assert_close(LikelihoodMixture(members).log_prob(values, theta), each.exp().mean(dim=0).log())
    torch.testing.assert_close(LikelihoodMixture(members[:1] * 3).log_prob(values, theta), each[0])
    assert members[0].members == [members[0]]


def test_what_continuous_columns_are_conditioned_on():
    likelihood, (values, theta) = a_likelihood(is_series=True), some_data()
    context, continuous = likelihood.regression(values, theta[:, 0])
    features = likelihood.density.head.features(values[..., :2])
    remembered = likelihood.memory(likelihood.density.tokens(values))
    parameters = theta[:, :1].expand(-1, 6, -1)
    assert torch.equal(context, torch.cat([features, parameters, remembered], dim=2))
    assert torch.equal(continuous, values[..., 2:])
    context, _ = a_likelihood(is_series=False).regression(values, theta[:, 0])
    assert torch.equal(context, torch.cat([features, parameters], dim=2))


# Draws


@both
@pytest.mark.parametrize("n_members", [1, 3])
def test_draws_repeat_by_the_generator(is_series, n_members):
    members = [a_likelihood(is_series=is_series, seed=seed).float() for seed in range(n_members)]
    network = members[0] if n_members == 1 else LikelihoodMixture(members)
    theta = torch.zeros(5, N_PARAMETERS)
    first, again, other = (sample_observations(network, theta, 4, a_generator(seed)) for seed in (0, 0, 1))
    assert first.shape == (5, 4, 3) and first.dtype == torch.float64
    assert torch.equal(first, again) and not torch.isin(other[..., 2], first[..., 2]).any()
    assert first[..., 2].unique().numel() == 20


def test_a_set_is_normal_as_its_density_says():
    likelihood = linear([[1.0, 0.0], [0.5, 2.0]], [3.0, -1.0], [[2.0, 0.0], [1.5, 0.5]])
    theta = torch.tensor([[1.0, 0.0], [-2.0, 3.0]]).double()
    draws = sample_observations(likelihood, theta, 10_000, a_generator())
    log_prob = likelihood.log_prob(draws[:, :50], theta[:, None])[:, 0]
    for own, rows, found in zip(theta.numpy(), draws.numpy(), log_prob.numpy(), strict=True):
        normal = stats.multivariate_normal([own[0] + 3, 0.5 * own[0] + 2 * own[1] - 1], [[4.0, 3.0], [3.0, 2.5]])
        np.testing.assert_allclose(found, normal.logpdf(rows[:50]))
        assert_of_normal(rows, normal)


def test_a_series_is_the_normal_of_its_autoregression():
    n_times, theta = 5, 0.4
    likelihood = autoregression(0.8, -0.5, 0.7)
    lags = np.eye(n_times) - 0.8 * np.eye(n_times, k=-1) + 0.5 * np.eye(n_times, k=-2)
    factor = np.linalg.inv(lags)
    normal = stats.multivariate_normal(theta * factor.sum(axis=1), 0.7**2 * factor @ factor.T)
    parameters = torch.full((10_000, 1), theta, dtype=torch.float64)
    series = sample_observations(likelihood, parameters, n_times, a_generator())
    log_prob = likelihood.log_prob(series[:20], parameters[:20, None]).sum(dim=(1, 2))
    np.testing.assert_allclose(log_prob, normal.logpdf(series[:20, :, 0]))
    assert_of_normal(series[..., 0].numpy(), normal)


def assert_of_normal(rows, normal):
    n, variance = len(rows), normal.cov.diagonal()
    assert (np.abs(rows.mean(axis=0) - normal.mean) < 4.5 * np.sqrt(variance / n)).all()
    # The sampling variance of a covariance of normals is (s_ii s_jj + s_ij^2) / n.
    error = np.sqrt((np.outer(variance, variance) + normal.cov**2) / n)
    assert (np.abs(np.cov(rows.T) - normal.cov) < 4.5 * error).all()


@both
def test_a_mixture_draws_each_observation_of_any_member(is_series):
    """As its density says: which member an observation is of says nothing of the next."""
    if is_series:
        members = [autoregression(0.0, 0.0, 1.0) for _ in range(3)]
    else:
        members = [linear([[1.0]], [0.0], [[1.0]]) for _ in range(3)]
    for i, member in enumerate(members):
        member.density.residual.bias += 100.0 * i
    n = 2000
    theta = 10 * torch.arange(n, dtype=torch.float64)[:, None] / n
    draws = sample_observations(LikelihoodMixture(members), theta, 2, a_generator())[..., 0]
    drawn_by = ((draws - theta) / 100).round().long()
    assert ((draws - theta - 100 * drawn_by).abs() < 6).all()
    pairs = np.bincount(3 * drawn_by[:, 0] + drawn_by[:, 1], minlength=9)
    assert len(pairs) == 9 and stats.chisquare(pairs).pvalue > 1e-4


def test_a_mixture_of_series_goes_on_from_what_was_drawn():
    """Each member remembers what became of the series, whoever drew it."""
    members = [autoregression(1.0, 0.0, 0.01) for _ in range(2)]
    members[1].density.residual.bias += 5.0
    theta = torch.zeros(500, 1, dtype=torch.float64)
    series = sample_observations(LikelihoodMixture(members), theta, 6, a_generator())[..., 0]
    steps = series.diff(dim=1, prepend=torch.zeros(500, 1)) / 5
    assert ((steps - steps.round()).abs() < 0.02).all()
    counts = np.bincount(steps.round().long().ravel())
    assert len(counts) == 2 and stats.chisquare(counts).pvalue > 1e-4


def test_draws_of_series_with_discrete_columns_are_as_frequent_as_they_are_probable():
    n, n_counts = 1000, 50
    likelihood, theta = a_likelihood(is_series=True), torch.tensor([[0.5, -0.5]]).double()
    series = sample_observations(likelihood, theta.expand(n, -1), 3, a_generator())
    # The chain rule at the last time, averaged over what came before, against what came.
    grid = torch.cartesian_prod(torch.arange(3), torch.arange(n_counts)).double()
    context = torch.cat([theta.expand(n, -1), likelihood.memory(likelihood.density.tokens(series))[:, 2]], dim=1)
    head = likelihood.density.head
    share = head.log_prob(grid, head.features(grid), context[:, None]).exp().mean(dim=0).numpy()
    place = n_counts * series[:, 2, 0] + series[:, 2, 1].clamp(max=n_counts - 1)
    found = np.bincount(place.long(), minlength=3 * n_counts)
    is_rare = n * share < 10
    found, expected = (np.append(x[~is_rare], x[is_rare].sum()) for x in (found, n * share))
    assert len(found) > 20 and stats.chisquare(found, expected, sum_check=False).pvalue > 1e-4
