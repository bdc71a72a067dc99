import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError

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


def test_chains_arrive_at_a_posterior_far_from_amortized_draws():
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


def refined_of_width(width):
    """Refine a posterior that is almost uniform, much narrower than amortized draws, whose weights are 0 or 1."""

    def log_likelihood(X, edge):
        return np.where(np.abs(X.mean(axis=1) - edge) < width, 0.0, -np.inf)

    prior = IndependentPrior({"edge": stats.norm()})
    narrow = Simulator(prior, simulate_box, vectorized=True, log_likelihood=log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(narrow)
    return refine(posterior, np.zeros((1, 4)), narrow, force_psis=True, sampler=QUICK, random_state=0)


def test_weights_of_which_few_count_go_to_chains():
    refined = refined_of_width(0.002)
    assert refined.rung.tolist() == ["mcmc"]
    assert 0 < refined.n_effective[0] < 500
    assert (np.abs(refined.draws) < 0.002).all()


def test_where_weights_are_even_and_few_more_are_taken():
    refined = refined_of_width(0.01)
    assert refined.rung.tolist() == ["psis"]
    # Of 4,000 draws a twentieth has any weight.
    assert 500 <= refined.n_effective[0] < 1000
    assert (np.abs(refined.draws) < 0.01).all()
    assert abs(refined.draws.mean()) < 5 * 0.01 / np.sqrt(3) / np.sqrt(500)


def test_a_likelihood_that_is_none_is_named_by_its_data_set(posterior, simulator):
    def log_likelihood(X, theta):
        return np.where(X[:, 0] == 7.0, np.nan, 0.0)

    bad = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.raises(ValueError, match="for data set 2"):
        refine(posterior, [[0.1, 0.0], [0.0, 0.1], [7.0, 7.0]], bad)


def test_chains_go_on_until_they_have_converged(hasty_posterior, simulator):
    X = np.array([[3.0, -3.0]])
    sampler = SliceSampler(n_chains=16, n_warm_up=1, width=0.5)
    with pytest.warns(ApproximationWarning, match="the chains of 1 of 1 data sets have not converged: 0, counted"):
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        one, two = (refine(hasty_posterior, X, simulator, sampler=QUICK, random_state=3) for _ in range(2))
    assert one.rung.tolist() == ["amortized", "mcmc"]
    np.testing.assert_array_equal(one.draws, two.draws)
    pd.testing.assert_frame_equal(one.spot_check, two.spot_check)


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
    assert [str(w.message)[:64] for w in caught] == ["1 of 1 data sets are made possible by no parameters that were fo"]
    assert refined.rung.tolist() == ["amortized"] and not refined.is_accepted.any()


@pytest.mark.parametrize("force_psis", [False, True])
@pytest.mark.parametrize(
    ("log_likelihood", "error", "message"),
    [
        (lambda X, theta: np.full(len(X), np.nan), ValueError, r"data set 0 at theta\[0\] = -?\d.*, theta\[1\] = "),
        (lambda X, theta: np.full(len(X), np.inf), ValueError, "NaN or"),
        (lambda X, theta: np.zeros((len(X), 2)), ShapeError, "one number a data set"),
        (lambda X, theta: ["a"] * len(X), TypeError, "real numbers; got an array of dtype <U1"),
        (lambda X, theta: np.zeros(len(X), dtype=complex), TypeError, "real numbers; got an array of dtype complex"),
    ],
    ids=["nan", "infinity", "shape", "strings", "complex"],
)
def test_likelihoods_that_are_none(posterior, simulator, log_likelihood, error, message, force_psis):
    bad = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.raises(error, match=message):
        refine(posterior, np.zeros((2, 2)), bad, force_psis=force_psis)


def test_objects_with_a_likelihood_are_checked_too(posterior):
    class Bad:
        values = np.zeros(3)

        def log_likelihood(self, X, y):
            return self.values

    with pytest.raises(ShapeError, match=r"must have shape \(2, 4000\)"):
        refine(posterior, np.zeros((2, 2)), Bad(), force_psis=True)
    with pytest.raises(ShapeError, match=r"must have shape \(2, 16\)"):
        refine(posterior, np.zeros((2, 2)), Bad())
    Bad.values = np.zeros((2, 16), dtype=complex)
    with pytest.raises(TypeError, match="real numbers"):
        refine(posterior, np.zeros((2, 2)), Bad())
    Bad.values = np.full((2, 16), np.nan)
    with pytest.raises(ValueError, match=r"data set 0 at theta\[0\] = "):
        refine(posterior, np.zeros((2, 2)), Bad())


def test_usual_data_sets_that_no_draw_makes_possible_go_up(posterior, simulator):
    def log_likelihood(X, theta):
        return np.where(X[:, 0] > 0, -np.inf, simulator.log_likelihood(X, theta))

    part = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.warns(ApproximationWarning, match="1 of 2 data sets are made possible by no parameters .*: 0, counted"):
        refined = refine(posterior, [[0.1, 0.0], [-0.1, 0.0]], part, n_draws=3, random_state=0)
    assert refined.is_usual.all()
    assert refined.is_accepted.tolist() == [False, True]
    assert refined.summary()["reached"].to_list() == [2, 1, 0]
    assert refined.spot_check.index.to_list() == [1]


def test_data_sets_that_hardly_any_simulation_judges_are_looked_at(simulator):
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=20, max_iter=2, random_state=0).fit(simulator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        refined = refine(posterior, [[1e6, 0.0]], simulator, sampler=QUICK, max_rounds=1, random_state=0)
    assert not refined.is_usual.any()


def test_amortized_draws_are_looked_at_and_stay_as_they_are(posterior, simulator):
    X, _ = simulator.sample(200, random_state=1)
    refined = refine(posterior, X, simulator, random_state=0)
    spots = refined.spot_check
    assert len(spots) == 20
    assert (refined.rung[spots.index] == "amortized").all()
    assert np.isnan(refined.pareto_k[spots.index]).all()
    assert refine(posterior, X[:2], simulator, force_psis=True, random_state=0).spot_check.empty


def test_amortized_draws_far_from_the_posterior_are_warned_of(simulator):
    shift = 0.5 * simulator.posterior_std(np.zeros((1, 2)))[0, 0] * (1 + simulator.noise_variance)

    def simulate(theta, rng):
        return simulator.simulate(theta, rng) + shift

    shifted = AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=20, random_state=0)
    shifted.fit(Simulator(simulator.prior, simulate, vectorized=True))
    X, _ = simulator.sample(100, random_state=1)
    message = r"amortized draws of \d+ of 100 data sets .*: of 20 .* off by 0\.[45]\d posterior .*force_psis=True"
    with pytest.warns(ApproximationWarning, match=message):
        refined = refine(shifted, X, simulator, random_state=0)
    # Errors are of both signs, and those of training small beside them.
    assert refined.spot_check["error_of_means"].mean() == pytest.approx(0.5, abs=0.1)
    refine(shifted, X[:5], simulator, force_psis=True, random_state=0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sampler": "slice"}, TypeError, "sampler must be a recipe"),
        ({"n_draws": 0}, ValueError, "n_draws"),
        ({"max_rounds": 0}, ValueError, "max_rounds"),
        ({"contamination": 1.5}, ValueError, "contamination"),
        ({"detector": 3}, TypeError, r"detector must be .* with predict\(X\), or None; got 3"),
        ({"force_psis": "no"}, TypeError, "force_psis must be True or False; got 'no'"),
        ({"posterior": None}, TypeError, "posterior must be an AmortizedPosterior or a JointEstimator.* got None"),
        ({"posterior": AmortizedPosterior()}, NotFittedError, "not fitted"),
    ],
    ids=lambda part: "",
)
def test_bad_arguments(posterior, simulator, changes, error, message):
    changes = dict(changes)
    posterior = changes.pop("posterior", posterior)
    with pytest.raises(error, match=message):
        refine(posterior, np.zeros((1, 2)), simulator, **changes)


def test_a_posterior_without_a_prior_is_refused(simulator):
    X, y = simulator.sample(100, random_state=0)
    posterior = AmortizedPosterior(Gaussian(()), max_iter=2, random_state=0).fit(X, y.to_numpy())
    with pytest.raises(ValueError, match="density of the prior"):
        refine(posterior, X[:1], simulator)
