"""Simulation of one block of rows: what runs in a worker."""

from dataclasses import dataclass

import numpy as np

from skabi._parallel import check_wanted
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, SimulatorError
from skabi.simulators._data_sets import ADVICE, as_batch, difference, join, read, take, valid_rows


@dataclass(frozen=True)
class Inputs:
    """What the rows of a block are simulated from.

    Attributes
    ----------
    entries : dict of str to ndarray
        Parameters by entry name.
    sizes : dict of (str, str or None) to ndarray
        By what is counted and source, for each source that has sizes.
    passed : frozenset of str
        Of what simulate is told the number.
    """

    entries: dict
    sizes: dict
    passed: frozenset[str]

    def __len__(self):
        return len(next(iter(self.entries.values())))

    def arguments(self, rows):
        """Return the keyword arguments of simulate for a slice of rows, or for one row."""
        arguments = {name: _writable(values[rows]) for name, values in self.entries.items()}
        return arguments | {name: sizes for name, sizes in self._sizes(rows).items() if name in self.passed}

    def rows(self, rows):
        """Return a slice of rows."""
        entries, sizes = ({name: v[rows] for name, v in part.items()} for part in (self.entries, self.sizes))
        return Inputs(entries, sizes, self.passed)

    def describe(self, row):
        """Return what one row is simulated from, as text."""
        texts = {name: np.array2string(np.asarray(values[row])) for name, values in self.entries.items()}
        texts.update(self._sizes(row))
        return "{" + ", ".join(f"{name!r}: {text}" for name, text in texts.items()) + "}"

    def _sizes(self, rows):
        sizes: dict = {}
        for (counted, source), values in self.sizes.items():
            sizes.setdefault(counted, {})[source] = _writable(values[rows], number=int)
        return {counted: each.get(None, each) for counted, each in sizes.items()}


@dataclass(frozen=True)
class Block:
    """Simulated rows, the indices of those that succeeded, and what went wrong first."""

    data: dict | None
    kept: np.ndarray
    n_rows: int
    error: str | None = None
    cause: Exception | None = None


def failed_simulation(block, *, vectorized, allow_nan):
    """Return the `SimulatorError` for a block with an error, and what to try."""
    return SimulatorError(f"simulate {block.error}.{_hint(block, vectorized=vectorized, allow_nan=allow_nan)}{_DROP}")


def check_dropped(n_dropped, n, first, *, vectorized, allow_nan):
    """Warn of simulations that were dropped, and raise if all were; `first` is the first block that has any."""
    if n_dropped == n:
        hint = _hint(first, vectorized=vectorized, allow_nan=allow_nan)
        raise SimulatorError(f"all {n} simulations failed; the first: simulate {first.error}.{hint}") from first.cause
    if n_dropped:
        warn(
            f"{n_dropped} of {n} simulations ({n_dropped / n:.1%}) failed and were dropped; the first: simulate "
            f"{first.error}.",
            ApproximationWarning,
        )


_DROP = ' To leave such simulations out use Simulator(..., on_error="drop").'


def _hint(block, *, vectorized, allow_nan):
    """Return what to try where NaN may be a missing value, or parameters are not the arrays it was written for."""
    if block.error.startswith("returned") and not allow_nan:
        return " If NaN stands for missing values use Simulator(..., allow_nan=True)."
    if vectorized or not isinstance(block.cause, (AttributeError, IndexError, TypeError)):
        return ""
    return " If simulate takes many parameter sets at once, use Simulator(..., vectorized=True)."


class RowError(Exception):
    """A simulation of one row failed."""


def simulate_block(simulate, inputs, *, vectorized, seed, allow_nan, stop_at_error, first=0):
    """Simulate the rows of `Inputs`, and return a `Block`.

    Where rows are simulated one by one, `first` says how many of the block are before them.
    """
    if not vectorized:
        return _simulate_rows(simulate, inputs, seed, allow_nan=allow_nan, stop_at_error=stop_at_error, first=first)
    n_rows = len(inputs)
    try:
        result = simulate(**inputs.arguments(slice(n_rows)), rng=np.random.default_rng(seed))
        data = read(result, inputs.sizes, n_rows=n_rows)
    except SimulatorError:
        raise
    except Exception as failure:  # the simulator is the user's: whatever it raises is looked for row by row
        return _simulate_rows(
            simulate, inputs, seed, batch_failure=failure, allow_nan=allow_nan, stop_at_error=stop_at_error
        )
    is_valid = valid_rows(data, allow_nan=allow_nan)
    kept = np.flatnonzero(is_valid)
    error = None
    if not is_valid.all():
        error = f"returned {_invalid(allow_nan=allow_nan)} for {inputs.describe(int(np.argmin(is_valid)))}"
    return Block(take(data, kept) if len(kept) else None, kept, n_rows, error)


def _simulate_rows(simulate, inputs, seed, *, allow_nan, stop_at_error, batch_failure=None, first=0):
    """Simulate row by row; with `batch_failure`, what a vectorized function raised, by batches of one."""
    rows: list[dict] = []
    kept, error, cause = [], None, None
    for i, child in enumerate(seed.spawn(first + len(inputs))[first:]):
        check_wanted()
        try:
            row = _simulate_row(simulate, inputs, i, child, batch_failure=batch_failure)
            if not valid_rows(row, allow_nan=allow_nan).all():
                raise RowError(f"returned {_invalid(allow_nan=allow_nan)}")
        except SimulatorError:
            raise
        except Exception as failure:
            reason = str(failure) if isinstance(failure, RowError) else f"raised {type(failure).__name__}: {failure}"
            if error is None:
                error = f"{reason.rstrip('.')} for {inputs.describe(i)}"
                cause = None if isinstance(failure, RowError) else failure
            if stop_at_error:
                break
            continue
        wrong = difference(row, rows[0] if rows else row, inputs.sizes)
        if wrong:
            raise SimulatorError(f"{wrong} for {inputs.describe(i)}.{ADVICE}")
        rows.append(row)
        kept.append(i)
    return Block(join(rows) if rows else None, np.array(kept, dtype=int), len(inputs), error, cause)


def _simulate_row(simulate, inputs, i, seed, *, batch_failure):
    """Return data sets with one row."""
    one, rng = slice(i, i + 1), np.random.default_rng(seed)
    if batch_failure is None:
        result = as_batch(simulate(**inputs.arguments(i), rng=rng))
        return read(result, inputs.rows(one).sizes, n_rows=1)
    result = simulate(**inputs.arguments(one), rng=rng)
    try:
        return read(result, inputs.rows(one).sizes, n_rows=1)
    except SimulatorError as error:
        # The row may say why: a function for one data set cannot broadcast a batch of parameters.
        raise SimulatorError(
            f"{error} For n_datasets={len(inputs)} it raised {type(batch_failure).__name__}: {batch_failure}"
        ) from batch_failure


def _invalid(*, allow_nan):
    return "infinity" if allow_nan else "NaN or infinity"


def _writable(values, *, number=float):
    return np.array(values) if np.ndim(values) else number(values)
