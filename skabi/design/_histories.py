"""Histories of an experiment as data sets, from which a posterior after any history is learned."""

import numbers
from typing import Any

import numpy as np

from skabi._params import check_count, check_real
from skabi.design._experiment import check_experiment
from skabi.design._likelihood import log_likelihood_rows
from skabi.exceptions import ShapeError
from skabi.simulators import Simulator


class HistorySimulator(Simulator):
    """Simulates whole histories of an experiment: a data set is a set of designs with their outcomes.

    An `AmortizedPosterior` that is fitted to it gives the posterior after any history, in any order of its steps.

    Parameters
    ----------
    experiment : Experiment
    n_steps : int or (int, int)
        Number of steps, or a range of it, ends included, from which it is drawn for each history.
    policy : object with next_design, optional
        What chooses designs, such as `DeepAdaptiveDesign`; by default they are random. A posterior is best near what it
        was trained on: where designs will be those of a policy, simulate with that policy.
    random_share : float, default=0.5
        With a policy, the share of steps whose design is random all the same, at most: each history has its own share,
        from zero to this.
    block_size : int, default=1000
        Histories that are simulated from one random seed.

    Attributes
    ----------
    prior : IndependentPrior or ChainedPrior
        The experiment's.

    Raises
    ------
    TypeError
        If `experiment` is none, `n_steps` is neither a number nor a range, or the policy has no `next_design`.
    ValueError
        If `n_steps` may be less than 1, or the range is none.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedPosterior
    >>> from skabi.design import DesignBox, Experiment, HistorySimulator
    >>> from skabi.engines import Gaussian
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(slope, design, rng):
    ...     return slope * design[:, 0] + rng.normal(size=len(design))
    >>> experiment = Experiment(IndependentPrior({"slope": stats.norm(0, 2)}), simulate, space=DesignBox(0.0, 3.0))
    >>> simulator = HistorySimulator(experiment, n_steps=(1, 4))
    >>> X, y = simulator.sample(5, random_state=0)
    >>> [x.shape for x in X]
    [(4, 2), (3, 2), (2, 2), (1, 2), (2, 2)]
    >>> posterior = AmortizedPosterior(Gaussian((16,)), n_simulations=300, max_iter=3, random_state=0).fit(simulator)
    >>> posterior.sample([[[1.0, 0.3], [3.0, 0.8]]], n_draws=100).shape
    (1, 100, 1)
    """

    def __init__(self, experiment, n_steps: Any, *, policy=None, random_share: float = 0.5, block_size: int = 1000):
        self.experiment = check_experiment(experiment)
        self.n_steps = n_steps
        self.policy = policy
        self.random_share = random_share
        if policy is not None and not callable(getattr(policy, "next_design", None)):
            raise TypeError(f"policy must have next_design(histories); got {policy!r}.")
        check_real(random_share, "random_share", low=-1e-9, high=1 + 1e-9)
        fixed = _check_n_steps(n_steps)
        make = Histories(experiment, policy, random_share)
        super().__init__(
            experiment.prior,
            HistoriesOfOneLength(make, fixed) if fixed else make,
            vectorized=True,
            n_observations=None if fixed else n_steps,
            log_likelihood=HistoryLikelihood(experiment) if experiment.has_likelihood else None,
            block_size=block_size,
        )

    def __repr__(self):
        return f"HistorySimulator({self.experiment!r}, n_steps={self.n_steps!r})"


class Histories:
    """A function that makes histories of random lengths; an object, so that workers may be sent it."""

    def __init__(self, experiment, policy, random_share):
        self.experiment = experiment
        self.policy = policy
        self.random_share = random_share

    def __call__(self, rng, n_observations, **parameters):
        """Return histories `(n, longest, n_designs + n_outcomes)`; what is beyond their lengths is cut off later."""
        return self.of_shape((len(n_observations), int(n_observations.max())), parameters, rng)

    def of_shape(self, shape, parameters, rng):
        """Return histories `(*shape, n_designs + n_outcomes)`."""
        return roll_out(self.experiment, parameters, self._choose, shape=shape, rng=rng)

    def _choose(self, histories, rng):
        """Return the next design of each history; a history's share of random ones is its own."""
        n = len(histories)
        designs = self.experiment.space.sample(n, random_state=rng)
        if self.policy is None:
            return designs
        chosen = next_designs(self.policy, histories, self.experiment.space, rng)
        is_random = rng.random(n) < self.random_share * rng.random(n)
        return np.where(is_random[:, np.newaxis], designs, chosen)


