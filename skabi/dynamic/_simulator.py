"""Models whose parameters move: hyper-parameters, trajectories and series of observations."""

import math

import numpy as np

from skabi._arguments import named_arguments, needed_arguments
from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._shapes import as_float_array
from skabi.dynamic._state_space import StateSpace
from skabi.dynamic._trajectories import Trajectories
from skabi.exceptions import ShapeError, SimulatorError
from skabi.simulators._data_sets import as_numbers
from skabi.simulators._seeded_blocks import seeded_blocks

# Series simulated from one random seed.
_BLOCK = 250
# Axes of observations before the first time, of any length.
_OWN_OF_PAST = ("n_before", "n_features")


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
        `(n, n_features)`. Further arguments have defaults.
    n_times : int, default=100
        Length of a series. A posterior learned from it knows all shorter ones as well.
    n_subjects : int, optional
        Series of a data set, which share their hyper-parameters: X is `(n_datasets, n_subjects, n_times,
        n_features)`.
    log_likelihood : callable, optional
        `log_likelihood(X, ...)`, which takes what `simulate` may take but `rng`: the log density of each observation,
        an array `(n, n_times)`. It has an argument `past` if `simulate` has, and is then of one time: `(n,)` of X
        `(n, n_features)`.
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

    # Which class others name when they are given one of these.
    learned_by = "skabi.dynamic.DynamicPosterior"

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
        self._simulated_from = self._arguments_of(simulate, "simulate", "rng")
        self._scored_from = set()
        if log_likelihood is not None:
            self._scored_from = self._arguments_of(log_likelihood, "log_likelihood", "X")
            if ("past" in self._scored_from) != self.is_sequential:
                raise TypeError("simulate and log_likelihood must both have an argument past, or neither.")
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
        return "past" in self._simulated_from

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
            If a trajectory leaves its bounds, or `simulate` raises or returns something else than series of numbers.
        """
        n = check_count(n, "n")
        blocks = seeded_blocks(
            self._block, n, block_size=_BLOCK, random_state=random_state, n_jobs=n_jobs, verbose=verbose
        )
        X, hyper, states, jumped = (np.concatenate(parts)[:n] for parts in zip(*blocks, strict=True))
        return X, Trajectories(hyper, self.space.values(states), states, jumped, self.space)

    def observe(self, values, hyper=None, *, past=None, random_state=None):
        """Simulate series for trajectories of one's own, or for draws of them: predictive data.

        Parameters
        ----------
        values : array-like of shape (n, n_times, n_parameters)
            There may be further axes before that of times, of draws or subjects: `(n, n_subjects, n_times,
            n_parameters)`, say.
        hyper : array-like of shape (n, n_hyper), optional
            Hyper-parameters, needed if `simulate` takes any. It has the first axes of `values`, all but that of times
            or fewer: subjects share theirs.
        past : array-like of shape (n, n_before, n_features), optional
            Observations before the first of these times, where they matter; likewise with the first axes of `values`.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : ndarray of shape (n, n_times, n_features)
            With the axes of `values` before that of times.

        Raises
        ------
        ValueError
            If arrays do not fit together, are not finite, or hyper-parameters are needed and not there.
        SimulatorError
            As in `sample`.
        """
        rng = random_state
        if not isinstance(rng, np.random.Generator):
            rng = np.random.default_rng(seed_sequence(random_state))
        values = as_float_array(values, name="values")
        n_parameters = len(self.parameter_names)
        if values.ndim < 3 or values.shape[-1] != n_parameters or 0 in values.shape:
            raise ShapeError(
                f"values must have shape (n, n_times, {n_parameters}), one column each of {self.parameter_names}; got "
                f"{values.shape}."
            )
        leading = values.shape[:-2]
        flat = values.reshape(-1, *values.shape[-2:])
        if hyper is not None:
            hyper = _for_each(hyper, leading, (len(self.hyper_names),), name="hyper")
        if past is not None:
            past = _for_each(past, leading, _OWN_OF_PAST, name="past", allow_nan=self.allow_nan)
        X = self._observed(flat, hyper, past, rng)
        return X.reshape(*leading, *X.shape[1:])

    def _observed(self, values, hyper, past, rng):
        """Return series `(n, n_times, n_features)` of trajectories `(n, n_times, n_parameters)`."""
        if not self.is_sequential:
            X = _called(self.simulate, "simulate", **self._given(values, hyper, self._simulated_from), rng=rng)
            return self._checked(X, values.shape[:2])
        times = [] if past is None else list(np.swapaxes(past, 0, 1))
        n_before = len(times)
        for time in range(values.shape[1]):
            before = np.stack(times, axis=1) if times else np.empty((len(values), 0, 1))
            given = self._given(values[:, time], hyper, self._simulated_from)
            X = _called(self.simulate, "simulate", **given, past=before, rng=rng)
            times.append(self._checked(X, (len(values),)))
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
        SimulatorError
            If it raises, or returns something else than finite numbers and minus infinity.
        """
        if self.log_likelihood is None:
            raise ValueError(
                "log scores need a likelihood: DynamicSimulator(..., log_likelihood=...). Without one, judge "
                "predictive draws by skabi.diagnostics.energy_score."
            )
        if self.is_sequential:
            given = self._given(values, hyper, self._scored_from) | {"past": past}
            found = _called(self.log_likelihood, "log_likelihood", X, **given)
        else:
            given = self._given(values[:, np.newaxis], hyper, self._scored_from)
            found = _called(self.log_likelihood, "log_likelihood", X[:, np.newaxis], **given)
        found = np.asarray(found, dtype=np.float64)
        wanted = (len(X),) if self.is_sequential else (len(X), 1)
        if found.shape not in {wanted, (len(X),)}:
            raise SimulatorError(f"log_likelihood must return an array of shape {wanted}; got {found.shape}.")
        wrong = np.count_nonzero(np.isnan(found) | (found == np.inf))
        if wrong:
            raise SimulatorError(
                f"log_likelihood must return numbers or minus infinity; {wrong} of {found.size} are NaN or infinity."
            )
        return found.reshape(len(X))

    def _block(self, seed):
        """Return data sets, hyper-parameters, states and jumps of one seed."""
        rng = np.random.default_rng(seed)
        hyper = np.empty((_BLOCK, 0))
        if self.prior is not None:
            hyper = self.prior.sample(_BLOCK, random_state=rng).to_numpy()
        n_subjects = self.n_subjects or 1
        each = hyper.repeat(n_subjects, axis=0)
        states, jumped = self.space.sample(self.space.numbers(each), len(each), self.n_times, rng)
        X = self._observed(self.space.values(states), each, None, rng)
        if self.n_subjects is not None:
            X, states, jumped = (part.reshape(_BLOCK, n_subjects, *part.shape[1:]) for part in (X, states, jumped))
        return X, hyper, states, jumped

    def _given(self, values, hyper, names):
        """Return parameters, and the hyper-parameters among `names`, by name: one time, or a column each."""
        given = {name: values[..., i] for i, name in enumerate(self.parameter_names)}
        wanted = [] if self.prior is None else [name for name in self.prior.entry_names if name in names]
        if not wanted:
            return given
        if hyper is None:
            raise ValueError(f"the hyper-parameters {self.hyper_names} are needed, of which {wanted} are asked for.")
        entries = self.space.entries(hyper)
        return given | {name: entries[name][:, np.newaxis] if values.ndim == 3 else entries[name] for name in wanted}

    def _arguments_of(self, function, what, given):
        """Return the names by which a function is told something, a set, or raise unless it can be called."""
        if not callable(function):
            raise TypeError(f"{what} must be callable; got {function!r}.")
        named, entries = set(named_arguments(function)), set() if self.prior is None else set(self.prior.entry_names)
        needed = {*self.parameter_names, given}
        offered = needed | entries | {"past"}
        if needed - named or set(needed_arguments(function)) - offered:
            raise TypeError(
                f"{what} must take {', '.join(sorted(needed))}, and may take {', '.join(sorted(offered - needed))} and "
                f"arguments with defaults; it takes {', '.join(sorted(named))}."
            )
        return named & offered

    def _checked(self, X, shape):
        """Return what was simulated as `(*shape, n_features)`."""
        X = as_numbers(X)
        X = X[..., np.newaxis] if X.ndim == len(shape) else X
        if X.ndim != len(shape) + 1 or X.shape[:-1] != tuple(shape) or not X.shape[-1]:
            raise SimulatorError(
                f"simulate must return an array of shape {tuple(shape)}, or with a last axis of features; got "
                f"{X.shape}."
            )
        is_wrong = np.isinf(X) if self.allow_nan else ~np.isfinite(X)
        if is_wrong.any():
            raise SimulatorError(
                f"simulate returned {'infinity' if self.allow_nan else 'NaN or infinity'} in "
                f"{np.count_nonzero(is_wrong)} of {X.size} places. If NaN stands for missing values use "
                "DynamicSimulator(..., allow_nan=True)."
            )
        return X


