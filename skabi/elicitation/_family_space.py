"""Independent families as one vector of numbers to be learned."""

import keyword
import numbers
from dataclasses import dataclass

import numpy as np
import torch

from skabi._params import check_real
from skabi.elicitation._families import BaseFamily, Unknown
from skabi.priors import IndependentPrior

# Where searches start if no range is given: powers of ten.
_FIRST, _LAST = -2.0, 3.0
_LAST_REAL = 2.0


@dataclass(frozen=True)
class Coordinate:
    """One number to be learned; positive ones by their logarithm."""

    name: str
    is_positive: bool
    low: float | None = None
    high: float | None = None

    def start(self, u):
        """Return where a search starts, for `u` between 0 and 1."""
        if self.low is not None and self.high is not None:
            low, high = np.log([self.low, self.high]) if self.is_positive else (self.low, self.high)
            return low + u * (high - low)
        if self.is_positive:
            return np.log(10.0) * (_FIRST + u * (_LAST - _FIRST))
        side = 2 * u - 1
        # As many starts in each power of ten, on both sides of zero.
        return np.sign(side) * 10 ** (_FIRST + np.abs(side) * (_LAST_REAL - _FIRST))


class FamilySpace:
    """Families of a dict of parameter to family.

    Attributes
    ----------
    parameter_names : list of str
    coordinates : list of Coordinate
        What is to be learned.
    """

    # Steps are free of the coordinates' units.
    is_scaled_by_slope = True

    def __init__(self, families):
        self.families = dict(families)
        self.parameter_names = list(families)
        self.coordinates: list[Coordinate] = []
        self._slots: dict[str, dict[str, int | float]] = {}
        self._shared: dict[str, int] = {}
        for name, family in families.items():
            _check_family(name, family)
            self._slots[name] = {
                hyper: self._slot(name, hyper, value, hyper in family.positive)
                for hyper, value in family.get_params(deep=False).items()
            }
        if not self.coordinates:
            raise ValueError("every hyper-parameter of prior_family is fixed; leave at least one None to be learned.")

    @property
    def n_base(self):
        """Number of uniform numbers behind a draw."""
        return len(self.families)

    @property
    def is_positive(self):
        """Which coordinates are logarithms, a bool ndarray."""
        return np.array([c.is_positive for c in self.coordinates])

    def start(self, u):
        """Return where searches start, `(n, n_coordinates)`, for points `u` of the unit cube."""
        return np.stack([c.start(column) for c, column in zip(self.coordinates, u.T, strict=True)], axis=1)

    def draws(self, x, base):
        """Return a dict of parameter to draws `(n,)` at the vector `x` from uniform numbers `(n, n_base)`."""
        return {
            name: family.draw(base[:, i], self._values(name, x))
            for i, (name, family) in enumerate(self.families.items())
        }

    def numbers(self, x):
        """Return hyper-parameters to be learned in their own unit, `(n_coordinates,)`."""
        return np.where(self.is_positive, np.exp(np.clip(x, -700, 700)), x)

    def names(self):
        """Return names of the hyper-parameters to be learned: `parameter.hyper`, or the name that they share."""
        return [c.name for c in self.coordinates]

    def units(self, x):
        """Return how far each coordinate moves by one prior standard deviation, or by a factor of e."""
        units = np.ones(len(self.coordinates))
        for name, family in self.families.items():
            values = {hyper: float(v) for hyper, v in self._values(name, torch.from_numpy(x)).items()}
            slot = self._slots[name].get("loc")
            if type(slot) is int:
                units[slot] = min(float(family.frozen(values).std()), 1e300) or 1.0
        return units

    def ends(self, name):
        """Return the ends of a parameter's support, infinite where they move with what is learned."""
        starts = self.start(np.outer([0.25, 0.75], np.ones(len(self.coordinates))))
        of_starts = [self.prior(x).distributions[name].support() for x in starts]
        (low, high), (other_low, other_high) = of_starts
        return (low if low == other_low else -np.inf, high if high == other_high else np.inf)

    def prior(self, x):
        """Return the prior at the vector `x`."""
        at = torch.from_numpy(np.asarray(x, dtype=np.float64))
        return IndependentPrior({name: f.frozen(self._values(name, at)) for name, f in self.families.items()})

    def _values(self, name, x):
        values = {}
        for hyper, slot in self._slots[name].items():
            if isinstance(slot, float):
                values[hyper] = torch.tensor(slot, dtype=torch.float64)
            else:
                values[hyper] = x[slot].clamp(-700, 700).exp() if self.coordinates[slot].is_positive else x[slot]
        return values

    def _slot(self, name, hyper, value, is_positive):
        """Return the index of a hyper-parameter to be learned, or the float of a fixed one."""
        where = f"{hyper} of {name!r}"
        if isinstance(value, numbers.Real) and value is not True and value is not False:
            return check_real(value, where, **({"low": 0.0} if is_positive else {}))
        unknown = Unknown(value) if value is None or isinstance(value, str) else value
        if not isinstance(unknown, Unknown):
            raise TypeError(f"{where} must be a number, None, a str or an Unknown; got {value!r}.")
        coordinate = _coordinate(unknown, f"{name}.{hyper}", where, is_positive)
        if unknown.name is not None and unknown.name in self._shared:
            return self._share(unknown.name, coordinate, where)
        self.coordinates.append(coordinate)
        index = len(self.coordinates) - 1
        if unknown.name is not None:
            self._shared[unknown.name] = index
        return index

    def _share(self, shared_name, coordinate, where):
        index = self._shared[shared_name]
        first = self.coordinates[index]
        if first.is_positive != coordinate.is_positive:
            raise ValueError(
                f"{where} cannot share {shared_name!r}: one of the two must be positive and the other need not."
            )
        if first.low is None:
            self.coordinates[index] = coordinate
        return index


def check_parameter_name(name):
    """Raise unless `name` can be an argument of a model."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name == "rng":
        raise ValueError(f"a parameter name must be a str that can be an argument, and not 'rng'; got {name!r}.")


def _check_family(name, family):
    check_parameter_name(name)
    if not isinstance(family, BaseFamily):
        raise TypeError(f"prior_family[{name!r}] must be a family such as Normal(); got {family!r}.")


def _coordinate(unknown, name, where, is_positive):
    low, high = unknown.low, unknown.high
    if (low is None) != (high is None):
        raise ValueError(f"{where} must have both low and high, or none; got {low!r} and {high!r}.")
    if low is not None:
        low = check_real(low, f"low of {where}", **({"low": 0.0} if is_positive else {}))
        high = check_real(high, f"high of {where}", low=low)
    return Coordinate(unknown.name or name, is_positive, low, high)
