"""Classifier and evidences agree where both are right; where they do not, exact evidences say which one is."""

import numpy as np
import pytest
from scipy import special, stats
from sklearn.exceptions import NotFittedError

from skabi import AmortizedModelComparator, AmortizedPosterior
from skabi.engines import Gaussian
from skabi.model_selection import EvidenceComparator, check_routes
from skabi.model_selection._routes import _distance
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

N = 12
LINE = np.linspace(-1, 1, N)
DESIGNS = {"flat": np.ones((N, 1)), "sloped": np.column_stack([np.ones(N), LINE])}
POSTERIOR = AmortizedPosterior(Gaussian(()), n_simulations=1000, max_iter=20, random_state=0)


def line_model(design):
    """Return a simulator of responses with standard normal coefficients and noise."""
    return Simulator(
        IndependentPrior({"coefficient": stats.norm(np.zeros(design.shape[1]), 1.0)}),
        lambda coefficient, rng: coefficient @ design.T + rng.normal(size=(len(coefficient), N)),
        vectorized=True,
        log_likelihood=lambda X, coefficient: stats.norm.logpdf(X, coefficient @ design.T).sum(axis=1),
    )


MODELS = {name: line_model(design) for name, design in DESIGNS.items()}


def exact_proba(X):
    covariances = [design @ design.T + np.eye(N) for design in DESIGNS.values()]
    log_evidence = [stats.multivariate_normal(np.zeros(N), covariance).logpdf(X) for covariance in covariances]
    return special.softmax(np.column_stack(log_evidence), axis=1)


@pytest.fixture(scope="module")
def classifier():
    """Trained for a moment: good inside, and confidently wrong outside."""
    return AmortizedModelComparator(n_simulations=1500, max_iter=8, random_state=1).fit(MODELS)


@pytest.fixture(scope="module")
def evidence():
    return EvidenceComparator(POSTERIOR, n_draws=500, random_state=0).fit(MODELS)


def error_of(classifier, X):
    """Return the total variation between a classifier's probabilities and the exact ones."""
    return np.abs(classifier.predict_proba(X) - exact_proba(X))[:, 0]


def test_inside_alarms_are_rare_and_none_is_false(classifier, evidence):
    """An alarm is false where the classifier is right within the tolerance, 0.1, less the evidence route's error."""
    X = np.concatenate([model.sample(300, random_state=5)[0] for model in MODELS.values()])
    agreement, error = check_routes(classifier, evidence, X), error_of(classifier, X)
    assert np.abs(evidence.predict_proba(X) - exact_proba(X)).max() < 0.02
    assert agreement.disagrees.mean() < 0.2
    assert (error[agreement.disagrees] > 0.08).all()
    assert agreement.disagrees[error > 0.15].all()


def test_far_outside_the_evidences_are_right_and_the_classifier_is_called_wrong(classifier, evidence):
    """Parabolas are neither model's; their slope is that of the flat model's data, and so are exact probabilities."""
    X = MODELS["flat"].sample(200, random_state=5)[0] + 8 * (LINE**2 - 1 / 3)
    agreement, error = check_routes(classifier, evidence, X), error_of(classifier, X)
    assert error.mean() > 0.2 and np.abs(evidence.predict_proba(X) - exact_proba(X)).max() < 0.02
    assert agreement.disagrees.mean() > 0.7
    assert (error[agreement.disagrees] > 0.08).all()
    assert agreement.disagrees[error > 0.15].all()


def test_what_is_returned(classifier, evidence):
    X = MODELS["flat"].sample(20, random_state=5)[0]
    agreement = check_routes(classifier, evidence, X)
    assert agreement.classes.tolist() == ["flat", "sloped"]
    np.testing.assert_array_equal(agreement.classifier, classifier.log_bayes_factors(X))
    np.testing.assert_array_equal(agreement.evidence, evidence.log_bayes_factors(X))
    np.testing.assert_array_equal(agreement.difference, agreement.classifier - agreement.evidence)
    for name, values in zip(("lower", "upper"), evidence.log_bayes_factor_intervals(X), strict=True):
        np.testing.assert_array_equal(getattr(agreement, name), values)
    np.testing.assert_array_equal(agreement.disagrees, agreement.distance > 0.1)
    assert not check_routes(classifier, evidence, X, tolerance=0.999).disagrees.any()


