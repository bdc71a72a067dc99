"""Posterior and likelihood of one estimator: each as if it had been learned alone, and what both give together."""

import pickle
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from skorch.helper import SliceDict
from torch import nn

from skabi import JointEstimator
from skabi.datasets import (
    AutoregressiveSeries,
    ConjugateGaussian,
    DriftDiffusion,
    GaussianMeanScale,
    GaussianRegression,
    TwoMoons,
)
from skabi.diagnostics import joint_sbc_ranks, sbc_ecdf, sbc_ranks
from skabi.engines import Gaussian, SplineFlow
from skabi.estimators import AmortizedLikelihood, AmortizedPosterior, KnownLikelihood
from skabi.exceptions import ApproximationWarning, ShapeError, TrainingError
from skabi.pipeline import make_pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import ExpertSummary, IdentitySummary, ModuleSummary, SeriesSummary, SetSummary

ENGINE = Gaussian(hidden_layer_sizes=())
SETTINGS = {"n_simulations": 200, "max_iter": 3, "batch_size": 32, "random_state": 0}


def quick(posterior=ENGINE, likelihood=None, **parameters):
    """An estimator that is fitted in a moment."""
    return JointEstimator(posterior, likelihood, **(SETTINGS | parameters))


@pytest.fixture(scope="module")
def conjugate():
    """A problem, an estimator that learned both halves, and three data sets with their parameters."""
    problem = ConjugateGaussian()
    X, y = problem.sample(3, random_state=1)
    return problem, quick(likelihood=ENGINE).fit(problem), X, y


@pytest.fixture(scope="module")
def samples():
    """Samples of 3 to 9 numbers whose likelihood is known, and an estimator."""
    problem = GaussianMeanScale((3, 9))
    return problem, quick().fit(problem)


@contextmanager
def refused(error, *words):
    """Expect exactly this type of error, with all of these words in its message."""
    with pytest.raises(error) as caught:
        yield
    assert caught.type is error
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


class NoTraining(Callback):
    def on_train_begin(self, net, **kwargs):
        raise AssertionError("training began")


# The halves


@pytest.mark.parametrize("settings", [{}, {"n_estimators": 2}, {"summary": SetSummary(width=8), "n_simulations": 60}])
def test_halves_are_those_that_are_learned_alone(settings):
    problem = GaussianRegression((3, 9)) if "summary" in settings else ConjugateGaussian()
    engine, settings = Gaussian((8,)), SETTINGS | settings
    X, y = problem.sample(5, random_state=1)
    joint = JointEstimator(engine, Gaussian((4,)), **settings).fit(problem)
    posterior = AmortizedPosterior(engine, **settings).fit(problem)
    likelihood = AmortizedLikelihood(Gaussian((4,)), **settings).fit(problem)
    np.testing.assert_array_equal(joint.sample(X, 7, random_state=0), posterior.sample(X, 7, random_state=0))
    np.testing.assert_array_equal(joint.log_likelihood(X, y), likelihood.log_likelihood(X, y))
    known = JointEstimator(engine, **settings).fit(problem)
    np.testing.assert_array_equal(known.sample(X, 7, random_state=0), posterior.sample(X, 7, random_state=0))
    assert isinstance(known.likelihood_, KnownLikelihood) and isinstance(joint.likelihood_, AmortizedLikelihood)


def test_halves_of_arrays():
    problem = ConjugateGaussian()
    X, y = problem.sample(100, random_state=0)
    joint = quick(prior=problem.prior).fit(X, y)
    posterior = AmortizedPosterior(ENGINE, prior=problem.prior, **SETTINGS).fit(X, y)
    np.testing.assert_array_equal(joint.sample(X, 7, random_state=0), posterior.sample(X, 7, random_state=0))
    assert isinstance(joint.likelihood_, AmortizedLikelihood)
    assert joint.prior_ is problem.prior
    assert joint.parameter_names_ == ["theta[0]", "theta[1]"]
    assert joint.log_evidence(X[:3]).median.shape == (3,)


