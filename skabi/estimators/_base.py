"""What amortized estimators share: from simulations to a trained network."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skabi._random import integer_seed, seed_sequence
from skabi._torch import resolve_device, seeded, to_array, to_tensor, torch_generator
from skabi._warnings import warn
from skabi.engines import SplineFlow
from skabi.estimators._checks import check_data_sets, check_training_data
from skabi.estimators._inference import contexts
from skabi.estimators._linear_start import linear_start
from skabi.estimators._nested import NestedRecipes
from skabi.estimators._parameters import ParameterMap, parameter_names_of
from skabi.estimators._reader import Reader, shown, summary_or_default
from skabi.estimators._sources import has_missing, shape_of, sources_of, take_rows
from skabi.exceptions import ApproximationWarning
from skabi.losses import BaseLoss, Batch, ForwardKL
from skabi.networks._conditions import LogCounts, NoConditions
from skabi.networks._data_sets import DataSets, map_tensors, take
from skabi.networks._ensemble import Ensemble, StackedMembers
from skabi.networks._memory import MemorySummary
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import ExpertSummary
from skabi.training import DropAtRandom, EpochBar, train


@dataclass
class Task:
    """What is to be trained, and on what.

    Attributes
    ----------
    network : torch.nn.Module
    x : Tensor or DataSets
    theta : ndarray of shape (n, n_parameters)
    log_det : ndarray of shape (n,)
        Log-determinant of the map to what has the density.
    used, held_out : ndarray of int
        Rows to train on, and to judge by.
    dropping : callable or None
    past : tuple of two lists
        Loss curve and validation scores of earlier fits.
    seed : int
    """

    network: nn.Module
    x: torch.Tensor | DataSets
    theta: np.ndarray
    log_det: np.ndarray
    used: np.ndarray
    held_out: np.ndarray
    dropping: Any
    past: tuple[list, list]
    seed: int


class AmortizedEstimator(NestedRecipes):
    """Base class of estimators that train a network on simulations."""

    # What not every estimator lets choose.
    loss: BaseLoss | None = None
    missing: str | None = None
    # What stands before the progress bar.
    _progress = "training"
    # What `fit` finds from an earlier one.
    network_: SummarizedDensity | Ensemble
    loss_curve_: list[float]
    validation_scores_: list[float]
    _reader: Reader
    _split_seed: np.random.SeedSequence

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def _simulate(self, simulator, y=None):
        """Return simulated X and y and the simulator's prior."""
        if y is not None:
            raise ValueError("fit(simulator) simulates its own parameters; y must be None, or pass arrays X and y.")
        if self.prior is not None:
            raise ValueError("a simulator brings its own prior; leave the constructor's prior at None.")
        if self.missing is None and getattr(simulator, "allow_nan", False):
            raise ValueError('the simulator has allow_nan=True, so the estimator needs missing="mask".')
        self._check_engine(len(simulator.prior.parameter_names))
        seed = self._seeds()[0]
        X, y = simulator.sample(self.n_simulations, random_state=seed, n_jobs=self.n_jobs, verbose=self.verbose)
        return X, y, simulator.prior

    def _check_engine(self, n_parameters):
        """Let an engine that cannot be built say so before simulations are spent."""
        with seeded(0):
            or_default(self.engine, SplineFlow).build(n_parameters, 1)

    def _seeds(self):
        """Return one seed each for simulation, split, first weights and batches."""
        return seed_sequence(self.random_state).spawn(4)

    def _fit_simulations(self, X, y, *, prior):
        """Fit on data sets and parameters that were drawn from `prior`."""
        task = self._prepare(X, y, prior=prior)
        return self._finish(task, self._train(task))

    def _prepare(self, X, y, *, prior, memory=None):
        """Return what is to be trained, and on what; a `SeriesMemory` takes the place of a summary network."""
        named = y
        X, y = check_training_data(self, X, y)
        names = parameter_names_of(named, np.reshape(y, (len(y), -1)).shape[1], prior)
        _, split_seed, network_seed, shuffle_seed = self._seeds()
        is_continued = self.warm_start and hasattr(self, "network_")
        # Rows once trained on are never held out later.
        split_seed = self._split_seed if is_continued else split_seed
        used, held_out = self._split(len(y), split_seed)
        past: tuple[list, list] = ([], [])
        if is_continued:
            self._check_same_problem(X, names, prior)
            self._go_on(X)
            dropping = self._dropping(X)
            network = copy.deepcopy(self.network_).requires_grad_(True)
            past = self.loss_curve_, self.validation_scores_
        else:
            self._start(X, y, prior=prior, parameter_names=names)
            self._split_seed = split_seed
            dropping = self._dropping(X)
            seed = integer_seed(network_seed)
            shared = {} if memory is None else {"memory": memory}
            network = self._build(take_rows(X, used), y[used], dropping=dropping, seed=seed, **shared)
        if dropping is not None and self.missing is not None:
            self._reader.expect_missing()
        x, theta, log_det = self._to_network(X, y)
        seed = integer_seed(shuffle_seed)
        return Task(network, x, theta, log_det, used=used, held_out=held_out, dropping=dropping, past=past, seed=seed)

    def _finish(self, task, record):
        """Keep a trained network, and how its training went."""
        self.network_ = task.network.eval().to("cpu").requires_grad_(False)
        # In the units of `score`: with respect to y, not to theta.
        past, offset = task.past, task.log_det[task.used].mean()
        self.loss_curve_ = past[0] + [float(loss - offset) for loss in record.train_losses]
        if len(task.held_out):
            offset = task.log_det[task.held_out].mean()
        self.validation_scores_ = past[1] + [float(offset - loss) for loss in record.valid_losses]
        if record.best_iter or not past[0]:
            self.best_iter_ = len(past[0]) + record.best_iter
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _to_network(self, X, y):
        """Return what networks see of data sets and parameters, and the log-determinant of what has the density."""
        theta, log_det = self._parameter_map.to_network(y.reshape(len(y), -1))
        return self._reader.to_network(X), theta, log_det

    def _start(self, X, y, *, prior, parameter_names):
        """Forget an earlier fit, resolve recipes, and fit the maps of parameters and features."""
        if hasattr(self, "network_"):
            del self.network_
        self.engine_ = or_default(self.engine, SplineFlow)
        self.loss_ = or_default(self.loss, ForwardKL)
        self.prior_, self.parameter_names_ = prior, parameter_names
        self._y_ndim = y.ndim
        self._parameter_map = ParameterMap(prior, parameter_names).fit(y.reshape(len(y), -1))
        self._start_reading(X)

    def _go_on(self, X):
        """Take it that sizes, and what is missing, of X were seen in training, beside those of earlier fits."""
        # A fit that fails leaves an estimator as it was, of which this one may be a shallow copy.
        self._reader = copy.deepcopy(self._reader)
        self._reader.note(X)

    def _start_reading(self, X):
        """Resolve the summary recipe, and fit the maps of features."""
        self.summary_ = clone(summary_or_default(self.summary, X))
        self._reader = Reader(self.summary_, may_miss=self.missing is not None).fit(X)
        self._warn_of_constant_features()

    def _build(self, X, y, *, dropping, seed, memory=None):
        """Return a network that starts from a linear regression, unless its summaries are still to be learned."""
        n_parameters, members = len(self.parameter_names_), []
        with seeded(seed):
            for _ in range(self.n_estimators):
                summary, conditions = self._build_summary(X, n_parameters)
                summary = summary if memory is None else MemorySummary(memory, summary)
                density = self.engine_.build(n_parameters, summary.n_summaries + conditions.n_conditions)
                members.append(SummarizedDensity(summary, density, conditions))
        if n_fixed := getattr(members[0].summary, "n_fixed", 0):
            theta, _ = self._parameter_map.to_network(y.reshape(len(y), -1))
            context = self._first_context(members[0], X, dropping=dropping, seed=seed)
            residual = linear_start(context, theta, n_used=n_fixed)
            for member in members:
                member.residual = copy.deepcopy(residual)
        return members[0] if self.n_estimators == 1 else Ensemble(members)

    def _build_summary(self, X, n_parameters):
        """Return an untrained summary network, and what else is told of data sets."""
        counts = self._reader.log_counts(X)
        conditions = NoConditions() if counts is None else LogCounts(*counts)
        return self.summary_.build(self._reader.network_shape, n_parameters), conditions

    def _first_context(self, network, X, *, dropping, seed):
        """Return what an untrained network is conditioned on, `(n, n_context)`."""
        x = self._reader.to_network(X)
        return to_array(contexts(network, x if dropping is None else dropping(x, torch_generator(seed))))

    def _dropping(self, X):
        """Return what leaves values out in training, or None: X itself may say how values go missing."""
        if self.missing is None or any(has_missing(source) for source in sources_of(X)):
            return None
        if isinstance(self.summary, ExpertSummary):
            raise ValueError(
                "values cannot be left out at random under an ExpertSummary, whose statistics have seen them all. Put "
                "NaN where values go missing into X of fit."
            )
        return DropAtRandom(self.missing_rate)

    def _split(self, n, seed):
        """Return indices of rows to train on, and of rows to hold out."""
        order = np.random.default_rng(seed).permutation(n)
        n_held_out = min(math.ceil(self.validation_fraction * n), n - 1) if self.early_stopping else 0
        return order[n_held_out:], order[:n_held_out]

    def _train(self, task):
        """Train the network of a `Task` in place and return the record."""
        callbacks = list(self.callbacks or ())
        if self.verbose:
            offsets = {
                "train_offset": task.log_det[task.used].mean(),
                "valid_offset": task.log_det[task.held_out].mean() if len(task.held_out) else 0.0,
            }
            callbacks.append(EpochBar(self.max_iter, **offsets, description=self._progress))
        device = resolve_device(self.device)
        data = Batch(map_tensors(lambda part: part.to(device), task.x), to_tensor(task.theta, device=device))
        network = task.network.to(device)
        trained = network if self.n_estimators == 1 else StackedMembers(network)
        record = train(
            trained,
            self.loss_,
            train_batch=take(data, task.used),
            valid_batch=take(data, task.held_out) if len(task.held_out) else None,
            dropping=task.dropping,
            max_iter=self.max_iter,
            batch_size=_batch_size(len(task.used)) if self.batch_size == "auto" else self.batch_size,
            learning_rate_init=self.learning_rate_init,
            n_iter_no_change=self.n_iter_no_change,
            generator=torch_generator(task.seed),
            callbacks=callbacks,
        )
        if trained is not network:
            trained.unstack_into(network)
        return record

    def _check_same_problem(self, X, names, prior):
        if prior != self.prior_:
            raise ValueError(
                f"with warm_start=True fit goes on with the prior {self.prior_!r}; got {prior!r}. Use warm_start=False "
                "or a clone."
            )
        if names != self.parameter_names_:
            raise ValueError(
                f"with warm_start=True fit goes on with the parameters {self.parameter_names_}; got {names}. Use "
                "warm_start=False or a clone."
            )
        self._check_same_data(X)

    def _check_same_data(self, X):
        n_members = len(getattr(self.network_, "members", [self.network_]))
        if n_members != self.n_estimators:
            raise ValueError(
                f"with warm_start=True fit goes on with n_estimators={n_members}; got {self.n_estimators}. Use "
                "warm_start=False or a clone."
            )
        may_miss = self.missing is not None
        if may_miss != self._reader.may_miss:
            before = "mask" if self._reader.may_miss else None
            raise ValueError(
                f"with warm_start=True fit goes on with missing={before!r}; got {self.missing!r}. Use warm_start=False "
                "or a clone."
            )
        if not self._reader.goes_on_with(X):
            raise ValueError(
                f"with warm_start=True fit goes on with data sets of shape {self._reader.shape}; got {shape_of(X)}. "
                "Use warm_start=False or a clone."
            )
        if self._reader.log_counts(X) is not None and not self._knows_sizes:
            raise ValueError(
                "with warm_start=True fit goes on with data sets of one size, and the network is not told of others. "
                "Use warm_start=False or a clone."
            )

    @property
    def _knows_sizes(self):
        """Whether the network is told how many observations a data set has, or need not be."""
        conditions = getattr(getattr(self.network_, "members", [self.network_])[0], "conditions", None)
        return conditions is None or bool(conditions.n_conditions)

    def _warn_of_constant_features(self):
        for source, reader in self._reader.each.items():
            constant = np.flatnonzero(reader.is_constant_)
            if constant.size:
                names = getattr(self, "feature_names_in_", None)
                listed = (constant if names is None else names[constant])[:5].tolist()
                warn(
                    f"{constant.size} of {reader.is_constant_.size} features of {shown(source)} are constant and say "
                    f"nothing of the parameters: {', '.join(map(str, listed))}{', ...' if constant.size > 5 else ''}.",
                    ApproximationWarning,
                )

    def _scaled(self, X, device="cpu", dtype=torch.float64):
        """Return checked and scaled data sets as networks take them."""
        X, unlike = check_data_sets(self, X)
        if unlike:
            warn(
                f"some data sets are unlike any in fit, and the posterior extrapolates: {'; '.join(unlike)}. Fit with "
                "data sets that cover these.",
                ApproximationWarning,
            )
        return self._reader.to_network(X, device=device, dtype=dtype)

    def _network(self, device="cpu", dtype=torch.float64):
        """Return the trained network on `device`; by default a copy in double precision, whose rows do not interact."""
        if torch.device(device).type == "cpu" and dtype == torch.float32:
            return self.network_
        return copy.deepcopy(self.network_).to(device, dtype)


def or_default(recipe, default):
    """Return a clone of `recipe`, or a recipe of the class `default` if there is none."""
    return default() if recipe is None else clone(recipe)


def _batch_size(n):
    """Return a batch size that grows with the number of data sets, so that epochs have steps enough."""
    return int(np.clip(2 ** round(math.log2(max(n, 1) / 40)), 32, 256))
