"""Model probabilities from evidences: exact where these are, in the classifier's interface, and what is refused."""

import numpy as np
import pytest
from scipy import special, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from skabi import AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.model_selection import EvidenceComparator, MetaUncertainty, check_routes
from skabi.model_selection._evidence_comparator import log_factor_interval, log_factors_against
from skabi.pipeline import make_pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

MODELS = {"near": ConjugateGaussian(prior_variance=0.2), "far": ConjugateGaussian(prior_variance=3.0)}
SETTINGS = {"n_simulations": 400, "max_iter": 4, "random_state": 0}
POSTERIOR = AmortizedPosterior(Gaussian(()), **SETTINGS)
SILENT = {name: Simulator(model.prior, model.simulate, vectorized=True) for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def comparator():
    return EvidenceComparator(POSTERIOR, n_draws=500, random_state=0).fit(MODELS)


@pytest.fixture(scope="module")
def joint():
    """Both halves learned, a model each."""
    estimator = JointEstimator(Gaussian(()), Gaussian(()), n_simulations=1000, max_iter=8, random_state=0)
    return {name: clone(estimator).fit(model) for name, model in SILENT.items()}


@pytest.fixture(scope="module")
def data():
    X = np.concatenate([model.sample(15, random_state=5)[0] for model in MODELS.values()])
    return X, np.column_stack([model.log_evidence(X) for model in MODELS.values()])


# The exact answer


def test_a_known_likelihood_gives_exact_evidences(comparator, data):
    """Up to Monte Carlo error, which 20 seeds measure, though posteriors were trained for a moment."""
    X, exact = data
    frozen = {name: FrozenEstimator(estimator) for name, estimator in comparator.estimators_.items()}
    found = []
    for seed in range(20):
        again = EvidenceComparator(frozen, n_draws=500, random_state=seed).fit(MODELS)
        found.append(np.column_stack([evidence.log_mean for evidence in again.log_evidence(X).values()]))
    spread = np.std(found, axis=0, ddof=1)
    np.testing.assert_allclose(again.log_bayes_factors(X)[:, 1], np.diff(found[-1], axis=1)[:, 0], atol=1e-12)
    # Student's t of 19 degrees of freedom is beyond 6.5 once in 300,000 times; the log moves by half a variance.
    tolerance = 6.5 * spread / np.sqrt(20) + spread**2
    assert (np.abs(np.mean(found, axis=0) - exact) < tolerance).all()
    errors = np.column_stack([evidence.log_mean_error for evidence in again.log_evidence(X).values()])
    # A standard deviation of 20 numbers is off by a sixth.
    assert abs(np.median(errors / spread) - 1) < 0.2 and np.median(spread) < 0.02
    # The median is off by the posterior's own error.
    medians = np.column_stack([evidence.median for evidence in again.log_evidence(X).values()])
    assert (np.abs(medians - exact) > tolerance).mean() > 0.5


def test_probabilities_are_those_of_exact_evidences(comparator, data):
    X, exact = data
    assert comparator.classes_.tolist() == ["near", "far"]
    assert np.abs(comparator.predict_proba(X) - special.softmax(exact, axis=1)).mean() < 0.01
    np.testing.assert_array_equal(comparator.predict_proba(X), comparator.predict_proba(X))
    assert (comparator.predict(X) == comparator.classes_[exact.argmax(axis=1)]).mean() > 0.9
    labels = np.repeat(["near", "far"], 15)
    best = special.log_softmax(exact, axis=1)[np.arange(30), np.repeat([0, 1], 15)].mean()
    assert abs(comparator.score(X, labels) - best) < 0.05
    proba = comparator.predict_proba(X[:3])[:, 1]
    shares = (comparator.sample(X[:3], 4000, random_state=0) == "far").mean(axis=1)
    assert (np.abs(shares - proba) < 4.5 * np.sqrt(proba * (1 - proba) / 4000) + 1e-3).all()


def test_learned_likelihoods(joint, data):
    # Data like those of both models, for whose likelihoods the others are a guess.
    X, exact = (part[:15] for part in data)
    frozen = {name: FrozenEstimator(estimator) for name, estimator in joint.items()}
    comparator = EvidenceComparator(frozen, n_draws=500, random_state=0).fit()
    assert np.abs(comparator.predict_proba(X) - special.softmax(exact, axis=1)).mean() < 0.05
    medians = [evidence.median for evidence in comparator.log_evidence(X).values()]
    np.testing.assert_allclose(comparator.log_bayes_factors(X)[:, 1], medians[1] - medians[0])


def test_intervals_hold_the_exact_factor(comparator, data):
    X, exact = data
    lower, upper = comparator.log_bayes_factor_intervals(X, reference="far")
    assert (lower[:, 1] == 0).all() and (upper[:, 1] == 0).all()
    factor = exact[:, 0] - exact[:, 1]
    is_covered = (lower[:, 0] < factor) & (factor < upper[:, 0])
    # Each misses once in ten times at most; of 30 more than ten do so once in 10,000 times.
    assert is_covered.sum() >= 20
    np.testing.assert_allclose(comparator.log_bayes_factor_intervals(X)[0][:, 1], -upper[:, 0])


def test_intervals_where_few_draws_have_most_of_the_weight(comparator):
    X = [[0.1, 0.2], [9.0, -9.0]]
    near, far = comparator.log_evidence(X).values()
    assert near.log_mean_error[0] < 0.05 and near.log_mean_error[1] > 0.1
    lower, upper = comparator.log_bayes_factor_intervals(X, reference="far")
    width = 2 * 1.645 * (near.log_mean_error + far.log_mean_error)
    np.testing.assert_allclose(upper[0, 0] - lower[0, 0], width[0])
    # What all draws say.
    assert upper[1, 0] - lower[1, 0] >= near.upper[1] - near.lower[1] > width[1]


def test_draws_without_a_density_have_no_weight():
    """Under a uniform density of known width w, w times the share of draws that could have made X is the evidence."""

    class Wide:
        prior_ = MODELS["near"].prior

        def sample(self, X, n_draws, random_state):
            return np.random.default_rng(0).uniform(-1, 1, size=(len(X), n_draws, 2))

        def log_prob(self, X, y):
            return MODELS["near"].prior.log_prob(y.reshape(-1, 2)).reshape(y.shape[:2])

    class Narrow:
        def log_likelihood(self, X, y):
            return np.where(y[..., 0] > 0.5, 0.0, -np.inf)

    from skabi.estimators._evidence import log_evidence_of

    with pytest.warns(match="of the posterior draws have no density"):
        evidence = log_evidence_of(Wide(), Narrow(), np.zeros((1, 2)), n_draws=10_000, random_state=0)
    assert abs(np.exp(evidence.log_mean[0]) - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / 10_000)
    assert abs(evidence.median[0]) < 1e-12


# Impossible data sets

UNIT = IndependentPrior({"center": stats.uniform(0.0, 1.0)})
SPREADS = {
    "even": Simulator(
        UNIT,
        lambda center, rng: center[:, np.newaxis] + rng.uniform(-0.1, 0.1, size=(len(center), 3)),
        vectorized=True,
        log_likelihood=lambda X, center: stats.uniform(center[:, np.newaxis] - 0.1, 0.2).logpdf(X).sum(axis=1),
    ),
    "normal": Simulator(
        UNIT,
        lambda center, rng: center[:, np.newaxis] + 0.1 * rng.normal(size=(len(center), 3)),
        vectorized=True,
        log_likelihood=lambda X, center: stats.norm(center[:, np.newaxis], 0.1).logpdf(X).sum(axis=1),
    ),
}
# Three values within 0.2, and two data sets that are not.
SPREAD_DATA = np.array([[0.5, 0.52, 0.48], [0.5, 0.9, 0.5], [0.2, 0.5, 0.8]])


@pytest.fixture(scope="module")
def spreads():
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=1000, max_iter=5, random_state=0)
    return EvidenceComparator(posterior, n_draws=300, random_state=0).fit(SPREADS)