def test_likelihood_is_known_where_the_simulator_brings_one():
    problem = ConjugateGaussian()
    X, y = problem.sample(5, random_state=1)
    known = quick().fit(problem)
    assert isinstance(known.likelihood_, KnownLikelihood)
    np.testing.assert_allclose(known.log_likelihood(X, y), problem.log_likelihood(X, **problem.prior.split(y)))
    assert quick().fit(TwoMoons()).likelihood_.__class__ is KnownLikelihood
    silent = Simulator(problem.prior, problem.simulate, vectorized=True)
    assert isinstance(quick(max_iter=1, n_simulations=50).fit(silent).likelihood_.engine_, SplineFlow)


def test_attributes(conjugate):
    problem, joint, *_ = conjugate
    assert joint.prior_ is problem.prior is joint.likelihood_.prior_
    assert joint.parameter_names_ == ["theta[0]", "theta[1]"]
    assert joint.n_features_in_ == 2
    assert not hasattr(joint, "feature_names_in_")
    assert [joint.posterior, joint.likelihood, joint.prior, joint.summary] == [ENGINE, ENGINE, None, None]
    X, y = problem.sample(60, random_state=0)
    named = quick().fit(pd.DataFrame(X, columns=["u", "v"]), y)
    assert named.feature_names_in_.tolist() == ["u", "v"]
    assert not hasattr(named.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize(
    ("summary", "observations"),
    [
        (None, "exchangeable"),
        (SeriesSummary(width=8), "ordered"),
        (IdentitySummary(), "one"),
        (ExpertSummary(lambda X: X.mean(axis=1)), "exchangeable"),
        (ExpertSummary(lambda X: X.mean(axis=1), SeriesSummary(width=8)), "ordered"),
    ],
)
def test_what_observations_are(summary, observations):
    X, y = GaussianRegression(6).sample(50, random_state=0)
    joint = quick(summary=summary).fit(X, y)
    assert joint.observations_ == observations
    n_terms = 1 if observations == "one" else 6
    assert joint.log_likelihood(X[:4], y.iloc[:4], pointwise=True).shape == (4, n_terms)
    assert joint.sample_data(y.iloc[:4]).shape == (4, 6, 2)
    assert joint.transform(X[:4]).shape[0] == 4


def test_epochs_are_those_of_the_longer_half(conjugate):
    _, joint, *_ = conjugate
    assert joint.n_iter_ == 3
    stopped = quick(Gaussian((16,)), ENGINE, max_iter=60, n_iter_no_change=1).fit(GaussianMeanScale(5))
    lengths = stopped.posterior_.n_iter_, stopped.likelihood_.n_iter_
    assert lengths[0] != lengths[1] and stopped.n_iter_ == max(lengths)


# What is asked of a half


def test_delegations(conjugate):
    _, joint, X, y = conjugate
    posterior, likelihood = joint.posterior_, joint.likelihood_
    draws = joint.sample(X, 5, random_state=0)
    pairs = [
        (joint.log_prob(X, y), posterior.log_prob(X, y)),
        (joint.log_prob(X, draws), posterior.log_prob(X, draws)),
        (joint.predict(X), posterior.predict(X)),
        (joint.predict(X, return_std=True)[1], posterior.predict(X, return_std=True)[1]),
        (joint.predict(X, quantiles=[0.1, 0.9]), posterior.predict(X, quantiles=[0.1, 0.9])),
        (joint.transform(X), posterior.transform(X)),
        (joint.log_likelihood(X, y), likelihood.log_likelihood(X, y)),
        (joint.log_likelihood(X, draws, pointwise=True), likelihood.log_likelihood(X, draws, pointwise=True)),
        (joint.sample_data(y, 4, random_state=0), likelihood.sample_data(y, 4, random_state=0)),
    ]
    for own, of_half in pairs:
        np.testing.assert_array_equal(own, of_half)
    assert joint.sample_data(y, 4, random_state=0).shape == (3, 4, 2)
    assert joint.sample(X).shape == (3, 1000, 2)


def test_sizes_of_emulated_data_sets(samples):
    _, joint = samples
    sizes = [len(x) for x in joint.sample_data([[1.0, 0.0]] * 3, n_observations=[3, 9, 5])]
    assert sizes == [3, 9, 5]


def test_score_is_that_of_both(conjugate, samples):
    _, joint, X, y = conjugate
    assert isinstance(joint.score(X, y), float)
    assert joint.score(X, y) == pytest.approx(joint.posterior_.score(X, y) + joint.likelihood_.score(X, y), rel=1e-12)
    problem, known = samples
    X, y = problem.sample(5, random_state=1)
    expected = np.mean(known.log_prob(X, y) + problem.log_likelihood(X, **problem.prior.split(y)))
    assert known.score(X, y) == pytest.approx(expected, rel=1e-12)


def test_one_parameter():
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    X = y[:, np.newaxis] + rng.normal(size=(60, 2))
    joint = quick().fit(X, y)
    assert joint.predict(X).shape == (60,)
    assert joint.sample(X, 3).shape == (60, 3, 1)
    assert joint.log_likelihood(X, y).shape == joint.log_prob(X, y).shape == (60,)
    assert np.isfinite(joint.score(X, y))


# As scikit-learn's own


def test_summaries_as_features(conjugate):
    _, joint, X, _ = conjugate
    names = ["jointestimator0", "jointestimator1"]
    assert joint.get_feature_names_out().tolist() == names
    frame = pickle.loads(pickle.dumps(joint)).set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names
    np.testing.assert_array_equal(frame, joint.transform(X))


def test_cloning_and_pickling(conjugate):
    _, joint, X, y = conjugate
    copy = clone(joint)
    assert not hasattr(copy, "posterior_") and copy.posterior is not joint.posterior
    assert copy.get_params()["likelihood__hidden_layer_sizes"] == ()
    again = pickle.loads(pickle.dumps(joint))
    np.testing.assert_array_equal(again.sample(X, 4, random_state=0), joint.sample(X, 4, random_state=0))
    np.testing.assert_array_equal(again.log_likelihood(X, y), joint.log_likelihood(X, y))


def test_searches_reach_into_both_halves():
    problem = ConjugateGaussian()
    X, y = problem.sample(400, random_state=0)
    grid = {"posterior__hidden_layer_sizes": [(), (4,)], "likelihood__hidden_layer_sizes": [(2,)]}
    search = GridSearchCV(quick(likelihood=ENGINE, max_iter=1), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best.posterior_.engine_.hidden_layer_sizes == search.best_params_["posterior__hidden_layer_sizes"]
    assert best.likelihood_.engine_.hidden_layer_sizes == (2,)
    assert np.isfinite(cross_val_score(quick(max_iter=1), X, y, cv=2)).all()


@pytest.mark.parametrize("name", ["posterior", "likelihood"])
def test_nested_parameter_of_a_half_that_is_none(name):
    words = f"{name}__n_transforms cannot be set while {name} is None", f"JointEstimator({name}=SplineFlow())"
    with refused(ValueError, *words):
        JointEstimator().set_params(**{f"{name}__n_transforms": 3})


def test_pipeline():
    """The likelihood is learned of what the steps before make of data sets."""
    problem = ConjugateGaussian(shift=30.0)
    pipeline = make_pipeline(StandardScaler(), quick()).fit(problem)
    scaler, joint = (step for _, step in pipeline.steps)
    X, y = problem.sample(5, random_state=1)
    assert isinstance(joint.likelihood_, AmortizedLikelihood)
    assert pipeline.sample(X, 7).shape == (5, 7, 2)
    scaled = scaler.transform(X)
    assert pipeline.score(X, y) == pytest.approx(joint.score(scaled, y))
    assert np.abs(scaled).max() < 5
    log_density = joint.log_likelihood(scaled, y) - np.log(scaler.scale_).sum()
    exact = problem.log_likelihood(X, **problem.prior.split(y))
    np.testing.assert_allclose(log_density, exact, atol=1.0)


# Posterior predictive data


def test_predictive_shapes(samples):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in (3, 9, 5)]
    _, joint = samples
    learned = quick(likelihood=ENGINE).fit(GaussianMeanScale((3, 9)))
    for each in (joint, learned):
        assert [x.shape for x in each.predictive(X, 7)] == [(7, 3, 1), (7, 9, 1), (7, 5, 1)]
        assert each.predictive(np.stack(X[:1] * 2), 7).shape == (2, 7, 3, 1)
    for likelihood in (None, ENGINE):
        fixed = quick(likelihood=likelihood).fit(GaussianMeanScale(5))
        assert fixed.predictive(rng.normal(size=(2, 5, 1)), 7).shape == (2, 7, 5, 1)
        vectors = quick(likelihood=likelihood).fit(ConjugateGaussian())
        assert vectors.predictive(rng.normal(size=(2, 2))).shape == (2, 1000, 2)
        trials = quick(likelihood=likelihood, n_simulations=60).fit(DriftDiffusion((3, 9)))
        X, _ = DriftDiffusion((3, 9)).sample(2, random_state=0)
        assert [x.shape for x in trials.predictive(X, 7)] == [(7, len(x), 2) for x in X]
    series = quick(likelihood=ENGINE, summary=SeriesSummary(width=8)).fit(AutoregressiveSeries(n_times=6))
    assert series.predictive(rng.normal(size=(2, 6, 1)), 7).shape == (2, 7, 6, 1)


def test_predictive_data_have_the_moments_of_the_exact_ones():
    problem = ConjugateGaussian()
    X = np.array([[0.5, -1.0], [-0.5, 1.5]])
    n_draws, n_simulations = 4000, 2000
    std = np.sqrt(problem.posterior_std(X) ** 2 + problem.noise_variance)
    for likelihood in (None, ENGINE):
        joint = quick(likelihood=likelihood, n_simulations=n_simulations, max_iter=5).fit(problem)
        new = joint.predictive(X, n_draws, random_state=0)
        # Of the draws, and of two least squares a standard deviation or two from the middle.
        error = 5 * std * np.sqrt(1 / n_draws + 2 * (1 + 2.5) / n_simulations)
        assert (np.abs(new.mean(axis=1) - problem.posterior_mean(X)) < error).all()
        assert (np.abs(new.std(axis=1) - std) < error).all()


def test_predictive_data_depend_on_the_random_state(conjugate, samples):
    _, joint, X, _ = conjugate
    first = joint.predictive(X, 4, random_state=0)
    np.testing.assert_array_equal(joint.predictive(X, 4, random_state=0), first)
    assert not np.isin(joint.predictive(X, 4, random_state=1), first).any()
    problem, known = samples
    X, _ = problem.sample(3, random_state=0)
    first, again, other = (known.predictive(X, 4, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(np.concatenate(first, axis=1), np.concatenate(again, axis=1))
    assert not np.isin(np.concatenate(first, axis=1), np.concatenate(other, axis=1)).any()


# Several sources, and missing values


def both_sources(a, rng):
    noise = rng.normal(size=(len(a), 4))
    return {"pair": a[:, np.newaxis] + noise[:, :2], "set": a[:, np.newaxis, np.newaxis] + noise[:, 2:, np.newaxis]}


def log_likelihood_of_both(X, a):
    of_set = stats.norm.logpdf(X["set"][..., 0], a[:, np.newaxis]).sum(axis=1)
    return stats.norm.logpdf(X["pair"], a[:, np.newaxis]).sum(axis=1) + of_set


def test_several_sources_with_a_known_likelihood():
    prior = IndependentPrior({"a": stats.norm()})
    simulator = Simulator(prior, both_sources, vectorized=True, log_likelihood=log_likelihood_of_both)
    joint = quick().fit(simulator)
    X, y = simulator.sample(5, random_state=1)
    np.testing.assert_allclose(joint.log_likelihood(X, y), log_likelihood_of_both(X, y.to_numpy()[:, 0]))
    assert joint.observations_ is None
    assert joint.sample_data(y)["pair"].shape == (5, 2)
    exact = stats.multivariate_normal(np.zeros(4), np.ones((4, 4)) + np.eye(4))
    evidence = joint.log_evidence(X, random_state=0)
    log_evidence = exact.logpdf(np.concatenate([X["pair"], X["set"][..., 0]], axis=1))
    np.testing.assert_allclose(evidence.median, log_evidence, atol=0.5)
    assert joint.predictive(X, 3, random_state=0)["pair"].shape == (5, 3, 2)


def test_several_sources_whose_likelihood_would_have_to_be_learned():
    simulator = Simulator(IndependentPrior({"a": stats.norm()}), both_sources, vectorized=True)
    X, y = simulator.sample(30, random_state=0)
    assert isinstance(X, SliceDict)
    words = "a likelihood is learned of one source; X has several, ['pair', 'set']"
    for arguments in ((simulator,), (X, y)):
        # Before the posterior is trained in vain.
        with refused(ShapeError, words):
            quick(callbacks=[NoTraining()]).fit(*arguments)


def test_missing_values():
    problem = ConjugateGaussian(2)
    X, y = problem.sample(40, random_state=0)
    words = "a likelihood of data with missing values cannot be learned", "Give the simulator a log_likelihood"
    for arguments in ((X, y), (Simulator(problem.prior, problem.simulate, vectorized=True),)):
        with refused(ValueError, *words):
            quick(missing="mask", callbacks=[NoTraining()]).fit(*arguments)

    def observed(X, theta):
        return np.nansum(stats.norm.logpdf(X, theta, np.sqrt(problem.noise_variance)), axis=1)

    simulator = Simulator(problem.prior, problem.simulate, vectorized=True, log_likelihood=observed)
    joint = quick(missing="mask").fit(simulator)
    X = np.array([[0.5, np.nan]])
    assert joint.log_likelihood(X, [[0.0, 5.0]]) == pytest.approx(stats.norm.logpdf(0.5, 0.0, np.sqrt(0.3)))
    assert np.isfinite(joint.log_evidence(X).median).all()


# Fits that go on, and that fail


def test_warm_start_goes_on_with_both():
    problem = GaussianMeanScale((3, 9))
    X, y = [np.linspace(-1.0, 1.5, n)[:, np.newaxis] for n in (3, 9, 5)], np.array([[1.0, 0.0]] * 3)
    joint = quick(likelihood=ENGINE, warm_start=True).fit(problem)
    before = joint.predict(X), joint.log_likelihood(X, y)
    joint.set_params(learning_rate_init=1e-9).fit(problem)
    np.testing.assert_allclose(joint.predict(X), before[0], atol=1e-4)
    np.testing.assert_allclose(joint.log_likelihood(X, y), before[1], atol=1e-3)
    assert joint.posterior_.n_iter_ == joint.likelihood_.n_iter_ == joint.n_iter_ == 6
    # A likelihood that is known now, and then learned again, from the start.
    joint.set_params(likelihood=None).fit(problem)
    assert isinstance(joint.likelihood_, KnownLikelihood) and joint.n_iter_ == 9
    joint.set_params(likelihood=ENGINE).fit(problem)
    assert (joint.posterior_.n_iter_, joint.likelihood_.n_iter_) == (12, 3)
    fresh = joint.set_params(warm_start=False).fit(problem)
    assert fresh.posterior_.n_iter_ == fresh.likelihood_.n_iter_ == 3


def test_fit_that_fails_leaves_halves_that_belong_together(conjugate):
    problem, joint, X, y = conjugate
    joint = pickle.loads(pickle.dumps(joint))
    before = joint.score(X, y)
    joint.set_params(learning_rate_init=1e9)
    with pytest.warns(ApproximationWarning, match="last good weights"), pytest.raises(TrainingError):
        joint.fit(problem)
    assert joint.score(X, y) == before


def test_fit_that_goes_on_and_fails_leaves_what_was_seen_before():
    few, more = GaussianMeanScale((3, 9)), GaussianMeanScale((3, 30))
    joint = quick(likelihood=ENGINE, warm_start=True).fit(few)
    before = pickle.dumps((joint.posterior_._reader, joint.likelihood_._reader, joint.likelihood_._layout))
    joint.set_params(learning_rate_init=1e9)
    with pytest.warns(ApproximationWarning, match="last good weights"), pytest.raises(TrainingError):
        joint.fit(more)
    assert joint.posterior_.n_observations_in_ == (3, 9)
    assert pickle.dumps((joint.posterior_._reader, joint.likelihood_._reader, joint.likelihood_._layout)) == before
    joint.set_params(learning_rate_init=1e-3).fit(more)
    assert joint.posterior_.n_observations_in_ == (3, 30)


@pytest.mark.slow
def test_a_likelihood_of_other_noise_is_found_where_the_posterior_alone_passes():
    """Both halves are trained, the likelihood on a simulator whose noise is a half more."""
    prior = IndependentPrior({"location": stats.norm()})

    def simulator(noise):
        def simulate(location, rng):
            return location[:, np.newaxis] + noise * rng.normal(size=(len(location), 2))

        return Simulator(prior, simulate, vectorized=True)

    right, wrong = (quick(likelihood=ENGINE, n_simulations=3000).fit(simulator(s)) for s in (0.6, 0.9))
    X, y = simulator(0.6).sample(500, random_state=1)
    alone = sbc_ranks(right.sample(X, 199, random_state=2), y)
    assert sbc_ecdf(alone, 199, prob=0.999).inside.all()
    for likelihood, is_one_model in ((right.likelihood_, True), (wrong.likelihood_, False)):
        right.likelihood_ = likelihood
        ranks = joint_sbc_ranks(right, n_datasets=500, n_draws=199, random_state=3)
        assert sbc_ecdf(ranks, 199, prob=0.999).inside.all() == is_one_model


@pytest.mark.parametrize("method", ["sample", "predict", "transform", "log_prob", "score", "log_likelihood"])
def test_use_before_fit(method):
    arguments = (np.zeros((2, 2)),) if method in ("sample", "predict", "transform") else (np.zeros((2, 2)),) * 2
    with refused(NotFittedError, "JointEstimator instance is not fitted yet"):
        getattr(quick(), method)(*arguments)


@pytest.mark.parametrize("method", ["sample_data", "log_evidence", "predictive"])
def test_use_of_both_before_fit(method):
    with refused(NotFittedError, "JointEstimator instance is not fitted yet"):
        getattr(quick(), method)(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("parameter", "value", "error", "words"),
    [
        ("posterior", AmortizedPosterior(), TypeError, "posterior must be a recipe from skabi.engines"),
        ("posterior", ConjugateGaussian(), TypeError, "posterior must be a recipe from skabi.engines"),
        ("likelihood", "flow", TypeError, "likelihood must be a recipe from skabi.engines, such as SplineFlow()"),
        ("likelihood", stats.norm(), TypeError, "likelihood must be a recipe from skabi.engines"),
        ("summary", ENGINE, TypeError, "summary must be a recipe from skabi.summaries"),
        ("loss", ENGINE, TypeError, "loss must be a recipe from skabi.losses"),
        ("max_iter", 0, ValueError, "max_iter must be at least 1; got 0"),
        ("missing", "drop", ValueError, "missing must be one of"),
        ("missing_rate", 1.0, ValueError, "missing_rate must lie between"),
        ("column_kinds", "count", ValueError, "column_kinds must be None or a list of"),
        ("column_kinds", ["count", "number"], ValueError, "got ['count', 'number']"),
        ("column_kinds", ["continuous"] * 2, ValueError, "the simulator has a log_likelihood"),
    ],
)
def test_constructor_parameter(parameter, value, error, words):
    joint = quick(callbacks=[NoTraining()]).set_params(**{parameter: value})
    with refused(error, words):
        joint.fit(ConjugateGaussian())


def test_an_engine_that_cannot_be_built():
    """It is not found after simulations or time are spent."""
    prior = IndependentPrior({"a": stats.norm()})

    def no_simulation(a, rng):
        raise AssertionError("simulated in vain")

    X, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    for arguments in ((Simulator(prior, no_simulation, vectorized=True),), (X, y)):
        for engines in ((ENGINE, Gaussian("wide")), (Gaussian("wide"), ENGINE)):
            with refused(TypeError, "hidden_layer_sizes must be a tuple of int"):
                quick(*engines, callbacks=[NoTraining()]).fit(*arguments)


class MeanOfObservations(nn.Module):
    def forward(self, x, mask):
        return x.mean(dim=1)


def test_own_summary_that_does_not_say_what_data_are():
    summary = ModuleSummary(MeanOfObservations, takes_any_length=True)
    X, y = GaussianRegression(6).sample(30, random_state=0)
    with refused(TypeError, "does not say whether observations are exchangeable or a series", "SetSummary()"):
        quick(summary=summary, callbacks=[NoTraining()]).fit(X, y)
    # A known likelihood knows it.
    joint = quick(summary=summary).fit(GaussianRegression(6))
    assert joint.observations_ is None and joint.log_likelihood(X, y, pointwise=True).shape == (30, 6)


def test_simulator_with_a_prior_or_with_parameters():
    problem = ConjugateGaussian()
    with refused(ValueError, "a simulator brings its own prior", "leave the constructor's prior at None"):
        quick(prior=problem.prior).fit(problem)
    with refused(ValueError, "y must be None, or pass arrays X and y"):
        quick().fit(problem, np.zeros((5, 2)))
    with refused(ValueError, "requires y to be passed, but the target y is None"):
        quick().fit(np.zeros((5, 2)))


@pytest.mark.parametrize("n_draws", [0, 1.5, None])
def test_numbers_of_draws_that_are_none(conjugate, n_draws):
    _, joint, X, _ = conjugate
    for method in (joint.log_evidence, joint.predictive, joint.sample):
        with refused(ValueError if n_draws == 0 else TypeError, "n_draws must be"):
            method(X, n_draws)


def test_data_sets_of_another_shape(conjugate):
    _, joint, _, y = conjugate
    X = np.zeros((3, 3))
    for use in (joint.log_evidence, joint.predictive, lambda X: joint.log_likelihood(X, y)):
        with refused(ValueError, "X has 3 features", "is expecting 2 features"):
            use(X)


def test_kinds_of_columns_are_handed_on_to_the_likelihood():
    X, y = np.random.default_rng(0).integers(0, 5, size=(2, 200, 1)).astype(float)
    assert quick().fit(X, y + 0.1 * X).likelihood_.column_kinds_ == ["category"]
    joint = quick(column_kinds=["count"], warm_start=True).fit(X, y + 0.1 * X)
    assert joint.likelihood_.column_kinds_ == ["count"]
    words = "goes on with columns of the kinds ['count']; got ['category']"
    with refused(ValueError, words):
        joint.set_params(column_kinds=["category"]).fit(X, y + 0.1 * X)
    with refused(ValueError, "column_kinds must name the kind of each of the 1 columns"):
        quick(column_kinds=["count"] * 2, callbacks=[NoTraining()]).fit(X, y + 0.1 * X)


def test_columns_of_parameters_in_another_order(conjugate):
    problem, joint, _, y = conjugate
    known = quick().fit(problem)
    for each in (joint, known):
        with refused(ValueError, "y must have the columns ['theta[0]', 'theta[1]'] in this order"):
            each.sample_data(y[y.columns[::-1]])


def test_vectors_are_their_own_and_only_observations():
    """A known likelihood need not tell observations apart where there is one."""
    joint = quick().fit(ConjugateGaussian())
    X, y = ConjugateGaussian().sample(3, random_state=1)
    draws = np.stack([y, y + 0.1], axis=1)
    terms = joint.log_likelihood(X, draws, pointwise=True)
    np.testing.assert_array_equal(terms, joint.log_likelihood(X, draws)[..., np.newaxis])
    pytest.importorskip("arviz_base")
    tree = joint.to_datatree(X, 5, random_state=0)
    assert tree["log_likelihood"]["X"].shape == (1, 5, 3, 1)


def test_data_sets_of_several_sizes_make_no_datatree(samples):
    _, joint = samples
    X = [np.zeros((3, 1)), np.zeros((9, 1))]
    words = "must be of one size", "got shapes (3, 1) to (9, 1)", "once for each size, with X[i : i + 1]"
    with refused(ShapeError, *words):
        joint.to_datatree(X, 5)
