"""What a fitted posterior says of series: trajectories of those that are complete, and of those that go on."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_choice, check_count
from skabi._random import integer_seed, seed_sequence
from skabi._torch import single_thread, to_tensor
from skabi._warnings import warn
from skabi.dynamic._drawing import Learned, at_one_time, filtered, smooth
from skabi.dynamic._series import SeriesReader, as_series, check_times
from skabi.dynamic._trajectories import TrajectoryDraws
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

    missing: str | None
    verbose: int
    learned_: Learned
    parameter_names_: list[str]
    hyper_names_: list[str]
    n_subjects_in_: int
    n_times_in_: int
    n_features_in_: int
    _several: bool
    _reader: SeriesReader

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
            Hyper-parameters that are known, in the place of draws.
        times : array-like of shape (n_times,), optional
            Labels of times, numbers or dates that increase, one for each place of the longest series.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : TrajectoryDraws

        Raises
        ------
        ValueError
            If X, or times, are not as they must be.

        Warns
        -----
        ApproximationWarning
            If series are longer than those of `fit`, or data sets have more subjects.
        """
        n_draws = check_count(n_draws, "n_draws")
        check_choice(kind, "kind", ("smoothing", "filtering"))
        series = self._series(X)
        n_times = series.values.shape[2]
        times = check_times(times, n_times)
        hyper = self._known(hyper, len(series.values), n_draws)
        seed = integer_seed(seed_sequence(random_state))
        hypers, states = [], []
        for i, (rows, memory) in enumerate(self._memories(series, torch.float32)):
            options = {"seed": (seed + i) % 2**63, "verbose": self.verbose}
            options["hyper"] = None if hyper is None else hyper[rows]
            if kind == "smoothing":
                drawn = smooth(self.learned_, memory, series.lengths[rows], n_draws, **options)
            else:
                drawn = filtered(self.learned_, memory, n_draws, **options)
                beyond = np.arange(n_times) >= series.lengths[rows, np.newaxis]
                drawn[1][np.broadcast_to(beyond[:, np.newaxis, np.newaxis], drawn[1].shape[:-1])] = np.nan
            hypers.append(drawn[0])
            states.append(drawn[1])
        return self._draws(np.concatenate(hypers), np.concatenate(states), times)

    def predict(self, X: ArrayLike, *, kind="smoothing", n_draws: int = 500, return_std=False):
        """Return posterior means of trajectories, over draws with a fixed seed.

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
        values = self.sample(X, n_draws, kind=kind, random_state=0).values
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
            At the first time that is beyond those of `fit`.
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
        if state.n_times == self.n_times_in_ + 1:
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
        series = as_series(x[..., np.newaxis, :], several=self._several, allow_nan=self.missing is not None)
        return series.values[:, :, 0]

    def _series(self, X):
        """Return checked series, and warn of those that are longer than any in fit."""
        check_is_fitted(self)
        series = as_series(X, several=self._several, allow_nan=self.missing is not None)
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
        hyper = np.asarray(hyper, dtype=np.float64)
        hyper = hyper[:, np.newaxis] if hyper.ndim == 2 else hyper
        n_hyper = len(self.hyper_names_)
        if hyper.ndim != 3 or len(hyper) != n or hyper.shape[1] not in (1, n_draws) or hyper.shape[2] != n_hyper:
            raise ShapeError(
                f"hyper must have shape ({n}, {n_hyper}) or ({n}, {n_draws}, {n_hyper}), in the order of "
                f"{self.hyper_names_}; got {hyper.shape}."
            )
        return np.broadcast_to(hyper, (n, n_draws, n_hyper))

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
