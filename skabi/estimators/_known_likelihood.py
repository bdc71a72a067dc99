"""A likelihood that the user knows, asked as a learned one is."""

import inspect
import numbers
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from skabi._params import check_count
from skabi._shapes import as_float_array, check_draws, check_parameters
from skabi.estimators._inference import chunks
from skabi.estimators._likelihood_score import LikelihoodScore
from skabi.estimators._parameters import check_parameter_columns, check_parameters_of_rows
from skabi.estimators._sources import is_ragged
from skabi.exceptions import ShapeError
from skabi.files._savable import Savable

# How messages name a likelihood.
_SIMULATORS = "the simulator's log_likelihood"
# Numbers in the data sets that a likelihood is asked for at once, a data set once for each of its parameters.
_NUMBERS = 1_000_000


class NoDensityError(ValueError):
    """A known likelihood returned NaN or plus infinity for a data set.

    Attributes
    ----------
    dataset : int
        Counted from 0.
    parameters : dict of str to float
        Some for which it did; empty where they are not known.
    whose : str
        Which likelihood.
    """

    def __init__(self, dataset, parameters=None, whose="log_likelihood"):
        super().__init__(dataset, parameters, whose)
        self.dataset, self.parameters, self.whose = dataset, parameters or {}, whose

    def __str__(self):
        at = ", ".join(f"{name} = {value:.6g}" for name, value in self.parameters.items())
        return (
            f"{self.whose} must return log densities, finite or -inf; it returned NaN or +inf for "
            f"data set {self.dataset}{' at ' if at else ''}{at}."
        )


