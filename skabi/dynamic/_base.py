"""What every transition can do: start, take a step, and say how far back a step leads."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skabi.dynamic._bounds import check_bounds, from_real
from skabi.dynamic._numbers import number_of
from skabi.exceptions import SimulatorError


class Pull(NamedTuple):
    """How a step binds the state before it to the state after it: a normal density of the former.

    Attributes
    ----------
    location : ndarray of shape (n, n_states)
    factor : ndarray of shape (n, n_states, n_states)
        Lower triangular factor of the covariance; zeros for a state that stays as it is, infinity where the state
        before the step is forgotten.
    """

    location: np.ndarray
    factor: np.ndarray


class BaseTransition(BaseEstimator):
    """A recipe of how one parameter moves from a time to the next.

    A parameter moves on the real line, on which its bounds are infinitely far away: as the logarithm of its distance
    from a single bound, or as `width / 4 * logit` between two, whose slope in the middle is one. It starts at
    `Normal(mean, sd)` there. What moves is a state, of which the first number is the parameter on the real line; the
    state of the next time depends on the past through that of this time alone.

    Every number of a recipe is one of three: a number; a frozen distribution of `scipy.stats`, which makes it a
    hyper-parameter called `<parameter>_<number>`, as in `drift_scale`; or the name of an entry of the `hyper_prior`
    of the simulator, which several parameters may share.

    A subclass stores its numbers in `__init__`, unchecked, `mean` and `sd` among them, names those that are positive in
    `_positive`, probabilities in `_probabilities` and the ends of others in `_highest`, and has `advance` and `pull`.

    Examples
    --------
    >>> from skabi.dynamic import BaseTransition, RandomWalk
    >>> issubclass(RandomWalk, BaseTransition)
    True
    """

    # Names of numbers that are positive, of those that are probabilities, and what others are at most.
    _positive: tuple[str, ...] = ("sd",)
    _probabilities: tuple[str, ...] = ()
    _highest: Mapping[str, float] = {}
    # Numbers of a state; whether it sometimes jumps, and whether it never moves.
    n_states = 1
    can_jump = False
    is_static = False

    mean: object
    sd: object
    bounds: object

    def numbers(self):
        """Return what each number of the recipe is, a dict of name to number, distribution or name."""
        named = {name: getattr(self, name) for name in ("mean", *self._positive, *self._probabilities)}
        return {name: value for name, value in named.items() if value is not None}

    def check(self, name):
        """Raise unless this is a recipe that parameter `name` can follow.

        Parameters
        ----------
        name : str

        Raises
        ------
        TypeError, ValueError
            If a number is none, or is outside its range, or the bounds are none.
        """
        check_bounds(self.bounds, name=f"bounds of {name!r}")
        for number, value in self.numbers().items():
            is_probability = number in self._probabilities
            low = 0.0 if is_probability or number in self._positive else -np.inf
            high = 1.0 if is_probability else self._highest.get(number, np.inf)
            number_of(value, f"{number} of {name!r}", low=low, high=high)

    def start(self, n, hyper, rng):
        """Return states at the first time.

        Parameters
        ----------
        n : int
        hyper : dict of str to ndarray of shape (n,) or float
            The numbers of the recipe.
        rng : numpy.random.Generator

        Returns
        -------
        states : ndarray of shape (n, n_states)
        """
        return np.reshape(hyper["mean"] + hyper["sd"] * rng.standard_normal(n), (n, 1))

    def advance(self, states, hyper, rng):
        """Return states at the next time, and which of them jumped.

        Parameters
        ----------
        states : ndarray of shape (n, n_states)
        hyper : dict of str to ndarray of shape (n,) or float
        rng : numpy.random.Generator

        Returns
        -------
        states : ndarray of shape (n, n_states)
        jumped : ndarray of bool of shape (n,)
        """
        raise NotImplementedError(f"{type(self).__name__} must define advance(states, hyper, rng).")

    def pull(self, states, hyper, *, jumped):
        """Return how a step binds the states before it, as a normal density of these; it need only be about right.

        Parameters
        ----------
        states : ndarray of shape (n, n_states)
            After the step.
        hyper : dict of str to ndarray of shape (n,) or float
        jumped : bool
            Whether the step is a jump.

        Returns
        -------
        pull : Pull
        """
        raise NotImplementedError(f"{type(self).__name__} must define pull(states, hyper, jumped=...).")

    def values(self, states):
        """Return the parameter `(...)` of states `(..., n_states)`, inside its bounds."""
        return from_real(states[..., 0], check_bounds(self.bounds))

    def sample(self, n, n_times, hyper, rng):
        """Draw trajectories.

        Parameters
        ----------
        n, n_times : int
        hyper : dict of str to ndarray of shape (n,) or float
            The numbers of the recipe.
        rng : numpy.random.Generator

        Returns
        -------
        states : ndarray of shape (n, n_times, n_states)
        jumped : ndarray of bool of shape (n, n_times)
            Whether the step to a time was a jump; false at the first.

        Raises
        ------
        SimulatorError
            If a trajectory leaves the bounds.
        """
        states, jumped = np.empty((n, n_times, self.n_states)), np.zeros((n, n_times), dtype=bool)
        states[:, 0] = self.start(n, hyper, rng)
        for time in range(1, n_times):
            states[:, time], jumped[:, time] = self.advance(states[:, time - 1], hyper, rng)
        self.check_inside(states)
        return states, jumped

    def check_inside(self, states):
        """Raise a `SimulatorError` if parameters of some states are not numbers inside their bounds."""
        values = self.values(states)
        low, high = check_bounds(self.bounds)
        wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if wrong.any():
            raise SimulatorError(
                f"{type(self).__name__} leaves the bounds ({low:g}, {high:g}) in {np.count_nonzero(wrong)} of "
                f"{wrong.size} places, the first with {values[wrong][0]:g}. Make its steps smaller, or its tails "
                "lighter; a transition of your own must return states whose values are inside."
            )


def diagonal(states, sd):
    """Return a `Pull` towards states `(n, 1)` themselves, with standard deviation `sd`, a number or `(n,)`."""
    return Pull(states, np.broadcast_to(np.reshape(sd, (-1, 1, 1)), (len(states), 1, 1)))