class HistoriesOfOneLength:
    """A function that makes histories of `n_steps` by `Histories`."""

    def __init__(self, histories, n_steps):
        self.histories = histories
        self.n_steps = n_steps

    def __call__(self, rng, **parameters):
        """Return histories `(n, n_steps, n_designs + n_outcomes)`."""
        return self.histories.of_shape((len(next(iter(parameters.values()))), self.n_steps), parameters, rng)


class HistoryLikelihood:
    """The log likelihood of histories."""

    def __init__(self, experiment):
        self.experiment = experiment

    def __call__(self, X, *, pointwise=False, **parameters):
        """Return log densities of histories, or of each of their steps."""
        n_designs = self.experiment.n_designs
        lengths = [len(x) for x in X]
        steps = np.concatenate([np.asarray(x, dtype=float) for x in X])
        names = self.experiment.prior.entry_names
        y = np.column_stack([parameters[name] for name in names]).repeat(lengths, axis=0)
        terms = log_likelihood_rows(self.experiment, steps[:, n_designs:], steps[:, :n_designs], y)
        parts = np.split(terms, np.cumsum(lengths)[:-1])
        if not pointwise:
            return np.array([part.sum() for part in parts])
        return np.stack(parts) if isinstance(X, np.ndarray) and X.ndim == 3 else parts


def roll_out(experiment, entries, choose, *, shape, rng):
    """Return histories `(n, n_steps, n_designs + n_outcomes)`, whose designs `choose(histories, rng)` says.

    Parameters
    ----------
    experiment : Experiment
    entries : dict of str to ndarray
        Parameters by entry, n of each.
    choose : callable
        Takes what has happened so far, `(n, n_steps_so_far, n_designs + n_outcomes)`, and returns designs of the space,
        `(n, n_designs)`.
    shape : (int, int)
        n and n_steps.
    rng : numpy.random.Generator
    """
    n_designs = experiment.n_designs
    histories = np.empty((*shape, n_designs + experiment.n_outcomes))
    for step in range(shape[1]):
        designs = choose(histories[:, :step], rng)
        histories[:, step, :n_designs] = designs
        histories[:, step, n_designs:] = experiment.outcomes(designs, entries, rng)
    return histories


def next_designs(policy, histories, space, rng):
    """Return a policy's designs `(n, n_designs)` for n histories, or raise unless they are as many, of the space."""
    designs = space.check(policy.next_design(histories, random_state=rng))
    if len(designs) != len(histories):
        raise ShapeError(
            f"{type(policy).__name__}.next_design must return one design for each history, {len(histories)} rows; got "
            f"{len(designs)}."
        )
    return designs


def _check_n_steps(n_steps):
    """Return a fixed number of steps, or None for a range of them; raise if it is neither."""
    if not isinstance(n_steps, tuple):
        if not isinstance(n_steps, numbers.Integral):
            raise TypeError(f"n_steps must be an int, or a tuple (fewest, most); got {n_steps!r}.")
        return check_count(n_steps, "n_steps")
    if len(n_steps) != 2:
        raise ShapeError(f"n_steps must be an int, or a tuple (fewest, most); got {n_steps!r}.")
    fewest, most = (check_count(n, name) for n, name in zip(n_steps, ("n_steps[0]", "n_steps[1]"), strict=True))
    if fewest > most:
        raise ValueError(f"n_steps must be a tuple (fewest, most); got {n_steps!r}.")
    return None