class KnownLikelihood(LikelihoodScore, Savable):
    """The `log_likelihood` of a simulator, for pairs and for many parameters a data set.

    Parameters
    ----------
    simulator : Simulator
        With a `log_likelihood`.

    Examples
    --------
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.estimators import KnownLikelihood
    >>> KnownLikelihood(ConjugateGaussian()).log_likelihood([[0.0, 0.0]], [[[0.0, 0.0], [1.0, 0.0]]]).round(2)
    array([[-0.63, -2.3 ]])
    """

    def __init__(self, simulator):
        if not callable(getattr(simulator, "log_likelihood", None)):
            raise TypeError(f"a simulator with a log_likelihood is needed; got {simulator!r}.")
        self.simulator, self.parameter_names_ = simulator, list(simulator.prior.parameter_names)

    def __repr__(self):
        return f"{type(self).__name__}({self.simulator!r})"

    def log_likelihood(self, X: ArrayLike, y: ArrayLike, *, pointwise: bool = False, dtype=np.float64):
        """Return the log density of data sets given parameters.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)
        pointwise : bool, default=False
            Whether to return the log density of each observation, which the simulator's `log_likelihood` must know.
        dtype : ignored
            For the sake of learned likelihoods.

        Returns
        -------
        log_likelihood : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            In nats; minus infinity outside the prior's support. With `pointwise` another axis of length n_observations
            follows, or, if sizes differ, it is a list with one array a data set.

        Raises
        ------
        ValueError
            If the simulator's `log_likelihood` returns NaN or plus infinity, or y are not parameters of the simulator.
        """
        names = self.simulator.prior.parameter_names
        data = data_sets_of(X)
        n = n_data_sets_of(data)
        check_parameter_columns(y, names)
        draws, has_draws = check_parameters_of_rows(as_float_array(y, name="y"), n, len(names))
        each: list[list] = [[] for _ in range(n)]
        n_pairs = max(1, _NUMBERS // max(_size(data), len(names)))
        for rows, columns in chunks(n, draws.shape[1], n_pairs):
            indices = range(rows.start, rows.stop)
            # The square of a large number is infinite, and its density zero.
            with np.errstate(over="ignore"):
                terms = self._of_rows(rows_of(data, indices), draws[rows, columns], pointwise)
            for i, part in zip(indices, terms, strict=True):
                _check_density(part, i, draws[i, columns], names, getattr(self.simulator, "whose", "log_likelihood"))
                each[i].append(part)
        parts = [np.concatenate(terms) for terms in each]
        parts = parts if has_draws else [part[0] for part in parts]
        same = len({np.shape(part) for part in parts}) == 1
        return np.stack(parts) if same and not (pointwise and _is_ragged(data)) else parts

    @property
    def takes_pointwise(self):
        """Whether the simulator's `log_likelihood` can tell the density of each observation."""
        accepted = inspect.signature(self.simulator.log_likelihood).parameters
        return "pointwise" in accepted or any(p.kind is p.VAR_KEYWORD for p in accepted.values())

    def warn_of_unlike(self, X: ArrayLike):
        """Do nothing: a likelihood that is known is so of all data.

        Parameters
        ----------
        X : data sets
        """

    def sample_data(self, y: ArrayLike, n_draws: int = 1, *, n_observations=None, random_state=None):
        """Simulate data sets for parameters.

        Parameters
        ----------
        y : array-like of shape (n_datasets, n_parameters)
        n_draws : int, default=1
            Data sets for each row of y.
        n_observations : int or array-like of int of shape (n_datasets,), optional
            Of each data set, where the simulator draws sizes.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : ndarray of shape (n_datasets, ...), list of arrays, or SliceDict
            As the simulator's. With `n_draws` above 1 `(n_datasets, n_draws, ...)`; where sizes differ by draw, a list
            of lists of arrays.
        """
        n_draws = check_count(n_draws, "n_draws")
        check_parameter_columns(y, self.parameter_names_)
        y = check_parameters(y, n_parameters=len(self.simulator.prior.parameter_names))
        with np.errstate(over="ignore"):
            is_inside = np.isfinite(self.simulator.prior.log_prob(y))
        if not is_inside.all():
            raise ValueError("y must lie inside the prior's support.")
        if np.ndim(n_observations):
            if np.shape(n_observations) != (len(y),):
                raise ShapeError(
                    f"n_observations must be one int, or one for each of {len(y)} data sets; got shape "
                    f"{np.shape(n_observations)}."
                )
            n_observations = np.repeat(n_observations, n_draws)
        X = self.simulator.simulate_from(
            np.repeat(y, n_draws, axis=0), n_observations=n_observations, random_state=random_state
        )
        if isinstance(X, list) and np.ndim(n_observations) == 0 and n_observations is not None:
            X = np.stack(X)
        return X if n_draws == 1 else _by_data_set(X, len(y), n_draws)

    def sample_like(self, X: ArrayLike, draws: ArrayLike, *, random_state=None):
        """Simulate a data set of the size of X for each draw of its parameters: posterior predictive data.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X_new : ndarray of shape (n_datasets, n_draws, ...), or list of arrays `(n_draws, n_observations, ...)`
        """
        data = data_sets_of(X)
        draws = check_draws(draws, n_datasets=n_data_sets_of(data))
        n_datasets, n_draws, n_parameters = draws.shape
        # An int is the one size that data sets have anyway.
        has_sizes = not isinstance(getattr(self.simulator, "n_observations", None), (numbers.Integral, type(None)))
        sizes = np.repeat([len(x) for x in data], n_draws) if has_sizes and not isinstance(data, dict) else None
        new = self.simulator.simulate_from(
            draws.reshape(-1, n_parameters), n_observations=sizes, random_state=random_state
        )
        new = _by_data_set(new, n_datasets, n_draws)
        if isinstance(data, dict):
            return new
        if any(np.shape(draws)[1:] != np.shape(x) for draws, x in zip(new, data, strict=True)):
            raise ShapeError(
                f"X must have data sets of the size that the simulator makes, {np.shape(new[0])[1:]}; got "
                f"{np.shape(data[0])}."
            )
        return list(new) if _is_ragged(data) else np.stack(new)

    def _of_rows(self, X, y, pointwise):
        """Return for each data set log densities `(n_draws,)` or `(n_draws, n_observations)`, in a list."""
        n, n_draws, n_parameters = y.shape
        flat = y.reshape(-1, n_parameters)
        prior = self.simulator.prior
        is_inside = np.isfinite(prior.log_prob(flat))
        # Where there is no density any parameters do, those of the prior's median for one.
        usable = np.where(is_inside[:, np.newaxis], flat, prior.from_real(np.zeros((1, n_parameters))))
        terms = self._call(rows_of(X, np.repeat(np.arange(n), n_draws)), prior.split(usable), pointwise)
        parts = []
        for i in range(n):
            rows = slice(i * n_draws, (i + 1) * n_draws)
            part = np.stack([as_log_densities(term) for term in terms[rows]]) if pointwise else terms[rows]
            part[~is_inside[rows]] = -np.inf
            parts.append(part)
        return parts

    def _call(self, X, parameters, pointwise):
        function = self.simulator.log_likelihood
        if not pointwise:
            whose = getattr(self.simulator, "whose", _SIMULATORS)
            return _one_each(function(X, **parameters), len(next(iter(parameters.values()))), whose)
        if not self.takes_pointwise:
            raise TypeError(
                "the simulator's log_likelihood takes no pointwise=True, with which it returns the log density of each "
                "observation."
            )
        return function(X, **parameters, pointwise=True)


def _one_each(terms, n, whose):
    """Return log densities as an array `(n,)`, or raise."""
    if np.shape(terms) != (n,):
        raise ShapeError(
            f"{whose} must return one number a data set, (n_datasets,); got shape {np.shape(terms)} for n_datasets={n}."
        )
    return as_log_densities(terms, whose)


def as_log_densities(values, whose="log_likelihood"):
    """Return what a likelihood returned as an array of floats, or raise if it is of something else."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiubO":
        raise TypeError(f"{whose} must return real numbers; got an array of dtype {values.dtype}.")
    return values.astype(np.float64)


def _check_density(terms, i, y, names, whose):
    """Raise unless log densities of data set `i` at `y` are numbers; minus infinity is the log of one."""
    is_bad = np.isnan(terms) | np.isposinf(terms)
    if is_bad.any():
        raise NoDensityError(i, dict(zip(names, y[np.argwhere(is_bad)[0, 0]], strict=True)), whose)


def _by_data_set(X, n_datasets, n_draws):
    """Return data sets, `n_draws` in a row of one kind, with an axis of draws."""
    if isinstance(X, Mapping):
        return {name: _by_data_set(values, n_datasets, n_draws) for name, values in X.items()}
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.reshape(n_datasets, n_draws, *X.shape[1:])
    each = [X[i * n_draws : (i + 1) * n_draws] for i in range(n_datasets)]
    return [np.stack(draws) if len({len(x) for x in draws}) == 1 else draws for draws in each]


def data_sets_of(X, *, name="X"):
    """Return data sets as something with a length, or raise if they are not numbers; NaN is for the likelihood."""
    if isinstance(X, dict):
        if not X:
            raise ShapeError(f"{name} must have at least one source; got an empty dict.")
        for source, values in X.items():
            data_sets_of(values, name=f"{name}[{source!r}]")
        return X
    if is_ragged(X):
        for i, x in enumerate(X):
            as_float_array(x, name=f"{name}[{i}]", allow_nan=True)
        return X
    values = as_float_array(X, name=name, allow_nan=isinstance(X, np.ndarray))
    if not values.ndim or not len(values):
        raise ShapeError(f"{name} must hold at least one data set; got shape {values.shape}.")
    return X if isinstance(X, np.ndarray) and X.dtype.kind in "biuf" else values


def n_data_sets_of(X):
    return len(next(iter(X.values()))) if isinstance(X, dict) else len(X)


def _size(X):
    """Return how many numbers are in the largest data set."""
    if isinstance(X, dict):
        return sum(_size(values) for values in X.values())
    return max((np.size(x) for x in X), default=1)


def _is_ragged(X):
    return isinstance(X, list) or (isinstance(X, np.ndarray) and X.dtype == object)


def rows_of(X, rows):
    """Return some data sets, `rows` being indices."""
    if isinstance(X, dict):
        return type(X)(**{name: rows_of(values, rows) for name, values in X.items()})
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return [X[row] for row in rows] if isinstance(X, list) else X[np.asarray(rows)]
