"""What every prior can do: named parameters, draws, a density, and a map to independent standard normals."""

import keyword

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from skabi._params import check_count
from skabi._random import generators
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.priors._bijections import batch_shape, bijection_of
from skabi.priors._equality import same


class BasePrior:
    """Base class of priors: an ordered set of named entries, each given those before it.

    A subclass says in `_distribution` what the distribution of an entry is and calls `_set_entries` once. Two priors
    are equal if they have the same class, the same entries in the same order, and for each the same family with the
    same parameters, or the same function.
    """

    def __eq__(self, other):
        if not isinstance(other, BasePrior):
            return NotImplemented
        return same(vars(self), vars(other)) if type(self) is type(other) else False

    def __hash__(self):
        return hash((type(self), tuple(self._sizes.items())))

    def _distribution(self, name, earlier):
        """Return the frozen distribution of entry `name` given a dict of the entries before it."""
        raise NotImplementedError

    def _set_entries(self, sizes):
        """Store the entries: a dict of name to `None` for a scalar, or to the length of a vector."""
        self._sizes = sizes
        self._columns, start = {}, 0
        for name, size in sizes.items():
            self._columns[name] = slice(start, start + (size or 1))
            start += size or 1
        self._probe()

    def _probe(self):
        """Find the support, over a thousand draws where it depends on other parameters."""
        y = self.sample(1000, random_state=0).to_numpy()
        low, high = np.empty_like(y), np.empty_like(y)
        for name, bijection in self._bijections(self.split(y)):
            columns = self._columns[name]
            if hasattr(bijection.distribution, "support"):
                ends = bijection.distribution.support()
            else:
                ends = -np.inf, np.inf
            width = columns.stop - columns.start
            low[:, columns], high[:, columns] = (_as_columns(end, len(y), width) for end in ends)
        self._support = np.column_stack([low.min(axis=0), high.max(axis=0)])

    def _bijections(self, entries):
        """Yield `(name, bijection)`, each given the entries before it, which may be added while iterating."""
        earlier: dict[str, np.ndarray] = {}
        for name in self._sizes:
            yield name, bijection_of(self._distribution(name, earlier), name=name)
            earlier[name] = entries[name]

    @property
    def parameter_names(self) -> list[str]:
        """Names of the columns; a vector entry `theta` gives `theta[0]`, `theta[1]`, ..."""
        return [
            column
            for name, size in self._sizes.items()
            for column in ([name] if size is None else [f"{name}[{i}]" for i in range(size)])
        ]

    @property
    def entry_names(self) -> list[str]:
        """Names by which `simulate` receives the parameters: one a scalar or vector entry."""
        return list(self._sizes)

    @property
    def n_parameters(self) -> int:
        """Number of columns."""
        return len(self.parameter_names)

    @property
    def support(self) -> np.ndarray:
        """Ends of the support, `(n_parameters, 2)`; where they depend on other parameters, over a thousand draws."""
        return self._support.copy()

    def sample(self, n: int, random_state=None) -> pd.DataFrame:
        """Draw from the prior.

        Parameters
        ----------
        n : int
            Number of draws.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        y : DataFrame of shape (n, n_parameters)
            Strictly inside the support: a draw that rounding put on its edge is moved to the next number.
        """
        n = check_count(n, "n", minimum=0)
        rng = random_state if isinstance(random_state, np.random.Generator) else generators(random_state, 1)[0]
        return pd.DataFrame(self._draw(n, rng), columns=self.parameter_names)

    def _draw(self, n, rng):
        """Return draws `(n, n_parameters)`."""
        entries: dict[str, np.ndarray] = {}
        for name, bijection in self._bijections(entries):
            entries[name] = draw_entry(bijection, self._sizes[name], n, rng)
            if not np.isfinite(entries[name]).all():
                raise ValueError(f"the distribution of {name!r} draws NaN or infinity; look at its parameters.")
        return self._join(entries, n)

    def log_prob(self, y: ArrayLike) -> np.ndarray:
        """Return the log density, `(n,)`; minus infinity outside the support.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)
        """
        y = self._check(y)
        terms = [
            np.sum(np.reshape(bijection.log_density(entry), (len(y), -1)), axis=1)
            for (_, bijection), entry in self._zip(y)
        ]
        log_prob = np.sum(terms, axis=0)
        return np.where(np.isnan(log_prob), -np.inf, log_prob)

    def to_real(self, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Map parameters to independent standard normals.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)

        Returns
        -------
        u : ndarray of shape (n, n_parameters)
            Standard normal if `y` is a draw from the prior.
        log_det : ndarray of shape (n,)
            `log |det du/dy|`; minus infinity outside the support.
        """
        y = self._check(y)
        u, log_det = {}, np.zeros(len(y))
        for (name, bijection), entry in self._zip(y):
            u[name], terms = bijection.to_real(entry)
            log_det = log_det + np.sum(np.reshape(terms, (len(y), -1)), axis=1)
        return self._join(u, len(y)), np.where(np.isnan(log_det), -np.inf, log_det)

    def from_real(self, u: ArrayLike) -> np.ndarray:
        """Map real numbers `(n, n_parameters)` into the support: the inverse of `to_real`."""
        u = self._check(u, name="u")
        split = self._entries(u)
        entries: dict[str, np.ndarray] = {}
        for name, bijection in self._bijections(entries):
            entries[name] = bijection.from_real(split[name])
        return self._join(entries, len(u))

    def split(self, y: ArrayLike) -> dict[str, np.ndarray]:
        """Return a dict of entry name to its parameters: `(n,)` for a scalar entry, `(n, k)` for a vector."""
        return self._entries(self._check(y))

    def _entries(self, y):
        return {
            name: y[:, self._columns[name].start] if size is None else y[:, self._columns[name]]
            for name, size in self._sizes.items()
        }

    def _zip(self, y):
        entries = self._entries(y)
        return zip(self._bijections(entries), entries.values(), strict=True)

    def _join(self, entries, n):
        return np.concatenate([np.reshape(entries[name], (n, size or 1)) for name, size in self._sizes.items()], axis=1)

    def _check(self, y, *, name="y") -> np.ndarray:
        """Return `y` as a finite float64 array `(n, n_parameters)`; columns of a DataFrame must be the parameters."""
        if isinstance(y, pd.DataFrame) and list(y.columns) != self.parameter_names:
            raise ValueError(
                f"{name} must have the columns {self.parameter_names} in this order; got {list(y.columns)}."
            )
        y = as_float_array(y, name=name)
        if y.ndim != 2 or y.shape[1] != self.n_parameters:
            advice = ""
            if y.ndim == 1 and self.n_parameters == 1:
                advice = f" For n values of one parameter pass {name}[:, np.newaxis]."
            elif y.shape == (self.n_parameters,):
                advice = f" For one row pass {name}[np.newaxis]."
            elif y.ndim == 3:
                advice = f" For draws of several data sets pass {name}.reshape(-1, {self.n_parameters})."
            raise ShapeError(
                f"{name} must have shape (n, {self.n_parameters}), one column each of {self.parameter_names}; "
                f"got {y.shape}.{advice}"
            )
        return y


def draw_entry(bijection, size, n, rng):
    """Return `n` draws of an entry, `(n,)` or `(n, size)`, each where its bijection can hold it."""
    shape = n if size is None else (n, size)
    if hasattr(bijection.distribution, "cov"):
        return np.reshape(bijection.distribution.rvs(size=n, random_state=rng), shape)
    return bijection.hold(bijection.distribution.rvs(size=shape, random_state=rng))


def entry_size(distribution, *, name, n_rows=None):
    """Return `None` for a scalar entry or the length of a vector one; `n_rows` if parameters were given by row."""
    if n_rows is not None and isinstance(distribution, stats._multivariate.multivariate_normal_frozen):
        raise TypeError(
            f"the function of {name!r} returns a multivariate_normal, whose parameters cannot differ by row; return "
            "univariate distributions with parameters of shape (n, k)."
        )
    shape = batch_shape(distribution, name=name)
    if n_rows is None:
        if len(shape) < 2:
            return shape[0] if shape else None
        expected = "() or (k,)"
    else:
        if shape in {(), (1,), (n_rows,)}:
            return None
        if len(shape) == 2 and shape[0] in {1, n_rows}:
            return shape[1]
        expected = "(n,), or (n, k) or (1, k) for a vector entry, given n values of the earlier parameters"
    raise ShapeError(
        f"the parameters of the distribution of {name!r} must have shape {expected}; got {shape}"
        f"{'' if n_rows is None else f' for n = {n_rows}'}."
    )


def check_names(distributions):
    """Raise unless `distributions` is a non-empty dict whose keys can be keyword arguments."""
    if not isinstance(distributions, dict) or not distributions:
        raise TypeError(f"distributions must be a non-empty dict of name to distribution; got {distributions!r}.")
    for name in distributions:
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name == "rng":
            advice = f"; {name!r} is a word of Python's own, try {name + '_'!r}" if keyword.iskeyword(name) else ""
            raise ValueError(
                "a parameter name must be a str that can be an argument of simulate, and not 'rng'; "
                f"got {name!r}{advice}."
            )


def describe(distribution):
    """Return the call that made a frozen distribution, or its type."""
    if not hasattr(distribution, "dist"):
        return getattr(distribution, "__name__", type(distribution).__name__)
    arguments = [np.array2string(np.asarray(a), threshold=4, precision=4) for a in distribution.args]
    arguments += [
        f"{k}={np.array2string(np.asarray(v), threshold=4, precision=4)}" for k, v in distribution.kwds.items()
    ]
    return f"{distribution.dist.name or type(distribution.dist).__name__}({', '.join(arguments)})"


def check_prior(prior):
    """Raise unless `prior` has what inference needs of a prior."""
    wanted = ("sample", "log_prob", "to_real", "from_real", "split", "parameter_names", "entry_names", "support")
    missing = [name for name in wanted if not hasattr(prior, name)]
    if missing:
        raise TypeError(
            f"prior must be an IndependentPrior, a ChainedPrior or an object with {', '.join(wanted)}; got "
            f"{type(prior).__name__}, which has no {', '.join(missing)}."
        )
    return prior


def _as_columns(end, n, width):
    return np.broadcast_to(np.reshape(end, (-1, 1)) if np.shape(end) == (n,) and width == 1 else end, (n, width))
