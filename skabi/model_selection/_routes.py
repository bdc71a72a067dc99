"""Where a classifier of models and the models' evidences do not say the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_real
from skabi.model_selection._evidence_comparator import (
    EvidenceComparator,
    log_factor_interval,
    log_factors_against,
)

# Halvings of an interval: beyond rounding, whatever its width.
_N_HALVINGS = 64


@dataclass(frozen=True)
class RouteAgreement:
    """What a classifier and evidences say of the same data sets; log Bayes factors in nats, against the first model.

    Attributes
    ----------
    classes : ndarray of shape (n_models,)
        Labels of the models.
    classifier, evidence : ndarray of shape (n_datasets, n_models)
        Log Bayes factors by each route; those of evidences may be infinite, see
        `EvidenceComparator.log_bayes_factors`.
    lower, upper : ndarray of shape (n_datasets, n_models)
        Interval of the evidence route; see `EvidenceComparator.log_bayes_factor_intervals`.
    difference : ndarray of shape (n_datasets, n_models)
        Classifier less evidence.
    distance : ndarray of shape (n_datasets,)
        Total variation, 0 to 1, between the classifier's model probabilities and the nearest ones that evidences
        within their intervals give: what the error bar does not explain, in terms of conclusions. That one route says
        1e-9 and the other 1e-12 is no distance.
    disagrees : ndarray of bool of shape (n_datasets,)
        Whether the distance is above the tolerance.
    """

    classes: np.ndarray
    classifier: np.ndarray
    evidence: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    difference: np.ndarray
    distance: np.ndarray
    disagrees: np.ndarray


def check_routes(classifier, evidence, X: ArrayLike, *, tolerance: float = 0.1) -> RouteAgreement:
    """Compare model probabilities of a classifier with those from evidences.

    On data sets like the simulations the routes agree. Where they do not, one of them is wrong: the classifier, most
    likely, if the likelihood is known and the interval is narrow. Agreement proves neither right.

    Parameters
    ----------
    classifier : AmortizedModelComparator
        Fitted.
    evidence : EvidenceComparator
        Fitted, to models of the same labels.
    X : array-like of shape (n_datasets, ...), or list of arrays
    tolerance : float, default=0.1
        Largest total variation between model probabilities that changes no conclusion.

    Returns
    -------
    agreement : RouteAgreement
        Probabilities are compared at the classifier's model prior.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If `evidence` is not an `EvidenceComparator`.
    ValueError
        If the two have other labels, or the tolerance is not between 0 and 1.

    Examples
    --------
    >>> from skabi import AmortizedModelComparator, AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.model_selection import EvidenceComparator, check_routes
    >>> models = {"near": ConjugateGaussian(prior_variance=0.1), "far": ConjugateGaussian(prior_variance=5.0)}
    >>> classifier = AmortizedModelComparator(n_simulations=1000, max_iter=5, random_state=0).fit(models)
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0)
    >>> evidence = EvidenceComparator(posterior, n_draws=500, random_state=0).fit(models)
    >>> check_routes(classifier, evidence, [[0.1, -0.2], [3.0, -2.0]]).disagrees
    array([False, False])
    """
    tolerance = check_real(tolerance, "tolerance", low=0.0, high=1.0)
    if not isinstance(evidence, EvidenceComparator):
        raise TypeError(f"evidence must be an EvidenceComparator; got {evidence!r}.")
    check_is_fitted(classifier)
    check_is_fitted(evidence)
    order = _order(classifier.classes_, evidence.classes_)
    log_factors = classifier.log_bayes_factors(X)
    # Up to a constant a row.
    log_prior = classifier.predict_log_proba(X) - log_factors
    log_evidence, lower, upper = (values[:, order] for values in evidence._estimates(X))
    by_evidence = log_factors_against(log_evidence, 0)
    distance = _distance(log_factors, lower, upper, log_prior)
    return RouteAgreement(
        classifier.classes_,
        log_factors,
        by_evidence,
        *log_factor_interval(lower, upper, 0),
        log_factors - by_evidence,
        distance,
        distance > tolerance,
    )


def _order(classes, others):
    """Return the place of each class among others."""
    if set(classes.tolist()) != set(others.tolist()):
        raise ValueError(
            f"classifier and evidence must be of the same models; got {classes.tolist()} and {others.tolist()}."
        )
    return [others.tolist().index(label) for label in classes.tolist()]


def _distance(log_factors, lower, upper, log_prior):
    """Return the least total variation from log evidences in a box, `(n_datasets,)`.

    If evidence times prior sums to Z, the probability of a model lies between its ends divided by Z. Probabilities that
    come nearest to the classifier's are as far from them as the lower ends push up in sum, or as the upper ones push
    down, whichever is more. The first falls with Z and the second rises; the least distance is where they meet.
    """
    proba = special.softmax(log_factors + log_prior, axis=1)
    lower, upper = lower + log_prior, upper + log_prior
    top = upper.max(axis=1, keepdims=True)
    lower, upper = lower - top, upper - top
    low, high = special.logsumexp(lower, axis=1), special.logsumexp(upper, axis=1)
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        up = np.maximum(np.exp(lower - middle[:, np.newaxis]) - proba, 0.0).sum(axis=1)
        down = np.maximum(proba - np.exp(np.minimum(upper - middle[:, np.newaxis], 0.0)), 0.0).sum(axis=1)
        low, high = np.where(up > down, middle, low), np.where(up > down, high, middle)
    return np.maximum(up, down)
