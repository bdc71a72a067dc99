"""A posterior that is told of choices answers as the exact one does under each."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import skabi
from skabi import AmortizedPosterior, JointEstimator
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.losses import ForwardKL, SelfConsistency
from skabi.priors import IndependentPrior
from skabi.sensitivity import ContextPosterior, ContextSimulator
from skabi.simulators import Simulator
from skabi.summaries import FusionSummary, SetSummary

NOISE = 0.5
X = np.array([[-1.5], [-0.3], [0.4], [1.8]])


def exact(prior, likelihood):
    precision = prior + likelihood / NOISE
    return likelihood * X / NOISE / precision, precision**-0.5


@pytest.mark.parametrize(("prior", "likelihood"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0)])
def test_answers_are_those_of_the_choice(posterior, prior, likelihood):
    mean, std = posterior.predict(X, context={"prior": prior, "likelihood": likelihood}, return_std=True)
    exact_mean, exact_std = exact(prior, likelihood)
    # A fifth of the posterior's width from 8,000 simulations; the choices move it by up to two fifths.
    np.testing.assert_allclose(mean, exact_mean, atol=0.2 * exact_std)
    np.testing.assert_allclose(std, exact_std, rtol=0.15)


def test_choices_are_told_by_row(posterior):
    powers = np.array([0.5, 1.0, 1.0, 2.0])
    together = posterior.predict(X, context={"prior_theta": powers})
    alone = [posterior.predict(X[[i]], context={"prior_theta": a})[0] for i, a in enumerate(powers)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    y = X / 2
    log_prob = posterior.log_prob(X, y, context={"prior_theta": powers})
    alone = [posterior.log_prob(X[[i]], y[[i]], context={"prior_theta": a})[0] for i, a in enumerate(powers)]
    np.testing.assert_allclose(log_prob, alone, rtol=1e-9)
    np.testing.assert_allclose(posterior.score(X, y), posterior.log_prob(X, y).mean())


def test_many_choices_in_one_batch(posterior):
    contexts = [{}, {"prior_theta": 0.5}, {"likelihood": 2.0}]
    draws = posterior.sample_contexts(X, contexts, 3000, random_state=0)
    assert draws.shape == (4, 3, 3000, 1)
    for i, context in enumerate(contexts):
        mean, std = posterior.predict(X, context=context, return_std=True)
        # Four standard errors of 3,000 draws.
        np.testing.assert_allclose(draws[:, i].mean(axis=1), mean, atol=4 * std.max() / np.sqrt(3000))
        np.testing.assert_allclose(draws[:, i].std(axis=1), std, rtol=4 / np.sqrt(2 * 3000))
    frame = pd.DataFrame({"prior_theta": [1.0, 0.5, 1.0], "likelihood": [1.0, 1.0, 2.0]})
    np.testing.assert_array_equal(posterior.sample_contexts(X, frame, 3000, random_state=0), draws)


def test_many_choices_of_an_ensemble(members):
    draws = members.sample_contexts(X, [{}, {"prior_theta": 0.5}], 4000, random_state=0)
    mean, std = members.predict(X, context={"prior": 0.5}, return_std=True)
    np.testing.assert_allclose(draws[:, 1].mean(axis=1), mean, atol=4 * std.max() / np.sqrt(4000))


def test_sample(posterior):
    draws = posterior.sample(X, 10, context={"prior": 0.5}, random_state=0)
    assert draws.shape == (4, 10, 1)
    np.testing.assert_array_equal(posterior.sample(X, 10, context={"prior": 0.5}, random_state=0), draws)
    assert not np.array_equal(posterior.sample(X, 10, random_state=0), draws)
    assert posterior.prior_given({"prior": 0.25}) == IndependentPrior({"theta": stats.norm([0.0], 2.0)})


def test_choices_outside_those_of_fit_are_warned_of(posterior):
    with pytest.warns(ApproximationWarning, match=r"prior_theta = 5 \(from 0.5 to 2\)"):
        posterior.predict(X, context={"prior_theta": 5.0})
    with pytest.warns(ApproximationWarning, match="likelihood = 0.1"):
        posterior.sample_contexts(X, [{"likelihood": 0.1}], 10)


def test_improper_priors_have_no_posterior():
    prior = IndependentPrior({"scale": stats.halfcauchy()})

    def simulate(scale, rng):
        return scale[:, np.newaxis] * rng.normal(size=(len(scale), 3))

    recipe = AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=2, random_state=0)
    choices = ContextSimulator(Simulator(prior, simulate, vectorized=True), power_range=(0.8, 2.0))
    posterior = ContextPosterior(recipe).fit(choices)
    for ask in (
        lambda: posterior.sample([[1.0, 0.5, 2.0]], 5, context={"prior_scale": 0.3}),
        lambda: posterior.sample_contexts([[1.0, 0.5, 2.0]], [{"prior": 1.0}, {"prior": 0.3}], 5),
    ):
        with (
            pytest.warns(ApproximationWarning, match="outside"),
            pytest.raises(ValueError, match=r"power 0.3 is improper"),
        ):
            ask()


def test_saved(posterior, tmp_path):
    posterior.save(tmp_path / "model")
    loaded = skabi.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.sample(X, 5, context={"prior": 0.5}, random_state=0),
        posterior.sample(X, 5, context={"prior": 0.5}, random_state=0),
    )


@pytest.mark.parametrize("summary", [None, SetSummary(width=8), FusionSummary(fusion="hybrid", width=8)])
def test_sets_and_variants(summary):
    def observe(theta, rng, n_observations, scale=1.0):
        return theta[:, np.newaxis] + scale * rng.normal(size=(len(theta), n_observations.max()))

    simulator = Simulator(IndependentPrior({"theta": stats.norm()}), observe, vectorized=True, n_observations=(3, 6))
    choices = ContextSimulator(simulator, variants={"scale": {"one": 1.0, "two": 2.0}})
    recipe = AmortizedPosterior(Gaussian((8,)), summary=summary, n_simulations=300, max_iter=2, random_state=0)
    posterior = ContextPosterior(recipe).fit(choices)
    rng = np.random.default_rng(0)
    data = [rng.normal(0.5, size=(3, 1)), rng.normal(size=(5, 1))]
    draws = posterior.sample_contexts(data, [{"scale": "one"}, {"scale": "two", "prior": 0.5}], 2000, random_state=0)
    for i, context in enumerate([{"scale": "one"}, {"scale": "two", "prior": 0.5}]):
        mean, std = posterior.predict(data, context=context, return_std=True)
        np.testing.assert_allclose(draws[:, i].mean(axis=1), mean, atol=4 * std.max() / np.sqrt(2000))


def test_bad_input(posterior, simulator):
    with pytest.raises(TypeError, match="fit takes a ContextSimulator"):
        ContextPosterior().fit(simulator)
    with pytest.raises(ValueError, match="y must be None"):
        ContextPosterior().fit(ContextSimulator(simulator), X)
    with pytest.raises(TypeError, match="must be an AmortizedPosterior"):
        ContextPosterior(JointEstimator()).fit(ContextSimulator(simulator))
    with pytest.raises(ValueError, match="one prior and likelihood"):
        loss = ForwardKL() + SelfConsistency()
        ContextPosterior(AmortizedPosterior(loss=loss)).fit(ContextSimulator(simulator))
    with pytest.raises(ValueError, match="the choices are"):
        posterior.sample(X, 5, context={"noise": 1.0})
    with pytest.raises(TypeError, match="got a simulator"):
        posterior.sample(simulator, 5)
    with pytest.raises(TypeError, match="list of dicts"):
        posterior.sample_contexts(X, {"prior": 1.0}, 5)
    with pytest.raises(ShapeError, match="one value a choice"):
        posterior.sample_contexts(X, [{"prior": [1.0, 0.5]}], 5)
