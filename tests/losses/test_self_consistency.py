"""The variance of the log evidence: zero where Bayes' rule holds, and what it is elsewhere."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.losses import Batch, ForwardKL, ReverseKL, SelfConsistency, SummaryRegularizer
from skabi.networks._residual import LinearResidual
from skabi.networks._summarized import SummarizedDensity
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import IdentitySummary, SetSummary

NOISE = 0.3
TINY = {"n_simulations": 200, "max_iter": 4, "random_state": 0}


class Model:
    """theta ~ N(0, 1), x ~ N(theta, NOISE), of the rows of a batch."""

    device = torch.device("cpu")
    is_trained = False

    def __init__(self, x, *, hole=math.inf):
        self.x, self.hole = x, hole

    def joint_density(self, loss, *, differentiable=False):
        return self

    def read(self, X):
        return Batch(torch.tensor(X), None, None)

    def from_prior(self, z):
        return z

    def note(self, log_prob, theta, rows):
        pass

    def __call__(self, theta, rows):
        gaps = (self.x if rows is None else self.x[rows])[:, None] - theta
        log_prob = -0.5 * (theta.square() + gaps.square() / NOISE).sum(dim=-1)
        return torch.where(theta[..., 0] < self.hole, log_prob, -torch.inf)


def normal_posterior(*, variance=NOISE / (1 + NOISE)):
    """A network whose density is N(x / (1 + NOISE), variance); the exact one by default."""
    network = SummarizedDensity(IdentitySummary().build((2,), 2), Gaussian(()).build(2, 2)).double()
    network.residual = LinearResidual(
        torch.eye(2).double() / (1 + NOISE), torch.zeros(2).double(), math.sqrt(variance) * torch.eye(2).double()
    )
    return network.train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x, theta = (torch.randn(40, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    return Batch(x, theta, torch.arange(40))


def bound(batch, *, share=1.0, model=None, **parameters):
    loss = SelfConsistency(**parameters).bind(model or Model(batch.x), torch.Generator().manual_seed(2))
    loss.proceed(share)
    return loss


@pytest.mark.parametrize("proposal", ["posterior", "prior"])
@pytest.mark.parametrize("has_theta", [True, False])
def test_it_is_zero_at_the_exact_posterior(batch, proposal, has_theta):
    batch = batch if has_theta else batch._replace(theta=None)
    values = bound(batch, proposal=proposal)(normal_posterior(), batch)
    assert values.shape == (40,)
    torch.testing.assert_close(values, torch.zeros_like(values), rtol=0, atol=1e-20)


def test_it_is_the_population_variance_over_draws_of_the_posterior(batch):
    # With s times the exact standard deviation, v is (1 - s^2) / 2 times a chi-squared of two degrees of freedom.
    network, s2 = normal_posterior(variance=2.0 * NOISE / (1 + NOISE)), 2.0
    n_draws = 400
    values = bound(batch, n_draws=n_draws)(network, batch._replace(theta=None)).detach().numpy()
    expected = (1 - s2) ** 2 / 4 * 4 * (n_draws - 1) / n_draws
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - expected) < 4 * error
    assert error < 0.1 * expected


def test_the_true_parameters_are_among_the_draws(batch):
    far = batch._replace(theta=batch.theta + 100.0)
    network = normal_posterior(variance=2 * NOISE / (1 + NOISE))
    assert (bound(batch)(network, far) > 100 * bound(batch)(network, batch)).all()
    # Two draws, one of them the truth: (v_1 - v_2)^2 / 4.
    values = bound(batch, n_draws=2)(network, far)
    (draw,) = (
        bound(batch, n_draws=2)._proposed(network, batch.x, torch.Generator().manual_seed(2), has_theta=True).unbind(1)
    )
    model = Model(batch.x)
    v = [model(theta[:, None], batch.rows)[:, 0] - network.log_prob(theta, batch.x) for theta in (draw, far.theta)]
    torch.testing.assert_close(values, (v[0] - v[1]).square() / 4)


def test_no_gradient_goes_through_the_draws(batch):
    network = normal_posterior()
    loss = bound(batch)
    context = network.context(batch.x)
    assert not loss._proposed(network, context, loss._generator, has_theta=False).requires_grad
    gradients = torch.autograd.grad(loss(network, batch).mean(), list(network.density.parameters()))
    # At the optimum the gradient vanishes for each set of draws.
    assert all(gradient.abs().max() < 1e-10 for gradient in gradients)


def test_draws_without_a_density_are_left_out(batch):
    model = Model(batch.x, hole=0.0)
    values = bound(batch, model=model)(normal_posterior(), batch)
    torch.testing.assert_close(values, torch.zeros_like(values), rtol=0, atol=1e-20)
    wide = normal_posterior(variance=2 * NOISE / (1 + NOISE))
    gradients = torch.autograd.grad(bound(batch, model=model)(wide, batch).mean(), list(wide.density.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_weight_rises(batch):
    network = normal_posterior(variance=2 * NOISE / (1 + NOISE))

    def value(share, is_training=True, **parameters):
        loss = bound(batch, share=share, weight=3.0, **parameters)
        return float(loss(network.train(is_training), batch).detach().mean())

    full = value(1.0, start=0.0, ramp=0.0)
    alone = bound(batch, start=0.0, ramp=0.0)(network.train(), batch)
    assert full == pytest.approx(3 * float(alone.detach().mean()))
    assert [value(share, start=0.2, ramp=0.4) / full for share in (0.0, 0.2, 0.4, 0.6, 0.9)] == pytest.approx(
        [0.0, 0.0, 0.5, 1.0, 1.0]
    )
    assert [value(share, start=0.5, ramp=0.0) / full for share in (0.49, 0.5)] == pytest.approx([0.0, 1.0])
    # Held-out rows are judged by the weight of the end, whatever is done so far, with the same numbers each time.
    held_out = [value(share, is_training=False, start=0.2) for share in (0.0, 0.3, 1.0)]
    assert held_out[0] == held_out[1] == held_out[2] > 0


def test_unlabelled_data_sets_add_their_mean(batch):
    network = normal_posterior(variance=2 * NOISE / (1 + NOISE))
    model = Model(torch.zeros(1, 2))
    few = batch._replace(x=batch.x[:30], theta=None, rows=torch.zeros(30, dtype=torch.long))
    loss = bound(batch, n_draws=200, X_unlabelled=np.zeros((1, 2)), model=model)
    values = loss(network, few) - bound(batch, n_draws=200, model=model)(network, few)
    # What is added is the same for all rows: the variance, 1 here, of one data set at 200 draws.
    torch.testing.assert_close(values, values[:1].expand(30))
    assert float(values[0].detach()) == pytest.approx(1.0, abs=4 * math.sqrt(8 / 200))


def log_likelihood(X, theta):
    return stats.norm.logpdf(X, theta, math.sqrt(NOISE)).sum(axis=1)


def narrow_posterior(loss, **parameters):
    """A posterior learned from so few simulations of a wide problem that Bayes' rule has something to say."""
    simulator = ConjugateGaussian(4, noise_variance=NOISE)
    posterior = AmortizedPosterior(Gaussian((32,)), loss=loss, n_simulations=60, **parameters)
    return simulator, posterior.set_params(max_iter=60, early_stopping=False, random_state=0).fit(simulator)


