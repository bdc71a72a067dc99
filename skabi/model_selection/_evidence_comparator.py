"""Which model made the data: probabilities of models from the evidence of each."""

import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.estimators import JointEstimator, KnownLikelihood, LogEvidence
from skabi.estimators._evidence import log_evidence_of
from skabi.estimators._model_probabilities import ModelProbabilities
from skabi.estimators._models import check_model_prior, check_models
from skabi.exceptions import ApproximationWarning
from skabi.files._savable import Savable
from skabi.model_selection._evidence import check_likelihood

# Nats up to which the standard error of a mean of importance weights is believed: about a hundred effective draws.
_RELIABLE_ERROR = 0.1
_NORMAL_QUANTILE = 1.645


class EvidenceComparator(ModelProbabilities, Savable, BaseEstimator):
    """Posterior probabilities of models, from a posterior and a likelihood of each.

    The other route to what `AmortizedModelComparator` learns as a classifier, with the same methods. A model's evidence
    is Bayes' rule solved for it, `p(X) = l(X | y) p(y) / q(y | X)`, at draws from the learned posterior. With a known
    likelihood it can be trusted beyond the simulations, where a classifier extrapolates without a sign [1]_.

    The estimate of an evidence is `LogEvidence.log_mean` where the likelihood is known, and `LogEvidence.median` where
    it is learned. The mean is an importance-sampling estimate, consistent whatever the posterior; the median is off by
    the posterior's own error, and so are probabilities: by 0.002 instead of 0.0004 on two regressions whose evidence is
    known. With a learned likelihood its error is the larger one, 0.010 there, and the median is not moved by single
    draws at which the likelihood extrapolates. Draws of a data set depend on the data sets passed with
    it, so that probabilities move within their Monte Carlo error.

    A data set that no posterior draw of a model could have made has an evidence of zero there, minus infinity in logs,
    and is warned of.

    Parameters
    ----------
    estimators : JointEstimator, AmortizedPosterior, or dict of label to these
        One for each model, or one for all of them. `fit` fits clones of them, unless they are wrapped in
        `sklearn.frozen.FrozenEstimator`, which are used as they are. An `AmortizedPosterior` needs a simulator with a
        `log_likelihood`.
    model_prior : dict of label to float, array-like of shape (n_models,), or None
        Probabilities of the models before the data, equal by default; an array in the order of `classes_`. It may
        change after `fit`, by `set_params`.
    n_draws : int, default=2000
        Posterior draws a data set and model. It may change after `fit`.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Governs the posterior draws, which are the same at every call after one `fit`. Estimators have their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Labels of the models, in the order of the simulators.
    estimators_ : dict of label to estimator
        Fitted.

    See Also
    --------
    skabi.model_selection.check_routes : Where this route and the classifier's disagree.

    References
    ----------
    .. [1] Š. Kucharský, A. Mishra, D. Habermann, S. Radev, P.-C. Bürkner (2025). Improving the accuracy of amortized
       model comparison with self-consistency. arXiv 2508.20614.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.model_selection import EvidenceComparator
    >>> models = {"near": ConjugateGaussian(prior_variance=0.1), "far": ConjugateGaussian(prior_variance=5.0)}
    >>> estimator = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0)
    >>> comparator = EvidenceComparator(estimator, n_draws=500, random_state=0).fit(models)
    >>> comparator.predict([[0.1, -0.2], [3.0, -2.0]])
    array(['near', 'far'], dtype='<U4')
    """

    def __init__(self, estimators, *, model_prior=None, n_draws=2000, random_state=None):
        self.estimators = estimators
        self.model_prior = model_prior
        self.n_draws = n_draws
        self.random_state = random_state

    def fit(self, simulators=None) -> Self:
        """Fit each model's estimator to its simulator.

        Parameters
        ----------
        simulators : dict of label to Simulator, or list of Simulator, optional
            The models by name; those of a list are called 0, 1, ... Of models whose estimator is a frozen
            `JointEstimator`, which has its likelihood, the simulator may be None; none at all is that for all models.

        Returns
        -------
        self : EvidenceComparator

        Raises
        ------
        TypeError
            If an estimator is none of those above, or there is no likelihood.
        ValueError
            If there are fewer than two models, labels do not match, a posterior has no prior, or `model_prior` is not
            one of these models.
        NotFittedError
            If a frozen estimator is not fitted.
        """
        check_count(self.n_draws, "n_draws", minimum=2)
        models = self._models(simulators)
        classes = np.array(list(models))
        estimators = self._estimators(models)
        _check_simulators(models, estimators)
        default_prior = np.full(len(classes), 1 / len(classes))
        check_model_prior(self.model_prior, classes, default_prior)
        halves = {}
        for name, simulator in models.items():
            with _naming(name):
                estimators[name].fit(simulator, None)
                halves[name] = _halves(estimators[name], simulator)
        self.classes_, self._default_prior, self.estimators_, self._halves = classes, default_prior, estimators, halves
        self._seed = seed_sequence(self.random_state)
        return self

    def log_evidence(self, X: ArrayLike) -> dict[Any, LogEvidence]:
        """Return each model's log marginal likelihoods.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays

        Returns
        -------
        evidence : dict of label to LogEvidence
            Arrays `(n_datasets,)`, in nats. Minus infinity, with an infinite `log_mean_error`, of a data set that is
            impossible at all posterior draws of the model.

        Raises
        ------
        ValueError
            If a data set is impossible at all posterior draws of all models.

        Warns
        -----
        ApproximationWarning
            If a data set is impossible at all posterior draws of a model.
        """
        check_is_fitted(self)
        evidence = {}
        for (name, (posterior, likelihood)), seed in zip(
            self._halves.items(), seed_sequence(self._seed).spawn(len(self._halves)), strict=True
        ):
            with _naming(name), warnings.catch_warnings():
                # Data sets outside what one of the models makes are what models are compared for.
                warnings.filterwarnings("ignore", r"\d+ of \d+ data sets lie outside", ApproximationWarning)
                evidence[name] = log_evidence_of(
                    posterior, likelihood, X, n_draws=self.n_draws, random_state=seed, may_be_impossible=True
                )
        _warn_of_impossible(evidence)
        return evidence

    def log_bayes_factors(self, X: ArrayLike, reference=None) -> np.ndarray:
        """Return log Bayes factors of each model against one of them: prior odds are taken out.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        reference : label, optional
            By default the first of `classes_`.

        Returns
        -------
        log_bayes_factors : ndarray of shape (n_datasets, n_models)
            In nats: `log p(X | model) - log p(X | reference)`. Minus infinity where the data set is impossible under
            the model alone, infinity where it is under the reference alone, and 0 where it is under both: such data do
            not tell one from the other.
        """
        check_is_fitted(self)
        index = 0 if reference is None else self._index_of(reference)
        return log_factors_against(self._log_marginals(X), index)

    def log_bayes_factor_intervals(self, X: ArrayLike, reference=None) -> tuple[np.ndarray, np.ndarray]:
        """Return intervals of log Bayes factors of each model against one of them.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        reference : label, optional
            By default the first of `classes_`.

        Returns
        -------
        lower, upper : ndarray of shape (n_datasets, n_models)
            What 90 % intervals of both evidences allow, in nats. Of a known likelihood they are `log_mean` and its
            error, as long as that is at most 0.1; else, and of a learned one, what `LogEvidence` has over draws, which
            is blind to an error that both halves share. Where the data set is impossible under one of the two models,
            both ends are the infinite factor; where it is under both, the interval is from minus infinity to infinity.
        """
        check_is_fitted(self)
        index = 0 if reference is None else self._index_of(reference)
        _, lower, upper = self._estimates(X)
        return log_factor_interval(lower, upper, index)

    def _models(self, simulators):
        """Return a dict of simulators, whose labels are those of the estimators."""
        if simulators is None:
            if not isinstance(self.estimators, Mapping):
                raise TypeError("simulators may be left out if estimators is a dict of label to frozen JointEstimator.")
            simulators = dict.fromkeys(self.estimators)
        if not isinstance(simulators, (Mapping, list, tuple)):
            raise TypeError(
                f"simulators must be a dict of label to simulator, or a list; got {type(simulators).__name__}."
            )
        models = simulators if isinstance(simulators, Mapping) else dict(enumerate(simulators))
        if isinstance(self.estimators, Mapping) and set(self.estimators) != set(models):
            raise ValueError(
                f"estimators and simulators must have the same labels; got {list(self.estimators)} and {list(models)}."
            )
        return models

    def _estimators(self, models):
        """Return a dict of clones; frozen ones are their own."""
        given = self.estimators if isinstance(self.estimators, Mapping) else dict.fromkeys(models, self.estimators)
        for name, estimator in given.items():
            if not all(hasattr(estimator, method) for method in ("fit", "sample", "log_prob")):
                raise TypeError(
                    f"model {name!r} needs a JointEstimator or an AmortizedPosterior, or one of them frozen; got "
                    f"{estimator!r}."
                )
            if isinstance(_thawed(estimator), Pipeline):
                raise TypeError(
                    f"model {name!r} has a Pipeline, whose posterior is given transformed data sets, while the "
                    "likelihood is of data sets as simulated. Pass its last step, a JointEstimator or an "
                    "AmortizedPosterior, and transform in its summary."
                )
        return {name: clone(given[name]) for name in models}

    def _estimates(self, X):
        """Return estimates of log evidences and the ends of their intervals, each `(n_datasets, n_models)`."""
        columns = [
            _by_mean(evidence)
            if isinstance(self._halves[name][1], KnownLikelihood)
            else (evidence.median, evidence.lower, evidence.upper)
            for name, evidence in self.log_evidence(X).items()
        ]
        return tuple(np.stack(columns, axis=-1))

    def _log_marginals(self, X):
        return self._estimates(X)[0]


