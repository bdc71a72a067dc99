"""What the numbers of a column are: continuous, counts or categories."""

from dataclasses import dataclass

import numpy as np

from skabi.estimators._lattice import FEWEST_TIES, Lattice, lattice_of

KINDS = ("continuous", "count", "category")
# A column of at most so many different values, each of them so often on average, may be a category.
_MOST_LEVELS, _TIMES_EACH = 32, 10
# A level is rare that at most two observations have, or this share of all; or a few, if the levels before fall off.
_FEWEST, _RARE, _FEW = 2, 0.001, 5
# A network has a number for each level of a category.
_MOST_LEVELS_GIVEN = 1000


@dataclass(frozen=True)
class Column:
    """What is known of a column.

    Attributes
    ----------
    kind : {"continuous", "count", "category"}
    lattice : Lattice or None
        Of a count.
    levels : ndarray of shape (n_levels,), or None
        The different values of a category, sorted, and those of a count whose lattice has them up to rounding alone.
    """

    kind: str
    lattice: Lattice | None = None
    levels: np.ndarray | None = None

    @property
    def step(self):
        """Distance between neighbouring values of a count; 1 for others, whose unit is that of the column."""
        return 1.0 if self.lattice is None else self.lattice.step


def check_column_kinds(kinds):
    """Return `kinds`, as users name them, as a list; None stays None."""
    if kinds is None:
        return None
    if isinstance(kinds, str) or not isinstance(kinds, (list, tuple)) or any(kind not in KINDS for kind in kinds):
        raise ValueError(
            'column_kinds must be None or a list of "continuous", "count" or "category", one for each column of an '
            f"observation; got {kinds!r}."
        )
    return list(kinds)


def columns_of(rows, kinds, *, name):
    """Return a `Column` for each of observations `(n, n_columns)`, of `kinds` if these are given.

    Raises
    ------
    ValueError
        If there are more or fewer kinds than columns, or a column cannot be of its kind.
    """
    if kinds is not None and len(kinds) != rows.shape[1]:
        raise ValueError(
            f"column_kinds must name the kind of each of the {rows.shape[1]} columns of an observation in {name}; got "
            f"{len(kinds)}: {kinds}."
        )
    each = [None] * rows.shape[1] if kinds is None else kinds
    names = [f"column {i} of {name}" for i in range(rows.shape[1])]
    return [_column(*column) for column in zip(rows.T, each, names, strict=True)]


def _column(values, kind, name):
    levels, n_each = np.unique(values, return_counts=True)
    # Who calls a column a count need not show that its values come again.
    lattice = lattice_of(levels, n_each, fewest_ties=0.0 if kind == "count" else FEWEST_TIES)
    kind = _kind(levels, n_each, lattice) if kind is None else kind
    _check_possible(kind, levels, lattice, name)
    if kind == "continuous":
        return Column(kind)
    if kind == "category":
        return Column(kind, levels=levels)
    # Whole numbers are what they are counted as, and there may be as many as observations.
    return Column(kind, lattice, None if lattice == Lattice() else levels)


def _kind(levels, n_each, lattice):
    is_few = len(levels) <= _MOST_LEVELS and n_each.sum() > _TIMES_EACH * len(levels)
    if len(levels) == 1 or (is_few and (lattice is None or not _has_open_end(levels, n_each))):
        return "category"
    return "continuous" if lattice is None else "count"


def _has_open_end(levels, n_each):
    """Return whether there may be levels beyond those that were seen, so rare is the last of them.

    Two levels are a yes and a no, however rare one of them is. Numbers of which none is negative end at zero.
    """
    if len(levels) < 3:
        return False
    ends = [n_each[::-1]] if levels[0] >= 0 else [n_each[::-1], n_each]
    return any(_is_rare(end, n_each.sum()) for end in ends)


def _is_rare(end, n):
    """Return whether the first of `end`, how often each level comes from the last inwards, is rare in `n` of them."""
    is_tail = len(end) > 3 and end[0] < end[1] < end[2] and end[0] <= _FEW
    return is_tail or end[0] <= max(_FEWEST, _RARE * n)


def _check_possible(kind, levels, lattice, name):
    if kind == "continuous" and len(levels) == 1:
        raise ValueError(f'{name} is {levels[0]:g} throughout and has no density: its kind is "category".')
    if kind == "count" and lattice is None:
        raise ValueError(
            f'the numbers in {name} are not whole, nor multiples of one step: its kind is "continuous" or "category".'
        )
    if kind == "category" and len(levels) > _MOST_LEVELS_GIVEN:
        raise ValueError(
            f"a category has at most {_MOST_LEVELS_GIVEN:,} different values, and {name} has {len(levels):,}: its kind "
            'is "count" or "continuous".'
        )