def test_few_simulations_go_further():
    gaps = []
    for loss in (ForwardKL(), ForwardKL() + SelfConsistency()):
        simulator, posterior = narrow_posterior(loss)
        X, y = simulator.sample(500, random_state=1)
        gaps.append(np.mean(simulator.log_posterior(X, y)) - posterior.score(X, y))
    assert gaps[0] > 0.1
    assert gaps[1] < 0.2 * gaps[0]


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_the_same_random_state_gives_the_same_posterior(n_estimators):
    fits = [
        AmortizedPosterior(Gaussian(()), loss=ForwardKL() + SelfConsistency(), n_estimators=n_estimators, **TINY)
        for _ in range(2)
    ]
    state = torch.get_rng_state()
    X = np.zeros((1, 2))
    means = [fit.fit(ConjugateGaussian()).predict(X) for fit in fits]
    np.testing.assert_array_equal(*means)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_learned_likelihood_is_asked_where_none_is_known():
    simulator = ConjugateGaussian()
    X, y = simulator.sample(300, random_state=0)
    widths = []
    for loss in (ForwardKL(), ForwardKL() + SelfConsistency(10.0)):
        joint = JointEstimator(Gaussian(()), Gaussian(()), loss=loss, prior=simulator.prior, max_iter=20)
        evidence = joint.set_params(random_state=0).fit(X, y).log_evidence(X[:20], 200, random_state=0)
        widths.append(np.mean(evidence.upper - evidence.lower))
    assert widths[1] < 0.5 * widths[0]
    known = JointEstimator(Gaussian(()), loss=loss, **TINY).fit(simulator)
    assert known.likelihood_.simulator is simulator


def test_passes_and_streams_of_simulations_know_their_likelihood():
    simulator = ConjugateGaussian()
    loss = ForwardKL() + SelfConsistency(likelihood=simulator.log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=simulator.prior, random_state=0)
    for seed in range(8):
        posterior.partial_fit(*simulator.sample(200, random_state=seed))
    gap = posterior.predict([[1.0, -1.0]]) - simulator.posterior_mean([[1.0, -1.0]])
    assert np.abs(gap).max() < 0.3
    fresh = AmortizedPosterior(Gaussian(()), loss=ForwardKL() + SelfConsistency(), fresh_simulations=True, **TINY)
    gap = fresh.fit(simulator).predict([[1.0, -1.0]]) - simulator.posterior_mean([[1.0, -1.0]])
    assert np.abs(gap).max() < 0.3


