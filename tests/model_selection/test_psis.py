"""Leave-one-out from whole posteriors: as real refits where no observation matters much, and a sign where one does."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skabi import JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.exceptions import ShapeError
from skabi.model_selection import PsisLoo, cross_val_elpd, psis_loo

pytest.importorskip("arviz_stats")


def test_agrees_with_the_exact_answer(samples, exact, exact_loo):
    """Data sets of which no observation moves the posterior much, so that draws can stand in for those of refits."""
    simulator = GaussianMeanScale((20, 40))
    X, _ = simulator.sample(8, random_state=0)
    result = psis_loo(exact(simulator), X, n_draws=500, random_state=0)
    assert isinstance(result, PsisLoo) and result.n_draws == 500
    assert [terms.shape for terms in result.pointwise] == [(len(x),) for x in X]
    assert [k.shape for k in result.pareto_k] == [(len(x),) for x in X]
    np.testing.assert_allclose(result.elpd, [terms.sum() for terms in result.pointwise])
    np.testing.assert_allclose(result.se, [np.sqrt(len(t)) * t.std(ddof=1) for t in result.pointwise])
    assert np.quantile(np.concatenate(result.pareto_k), 0.95) < 0.7
    others = [psis_loo(exact(simulator), X, n_draws=500, random_state=seed).elpd for seed in range(1, 9)]
    spread = np.std([result.elpd, *others], axis=0, ddof=1)
    expected = [terms.sum() for terms in exact_loo(simulator, X)]
    error = np.mean([result.elpd, *others], axis=0) - expected
    assert (np.abs(error) < 6 * spread / 3).all()
    assert (spread < 0.1 * result.se).all()


def test_agrees_with_real_refits(exact):
    simulator = GaussianMeanScale((30, 60))
    X, _ = simulator.sample(5, random_state=0)
    one, other = (method(exact(simulator), X, random_state=0) for method in (psis_loo, cross_val_elpd))
    # Importance weights of all observations share the draws: a few times the error of refits, which do not.
    assert (np.abs(one.elpd - other.elpd) < 8 * other.monte_carlo_se).all()
    np.testing.assert_allclose(one.se, other.se, rtol=0.05)


def test_an_observation_that_matters_much_is_told(exact):
    simulator = GaussianMeanScale((6, 12))
    X = [np.append(np.linspace(-0.1, 0.1, 7), 40.0)[:, np.newaxis], np.linspace(-1, 1, 8)[:, np.newaxis]]
    result = psis_loo(exact(simulator), X, random_state=0)
    assert result.pareto_k[0].argmax() == 7 and result.pareto_k[0][7] > 0.7
    assert result.pareto_k[1].max() < 0.7


class Off:
    """The exact posterior of the first observations alone: too wide, and elsewhere."""

    def __init__(self, simulator, n_unseen, *, prior):
        self.simulator, self.n_unseen, self.prior_ = simulator, n_unseen, prior

    def sample(self, X, n_draws, *, random_state):
        seen = [x[: -self.n_unseen] for x in X]
        return self.simulator.sample_posterior(seen, n_draws, random_state=random_state)

    def log_prob(self, X, y):
        seen = [x[: -self.n_unseen] for x, draws in zip(X, y, strict=True) for _ in draws]
        return self.simulator.log_posterior(seen, y.reshape(-1, y.shape[2])).reshape(y.shape[:2])


def test_a_posterior_that_is_off_is_corrected(exact, exact_loo):
    simulator = GaussianMeanScale((15, 30))
    X, _ = simulator.sample(10, random_state=0)
    expected = np.array([terms.sum() for terms in exact_loo(simulator, X)])
    estimator, errors = exact(simulator), {}
    for name, prior in (("corrected", simulator.prior), ("not corrected", None)):
        estimator.posterior_ = Off(simulator, 6, prior=prior)
        each = [psis_loo(estimator, X, n_draws=500, random_state=seed).elpd for seed in range(4)]
        errors[name] = np.abs(np.mean(each, axis=0) - expected)
    assert errors["corrected"].mean() < 0.1 < errors["not corrected"].mean()


class Elsewhere:
    """The exact posterior of quite other data: hardly any of its draws counts."""

    def __init__(self, simulator, shift):
        self.simulator, self.shift, self.prior_ = simulator, shift, simulator.prior

    def sample(self, X, n_draws, *, random_state):
        return self.simulator.sample_posterior([x + self.shift for x in X], n_draws, random_state=random_state)

    def log_prob(self, X, y):
        seen = [x + self.shift for x, draws in zip(X, y, strict=True) for _ in draws]
        return self.simulator.log_posterior(seen, y.reshape(-1, y.shape[2])).reshape(y.shape[:2])


@pytest.mark.parametrize("shift", [3.0, 1000.0])
def test_a_posterior_that_is_elsewhere_is_adapted(exact, exact_loo, shift):
    simulator = GaussianMeanScale((15, 30))
    X, _ = simulator.sample(4, random_state=0)
    expected = np.array([terms.sum() for terms in exact_loo(simulator, X)])
    estimator = exact(simulator)
    estimator.posterior_ = Elsewhere(simulator, shift)
    each = np.array([psis_loo(estimator, X, n_draws=300, random_state=seed).elpd for seed in range(5)])
    error = np.abs(each.mean(axis=0) - expected)
    assert (error < 6 * each.std(axis=0, ddof=1) / np.sqrt(5) + 0.01).all()
    assert each.std(axis=0, ddof=1).max() < 0.1


def test_a_posterior_that_is_right_is_left_alone(exact, monkeypatch):
    simulator = GaussianMeanScale((15, 30))
    X, _ = simulator.sample(5, random_state=0)
    monkeypatch.setattr(type(simulator.prior), "sample", None)
    assert np.isfinite(psis_loo(exact(simulator), X, n_draws=200, random_state=0).elpd).all()


def test_draws_that_an_observation_is_impossible_for(exact, samples):
    """They weigh nothing, whatever observation is left out."""
    X, _ = samples.sample(3, random_state=0)
    estimator = exact(samples)
    expected = psis_loo(estimator, X, n_draws=200, random_state=0)
    exact_posterior, share = estimator.posterior_, 1 / 6

    class Leaking:
        prior_ = samples.prior

        def sample(self, X, n_draws, *, random_state):
            n_more = round(share * n_draws)
            draws = exact_posterior.sample(X, n_draws - n_more, random_state=random_state)
            # A scale below zero.
            return np.concatenate([draws, np.full((len(X), n_more, 2), -1.0)], axis=1)

        def log_prob(self, X, y):
            return exact_posterior.log_prob(X, y)

    estimator.posterior_ = Leaking()
    result = psis_loo(estimator, X, n_draws=240, random_state=0)
    np.testing.assert_array_equal(np.concatenate(result.pointwise), np.concatenate(expected.pointwise))
    share = 0.99
    result = psis_loo(estimator, X, n_draws=100, random_state=0)
    estimator.posterior_.prior_ = None
    result = psis_loo(estimator, X, n_draws=100, random_state=0)
    for terms, k in zip(result.pointwise, result.pareto_k, strict=True):
        assert np.isnan(terms).all() and np.isposinf(k).all()
    assert np.isnan(result.elpd).all()


def test_lists_and_arrays_are_alike(exact):
    X = np.random.default_rng(0).normal(size=(3, 8, 1))
    of_array, of_list = (psis_loo(exact(GaussianMeanScale((6, 12))), x, random_state=0) for x in (X, list(X)))
    np.testing.assert_array_equal(of_array.pointwise, of_list.pointwise)


def test_a_learned_likelihood(trained):
    from skabi.engines import Gaussian

    joint = trained(GaussianMeanScale((6, 12)), Gaussian(()))
    X, _ = GaussianMeanScale((6, 12)).sample(3, random_state=1)
    first, again, other = (psis_loo(joint, X, n_draws=200, random_state=seed).elpd for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all() and np.isfinite(first).all()


def test_series(exact_series):
    with pytest.raises(ValueError, match=r"of a series leave the future out: .*TimeSeriesSplit\(\)"):
        psis_loo(exact_series, np.zeros((2, 12, 1)))


def test_data_sets_of_one_observation(trained, exact):
    with pytest.raises(ShapeError, match="there is none to leave out"):
        psis_loo(trained(ConjugateGaussian()), np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="there must be observations to leave out"):
        psis_loo(exact(GaussianMeanScale(5)), np.zeros((2, 5)))


def test_use_before_fit():
    with pytest.raises(NotFittedError, match="JointEstimator instance is not fitted yet"):
        psis_loo(JointEstimator(), np.zeros((2, 6, 1)))


@pytest.mark.parametrize("n_draws", [0, 1.5])
def test_numbers_of_draws_that_are_none(exact, n_draws):
    with pytest.raises((ValueError, TypeError), match="n_draws must be"):
        psis_loo(exact(GaussianMeanScale(5)), np.zeros((2, 5, 1)), n_draws=n_draws)
