"""Model probabilities: exact where evidences are, priors that change, and what is refused."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.preprocessing import StandardScaler

from skabi import AmortizedModelComparator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale, GaussianRegression
from skabi.estimators._logistic_start import logistic_start
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.heads import DirichletEvidence, Softmax
from skabi.pipeline import make_pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import SetSummary

N = 12
LINE = np.linspace(-1, 1, N)
DESIGNS = {"flat": np.ones((N, 1)), "sloped": np.column_stack([np.ones(N), LINE])}


class Responses(Simulator):
    """Responses at fixed places, with standard normal coefficients and noise."""

    def __init__(self, design):
        self.design = design
        prior = IndependentPrior({"coefficient": stats.norm(np.zeros(design.shape[1]), 1.0)})
        super().__init__(prior, self._respond, vectorized=True)

    def _respond(self, coefficient, rng):
        return coefficient @ self.design.T + rng.normal(size=(len(coefficient), N))

    def log_evidence(self, X):
        return stats.multivariate_normal(np.zeros(N), self.design @ self.design.T + np.eye(N)).logpdf(X)


MODELS = {name: Responses(design) for name, design in DESIGNS.items()}


def quick(**parameters):
    return AmortizedModelComparator(**({"max_iter": 15, "random_state": 0} | parameters))


@pytest.fixture(scope="module")
def comparator():
    return quick().fit(MODELS)


@pytest.fixture(scope="module")
def data():
    """Data sets of both models, their labels and exact log evidences."""
    X = np.concatenate([model.sample(300, random_state=9)[0] for model in MODELS.values()])
    return X, np.repeat(list(MODELS), 300), np.column_stack([model.log_evidence(X) for model in MODELS.values()])


# The exact answer


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_probabilities_are_those_of_exact_evidences(data, n_estimators):
    X, labels, log_evidence = data
    comparator = quick(n_estimators=n_estimators).fit(MODELS)
    assert comparator.classes_.tolist() == ["flat", "sloped"]
    exact = special.softmax(log_evidence, axis=1)
    assert np.abs(comparator.predict_proba(X) - exact).mean() < 0.04
    log_bayes_factors = comparator.log_bayes_factors(X)
    assert (log_bayes_factors[:, 0] == 0).all()
    assert np.corrcoef(log_bayes_factors[:, 1], np.diff(log_evidence, axis=1)[:, 0])[0, 1] > 0.97
    best = np.log(exact[np.arange(600), np.repeat([0, 1], 300)]).mean()
    assert best - 0.02 < comparator.score(X, labels) < best + 0.02


def test_sets_of_any_size():
    """A line's slope or none, sizes drawn at random; wrong labels would have a score of -0.69 or less."""
    models = [GaussianRegression((5, 30), precision=precision) for precision in (0.1, 10.0)]
    comparator = quick(n_simulations=2000).fit(models)
    assert comparator.classes_.tolist() == [0, 1]
    X, labels, log_evidence = [], [], []
    for i, model in enumerate(models):
        X += model.sample(200, random_state=7)[0]
        labels += [i] * 200
    log_evidence = np.column_stack([model.log_evidence(X) for model in models])
    exact = special.softmax(log_evidence, axis=1)
    assert np.abs(comparator.predict_proba(X) - exact).mean() < 0.06
    assert comparator.score(X, labels) > np.log(exact[np.arange(400), labels]).mean() - 0.05


def test_the_start_is_scikit_learn_s_logistic_regression():
    rng = np.random.default_rng(0)
    for n_models in (2, 3):
        label = rng.integers(n_models, size=500)
        context = rng.normal(size=(500, 4)) + label[:, np.newaxis]
        weight, bias = logistic_start(context, label, n_models=n_models, n_used=3)
        expected = LogisticRegression(max_iter=200).fit(context[:, :3], label).predict_proba(context[:, :3])
        numbers = context @ weight.double().numpy().T + bias.double().numpy()
        np.testing.assert_allclose(special.softmax(numbers, axis=1), expected, atol=1e-5)
        assert (weight[:, 3] == 0).all()


# Priors of models