@pytest.mark.filterwarnings("ignore:.* of the posterior draws have no density")
def test_data_sets_that_are_impossible_under_a_model(spreads):
    with pytest.warns(ApproximationWarning, match="2 of 3 data sets are impossible under model 'even'") as caught:
        proba = spreads.predict_proba(SPREAD_DATA)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(proba[1:], [[0.0, 1.0], [0.0, 1.0]])
    with pytest.warns(ApproximationWarning):
        factors = spreads.log_bayes_factors(SPREAD_DATA)
        lower, upper = spreads.log_bayes_factor_intervals(SPREAD_DATA)
    np.testing.assert_array_equal(factors[1:], [[0.0, np.inf], [0.0, np.inf]])
    np.testing.assert_array_equal(lower[1:], factors[1:])
    np.testing.assert_array_equal(upper[1:], factors[1:])
    assert np.isfinite(factors[0]).all() and lower[0, 1] < factors[0, 1] < upper[0, 1]


@pytest.mark.filterwarnings("ignore::skabi.exceptions.ApproximationWarning")
def test_what_uses_the_comparator_bears_impossible_data_sets(spreads):
    classifier = AmortizedModelComparator(n_simulations=1000, max_iter=4, random_state=0).fit(SPREADS)
    agreement = check_routes(classifier, spreads, SPREAD_DATA)
    # The nearest probability of an evidence of zero is zero.
    np.testing.assert_allclose(agreement.distance[1:], classifier.predict_proba(SPREAD_DATA)[1:, 0], atol=1e-12)
    assert (agreement.evidence[1:, 1] == np.inf).all() and (agreement.difference[1:, 1] == -np.inf).all()
    risk = MetaUncertainty(30, random_state=0).fit(spreads, SPREADS).replication_risk(SPREAD_DATA).risk
    assert ((risk > 0) & (risk < 1)).all()


