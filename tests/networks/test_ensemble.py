"""Members trained side by side are those trained alone, and an ensemble is their equal mixture."""

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy import special, stats
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.stats import qmc
from torch import nn

from skabi.engines import Gaussian, SplineFlow
from skabi.losses import Batch, ForwardKL
from skabi.networks._ensemble import Ensemble, StackedMembers
from skabi.networks._flatten import Flatten
from skabi.networks._residual import LinearResidual
from skabi.networks._summarized import SummarizedDensity
from skabi.testing import instances

N_MEMBERS, N_FEATURES = 3, 2
# Others draw random numbers in training, or have no density: the tests of free-form engines see to them.
TRAINED_BY_DENSITY = [engine for engine in instances()["engines"] if engine.build(1, 1).has_density_loss]
every_engine = pytest.mark.parametrize("engine", TRAINED_BY_DENSITY, ids=lambda engine: type(engine).__name__)
learned_or_not = pytest.mark.parametrize("learned", [False, True], ids=["identity", "learned"])


class LinearSummary(nn.Module):
    n_summaries = 4

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(N_FEATURES, self.n_summaries)

    def forward(self, x, mask):
        return self.linear(x)


def batch(data):
    theta, x = data
    return Batch(x=x, theta=theta)


@pytest.fixture
def make():
    """Return a function that makes members in double precision, with weights and residuals all their own."""

    def make(engine, *, learned=False, n_parameters=3, n_members=N_MEMBERS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return [member(engine, learned, n_parameters) for _ in range(n_members)]

    def member(engine, learned, n_parameters):
        summary = LinearSummary() if learned else Flatten((N_FEATURES,))
        network = SummarizedDensity(summary, engine.build(n_parameters, summary.n_summaries))
        for weight in network.parameters():
            nn.init.normal_(weight, std=0.3)
        scale = 0.3 * torch.randn(n_parameters, n_parameters).tril(-1) + torch.rand(n_parameters).add(0.5).diag()
        weight, bias = torch.randn(n_parameters, summary.n_summaries), torch.randn(n_parameters)
        network.residual = LinearResidual(weight, bias, scale)
        return network.double().requires_grad_(True)

    return make


@pytest.fixture
def data():
    """Six parameter sets of three and the data sets that go with them."""
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(6, size, generator=generator, dtype=torch.float64) for size in (3, N_FEATURES))


def far_apart(n_members, *, scales=None):
    """Return members of two parameters whose draws tell who drew them: theta is 100 i + 10 x + scale z."""
    members = []
    for i in range(n_members):
        member = SummarizedDensity(Flatten((2,)), Gaussian(()).build(2, 2))  # starts as the standard normal
        scale = torch.eye(2) * (1.0 if scales is None else scales[i])
        member.residual = LinearResidual(10.0 * torch.eye(2), torch.full((2,), 100.0 * i), scale)
        members.append(member.double().requires_grad_(False))
    return Ensemble(members)


def members_of(draws):
    return (draws[..., 0] / 100).round().long()


def all_differ(tensors):
    return not any(torch.isclose(a, b).any() for a, b in itertools.combinations(tensors, 2))


# Training


@every_engine
@learned_or_not
def test_the_training_loss_is_the_mean_of_the_members(make, data, engine, learned):
    members = make(engine, learned=learned)
    losses = torch.stack([member.training_loss(*data) for member in members])
    assert all_differ(losses)
    torch.testing.assert_close(StackedMembers(Ensemble(members)).train()(ForwardKL(), batch(data)), losses.mean(dim=0))


@every_engine
@learned_or_not
def test_in_evaluation_the_loss_is_that_of_the_mixture(make, data, engine, learned):
    ensemble = Ensemble(make(engine, learned=learned))
    loss = StackedMembers(ensemble).eval()(ForwardKL(), batch(data))
    density = torch.stack([member.log_prob(*data).exp() for member in ensemble.members]).mean(dim=0)
    torch.testing.assert_close(loss, -density.log())
    torch.testing.assert_close(loss, -ensemble.log_prob_given(data[0], ensemble.context(data[1])))


