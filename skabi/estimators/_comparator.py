"""Which model made the data: probabilities of models, learned once for all data sets."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._torch import seeded, to_array
from skabi.estimators._base import or_default
from skabi.estimators._checks import check_constructor, check_fresh
from skabi.estimators._fresh_simulations import draw_of_models
from skabi.estimators._inference import contexts
from skabi.estimators._labels import check_classes_of_passes, index_of, models_of
from skabi.estimators._logistic_start import logistic_start
from skabi.estimators._model_probabilities import ModelProbabilities
from skabi.estimators._models import check_labels, check_model_prior, check_models, simulate_models
from skabi.estimators._stored import in_parts, is_large
from skabi.estimators._summarizing import SummarizingEstimator
from skabi.heads import DirichletEvidence, Softmax
from skabi.losses import ForwardKL
from skabi.networks._classifier import ClassifierEnsemble, SummarizedClassifier


def _is_evidential(estimator):
    """Return whether the head, the fitted one if there is one, says how sure it is."""
    network = getattr(estimator, "network_", None)
    if network is None:
        return isinstance(estimator.head, DirichletEvidence)
    return hasattr(getattr(network, "members", [network])[0].head, "concentration")


class AmortizedModelComparator(ModelProbabilities, SummarizingEstimator):
    """Posterior probabilities of models, learned once and then answered for any data set in one pass [1]_.

    A classifier of data sets: `fit` trains a network to tell which of several simulators made a data set. Trained by
    cross-entropy, its probabilities are those of the models given the data set, p(model | X), each model's parameters
    integrated out. Ratios of them are Bayes factors.

    Parameters
    ----------
    summary : summary recipe, optional
        How a data set becomes a fixed number of statistics, as in `AmortizedPosterior`.
    head : head recipe, optional
        What turns statistics into probabilities, from `skabi.heads`; by default `Softmax()`.
    model_prior : dict of label to float, array-like of shape (n_models,), or None
        Probabilities of the models before the data; an array in the order of `classes_`. By default equal for
        simulators, and the shares of the labels of `fit(X, y)`. It may change after `fit`, by `set_params`: nothing is
        trained anew.
    n_estimators : int, default=1
        Networks that are trained side by side; probabilities are their mean.
    n_simulations : int, default=10_000
        Simulations of each model in `fit(simulators)`.
    max_iter, batch_size, learning_rate_init, n_iter_no_change, validation_fraction, early_stopping
        As in `AmortizedPosterior`; the highest rate is 3e-3 by default.
    missing, missing_rate
        As in `AmortizedPosterior`.
    device, n_jobs, warm_start, fresh_simulations, checkpoint, callbacks, verbose, random_state
        As in `AmortizedPosterior`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Labels of the models: names of simulators in the order they came, or sorted labels of `fit(X, y)`.
    head_, summary_ : recipes
        What was used.
    network_ : torch.nn.Module
        The trained network, on the CPU.
    n_iter_, best_iter_ : int
        As in `AmortizedPosterior`.
    loss_curve_ : list of float
        Mean loss of the training data an epoch; of `Softmax` the cross-entropy, in nats.
    validation_scores_ : list of float
        Minus the mean loss of held-out data sets an epoch.
    n_features_in_, feature_names_in_
        As in `AmortizedPosterior`.

    References
    ----------
    .. [1] S. Radev, M. D'Alessandro, U. Mertens, A. Voss, U. Köthe, P.-C. Bürkner (2021). Amortized Bayesian model
       comparison with evidential deep learning. arXiv 2004.10629.
    .. [2] L. Elsemüller, M. Schnuerch, P.-C. Bürkner, S. Radev (2023). A deep learning method for comparing Bayesian
       hierarchical models. arXiv 2301.11873.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedModelComparator
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng):
    ...     return rng.poisson(rate, size=(8, len(rate))).T
    >>> few, many = (
    ...     Simulator(IndependentPrior({"rate": stats.gamma(shape)}), simulate, vectorized=True) for shape in (1.0, 9.0)
    ... )
    >>> comparator = AmortizedModelComparator(n_simulations=500, max_iter=10, random_state=0)
    >>> comparator.fit({"few": few, "many": many}).predict([[0, 1, 0, 2, 0, 1, 1, 0], [9, 7, 11, 6, 8, 9, 12, 8]])
    array(['few', 'many'], dtype='<U4')
    """

    _progress = "training comparator"
    _counts: np.ndarray

    def __init__(
        self,
        *,
        summary=None,
        head=None,
        model_prior=None,
        n_estimators=1,
        n_simulations=10_000,
        max_iter=50,
        batch_size="auto",
        learning_rate_init=3e-3,
        n_iter_no_change=20,
        validation_fraction=0.1,
        early_stopping=True,
        missing=None,
        missing_rate=0.8,
        device="auto",
        n_jobs=None,
        warm_start=False,
        fresh_simulations=False,
        checkpoint=None,
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.summary = summary
        self.head = head
        self.model_prior = model_prior
        self.n_estimators = n_estimators
        self.n_simulations = n_simulations
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.missing = missing
        self.missing_rate = missing_rate
        self.device = device
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.fresh_simulations = fresh_simulations
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: ArrayLike | None = None) -> Self:
        """Train on simulations.

        Parameters
        ----------
        X : dict of str to Simulator, list of Simulator, array-like of shape (n_datasets, ...), or list of arrays
            The models by name, `n_simulations` of each are drawn; those of a list are called 0, 1, ... Or data sets
            already simulated.
        y : array-like of shape (n_datasets,)
            The label of the model that made each data set. None for simulators.

        Returns
        -------
        self : AmortizedModelComparator

        Raises
        ------
        ValueError
            If there are fewer than two models, the prior is not one of these models, or X and y do not fit together.
        ShapeError
            If data sets of different models have different shapes.
        SimulatorError, TrainingError
            As in `AmortizedPosterior.fit`.
        """
        check_constructor(self)
        self._begin_fit()
        models = models_of(X, y)
        if models is None:
            check_fresh(self, X)
        X, classes, index, default_prior = self._labelled(X, y, models)
        fresh = None if models is None else self._fresh_simulations(models.values(), draw_of_models(models, self))
        self._n_models = len(classes)
        self._fit_simulations(X, index, prior=None, fresh=fresh)
        self.classes_, self._default_prior = classes, default_prior
        self._note_labels(index, anew=True)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Train for one pass over simulations, from where the last pass or `fit` ended.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets,)
            The label of the model that made each data set.
        classes : array-like of shape (n_models,), optional
            Labels of all models; needed in the first call.

        Returns
        -------
        self : AmortizedModelComparator

        Raises
        ------
        TypeError, ValueError, TrainingError
            As in `AmortizedPosterior.partial_fit`; or if `classes` are missing in the first call, or others later, or
            y has labels that are none of them.
        """
        known = getattr(self, "classes_", None)
        labels = check_classes_of_passes(classes, known)
        index = index_of(check_labels(y, self), labels)
        equal = np.full(len(labels), 1 / len(labels))
        self._check_before_training(labels, equal)
        self._n_models = len(labels)
        self._pass_over(X, index)
        self._note_labels(index, anew=known is None)
        if known is None:
            self.classes_, self._default_prior = labels, equal
        return self

    def _note_labels(self, index, *, anew):
        """Keep the shares of the models among the data sets that the network has learned from."""
        counts = np.bincount(index.astype(int), minlength=self._n_models)
        self._counts = counts if anew else self._counts + counts
        # Of a model that was in no part yet nothing is known: half a data set.
        self._shares = np.maximum(self._counts, 0.5) / self._counts.sum()

    @available_if(_is_evidential)
    def sample_proba(self, X: ArrayLike, n_draws: int = 1000, *, random_state=None) -> np.ndarray:
        """Draw model probabilities from what the network believes of them; with `DirichletEvidence` alone.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        proba : ndarray of shape (n_datasets, n_draws, n_models)
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        concentration = self._concentration(X)
        rng = np.random.default_rng(seed_sequence(random_state))
        member = rng.integers(concentration.shape[1], size=(len(concentration), n_draws))
        log_gamma = np.log(rng.standard_gamma(concentration[np.arange(len(member))[:, np.newaxis], member]))
        return special.softmax(log_gamma + np.log(self._model_prior() / self._shares), axis=2)

    @available_if(_is_evidential)
    def uncertainty(self, X: ArrayLike) -> np.ndarray:
        """Return how little the network knows of model probabilities, from 0 to 1; with `DirichletEvidence` alone.

        Of data like the simulations: unlike all of them, a data set may have any uncertainty, and none.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        uncertainty : ndarray of shape (n_datasets,)
            The number of models over the sum of the concentrations, the mean over networks.
        """
        check_is_fitted(self)
        concentration = self._concentration(X)
        return (concentration.shape[2] / concentration.sum(axis=2)).mean(axis=1)

    def _labelled(self, X, y, models):
        """Return data sets, classes, the index of each data set's class, and the prior of the classes by default."""
        if models is not None:
            classes = check_models(models)
            default_prior = np.full(len(classes), 1 / len(classes))
            self._check_before_training(classes, default_prior)
            X, index = simulate_models(
                models,
                n_simulations=self.n_simulations,
                random_state=self._seeds()[0],
                n_jobs=self.n_jobs,
                verbose=self.verbose,
            )
            return X, classes, index, default_prior
        y = check_labels(y, self)
        classes, index = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            raise ValueError(f"a comparison needs at least two classes (models); y has the one class {classes[0]!r}.")
        default_prior = np.bincount(index) / len(index)
        self._check_before_training(classes, default_prior)
        return X, classes, index.astype(float), default_prior

    def _check_before_training(self, classes, default_prior):
        with seeded(0):
            or_default(self.head, Softmax).build(2, 1)
        check_model_prior(self.model_prior, classes, default_prior)
        if self.warm_start and hasattr(self, "network_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"with warm_start=True fit goes on with the models {self.classes_.tolist()}; got {classes.tolist()}. "
                "Use warm_start=False or a clone."
            )

    def _check_same_problem(self, X, names, prior):
        self._check_same_data(X)

    def _change_prior(self, prior, y):
        """Do nothing: there are no parameters."""

    def _realign(self, network, x, theta, y, old_map):
        """Do nothing: what is learned are no densities."""

    def _start(self, X, y, *, prior, parameter_names):
        if hasattr(self, "network_"):
            del self.network_
        self.head_, self.loss_ = or_default(self.head, Softmax), ForwardKL()
        self._start_reading(X)

    def _build(self, X, y, *, dropping, seed, memory=None):
        n_models, members = self._n_models, []
        with seeded(seed):
            for _ in range(self.n_estimators):
                summary, conditions = self._build_summary(X, n_models)
                head = self.head_.build(n_models, summary.n_summaries + conditions.n_conditions)
                members.append(SummarizedClassifier(summary, head, conditions))
        if n_fixed := getattr(members[0].summary, "n_fixed", 0):
            context = self._first_context(members[0], X, dropping=dropping, seed=seed)
            weight, bias = logistic_start(context, y.astype(int), n_models=n_models, n_used=n_fixed)
            for member in members:
                member.weight, member.bias = weight.clone(), bias.clone()
        return members[0] if self.n_estimators == 1 else ClassifierEnsemble(members)

    def _to_network(self, X, y):
        return self._reader.to_network(X), y.reshape(-1, 1), np.zeros(len(y))

    def _log_marginals(self, X):
        check_is_fitted(self)
        if is_large(X):
            return in_parts(self._log_marginals, X, doing="comparing", verbose=self.verbose)
        network = self._network()
        log_proba = to_array(network.log_proba_given(contexts(network, self._scaled(X), verbose=self.verbose)))
        return log_proba - np.log(self._shares)

    def _concentration(self, X):
        network = self._network()
        return to_array(network.concentration_given(contexts(network, self._scaled(X))))
