"""The evidence lower bound, its gradients, and fits without parameters."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.model_selection import GridSearchCV

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian, SplineFlow
from skabi.losses import Batch, ForwardKL, ReverseKL
from skabi.networks._residual import LinearResidual
from skabi.networks._summarized import SummarizedDensity
from skabi.priors import ChainedPrior
from skabi.simulators import Simulator
from skabi.summaries import IdentitySummary, ModuleSummary, SetSummary

NOISE = 0.3
SPLINES = {"n_bins": 4, "hidden_layer_sizes": (8,), "n_blocks": 1, "block_width": 8}


def torch_log_likelihood(X, theta):
    return torch.distributions.Normal(theta, math.sqrt(NOISE)).log_prob(X).sum(dim=1)


class Model:
    """theta ~ N(0, 1), x ~ N(theta, NOISE), of the rows of a batch."""

    def __init__(self, x):
        self.x = x

    def joint_density(self, loss, *, differentiable=False):
        assert differentiable
        return self

    def note(self, log_prob, theta, rows):
        pass

    def __call__(self, theta, rows):
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(theta)
        likelihood = torch.distributions.Normal(theta, math.sqrt(NOISE)).log_prob(self.x[rows][:, None])
        return (prior + likelihood).sum(dim=-1)


def network(variance, engine=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        density = (engine or Gaussian(())).build(2, 2)
    net = SummarizedDensity(IdentitySummary().build((2,), 2), density).double()
    net.residual = LinearResidual(
        torch.eye(2).double() / (1 + NOISE), torch.zeros(2).double(), math.sqrt(variance) * torch.eye(2).double()
    )
    return net.train()


@pytest.fixture
def batch():
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Batch(x, None, torch.arange(30))


def bound(batch, **parameters):
    return ReverseKL(**parameters).bind(Model(batch.x), torch.Generator().manual_seed(2))


def log_evidence(x):
    return stats.norm.logpdf(x.numpy(), 0.0, math.sqrt(1 + NOISE)).sum(axis=1)


EXACT = NOISE / (1 + NOISE)


def test_the_bound_is_tight_at_the_exact_posterior(batch):
    loss = bound(batch)(network(EXACT), batch)
    np.testing.assert_allclose(loss.detach().numpy(), -log_evidence(batch.x), rtol=1e-10)


def test_elsewhere_it_is_lower_by_the_divergence(batch):
    factor = 3.0
    loss = bound(batch, n_draws=2000, weight=2.0)(network(factor * EXACT), batch).detach().numpy() / 2
    divergence = 2 * 0.5 * (factor - 1 - math.log(factor))
    error = loss.std(ddof=1) / math.sqrt(len(loss))
    assert abs(np.mean(loss + log_evidence(batch.x)) - divergence) < 4 * error + 1e-3


def test_a_mean_that_is_off_costs_the_divergence_in_held_out_data(batch):
    net, shift = network(EXACT), 0.2
    net.residual = LinearResidual(
        torch.eye(2).double() / (1 + NOISE),
        torch.full((2,), shift, dtype=torch.float64),
        math.sqrt(EXACT) * torch.eye(2).double(),
    )
    # By one pair of draws, whatever they are.
    loss = bound(batch, n_draws=1)(net.eval(), batch)
    np.testing.assert_allclose(loss.detach().numpy() + log_evidence(batch.x), shift**2 / EXACT, rtol=1e-8)


def test_the_gradient_vanishes_at_the_optimum_for_each_draw(batch):
    net = network(EXACT)
    gradients = torch.autograd.grad(bound(batch, n_draws=1)(net, batch).sum(), list(net.density.parameters()))
    assert all(gradient.abs().max() < 1e-10 for gradient in gradients)


def test_it_vanishes_for_learned_summaries_too(batch):
    net = network(EXACT)
    net.summary = ModuleSummary(torch.nn.Linear, {"in_features": 2, "out_features": 2}).build((2,), 2).double()
    weight, bias = net.summary.parameters()
    with torch.no_grad():
        weight.copy_(torch.eye(2))
        bias.zero_()
    gradients = torch.autograd.grad(bound(batch, n_draws=1)(net, batch).sum(), [weight, bias])
    assert all(gradient.abs().max() < 1e-10 for gradient in gradients)


@pytest.mark.parametrize("engine", [Gaussian((4,)), SplineFlow(2, **SPLINES)])
def test_the_gradient_is_that_of_the_divergence_on_average(batch, engine):
    net, one = network(2 * EXACT, engine), batch._replace(x=batch.x[:1], rows=batch.rows[:1])
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    z = torch.randn(20_000, 1, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    # The loss along draws with the density's weights held, beside the same with all weights free: the score of q, by
    # which they differ, is zero on average.
    context = net.context(one.x)
    theta = net.from_base_given(z[:, 0], context)
    free = (net.log_prob_given(theta, context) - Model(batch.x)(theta[None], one.rows)[0]).mean()
    expected = torch.autograd.grad(free, weights)
    loss = bound(one, n_draws=20_000)
    found = torch.autograd.grad(loss(net, one).mean(), weights)
    size = max(float(part.abs().max()) for part in expected)
    for first, second in zip(found, expected, strict=True):
        assert float((first - second).abs().max()) < 0.1 * size


def test_one_data_set_is_plain_variational_inference():
    simulator, X = ConjugateGaussian(noise_variance=NOISE), [[0.5, -1.0]]
    loss = ReverseKL(likelihood=torch_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=simulator.prior, random_state=0)
    posterior.set_params(max_iter=15, learning_rate_init=0.03).fit(X)
    mean, std = posterior.predict(X, return_std=True)
    np.testing.assert_allclose(mean, simulator.posterior_mean(X), atol=0.02 * math.sqrt(EXACT))
    np.testing.assert_allclose(std, simulator.posterior_std(X), rtol=0.02)
    np.testing.assert_allclose(posterior.elbo_, simulator.log_evidence(X), atol=0.01)
    assert posterior.loss_curve_[-1] == pytest.approx(-posterior.elbo_[0], abs=0.01)
    assert posterior.validation_scores_ == []
    assert posterior.parameter_names_ == ["theta[0]", "theta[1]"]


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_many_data_sets_share_one_network(n_estimators):
    simulator = ConjugateGaussian(noise_variance=NOISE)
    X, _ = simulator.sample(120, random_state=0)
    loss = ReverseKL(n_draws=4, likelihood=torch_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=simulator.prior, n_estimators=n_estimators)
    posterior.set_params(max_iter=10, learning_rate_init=0.03, random_state=0).fit(X)
    gaps = (posterior.predict(X) - simulator.posterior_mean(X)) / math.sqrt(EXACT)
    assert np.sqrt(np.mean(gaps**2)) < 0.1
    assert posterior.elbo_.shape == (120,)
    assert np.abs(posterior.elbo_ - simulator.log_evidence(X)).mean() < 0.05
    assert len(posterior.validation_scores_) == posterior.n_iter_


def test_it_goes_on_from_forward_kl():
    prior = ConjugateGaussian(noise_variance=NOISE).prior
    simulator = Simulator(
        prior,
        ConjugateGaussian(noise_variance=NOISE).simulate,
        vectorized=True,
        torch_log_likelihood=torch_log_likelihood,
    )
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=300, max_iter=5, random_state=0).fit(simulator)
    assert not hasattr(posterior, "elbo_")
    X = np.array([[0.3, 0.8]])
    posterior.set_params(warm_start=True, loss=ReverseKL(likelihood=torch_log_likelihood)).fit(X)
    assert isinstance(posterior.loss_, ReverseKL)
    exact = ConjugateGaussian(noise_variance=NOISE)
    np.testing.assert_allclose(posterior.predict(X), exact.posterior_mean(X), atol=0.03 * math.sqrt(EXACT))
    # A simulator brings its likelihood, and parameters that are not needed.
    amortized = AmortizedPosterior(Gaussian(()), loss=ReverseKL(), n_simulations=200, max_iter=4, random_state=0)
    assert np.abs(amortized.fit(simulator).predict(X) - exact.posterior_mean(X)).max() < 0.1
    assert amortized.elbo_.shape == (200,)


def test_the_learned_likelihood_has_gradients():
    simulator = ConjugateGaussian(noise_variance=NOISE)
    X, y = simulator.sample(400, random_state=0)
    joint = JointEstimator(Gaussian(()), Gaussian(()), loss=ReverseKL(), prior=simulator.prior, max_iter=10)
    joint.set_params(random_state=0).fit(X, y)
    gaps = (joint.predict(X) - simulator.posterior_mean(X)) / math.sqrt(EXACT)
    assert np.sqrt(np.mean(gaps**2)) < 0.3


def scale_given(level):
    return stats.norm(level, 0.5)


def test_sets_of_any_size_under_a_prior_of_two_levels():
    prior = ChainedPrior({"level": stats.norm(0.0, 1.0), "mean": scale_given})

    def log_likelihood(X, level, mean):
        assert isinstance(X, list)
        return torch.stack([torch.distributions.Normal(m, 1.0).log_prob(x).sum() for x, m in zip(X, mean, strict=True)])

    X = [np.full((4, 1), 2.0), np.full((9, 1), -1.0)]
    loss = ReverseKL(n_draws=2, likelihood=log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=prior, summary=SetSummary(width=8), max_iter=5)
    posterior.set_params(learning_rate_init=0.03, random_state=0).fit(X)
    precision = [n + 1 / 1.25 for n in (4, 9)]
    expected = [4 * 2.0 / precision[0], -9 / precision[1]]
    np.testing.assert_allclose(posterior.predict(X)[:, 1], expected, atol=0.15)
    assert isinstance(posterior.sample(X, 10, random_state=0), np.ndarray)


def test_what_is_needed_is_asked_for():
    simulator = ConjugateGaussian(noise_variance=NOISE)
    X, _ = simulator.sample(50, random_state=0)
    with pytest.raises(ValueError, match="without y the prior says"):
        AmortizedPosterior(loss=ReverseKL(likelihood=torch_log_likelihood)).fit(X)
    with pytest.raises(ValueError, match="ReverseKL needs a likelihood with gradients"):
        AmortizedPosterior(loss=ReverseKL(), prior=simulator.prior).fit(X)
    with pytest.raises(ValueError, match="ReverseKL needs a likelihood with gradients"):
        AmortizedPosterior(loss=ReverseKL(), n_simulations=50).fit(simulator)
    with pytest.raises(ValueError, match="requires y to be passed"):
        AmortizedPosterior(loss=ForwardKL() + ReverseKL(likelihood=torch_log_likelihood), prior=simulator.prior).fit(X)
    with pytest.raises(RuntimeError, match="must be bound"):
        ReverseKL()(network(EXACT), Batch(torch.zeros(3, 2), None))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda X, theta: theta.sum(), ValueError, "one number a data set"),
        (lambda X, theta: theta.detach().numpy().sum(axis=1), TypeError, "must return a tensor"),
        (lambda X, theta: theta.detach().sum(dim=1), ValueError, "must have gradients"),
        (lambda X, theta: math.nan * theta.sum(dim=1), ValueError, r"it returned nan at theta\[0\] = "),
        (3.0, TypeError, "likelihood of ReverseKL must be a function"),
    ],
)
def test_likelihoods_that_are_none(function, error, message):
    simulator = ConjugateGaussian(noise_variance=NOISE)
    with pytest.raises(error, match=message):
        AmortizedPosterior(Gaussian(()), loss=ReverseKL(likelihood=function), prior=simulator.prior).fit([[0.0, 0.0]])


def test_likelihoods_that_disagree_are_shown():
    exact = ConjugateGaussian(noise_variance=NOISE)

    def other(X, theta):
        return torch_log_likelihood(X, theta) + 1.0

    simulator = Simulator(
        exact.prior, exact.simulate, vectorized=True, log_likelihood=exact.log_likelihood, torch_log_likelihood=other
    )
    posterior = AmortizedPosterior(Gaussian(()), loss=ReverseKL(), n_simulations=50)
    with pytest.raises(ValueError, match=r"in torch and in NumPy disagree: of data set 0 at theta\[0\] = .* one is "):
        posterior.fit(simulator)


def test_the_bound_of_other_data_sets():
    simulator = ConjugateGaussian(noise_variance=NOISE)
    X, _ = simulator.sample(120, random_state=0)
    loss = ReverseKL(n_draws=4, likelihood=torch_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=simulator.prior, max_iter=10, random_state=0)
    posterior.set_params(learning_rate_init=0.03).fit(X)
    np.testing.assert_allclose(posterior.elbo(X, random_state=0), posterior.elbo_, atol=0.05)
    new, _ = simulator.sample(30, random_state=1)
    bounds = posterior.elbo(new, n_draws=5001, random_state=0)
    assert bounds.shape == (30,)
    assert np.abs(bounds - simulator.log_evidence(new)).mean() < 0.05
    np.testing.assert_array_equal(bounds, posterior.elbo(new, n_draws=5001, random_state=0))
    # A search without parameters.
    search = GridSearchCV(
        posterior.set_params(max_iter=4),
        {"learning_rate_init": [1e-5, 0.03]},
        scoring=lambda estimator, X, y=None: estimator.elbo(X, random_state=0).mean(),
        cv=2,
    )
    assert search.fit(X).best_params_ == {"learning_rate_init": 0.03}


def test_the_bound_asks_for_its_loss_and_its_likelihood():
    exact = ConjugateGaussian(noise_variance=NOISE)
    parts = {"vectorized": True, "torch_log_likelihood": torch_log_likelihood}
    simulator = Simulator(exact.prior, exact.simulate, **parts)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=60, max_iter=2, random_state=0).fit(simulator)
    with pytest.raises(ValueError, match=r"fitted with ReverseKL; its loss was ForwardKL\(\)"):
        posterior.elbo([[0.0, 0.0]])
    posterior.set_params(loss=ForwardKL() + ReverseKL()).fit(simulator)
    with pytest.raises(ValueError, match="needs a likelihood in the loss"):
        posterior.elbo([[0.0, 0.0]])
    posterior.set_params(loss=ReverseKL(likelihood=torch_log_likelihood))
    assert posterior.elbo([[0.0, 0.0]], random_state=0).shape == (1,)
