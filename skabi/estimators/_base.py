"""What amortized estimators share: from simulations to a trained network."""

import copy
import math

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from skabi._random import integer_seed, seed_sequence
from skabi._torch import resolve_device, seeded, to_array, to_tensor, torch_generator
from skabi._warnings import warn
from skabi.engines import SplineFlow
from skabi.estimators._checks import RECIPES, check_data_sets, check_training_data
from skabi.estimators._features import FeatureScaler
from skabi.estimators._linear_start import linear_start
from skabi.estimators._parameters import ParameterMap, parameter_names_of
from skabi.exceptions import ApproximationWarning
from skabi.losses import Batch, ForwardKL
from skabi.networks._ensemble import Ensemble, StackedMembers
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import IdentitySummary
from skabi.training import EpochBar, train


class AmortizedEstimator(BaseEstimator):
    """Base class of estimators that train a network on simulations."""

    # What `fit` finds from an earlier one.
    network_: SummarizedDensity | Ensemble
    loss_curve_: list[float]
    validation_scores_: list[float]
    _split_seed: np.random.SeedSequence

    def set_params(self, **params):
        """Set parameters of this estimator and, as in `engine__n_transforms`, of its recipes.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a name is unknown, or is that of a recipe's parameter while the recipe is None.
        """
        for name in params:
            recipe, _, parameter = name.partition("__")
            if parameter and recipe in RECIPES and params.get(recipe, getattr(self, recipe)) is None:
                raise ValueError(
                    f"{name} cannot be set while {recipe} is None. Name the recipe first: "
                    f"{type(self).__name__}({recipe}={RECIPES[recipe][1]})."
                )
        return super().set_params(**params)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def _simulate(self, simulator, y=None):
        """Return simulated X and y and the simulator's prior."""
        if y is not None:
            raise ValueError("fit(simulator) simulates its own parameters; y must be None, or pass arrays X and y.")
        if self.prior is not None:
            raise ValueError("a simulator brings its own prior; leave the constructor's prior at None.")
        # An engine that cannot be built says so before simulations are spent.
        with seeded(0):
            _or_default(self.engine, SplineFlow).build(len(simulator.prior.parameter_names), 1)
        seed = self._seeds()[0]
        X, y = simulator.sample(self.n_simulations, random_state=seed, n_jobs=self.n_jobs, verbose=self.verbose)
        return X, y, simulator.prior

    def _seeds(self):
        """Return one seed each for simulation, split, first weights and batches."""
        return seed_sequence(self.random_state).spawn(4)

    def _fit_simulations(self, X, y, *, prior):
        """Fit on data sets and parameters that were drawn from `prior`."""
        named = y
        X, y = check_training_data(self, X, y)
        names = parameter_names_of(named, np.reshape(y, (len(y), -1)).shape[1], prior)
        _, split_seed, network_seed, shuffle_seed = self._seeds()
        is_continued = self.warm_start and hasattr(self, "network_")
        # Rows once trained on are never held out later.
        split_seed = self._split_seed if is_continued else split_seed
        used, held_out = self._split(len(y), split_seed)
        if is_continued:
            self._check_same_problem(X, names, prior)
            network = copy.deepcopy(self.network_).requires_grad_(True)
            past = self.loss_curve_, self.validation_scores_
        else:
            self._start(X, y, prior=prior, parameter_names=names)
            network, past = self._build(X[used], y[used], seed=integer_seed(network_seed)), ([], [])
            self._split_seed = split_seed
        theta, log_det = self._parameter_map.to_network(y.reshape(len(y), -1))
        x = self._scaler.transform(X)
        rows = {"used": used, "held_out": held_out}
        record = self._train(network, x, theta, **rows, log_det=log_det, seed=integer_seed(shuffle_seed))
        self.network_ = network.eval().to("cpu").requires_grad_(False)
        # In the units of `score`: with respect to y, not to theta.
        self.loss_curve_ = past[0] + [float(loss - log_det[used].mean()) for loss in record.train_losses]
        self.validation_scores_ = past[1] + [float(log_det[held_out].mean() - loss) for loss in record.valid_losses]
        if record.best_iter or not is_continued:
            self.best_iter_ = len(past[0]) + record.best_iter
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _start(self, X, y, *, prior, parameter_names):
        """Forget an earlier fit, resolve recipes, and fit the maps of parameters and features."""
        if hasattr(self, "network_"):
            del self.network_
        self.engine_ = _or_default(self.engine, SplineFlow)
        self.summary_ = _or_default(self.summary, IdentitySummary)
        self.loss_ = _or_default(self.loss, ForwardKL)
        self.prior_, self.parameter_names_ = prior, parameter_names
        self._shape, self._y_ndim = X.shape[1:], y.ndim
        self._parameter_map = ParameterMap(prior, parameter_names).fit(y.reshape(len(y), -1))
        self._scaler = FeatureScaler().fit(X)
        self._warn_of_constant_features()

    def _build(self, X, y, *, seed):
        """Return a network that starts from a linear regression, unless its summaries are still to be learned."""
        n_parameters, members = len(self.parameter_names_), []
        with seeded(seed):
            for _ in range(self.n_estimators):
                summary = self.summary_.build(self._shape, n_parameters)
                members.append(SummarizedDensity(summary, self.engine_.build(n_parameters, summary.n_summaries)))
        if not summary.state_dict():
            theta, _ = self._parameter_map.to_network(y.reshape(len(y), -1))
            context = to_array(members[0].context(to_tensor(self._scaler.transform(X))))
            residual = linear_start(context, theta)
            for member in members:
                member.residual = copy.deepcopy(residual)
        return members[0] if self.n_estimators == 1 else Ensemble(members)

    def _split(self, n, seed):
        """Return indices of rows to train on, and of rows to hold out."""
        order = np.random.default_rng(seed).permutation(n)
        n_held_out = min(math.ceil(self.validation_fraction * n), n - 1) if self.early_stopping else 0
        return order[n_held_out:], order[:n_held_out]

    def _train(self, network, x, theta, *, used, held_out, log_det, seed):
        """Train `network` in place and return the record."""
        callbacks = list(self.callbacks or ())
        if self.verbose:
            valid_offset = log_det[held_out].mean() if len(held_out) else 0.0
            callbacks.append(EpochBar(self.max_iter, train_offset=log_det[used].mean(), valid_offset=valid_offset))
        device = resolve_device(self.device)
        x, theta = to_tensor(x, device=device), to_tensor(theta, device=device)
        network.to(device)
        trained = StackedMembers(network) if isinstance(network, Ensemble) else network
        record = train(
            trained,
            self.loss_,
            train_batch=Batch(x[used], theta[used]),
            valid_batch=Batch(x[held_out], theta[held_out]) if len(held_out) else None,
            max_iter=self.max_iter,
            batch_size=_batch_size(len(used)) if self.batch_size == "auto" else self.batch_size,
            learning_rate_init=self.learning_rate_init,
            n_iter_no_change=self.n_iter_no_change,
            generator=torch_generator(seed),
            callbacks=callbacks,
        )
        if trained is not network:
            trained.unstack_into(network)
        return record

    def _check_same_problem(self, X, names, prior):
        n_members = len(getattr(self.network_, "members", [self.network_]))
        if n_members != self.n_estimators:
            raise ValueError(
                f"with warm_start=True fit goes on with n_estimators={n_members}; got {self.n_estimators}. Use "
                "warm_start=False or a clone."
            )
        if prior != self.prior_:
            raise ValueError(
                f"with warm_start=True fit goes on with the prior {self.prior_!r}; got {prior!r}. Use warm_start=False "
                "or a clone."
            )
        if X.shape[1:] != self._shape or names != self.parameter_names_:
            raise ValueError(
                f"with warm_start=True fit goes on with data sets of shape {self._shape} and parameters "
                f"{self.parameter_names_}; got {X.shape[1:]} and {names}. Use warm_start=False or a clone."
            )

    def _warn_of_constant_features(self):
        constant = np.flatnonzero(self._scaler.is_constant_)
        if constant.size:
            names = getattr(self, "feature_names_in_", None)
            shown = (constant if names is None else names[constant])[:5].tolist()
            warn(
                f"{constant.size} of {self._scaler.is_constant_.size} features of X are constant and say nothing of "
                f"the parameters: {', '.join(map(str, shown))}{', ...' if constant.size > 5 else ''}.",
                ApproximationWarning,
            )

    def _scaled(self, X, device="cpu", dtype=torch.float64):
        """Return checked and scaled data sets as a tensor."""
        return to_tensor(self._scaler.transform(check_data_sets(self, X, self._shape)), device=device, dtype=dtype)

    def _network(self, device="cpu", dtype=torch.float64):
        """Return the trained network on `device`; by default a copy in double precision, whose rows do not interact."""
        if torch.device(device).type == "cpu" and dtype == torch.float32:
            return self.network_
        return copy.deepcopy(self.network_).to(device, dtype)


def _or_default(recipe, default):
    """Return a clone of `recipe`, or a recipe of the class `default` if there is none."""
    return default() if recipe is None else clone(recipe)


def _batch_size(n):
    """Return a batch size that grows with the number of data sets, so that epochs have steps enough."""
    return int(np.clip(2 ** round(math.log2(max(n, 1) / 40)), 32, 256))
