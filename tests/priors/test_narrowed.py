"""A prior in a box: the same density up to a constant, and the same posterior of the data set that it is for."""

import numpy as np
import pytest
from scipy import integrate, stats

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.priors import ChainedPrior, IndependentPrior, NarrowedPrior, narrowed
from skabi.simulators import Simulator

GAMMA = IndependentPrior({"rate": stats.gamma(2.0)})


def test_the_density_is_the_prior_s_over_its_mass_in_the_box():
    prior = NarrowedPrior(GAMMA, [-0.5], [1.5])
    low, high = prior.support[0]
    mass = stats.norm.cdf(1.5) - stats.norm.cdf(-0.5)
    y = np.linspace(low + 1e-6, high - 1e-6, 7)[:, np.newaxis]
    np.testing.assert_allclose(prior.log_prob(y), GAMMA.log_prob(y) - np.log(mass), rtol=1e-10)
    assert prior.log_prob([[low - 0.01], [high + 0.01]]).tolist() == [-np.inf] * 2
    total, _ = integrate.quad(lambda rate: np.exp(prior.log_prob([[rate]])[0]), low, high)
    assert total == pytest.approx(1.0, abs=1e-6)


def test_draws_have_that_density():
    prior = NarrowedPrior(GAMMA, [-0.5], [1.5])
    y = prior.sample(4000, random_state=0).to_numpy()[:, 0]
    u = GAMMA.to_real(y[:, np.newaxis])[0][:, 0]
    assert stats.kstest(u, stats.truncnorm(-0.5, 1.5).cdf).pvalue > 1e-3


def test_a_box_far_in_the_tail_has_a_density():
    prior = NarrowedPrior(IndependentPrior({"a": stats.norm()}), [20.0], [21.0])
    y = prior.sample(100, random_state=0)
    assert np.isfinite(prior.log_prob(y)).all()
    assert y.min().item() > 20.0
    assert prior == NarrowedPrior(IndependentPrior({"a": stats.norm()}), [20.0], [21.0])
    assert prior != NarrowedPrior(IndependentPrior({"a": stats.norm()}), [20.0], [22.0])


def test_parameters_that_depend_on_each_other_are_cut_too():
    prior = ChainedPrior({"top": stats.gamma(2.0), "part": lambda top: stats.uniform(0.0, top)})
    cut = NarrowedPrior(prior, [0.0, -1.0], [1.0, 1.0])
    y = cut.sample(500, random_state=0)
    assert list(y) == ["top", "part"]
    share = (y["part"] / y["top"]).to_numpy()
    assert stats.norm.cdf(-1) <= share.min() <= share.max() <= stats.norm.cdf(1)


def test_parameters_of_data_sets_like_the_observed_one_have_its_posterior():
    exact = ConjugateGaussian(noise_variance=0.01)
    observed = np.array([[1.5, -1.0]])
    rough = AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=3, random_state=0).fit(exact)
    prior = narrowed(exact.prior, rough.sample(observed, 500, random_state=0), margin=0.5)
    std = exact.posterior_std(observed)[0]
    # The box is a part of the prior, and its ends are far from the posteriors of data sets within 0.1.
    assert (np.ptp(prior.support, axis=1) < 1.5).all()
    assert (np.abs(observed[0, :, np.newaxis] - prior.support).min(axis=1) > 0.1 + 4 * std).all()
    simulator = Simulator(prior, exact.simulate, vectorized=True)
    X, y = simulator.sample(100_000, random_state=1)
    is_near = (np.abs(X - observed) < 0.1).all(axis=1)
    # What ForwardKL learns there: the parameters that made them, which are draws of their exact posteriors.
    z = (y.to_numpy()[is_near] - exact.posterior_mean(X[is_near])) / std
    n = len(z)
    assert (np.abs(z.mean(axis=0)) < 4 / np.sqrt(n)).all()
    assert (np.abs(z.var(axis=0) - 1) < 4 * np.sqrt(2 / n)).all()
    assert abs(np.mean(z[:, 0] * z[:, 1])) < 4 / np.sqrt(n)


def test_a_posterior_is_learned_from_it():
    exact = ConjugateGaussian(noise_variance=0.01)
    prior = NarrowedPrior(exact.prior, [1.0, -1.5], [2.0, -0.5])
    simulator = Simulator(prior, exact.simulate, vectorized=True)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=200, max_iter=3, random_state=0).fit(simulator)
    draws = posterior.sample([[1.5, -1.0]], 1000, random_state=0)[0]
    assert ((prior.support[:, 0] <= draws) & (draws <= prior.support[:, 1])).all()
    assert (np.abs(draws.mean(axis=0) - [1.5, -1.0]) < draws.std(axis=0)).all()


def test_what_is_no_box():
    with pytest.raises(ValueError, match="low must be below high"):
        NarrowedPrior(GAMMA, [1.0], [0.0])
    with pytest.raises(ShapeError, match="one end a parameter"):
        NarrowedPrior(GAMMA, [1.0, 2.0], [3.0])
    with pytest.raises(ValueError, match="at least two inside"):
        narrowed(GAMMA, [[-1.0], [2.0]])
    with pytest.raises(ValueError, match="margin must be zero or more"):
        narrowed(GAMMA, [[1.0], [2.0]], margin=-1.0)