@pytest.mark.filterwarnings("ignore:.* of the posterior draws have no density")
def test_a_data_set_that_is_impossible_under_all_models_is_named():
    narrow = {"a": SPREADS["even"], "b": SPREADS["even"]}
    comparator = EvidenceComparator(POSTERIOR, n_draws=50, random_state=0).fit(narrow)
    with pytest.raises(ValueError, match=r"data set 1 of X is impossible under all models \['a', 'b'\]"):
        comparator.predict_proba(SPREAD_DATA)


def test_factors_of_two_impossible_models_say_nothing():
    log_evidence = np.array([[-np.inf, -np.inf, -2.0], [-1.0, -np.inf, -3.0]])
    np.testing.assert_array_equal(log_factors_against(log_evidence, 0), [[0.0, 0.0, np.inf], [0.0, -np.inf, -2.0]])
    lower, upper = log_factor_interval(log_evidence - 0.5, log_evidence + 0.5, 0)
    np.testing.assert_array_equal(lower, [[0.0, -np.inf, np.inf], [0.0, -np.inf, -3.0]])
    np.testing.assert_array_equal(upper, [[0.0, np.inf, np.inf], [0.0, -np.inf, -1.0]])


# The interface


def test_the_prior_may_change_after_fit(comparator, data):
    X, _ = data
    log_odds = np.diff(comparator.predict_log_proba(X), axis=1)[:, 0]
    factors = comparator.log_bayes_factors(X)
    try:
        comparator.set_params(model_prior={"far": 0.2, "near": 0.8})
        np.testing.assert_allclose(np.diff(comparator.predict_log_proba(X), axis=1)[:, 0], log_odds - np.log(4))
        np.testing.assert_allclose(comparator.log_bayes_factors(X), factors)
    finally:
        comparator.set_params(model_prior=None)


def test_it_has_the_classifier_s_methods(comparator):
    for name in ("predict", "predict_proba", "predict_log_proba", "score", "sample"):
        assert getattr(EvidenceComparator, name) is getattr(AmortizedModelComparator, name)
    assert comparator.log_bayes_factors([[0.0, 0.0]], reference="far")[0, 1] == 0


def test_estimators_are_cloned_and_frozen_ones_are_not():
    fitted = clone(POSTERIOR).fit(MODELS["near"])
    comparator = EvidenceComparator({"near": FrozenEstimator(fitted), "far": POSTERIOR}).fit(MODELS)
    assert comparator.estimators_["near"].estimator is fitted
    assert not hasattr(POSTERIOR, "network_")
    assert EvidenceComparator(fitted).fit(MODELS).estimators_["near"].network_ is not fitted.network_
    assert clone(comparator).get_params()["n_draws"] == 2000 and not hasattr(clone(comparator), "classes_")


