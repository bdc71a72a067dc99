"""Posterior and likelihood of a simulator, learned on the same simulations."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Self

from numpy.typing import ArrayLike

from skabi._params import check_choice
from skabi.estimators._both_halves import BothHalves
from skabi.estimators._checkpointed import hash_of_weights
from skabi.estimators._checks import check_constructor, check_fresh
from skabi.estimators._column_kinds import check_column_kinds
from skabi.estimators._data_layout import check_can_be_learned, observations_of, of_data
from skabi.estimators._known_likelihood import KnownLikelihood
from skabi.estimators._likelihood import AmortizedLikelihood
from skabi.estimators._posterior import AmortizedPosterior
from skabi.networks._both import Both, Seen, SideBySide
from skabi.priors import check_prior
from skabi.simulators import is_simulator
from skabi.summaries import SeriesSummary

_OF_BOTH = (
    "n_estimators",
    "n_simulations",
    "max_iter",
    "batch_size",
    "learning_rate_init",
    "n_iter_no_change",
    "validation_fraction",
    "early_stopping",
    "prior",
    "device",
    "n_jobs",
    "warm_start",
    "fresh_simulations",
    "callbacks",
    "verbose",
    "random_state",
)


class JointEstimator(BothHalves):
    """Posterior and likelihood of a simulator, learned together on the same simulations [1]_.

    With both, and without another simulation, there are an emulator (`sample_data`), marginal likelihoods
    (`log_evidence`), posterior predictive data (`predictive`), cross-validation of many data sets
    (`skabi.model_selection.cross_val_elpd`), and a calibration test of the pair
    (`skabi.diagnostics.joint_sbc_ranks`).

    The joint loss `-log q(y | X) - log l(X | y)` has no weight in both terms, so each half is trained on its own term
    and stops by its own held-out score. A simulator's own `log_likelihood` is used instead of a learned one, unless
    `likelihood` asks for one.

    Parameters
    ----------
    posterior : engine recipe, optional
        The density of parameters given data, from `skabi.engines`; by default `SplineFlow()`.
    likelihood : engine recipe, optional
        The density of data given parameters; by default the simulator's own `log_likelihood` where it has one, else
        as in `AmortizedLikelihood`.
    summary : summary recipe, optional
        How the posterior sees a data set, as in `AmortizedPosterior`, and what data sets are to the likelihood: sets,
        series, or single observations. See `AmortizedLikelihood`.
    column_kinds : list of {"continuous", "count", "category"}, optional
        Of a likelihood that is learned, as in `AmortizedLikelihood`.
    share_summary : bool, default=False
        Whether, of a series, the likelihood's memory is the posterior's summary network, too. Both are then trained as
        one network on the sum of the posterior's loss and the likelihood's mean loss an observation, which is what
        their loss curves show: one reading of the data for two answers. The likelihood of vectors and sets reads no
        summary.
    loss : loss recipe, optional
        What the posterior's training minimises; by default `ForwardKL()`. With `SelfConsistency` and a likelihood that
        is learned both halves are trained at once and learn from each other, and their loss curves show the sum.
    prior : IndependentPrior, ChainedPrior or None
        Prior that the parameters of `fit(X, y)` were drawn from; a simulator brings its own.
    n_estimators : int, default=1
        Networks of each half, whose equal mixture it is.
    n_simulations, max_iter, batch_size, learning_rate_init, n_iter_no_change, validation_fraction, early_stopping
        As in `AmortizedPosterior`, for each half.
    missing, missing_rate
        As in `AmortizedPosterior`. A likelihood of data with missing values is not learned: there must be a known one.
    device, n_jobs, warm_start, warn_outside, fresh_simulations, checkpoint, callbacks, verbose, random_state
        As in `AmortizedPosterior`: each half has its own fresh simulations, and its own folder in that of the
        checkpoint, and Ctrl-C ends the training of one half. With the same `random_state` the posterior is that of an
        `AmortizedPosterior`.

    Attributes
    ----------
    posterior_ : AmortizedPosterior
        Fitted; usable alone. With `ReverseKL` the evidence lower bounds are its `elbo_`.
    likelihood_ : AmortizedLikelihood or KnownLikelihood
        Fitted; usable alone.
    prior_ : prior or None
        The simulator's or the constructor's.
    parameter_names_ : list of str
        Names of the columns of `y`.
    observations_ : {"one", "exchangeable", "ordered"} or None
        What the data sets are: one observation each, sets, or series; None if the summary does not say.
    n_iter_ : int
        Epochs of the half that was trained longer.
    n_features_in_, feature_names_in_
        As in `AmortizedPosterior`.

    References
    ----------
    .. [1] S. Radev, M. Schmitt, V. Pratz, U. Picchini, U. Köthe, P.-C. Bürkner (2023). JANA: jointly amortized neural
       approximation of complex Bayesian models. UAI 2023. arXiv 2302.09125.

    Examples
    --------
    >>> from skabi import JointEstimator
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> simulator = ConjugateGaussian()
    >>> joint = JointEstimator(Gaussian(()), Gaussian(()), n_simulations=1000, max_iter=5, random_state=0)
    >>> evidence = joint.fit(simulator).log_evidence([[0.5, -1.0]], random_state=0)
    >>> abs(evidence.median - simulator.log_evidence([[0.5, -1.0]])).item() < 0.1
    True
    """

    def __init__(
        self,
        posterior=None,
        likelihood=None,
        *,
        summary=None,
        column_kinds=None,
        share_summary=False,
        loss=None,
        prior=None,
        n_estimators=1,
        n_simulations=10_000,
        max_iter=50,
        batch_size="auto",
        learning_rate_init=6e-3,
        n_iter_no_change=20,
        validation_fraction=0.1,
        early_stopping=True,
        missing=None,
        missing_rate=0.8,
        device="auto",
        n_jobs=None,
        warm_start=False,
        warn_outside=True,
        fresh_simulations=False,
        checkpoint=None,
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.posterior = posterior
        self.likelihood = likelihood
        self.summary = summary
        self.column_kinds = column_kinds
        self.share_summary = share_summary
        self.loss = loss
        self.prior = prior
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
        self.warn_outside = warn_outside
        self.fresh_simulations = fresh_simulations
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: ArrayLike | None = None) -> Self:
        """Train on simulations.

        Parameters
        ----------
        X : Simulator, array-like of shape (n_datasets, n_features) or (n_datasets, ...), or list of arrays
            A simulator, of which `n_simulations` are drawn, or data sets already simulated. Several sources need a
            simulator with a `log_likelihood`.
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            The parameters that made them. None for a simulator.

        Returns
        -------
        self : JointEstimator

        Raises
        ------
        ValueError, SimulatorError, TrainingError
            As in `AmortizedPosterior.fit`; or if values may be missing and no likelihood is known, or `column_kinds`
            are given and one is, or fit no column.
        """
        check_constructor(self)
        check_choice(self.share_summary, "share_summary", (True, False))
        check_column_kinds(self.column_kinds)
        prior = None if self.prior is None else check_prior(self.prior)
        known = self._known_likelihood(X)
        if known is not None and self.column_kinds is not None:
            raise ValueError(
                "column_kinds are those of a likelihood that is learned, and the simulator has a log_likelihood. Leave "
                "them out, or learn one all the same: JointEstimator(likelihood=SplineFlow())."
            )
        if known is None and self.missing is not None:
            raise ValueError(
                "a likelihood of data with missing values cannot be learned. Give the simulator a log_likelihood, or "
                "use AmortizedPosterior."
            )
        check_fresh(self, X)
        posterior, likelihood = self._halves(known, is_continued=self.warm_start and hasattr(self, "likelihood_"))
        halves, simulator = [half for half in (posterior, likelihood) if half is not None], None
        posterior._begin_fit(*halves[1:])
        if is_simulator(X):
            if likelihood is not None:
                likelihood._check_engine(len(X.prior.parameter_names))
            simulator = X
            X, y, prior = posterior._simulate(X, y)
        if known is None:
            # Before time is spent on the posterior.
            check_can_be_learned(X, likelihood.summary)
        if self.share_summary:
            self._fit_both(posterior, likelihood, X, y, prior=prior)
        elif self._learns_from_posterior(likelihood):
            self._fit_at_once(posterior, likelihood, X, y, prior=prior)
        else:
            self._fit_each(halves, X, y, prior=prior, simulator=simulator, known=known)
        if all(half._interrupted is None for half in halves):
            for half in halves:
                half._end_fit()
        return self._keep(posterior, known or likelihood)

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train each half for one pass over simulations, from where the last pass or `fit` ended.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features) or (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        self : JointEstimator

        Raises
        ------
        TypeError, ValueError, TrainingError
            As in `AmortizedPosterior.partial_fit`; or with `share_summary=True`, which `fit` alone can do.
        """
        check_constructor(self)
        if self.share_summary:
            raise ValueError("share_summary=True is for fit; partial_fit trains halves that share nothing.")
        last = getattr(self, "likelihood_", None)
        known = last if isinstance(last, KnownLikelihood) else None
        posterior, likelihood = self._halves(known, is_continued=last is not None)
        if likelihood is not None:
            likelihood.partial_fit(X, y)
        posterior._pass_over(X, y, learned=likelihood, simulator=None if known is None else known.simulator)
        return self._keep(posterior, known or likelihood)

    def _keep(self, posterior, likelihood):
        """Keep both halves or none, so that what is left of an earlier fit belongs together."""
        self.posterior_, self.likelihood_ = posterior, likelihood
        self.prior_, self.parameter_names_ = posterior.prior_, posterior.parameter_names_
        self.observations_ = observations_of(posterior.summary_, posterior._reader.shape)
        self.n_iter_ = max(posterior.n_iter_, getattr(self.likelihood_, "n_iter_", 0))
        self.n_features_in_ = posterior.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(posterior, "feature_names_in_"):
            self.feature_names_in_ = posterior.feature_names_in_
        return self

    def _fit_each(self, halves, X, y, *, prior, simulator, known):
        """Train one half after the other; what can be said against either is said before time is spent on the first.

        The likelihood is the first if the posterior's loss asks for it.
        """
        fresh = [None if simulator is None else half._fresh_simulations_of(simulator) for half in halves]
        asked = None if known is None else simulator
        tasks = [
            half._prepare(X, y, prior=prior, fresh=each, simulator=asked)
            for half, each in zip(halves, fresh, strict=True)
        ]
        pairs, of_posterior = list(zip(halves, tasks, strict=True)), tasks[0]
        if of_posterior.model is not None and known is None:
            of_posterior.model.learned = halves[1]
            pairs.reverse()
        for half, task in pairs:
            half._finish(task, half._train(task))

    def _fit_both(self, posterior, likelihood, X, y, *, prior):
        """Train both halves as one network, in which the likelihood's memory of a series is the posterior's summary."""
        if likelihood is None or self.n_estimators > 1 or self.warm_start or self.fresh_simulations:
            raise ValueError(
                "share_summary=True is for a likelihood that is learned, with n_estimators=1, warm_start=False and "
                "fresh_simulations=False."
            )
        if self.loss is not None and self.loss.needs_joint_density:
            raise ValueError(
                f"share_summary=True trains both halves at once, and {self.loss!r} asks for a likelihood that is "
                "trained before the posterior. Use share_summary=False."
            )
        task = likelihood._prepare(X, y, prior=prior)
        if not isinstance(likelihood.summary_, SeriesSummary) or set(likelihood.column_kinds_) != {"continuous"}:
            raise ValueError(
                "share_summary=True is for summary=SeriesSummary() and continuous columns; got "
                f"{likelihood.summary_!r} and {likelihood.column_kinds_}. Other data have likelihoods without a memory."
            )
        of_posterior = posterior._prepare(X, y, prior=prior, memory=task.network.memory)
        log_det = of_posterior.log_det + task.log_det
        network = Both(of_posterior.network, task.network)
        first_weights = hash_of_weights(network)
        record = posterior._train(replace(of_posterior, network=network, log_det=log_det, first_weights=first_weights))
        posterior._finish(replace(of_posterior, log_det=log_det), record)
        likelihood._finish(replace(task, log_det=log_det), record)

    def _learns_from_posterior(self, likelihood):
        """Return whether both halves are trained at once because the likelihood learns from the posterior's loss."""
        is_alone = self.n_estimators == 1 and not (self.fresh_simulations or hasattr(likelihood, "network_"))
        return likelihood is not None and self.loss is not None and self.loss.teaches_likelihood and is_alone

    def _fit_at_once(self, posterior, likelihood, X, y, *, prior):
        """Train both halves as one network, in whose loss one is asked about the other."""
        of_likelihood, task = likelihood._prepare(X, y, prior=prior), posterior._prepare(X, y, prior=prior)
        task.model.learned, task.model.in_training = likelihood, of_likelihood.network
        log_det = task.log_det + of_likelihood.log_det
        network, dropping = SideBySide(task.network, of_likelihood.network), of_likelihood.dropping
        both = replace(
            task,
            network=network,
            x=Seen(task.x, of_likelihood.x),
            log_det=log_det,
            dropping=None
            if dropping is None
            else lambda seen, generator: seen._replace(likelihood=dropping(seen.likelihood, generator)),
            first_weights=hash_of_weights(network),
        )
        record = posterior._train(both)
        posterior._finish(replace(task, log_det=log_det), record)
        likelihood._finish(replace(of_likelihood, log_det=log_det), record)

    def _known_likelihood(self, X):
        """Return the likelihood that a simulator brings, or None if it is to be learned."""
        if self.likelihood is not None or not is_simulator(X) or getattr(X, "log_likelihood", None) is None:
            return None
        return KnownLikelihood(X)

    def _halves(self, known, *, is_continued):
        """Return both halves, untrained, or as the last fit left them if this one goes on; None for a known one."""
        both = {name: getattr(self, name) for name in _OF_BOTH}
        folders = {
            name: None if self.checkpoint is None else Path(self.checkpoint) / name
            for name in ("posterior", "likelihood")
        }
        of_posterior = {
            name: getattr(self, name) for name in ("summary", "loss", "missing", "missing_rate", "warn_outside")
        }
        posterior = copy.copy(self.posterior_) if is_continued else AmortizedPosterior()
        posterior.set_params(engine=self.posterior, checkpoint=folders["posterior"], **of_posterior, **both)
        if known is not None:
            return posterior, None
        last = self.likelihood_ if is_continued else None
        likelihood = copy.copy(last) if isinstance(last, AmortizedLikelihood) else AmortizedLikelihood()
        of_likelihood = {
            "summary": of_data(self.summary),
            "column_kinds": self.column_kinds,
            "checkpoint": folders["likelihood"],
        }
        return posterior, likelihood.set_params(engine=self.likelihood, **of_likelihood, **both)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "likelihood_")