def test_the_prior_may_change_after_fit(comparator, data):
    X, *_ = data
    log_odds = np.diff(comparator.predict_log_proba(X), axis=1)[:, 0]
    factors = comparator.log_bayes_factors(X)
    other = quick().set_params(model_prior={"sloped": 0.2, "flat": 0.8})
    other.__dict__.update({name: value for name, value in vars(comparator).items() if name not in other.get_params()})
    np.testing.assert_allclose(np.diff(other.predict_log_proba(X), axis=1)[:, 0], log_odds - np.log(4), atol=1e-9)
    np.testing.assert_allclose(other.log_bayes_factors(X), factors)
    np.testing.assert_allclose(other.set_params(model_prior=[0.5, 0.5]).predict_proba(X), comparator.predict_proba(X))


def test_another_prior_is_as_training_with_it(data):
    X, *_ = data
    rng = np.random.default_rng(0)
    parts = [MODELS[name].sample(n, random_state=3)[0] for name, n in (("flat", 8000), ("sloped", 2000))]
    order = rng.permutation(10_000)
    of_shares = quick().fit(np.concatenate(parts)[order], np.repeat(["flat", "sloped"], [8000, 2000])[order])
    changed = quick(model_prior={"flat": 0.8, "sloped": 0.2}).fit(MODELS)
    assert np.abs(of_shares.predict_proba(X) - changed.predict_proba(X)).mean() < 0.04
    exact = special.softmax(data[2] + np.log([0.8, 0.2]), axis=1)
    assert np.abs(of_shares.predict_proba(X) - exact).mean() < 0.04


@pytest.mark.parametrize(
    ("prior", "error", "words"),
    [
        ([0.5, 0.6], ValueError, "sums to 1.1"),
        ([1.0, 0.0], ValueError, "must be positive"),
        ([1.0], ShapeError, "one entry for each of"),
        ({"flat": 1.0}, ValueError, "one entry for each of"),
    ],
)
def test_a_prior_that_is_none(prior, error, words):
    with pytest.raises(error, match=words):
        quick(model_prior=prior, n_simulations=10, max_iter=1).fit(MODELS)


# Draws and uncertainty


def test_draws_are_models_as_often_as_they_are_probable(comparator, data):
    X = data[0][:20]
    draws = comparator.sample(X, 4000, random_state=0)
    proba = comparator.predict_proba(X)[:, 1]
    # Twenty shares, each within four and a half standard errors.
    assert (np.abs((draws == "sloped").mean(axis=1) - proba) < 4.5 * np.sqrt(proba * (1 - proba) / 4000) + 1e-3).all()


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_dirichlet_evidence(data, n_estimators):
    X, labels, log_evidence = data
    comparator = quick(head=DirichletEvidence(), n_estimators=n_estimators).fit(MODELS)
    draws = comparator.sample_proba(X[:10], 20_000, random_state=0)
    assert draws.shape == (10, 20_000, 2)
    np.testing.assert_allclose(draws.sum(axis=2), 1.0)
    tolerance = 4.5 * draws.std(axis=1) / np.sqrt(20_000) + 1e-3
    assert (np.abs(draws.mean(axis=1) - comparator.predict_proba(X[:10])) < tolerance).all()
    uncertainty = comparator.uncertainty(X)
    assert ((uncertainty > 0) & (uncertainty <= 1)).all()
    # A data set that could be of both leaves the network less sure than one that could not.
    sure = np.abs(np.diff(log_evidence, axis=1)[:, 0]) > 2
    assert uncertainty[~sure].mean() > uncertainty[sure].mean()
    assert comparator.score(X, labels) > -0.65


def test_a_softmax_head_has_no_uncertainty_of_its_own(comparator):
    assert not hasattr(comparator, "sample_proba") and not hasattr(comparator, "uncertainty")


# scikit-learn


def test_scikit_learn_s_tools(data):
    X, labels, _ = data
    small = quick(head=Softmax(1, block_width=8), max_iter=2)
    assert set(cross_val_predict(small, X, labels, cv=2)) <= set(MODELS)
    scores = [cross_val_score(small, X, labels, cv=2, scoring=scoring) for scoring in (None, "neg_log_loss")]
    np.testing.assert_allclose(*scores, rtol=1e-6)
    proba = CalibratedClassifierCV(small, cv=2).fit(X, labels).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    pipeline = make_pipeline(StandardScaler(), small).fit(X, labels)
    assert pipeline.predict(X).shape == (600,)


