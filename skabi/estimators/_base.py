"""What amortized estimators share: from simulations to a trained network."""

import copy
import math
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from skabi._random import integer_seed
from skabi._torch import resolve_device, seeded, to_array, torch_generator
from skabi._warnings import warn
from skabi.engines import SplineFlow
from skabi.estimators._checkpointed import CheckpointedFits, hash_of, hash_of_weights
from skabi.estimators._checks import check_constructor, check_data_sets, check_no_simulator, check_training_data
from skabi.estimators._continued import RATE_OF_GOING_ON, ContinuedFits, naming_partial_fit
from skabi.estimators._fresh_simulations import FreshSimulations
from skabi.estimators._inference import contexts
from skabi.estimators._joint_density import KnownModel
from skabi.estimators._linear_start import linear_start
from skabi.estimators._nested import NestedRecipes
from skabi.estimators._parameters import ParameterMap, parameter_names_of
from skabi.estimators._reader import Reader, shown, summary_or_default
from skabi.estimators._sources import has_missing, sources_of, take_rows
from skabi.estimators._stored import opened
from skabi.estimators._task import Task, batch_of, columns
from skabi.exceptions import ApproximationWarning
from skabi.losses import BaseLoss, ForwardKL
from skabi.networks._conditions import LogCounts, NoConditions
from skabi.networks._data_sets import n_rows, take
from skabi.networks._ensemble import Ensemble, StackedMembers
from skabi.networks._memory import MemorySummary
from skabi.networks._summarized import SummarizedDensity
from skabi.priors import check_prior
from skabi.summaries import ExpertSummary
from skabi.training import DropAtRandom, EpochBar, FreshRows, Rows, StreamedRows, train

_SMALLEST_BATCH = 32
# Of data sets without parameters: batches of an epoch, and how many data sets there must be for some to be held out.
_FEWEST_BATCHES, _FEWEST_TO_HOLD_OUT = 20, 100