@every_engine
@learned_or_not
def test_gradients_are_those_of_the_members_alone(make, data, engine, learned):
    members = make(engine, learned=learned)
    stacked = StackedMembers(Ensemble(members))
    stacked(ForwardKL(), batch(data)).mean().backward()
    for i, member in enumerate(members):
        member.training_loss(*data).mean().backward()
        for name, weight in member.named_parameters():
            # The mean over members leaves each of them its share.
            found = N_MEMBERS * stacked.weights[name.replace(".", "/")].grad[i]
            torch.testing.assert_close(found, weight.grad, msg=name)
    assert any(weight.grad.abs().max() > 0.01 for weight in members[0].parameters())


@every_engine
@learned_or_not
def test_training_side_by_side_is_training_alone(make, data, engine, learned):
    together, alone = make(engine, learned=learned), make(engine, learned=learned)
    ensemble = Ensemble(together)
    stacked = StackedMembers(ensemble)
    descend(stacked, data, rate=0.01 * N_MEMBERS)
    stacked.unstack_into(ensemble)
    for member, own, first in zip(together, alone, make(engine, learned=learned), strict=True):
        descend(own, data, rate=0.01)
        for (name, found), expected, start in zip(
            member.named_parameters(), own.parameters(), first.parameters(), strict=True
        ):
            torch.testing.assert_close(found, expected, msg=name)
            assert not torch.equal(expected, start)


def descend(network, data, *, rate):
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    for _ in range(3):
        optimizer.zero_grad()
        network(ForwardKL(), batch(data)).mean().backward()
        optimizer.step()


@every_engine
def test_every_member_gets_its_own_weights_back(make, engine):
    members = make(engine, learned=True)
    ensemble, stacked = Ensemble(members), StackedMembers(Ensemble(members))
    before = copy.deepcopy(ensemble.state_dict())
    with torch.no_grad():
        for weight in stacked.weights.values():
            weight.add_(torch.arange(1.0, 1 + N_MEMBERS).reshape(-1, *[1] * (weight.ndim - 1)))
    assert all(torch.equal(value, before[name]) for name, value in ensemble.state_dict().items())
    stacked.unstack_into(ensemble)
    for i, member in enumerate(members):
        weights = dict(member.named_parameters())
        for name, value in member.state_dict().items():
            start = before[f"members.{i}.{name}"]
            torch.testing.assert_close(value, start + i + 1 if name in weights else start, msg=name)
    for weights in zip(*(member.parameters() for member in members), strict=True):
        assert all_differ(weights)


def test_what_is_trained_is_the_weights_of_all_members(make):
    ensemble = Ensemble(make(SplineFlow(2, n_bins=4, hidden_layer_sizes=(8,)), learned=True))
    names = [name for name, _ in ensemble.members[0].named_parameters()]
    stacked = dict(StackedMembers(ensemble).named_parameters())
    assert sorted(stacked) == sorted("weights." + name.replace(".", "/") for name in names)
    assert all(weight.requires_grad and len(weight) == N_MEMBERS for weight in stacked.values())
    assert sum(map(torch.numel, stacked.values())) == sum(map(torch.numel, ensemble.parameters()))


# Summaries


def test_there_is_one_set_of_summaries_where_nothing_is_learned(make, data):
    ensemble = Ensemble(make(Gaussian((8,))))
    assert ensemble.n_context == N_FEATURES
    assert torch.equal(ensemble.context(data[1]), data[1][:, None])


def test_there_is_a_set_of_summaries_a_member_where_something_is(make, data):
    ensemble = Ensemble(make(Gaussian((8,)), learned=True))
    context = ensemble.context(data[1])
    assert ensemble.n_context == N_MEMBERS * LinearSummary.n_summaries
    assert context.shape == (6, N_MEMBERS, LinearSummary.n_summaries)
    for i, member in enumerate(ensemble.members):
        assert torch.equal(context[:, i], member.context(data[1]))


# Densities


@every_engine
@learned_or_not
def test_the_density_is_the_mean_of_the_members(make, data, engine, learned):
    ensemble = Ensemble(make(engine, learned=learned))
    theta, x = data
    expected = torch.stack([member.log_prob(theta, x).exp() for member in ensemble.members]).mean(dim=0)
    context = ensemble.context(x)
    torch.testing.assert_close(ensemble.log_prob_given(theta, context).exp(), expected)
    many = torch.stack([theta, theta + 0.1, theta], dim=1)
    found = ensemble.log_prob_given(many, context[:, None])
    torch.testing.assert_close(found[:, [0, 2]].exp(), torch.stack([expected, expected], dim=1))
    torch.testing.assert_close(found[:, 1], ensemble.log_prob_given(theta + 0.1, context))


