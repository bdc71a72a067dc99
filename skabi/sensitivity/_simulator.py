"""Simulations under many choices of prior, likelihood and simulator at once."""

import copy
import inspect
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._params import check_count, check_real
from skabi._random import seed_sequence
from skabi.exceptions import SimulatorError
from skabi.priors._power_scaled import RowsPowerScaled, check_powers
from skabi.sensitivity._contexts import LIKELIHOOD, PRIOR, ContextSpace
from skabi.sensitivity._tempering import tempered
from skabi.sensitivity._told import rows_of, sources
from skabi.simulators import Simulator
from skabi.simulators._data_sets import ADVICE, as_X, difference, join, take

# Of powers, if nothing else is said.
_RANGE = (0.5, 2.0)


class ContextSimulator:
    """A simulator whose prior, likelihood and simulation are choices, drawn at random beside parameters [1]_.

    A posterior that is learned from it knows the choices as context, and answers for each of them: how much of the
    answer is owed to the prior, or to the noise that was assumed, is asked and not trained again.

    The choices, each a name in the dict `context` that `ContextPosterior` takes, are

    - ``prior_<entry>``: the power to which the prior density of an entry is raised [2]_, see `power_scaled`. One is the
      prior itself, less is wider, more is narrower.
    - ``likelihood``: the power to which the likelihood is raised. It weighs the data against the prior.
    - variants by the names that they are given.

    How many observations there are is a choice, too, but one that shows in the data: see `n_observations` of
    `Simulator`.

    Parameters
    ----------
    simulator : Simulator
        The default choice.
    prior_powers : bool, list of str, or dict of str to (float, float), default=True
        Entries of the prior whose powers are choices: all, none, some, or some with ranges of their own.
    likelihood_power : bool or (float, float), default=False
        Whether the power of the likelihood is a choice; it needs the simulator's `log_likelihood`. Parameters are drawn
        from the posterior at that power of each simulated data set by short Markov chains.
    power_range : (float, float), default=(0.5, 2.0)
        The range of powers, which are drawn evenly on the log scale.
    variants : dict of str to dict, optional
        By the name of a choice, what there is to choose from: a dict of label to a function that takes the place of
        `simulate` or a `Simulator` with the same prior; the first is the default. Or of label to a value that is handed
        to `simulate` as an argument of the choice's name: then there may be several such choices, which are combined.
    n_steps : int, default=100
        Steps of the chains for `likelihood_power`.

    Attributes
    ----------
    prior : prior
        That of the default choice.
    context_names : list of str
        Names of the choices.
    default_context : dict
        All powers one, and the first of all variants.

    Raises
    ------
    TypeError
        If `simulator` is no `Simulator`, or a variant can be neither called nor handed over.
    ValueError
        If an entry is not there, the prior is improper at an end of its range, there is no likelihood to be raised, or
        there is nothing to choose.

    References
    ----------
    .. [1] L. Elsemüller, H. Olischläger, M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2024). Sensitivity-aware
       amortized Bayesian inference. Transactions on Machine Learning Research. arXiv 2310.11122.
    .. [2] N. Kallioinen, T. Paananen, P.-C. Bürkner, A. Vehtari (2024). Detecting and diagnosing prior and likelihood
       sensitivity with power-scaling. Statistics and Computing 34. arXiv 2107.14054.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.sensitivity import ContextSimulator
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng, spread=0.0):
    ...     return rng.poisson(rate[:, None] * np.exp(spread * rng.normal(size=(len(rate), 5))))
    >>> import numpy as np
    >>> simulator = Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), simulate, vectorized=True)
    >>> choices = ContextSimulator(simulator, variants={"spread": {"none": 0.0, "some": 0.5}})
    >>> choices.default_context
    {'prior_rate': 1.0, 'spread': 'none'}
    >>> X, y = choices.sample(100, random_state=0)
    >>> X["data"].shape, X["context"].shape
    ((100, 5), (100, 2))
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        prior_powers: Any = True,
        likelihood_power: Any = False,
        power_range: tuple[float, float] = _RANGE,
        variants: Mapping[str, Mapping[Any, Any]] | None = None,
        n_steps: int = 100,
    ):
        if not isinstance(simulator, Simulator):
            raise TypeError(f"simulator must be a Simulator; got {type(simulator).__name__}.")
        self.simulator = simulator
        self.prior_powers = prior_powers
        self.likelihood_power = likelihood_power
        self.power_range = power_range
        self.variants = {} if variants is None else dict(variants)
        self.n_steps = check_count(n_steps, "n_steps")
        self.prior, self.allow_nan, self.block_size = simulator.prior, simulator.allow_nan, simulator.block_size
        self._ranges = self._prior_ranges()
        self._space = self._contexts()
        self._each = self._simulators()

    def __repr__(self):
        return f"{type(self).__name__}({self.simulator!r}: {self._space!r})"

    @property
    def context_names(self) -> list[str]:
        """Names of the choices."""
        return self._space.names

    @property
    def default_context(self) -> dict[str, Any]:
        """All powers one, and the first of all variants."""
        return self._space.default

    def prior_given(self, context: Mapping[str, Any] | None = None):
        """Return the prior under one choice.

        Parameters
        ----------
        context : dict of str to value, optional
            What is not said is the default.

        Returns
        -------
        prior : prior
        """
        return self._space.prior_given(self.prior, context)

    def sample(self, n: int, *, random_state=None, n_jobs: int | None = None, verbose: int = 0):
        """Draw choices, parameters given these, and a data set for each.

        Parameters
        ----------
        n : int
            Number of simulations.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
            The rows depend on it alone: not on `n_jobs`, and the first rows not on `n`.
        n_jobs : int, optional
            Number of joblib workers; `joblib.parallel_config` applies.
        verbose : int, default=0
            Positive for a progress bar.

        Returns
        -------
        X : SliceDict
            The sources of the simulator, or "data" if it has one, and "context", `(n, n_columns)`: the logarithm to
            base 2 of each power, and an indicator of each variant but the first.
        y : DataFrame of shape (n, n_parameters)

        Raises
        ------
        SimulatorError
            As in `Simulator.sample`, or if variants have other shapes or sources than each other.
        """
        n, size = check_count(n, "n"), self.block_size
        n_blocks = -(-n // size)
        seeds = [seed.spawn(4) for seed in seed_sequence(random_state).spawn(n_blocks)]
        chosen = [self._space.draw(size, np.random.default_rng(seed[0])) for seed in seeds]
        drawn = [
            self._prior_of_rows(each).sample(size, random_state=np.random.default_rng(seed[1])).to_numpy()
            for each, seed in zip(chosen, seeds, strict=True)
        ]
        # Blocks of vectorized simulators are simulated as a whole, so that a longer run begins with a shorter one.
        n_made = n_blocks * size if self.simulator.vectorized else n
        y = np.concatenate(drawn)[:n_made]
        choices = {name: np.concatenate([each[name] for each in chosen])[:n_made] for name in self.context_names}
        data, kept = self._simulate(y, choices, [seed[2] for seed in seeds], n_jobs=n_jobs, verbose=verbose)
        n_kept = int(np.searchsorted(kept, n))
        kept = kept[:n_kept]
        X, y = as_X(take(data, slice(n_kept))), y[kept]
        choices = {name: values[kept] for name, values in choices.items()}
        if LIKELIHOOD in choices:
            y = self._temper(X, y, choices, kept, [seed[3] for seed in seeds])
        return sources(X, self._space.encode(choices)), pd.DataFrame(y, columns=self.prior.parameter_names)

    def simulate_from(
        self,
        y: ArrayLike,
        *,
        context: Mapping[str, Any] | None = None,
        random_state=None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        """Simulate a data set for each row of `y` under some choice: posterior predictive data, say.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n_datasets, n_parameters)
        context : dict of str to value or array-like of shape (n_datasets,), optional
            What is not said is the default. Powers change nothing here.
        random_state, n_jobs, verbose
            As in `sample`.

        Returns
        -------
        X : ndarray, list of arrays, or SliceDict
            As the simulator's.
        """
        rows = np.column_stack(list(self.prior.split(y).values()))
        choices = {name: np.array(values) for name, values in self._space.read(context, len(rows)).items()}
        seeds = seed_sequence(random_state).spawn(-(-len(rows) // self.block_size))
        data, _ = self._simulate(rows, choices, seeds, n_jobs=n_jobs, verbose=verbose)
        return as_X(data)

    def _simulate(self, y, choices, seeds, *, n_jobs, verbose):
        """Return data sets, in the order of rows, and which of them succeeded."""
        entries, which = self.prior.split(y), self._combination(choices)
        parts, kept = [], []
        for number, simulator in enumerate(self._each):
            inputs, owned = [], []
            for block, seed in enumerate(seeds):
                own = np.flatnonzero(which[block * self.block_size : (block + 1) * self.block_size] == number)
                own += block * self.block_size
                if own.size:
                    seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
                    inputs += simulator._inputs([{name: values[own] for name, values in entries.items()}], seed)
                    owned.append(own)
            if inputs:
                rows = np.concatenate(owned)
                data, succeeded = simulator._simulate(inputs, n_jobs=n_jobs, verbose=verbose, n=len(rows))
                parts.append(data)
                kept.append(rows[succeeded])
        for data in parts[1:]:
            wrong = difference(data, parts[0], self.simulator._sizes)
            if wrong:
                raise SimulatorError(f"variants must make data sets alike: {wrong}.{ADVICE}")
        all_rows = np.concatenate(kept)
        order = np.argsort(all_rows)
        return take(join(parts), order), all_rows[order]

    def _temper(self, X, y, choices, kept, seeds):
        """Return parameters of the posteriors whose likelihoods have the powers that were chosen."""
        which, tempered_rows = self._combination(choices), y.copy()
        for block, seed in enumerate(seeds):
            of_block = kept // self.block_size == block
            for number, simulator in enumerate(self._each):
                rows = np.flatnonzero(of_block & (which == number))
                if not rows.size:
                    continue
                some = {name: values[rows] for name, values in choices.items()}
                child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
                tempered_rows[rows] = tempered(
                    self._prior_of_rows(some),
                    y[rows],
                    partial(self._log_likelihood, simulator, rows_of(X, rows)),
                    some[LIKELIHOOD],
                    n_steps=self.n_steps,
                    places=kept[rows] - block * self.block_size,
                    n_block=self.block_size,
                    rng=np.random.default_rng(child),
                )
        return tempered_rows

    def _log_likelihood(self, simulator, X, y):
        return np.asarray(simulator.log_likelihood(X, **self.prior.split(y)), dtype=np.float64)

    def _prior_of_rows(self, choices):
        return RowsPowerScaled(self.prior, {name: choices[f"{PRIOR}_{name}"] for name in self._ranges})

    def _given_variants(self, context):
        """Return the simulator under the variants of a context."""
        variants = {name: value for name, value in context.items() if name in self.variants}
        return self._each[int(self._combination(self._space.read(variants, 1))[0])]

    def _combination(self, choices):
        """Return which of the simulators makes each row."""
        n = len(next(iter(choices.values())))
        which = np.zeros(n, dtype=int)
        for name, labels in self.variants.items():
            which = which * len(labels) + choices[name]
        return which

    def _prior_ranges(self):
        """Return the range of the power of each entry that has one."""
        names = self.prior.entry_names
        asked = self.prior_powers
        if asked is True or asked is False or asked is None:
            asked = names if asked else []
        if isinstance(asked, str) or not isinstance(asked, (list, tuple, Mapping)):
            raise TypeError(f"prior_powers must be a bool, a list of entries, or a dict of ranges; got {asked!r}.")
        unknown = [name for name in asked if name not in names]
        if unknown:
            raise ValueError(f"prior_powers are for the entries {names} of the prior; got {unknown}.")
        ranges = asked if isinstance(asked, Mapping) else dict.fromkeys(asked, self.power_range)
        ranges = {name: _check_range(both, f"the range of {name!r}") for name, both in ranges.items()}
        if ranges:
            check_powers(self.prior, ranges)
        return ranges

    def _contexts(self):
        """Return the `ContextSpace`."""
        powers = {f"{PRIOR}_{name}": both for name, both in self._ranges.items()}
        if self.likelihood_power is not False and self.likelihood_power is not None:
            both = self.power_range if self.likelihood_power is True else self.likelihood_power
            powers[LIKELIHOOD] = _check_range(both, "likelihood_power")
        labels = {}
        for name, choices in self.variants.items():
            if not isinstance(choices, Mapping) or len(choices) < 2:
                raise TypeError(f"variants[{name!r}] must be a dict of at least two labels; got {choices!r}.")
            if not isinstance(name, str) or name in {PRIOR, LIKELIHOOD, *powers}:
                raise ValueError(f"a choice needs a name of its own; {name!r} is taken, or none.")
            labels[name] = list(choices)
        if not powers and not labels:
            raise ValueError("there is nothing to choose; give prior_powers, likelihood_power or variants.")
        return ContextSpace(powers, labels)

    def _simulators(self):
        """Return a simulator for each combination of variants."""
        replacing = [name for name, each in self.variants.items() if all(map(_replaces, each.values()))]
        if len(replacing) > 1:
            raise ValueError(
                f"one choice alone can take the place of simulate; {replacing} all do. Let simulate take arguments of "
                "these names, and give their values as variants."
            )
        simulators = []
        for values in itertools.product(*(each.values() for each in self.variants.values())):
            chosen = dict(zip(self.variants, values, strict=True))
            simulator = self.simulator
            for name in replacing:
                simulator = self._replaced(name, chosen.pop(name))
            simulators.append(self._given(simulator, chosen))
        if LIKELIHOOD in self._space.powers and any(each.log_likelihood is None for each in simulators):
            arguments = ["X", *self.prior.entry_names, *(name for name in self.variants if name not in replacing)]
            raise ValueError(
                "likelihood_power needs a log_likelihood of the simulator, and of each variant: "
                f"log_likelihood({', '.join(arguments)}) -> (n_datasets,)."
            )
        return simulators

    def _replaced(self, name, variant):
        """Return a simulator that simulates in another way."""
        own = self.simulator
        if not isinstance(variant, Simulator):
            settings = ("vectorized", "n_observations", "n_groups", "allow_nan", "on_error", "block_size")
            return Simulator(own.prior, variant, **{each: getattr(own, each) for each in settings})
        if variant.prior != own.prior:
            raise ValueError(f"simulators of variants[{name!r}] must have the prior of the default.")
        variant = copy.copy(variant)
        variant.block_size = own.block_size
        return variant

    def _given(self, simulator, values):
        """Return a simulator with values handed to what simulates, and to its likelihood."""
        if not values:
            return simulator
        simulator = copy.copy(simulator)
        for name in values:
            if name not in inspect.signature(simulator.simulate).parameters:
                raise TypeError(
                    f"simulate must have an argument {name!r}, with a default, to be handed variants[{name!r}]; or "
                    "variants are functions that take its place."
                )
        simulator.simulate = partial(simulator.simulate, **values)
        if simulator.log_likelihood is not None:
            taken = inspect.signature(simulator.log_likelihood).parameters
            knows = all(name in taken for name in values)
            simulator.log_likelihood = partial(simulator.log_likelihood, **values) if knows else None
        return simulator


def _replaces(variant):
    return callable(variant) or isinstance(variant, Simulator)


def _check_range(both, name):
    """Return a range of powers, which holds one: the default."""
    if not isinstance(both, (tuple, list)) or len(both) != 2:
        raise TypeError(f"{name} must be a pair (low, high) of powers; got {both!r}.")
    low, high = (check_real(end, name, low=0.0) for end in both)
    if not low <= 1 <= high or low == high:
        raise ValueError(f"{name} must hold one, the default, and more than that; got ({low:g}, {high:g}).")
    return low, high
