"""What a fitted posterior says of series: trajectories of those that are complete, and of those that go on."""

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_choice, check_count
from skabi._random import integer_seed, seed_sequence
from skabi._shapes import as_float_array
from skabi._torch import single_thread, to_array, to_tensor
from skabi._warnings import warn
from skabi.dynamic._drawing import Learned, at_one_time, filtered, smooth
from skabi.dynamic._series import SeriesReader, as_series, check_times
from skabi.dynamic._trajectories import TrajectoryDraws
from skabi.dynamic._usual_memories import UsualMemories, what_is_read
from skabi.estimators._summarizing import discoveries
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.files._savable import Savable
from skabi.networks._causal import CausalState

# Times of series that are read at once.
_PLACES = 100_000


class FilterStep(NamedTuple):
    """The posterior after one more observation, and what the next step needs.

    Attributes
    ----------
    hyper : ndarray of shape (n_datasets, n_draws, n_hyper)
    values : ndarray of shape (n_datasets, n_draws, n_parameters), or (n_datasets, n_draws, n_subjects, n_parameters)
    states : ndarray
        What moves, on the real line; likewise, of the last axis n_states.
    memory : CausalState
        Of constant size, however long the series is.
    """

    hyper: np.ndarray
    values: np.ndarray
    states: np.ndarray
    memory: CausalState


