"""Prior times likelihood in the coordinates of networks is that in the parameters' own units."""

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.engines import Gaussian
from skabi.estimators import AmortizedLikelihood
from skabi.estimators._joint_density import KnownModel
from skabi.estimators._parameters import ParameterMap
from skabi.losses import ReverseKL, SelfConsistency
from skabi.priors import ChainedPrior

N, N_DRAWS = 6, 3


def effect_given(scale):
    return stats.norm(np.zeros(2), scale[:, np.newaxis])


PRIOR = ChainedPrior({"scale": stats.gamma(2.0), "effect": effect_given})


def log_likelihood(X, scale, effect):
    return stats.norm.logpdf(X, effect, scale[:, np.newaxis]).sum(axis=1)


def torch_log_likelihood(X, scale, effect):
    return torch.distributions.Normal(effect, scale[:, None]).log_prob(X).sum(dim=1)


@pytest.fixture
def parameter_map():
    # Of parameters that are far from what the prior draws, so that mean and scale matter.
    u = 0.5 + 0.3 * np.random.default_rng(0).normal(size=(200, 3))
    return ParameterMap(PRIOR, PRIOR.parameter_names).fit(PRIOR.from_real(u))


@pytest.fixture
def model(parameter_map):
    return KnownModel(
        parameter_map,
        log_likelihood=log_likelihood,
        torch_log_likelihood=torch_log_likelihood,
        read=torch.tensor,
        device=torch.device("cpu"),
    )


def theta_and_y(parameter_map):
    theta = np.random.default_rng(1).normal(size=(N, N_DRAWS, 3))
    return torch.tensor(theta), parameter_map.from_network(theta.reshape(-1, 3))


@pytest.mark.parametrize("is_differentiable", [False, True])
def test_it_is_the_density_with_respect_to_theta(model, parameter_map, is_differentiable):
    X = np.random.default_rng(2).normal(size=(N + 2, 2))
    rows = model.add(X)[2:]
    loss = ReverseKL() if is_differentiable else SelfConsistency()
    theta, y = theta_and_y(parameter_map)
    value = model.joint_density(loss, differentiable=is_differentiable)(theta, rows)
    expected = PRIOR.log_prob(y) + log_likelihood(np.repeat(X[2:], N_DRAWS, axis=0), y[:, 0], y[:, 1:])
    expected = expected - parameter_map.to_network(y)[1]
    np.testing.assert_allclose(value.numpy().ravel(), expected, rtol=1e-8)


def test_its_gradient_is_that_of_finite_differences(model, parameter_map):
    rows = model.add(np.random.default_rng(2).normal(size=(N, 2)))
    joint = model.joint_density(ReverseKL(), differentiable=True)
    theta = theta_and_y(parameter_map)[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda theta: joint(theta, rows), theta, eps=1e-5, atol=1e-4, rtol=1e-4)


def test_a_loss_has_the_last_word_on_the_likelihood(model, parameter_map):
    rows = model.add(np.zeros((N, 2)))
    theta, _ = theta_and_y(parameter_map)
    other = SelfConsistency(likelihood=lambda X, scale, effect: 1.0 + log_likelihood(X, scale, effect))
    gap = model.joint_density(other)(theta, rows) - model.joint_density(SelfConsistency())(theta, rows)
    torch.testing.assert_close(gap, torch.ones_like(gap))


def test_draws_of_the_prior_are_standard_normal_in_its_coordinates(model, parameter_map):
    model.add(np.zeros((1, 2)))
    theta = model.joint_density(SelfConsistency()).from_prior(torch.zeros(1, 1, 3))
    np.testing.assert_allclose(
        parameter_map.from_network(theta[0].double().numpy()), PRIOR.from_real(np.zeros((1, 3))), rtol=1e-5, atol=1e-6
    )


def test_only_the_last_parts_that_pass_are_kept(model, parameter_map):
    first = model.add(np.zeros((N, 2)))
    passing = [model.add(np.full((N, 2), float(i)), is_passing=True) for i in range(10)]
    assert len(model._parts) == 5
    joint = model.joint_density(SelfConsistency())
    theta, y = theta_and_y(parameter_map)
    for rows, value in ((first, 0.0), (passing[-1], 9.0)):
        X = np.full((N * N_DRAWS, 2), value)
        expected = PRIOR.log_prob(y) + log_likelihood(X, y[:, 0], y[:, 1:]) - parameter_map.to_network(y)[1]
        np.testing.assert_allclose(joint(theta, rows).numpy().ravel(), expected, rtol=1e-8)


def test_a_learned_likelihood_is_asked_in_its_own_units(model, parameter_map):
    y = PRIOR.sample(100, random_state=0)
    X = 5.0 + y.to_numpy()[:, 1:] + np.random.default_rng(3).normal(size=(100, 2))
    likelihood = AmortizedLikelihood(Gaussian(()), prior=PRIOR, max_iter=2, random_state=0).fit(X, y)
    model.log_likelihood = model.torch_log_likelihood = None
    model.learned = likelihood
    rows = model.add(X)[:N]
    theta, y = theta_and_y(parameter_map)
    expected = likelihood.log_likelihood(X[:N], y.reshape(N, N_DRAWS, 3)).ravel()
    expected = expected + PRIOR.log_prob(y) - parameter_map.to_network(y)[1]
    value = model.joint_density(SelfConsistency())(theta, rows)
    np.testing.assert_allclose(value.detach().numpy().ravel(), expected, rtol=1e-4)
    likelihood._parameter_map.prior = ChainedPrior({"scale": stats.gamma(3.0), "effect": effect_given})
    with pytest.raises(ValueError, match="learned under another prior"):
        model.joint_density(SelfConsistency())
