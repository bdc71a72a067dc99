"""Derivatives of priors' maps, beside those that scipy's densities give, and finite differences."""

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.estimators._torch_likelihood import FromReal
from skabi.priors import ChainedPrior, IndependentPrior
from skabi.priors._jacobian import jacobian

FAMILIES = {
    "beta": stats.beta(2.0, 3.0),
    "cauchy": stats.cauchy(1.0, 2.0),
    "expon": stats.expon(scale=3.0),
    "gamma": stats.gamma(0.7, scale=2.0),
    "gengamma": stats.gengamma(3.0, -2.0, scale=1.4),
    "gumbel_r": stats.gumbel_r(0.3),
    "halfcauchy": stats.halfcauchy(scale=2.0),
    "halfnorm": stats.halfnorm(scale=2.0),
    "invgamma": stats.invgamma(3.0),
    "laplace": stats.laplace(1.0),
    "logistic": stats.logistic(1.0, 0.5),
    "lognorm": stats.lognorm(0.5, scale=0.4),
    "norm": stats.norm(1.0, 2.0),
    "pareto": stats.pareto(2.5),
    "skewnorm": stats.skewnorm(3.0),
    "t": stats.t(4.0),
    "truncnorm": stats.truncnorm(-1.0, 2.0),
    "uniform": stats.uniform(-1.0, 3.0),
    "weibull_min": stats.weibull_min(1.5),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_derivative_is_that_of_scipy_s_density(name):
    distribution = FAMILIES[name]
    u = np.linspace(-4, 4, 33)[:, np.newaxis]
    y, derivative = jacobian(IndependentPrior({"y": distribution}), u)
    # The density of y is that of a standard normal by dy/du: what a density written in torch would have to be.
    expected = np.exp(stats.norm.logpdf(u[:, 0]) - distribution.logpdf(y[:, 0]))
    np.testing.assert_allclose(derivative[:, 0, 0], expected, rtol=1e-6)
    steps = [IndependentPrior({"y": distribution}).from_real(u + step) for step in (1e-5, -1e-5)]
    np.testing.assert_allclose(derivative[:, :, 0], (steps[0] - steps[1]) / 2e-5, rtol=1e-4)


def effect_given(scale, shape):
    return stats.norm(np.zeros(2), scale[:, np.newaxis] * shape[:, :1])


PRIORS = {
    "independent": IndependentPrior(
        {
            "rate": stats.gamma(2.0),
            "effect": stats.norm(np.zeros(2), [1.0, 3.0]),
            "both": stats.multivariate_normal([1.0, 2.0], [[2.0, 0.7], [0.7, 1.0]]),
        }
    ),
    "chained": ChainedPrior(
        {
            "scale": stats.halfnorm(scale=2.0),
            "shape": stats.gamma(np.array([2.0, 3.0])),
            "effect": effect_given,
            "other": stats.expon(),
            "last": lambda effect, other: stats.uniform(effect[:, 0], 1.0 + other),
        }
    ),
}


@pytest.mark.parametrize("name", PRIORS)
def test_the_gradient_is_that_of_finite_differences(name):
    prior = PRIORS[name]
    u = torch.tensor(np.random.default_rng(0).normal(size=(5, prior.n_parameters)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: FromReal.apply(u, prior), u, eps=1e-5, atol=1e-5, rtol=1e-4)
    y, derivative = jacobian(prior, u.detach().numpy())
    log_det = prior.to_real(y)[1]
    np.testing.assert_allclose(np.linalg.slogdet(derivative).logabsdet, -log_det, rtol=1e-6)


class Squeezed:
    """A prior of one's own."""

    def from_real(self, u):
        return np.tanh(u) + 0.5 * u[:, ::-1]


def test_a_prior_of_another_class_has_differences():
    u = np.random.default_rng(1).normal(size=(4, 2))
    y, derivative = jacobian(Squeezed(), u)
    np.testing.assert_array_equal(y, Squeezed().from_real(u))
    np.testing.assert_allclose(derivative[:, 0, 0], 1 - np.tanh(u[:, 0]) ** 2, atol=1e-8)
    np.testing.assert_allclose(derivative[:, 0, 1], 0.5, atol=1e-8)
