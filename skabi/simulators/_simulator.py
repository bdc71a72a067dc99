"""A prior and a function that simulates data: the joint distribution that a posterior is learned from."""

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, Literal

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._parallel import results
from skabi._params import check_choice, check_count
from skabi._progress import progress
from skabi._random import seed_sequence
from skabi.exceptions import SimulatorError
from skabi.priors import check_prior
from skabi.simulators._blocks import Block, Inputs, check_dropped, failed_simulation, simulate_block
from skabi.simulators._data_sets import ADVICE, as_X, difference, join, take
from skabi.simulators._sizes import GROUPS, OBSERVATIONS, check_sizes, draw_sizes, size_distributions
from skabi.simulators._store_run import sample_into
from skabi.simulators._store_view import StoredDataSets

_LOGGER = logging.getLogger(__name__)
# Rows a seed: many for array code, few for loops so that small jobs spread over workers.
_VECTORIZED_BLOCK, _LOOP_BLOCK = 1000, 16

# An array, a list of arrays, or a dict of sources; or what a store has of them.
DataSets = np.ndarray | list[np.ndarray] | dict[str, np.ndarray] | StoredDataSets


class Simulator:
    """A prior with a function that simulates a data set for given parameters.

    Parameters
    ----------
    prior : IndependentPrior or ChainedPrior
        What is believed of the parameters before the data.
    simulate : callable
        Takes the parameters by name and `rng`, a `numpy.random.Generator`, and returns a data set of numbers of any
        one shape, or a dict of source name to such where there are several sources. Not vectorized: a scalar parameter
        is a float, a vector entry an array `(k,)`, and one data set is returned. Vectorized: parameters are arrays
        `(n_datasets,)` or `(n_datasets, k)`, and the result, or that of each source, is `(n_datasets, ...)`. A single
        number a data set becomes one feature.
    vectorized : bool, default=False
        Whether `simulate` takes many parameter sets at once.
    n_observations : (int, int), frozen discrete distribution, or dict of str to these, optional
        Numbers of observations, drawn at random for each data set: evenly from a range `(low, high)` whose ends are
        included, or from a distribution such as `stats.randint(20, 201)`. With several sources, a dict for those that
        have sizes. If `simulate` has a parameter `n_observations`, it is passed: an int, vectorized an int array
        `(n_datasets,)`; with several sources a dict of these. The result holds at least as many observations along the
        first axis of a data set, and what is beyond is cut off. A vectorized `simulate` may thus return arrays padded
        with anything, or a list of arrays. Parameters do not depend on whether sizes are drawn.
    n_groups : (int, int) or frozen discrete distribution, optional
        Numbers of groups of observations, drawn and passed on like `n_observations`: a data set is then
        `(n_groups, n_observations, ...)`, with the groups of one data set of equal size. Only for X of one source. See
        `NestedSummary`.
    log_likelihood : callable, optional
        `log_likelihood(X, **parameters) -> (n_datasets,)` in NumPy: the log density of row i of `X` given row i of the
        parameters, for what needs a known likelihood; `X` as `sample` returns it. Where a data set has several
        observations that are independent given the parameters, it may also take `pointwise=True` and then return the
        log density of each, `(n_datasets, n_observations)` or a list of arrays `(n_observations,)`, whose sum over
        observations is the whole.
    torch_log_likelihood : callable, optional
        The same in torch, of tensors in double precision, for what needs its gradients: see `skabi.losses.ReverseKL`.
    allow_nan : bool, default=False
        Whether NaN is a value that is missing, as in the real data, and not a failure. `AmortizedPosterior` then needs
        `missing="mask"`, and learns from the simulations how values go missing.
    on_error : {"raise", "drop"}, default="raise"
        What happens when a simulation raises or returns NaN (unless allowed) or infinity. "drop" leaves those rows out
        and warns of their share: the posterior is then the one given that the simulation succeeds.
    block_size : int, optional
        Rows simulated from one random seed; by default 1,000 when vectorized, else 16. A vectorized simulator always
        simulates whole blocks, so that the first n rows do not depend on how many are asked for.

    Raises
    ------
    TypeError
        If `prior` lacks a method that inference needs (a density among them), `simulate` does not take the names of
        the parameters and `rng`, `log_likelihood` not X and these names, or `n_observations` or `n_groups` is neither a
        range nor a frozen discrete distribution.
    ValueError
        If `n_observations` or `n_groups` may be less than 1, or is also the name of a parameter.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng):
    ...     return rng.poisson(rate, size=5)
    >>> simulator = Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), simulate)
    >>> X, y = simulator.sample(20, random_state=0)
    >>> X.shape, list(y.columns)
    ((20, 5), ['rate'])

    Data sets of 3 to 8 observations:

    >>> def simulate_many(rate, rng, n_observations):
    ...     return rng.poisson(rate, size=n_observations)
    >>> simulator = Simulator(simulator.prior, simulate_many, n_observations=(3, 8))
    >>> X, y = simulator.sample(20, random_state=0)
    >>> [x.shape for x in X[:3]]
    [(8, 1), (6, 1), (4, 1)]

    Two sources, of which one has sizes:

    >>> def simulate_both(rate, rng, n_observations):
    ...     return {"counts": rng.poisson(rate, size=n_observations["counts"]), "level": rng.normal(rate)}
    >>> X, y = Simulator(simulator.prior, simulate_both, n_observations={"counts": (3, 8)}).sample(20, random_state=0)
    >>> X["level"].shape, X["counts"].shape, X["counts"][0].shape
    ((20, 1), (20,), (8, 1))
    """

    def __init__(
        self,
        prior,
        simulate: Callable[..., ArrayLike | Mapping[str, ArrayLike]],
        *,
        vectorized: bool = False,
        n_observations: Any = None,
        n_groups: Any = None,
        log_likelihood: Callable[..., np.ndarray] | None = None,
        torch_log_likelihood: Callable[..., Any] | None = None,
        allow_nan: bool = False,
        on_error: Literal["raise", "drop"] = "raise",
        block_size: int | None = None,
    ):
        self.prior = check_prior(prior)
        self.simulate = simulate
        self.vectorized = vectorized
        self.n_observations = n_observations
        self.n_groups = n_groups
        self.log_likelihood = _check_log_likelihood(log_likelihood, prior.entry_names)
        self.torch_log_likelihood = _check_log_likelihood(
            torch_log_likelihood, prior.entry_names, name="torch_log_likelihood"
        )
        self.allow_nan = allow_nan
        self.on_error = check_choice(on_error, "on_error", ("raise", "drop"))
        default_size = _VECTORIZED_BLOCK if vectorized else _LOOP_BLOCK
        self.block_size = default_size if block_size is None else check_count(block_size, "block_size")
        self._sizes = size_distributions(n_observations, n_groups)
        self._passed_sizes = _check_signature(simulate, prior.entry_names, {counted for counted, _ in self._sizes})

    def __repr__(self):
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"{type(self).__name__}({self.prior!r}, {name}, vectorized={self.vectorized})"

    def sample(
        self,
        n: int,
        *,
        random_state=None,
        n_jobs: int | None = None,
        verbose: int = 0,
        store: str | PathLike[str] | None = None,
    ) -> tuple[DataSets, pd.DataFrame]:
        """Draw parameters from the prior and simulate a data set for each.

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
        store : str or Path, optional
            A folder for simulations larger than memory, or too costly to lose. Workers write what they simulate there,
            as zarr arrays, chunk by chunk; what is there is not simulated again, and a run that was stopped, however it
            was, goes on where it stopped. The rows are those without a store. A larger `n` extends the store. With
            `random_state=None` it keeps the seed that it has. See `open_store`.

        Returns
        -------
        X : ndarray of shape (n, ...), list of ndarray, or SliceDict; StoredDataSets with a store
            Data sets. With `n_observations`, a list of n arrays `(n_observations, ...)`. With several sources, a
            `skorch.helper.SliceDict` of arrays `(n, ...)`; a source that has sizes is an array `(n,)` of objects, the
            arrays of the list. Fewer data sets with `on_error="drop"` where simulations failed. With a store, they stay
            on disk as `open_store` describes.
        y : DataFrame of shape (n, n_parameters)
            Parameters.

        Raises
        ------
        SimulatorError
            If a simulation fails (unless dropped), all fail, or the result has the wrong number of rows or
            observations, the wrong shape or the wrong sources.
        StoreError
            If the store holds rows of another simulator or seed, there is something else in its place, it cannot be
            written to, or workers are lost time and again.
        """
        n = check_count(n, "n")
        if store is not None:
            return sample_into(store, self, n=n, random_state=random_state, n_jobs=n_jobs, verbose=verbose)
        sizes = self._block_sizes(n)
        prior_seeds, block_seeds = seed_sequence(random_state).spawn(2)
        seeds = prior_seeds.spawn(len(sizes))
        # Whole blocks are drawn and cut, so that a longer run begins with the rows of a shorter one.
        drawn = [self.prior.sample(self.block_size, np.random.default_rng(seed)).to_numpy() for seed in seeds]
        if not self.vectorized:
            drawn = [block[:size] for block, size in zip(drawn, sizes, strict=True)]
        blocks = [self.prior.split(block) for block in drawn]
        inputs = self._inputs(blocks, block_seeds)
        data, kept = self._simulate(inputs, n_jobs=n_jobs, verbose=verbose, n=n)
        kept = kept[kept < n]
        y = pd.DataFrame(np.concatenate(drawn)[kept], columns=self.prior.parameter_names)
        return as_X(take(data, slice(len(kept)))), y

    def simulate_from(
        self,
        y: ArrayLike,
        *,
        n_observations: Any = None,
        n_groups: Any = None,
        random_state=None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> DataSets:
        """Simulate a data set for each row of `y`: posterior predictive data if `y` are posterior draws.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n_datasets, n_parameters)
        n_observations : int or array-like of int of shape (n_datasets,), or dict of str to these, optional
            Numbers of observations in place of random ones, where the simulator draws such; with several sources, a
            dict for some or all of those that have sizes.
        n_groups : int or array-like of int of shape (n_datasets,), optional
            Numbers of groups in place of random ones, likewise.
        random_state, n_jobs, verbose
            As in `sample`.

        Returns
        -------
        X : ndarray of shape (n_datasets, ...), list of ndarray, or SliceDict
            As in `sample`.

        Raises
        ------
        ValueError
            If `y` is not `(n_datasets, n_parameters)`, or a DataFrame whose columns are not the prior's parameters in
            their order, or `n_observations` or `n_groups` does not fit the simulator's own.
        SimulatorError
            As in `sample`.
        """
        entries = self.prior.split(y)
        n = check_count(len(next(iter(entries.values()))), "the number of rows of y")
        starts = range(0, n, self.block_size)
        blocks = [{name: v[start : start + self.block_size] for name, v in entries.items()} for start in starts]
        given = check_sizes(n_observations, self._sizes, n, counted=OBSERVATIONS)
        given |= check_sizes(n_groups, self._sizes, n, counted=GROUPS)
        inputs = self._inputs(blocks, seed_sequence(random_state), given)
        data, _ = self._simulate(inputs, n_jobs=n_jobs, verbose=verbose, n=n)
        return as_X(data)

    def _block_sizes(self, n):
        n_full, rest = divmod(n, self.block_size)
        return [self.block_size] * n_full + [rest] * (rest > 0)

    def _inputs(self, blocks, seeds, given=None):
        """Return `(Inputs, seed)` of blocks, dicts of entry name to parameters; sizes not given are drawn."""
        inputs = []
        for i, (entries, seed) in enumerate(zip(blocks, seeds.spawn(len(blocks)), strict=True)):
            n_rows = len(next(iter(entries.values())))
            start = i * self.block_size
            sizes = {key: drawn[:n_rows] for key, drawn in draw_sizes(self._sizes, seed, self.block_size).items()}
            sizes.update({key: values[start : start + n_rows] for key, values in (given or {}).items()})
            inputs.append((Inputs(entries, sizes, self._passed_sizes), seed))
        return inputs

    def _simulate(self, inputs, *, n_jobs, verbose, n):
        """Simulate blocks; return the data sets that succeeded and their indices."""
        tasks = (
            joblib.delayed(simulate_block)(
                self.simulate,
                block,
                vectorized=self.vectorized,
                seed=seed,
                allow_nan=self.allow_nan,
                stop_at_error=self.on_error == "raise",
            )
            for block, seed in inputs
        )
        data: list[dict] = []
        kept: list[np.ndarray] = []
        failed: list[Block] = []
        start, began = 0, time.perf_counter()
        with progress(n, "simulating", verbose=verbose) as advance:
            for block in results(tasks, n_jobs=n_jobs):
                wanted = min(block.n_rows, n - start)
                if block.error is not None and np.setdiff1d(np.arange(wanted), block.kept).size:
                    failed.append(block)
                    if self.on_error == "raise":
                        raise failed_simulation(block, **self._reading()) from block.cause
                if block.data is not None:
                    wrong = difference(block.data, data[0] if data else block.data, self._sizes)
                    if wrong:
                        raise SimulatorError(f"{wrong}.{ADVICE}")
                    data.append(block.data)
                kept.append(start + block.kept)
                start += block.n_rows
                advance(wanted)
        _LOGGER.info("simulated %d data sets in %.1f s", n, time.perf_counter() - began)
        rows = np.concatenate(kept)
        n_dropped = n - np.count_nonzero(rows < n)
        check_dropped(n_dropped, n, failed[0] if failed else None, **self._reading())
        return join(data), rows

    def _reading(self):
        return {"vectorized": self.vectorized, "allow_nan": self.allow_nan}


def is_simulator(value: object) -> bool:
    """Return whether `value` can simulate: it has a prior, and draws data sets with their parameters.

    Parameters
    ----------
    value : object

    Returns
    -------
    answer : bool

    Examples
    --------
    >>> from skabi.datasets import TwoMoons
    >>> from skabi.simulators import is_simulator
    >>> is_simulator(TwoMoons()), is_simulator([[0.1, 0.2]])
    (True, False)
    """
    is_other = hasattr(value, "fit") or hasattr(value, "__array__")
    return hasattr(value, "prior") and hasattr(value, "sample") and not is_other


def _check_signature(simulate, names, counted):
    """Raise unless simulate can be called; return of what it is told the number, among what is `counted`."""
    if not callable(simulate):
        raise TypeError(f"simulate must be callable; got {simulate!r}.")
    for name in sorted(counted & set(names)):
        raise ValueError(
            f"the prior has a parameter {name!r}, by which simulate is told a number of its data set. Call the "
            "parameter something else."
        )
    try:
        signature = inspect.signature(simulate)
    except (TypeError, ValueError):  # some compiled functions do not tell
        return frozenset()
    passed = frozenset(counted & set(signature.parameters))
    arguments = [*names, "rng", *sorted(passed)]
    try:
        signature.bind(**dict.fromkeys(arguments))
    except TypeError as error:
        unsaid = [name for name in (OBSERVATIONS, GROUPS) if name in signature.parameters and name not in arguments]
        advice = f" Say how many with Simulator(..., {unsaid[0]}=(low, high))." if unsaid else ""
        raise TypeError(
            f"simulate must take the parameters by name and rng, simulate({', '.join(arguments)}); "
            f"it is simulate{signature} ({error}).{advice}"
        ) from None
    return passed


def _check_log_likelihood(log_likelihood, names, *, name="log_likelihood"):
    """Return `log_likelihood`, or raise unless it is None or can be called with X and the parameters by name."""
    if log_likelihood is None:
        return None
    if not callable(log_likelihood):
        raise TypeError(f"{name} must be callable; got {log_likelihood!r}.")
    try:
        signature = inspect.signature(log_likelihood)
    except (TypeError, ValueError):  # some compiled functions do not tell
        return log_likelihood
    try:
        signature.bind(None, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(
            f"{name} must take X and the parameters by name, {name}(X, {', '.join(names)}); it is "
            f"{name}{signature} ({error})."
        ) from None
    return log_likelihood
