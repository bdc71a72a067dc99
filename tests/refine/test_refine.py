import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.priors import IndependentPrior
from skabi.refine import SliceSampler, refine
from skabi.simulators import Simulator

QUICK = SliceSampler(n_chains=16, n_warm_up=5)


def assert_exact(draws, X, simulator, *, share=1.0):
    """Draws, of which a `share` is independent, have the exact posterior's moments: five standard errors."""
    n = draws.shape[1] * share
    gap = (draws.mean(axis=1) - simulator.posterior_mean(X)) / simulator.posterior_std(X)
    assert np.abs(gap).max() < 5 / np.sqrt(n)
    assert np.abs(draws.std(axis=1) / simulator.posterior_std(X) - 1).max() < 5 / np.sqrt(2 * n)


def test_usual_data_sets_have_amortized_draws(posterior, simulator):
    X, _ = simulator.sample(200, random_state=1)
    refined = refine(posterior, X, simulator, random_state=0)
    n_amortized = np.count_nonzero(refined.rung == "amortized")
    assert stats.binomtest(n_amortized, 200, 0.8).pvalue > 1e-3
    np.testing.assert_array_equal(refined.rung == "amortized", posterior.usual_p_values(X) > 0.2)
    assert np.isnan(refined.pareto_k[refined.rung == "amortized"]).all()
    assert refined.is_accepted.all()
    assert refined.summary().loc["amortized"].to_list()[:3] == [200, n_amortized, n_amortized]


def test_importance_sampling_corrects_a_spread_that_is_too_wide(simulator):
    wide = AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=20, random_state=0)
    wide.fit(ConjugateGaussian(noise_variance=2 * simulator.noise_variance))
    X, _ = simulator.sample(5, random_state=1)
    refined = refine(wide, X, simulator, force_psis=True, n_draws=2000, random_state=0)
    assert set(refined.rung) == {"psis"}
    assert (refined.pareto_k < 0.7).all()
    assert_exact(refined.draws, X, simulator, share=0.5)


def test_chains_correct_what_weights_cannot(hasty_posterior, simulator):
    X = np.array([[3.0, -3.0], [2.0, 2.0]])
    refined = refine(hasty_posterior, X, simulator, force_psis=True, n_draws=2000, sampler=QUICK, random_state=0)
    assert set(refined.rung) == {"mcmc"}
    assert (refined.pareto_k > 0.7).all()
    assert (refined.r_hat < 1.01).all()
    assert_exact(refined.draws, X, simulator, share=0.2)


def test_chains_that_all_travel_the_same_way_have_not_converged():
    prior = IndependentPrior({"level": stats.norm()})
    simulator = Simulator(prior, simulate_level, vectorized=True, log_likelihood=level_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=3, random_state=0)
    posterior.fit(Simulator(prior, lambda level, rng: 0.2 * simulate_level(level, rng), vectorized=True))
    sampler = SliceSampler(n_chains=16)
    refined = refine(posterior, [[15.0]], simulator, force_psis=True, sampler=sampler, n_draws=2000, random_state=0)
    assert refined.rung.tolist() == ["mcmc"] and refined.is_accepted.all()
    std = 0.1 / np.sqrt(1.01)
    assert abs(refined.draws.mean() - 15 / 1.01) < 5 * std / np.sqrt(400)
    assert abs(refined.draws.std() / std - 1) < 5 / np.sqrt(800)


def simulate_level(level, rng):
    return (level + 0.1 * rng.normal(size=len(level)))[:, np.newaxis]


def level_log_likelihood(X, level):
    return stats.norm(level, 0.1).logpdf(X[:, 0])


