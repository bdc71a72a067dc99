"""A prior and a function that simulates data: the joint distribution that a posterior is learned from."""

import inspect
from collections.abc import Callable
from typing import Literal

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tqdm import tqdm

from skabi._params import check_choice, check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, SimulatorError
from skabi.priors import check_prior
from skabi.simulators._blocks import Block, simulate_block

# Rows a seed: many for array code, few for loops so that small jobs spread over workers.
_VECTORIZED_BLOCK, _LOOP_BLOCK = 1000, 16


class Simulator:
    """A prior with a function that simulates a data set for given parameters.

    Parameters
    ----------
    prior : IndependentPrior or ChainedPrior
        What is believed of the parameters before the data.
    simulate : callable
        Takes the parameters by name and `rng`, a `numpy.random.Generator`, and returns a data set of numbers of any
        one shape. Not vectorized: a scalar parameter is a float, a vector entry an array `(k,)`, and one data set is
        returned. Vectorized: parameters are arrays `(n_datasets,)` or `(n_datasets, k)`, and the result is
        `(n_datasets, ...)`. A single number a data set becomes one feature.
    vectorized : bool, default=False
        Whether `simulate` takes many parameter sets at once.
    log_likelihood : callable, optional
        `log_likelihood(X, **parameters) -> (n_datasets,)` in NumPy: the log density of row i of `X` given row i of the
        parameters, for what needs a known likelihood. Where a data set has several observations that are independent
        given the parameters, it may also take `pointwise=True` and then return the log density of each,
        `(n_datasets, n_observations)`, whose sum over observations is the whole.
    on_error : {"raise", "drop"}, default="raise"
        What happens when a simulation raises or returns NaN or infinity. "drop" leaves those rows out and warns of
        their share: the posterior is then the one given that the simulation succeeds.
    block_size : int, optional
        Rows simulated from one random seed; by default 1,000 when vectorized, else 16. A vectorized simulator always
        simulates whole blocks, so that the first n rows do not depend on how many are asked for.

    Raises
    ------
    TypeError
        If `prior` lacks a method that inference needs (a density among them), or `simulate` does not take the names of
        the parameters and `rng`.

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
    """

    def __init__(
        self,
        prior,
        simulate: Callable[..., ArrayLike],
        *,
        vectorized: bool = False,
        log_likelihood: Callable[..., np.ndarray] | None = None,
        on_error: Literal["raise", "drop"] = "raise",
        block_size: int | None = None,
    ):
        self.prior = check_prior(prior)
        self.simulate = simulate
        self.vectorized = vectorized
        self.log_likelihood = log_likelihood
        self.on_error = check_choice(on_error, "on_error", ("raise", "drop"))
        default_size = _VECTORIZED_BLOCK if vectorized else _LOOP_BLOCK
        self.block_size = default_size if block_size is None else check_count(block_size, "block_size")
        _check_signature(simulate, prior.entry_names)

    def __repr__(self):
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"{type(self).__name__}({self.prior!r}, {name}, vectorized={self.vectorized})"

    def sample(
        self, n: int, *, random_state=None, n_jobs: int | None = None, verbose: int = 0
    ) -> tuple[np.ndarray, pd.DataFrame]:
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

        Returns
        -------
        X : ndarray of shape (n, ...)
            Data sets. Fewer rows with `on_error="drop"` where simulations failed.
        y : DataFrame of shape (n, n_parameters)
            Parameters.

        Raises
        ------
        SimulatorError
            If a simulation fails (unless dropped), all fail, or the result has the wrong number of rows or shape.
        """
        n = check_count(n, "n")
        sizes = self._block_sizes(n)
        prior_seeds, block_seeds = seed_sequence(random_state).spawn(2)
        seeds = prior_seeds.spawn(len(sizes))
        # Whole blocks are drawn and cut, so that a longer run begins with the rows of a shorter one.
        y = [self.prior.sample(self.block_size, random_state=np.random.default_rng(seed)) for seed in seeds]
        if not self.vectorized:
            y = [block.iloc[:size] for block, size in zip(y, sizes, strict=True)]
        blocks = [self.prior.split(block) for block in y]
        X, kept = self._simulate(blocks, block_seeds, n_jobs=n_jobs, verbose=verbose, n=n)
        kept = kept[kept < n]
        y = pd.concat(y, ignore_index=True).iloc[kept].reset_index(drop=True)
        return X[: len(kept)], y

    def simulate_from(
        self, y: ArrayLike, *, random_state=None, n_jobs: int | None = None, verbose: int = 0
    ) -> np.ndarray:
        """Simulate a data set for each row of `y`: posterior predictive data if `y` are posterior draws.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n_datasets, n_parameters)
        random_state, n_jobs, verbose
            As in `sample`.

        Returns
        -------
        X : ndarray of shape (n_datasets, ...)
            Fewer rows with `on_error="drop"` where simulations failed.

        Raises
        ------
        ValueError
            If `y` is not `(n_datasets, n_parameters)`, or a DataFrame whose columns are not the prior's parameters in
            their order.
        SimulatorError
            As in `sample`.
        """
        entries = self.prior.split(y)
        n = check_count(len(next(iter(entries.values()))), "the number of rows of y")
        starts = range(0, n, self.block_size)
        blocks = [{name: v[start : start + self.block_size] for name, v in entries.items()} for start in starts]
        X, _ = self._simulate(blocks, seed_sequence(random_state), n_jobs=n_jobs, verbose=verbose, n=n)
        return X

    def _block_sizes(self, n):
        n_full, rest = divmod(n, self.block_size)
        return [self.block_size] * n_full + [rest] * (rest > 0)

    def _simulate(self, blocks, seeds, *, n_jobs, verbose, n):
        """Simulate blocks, dicts of entry name to parameters; return the rows that succeeded and their indices."""
        tasks = (
            joblib.delayed(simulate_block)(
                self.simulate,
                entries,
                n_rows=len(next(iter(entries.values()))),
                vectorized=self.vectorized,
                seed=seed,
                stop_at_error=self.on_error == "raise",
            )
            for entries, seed in zip(blocks, seeds.spawn(len(blocks)), strict=True)
        )
        X: list[np.ndarray] = []
        kept: list[np.ndarray] = []
        failed: list[Block] = []
        start = 0
        with tqdm(total=n, desc="simulating", unit=" data sets", disable=not verbose) as bar:
            for block in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
                wanted = min(block.n_rows, n - start)
                if block.error is not None and np.setdiff1d(np.arange(wanted), block.kept).size:
                    failed.append(block)
                    if self.on_error == "raise":
                        raise SimulatorError(f"simulate {block.error}.{self._hint(block)}{_DROP}") from block.cause
                if block.X is not None:
                    if X and block.X.shape[1:] != X[0].shape[1:]:
                        raise SimulatorError(
                            f"simulate must return the same shape every time; got {X[0].shape[1:]} and "
                            f"{block.X.shape[1:]}."
                        )
                    X.append(block.X)
                kept.append(start + block.kept)
                start += block.n_rows
                bar.update(wanted)
        rows = np.concatenate(kept)
        n_dropped = n - np.count_nonzero(rows < n)
        if n_dropped == n:
            raise SimulatorError(
                f"all {n} simulations failed; the first: simulate {failed[0].error}.{self._hint(failed[0])}"
            ) from failed[0].cause
        if n_dropped:
            warn(
                f"{n_dropped} of {n} simulations ({n_dropped / n:.1%}) failed and were dropped; the first: simulate "
                f"{failed[0].error}.",
                ApproximationWarning,
            )
        return np.concatenate(X), rows

    def _hint(self, block):
        """Return what to try where a failure may come of parameters that are not the arrays it was written for."""
        if self.vectorized or not isinstance(block.cause, (AttributeError, IndexError, TypeError)):
            return ""
        return " If simulate takes many parameter sets at once, use Simulator(..., vectorized=True)."


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


_DROP = ' To leave such simulations out use Simulator(..., on_error="drop").'


def _check_signature(simulate, names):
    if not callable(simulate):
        raise TypeError(f"simulate must be callable; got {simulate!r}.")
    try:
        signature = inspect.signature(simulate)
    except (TypeError, ValueError):  # some compiled functions do not tell
        return
    try:
        signature.bind(**dict.fromkeys([*names, "rng"]))
    except TypeError as error:
        raise TypeError(
            f"simulate must take the parameters by name and rng, simulate({', '.join([*names, 'rng'])}); "
            f"it is simulate{signature} ({error})."
        ) from None
