"""The states of all parameters of a model, side by side."""

from typing import NamedTuple

import numpy as np

from skabi.dynamic._base import BaseTransition
from skabi.dynamic._numbers import hyper_distributions, numbers_for
from skabi.priors import IndependentPrior, check_prior

# In the place of an infinite scale.
_LARGEST = 1e8


class Binding(NamedTuple):
    """How a step binds the states before it to those after it, for all parameters.

    Attributes
    ----------
    location : ndarray of shape (n, n_states)
    factor : ndarray of shape (n, n_states, n_states)
        Of a step that is no jump; it depends on hyper-parameters alone.
    jump_scale : ndarray of shape (n, n_states)
        In the place of its diagonal after a jump; zero where there are none.
    """

    location: np.ndarray
    factor: np.ndarray
    jump_scale: np.ndarray


class StateSpace:
    """Transitions of named parameters and the prior of their hyper-parameters.

    Parameters
    ----------
    transitions : dict of str to transition
    hyper_prior : prior or None
        Of hyper-parameters that no recipe brings itself.

    Raises
    ------
    TypeError, ValueError
        If a recipe is none or does not fit, or a name is that of two things, or of none.
    """

    def __init__(self, transitions, hyper_prior):
        if not isinstance(transitions, dict) or not transitions:
            raise TypeError(f"transitions must be a dict of parameter name to transition; got {transitions!r}.")
        for name, transition in transitions.items():
            if not isinstance(transition, BaseTransition):
                raise TypeError(f"the transition of {name!r} must be a recipe, RandomWalk() say; got {transition!r}.")
            transition.check(name)
        self.transitions = dict(transitions)
        self.prior = _joint_prior(self.transitions, hyper_prior)
        self._check_names()
        self.columns, start = {}, 0
        for name, transition in self.transitions.items():
            self.columns[name] = slice(start, start + transition.n_states)
            start += transition.n_states
        self.n_states = start

    def _check_names(self):
        entries = [] if self.prior is None else self.prior.entry_names
        twice = set(entries) & set(self.transitions)
        if twice:
            raise ValueError(f"{sorted(twice)[0]!r} is the name of a parameter and of a hyper-parameter.")
        for parameter, transition in self.transitions.items():
            for number, value in transition.numbers().items():
                if isinstance(value, str) and value not in entries:
                    raise ValueError(
                        f"{number} of {parameter!r} is called {value!r}, which is none of the hyper-parameters "
                        f"{entries}. Give hyper_prior an entry of that name."
                    )

    @property
    def parameter_names(self):
        """Names of what moves."""
        return list(self.transitions)

    @property
    def hyper_names(self):
        """Names of the columns of hyper-parameters."""
        return [] if self.prior is None else list(self.prior.parameter_names)

    def flags(self, name):
        """Return a property of the transitions for each number of a state, a list of bool."""
        return [getattr(t, name) for t in self.transitions.values() for _ in range(t.n_states)]

    def entries(self, hyper):
        """Return hyper-parameters `(n, n_hyper)` by name, a dict of arrays `(n,)` or `(n, k)`."""
        return {} if self.prior is None else self.prior.split(hyper)

    def numbers(self, hyper):
        """Return the numbers of each recipe, given hyper-parameters `(n, n_hyper)`."""
        return numbers_for(self.transitions, self.entries(hyper))

    def sample(self, numbers, n, n_times, rng):
        """Return states `(n, n_times, n_states)` and jumps of the same shape, bool."""
        states = np.empty((n, n_times, self.n_states))
        jumped = np.zeros(states.shape, dtype=bool)
        for name, transition in self.transitions.items():
            path, jumps = transition.sample(n, n_times, numbers[name], rng)
            states[..., self.columns[name]], jumped[..., self.columns[name]] = path, jumps[..., np.newaxis]
        return states, jumped

    def start(self, numbers, n, rng):
        """Return states `(n, n_states)` at the first time."""
        parts = [transition.start(n, numbers[name], rng) for name, transition in self.transitions.items()]
        return np.concatenate(parts, axis=1)

    def advance(self, states, numbers, rng):
        """Return states `(n, n_states)` at the next time."""
        after = np.empty_like(states)
        for name, transition in self.transitions.items():
            columns = self.columns[name]
            after[:, columns], _ = transition.advance(states[:, columns], numbers[name], rng)
            transition.check_inside(after[:, columns])
        return after

    def binding(self, states, numbers):
        """Return the `Binding` of states `(n, n_states)` after a step."""
        n = len(states)
        location, jump_scale = np.empty(states.shape), np.zeros(states.shape)
        factor = np.zeros((n, self.n_states, self.n_states))
        for name, transition in self.transitions.items():
            columns = self.columns[name]
            pull = transition.pull(states[:, columns], numbers[name], jumped=False)
            location[:, columns], factor[:, columns, columns] = pull
            if transition.can_jump:
                jump = transition.pull(states[:, columns], numbers[name], jumped=True).factor
                jump_scale[:, columns] = np.minimum(jump.diagonal(axis1=1, axis2=2), _LARGEST)
        return Binding(location, np.minimum(factor, _LARGEST), jump_scale)

    def values(self, states):
        """Return parameters `(..., n_parameters)` of states `(..., n_states)`."""
        parts = [transition.values(states[..., self.columns[name]]) for name, transition in self.transitions.items()]
        return np.stack(parts, axis=-1)


def _joint_prior(transitions, hyper_prior):
    """Return the prior of all hyper-parameters, or None where there are none."""
    own = hyper_distributions(transitions)
    if hyper_prior is None:
        return IndependentPrior(own) if own else None
    if isinstance(hyper_prior, dict):
        hyper_prior = IndependentPrior(hyper_prior)
    if not own:
        return check_prior(hyper_prior)
    given = getattr(hyper_prior, "distributions", None)
    if given is None:
        raise TypeError(
            "hyper_prior must be an IndependentPrior or a ChainedPrior where recipes bring hyper-parameters of their "
            f"own; got {type(hyper_prior).__name__}."
        )
    twice = set(given) & set(own)
    if twice:
        raise ValueError(f"hyper_prior has an entry {sorted(twice)[0]!r}, which a recipe brings itself.")
    return type(hyper_prior)({**given, **own})