def test_weights_of_which_few_count_go_to_chains():
    prior = IndependentPrior({"edge": stats.norm()})
    narrow = Simulator(prior, simulate_box, vectorized=True, log_likelihood=narrow_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(narrow)
    refined = refine(posterior, np.zeros((1, 4)), narrow, force_psis=True, sampler=QUICK, random_state=0)
    assert refined.rung.tolist() == ["mcmc"]
    assert 0 < refined.n_effective[0] < 500
    assert (np.abs(refined.draws) < 0.003).all()


def narrow_log_likelihood(X, edge):
    return np.where(np.abs(X.mean(axis=1) - edge) < 0.003, 0.0, -np.inf)


def test_a_likelihood_that_is_none_is_named_by_its_data_set(posterior, simulator):
    def log_likelihood(X, theta):
        return np.where(X[:, 0] == 7.0, np.nan, 0.0)

    bad = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.raises(ValueError, match="for data set 2"):
        refine(posterior, [[0.1, 0.0], [0.0, 0.1], [7.0, 7.0]], bad)


def test_chains_go_on_until_they_have_converged(hasty_posterior, simulator):
    X = np.array([[3.0, -3.0]])
    sampler = SliceSampler(n_chains=16, n_warm_up=1, width=0.5)
    with pytest.warns(ApproximationWarning, match="1 of 1 data sets have no draws to be trusted: 0"):
        first = refine(hasty_posterior, X, simulator, force_psis=True, sampler=sampler, max_rounds=1, random_state=0)
    assert not first.is_accepted.any() and (first.r_hat > 1.01).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        last = refine(hasty_posterior, X, simulator, force_psis=True, sampler=sampler, max_rounds=4, random_state=0)
    assert last.r_hat < first.r_hat


def test_a_detector_of_ones_own_decides(posterior, simulator):
    class Suspicious:
        def predict(self, X):
            return np.where(X[:, 0] > 0, -1, 1)

    X = np.array([[1.0, 0.0], [-1.0, 0.0]])
    refined = refine(posterior, X, simulator, detector=Suspicious(), random_state=0)
    assert refined.rung.tolist() == ["psis", "amortized"]


def test_a_detector_must_answer_for_each_data_set(posterior, simulator):
    class Silent:
        def predict(self, X):
            return np.array([True])

    with pytest.raises(ValueError, match="1 or -1 for each of 2 data sets"):
        refine(posterior, np.zeros((2, 2)), simulator, detector=Silent())


def test_a_joint_estimator_brings_its_likelihood(simulator):
    joint = JointEstimator(Gaussian(()), n_simulations=1000, max_iter=10, random_state=0).fit(simulator)
    refined = refine(joint, np.zeros((1, 2)), force_psis=True, random_state=0)
    assert refined.rung.tolist() == ["psis"]
    with pytest.raises(TypeError, match="needs a likelihood"):
        refine(joint.posterior_, np.zeros((1, 2)))


def test_data_sets_of_any_size():
    simulator = GaussianMeanScale(n_observations=(3, 40))
    X, y = simulator.sample(500, random_state=0)
    # Of data in another unit, so that weights are of no use for large sets.
    posterior = AmortizedPosterior(Gaussian((8,)), prior=simulator.prior, max_iter=5, random_state=0)
    posterior.fit([0.5 * x for x in X], y)
    X = X[:12]
    refined = refine(posterior, X, simulator, force_psis=True, n_draws=2000, sampler=QUICK, random_state=0)
    assert "mcmc" in refined.rung
    exact = simulator.sample_posterior(X, n_draws=20_000, random_state=2)
    gap = (refined.draws.mean(axis=1) - exact.mean(axis=1)) / exact.std(axis=1)
    # At least a tenth of the draws counts: five standard errors.
    assert np.abs(gap).max() < 5 / np.sqrt(200)


def test_columns_keep_their_names(simulator):
    X, y = simulator.sample(300, random_state=0)
    X = pd.DataFrame(X, columns=["first", "second"])
    posterior = AmortizedPosterior(Gaussian(()), prior=simulator.prior, max_iter=2, random_state=0).fit(X, y)
    refined = refine(posterior, X[:3], simulator, force_psis=True, sampler=QUICK, random_state=0)
    assert refined.draws.shape == (3, 1000, 2)


def test_the_same_seed_gives_the_same_draws(hasty_posterior, simulator):
    X = np.array([[0.1, 0.0], [9.0, -9.0]])
    one, two = (refine(hasty_posterior, X, simulator, sampler=QUICK, random_state=3) for _ in range(2))
    assert one.rung.tolist() == ["amortized", "mcmc"]
    np.testing.assert_array_equal(one.draws, two.draws)


def simulate_box(edge, rng):
    return edge[:, np.newaxis] + rng.uniform(-0.5, 0.5, size=(len(edge), 4))


def box_log_likelihood(X, edge):
    return np.where((np.abs(X - edge[:, np.newaxis]) < 0.5).all(axis=1), 0.0, -np.inf)


def test_no_possible_draw_goes_to_chains_from_the_prior_or_says_so():
    prior = IndependentPrior({"edge": stats.norm()})
    simulator = Simulator(prior, simulate_box, vectorized=True, log_likelihood=box_log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(
        Simulator(prior, lambda edge, rng: 9 + simulate_box(edge, rng), vectorized=True)
    )
    possible, impossible = np.full((1, 4), 0.2), np.array([[0.0, 0.0, 0.0, 3.0]])
    with pytest.warns(ApproximationWarning, match="1 of 1 data sets were made possible by no amortized draw"):
        refined = refine(posterior, possible, simulator, sampler=QUICK, random_state=0)
    assert refined.rung.tolist() == ["mcmc"] and np.isinf(refined.pareto_k).all()
    assert (np.abs(refined.draws - 0.2) < 0.5).all()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        refined = refine(posterior, impossible, simulator, sampler=QUICK, random_state=0)
    assert "For 1 of them no parameters" in str(caught[-1].message)
    assert refined.rung.tolist() == ["amortized"] and not refined.is_accepted.any()


@pytest.mark.parametrize(
    ("log_likelihood", "error", "message"),
    [
        (lambda X, theta: np.full(len(X), np.nan), ValueError, "NaN or"),
        (lambda X, theta: np.full(len(X), np.inf), ValueError, "NaN or"),
        (lambda X, theta: np.zeros((len(X), 2)), ShapeError, "one number a data set"),
    ],
    ids=["nan", "infinity", "shape"],
)
def test_likelihoods_that_are_none(posterior, simulator, log_likelihood, error, message):
    bad = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.raises(error, match=message):
        refine(posterior, np.zeros((2, 2)), bad, force_psis=True)


def test_objects_with_a_likelihood_are_checked_too(posterior):
    class Bad:
        def log_likelihood(self, X, y):
            return np.zeros(3)

    with pytest.raises(ShapeError, match=r"must have shape \(2, 4000\)"):
        refine(posterior, np.zeros((2, 2)), Bad(), force_psis=True)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sampler": "slice"}, TypeError, "sampler must be a recipe"),
        ({"n_draws": 0}, ValueError, "n_draws"),
        ({"max_rounds": 0}, ValueError, "max_rounds"),
        ({"contamination": 1.5}, ValueError, "contamination"),
    ],
    ids=lambda part: "",
)
def test_bad_arguments(posterior, simulator, changes, error, message):
    with pytest.raises(error, match=message):
        refine(posterior, np.zeros((1, 2)), simulator, **changes)


def test_a_posterior_without_a_prior_is_refused(simulator):
    X, y = simulator.sample(100, random_state=0)
    posterior = AmortizedPosterior(Gaussian(()), max_iter=2, random_state=0).fit(X, y.to_numpy())
    with pytest.raises(ValueError, match="density of the prior"):
        refine(posterior, X[:1], simulator)
