import numpy as np
import pytest
from scipy import stats

from skabi.datasets import ConjugateGaussian, TruncatedGaussian
from skabi.diagnostics import nested_r_hat
from skabi.estimators import KnownLikelihood
from skabi.exceptions import ShapeError
from skabi.priors import ChainedPrior, IndependentPrior
from skabi.refine import NUTSSampler, SliceSampler
from skabi.refine._target import Target
from skabi.simulators import Simulator


def chains_of(sampler, simulator, X, *, n_draws=2000, seed=0, n_starts=16):
    """Return chains on the real line and draws in own units; chains start at draws of the prior."""
    rng = np.random.default_rng(seed)
    target = Target(KnownLikelihood(simulator), simulator.prior, X, rows=np.arange(len(X)))
    shape = len(X), n_starts, len(simulator.prior.parameter_names)
    archive = rng.normal(size=(shape[0], 100, shape[2]))
    chains = sampler.run(target, rng.normal(size=shape), archive, n_draws=n_draws, rng=rng)
    return chains, target.from_real(chains.reshape(len(X), -1, shape[2]))


def gaussian_log_likelihood(x, theta):
    return -0.5 * ((x - theta) ** 2).sum() / 0.3


@pytest.mark.parametrize(
    ("sampler", "simulator"),
    [
        (SliceSampler(n_chains=16), ConjugateGaussian(noise_variance=0.3)),
        (SliceSampler(n_chains=16), TruncatedGaussian()),
        pytest.param(
            NUTSSampler(gaussian_log_likelihood, n_chains=16, n_warm_up=30), TruncatedGaussian(), marks=pytest.mark.slow
        ),
    ],
    ids=lambda part: type(part).__name__,
)
def test_draws_are_of_the_exact_posterior(sampler, simulator):
    X = np.array([[0.3, -0.5], [1.5, 1.9]])
    chains, draws = chains_of(sampler, simulator, X)
    assert (nested_r_hat(chains) < 1.03).all()
    # At least a fifth of the draws is independent: five standard errors.
    n_effective = draws.shape[1] / 5
    gap = (draws.mean(axis=1) - simulator.posterior_mean(X)) / simulator.posterior_std(X)
    assert np.abs(gap).max() < 5 / np.sqrt(n_effective)
    ratio = draws.std(axis=1) / simulator.posterior_std(X)
    assert np.abs(ratio - 1).max() < 5 / np.sqrt(2 * n_effective)


def scale_given(top):
    return stats.gamma(2.0, scale=top)


def simulate_counts(top, rate, rng):
    return rng.poisson(rate[:, np.newaxis], size=(len(rate), 3))


def counts_log_likelihood(X, top, rate):
    return stats.poisson(rate[:, np.newaxis]).logpmf(X).sum(axis=1)


def jax_counts_log_likelihood(x, top, rate):
    jnp = pytest.importorskip("jax.numpy")
    return (x * jnp.log(rate) - rate).sum()


@pytest.mark.parametrize(
    "sampler",
    [
        SliceSampler(n_chains=16),
        pytest.param(
            NUTSSampler(jax_counts_log_likelihood, n_superchains=8, n_chains=8, n_warm_up=40), marks=pytest.mark.slow
        ),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_parameters_may_depend_on_each_other(sampler):
    prior = ChainedPrior({"top": stats.gamma(3.0), "rate": scale_given})
    simulator = Simulator(prior, simulate_counts, vectorized=True, log_likelihood=counts_log_likelihood)
    X = np.array([[4.0, 7.0, 3.0]])
    _, draws = chains_of(sampler, simulator, X, n_starts=sampler.n_superchains)
    y = prior.sample(200_000, random_state=1).to_numpy()
    log_weights = counts_log_likelihood(np.repeat(X, len(y), axis=0), *y.T)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    mean = weights @ y
    std = np.sqrt(weights @ (y - mean) ** 2)
    error = 5 * np.sqrt(5 / draws.shape[1] + (weights**2).sum())
    assert (np.abs(draws[0].mean(axis=0) - mean) / std < error).all()
    assert (np.abs(draws[0].std(axis=0) / std - 1) < error).all()


def test_chains_that_start_together_and_do_not_move_have_not_converged():
    simulator = ConjugateGaussian()
    chains, _ = chains_of(SliceSampler(n_warm_up=1, width=1e-3), simulator, np.zeros((1, 2)))
    assert (nested_r_hat(chains) > 1.5).all()


def narrow_log_likelihood(x, level):
    return -0.5 * ((x[0] - level) / 1e-3) ** 2


@pytest.mark.slow
def test_gradients_have_double_precision():
    jnp = pytest.importorskip("jax.numpy")
    prior = IndependentPrior({"level": stats.norm(1e4, 1.0)})
    # Single precision has steps of 1e-3 there, a posterior standard deviation.
    target = Target(None, prior, np.array([[1e4 + 0.3]]), rows=np.arange(1))
    rng = np.random.default_rng(0)
    starts, archive = (0.3 + 1e-3 * rng.normal(size=(1, n, 1)) for n in (8, 100))
    sampler = NUTSSampler(narrow_log_likelihood, n_superchains=8, n_chains=8, n_warm_up=20)
    chains = sampler.run(target, starts, archive, n_draws=2048, rng=rng)
    assert jnp.zeros(1).dtype == jnp.float32
    draws = (target.from_real(chains) - (1e4 + 0.3)).ravel() / 1e-3
    # At least a fifth of the draws is independent: five standard errors.
    assert abs(draws.mean()) < 5 / np.sqrt(2048 / 5)
    assert abs(draws.std() - 1) < 5 / np.sqrt(2 * 2048 / 5)
    assert len(np.unique(draws)) > 500


def test_gradients_need_a_function():
    with pytest.raises(TypeError, match=r"log_likelihood\(x, \*\*parameters\)"):
        chains_of(NUTSSampler(), ConjugateGaussian(), np.zeros((1, 2)))


def test_gradients_need_data_sets_of_one_shape():
    target = Target(None, ConjugateGaussian().prior, [np.zeros((2, 1)), np.zeros((3, 1))], rows=np.arange(2))
    sampler = NUTSSampler(gaussian_log_likelihood)
    with pytest.raises(ShapeError, match="one shape"):
        sampler.run(target, np.zeros((2, 4, 2)), np.zeros((2, 9, 2)), n_draws=10, rng=np.random.default_rng(0))
