"""What can be set in an experiment: a box of numbers, or a finite pool of choices."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import qmc
from sklearn.base import BaseEstimator

from skabi._params import check_count
from skabi._random import generators
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError

# Of the width of a box, or of the size of a number, by which rounding may put a design outside.
_ROUNDING = 1e-6


class DesignSpace(BaseEstimator):
    """Base class of spaces: named numbers that can be set."""

    names: Any

    def validate(self):
        """Raise unless the space is one; return it."""
        raise NotImplementedError

    @property
    def n_designs(self) -> int:
        """How many numbers a design has."""
        raise NotImplementedError

    @property
    def design_names(self) -> list[str]:
        """Names of the numbers of a design."""
        return [f"design[{i}]" for i in range(self.n_designs)] if self.names is None else list(self.names)

    def inside(self, designs) -> np.ndarray:
        """Return designs of a network, which rounding may put outside, as `check` does."""
        return self.check(designs)

    def _check_shape(self, designs) -> np.ndarray:
        """Return designs as a float array `(n, n_designs)`; one dimension is n designs of one number each."""
        designs = as_float_array(designs, name="designs")
        if designs.ndim == 1 and self.n_designs == 1:
            designs = designs[:, np.newaxis]
        if designs.ndim != 2 or designs.shape[1] != self.n_designs:
            advice = " For one design pass design[np.newaxis]." if designs.ndim == 1 else ""
            raise ShapeError(
                f"designs must have shape (n, {self.n_designs}), one column each of {self.design_names}; got "
                f"{designs.shape}.{advice}"
            )
        return designs

    def _check_names(self):
        if self.names is not None and (isinstance(self.names, str) or len(self.names) != self.n_designs):
            raise ShapeError(f"names must be {self.n_designs}, one for each number of a design; got {self.names!r}.")


class DesignBox(DesignSpace):
    """Designs whose numbers each lie between two ends.

    Parameters
    ----------
    low, high : float or array-like of shape (n_designs,)
        The ends, included.
    names : list of str, optional
        Names of the numbers of a design; by default `design[0]`, `design[1]`, ...

    Examples
    --------
    >>> from skabi.design import DesignBox
    >>> box = DesignBox([0.0, 10.0], [1.0, 30.0], names=["dose", "time"])
    >>> box.sample(3, random_state=0).shape
    (3, 2)
    >>> box.check([[0.5, 40.0]])
    Traceback (most recent call last):
    ...
    ValueError: time must lie between 10 and 30; design 0 has 40. Other designs need a wider DesignBox.
    """

    def __init__(self, low, high, *, names=None):
        self.low = low
        self.high = high
        self.names = names

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, `(n_designs,)` each."""
        low, high = np.broadcast_arrays(np.atleast_1d(self.low), np.atleast_1d(self.high))
        return low.astype(float), high.astype(float)

    @property
    def n_designs(self) -> int:
        """How many numbers a design has."""
        return len(self.ends[0])

    def validate(self):
        """Raise unless the ends are finite and in order; return the space."""
        for name in ("low", "high"):
            if as_float_array(getattr(self, name), name=name).ndim > 1:
                raise ShapeError(f"{name} must be a number or (n_designs,); got shape {np.shape(getattr(self, name))}.")
        try:
            low, high = self.ends
        except ValueError:
            raise ShapeError(
                f"low and high must have one length; got shapes {np.shape(self.low)} and {np.shape(self.high)}."
            ) from None
        if not (low < high).all():
            raise ValueError(f"low must be below high for each number of a design; got low={low}, high={high}.")
        self._check_names()
        return self

    def check(self, designs: ArrayLike) -> np.ndarray:
        """Return designs as an array `(n, n_designs)`, or raise.

        Parameters
        ----------
        designs : array-like of shape (n, n_designs)

        Returns
        -------
        designs : ndarray of shape (n, n_designs)

        Raises
        ------
        ValueError
            If one is out of bounds.
        """
        designs = self._check_shape(designs)
        low, high = self.ends
        margin = _ROUNDING * (high - low)
        is_out = (designs < low - margin) | (designs > high + margin)
        if is_out.any():
            i, j = np.argwhere(is_out)[0]
            raise ValueError(
                f"{self.design_names[j]} must lie between {low[j]:g} and {high[j]:g}; design {i} has "
                f"{designs[i, j]:g}. Other designs need a wider DesignBox."
            )
        return np.clip(designs, low, high)

    def inside(self, designs) -> np.ndarray:
        """Return designs of a network, which rounding may put outside, as `check` does."""
        return self.check(np.clip(designs, *self.ends))

    def sample(self, n: int, *, random_state=None) -> np.ndarray:
        """Return n designs, evenly at random, `(n, n_designs)`."""
        low, high = self.ends
        rng = random_state if isinstance(random_state, np.random.Generator) else generators(random_state, 1)[0]
        return rng.uniform(low, high, size=(check_count(n, "n", minimum=0), len(low)))

    def spread(self, n: int, *, random_state=None) -> np.ndarray:
        """Return n designs that are spread evenly over the box: scrambled Sobol points."""
        low, high = self.ends
        n = check_count(n, "n")
        rng = generators(random_state, 1)[0]
        points = qmc.Sobol(len(low), scramble=True, rng=rng).random_base2(int(np.ceil(np.log2(n))))
        return low + (high - low) * points[:n]