@pytest.mark.parametrize("normalize", ["true", "pred", "all", None])
def test_confusion_matrix(comparator, data, normalize):
    X, labels, _ = data
    names = comparator.classes_[::-1]  # Not sorted.
    display = ConfusionMatrixDisplay.from_estimator(comparator, X, labels, labels=names, normalize=normalize)
    predicted = comparator.predict(X)
    counts = np.array([[np.sum((labels == true) & (predicted == name)) for name in names] for true in names])
    total = {"true": counts.sum(axis=1, keepdims=True), "pred": counts.sum(axis=0), "all": counts.sum(), None: 1}
    np.testing.assert_allclose(display.confusion_matrix, counts / total[normalize])
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["sloped", "flat"]
    other = ConfusionMatrixDisplay.from_predictions(labels, predicted, labels=names, normalize=normalize)
    np.testing.assert_array_equal(other.confusion_matrix, display.confusion_matrix)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_summaries_have_names(data, n_estimators):
    X, labels, _ = data
    comparator = quick(n_estimators=n_estimators, max_iter=1).fit(X, labels).set_output(transform="pandas")
    summaries = comparator.transform(X)
    assert list(summaries.columns) == list(comparator.get_feature_names_out())
    assert summaries.shape == (len(X), comparator.network_.n_context)


def test_warm_start_goes_on_with_the_same_models(data):
    X, labels, _ = data
    comparator = quick(max_iter=2, warm_start=True).fit(X, labels)
    assert comparator.fit(X, labels).n_iter_ == 4
    with pytest.raises(ValueError, match=r"goes on with the models \['flat', 'sloped'\]"):
        comparator.fit(X, np.arange(600) % 2)


# Bad input


def fails(coefficient, rng):
    raise ArithmeticError("no answer")


@pytest.mark.parametrize(
    ("models", "error", "words"),
    [
        ({"flat": MODELS["flat"]}, ValueError, "at least two models; got 1"),
        ({1: MODELS["flat"], "1": MODELS["sloped"]}, ValueError, "different names"),
        ({"a": MODELS["flat"], "b": ConjugateGaussian()}, ShapeError, r"'a' has \(12,\) and 'b' \(2,\)"),
        ({"a": MODELS["flat"], "b": GaussianMeanScale((2, 5))}, ShapeError, "must have one shape"),
        ({"a": MODELS["flat"], "b": [1.0]}, TypeError, "model 'b' is list"),
        ({"a": MODELS["flat"], "b": Simulator(MODELS["flat"].prior, fails)}, SimulatorError, "model 'b': .*no answer"),
    ],
)
def test_models_that_cannot_be_compared(models, error, words):
    with pytest.raises(error, match=words):
        quick(n_simulations=10, max_iter=1).fit(models)


def test_labels_that_are_not_those_of_fit(comparator, data):
    X, labels, _ = data
    with pytest.raises(ValueError, match="the label curved is none of the models of fit"):
        comparator.score(X[:2], ["flat", "curved"])
    with pytest.raises(ValueError, match="the label curved is none of the models of fit"):
        comparator.log_bayes_factors(X, reference="curved")
    with pytest.raises(ValueError, match="at least two classes"):
        quick().fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="requires y to be passed"):
        quick().fit(X)
    with pytest.raises(TypeError, match=r"head must be a recipe from skabi\.heads, such as Softmax"):
        quick(head=SetSummary()).fit(X, labels)


def test_a_fit_that_goes_on_with_other_shares_of_models(data):
    """Shares of the labels are taken out of Bayes factors, those of the last fit."""
    X, _, log_evidence = data
    parts = [model.sample(2000, random_state=5)[0] for model in MODELS.values()]
    few = np.concatenate([parts[0], parts[1][:200]]), np.repeat(list(MODELS), [2000, 200])
    warm = quick(warm_start=True, max_iter=5).fit(np.concatenate(parts), np.repeat(list(MODELS), 2000)).fit(*few)
    bias = np.mean(warm.log_bayes_factors(X)[:, 1] - np.diff(log_evidence, axis=1)[:, 0])
    assert abs(bias) < 0.7 < np.log(10) / 2