def _called(function, name, *arguments, **given):
    """Return what a function of the user returns, or raise a `SimulatorError` that says what it raised."""
    try:
        return function(*arguments, **given)
    except SimulatorError:
        raise
    except Exception as error:  # whatever the user's function raises
        raise SimulatorError(f"{name} raised {type(error).__name__}: {error}.") from error


def _for_each(array, leading, own, *, name, allow_nan=False):
    """Return an array that has some of the first of the axes `leading`, for each place of all of them, flat.

    Of its `own` axes those that are numbers must have this length.
    """
    array = as_float_array(array, name=name, allow_nan=allow_nan)
    n_shared = array.ndim - len(own)
    shared, rest = array.shape[: max(0, n_shared)], array.shape[max(0, n_shared) :]
    is_right = all(wanted in (length, *_OWN_OF_PAST) for length, wanted in zip(rest, own, strict=False))
    if not 1 <= n_shared <= len(leading) or shared != leading[:n_shared] or not is_right:
        raise ShapeError(f"{name} must have shape ({', '.join(map(str, (*leading, *own)))}) here; got {array.shape}.")
    array = array.reshape(*shared, *[1] * (len(leading) - n_shared), *rest)
    return np.broadcast_to(array, (*leading, *rest)).reshape(math.prod(leading), *rest)