def log_factors_against(log_evidence: np.ndarray, index: int) -> np.ndarray:
    """Return log Bayes factors against the model at `index`; 0 between two models whose evidence is zero."""
    with np.errstate(invalid="ignore"):
        factors = log_evidence - log_evidence[:, [index]]
    factors[np.isnan(factors)] = 0.0
    return factors


def log_factor_interval(lower: np.ndarray, upper: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals of log Bayes factors against the model at `index`, from those of log evidences."""
    with np.errstate(invalid="ignore"):
        low, high = lower - upper[:, [index]], upper - lower[:, [index]]
    low[np.isnan(low)], high[np.isnan(high)] = -np.inf, np.inf
    low[:, index] = high[:, index] = 0.0
    return low, high


def _by_mean(evidence):
    """Return the mean and an interval that holds it."""
    is_reliable = evidence.log_mean_error <= _RELIABLE_ERROR
    mean, margin = evidence.log_mean, _NORMAL_QUANTILE * np.where(is_reliable, evidence.log_mean_error, 0.0)
    # Few draws with most of the weight take the mean beyond the interval over draws.
    lower = np.where(is_reliable, mean - margin, np.minimum(evidence.lower, mean))
    upper = np.where(is_reliable, mean + margin, np.maximum(evidence.upper, mean))
    return mean, lower, upper


def _warn_of_impossible(evidence):
    """Warn of data sets that are impossible under a model, and raise if one is under all."""
    is_impossible = {name: np.isneginf(found.log_mean) for name, found in evidence.items()}
    under_all = np.logical_and.reduce(list(is_impossible.values()))
    if under_all.any():
        raise ValueError(
            f"data set {np.argmax(under_all)} of X is impossible under all models {list(evidence)}: no posterior draw "
            "of any has a likelihood above zero. It is unlike the simulations, or posteriors and likelihoods are not "
            "of the same models."
        )
    for name, rows in is_impossible.items():
        if rows.any():
            warn(
                f"{np.count_nonzero(rows)} of {len(rows)} data sets are impossible under model {name!r}: no posterior "
                "draw has a likelihood above zero. Its probability is zero there, if the draws missed nothing.",
                ApproximationWarning,
            )


def _thawed(estimator):
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _check_simulators(models, estimators):
    """Raise unless each model has what its estimator needs."""
    joint = {name for name, estimator in estimators.items() if isinstance(_thawed(estimator), JointEstimator)}
    check_models(models, optional={name for name in joint if isinstance(estimators[name], FrozenEstimator)})
    for name, simulator in models.items():
        if name not in joint and not callable(getattr(simulator, "log_likelihood", None)):
            raise TypeError(
                f"model {name!r} has no known likelihood, which the evidence of an AmortizedPosterior needs. Give its "
                "simulator a log_likelihood, or use JointEstimator(), which learns one."
            )


def _halves(estimator, simulator):
    """Return the posterior and the likelihood of a fitted estimator."""
    fitted = _thawed(estimator)
    if isinstance(fitted, JointEstimator):
        posterior, likelihood = fitted.posterior_, fitted.likelihood_
    else:
        posterior, likelihood = fitted, check_likelihood(fitted, simulator)
    if getattr(posterior, "prior_", None) is None:
        raise ValueError(
            "the evidence needs the density of the prior. Fit to a simulator, or pass prior=... to the constructor."
        )
    return posterior, likelihood


@contextmanager
def _naming(name):
    """Say which model an error is about."""
    try:
        yield
    except Exception as error:
        error.add_note(f"This was model {name!r}.")
        raise