def test_draws_of_probabilities_where_simulations_of_one_model_fail():
    def fails_often(coefficient, rng):
        X = MODELS["sloped"].simulate(coefficient, rng)
        X[rng.random(len(X)) < 0.8] = np.nan
        return X

    failing = Simulator(MODELS["sloped"].prior, fails_often, vectorized=True, on_error="drop")
    with pytest.warns(ApproximationWarning, match="failed and were dropped"):
        comparator = quick(head=DirichletEvidence(), max_iter=3, n_simulations=1000).fit(
            {"flat": MODELS["flat"], "sloped": failing}
        )
    X = MODELS["flat"].sample(200, random_state=3)[0]
    drawn = comparator.sample_proba(X, 500, random_state=0).mean(axis=(0, 1))
    np.testing.assert_allclose(drawn, comparator.predict_proba(X).mean(axis=0), atol=0.05)


def test_a_prior_as_a_series_goes_by_its_labels(comparator, data):
    prior = {"sloped": 0.99, "flat": 0.01}
    by_dict, by_series = (
        clone_of(comparator, model_prior=each).predict_proba(data[0]) for each in (prior, pd.Series(prior))
    )
    np.testing.assert_array_equal(by_series, by_dict)
    assert by_dict.mean(axis=0)[1] > 0.9


def clone_of(comparator, **parameters):
    return copy.copy(comparator).set_params(**parameters)


def test_as_many_labels_as_data_sets(comparator, data):
    X, labels, _ = data
    for n in (3, 700):
        with pytest.raises(ShapeError, match="X and y must have the same n_datasets"):
            comparator.score(X, np.resize(labels, n))


def test_a_refit_that_is_refused_changes_nothing(data):
    X, labels, _ = data
    comparator = quick(max_iter=1).fit(X, labels)
    before = comparator.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        comparator.fit(np.where(X > 2, np.nan, X), np.resize(["a", "b", "c"], len(X)))
    np.testing.assert_array_equal(comparator.predict(X), before)


@pytest.mark.parametrize("names", [("a", 2), (("a", 1), ("b", 2)), (None, "a")])
def test_names_of_several_kinds_are_refused(names):
    with pytest.raises(TypeError, match="names of models must all be str, or all int"):
        quick().fit(dict(zip(names, MODELS.values(), strict=True)))


def test_what_is_wrong_is_said_before_simulating():
    class Counting(Responses):
        n_simulated = 0

        def sample(self, n, **settings):
            Counting.n_simulated += n
            return super().sample(n, **settings)

    models = {"flat": Counting(DESIGNS["flat"]), "sloped": Counting(DESIGNS["sloped"])}
    with pytest.raises(ValueError, match="sum to one"):
        quick(model_prior=[0.6, 0.5]).fit(models)
    assert Counting.n_simulated == 0


def test_sizes_that_tell_of_the_model_are_warned_of():
    models = {"short": GaussianMeanScale((5, 20)), "long": GaussianMeanScale((15, 60))}
    with pytest.warns(ApproximationWarning, match="'short' have 5 to 20 numbers, and those of 'long' 15 to 60"):
        quick(max_iter=1, n_simulations=200).fit(models)


def test_the_fitted_head_says_what_there_is(data):
    X, labels, _ = data
    softmax = quick(max_iter=1).fit(X, labels).set_params(head=DirichletEvidence())
    evidential = quick(max_iter=1, head=DirichletEvidence(), n_estimators=2).fit(X, labels).set_params(head=None)
    assert not hasattr(softmax, "uncertainty") and evidential.uncertainty(X).shape == (len(X),)


def test_a_pipeline_draws_models_and_refuses_several_simulators(data):
    X, labels, _ = data
    pipeline = make_pipeline(StandardScaler(), quick(max_iter=1)).fit(X, labels)
    assert set(pipeline.sample(X[:3], 50, random_state=0).ravel()) <= set(MODELS)
    with pytest.raises(TypeError, match="fitted to one simulator; got several"):
        pipeline.fit(MODELS)
