"""The posterior as a step of pipelines, searches and files: scikit-learn's own, and the one that takes a simulator."""

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian, SplineFlow
from skabi.pipeline import Pipeline, make_pipeline
from skabi.priors import IndependentPrior


def tiny(**params):
    settings = {"n_simulations": 60, "max_iter": 2, "random_state": 0, "device": "cpu", **params}
    return AmortizedPosterior(settings.pop("engine", Gaussian((8,))), **settings)


@pytest.fixture(scope="module")
def simulator():
    return ConjugateGaussian()


@pytest.fixture(scope="module")
def data(simulator):
    X, y = simulator.sample(60, random_state=1)
    X.flags.writeable = False
    return X, y


class SignedSquare(TransformerMixin, BaseEstimator):
    """A transformer that learns nothing."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * np.abs(X)


class CountedScaler(StandardScaler):
    """A transformer that says when it is fitted."""

    def fit(self, X, y=None, sample_weight=None):
        print("fitting")
        return super().fit(X, y, sample_weight)


def test_fit_to_a_simulator_is_the_transform_by_hand(simulator, data):
    X, y = data
    pipeline = make_pipeline(SignedSquare(), StandardScaler(), tiny()).fit(simulator)
    alone = tiny(prior=simulator.prior)
    X_simulated, y_simulated, _ = tiny()._simulate(simulator)
    scaler = StandardScaler().fit(SignedSquare().transform(X_simulated))
    alone.fit(scaler.transform(SignedSquare().transform(X_simulated)), y_simulated)
    Xt = scaler.transform(SignedSquare().transform(X))
    assert_array_equal(pipeline.sample(X, 5, random_state=3), alone.sample(Xt, 5, random_state=3))
    assert_array_equal(pipeline.log_prob(X, y), alone.log_prob(Xt, y))
    assert pipeline.score(X, y) == alone.score(Xt, y)
    assert_array_equal(pipeline.predict(X, return_std=True), alone.predict(Xt, return_std=True))
    assert pipeline[-1].prior_ is simulator.prior


def test_fit_leaves_constructor_parameters_alone(simulator):
    pipeline = make_pipeline(StandardScaler(), tiny())
    before = pipeline.get_params()
    assert pipeline.fit(simulator) is pipeline
    assert pipeline.get_params() == before
    assert pipeline["amortizedposterior"].prior is None


def test_a_single_step_and_passthrough_steps(simulator, data):
    X, _ = data
    expected = tiny().fit(simulator).sample(X, 4, random_state=0)
    for front in ([], ["passthrough"], [None, "passthrough"]):
        steps = [(f"step_{i}", step) for i, step in enumerate([*front, tiny()])]
        pipeline = Pipeline(steps).fit(simulator)
        assert_array_equal(pipeline.sample(X, 4, random_state=0), expected)
        assert [step for _, step in pipeline.steps[:-1]] == front


def test_memory_caches_every_transformer(simulator, data, tmp_path, capsys):
    X, _ = data
    scaler = CountedScaler()
    pipelines = [make_pipeline(scaler, tiny(), memory=joblib.Memory(tmp_path, verbose=0)) for _ in range(2)]
    draws = [pipeline.fit(simulator).sample(X, 3, random_state=0) for pipeline in pipelines]
    assert capsys.readouterr().out.count("fitting") == 1
    assert_array_equal(*draws)
    # Clones are fitted, and take the place of the transformer given.
    assert not hasattr(scaler, "mean_") and hasattr(pipelines[1][0], "mean_")


def test_arguments_reach_the_fit_of_their_step(simulator):
    weights = np.where(np.arange(60) < 10, 1.0, 0.0)
    weighted = make_pipeline(StandardScaler(), tiny()).fit(simulator, standardscaler__sample_weight=weights)
    X, _, _ = tiny()._simulate(simulator)
    assert_allclose(weighted[0].mean_, X[:10].mean(axis=0))
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        make_pipeline(tiny()).fit(simulator, amortizedposterior__sample_weight=weights)
    with pytest.raises(ValueError, match="does not accept the sample_weight parameter"):
        make_pipeline(tiny()).fit(simulator, sample_weight=weights)


def test_times_of_transformers_are_printed(simulator, capsys):
    make_pipeline(StandardScaler(), tiny(), verbose=True).fit(simulator)
    first, second = capsys.readouterr().out.splitlines()
    assert "(step 1 of 2) Processing standardscaler, total=" in first
    assert "(step 2 of 2) Processing data for amortizedposterior, total=" in second


def test_what_a_simulator_does_not_go_with(simulator, data):
    _, y = data
    with pytest.raises(ValueError, match="y must be None, or pass arrays X and y"):
        make_pipeline(StandardScaler(), tiny()).fit(simulator, y)
    with pytest.raises(ValueError, match="a simulator brings its own prior"):
        make_pipeline(StandardScaler(), tiny(prior=simulator.prior)).fit(simulator)
    with pytest.raises(ValueError, match="max_iter must be at least 1"):
        make_pipeline(StandardScaler(), tiny(max_iter=0)).fit(simulator)
    for step in (LinearRegression(), "passthrough"):
        with pytest.raises(TypeError, match=r"fit\(simulator\) needs a last step that learns from a simulator"):
            Pipeline([("scale", StandardScaler()), ("last", step)]).fit(simulator)
    with pytest.raises(TypeError, match="All intermediate steps should be transformers"):
        make_pipeline(LinearRegression(), tiny()).fit(simulator)


def test_arrays_are_fitted_as_by_scikit_learn(simulator, data):
    X, y = data
    ours, stock = (
        make(StandardScaler(), tiny(prior=simulator.prior)).fit(X, y)
        for make in (make_pipeline, sklearn.pipeline.make_pipeline)
    )
    assert_array_equal(ours.predict(X), stock.predict(X))
    assert ours.score(X, y) == stock.score(X, y) == np.mean(ours.log_prob(X, y))
    assert stock.predict(X).shape == (60, 2)


def test_methods_are_there_if_the_last_step_has_them(data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    for name in ("sample", "log_prob"):
        assert not hasattr(pipeline, name)
        with pytest.raises(AttributeError, match=f"'Pipeline' has no attribute '{name}'") as caught:
            getattr(pipeline, name)
        assert f"{name} needs a last step that has it" in str(caught.value.__cause__)


def test_before_fit(data):
    X, y = data
    for front in (StandardScaler(), FunctionTransformer()):
        with pytest.raises(NotFittedError, match="This Pipeline instance is not fitted yet"):
            make_pipeline(front, tiny()).sample(X)
        with pytest.raises(NotFittedError, match="This Pipeline instance is not fitted yet"):
            make_pipeline(front, tiny()).log_prob(X, y)


def test_clone_and_names(simulator):
    pipeline = make_pipeline(StandardScaler(), tiny(), memory="cache", verbose=True)
    assert (pipeline.memory, pipeline.verbose, pipeline.transform_input) == ("cache", True, None)
    assert list(pipeline.named_steps) == ["standardscaler", "amortizedposterior"]
    cloned = clone(pipeline.set_params(memory=None, verbose=False).fit(simulator))
    assert type(cloned) is Pipeline and not hasattr(cloned[-1], "network_")
    assert cloned.get_params()["amortizedposterior__engine__hidden_layer_sizes"] == (8,)


def test_set_output_makes_frames_of_summaries_and_leaves_draws_alone(simulator, data):
    X, _ = data
    pipeline = make_pipeline(StandardScaler(), tiny()).set_output(transform="pandas").fit(simulator)
    summaries = pipeline.transform(X)
    assert isinstance(summaries, pd.DataFrame)
    assert list(summaries) == ["amortizedposterior0", "amortizedposterior1"]
    assert list(pipeline[-1].feature_names_in_) == ["x0", "x1"]
    assert type(pipeline.sample(X, 2)) is type(pipeline.predict(X)) is np.ndarray


def test_a_fitted_posterior_summarises_in_mid_pipeline(simulator, data):
    X, y = data
    posterior = tiny().fit(simulator)
    pipeline = make_pipeline(FrozenEstimator(posterior), Ridge(alpha=1e-8)).fit(X, y)
    summaries = posterior.transform(X)
    assert_allclose(pipeline.predict(X), Ridge(alpha=1e-8).fit(summaries, y).predict(summaries))
    outer = make_pipeline(FrozenEstimator(posterior), tiny()).fit(simulator)
    assert outer[0].estimator is posterior
    assert_array_equal(outer.sample(X, 3, random_state=0), outer[-1].sample(summaries, 3, random_state=0))


def test_searches_split_and_score(simulator, data):
    X, y = data
    flow = SplineFlow(1, n_bins=3, hidden_layer_sizes=(8,))
    estimator = tiny(engine=flow, prior=simulator.prior)
    search = GridSearchCV(estimator, {"engine__n_transforms": [1, 2]}, cv=2, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.engine_.n_transforms == search.best_params_["engine__n_transforms"]
    assert flow.n_transforms == 1
    scores = cross_val_score(estimator, X, y, cv=2)
    assert_allclose(scores.mean(), search.cv_results_["mean_test_score"][0], rtol=1e-5)
    pipeline = make_pipeline(StandardScaler(), estimator)
    searched = GridSearchCV(pipeline, {"amortizedposterior__engine__n_transforms": [2]}, cv=2).fit(X, y)
    assert searched.best_estimator_.sample(X[:2], 3).shape == (2, 3, 2)


def test_a_file_brings_a_posterior_back(simulator, data, tmp_path):
    X, _ = data
    for fitted in (
        tiny(engine=SplineFlow(2, n_bins=3, hidden_layer_sizes=(8,))),
        make_pipeline(StandardScaler(), tiny()),
    ):
        expected = fitted.fit(simulator).predict(X)
        joblib.dump((fitted, X), tmp_path / "fitted.joblib")
        assert_array_equal(joblib.load(tmp_path / "fitted.joblib")[0].predict(X), expected)
    code = (
        "import sys, joblib, numpy as np; fitted, X = joblib.load(sys.argv[1]); np.save(sys.argv[2], fitted.predict(X))"
    )
    paths = [str(tmp_path / "fitted.joblib"), str(tmp_path / "predicted.npy")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_array_equal(np.load(paths[1]), expected)


def test_data_sets_of_one_feature_and_one_parameter_named_by_a_frame():
    y = pd.DataFrame({"rate": stats.gamma(3.0).rvs(60, random_state=0)})
    X = pd.DataFrame({"count": np.random.default_rng(1).poisson(y["rate"])}).astype(float)
    prior = IndependentPrior({"rate": stats.gamma(3.0)})
    pipeline = make_pipeline(StandardScaler(), tiny(prior=prior)).fit(X, y["rate"])
    assert list(pipeline.feature_names_in_) == ["count"]
    assert pipeline.predict(X).shape == (60,) and pipeline.sample(X, 3).shape == (60, 3, 1)