def test_what_is_needed_is_asked_for():
    X, y = ConjugateGaussian().sample(50, random_state=0)
    prior = IndependentPrior({"theta": stats.norm(np.zeros(2), 1.0)})
    loss = ForwardKL() + SelfConsistency()
    with pytest.raises(ValueError, match="SelfConsistency needs a likelihood: a simulator"):
        AmortizedPosterior(loss=loss, prior=prior).fit(X, y)
    loss = ForwardKL() + SelfConsistency(likelihood=log_likelihood)
    with pytest.raises(ValueError, match="SelfConsistency needs the density of the prior"):
        AmortizedPosterior(loss=loss).fit(X, y)
    with pytest.raises(ValueError, match="trains no posterior by itself"):
        AmortizedPosterior(loss=SelfConsistency(likelihood=log_likelihood), prior=prior).fit(X, y)
    with pytest.raises(ValueError, match="share_summary=True trains both halves at once"):
        JointEstimator(loss=loss, prior=prior, share_summary=True).fit(X, y)
    with pytest.raises(RuntimeError, match="must be bound"):
        SelfConsistency()(normal_posterior(), Batch(torch.zeros(3, 2), None))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight": -1.0}, "weight must lie between"),
        ({"n_draws": 1}, "n_draws must be at least 2"),
        ({"start": -0.1}, "shares of the training"),
        ({"start": 0.7, "ramp": 0.5}, "shares of the training"),
        ({"proposal": "likelihood"}, "proposal must be one of"),
    ],
)
def test_recipes_that_make_no_sense(parameters, message):
    loss = ForwardKL() + SelfConsistency(**parameters)
    with pytest.raises(ValueError, match=message):
        AmortizedPosterior(Gaussian(()), loss=loss, **TINY).fit(ConjugateGaussian())


def test_a_likelihood_without_a_density_says_where():
    def nothing(theta, rng):
        return theta + rng.normal(size=theta.shape)

    prior = IndependentPrior({"theta": stats.norm(np.zeros(2), 1.0)})
    simulator = Simulator(prior, nothing, vectorized=True, log_likelihood=lambda X, theta: np.full(len(X), np.nan))
    loss = ForwardKL() + SelfConsistency(start=0.0, ramp=0.0)
    with pytest.raises(ValueError, match="finite or -inf; it returned NaN"):
        AmortizedPosterior(Gaussian(()), loss=loss, **TINY).fit(simulator)


def test_it_adds_to_other_penalties():
    loss = ForwardKL() + SummaryRegularizer() + SelfConsistency(weight=0.1)
    assert loss.needs_parameters
    assert loss.needs_joint_density
    assert loss.settles_at == pytest.approx(0.4)
    assert not SelfConsistency().needs_parameters


def test_one_half_learns_from_the_other():
    simulator = ConjugateGaussian()
    X, y = simulator.sample(100, random_state=0)
    joint = JointEstimator(Gaussian(()), Gaussian(()), loss=ForwardKL(), prior=simulator.prior, max_iter=4)
    alone = joint.set_params(random_state=0).fit(X, y).likelihood_.network_.state_dict()
    loss = ForwardKL() + SelfConsistency(start=0.0, ramp=0.0)
    taught = clone(joint).set_params(loss=loss).fit(X, y)
    weights = taught.likelihood_.network_.state_dict()
    assert any(not torch.equal(alone[name], weights[name]) for name in alone)
    assert taught.posterior_.n_iter_ == taught.likelihood_.n_iter_
    # Others ask a likelihood that is trained before, and do not change it.
    asked = clone(joint).set_params(loss=loss + ReverseKL()).fit(X, y).likelihood_.network_.state_dict()
    assert all(torch.equal(alone[name], asked[name]) for name in alone)


def test_sets_and_ensembles_ask_a_learned_likelihood():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(60, 1))
    X = [level + rng.normal(size=(n, 1)) for level, n in zip(y, rng.integers(3, 25, size=60), strict=True)]
    prior = IndependentPrior({"level": stats.norm()})
    loss = ForwardKL() + SelfConsistency(n_draws=3)
    joint = JointEstimator(Gaussian(()), Gaussian(()), summary=SetSummary(width=8), loss=loss, prior=prior, max_iter=2)
    for n_estimators in (1, 2):
        evidence = joint.set_params(n_estimators=n_estimators, random_state=0).fit(X, y).log_evidence(X[:3], 20)
        assert np.isfinite(evidence.median).all()