class DesignPool(DesignSpace):
    """A finite number of designs to choose from.

    Parameters
    ----------
    designs : array-like of shape (n_pool, n_designs) or (n_pool,)
        All designs that there are.
    names : list of str, optional
        Names of the numbers of a design; by default `design[0]`, `design[1]`, ...

    Examples
    --------
    >>> from skabi.design import DesignPool
    >>> pool = DesignPool([0.5, 1.0, 2.0], names=["dose"])
    >>> pool.sample(4, random_state=0).shape
    (4, 1)
    >>> pool.check([[0.7]])
    Traceback (most recent call last):
    ...
    ValueError: designs must be of the pool; design 0, [0.7], is not. The nearest is [0.5].
    """

    def __init__(self, designs, *, names=None):
        self.designs = designs
        self.names = names

    @property
    def members(self) -> np.ndarray:
        """The pool, `(n_pool, n_designs)`."""
        members = np.asarray(self.designs, dtype=float)
        return members[:, np.newaxis] if members.ndim == 1 else members

    @property
    def n_designs(self) -> int:
        """How many numbers a design has."""
        return self.members.shape[1]

    def validate(self):
        """Raise unless there are at least two designs of finite numbers, all different; return the space."""
        members = as_float_array(self.designs, name="designs")
        if members.ndim not in (1, 2) or len(members) < 2 or 0 in members.shape:
            raise ShapeError(f"designs of a pool must be (n_pool, n_designs), two or more; got shape {members.shape}.")
        distinct, counts = np.unique(self.members, axis=0, return_counts=True)
        if len(distinct) < len(members):
            raise ValueError(
                f"designs of a pool must differ; {distinct[counts.argmax()].tolist()} comes {counts.max()} times. Pass "
                "np.unique(designs, axis=0)."
            )
        self._check_names()
        return self

    def check(self, designs: ArrayLike) -> np.ndarray:
        """Return designs as an array `(n, n_designs)`, or raise.

        Parameters
        ----------
        designs : array-like of shape (n, n_designs)

        Returns
        -------
        designs : ndarray of shape (n, n_designs)

        Raises
        ------
        ValueError
            If one is not of the pool.
        """
        designs, members = self._check_shape(designs), self.members
        distinct, places = np.unique(designs, axis=0, return_inverse=True)
        nearest = np.array([np.abs(members - design).max(axis=1).argmin() for design in distinct], dtype=int)
        nearest = nearest[places.ravel()]
        is_far = (np.abs(members[nearest] - designs) > _ROUNDING * (1 + np.abs(designs))).any(axis=1)
        if is_far.any():
            i = int(np.argmax(is_far))
            raise ValueError(
                f"designs must be of the pool; design {i}, {designs[i].tolist()}, is not. The nearest is "
                f"{members[nearest[i]].tolist()}."
            )
        return members[nearest]

    def sample(self, n: int, *, random_state=None) -> np.ndarray:
        """Return n designs of the pool at random, with replacement, `(n, n_designs)`."""
        rng = random_state if isinstance(random_state, np.random.Generator) else generators(random_state, 1)[0]
        members = self.members
        return members[rng.integers(len(members), size=check_count(n, "n", minimum=0))]

    def spread(self, n: int, *, random_state=None) -> np.ndarray:
        """Return the pool, or n of its designs at random where it has more."""
        members = self.members
        if len(members) <= check_count(n, "n"):
            return members
        return members[np.sort(generators(random_state, 1)[0].permutation(len(members))[:n])]


def check_space(space):
    """Return `space`, or raise if it is no valid space of designs."""
    if not isinstance(space, DesignSpace):
        raise TypeError(f"space must be a DesignBox or a DesignPool; got {space!r}.")
    return space.validate()