class TrajectoryAnswers(Savable, BaseEstimator):
    """Base class of an estimator that has learned what follows from a series."""

    verbose: int
    warn_outside: bool
    learned_: Learned
    parameter_names_: list[str]
    hyper_names_: list[str]
    n_subjects_in_: int
    n_times_in_: int
    n_features_in_: int
    _several: bool
    _reader: SeriesReader
    _usual_memories: UsualMemories

    def __sklearn_is_fitted__(self):
        return hasattr(self, "learned_")

    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, kind="smoothing", hyper=None, times=None, random_state=None
    ) -> TrajectoryDraws:
        """Draw hyper-parameters and trajectories.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, n_features), or list of arrays (n_times, n_features)
            Or with an axis of subjects before that of times, for a simulator that has several.
        n_draws : int, default=1000
        kind : {"smoothing", "filtering"}, default="smoothing"
            Smoothing: whole trajectories given all data, so that values of one draw at different times belong together.
            Filtering: for each time, what is known from the data up to it; draws of different times do not belong
            together.
        hyper : array-like of shape (n_datasets, n_hyper) or (n_datasets, n_draws, n_hyper), optional
            Hyper-parameters that are known, in the place of draws; inside the support of their prior.
        times : array-like of shape (n_times,), optional
            Labels of times, numbers or dates that increase, one for each place of the longest series.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : TrajectoryDraws

        Raises
        ------
        ValueError
            If X, hyper or times are not as they must be.

        Warns
        -----
        ApproximationWarning
            If series are longer than those of `fit`, or data sets have more subjects, or lie outside what was
            simulated, which `warn_outside=False` switches off.
        """
        return self._sample(
            X, n_draws, kind=kind, hyper=hyper, times=times, seed=seed_sequence(random_state), alone=False
        )

    def _sample(self, X, n_draws, *, kind, seed, alone, hyper=None, times=None):
        """Return draws; with `alone`, in double precision and with the same random numbers for all data sets."""
        n_draws = check_count(n_draws, "n_draws")
        check_choice(kind, "kind", ("smoothing", "filtering"))
        series = self._series(X)
        n_times = series.values.shape[2]
        times = check_times(times, n_times)
        hyper = self._known(hyper, len(series.values), n_draws)
        draw = smooth if kind == "smoothing" else filtered
        learned, dtype = (exact(self.learned_), torch.float64) if alone else (self.learned_, torch.float32)
        drawn, p_values = [], []
        for rows, memory in self._memories(series, dtype, learned.network):
            lengths = series.lengths[rows]
            p_values.append(self._p_values_of(_at_end(memory, lengths), lengths))
            options = {"seed": seed if alone else seed.spawn(1)[0], "alone": alone, "verbose": self.verbose}
            options["hyper"] = None if hyper is None else hyper[rows]
            drawn.append(draw(learned, memory, lengths, n_draws, **options))
        self._warn_of_outside(np.concatenate(p_values))
        hyper, states = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        return self._draws(hyper, states, times)

    def predict(self, X: ArrayLike, *, kind="smoothing", n_draws: int = 500, return_std=False):
        """Return posterior means of trajectories, over draws with a fixed seed, the same for all data sets.

        Parameters
        ----------
        X : array-like
            As in `sample`.
        kind : {"smoothing", "filtering"}, default="smoothing"
        n_draws : int, default=500
            Draws that the mean is taken over.
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray of shape (n_datasets, n_times, n_parameters), or (n_datasets, n_subjects, n_times, n_parameters)
        std : ndarray of the same shape
            With `return_std=True`.
        """
        values = self._sample(X, n_draws, kind=kind, seed=seed_sequence(0), alone=True).values
        return (values.mean(axis=1), values.std(axis=1)) if return_std else values.mean(axis=1)

    def filter_step(self, x: ArrayLike, step: FilterStep | None = None, *, n_draws: int = 500, random_state=None):
        """Take one more observation of each series, and draw from what is known then.

        The cost is the same at each step, however long the series is.

        Parameters
        ----------
        x : array-like of shape (n_datasets, n_features), or (n_datasets, n_subjects, n_features)
            The observations.
        step : FilterStep, optional
            What the last step returned; None at the first.
        n_draws : int, default=500
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        step : FilterStep

        Raises
        ------
        TypeError, ValueError
            If x is not as it must be, or step is none of as many series.

        Warns
        -----
        ApproximationWarning
            At the first time if there are more subjects than in `fit`, and at the first that is beyond those of `fit`.
            It is not told of series that lie outside what was simulated.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        series = self._observations(x)
        network = self.learned_.network
        with torch.inference_mode(), single_thread():
            tokens = to_tensor(self._reader.transform(series)).flatten(0, 1)
            state = network.memory.start(len(tokens)) if step is None else _memory_of(step, len(tokens))
            state, memory = network.memory.step(state, tokens)
            memory = memory.unflatten(0, series.shape[:2])
            seed = integer_seed(seed_sequence(random_state))
            hyper, states = at_one_time(self.learned_, memory, n_draws, seed=seed)
        has_more = series.shape[1] > self.n_subjects_in_
        if state.n_times == self.n_times_in_ + 1 or (state.n_times == 1 and has_more):
            self._warn_of_longer(state.n_times, series.shape[1])
        states = states if self._several else states[:, :, 0]
        return FilterStep(hyper, self.learned_.space.values(states), states, state)

    def _observations(self, x):
        """Return one observation of each series, `(n_datasets, n_subjects, n_features)`."""
        x = np.asarray(x, dtype=np.float64)
        n_axes = 3 if self._several else 2
        x = x[..., np.newaxis] if x.ndim == n_axes - 1 and self.n_features_in_ == 1 else x
        if x.ndim != n_axes:
            raise ShapeError(
                f"x must have shape (n_datasets, {'n_subjects, ' * self._several}{self.n_features_in_}), one "
                f"observation of each series; got {x.shape}."
            )
        series = as_series(x[..., np.newaxis, :], several=self._several, allow_nan=self._reader.may_miss)
        return series.values[:, :, 0]

    def _series(self, X):
        """Return checked series, and warn of those that are longer than any in fit."""
        check_is_fitted(self)
        series = as_series(X, several=self._several, allow_nan=self._reader.may_miss)
        _, n_subjects, n_times, n_features = series.values.shape
        if n_features != self.n_features_in_:
            raise ShapeError(f"X must have {self.n_features_in_} features, as in fit; got {n_features}.")
        if n_times > self.n_times_in_ or n_subjects > self.n_subjects_in_:
            self._warn_of_longer(n_times, n_subjects)
        return series

    def _warn_of_longer(self, n_times, n_subjects):
        warn(
            f"X has series of {n_times} times and {n_subjects} subjects; those of fit have {self.n_times_in_} and "
            f"{self.n_subjects_in_}. Transitions go on as they are, but what the network remembers of a longer "
            "past extrapolates.",
            ApproximationWarning,
        )

    def _known(self, hyper, n, n_draws):
        """Return hyper-parameters that are given as `(n, n_draws, n_hyper)`, or None."""
        if hyper is None:
            return None
        hyper = as_float_array(hyper, name="hyper")
        hyper = hyper[:, np.newaxis] if hyper.ndim == 2 else hyper
        n_hyper = len(self.hyper_names_)
        if hyper.ndim != 3 or len(hyper) != n or hyper.shape[1] not in (1, n_draws) or hyper.shape[2] != n_hyper:
            raise ShapeError(
                f"hyper must have shape ({n}, {n_hyper}) or ({n}, {n_draws}, {n_hyper}), in the order of "
                f"{self.hyper_names_}; got {hyper.shape}."
            )
        if self.learned_.hyper_map is not None:
            rows = hyper.reshape(-1, n_hyper)
            outside = np.flatnonzero(~np.isfinite(self.learned_.hyper_map.to_network(rows)[1]))
            if outside.size:
                raise ValueError(
                    f"hyper must lie inside the support of the prior of {self.hyper_names_}; {outside.size} of "
                    f"{len(rows)} rows do not, the first is {rows[outside[0]].tolist()}."
                )
        return np.broadcast_to(hyper, (n, n_draws, n_hyper))

    def usual_p_values(self, X: ArrayLike) -> np.ndarray:
        """Return how usual series are among those of `fit`, by the Mahalanobis distance of what is remembered of them.

        Parameters
        ----------
        X : array-like
            As in `sample`.

        Returns
        -------
        p_values : ndarray of shape (n_datasets,)
            Share of simulated series of about the same length that are as far from the mean or farther.
        """
        series = self._series(X)
        at_end = [_at_end(memory, series.lengths[rows]) for rows, memory in self._memories(series, torch.float32)]
        return self._p_values_of(torch.cat(at_end), series.lengths)

    def _p_values_of(self, memory, lengths):
        """Return p-values of series of which `memory` `(n, n_subjects, n_memory)` is kept at their ends."""
        return self._usual_memories.p_values(to_array(what_is_read(self.learned_.network, memory)), lengths)

    def _warn_of_outside(self, p_values):
        outside = discoveries(p_values)
        if self.warn_outside and outside.size:
            listed = ", ".join(map(str, outside[:5])) + (", ..." if outside.size > 5 else "")
            warn(
                f"{outside.size} of {len(p_values)} data sets lie outside what was simulated, where the posterior is a "
                f"guess: {listed}, counted from 0. Compare them with simulated ones, or switch this warning off by "
                "warn_outside=False.",
                ApproximationWarning,
            )

    def _memories(self, series, dtype, network=None):
        """Yield slices of data sets, and what is remembered of them at each time."""
        network = self.learned_.network if network is None else network
        n, n_subjects, n_times, _ = series.values.shape
        n_each = max(1, _PLACES // (n_subjects * n_times))
        for start in range(0, n, n_each):
            rows = slice(start, min(start + n_each, n))
            tokens = to_tensor(self._reader.transform(series.values[rows]), dtype=dtype)
            with torch.no_grad():
                yield rows, network.memory(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])

    def _draws(self, hyper, states, times):
        states = states if self._several else states[:, :, 0]
        return TrajectoryDraws(
            hyper=hyper,
            values=self.learned_.space.values(states),
            hyper_names=list(self.hyper_names_),
            parameter_names=list(self.parameter_names_),
            times=times,
            states=states,
        )


def _memory_of(step, n_series):
    """Return the memory of a step of `n_series` series."""
    if not isinstance(step, FilterStep):
        raise TypeError(f"step must be what filter_step returned, or None; got {type(step).__name__}.")
    if len(step.memory.last) != n_series:
        raise ShapeError(f"x must go on with the {len(step.memory.last)} series of step; got {n_series}.")
    return step.memory


def exact(learned):
    """Return what is learned with a network of double precision."""
    return dataclasses.replace(learned, network=copy.deepcopy(learned.network).double())


def _at_end(memory, lengths):
    """Return of memories `(n, n_subjects, n_times, n_memory)` those at the ends of series."""
    return memory[torch.arange(len(memory)), :, torch.as_tensor(lengths - 1)]
