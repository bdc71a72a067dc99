"""What a fitted posterior says of observations that have not come yet."""

import dataclasses

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import special

from skabi._params import check_count
from skabi._random import integer_seed, seed_sequence
from skabi.dynamic._answers import TrajectoryAnswers
from skabi.dynamic._drawing import at_one_time
from skabi.dynamic._series import check_times
from skabi.dynamic._simulator import DynamicSimulator
from skabi.exceptions import ShapeError


class Forecasts(TrajectoryAnswers):
    """Base class of a posterior that can filter, for what follows from filtering."""

    def forecast(self, X: ArrayLike, n_steps: int, n_draws: int = 1000, *, times=None, random_state=None):
        """Draw trajectories of the times after the last.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, n_features)
            Series of one length, as in `sample`.
        n_steps : int
            Times after the last.
        n_draws : int, default=1000
        times : array-like of shape (n_steps,), optional
            Their labels, numbers or dates that increase.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : TrajectoryDraws
            Joint over time and with hyper-parameters; `simulator.observe(draws.values, draws.hyper)` turns them into
            observations.
        """
        n_steps, n_draws = check_count(n_steps, "n_steps"), check_count(n_draws, "n_draws")
        series = self._series(X)
        if (series.lengths != series.lengths[0]).any():
            raise ShapeError("series must be of one length to be forecast; call forecast once for each length.")
        times = check_times(times, n_steps, first=series.values.shape[2])
        first, second = seed_sequence(random_state).spawn(2)
        rng, space = np.random.default_rng(second), self.learned_.space
        memory = torch.cat([part[:, :, -1] for _, part in self._memories(series, torch.float32)])
        self._warn_of_outside(self._p_values_of(memory, series.lengths))
        hyper, states = at_one_time(self.learned_, memory, n_draws, seed=integer_seed(first))
        n_subjects, n_states = states.shape[2:]
        numbers = space.numbers(hyper.repeat(n_subjects, axis=1).reshape(len(hyper) * n_draws * n_subjects, -1))
        path = np.empty((len(hyper), n_draws, n_subjects, n_steps, n_states))
        for step in range(n_steps):
            states = space.advance(states.reshape(-1, n_states), numbers, rng).reshape(states.shape)
            path[..., step, :] = states
        return self._draws(hyper, path, times)

    def sample_ahead(self, X: ArrayLike, simulator, n_draws: int = 200, *, random_state=None) -> np.ndarray:
        """Draw each observation given those before it: one-step-ahead predictive draws.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, n_features)
            Of one subject a data set.
        simulator : DynamicSimulator
            By which observations are simulated.
        n_draws : int, default=200
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, n_times, n_features)
            Those at the first time are from the prior. NaN after the end of a series that is shorter than others.

        Raises
        ------
        ValueError
            If the simulator has other parameters than the posterior, or looks at `past` observations and some are
            missing, which `DynamicSimulator(..., allow_nan=True)` says that it can.
        """
        draws, series, rng = self._ahead(X, simulator, n_draws, random_state)
        values = series.values[:, 0]
        found = np.full((*draws.values.shape[:3], values.shape[2]), np.nan)
        for time in range(values.shape[1]):
            rows = series.lengths > time
            past = values[rows, :time] if simulator.is_sequential else None
            found[rows, :, time] = simulator.observe(
                draws.values[rows, :, time : time + 1], draws.hyper[rows, :, time], past=past, random_state=rng
            )[:, :, 0]
        return found

    def log_score_ahead(self, X: ArrayLike, simulator, n_draws: int = 200, *, random_state=None) -> np.ndarray:
        """Return the log predictive density of each observation given those before it.

        Their sum over times is an estimate of the log evidence.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, n_features)
            Of one subject a data set.
        simulator : DynamicSimulator
            With a `log_likelihood`.
        n_draws : int, default=200
            Draws of the states that the density is averaged over.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        log_scores : ndarray of shape (n_datasets, n_times)
            NaN for an observation of which something is missing, and after the end of a series that is shorter than
            others.

        Raises
        ------
        ValueError
            If the simulator has no likelihood, or as in `sample_ahead`.
        SimulatorError
            If the likelihood raises, or returns something else than finite numbers and minus infinity.
        """
        draws, series, _ = self._ahead(X, simulator, n_draws, random_state)
        values = series.values[:, 0]
        scores = np.full(values.shape[:2], np.nan)
        for time in range(values.shape[1]):
            rows = np.flatnonzero((series.lengths > time) & ~np.isnan(values[:, time]).any(axis=1))
            if not rows.size:
                continue
            terms = simulator.log_density(
                values[rows, time].repeat(n_draws, axis=0),
                draws.values[rows, :, time].reshape(-1, draws.values.shape[-1]),
                draws.hyper[rows, :, time].reshape(-1, len(self.hyper_names_)),
                past=values[rows, :time].repeat(n_draws, axis=0),
            )
            scores[rows, time] = special.logsumexp(terms.reshape(len(rows), n_draws), axis=1) - np.log(n_draws)
        return scores

    def _ahead(self, X, simulator, n_draws, random_state):
        """Return draws of each time given the observations before it, `Series`, and random numbers."""
        n_draws = check_count(n_draws, "n_draws")
        if not isinstance(simulator, DynamicSimulator):
            raise TypeError(f"simulator must be a DynamicSimulator; got {type(simulator).__name__}.")
        names, own = (simulator.parameter_names, simulator.hyper_names), (self.parameter_names_, self.hyper_names_)
        if names != own:
            raise ValueError(
                f"simulator must have the parameters and hyper-parameters of the posterior, {own}; it has {names}."
            )
        if self._several:
            raise ValueError("one-step-ahead predictions are there for data sets of one subject; X has several.")
        series = self._series(X)
        if simulator.is_sequential and not simulator.allow_nan and np.isnan(series.values).any():
            raise ValueError(
                "simulate looks at past observations, and some of X are missing. If it can do without them, use "
                "DynamicSimulator(..., allow_nan=True)."
            )
        first, second = seed_sequence(random_state).spawn(2)
        rng = np.random.default_rng(second)
        draws = self.sample(X, n_draws, kind="filtering", random_state=first)
        n, _, n_times, n_states = draws.states.shape
        space, states, hyper = self.learned_.space, np.full(draws.states.shape, np.nan), np.empty(draws.hyper.shape)
        if space.prior is not None:
            hyper[:, :, 0] = space.prior.sample(n * n_draws, random_state=rng).to_numpy().reshape(n, n_draws, -1)
        hyper[:, :, 1:] = draws.hyper[:, :, :-1]
        numbers = space.numbers(hyper[:, :, 0].reshape(n * n_draws, -1))
        states[:, :, 0] = space.start(numbers, n * n_draws, rng).reshape(n, n_draws, n_states)
        row, time = np.nonzero(np.arange(1, n_times) < series.lengths[:, np.newaxis])
        if row.size:
            before = draws.states[row, :, time].reshape(-1, n_states)
            numbers = space.numbers(draws.hyper[row, :, time].reshape(len(before), -1))
            states[row, :, time + 1] = space.advance(before, numbers, rng).reshape(len(row), n_draws, n_states)
        ahead = dataclasses.replace(draws, hyper=hyper, values=space.values(states), states=states)
        return ahead, series, rng