def test_models_in_another_order(classifier, evidence):
    X = MODELS["flat"].sample(20, random_state=5)[0]
    backwards = EvidenceComparator(POSTERIOR, n_draws=500, random_state=0).fit(dict(reversed(MODELS.items())))
    first, second = (check_routes(classifier, part, X) for part in (evidence, backwards))
    np.testing.assert_allclose(first.evidence, second.evidence, atol=0.2)


def test_the_prior_of_models_matters_to_the_distance(classifier, evidence):
    """With one model all but certain, no error of a Bayes factor changes the conclusion."""
    X = MODELS["flat"].sample(50, random_state=5)[0] + 8 * (LINE**2 - 1 / 3)
    try:
        classifier.set_params(model_prior=[1 - 1e-6, 1e-6])
        assert check_routes(classifier, evidence, X).distance.max() < 1e-3
    finally:
        classifier.set_params(model_prior=None)


def test_distance_is_of_conclusions_and_beyond_the_interval():
    log_factors = np.array([[0.0, 25.0], [0.0, 1.0], [0.0, 1.0], [0.0, -3.0]])
    lower = np.array([[-7.0, 25.0], [5.0, 5.5], [5.0, 5.2], [-1.0, -0.5]])
    upper = np.array([[-7.0, 25.0], [5.2, 6.5], [5.1, 5.5], [0.0, 0.5]])
    odds = [(25.0, 32.0), (1.0, 1.0), (1.0, 0.5), (-3.0, -0.5)]
    expected = [abs(special.expit(a) - special.expit(b)) for a, b in odds]
    np.testing.assert_allclose(_distance(log_factors, lower, upper, np.zeros((4, 2))), expected, atol=1e-10)
    three = _distance(
        np.array([[0.0, 1.0, 2.0]]), np.array([[6.5, 8.0, 8.0]]), np.array([[8.0, 8.5, 9.5]]), np.zeros((1, 3))
    )
    np.testing.assert_allclose(three, 0.0, atol=1e-12)


@pytest.mark.parametrize("width", [0.0, 0.2, 0.7])
def test_distance_is_the_least_over_a_box_of_three_evidences(width):
    rng = np.random.default_rng(0)
    log_factors, log_evidence, log_prior = rng.normal(scale=[[[1.5]], [[1.5]], [[0.5]]], size=(3, 25, 3))
    half = width * rng.exponential(size=(25, 3))
    found = _distance(log_factors, log_evidence - half, log_evidence + half, log_prior)
    steps = np.stack(np.meshgrid(*[np.linspace(-1, 1, 41)] * 3), axis=-1).reshape(-1, 3)
    points = special.softmax((log_evidence + log_prior)[:, np.newaxis] + steps * half[:, np.newaxis], axis=2)
    proba = special.softmax(log_factors + log_prior, axis=1)
    least = np.abs(points - proba[:, np.newaxis]).sum(axis=2).min(axis=1) / 2
    assert (found <= least + 1e-12).all()
    # A point of the grid is within half a step of the best one in each log evidence, which moves probabilities by at
    # most half that in total variation.
    assert (least - found <= half.max(axis=1) / 80 + 1e-12).all()


def test_distance_to_evidences_that_are_zero_or_unbounded():
    log_factors = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    lower = np.array([[-np.inf, 5.0, 6.0], [-np.inf, -np.inf, -4000.0], [-2000.0, -2000.0, -2000.0]])
    upper = np.array([[-np.inf, 5.0, 6.0], [-np.inf, -np.inf, -4000.0], [2000.0, 2000.0, 2000.0]])
    proba = special.softmax(log_factors[0])
    distance = _distance(log_factors, lower, upper, np.zeros((3, 3)))
    np.testing.assert_allclose(distance, [proba[0], proba[:2].sum(), 0.0], rtol=0, atol=1e-12)


def test_what_cannot_be_compared(classifier, evidence):
    X = np.zeros((1, N))
    with pytest.raises(TypeError, match="evidence must be an EvidenceComparator; got AmortizedModelComparator"):
        check_routes(classifier, classifier, X)
    with pytest.raises(NotFittedError):
        check_routes(AmortizedModelComparator(), evidence, X)
    with pytest.raises(NotFittedError):
        check_routes(classifier, EvidenceComparator(POSTERIOR), X)
    with pytest.raises(ValueError, match="tolerance must lie between"):
        check_routes(classifier, evidence, X, tolerance=1.0)
    other = EvidenceComparator(POSTERIOR, n_draws=10).fit(list(MODELS.values()))
    with pytest.raises(ValueError, match=r"must be of the same models; got \['flat', 'sloped'\] and \[0, 1\]"):
        check_routes(classifier, other, X)
