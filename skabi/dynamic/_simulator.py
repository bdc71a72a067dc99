"""Models whose parameters move: hyper-parameters, trajectories and series of observations."""

import inspect

import joblib
import numpy as np

from skabi._parallel import results
from skabi._params import check_count
from skabi._progress import progress
from skabi._random import seed_sequence
from skabi.dynamic._state_space import StateSpace
from skabi.dynamic._trajectories import Trajectories
from skabi.exceptions import SimulatorError

# Series simulated from one random seed.
_BLOCK = 250


class DynamicSimulator:
    """A model whose parameters move: neural superstatistics [1]_.

    Hyper-parameters are drawn from their prior, trajectories of the parameters given these, and a series of
    observations given the trajectories.

    Parameters
    ----------
    transitions : dict of str to transition
        How each parameter moves: `RandomWalk`, `RegimeSwitching`, `GaussianProcess`, `Jumps`, `Static`, or a
        `BaseTransition` of your own.
    hyper_prior : IndependentPrior, ChainedPrior, dict of str to frozen distribution, or None
        Hyper-parameters that recipes call by name, and those of `simulate`. Recipes may bring others themselves.
    simulate : callable
        Takes parameters by name, arrays `(n, n_times)`, those hyper-parameters that it has arguments for, `(n, 1)`,
        and `rng`; returns series `(n, n_times)` or `(n, n_times, n_features)`. If it has an argument `past`, it is
        called for one time after the other, and an observation may depend on those before: parameters and
        hyper-parameters are `(n,)` then, `past` is `(n, n_before, n_features)`, and it returns `(n,)` or
        `(n, n_features)`.
    n_times : int, default=100
        Length of a series. A posterior learned from it knows all shorter ones as well.
    n_subjects : int, optional
        Series of a data set, which share their hyper-parameters: X is `(n_datasets, n_subjects, n_times,
        n_features)`.
    log_likelihood : callable, optional
        `log_likelihood(X, ...)` with the arguments of `simulate` but `rng`: the log density of each observation, an
        array `(n, n_times)`; with `past`, of one time, `(n,)` of X `(n, n_features)`.
    allow_nan : bool, default=False
        Whether NaN is a value that is missing.

    Attributes
    ----------
    prior : prior or None
        Of all hyper-parameters.
    parameter_names, hyper_names : list of str

    Raises
    ------
    TypeError, ValueError
        If a transition or a name does not fit.

    References
    ----------
    .. [1] L. Schumacher, P. Buerkner, A. Voss, U. Koethe, S. Radev (2023). Neural superstatistics for Bayesian
       estimation of dynamic cognitive models. Scientific Reports 13. arXiv 2211.13165.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.dynamic import DynamicSimulator, RandomWalk
    >>> rate = RandomWalk(stats.halfnorm(scale=0.2), bounds=(0.0, None))
    >>> simulator = DynamicSimulator({"rate": rate}, None, lambda rate, rng: rng.poisson(rate), n_times=30)
    >>> X, y = simulator.sample(5, random_state=0)
    >>> X.shape, y.hyper_names, y.values.shape
    ((5, 30, 1), ['rate_scale'], (5, 30, 1))
    """

    def __init__(
        self,
        transitions,
        hyper_prior,
        simulate,
        *,
        n_times=100,
        n_subjects=None,
        log_likelihood=None,
        allow_nan=False,
    ):
        self.space = StateSpace(transitions, hyper_prior)
        self.simulate = simulate
        self.n_times = check_count(n_times, "n_times", minimum=2)
        self.n_subjects = None if n_subjects is None else check_count(n_subjects, "n_subjects")
        self.log_likelihood = log_likelihood
        self.allow_nan = allow_nan
        self._arguments = self._arguments_of(simulate)
        if log_likelihood is not None:
            self._arguments_of(log_likelihood, given={"X"})
        self.block_size = _BLOCK

    def __repr__(self):
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"DynamicSimulator({self.space.transitions!r}, {name}, n_times={self.n_times!r})"

    @property
    def prior(self):
        """The prior of all hyper-parameters, or None where there are none."""
        return self.space.prior

    @property
    def parameter_names(self):
        """Names of what moves."""
        return self.space.parameter_names

    @property
    def hyper_names(self):
        """Names of the columns of hyper-parameters."""
        return self.space.hyper_names

    @property
    def is_sequential(self):
        """Whether an observation depends on those before it."""
        return "past" in self._arguments

    def sample(self, n, *, random_state=None, n_jobs=None, verbose=0):
        """Draw hyper-parameters and trajectories, and simulate a data set for each.

        Parameters
        ----------
        n : int
            Number of data sets.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
            Data sets depend on it alone, the first not on `n`.
        n_jobs : int, optional
            Number of joblib workers.
        verbose : int, default=0
            Positive for a progress bar.

        Returns
        -------
        X : ndarray of shape (n, n_times, n_features) or (n, n_subjects, n_times, n_features)
        y : Trajectories
            Hyper-parameters and trajectories.

        Raises
        ------
        SimulatorError
            If a trajectory leaves its bounds, or `simulate` returns something else than series of numbers.
        """
        n = check_count(n, "n")
        seeds = seed_sequence(random_state).spawn(-(-n // _BLOCK))
        tasks = (joblib.delayed(self._block)(seed) for seed in seeds)
        blocks = []
        with progress(n, "simulating", verbose=verbose) as advance:
            for block in results(tasks, n_jobs=n_jobs):
                blocks.append(block)
                advance(min(_BLOCK, n - _BLOCK * (len(blocks) - 1)))
        X, hyper, states, jumped = (np.concatenate(parts)[:n] for parts in zip(*blocks, strict=True))
        return X, Trajectories(hyper, self.space.values(states), states, jumped, self.space)

    def observe(self, values, hyper=None, *, past=None, random_state=None):
        """Simulate series for trajectories of one's own.

        Parameters
        ----------
        values : array-like of shape (n, n_times, n_parameters)
        hyper : array-like of shape (n, n_hyper), optional
            Hyper-parameters, if `simulate` takes any.
        past : ndarray of shape (n, n_before, n_features), optional
            Observations before the first of these times, where they matter.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : ndarray of shape (n, n_times, n_features)

        Raises
        ------
        SimulatorError
            As in `sample`.
        """
        rng = random_state
        if not isinstance(rng, np.random.Generator):
            rng = np.random.default_rng(seed_sequence(random_state))
        values = np.asarray(values, dtype=np.float64)
        if not self.is_sequential:
            X = self.simulate(**self._given(values, hyper, columns=True), rng=rng)
            return self._checked(X, values.shape[:2])
        times = [] if past is None else list(np.swapaxes(past, 0, 1))
        n_before = len(times)
        for time in range(values.shape[1]):
            before = np.stack(times, axis=1) if times else np.empty((len(values), 0, 1))
            given = self._given(values[:, time], hyper, columns=False)
            X = self.simulate(**given, past=before, rng=rng)
            times.append(self._checked(np.asarray(X)[:, np.newaxis], (len(values), 1))[:, 0])
        return np.stack(times[n_before:], axis=1)

    def log_density(self, X, values, hyper=None, *, past=None):
        """Return the log density `(n,)` of observations X `(n, n_features)` of one time.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
        values : ndarray of shape (n, n_parameters)
        hyper : ndarray of shape (n, n_hyper), optional
        past : ndarray of shape (n, n_before, n_features), optional

        Returns
        -------
        log_density : ndarray of shape (n,)

        Raises
        ------
        ValueError
            If the simulator has no likelihood.
        """
        if self.log_likelihood is None:
            raise ValueError(
                "log scores need a likelihood: DynamicSimulator(..., log_likelihood=...). Without one, judge "
                "predictive draws by skabi.diagnostics.energy_score."
            )
        if self.is_sequential:
            given = self._given(values, hyper, columns=False)
            return np.asarray(self.log_likelihood(X, **given, past=past), dtype=np.float64)
        given = self._given(values[:, np.newaxis], hyper, columns=True)
        return np.asarray(self.log_likelihood(X[:, np.newaxis], **given), dtype=np.float64).reshape(len(X))

    def _block(self, seed):
        """Return data sets, hyper-parameters, states and jumps of one seed."""
        rng = np.random.default_rng(seed)
        hyper = np.empty((_BLOCK, 0))
        if self.prior is not None:
            hyper = self.prior.sample(_BLOCK, random_state=rng).to_numpy()
        n_subjects = self.n_subjects or 1
        each = hyper.repeat(n_subjects, axis=0)
        states, jumped = self.space.sample(self.space.numbers(each), len(each), self.n_times, rng)
        X = self.observe(self.space.values(states), each, random_state=rng)
        if self.n_subjects is not None:
            X, states, jumped = (part.reshape(_BLOCK, n_subjects, *part.shape[1:]) for part in (X, states, jumped))
        return X, hyper, states, jumped

    def _given(self, values, hyper, *, columns):
        """Return the arguments of `simulate`: parameters, and the hyper-parameters that it takes."""
        given = {name: values[..., i] for i, name in enumerate(self.parameter_names)}
        if hyper is not None and self.prior is not None:
            for name, entry in self.space.entries(np.asarray(hyper, dtype=np.float64)).items():
                if name in self._arguments:
                    given[name] = entry[:, np.newaxis] if columns else entry
        return given

    def _arguments_of(self, function, given=frozenset({"rng"})):
        """Return the names of the arguments of a function, or raise unless it can be called."""
        if not callable(function):
            raise TypeError(f"simulate and log_likelihood must be callable; got {function!r}.")
        names = set(inspect.signature(function).parameters)
        entries = set() if self.prior is None else set(self.prior.entry_names)
        needed = set(self.parameter_names) | given
        if needed - names or names - needed - entries - {"past"}:
            raise TypeError(
                f"{getattr(function, '__name__', 'simulate')} must take {', '.join(sorted(needed))}, and may take "
                f"{', '.join(sorted(entries | {'past'}))}; it takes {', '.join(sorted(names))}."
            )
        return names

    def _checked(self, X, shape):
        """Return simulated series `(n, n_times, n_features)`."""
        X = np.asarray(X, dtype=np.float64)
        X = X[..., np.newaxis] if X.ndim == 2 else X
        if X.ndim != 3 or X.shape[:2] != tuple(shape) or not X.shape[2]:
            raise SimulatorError(
                f"simulate must return series of shape {tuple(shape)}, or with a last axis of features; got {X.shape}."
            )
        is_wrong = np.isinf(X) if self.allow_nan else ~np.isfinite(X)
        if is_wrong.any():
            raise SimulatorError(
                f"simulate returned {'infinity' if self.allow_nan else 'NaN or infinity'} in "
                f"{np.count_nonzero(is_wrong)} of {X.size} places. If NaN stands for missing values use "
                "DynamicSimulator(..., allow_nan=True)."
            )
        return X