@every_engine
@torch.no_grad()
def test_the_density_integrates_to_one_and_draws_come_from_it(make, data, engine):
    ensemble = Ensemble(make(engine, n_parameters=1))
    context = ensemble.context(data[1][:2])
    grid = torch.linspace(-40, 40, 40_001, dtype=torch.float64)
    density = ensemble.log_prob_given(grid[None, :, None], context[:, None]).exp().numpy()
    np.testing.assert_allclose(trapezoid(density, grid, axis=1), 1.0, rtol=1e-4)
    cdf = cumulative_trapezoid(density, grid, initial=0.0)
    draws = ensemble.sample_given(context, 2000, torch.Generator().manual_seed(0)).numpy()
    for row, own in zip(cdf, draws[..., 0], strict=True):
        # Two tests an engine: one false alarm in a thousand sessions with other seeds.
        assert stats.kstest(own, lambda value, row=row: np.interp(value, grid, row)).pvalue > 1e-4


# Draws


@pytest.mark.parametrize("n_draws", [1, 2, 3, 4, 7, 30])
def test_there_are_as_many_draws_of_each_member_and_they_belong_to_their_rows(data, n_draws):
    ensemble, x = far_apart(3), data[1]
    draws = ensemble.sample_given(ensemble.context(x), n_draws, torch.Generator().manual_seed(0))
    assert draws.shape == (6, n_draws, 2)
    assert draws.unique().numel() == draws.numel()
    drawn_by = members_of(draws)
    counts = nn.functional.one_hot(drawn_by, 3).sum(dim=1)
    assert (counts.sum(dim=1) == n_draws).all()
    assert (counts.amax(dim=1) - counts.amin(dim=1) <= 1).all()
    assert ((draws - 100 * drawn_by[..., None] - 10 * x[:, None]).abs() < 6).all()


