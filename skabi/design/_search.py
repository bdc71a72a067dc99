"""Searching for the best design: a race of candidates, and a local search in a box."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from skabi._random import seed_sequence

# Draws of the first round of a race; each further one doubles them.
_FIRST_ROUND = 50
# Standard errors of a difference beyond which a candidate is out.
_DOUBT = 3.0


@dataclass(frozen=True)
class OptimalDesign:
    """The best design of a search.

    Attributes
    ----------
    design : ndarray of shape (n_designs,)
    gain : InformationGain
        Bounds of this one design, from random numbers that the search did not use.
    candidates : ndarray of shape (n_candidates, n_designs)
    candidate_gains : ndarray of shape (n_candidates,)
        Lower bounds of the candidates, from as many draws as each was given.
    n_draws : int ndarray of shape (n_candidates,)
        How many these were.
    """

    design: np.ndarray
    gain: Any
    candidates: np.ndarray
    candidate_gains: np.ndarray
    n_draws: np.ndarray


@dataclass(frozen=True)
class Race:
    """How a race ended: means `(n,)`, draws `(n,)`, and candidates from the best on, those that were left first."""

    means: np.ndarray
    n_draws: np.ndarray
    order: np.ndarray

    @property
    def best(self):
        """Index of the winner."""
        return self.order[0]


def race(terms, candidates, *, n_draws, seed, n_kept):
    """Compare candidates on common random numbers, round by round, and leave out those that are worse beyond doubt.

    Parameters
    ----------
    terms : callable
        `terms(candidates, n, seed) -> (len(candidates), n)`, whose means are to be large.
    candidates : ndarray of shape (n_candidates, n_designs)
    n_draws : int
        Of each that is left at the end.
    seed : SeedSequence
    n_kept : int
        Candidates at which the race ends.

    Returns
    -------
    outcome : Race
    """
    left = np.arange(len(candidates))
    means, counts = np.zeros(len(candidates)), np.zeros(len(candidates), dtype=int)
    seen = np.empty((len(candidates), 0))
    rounds = seed_sequence(seed)
    while seen.shape[1] < n_draws and len(left) > n_kept:
        n = min(max(seen.shape[1], _FIRST_ROUND), n_draws - seen.shape[1])
        seen = np.concatenate([seen, terms(candidates[left], n, rounds.spawn(1)[0])], axis=1)
        means[left], counts[left] = seen.mean(axis=1), seen.shape[1]
        best = seen.mean(axis=1).argmax()
        difference = seen[best] - seen
        error = difference.std(axis=1, ddof=1) / np.sqrt(seen.shape[1])
        is_left = difference.mean(axis=1) <= _DOUBT * error
        # The best few stay, whatever the doubt.
        is_left[np.argsort(-seen.mean(axis=1), kind="stable")[:n_kept]] = True
        left, seen = left[is_left], seen[is_left]
    out = np.setdiff1d(np.arange(len(candidates)), left)
    order = np.concatenate([left[np.argsort(-means[left], kind="stable")], out[np.argsort(-means[out], kind="stable")]])
    return Race(means, counts, order)


def search_box(value, starts, space, *, max_iter, step):
    """Return the design of the largest `value(design)` that local searches from the starts find.

    Parameters
    ----------
    value : callable
        Of one design `(n_designs,)`, without noise of its own.
    starts : ndarray of shape (n_starts, n_designs)
    space : DesignBox
    max_iter : int
        Iterations of each search at most.
    step : float
        Size of the first steps, in widths of the box.
    """
    low, high = space.ends
    width = high - low
    found = []
    for start in starts:
        unit = (start - low) / width
        # Steps lead into the box.
        corners = np.where(unit < 0.5, unit + min(step, 0.5), unit - min(step, 0.5))
        simplex = np.vstack([unit, np.where(np.eye(len(unit), dtype=bool), corners, unit)])
        options: dict[str, Any] = {"initial_simplex": simplex, "maxiter": max_iter, "xatol": 1e-3, "fatol": 1e-5}
        result = optimize.minimize(  # type: ignore[call-overload]
            lambda place: -value(low + width * np.clip(place, 0, 1)),
            unit,
            method="Nelder-Mead",
            bounds=[(0, 1)] * len(unit),
            options=options,
        )
        found.append((-result.fun, np.clip(result.x, 0, 1)))
    _, best = max(found, key=lambda pair: pair[0])
    return low + width * best
