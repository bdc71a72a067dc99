"""Draws of the parameters that follow an experiment step by step, where the likelihood is known."""

import copy
import math

import numpy as np
from scipy import special

from skabi._random import integer_seed
from skabi.design._likelihood import LEAST, log_likelihood_of_draws
from skabi.diagnostics._pareto import at_shares, effective_sizes

# Share of the draws that must stay worth something where the likelihood of a step is let in by degrees.
_ENOUGH = 0.3
# The least logarithm of a degree, halvings by which the next one is found, and degrees at most.
_LEAST_DEGREE, _N_HALVINGS, _N_DEGREES = -60.0, 20, 200
# Moves after each degree for each parameter, and the scales between which each is drawn, of the best one for a normal
# posterior (A. Gelman, G. Roberts, W. Gilks, 1996).
_N_MOVES, _SCALES = 2, (0.6, 1.0)
_BEST_SCALE = 2.38
# Densities that are held at once.
_BLOCK = 2**21
_LEAST_VARIANCE = 1e-12


class Particles:
    """Draws of the posterior after each of n histories, by sequential Monte Carlo [1]_.

    A step's likelihood comes in by degrees. After each one draws are resampled, and moved by random-walk Metropolis
    steps under all that was told so far, in the coordinates in which the prior is standard normal. Histories share
    their random numbers, so that what becomes of one does not depend on the others.

    Parameters
    ----------
    experiment : Experiment
        With a likelihood.
    n_histories, n_particles : int
    seed : SeedSequence

    Attributes
    ----------
    u : ndarray of shape (n_histories, n_particles, n_parameters)
        Draws, as the prior's `to_real` has them.
    steps : ndarray of shape (n_histories, n_steps, n_designs + n_outcomes)
        What was told.

    References
    ----------
    .. [1] P. Del Moral, A. Doucet, A. Jasra (2006). Sequential Monte Carlo samplers. Journal of the Royal Statistical
       Society B 68(3).
    """

    def __init__(self, experiment, n_histories, n_particles, *, seed):
        self.experiment = experiment
        self._seed = integer_seed(seed)
        shared = np.random.default_rng(self._seed).normal(size=(n_particles, experiment.prior.n_parameters))
        self.u = np.broadcast_to(shared, (n_histories, *shared.shape))
        self.steps = np.empty((n_histories, 0, experiment.n_designs + experiment.n_outcomes))
        self._log_likelihood = np.zeros(self.u.shape[:2])

    @property
    def y(self) -> np.ndarray:
        """Draws of the parameters, `(n_histories, n_particles, n_parameters)`."""
        return self._to_y(self.u)

    @property
    def n_particles(self) -> int:
        """How many draws follow each history."""
        return self.u.shape[1]

    @property
    def n_steps(self) -> int:
        """How many steps were told."""
        return self.steps.shape[1]

    def are_before(self, histories) -> bool:
        """Whether histories `(n_histories, n_steps, ...)` begin with what was told."""
        return len(histories) == len(self.steps) and np.array_equal(histories[:, : self.n_steps], self.steps)

    def told(self, step, *, strict=True) -> "Particles":
        """Return the draws after one further step of each history, `(n_histories, n_designs + n_outcomes)`.

        A step that no draw could have made raises `ValueError`, or else leaves the draws of its history where they are.
        """
        after = copy.copy(self)
        after.steps = np.concatenate([self.steps, step[:, np.newaxis]], axis=1)
        after.u, after._log_likelihood = self.u.copy(), self._log_likelihood.copy()
        n_rows = max(1, _BLOCK // (after.n_steps * self.n_particles))
        for start in range(0, len(step), n_rows):
            after._follow(np.arange(start, min(start + n_rows, len(step))), strict=strict)
        return after

    def _follow(self, rows, *, strict):
        """Let the last step of some histories in, by degrees."""
        rng = np.random.default_rng([self._seed, self.n_steps])
        new = self._terms(self.steps[rows, -1:], self._to_y(self.u[rows]))[..., 0]
        if strict and (new <= LEAST).all(axis=1).any():
            raise ValueError(
                f"step {self.n_steps} of a history has a likelihood of zero under each of {self.n_particles} draws of "
                "the parameters. If it is an outcome of this experiment, it takes more of them, or a policy with an "
                "amortized posterior."
            )
        past, degree = self._log_likelihood[rows], np.zeros(len(rows))
        for _ in range(_N_DEGREES):
            rise = self._rise(new, 1 - degree)
            degree = degree + rise
            weights = special.softmax(rise[:, np.newaxis] * new, axis=1)
            factor = _cholesky(self.u[rows], weights)
            kept = at_shares(weights, (np.arange(self.n_particles) + rng.random()) / self.n_particles)
            u = np.take_along_axis(self.u[rows], kept[..., np.newaxis], axis=1)
            past, new = (np.take_along_axis(part, kept, axis=1) for part in (past, new))
            for _ in range(_N_MOVES * u.shape[2]):
                u, past, new = self._moved(u, past, new, rows, factor, degree, rng)
            self.u[rows], self._log_likelihood[rows] = u, past + new
            # A history whose step is in rests, however many degrees the others need.
            goes_on = degree < 1
            if not goes_on.any():
                return
            rows, past, new, degree = rows[goes_on], past[goes_on], new[goes_on], degree[goes_on]
        raise ValueError(
            f"the likelihood of step {self.n_steps} of a history is too steep for draws to follow it in {_N_DEGREES} "
            "degrees: look at the log densities that it returns."
        )

    def _rise(self, new, most):
        """Return by how much of the likelihood each history can go on, `(n_histories,)`."""
        # Draws that an outcome rules out are lost at any degree.
        least = _ENOUGH * (new > LEAST).sum(axis=1)
        is_enough = _worth(most, new) >= least
        if is_enough.all():
            return most
        low, high = np.log(most) + _LEAST_DEGREE, np.log(most)
        for _ in range(_N_HALVINGS):
            middle = (low + high) / 2
            goes = _worth(np.exp(middle), new) >= least
            low, high = np.where(goes, middle, low), np.where(goes, high, middle)
        return np.where(is_enough, most, np.exp(low))

    def _moved(self, u, past, new, rows, factor, degree, rng):
        """Return draws after a Metropolis step, and log likelihoods of their past steps and of the new one."""
        n_particles, n_parameters = u.shape[1:]
        noise = rng.normal(size=(n_particles, n_parameters))
        scale = rng.uniform(*_SCALES, size=(n_particles, 1))
        threshold = np.log(rng.random(n_particles))
        proposed = u + _BEST_SCALE / math.sqrt(n_parameters) * (scale * noise) @ factor.transpose(0, 2, 1)
        terms = self._terms(self.steps[rows], self._to_y(proposed))
        proposed_past, proposed_new = terms[..., :-1].sum(axis=-1), terms[..., -1]
        degree = degree[:, np.newaxis]
        gain = 0.5 * (u**2 - proposed**2).sum(axis=-1) + proposed_past - past + degree * (proposed_new - new)
        goes = gain > threshold
        u = np.where(goes[..., np.newaxis], proposed, u)
        return u, np.where(goes, proposed_past, past), np.where(goes, proposed_new, new)

    def _terms(self, steps, y):
        """Return log likelihoods of steps under draws, `(n_histories, n_particles, n_steps)`."""
        return np.maximum(log_likelihood_of_draws(self.experiment, steps, y), LEAST)

    def _to_y(self, u):
        return self.experiment.prior.from_real(u.reshape(-1, u.shape[-1])).reshape(u.shape)


def _worth(rise, new):
    return effective_sizes(special.softmax(rise[:, np.newaxis] * new, axis=1))


def _cholesky(u, weights):
    """Return factors of the covariances of weighted draws, `(n, n_parameters, n_parameters)`."""
    away = u - (weights[..., np.newaxis] * u).sum(axis=1, keepdims=True)
    covariance = (weights[..., np.newaxis] * away).transpose(0, 2, 1) @ away
    return np.linalg.cholesky(covariance + _LEAST_VARIANCE * np.eye(u.shape[-1]))