def test_draws_are_in_random_order_and_the_generators(data):
    ensemble = far_apart(3)
    context = ensemble.context(data[1][:1])
    n_seeds, n_draws = 600, 4
    drawn_by = torch.stack(
        [
            members_of(ensemble.sample_given(context, n_draws, torch.Generator().manual_seed(seed)))[0]
            for seed in range(n_seeds)
        ]
    ).numpy()
    for place in range(n_draws):
        counts = np.bincount(drawn_by[:, place], minlength=3)
        assert stats.chisquare(counts).pvalue > 1e-4, place
    # Of four draws a random two are of the same member: any pair of places is that pair in one case of six.
    for one, other in itertools.combinations(range(n_draws), 2):
        n_same = int((drawn_by[:, one] == drawn_by[:, other]).sum())
        assert stats.binomtest(n_same, n_seeds, 1 / 6).pvalue > 1e-4, (one, other)
    first, again, different = (
        ensemble.sample_given(context, 5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.isin(different, first).any()


def test_the_member_that_draws_is_any_when_there_are_fewer_draws_than_members(data):
    ensemble = far_apart(3)
    context = ensemble.context(data[1][:1])
    drawn_by = [members_of(ensemble.sample_given(context, 1, torch.Generator().manual_seed(s))) for s in range(300)]
    assert stats.chisquare(np.bincount(torch.cat(drawn_by).ravel(), minlength=3)).pvalue > 1e-4


def test_members_that_draw_for_one_data_set_do_not_for_the_next():
    """With one draw a data set, as many diagnostics take it, all members have their share of the data sets."""
    ensemble = far_apart(3)
    draws = ensemble.sample_given(torch.zeros(300, 1, 2).double(), 1, torch.Generator().manual_seed(0))
    assert stats.chisquare(np.bincount(members_of(draws).ravel(), minlength=3)).pvalue > 1e-4


@pytest.mark.parametrize("n_members", [2, 3, 4, 8])
def test_every_member_gets_base_points_from_everywhere(n_members):
    """Every n-th point of a Sobol sequence would not do: for n = 4 all lie in the same half."""
    ensemble = far_apart(n_members)
    points = special.ndtri(qmc.Sobol(2, scramble=True, rng=0).random(1024))
    z, x = torch.tensor(points).expand(2, 1024, 2), torch.tensor([[0.0, 0.0], [1.0, -1.0]]).double()
    theta = ensemble.from_base_given(z, ensemble.context(x)[:, None])
    drawn_by = members_of(theta)
    torch.testing.assert_close(theta, 100.0 * drawn_by[..., None] + 10 * x[:, None] + z)
    counts = nn.functional.one_hot(drawn_by, n_members).sum(dim=1)
    assert (counts.amax(dim=1) - counts.amin(dim=1) <= 1).all()
    for i in range(n_members):
        own = z[0][drawn_by[0] == i]
        assert (own.mean(dim=0).abs() < 0.05).all()
        assert ((own.std(dim=0) - 1).abs() < 0.05).all()


@pytest.mark.parametrize(("n_points", "n_members"), [(5, 8), (2, 4), (10, 10), (25, 10), (3, 2), (1, 8)])
def test_members_get_as_many_base_points_over_rows_of_all_phases(n_points, n_members):
    ensemble = far_apart(n_members)
    n_rows, n_shifts = 8, 40
    z = torch.randn(n_rows, n_points, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    context = ensemble.context(torch.zeros(n_rows, 2, dtype=torch.float64))[:, None]
    totals = torch.zeros(n_members, dtype=torch.long)
    for shift in range(n_shifts):
        phase = (torch.arange(n_rows, dtype=torch.float64) + shift / n_shifts) / n_rows
        drawn_by = members_of(ensemble.from_base_given(z, context, phase))
        assert (drawn_by.diff(dim=1) >= 0).all()
        counts = np.bincount(drawn_by.ravel(), minlength=n_members)
        assert np.ptp(counts) <= (1 if n_rows * n_points % n_members else 0)
        totals += torch.tensor(counts)
    # One more or less is each member's own chance.
    assert np.ptp(totals.numpy()) <= (1 if n_shifts % n_members == 0 else n_members)


# Precision


@every_engine
@torch.no_grad()
def test_a_copy_in_double_precision_computes_in_it(make, data, engine):
    single = Ensemble(make(engine, learned=True)).float()
    exact = copy.deepcopy(single).double()
    theta, x = data
    log_prob = exact.log_prob_given(theta, exact.context(x))
    of_single = single.log_prob_given(theta.float(), single.context(x.float()))
    assert (log_prob.dtype, of_single.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(of_single.double(), log_prob, rtol=1e-3, atol=1e-3)
    density = torch.stack([copy.deepcopy(m).double().log_prob(theta, x).exp() for m in single.members]).mean(dim=0)
    torch.testing.assert_close(log_prob.exp(), density, rtol=1e-12, atol=0)
    draws = single.sample_given(single.context(x.float()), 5, torch.Generator().manual_seed(0))
    assert draws.dtype == torch.float64 and draws.isfinite().all()


class RandomAndCounting(nn.Module):
    """A summary with dropout, which draws for itself, and batch normalisation, whose buffers change in training."""

    n_summaries = N_FEATURES

    def __init__(self):
        super().__init__()
        self.normalize, self.drop = nn.BatchNorm1d(N_FEATURES), nn.Dropout(0.2)

    def forward(self, x, mask):
        return self.drop(self.normalize(x))


def test_buffers_that_change_and_dropout(data):
    theta, x = (part.float() for part in data)
    x = 3.0 + 2.0 * x
    members = [SummarizedDensity(RandomAndCounting(), Gaussian(()).build(theta.shape[1], N_FEATURES)) for _ in range(2)]
    for member in members:
        nn.init.normal_(member.density.perceptron[-1].weight, std=0.3)
    ensemble, stacked = Ensemble(members), StackedMembers(Ensemble(members))
    losses = [stacked.train()(ForwardKL(), batch((theta, x))) for _ in range(2)]
    assert not torch.equal(*losses)
    stacked.unstack_into(ensemble)
    for member in ensemble.members:
        # Two updates of weight 0.1 each from the first value, zero.
        torch.testing.assert_close(member.summary.normalize.running_mean, 0.19 * x.mean(dim=0))
    torch.testing.assert_close(
        stacked.eval()(ForwardKL(), batch((theta, x))), stacked.eval()(ForwardKL(), batch((theta, x)))
    )