class AmortizedEstimator(ContinuedFits, CheckpointedFits, NestedRecipes):
    """Base class of estimators that train a network on simulations."""

    # What not every estimator lets choose.
    loss: BaseLoss | None = None
    missing: str | None = None
    prior: Any = None
    # Whether training may read a store a part at a time.
    _may_stream = True
    # What stands before the progress bar.
    _progress = "training"
    # What `fit` finds from an earlier one.
    network_: SummarizedDensity | Ensemble
    loss_curve_: list[float]
    validation_scores_: list[float]

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
        return self._root_seed().spawn(4)

    def _fit_simulations(self, X, y, *, prior, fresh=None, simulator=None):
        """Fit on data sets and parameters that were drawn from `prior`; y is None where parameters are not known."""
        X, y, stream = opened(X, y) if self._may_stream else (X, y, None)
        with self._as_before() if self._is_continued else nullcontext():
            task = self._prepare(X, y, prior=prior, fresh=fresh, stream=stream, simulator=simulator)
            if stream is not None and prior is not None:
                # All parameters are checked at once, and not as they are read.
                ParameterMap(prior, self.parameter_names_).fit(stream.y.reshape(len(stream.y), -1))
            self._finish(task, self._train(task))
        self._end_fit()
        return self

    def _pass_over(self, X, y, *, learned=None, simulator=None):
        """Train for one pass over data sets and parameters, from where the last one ended.

        Losses may ask for the likelihood that was `learned`, or that of the simulator.
        """
        check_constructor(self)
        check_no_simulator(X)
        prior = None if self.prior is None else check_prior(self.prior)
        if not hasattr(self, "network_"):
            self._begin_fit()
            return self._end_pass(self._prepare(X, y, prior=prior, is_pass=True, simulator=simulator), learned)
        with self._as_before(), naming_partial_fit():
            # Passes may follow a fit to a simulator, which brought a prior.
            prior = getattr(self, "prior_", None) if prior is None else prior
            return self._end_pass(self._prepare(X, y, prior=prior, is_pass=True, simulator=simulator), learned)

    def _end_pass(self, task, learned):
        if task.model is not None:
            task.model.learned = learned
        return self._finish(task, self._train(task))

    def _prepare(self, X, y, *, prior, memory=None, fresh=None, is_pass=False, stream=None, simulator=None):
        """Return what is to be trained, and on what; a `SeriesMemory` takes the place of a summary network."""
        named, as_given = y, X
        is_continued = hasattr(self, "network_") if is_pass else self._is_continued
        X, y = check_training_data(self, X, y, is_continued=is_continued)
        n = len(sources_of(X)[0])
        if y is None:
            prior = self._prior_without_y(prior)
            names = list(prior.parameter_names)
        else:
            names = parameter_names_of(named, np.reshape(y, (len(y), -1)).shape[1], prior)
        _, split_seed, network_seed, shuffle_seed = self._seeds()
        past: tuple[list, list] = ([], [])
        if not is_continued:
            self._forget_rows(split_seed)
        used, held_out = self._split(n, stream, is_pass=is_pass or (y is None and n < _FEWEST_TO_HOLD_OUT))
        if is_continued:
            self._check_same_problem(X, names, prior)
            old_map = getattr(self, "_parameter_map", None)
            self._change_prior(prior, columns(prior.sample(1000, random_state=0) if y is None else y))
            self._go_on(X)
            self.loss_ = or_default(self.loss, ForwardKL)
            dropping = self._dropping(X)
            network = copy.deepcopy(self.network_).requires_grad_(True)
            past = self.loss_curve_, self.validation_scores_
        else:
            self._start(X, y, prior=prior, parameter_names=names)
            dropping = self._dropping(X)
            seed = integer_seed(network_seed)
            shared = {} if memory is None else {"memory": memory}
            some = None if y is None else y[used]
            network = self._build(take_rows(X, used), some, dropping=dropping, seed=seed, **shared)
        if dropping is not None and self.missing is not None:
            self._reader.expect_missing()
        x, theta, log_det = self._to_network(X, y)
        self._note_fit(used, n, stream, is_pass=is_pass, content=hash_of([x, y]))
        if is_continued and not is_pass and y is not None:
            self._realign(network, take(x, used), theta[used], columns(y)[used], old_map)
        seed = self._seed_of_pass(shuffle_seed) if is_pass else integer_seed(shuffle_seed)
        if y is None:
            used = np.tile(used, self._n_repeats(len(used)))
        task = Task(network, x, theta, log_det, used=used, held_out=held_out, dropping=dropping, past=past, seed=seed)
        start = hash_of_weights(network) if self.checkpoint is not None else ""
        task = replace(
            task, first_weights=start, is_continued=is_continued, is_pass=is_pass, fresh=fresh, stream=stream
        )
        task = self._with_model(task, as_given, simulator) if self.loss_.needs_joint_density else task
        return self._as_interrupted(task) if is_continued else task

    def _prior_without_y(self, prior):
        """Return the prior of parameters that are not known."""
        prior = getattr(self, "prior_", None) if prior is None and self.warm_start else prior
        if prior is None:
            raise ValueError("without y the prior says what the parameters are: pass prior=IndependentPrior(...).")
        return prior

    def _n_repeats(self, n):
        """Return how many times an epoch goes through `n` data sets, so that one that is alone has steps enough."""
        return math.ceil(_FEWEST_BATCHES * (_SMALLEST_BATCH if self.batch_size == "auto" else self.batch_size) / n)

    def _with_model(self, task, X, simulator):
        """Return a task whose losses can ask for prior and likelihood of data sets X, as they were given."""
        device = resolve_device(self.device)
        model = KnownModel(
            self._parameter_map,
            log_likelihood=getattr(simulator, "log_likelihood", None),
            torch_log_likelihood=getattr(simulator, "torch_log_likelihood", None),
            read=lambda further: self._reader.to_network(check_data_sets(self, further)[0], device=device),
            device=device,
        )
        return replace(task, model=model, rows=model.add(X))

    def _finish(self, task, record):
        """Keep a trained network, and how its training went."""
        self.network_ = task.network.eval().to("cpu").requires_grad_(False)
        # In the units of `score`: with respect to y, not to theta.
        past, offset = task.past, task.log_det[task.used].mean()
        offsets = [offset, *record.log_dets] if record.log_dets else [offset] * len(record.train_losses)
        losses = zip(record.train_losses, offsets, strict=False)
        self.loss_curve_ = past[0] + [float(loss - offset) for loss, offset in losses]
        if len(task.held_out):
            offset = task.log_det[task.held_out].mean()
        self.validation_scores_ = past[1] + [float(offset - loss) for loss in record.valid_losses]
        if record.best_iter or not past[0]:
            self.best_iter_ = len(past[0]) + record.best_iter
        self.n_iter_ = len(self.loss_curve_)
        self._interrupted = None
        if record.was_interrupted:
            self._interrupted = task.is_continued, list(past[0]), list(past[1]), task.first_weights
        return self

    def _to_network(self, X, y):
        """Return what networks see of data sets and parameters, and the log-determinant of what has the density."""
        x = self._reader.to_network(X)
        if y is None:
            return x, None, np.zeros(n_rows(x))
        theta, log_det = self._parameter_map.to_network(columns(y))
        return x, theta, log_det * self.loss_.needs_parameters

    def _start(self, X, y, *, prior, parameter_names):
        """Forget an earlier fit, resolve recipes, and fit the maps of parameters and features."""
        if hasattr(self, "network_"):
            del self.network_
        self.engine_ = or_default(self.engine, SplineFlow)
        self.loss_ = or_default(self.loss, ForwardKL)
        self.prior_, self.parameter_names_ = prior, parameter_names
        self._y_ndim = 2 if y is None else y.ndim
        self._parameter_map = ParameterMap(prior, parameter_names)
        if y is None:
            self._parameter_map.fit_prior()
        else:
            self._parameter_map.fit(columns(y))
        self._start_reading(X, may_be_constant=y is None)

    def _start_reading(self, X, *, may_be_constant=False):
        """Resolve the summary recipe, and fit the maps of features; one data set has constant features."""
        self.summary_ = clone(summary_or_default(self.summary, X))
        self._reader = Reader(self.summary_, may_miss=self.missing is not None).fit(X)
        if not may_be_constant:
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
        n_fixed = getattr(members[0].summary, "n_fixed", 0)
        if n_fixed and y is not None and self.engine_.has_linear_start:
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

    def _train(self, task):
        """Train the network of a `Task` in place and return the record."""
        callbacks = list(self.callbacks or ())
        max_iter = 1 if task.is_pass else self.max_iter
        if self.verbose:
            offsets = {
                "train_offset": task.log_det[task.used].mean(),
                "valid_offset": task.log_det[task.held_out].mean() if len(task.held_out) else 0.0,
            }
            callbacks.append(EpochBar(max_iter, **offsets, description=self._progress))
        device = resolve_device(self.device)
        data = batch_of(task.x, task.theta, task.rows, device=device)
        network = task.network.to(device)
        trained = network if self.n_estimators == 1 else StackedMembers(network)
        generator = torch_generator(task.seed)
        loss = self.loss_.bind(task.model, generator)
        record = train(
            trained,
            loss,
            train_rows=Rows(take(data, task.used)) if task.stream is None else self._streamed(task, device),
            valid_batch=take(data, task.held_out) if len(task.held_out) else None,
            dropping=task.dropping,
            max_iter=max_iter,
            batch_size=_batch_size(task.n_rows) if self.batch_size == "auto" else self.batch_size,
            learning_rate_init=self.learning_rate_init * (RATE_OF_GOING_ON if task.is_continued else 1.0),
            n_iter_no_change=self.n_iter_no_change,
            generator=generator,
            callbacks=callbacks,
            checkpoint=self._checkpoint_of(task),
            fresh=None if task.fresh is None else FreshRows(self._rows_of(task, device), task.fresh.n_rows),
            first_share=1.0 if task.is_pass else 0.0,
        )
        if task.fresh is not None:
            task.fresh.warn()
        if trained is not network:
            trained.unstack_into(network)
        return record

    def _fresh_simulations(self, simulators, draw):
        """Return what draws simulations of one or more simulators for each epoch, or None if those of the first do."""
        if not self.fresh_simulations:
            return None
        block_size = max(getattr(simulator, "block_size", 1) for simulator in simulators)
        # The others are those of `_seeds`.
        seed = self._root_seed().spawn(5)[4]
        return FreshSimulations(draw, n=self.n_simulations, n_models=len(simulators), seed=seed, block_size=block_size)

    def _fresh_simulations_of(self, simulator):
        """Return such of one simulator."""
        return self._fresh_simulations(
            [simulator], lambda n, seed: simulator.sample(n, random_state=seed, n_jobs=self.n_jobs)
        )

    def _rows_of(self, task, device):
        """Return a function that makes the rows of an epoch."""
        return lambda epoch, is_over: self._further_rows(task.model, *task.fresh(epoch, is_over), device=device)

    def _streamed(self, task, device):
        """Return the rows of the stream of a `Task`."""
        stream = task.stream
        return StreamedRows(
            lambda chunks: self._further_rows(task.model, *stream.read(chunks), device=device)[0],
            stream.chunks,
            n_rows=stream.n_rows,
        )

    def _further_rows(self, model, X, y, *, device):
        """Return the `Batch` of rows that scales were not learned from, and their mean log-determinant."""
        rows = None if model is None else model.add(X, is_passing=True)
        X, _ = check_data_sets(self, X)
        self._reader.note(X)
        x, theta, log_det = self._to_network(X, y)
        return batch_of(x, theta, rows, device=device), float(log_det.mean())

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
    return int(np.clip(2 ** round(math.log2(max(n, 1) / 40)), _SMALLEST_BATCH, 256))