def test_a_list_of_simulators():
    comparator = EvidenceComparator(POSTERIOR, n_draws=20).fit(list(MODELS.values()))
    assert comparator.classes_.tolist() == [0, 1] and comparator.predict_proba([[0.0, 0.0]]).shape == (1, 2)


def test_a_joint_estimator_takes_the_likelihood_that_is_known(data):
    X, exact = data
    comparator = EvidenceComparator(JointEstimator(Gaussian(()), **SETTINGS), random_state=0).fit(MODELS)
    assert np.abs(comparator.predict_proba(X) - special.softmax(exact, axis=1)).mean() < 0.01


# Bad input


@pytest.mark.parametrize(
    ("estimators", "models", "error", "words"),
    [
        (POSTERIOR, {"near": MODELS["near"]}, ValueError, "at least two models; got 1"),
        (
            {"near": POSTERIOR, "wide": POSTERIOR},
            MODELS,
            ValueError,
            r"same labels; got \['near', 'wide'\] and \['near'",
        ),
        (POSTERIOR, SILENT, TypeError, "model 'near' has no known likelihood, which the evidence of an AmortizedPost"),
        (POSTERIOR, {**MODELS, "far": 3}, TypeError, "model 'far' is int"),
        (JointEstimator(), {**MODELS, "far": None}, TypeError, "model 'far' is NoneType"),
        (
            {"near": POSTERIOR, "far": stats.norm},
            MODELS,
            TypeError,
            "model 'far' needs a JointEstimator or an Amortized",
        ),
        (POSTERIOR, None, TypeError, "simulators may be left out if estimators is a dict"),
        (FrozenEstimator(POSTERIOR), MODELS, NotFittedError, "not fitted"),
        ({}, None, ValueError, "at least two models; got 0"),
        (make_pipeline(POSTERIOR), MODELS, TypeError, "model 'near' has a Pipeline.*Pass its last step"),
    ],
)
def test_models_that_have_no_evidence(estimators, models, error, words):
    with pytest.raises(error, match=words):
        EvidenceComparator(estimators).fit(models)


def test_without_a_prior():
    X, y = MODELS["near"].sample(60, random_state=0)
    frozen = FrozenEstimator(clone(POSTERIOR).fit(X, y))
    with pytest.raises(ValueError, match="needs the density of the prior") as caught:
        EvidenceComparator({"near": frozen, "far": frozen}).fit(MODELS)
    assert caught.value.__notes__ == ["This was model 'near'."]


@pytest.mark.parametrize(
    ("prior", "error", "words"),
    [
        ([0.5, 0.6], ValueError, "sums to 1.1"),
        ([1.0], ShapeError, "one entry for each of"),
        ({"near": 1.0}, ValueError, "one entry for each of"),
    ],
)
def test_a_prior_that_is_none(prior, error, words):
    with pytest.raises(error, match=words):
        EvidenceComparator(POSTERIOR, model_prior=prior).fit(MODELS)


def test_what_is_asked_of_it(comparator):
    with pytest.raises(NotFittedError):
        EvidenceComparator(POSTERIOR).predict_proba([[0.0, 0.0]])
    with pytest.raises(NotFittedError):
        EvidenceComparator(POSTERIOR).log_evidence([[0.0, 0.0]])
    with pytest.raises(ValueError, match="X has 3 features, but AmortizedPosterior is expecting 2") as caught:
        comparator.predict_proba([[0.0, 0.0, 0.0]])
    assert caught.value.__notes__ == ["This was model 'near'."]
    with pytest.raises(ValueError, match="the label wide is none of the models of fit"):
        comparator.log_bayes_factor_intervals([[0.0, 0.0]], reference="wide")
    with pytest.raises(ValueError, match="EvidenceComparator estimator requires y to be passed"):
        comparator.score([[0.0, 0.0]], None)
    with pytest.raises(ValueError, match="n_draws must be at least 2"):
        EvidenceComparator(POSTERIOR, n_draws=1).fit(MODELS)
