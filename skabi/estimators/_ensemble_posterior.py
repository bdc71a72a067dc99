"""Estimators that differ, fitted to the same simulations and asked as one mixture."""

from functools import partial
from typing import Self

import joblib
import numpy as np
from numpy.typing import ArrayLike

from skabi._names import check_parameter_names
from skabi._parallel import results
from skabi._params import check_choice, check_count, check_real
from skabi._progress import progress
from skabi._random import seed_sequence
from skabi._shapes import check_parameters
from skabi.estimators._checks import check_own_simulator
from skabi.estimators._known_likelihood import n_data_sets_of, rows_of
from skabi.estimators._members import (
    SharedSimulations,
    check_members,
    check_one_prior,
    check_one_target,
    fit_member,
    is_countable,
    member_weights,
    seed_members,
    trained_part,
)
from skabi.estimators._mixture_answers import MixtureAnswers
from skabi.estimators._stacking import stacking_weights
from skabi.exceptions import ShapeError
from skabi.priors import check_prior
from skabi.simulators import is_simulator


class EnsemblePosterior(MixtureAnswers):
    """Posterior that is the mixture of several estimators', which may differ in everything.

    Engines, summaries or losses that err in different ways correct each other, and where they disagree, as
    `disagreement` says, no one of them should be believed [1]_. The members learn from the same simulations. For equal
    networks that differ in their first weights alone `AmortizedPosterior(n_estimators=...)` is quicker: it trains them
    in one batch of operations.

    Members have the same weight by default. With `weigh_by_score=True` weights are those whose mixture has the best
    score of data sets that are held out from all members: stacking [2]_.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Names and members: `AmortizedPosterior`, `JointEstimator`, or a `skabi.pipeline.Pipeline` that ends in one.
        `fit` fits clones of them; one that is fitted already goes into `sklearn.frozen.FrozenEstimator`. "drop" in the
        place of a member leaves it out. `set_params(name__max_iter=50)` reaches into a member, and after `fit` into
        the fitted one, too: `set_params(name__engine__n_steps=32)` is how that draws from then on.
    weights : array-like of shape (n_estimators,), optional
        Of the members; they need not sum to one. By default all are equal.
    weigh_by_score : bool, default=False
        Whether `fit` chooses the weights. It goes by the log density; if a member has none, by the energy score.
    validation_fraction : float, default=0.1
        Share of the data sets held out to choose weights, which should be hundreds; without `weigh_by_score` none are.
        Members hold out others of their own.
    prior : IndependentPrior, ChainedPrior or None
        Prior that the parameters of `fit(X, y)` were drawn from, for all members. A simulator brings its own.
    n_simulations : int, default=10_000
        Simulations of `fit(simulator)`, made once; `n_simulations` of members is not looked at.
    n_jobs : int, optional
        Joblib workers that simulate, and fit members side by side.
    warn_outside : bool, default=True
        Whether `sample` passes on what members say of data sets that lie outside what was simulated.
    verbose : int, default=0
        Positive for progress bars of simulation and of members that are fitted; with 0 members may have bars of their
        own.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`, that of members included whose own `random_state` is None.

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted.
    named_estimators_ : dict of str to estimator
        Fitted, by name.
    weights_ : ndarray of shape (n_members,)
        Weights of the mixture, which sum to one.
    prior_ : prior or None
        The simulator's, the constructor's, or that of the first member.
    parameter_names_ : list of str
        Names of the columns of `y`.
    n_features_in_, feature_names_in_
        Those of the first member, where it has them.

    See Also
    --------
    AmortizedPosterior : With `n_estimators` for equal members.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell (2017). Simple and scalable predictive uncertainty estimation
       using deep ensembles. NeurIPS 2017. arXiv 1612.01474.
    .. [2] Y. Yao, A. Vehtari, D. Simpson, A. Gelman (2018). Using stacking to average Bayesian predictive
       distributions. Bayesian Analysis 13. arXiv 1704.02030.

    Examples
    --------
    >>> from skabi import AmortizedPosterior, EnsemblePosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> members = [
    ...     ("linear", AmortizedPosterior(Gaussian(()), max_iter=5)),
    ...     ("small", AmortizedPosterior(Gaussian((8,)), max_iter=5)),
    ... ]
    >>> ensemble = EnsemblePosterior(members, n_simulations=500, random_state=0).fit(ConjugateGaussian())
    >>> ensemble.sample([[0.5, -1.0]], n_draws=100, random_state=0).shape
    (1, 100, 2)
    >>> bool((ensemble.disagreement([[0.5, -1.0]]).variance_share < 0.1).all())
    True
    """

    def __init__(
        self,
        estimators,
        *,
        weights=None,
        weigh_by_score=False,
        validation_fraction=0.1,
        prior=None,
        n_simulations=10_000,
        n_jobs=None,
        warn_outside=True,
        verbose=0,
        random_state=None,
    ):
        self.estimators = estimators
        self.weights = weights
        self.weigh_by_score = weigh_by_score
        self.validation_fraction = validation_fraction
        self.prior = prior
        self.n_simulations = n_simulations
        self.n_jobs = n_jobs
        self.warn_outside = warn_outside
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: ArrayLike | None = None) -> Self:
        """Fit all members to the same simulations.

        Parameters
        ----------
        X : Simulator, array-like of shape (n_datasets, n_features) or (n_datasets, ...), list of arrays, or SliceDict
            A simulator, of which `n_simulations` are drawn, or data sets already simulated.
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            The parameters that made them. None for a simulator.

        Returns
        -------
        self : EnsemblePosterior

        Raises
        ------
        TypeError
            If a member cannot be fitted or cannot draw.
        ValueError
            If members have no names, or other priors or parameters than each other, or X and y are none that they can
            be fitted to.
        SimulatorError, TrainingError
            As in `AmortizedPosterior.fit`; what a member raises has a note of its name.
        """
        members = self._check()
        simulating, splitting, seeding, weighing = seed_sequence(self.random_state).spawn(4)
        seed_members(members.values(), seeding)
        X, y, prior, simulator = self._simulations(X, y, seed=simulating)
        check_one_prior(members, prior)
        X, y, held_out = self._hold_out(X, y, seed=splitting)
        given = (X, y) if prior is None else (SharedSimulations(X, y, prior, simulator), None)
        fitted = self._fit_members(members, *given)
        names = check_one_target(fitted, y)
        weights = member_weights(self.weights, self.estimators)
        if held_out is not None:
            weights = stacking_weights(list(fitted.values()), *held_out, seed=weighing)
        self._keep(fitted, weights, names, y)
        return self

    def set_params(self, **params):
        """Set parameters of the ensemble, members by their names and, as `name__parameter`, parameters of members.

        Parameters of members are those of fitted members, too, so that what may be chosen after `fit`, `device` or the
        steps of a free-form engine, is chosen at once. What else is set, another member among it, waits for `fit`.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : EnsemblePosterior
        """
        super().set_params(**params)
        all_fitted = getattr(self, "named_estimators_", {})
        for key, value in params.items():
            name, _, parameter = key.partition("__")
            if parameter and name in all_fitted and type(all_fitted[name]) is type(dict(self.estimators).get(name)):
                all_fitted[name].set_params(**{parameter: value})
        return self

    def _check(self):
        """Return a dict of clones of the members, or raise if a constructor parameter does not make sense."""
        for name in ("weigh_by_score", "warn_outside"):
            check_choice(getattr(self, name), name, (True, False))
        check_count(self.n_simulations, "n_simulations")
        check_real(self.validation_fraction, "validation_fraction", low=0.0, high=1.0)
        members = check_members(self.estimators, self.get_params(deep=False))
        if self.weigh_by_score and self.weights is not None:
            raise ValueError("weights are either given or chosen: with weigh_by_score=True leave weights at None.")
        member_weights(self.weights, self.estimators)
        return members

    def _simulations(self, X, y, *, seed):
        """Return data sets, parameters, their prior or None, and the simulator or None."""
        check_own_simulator(self, X)
        if not is_simulator(X):
            return X, y, None if self.prior is None else check_prior(self.prior), None
        if y is not None:
            raise ValueError("fit(simulator) simulates its own parameters; y must be None, or pass arrays X and y.")
        if self.prior is not None:
            raise ValueError("a simulator brings its own prior; leave the constructor's prior at None.")
        data, parameters = X.sample(self.n_simulations, random_state=seed, n_jobs=self.n_jobs, verbose=self.verbose)
        return data, parameters, X.prior, X

    def _hold_out(self, X, y, *, seed):
        """Return X and y for the members, and those held out from them, or None."""
        if not self.weigh_by_score:
            return X, y, None
        truth = check_parameters(y)
        X, y = list(X) if isinstance(X, tuple) else X, y if hasattr(y, "iloc") else np.asarray(y)
        if not is_countable(X) or n_data_sets_of(X) != len(truth):
            raise ShapeError("weigh_by_score=True needs X and y of the same n_datasets, to hold out some of them.")
        n_held_out = max(1, round(self.validation_fraction * len(truth)))
        if n_held_out == len(truth):
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out all {len(truth)} data sets, and leaves none "
                "to the members. Lower it, or pass more."
            )
        rows = np.random.default_rng(seed).permutation(len(truth))
        used, held_out = np.sort(rows[n_held_out:]), np.sort(rows[:n_held_out])
        return rows_of(X, used), rows_of(y, used), (rows_of(X, held_out), truth[held_out])

    def _fit_members(self, members, X, y):
        """Return a dict of fitted members, in their order."""
        fit = partial(fit_member, X=X, y=y, is_silent=bool(self.verbose))
        tasks = (joblib.delayed(fit)(name, member) for name, member in members.items())
        fitted, messages = {}, {}
        with progress(len(members), "fitting members", verbose=self.verbose, unit=" members") as done:
            for name, (member, own) in zip(members, results(tasks, n_jobs=self.n_jobs, batch_size=1), strict=True):
                fitted[name], messages[name] = member, own
                done(1)
        self._pass_on(messages, n_members=len(members))
        return fitted

    def _keep(self, fitted, weights, names, y):
        """Keep fitted members and what they have in common."""
        self.named_estimators_, self.estimators_, self.weights_ = fitted, list(fitted.values()), weights
        first = self.estimators_[0]
        part, _ = trained_part(first)
        self.prior_ = getattr(part, "prior_", None)
        n_parameters = check_parameters(y).shape[1] if names is None else len(names)
        self.parameter_names_ = check_parameter_names(names, n_parameters, y=y)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(first, name):
                setattr(self, name, getattr(first, name))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimators_")
