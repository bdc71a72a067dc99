"""Simulation of one block of rows: what runs in a worker."""

from dataclasses import dataclass

import numpy as np

from skabi.exceptions import SimulatorError


@dataclass(frozen=True)
class Block:
    """Simulated rows, the indices of those that succeeded, and what went wrong first."""

    X: np.ndarray | None
    kept: np.ndarray
    n_rows: int
    error: str | None = None
    cause: Exception | None = None


class RowError(Exception):
    """A simulation of one row failed."""


def simulate_block(simulate, entries, *, n_rows, vectorized, seed, stop_at_error):
    """Simulate `n_rows` rows given a dict of entry name to parameters, and return a `Block`."""
    if not vectorized:
        return _simulate_rows(simulate, entries, n_rows, seed, as_batch=False, stop_at_error=stop_at_error)
    try:
        X = _as_numbers(simulate(**_writable(entries), rng=np.random.default_rng(seed)))
    except SimulatorError:
        raise
    except Exception:  # the simulator is the user's: whatever it raises is looked for row by row
        return _simulate_rows(simulate, entries, n_rows, seed, as_batch=True, stop_at_error=stop_at_error)
    if X.ndim == 0 or len(X) != n_rows:
        raise SimulatorError(
            f"a vectorized simulate must return one row a data set, (n_datasets, ...); "
            f"got shape {X.shape} for n_datasets={n_rows}. For one data set a call leave vectorized=False."
        )
    kept = np.flatnonzero(_finite_rows(X))
    failed = np.setdiff1d(np.arange(n_rows), kept)
    error = f"returned NaN or infinity for {_describe(entries, failed[0])}" if len(failed) else None
    return Block(_columns(X)[kept], kept, n_rows, error)


def _simulate_rows(simulate, entries, n_rows, seed, *, as_batch, stop_at_error):
    rows, kept, error, cause = [], [], None, None
    for i, child in enumerate(seed.spawn(n_rows)):
        arguments = {name: values[i : i + 1] if as_batch else values[i] for name, values in entries.items()}
        try:
            row = _as_numbers(simulate(**_writable(arguments), rng=np.random.default_rng(child)))
            row = row[0] if as_batch else row
            if not np.isfinite(row).all():
                raise RowError("returned NaN or infinity")
        except SimulatorError:
            raise
        except Exception as failure:
            reason = str(failure) if isinstance(failure, RowError) else f"raised {type(failure).__name__}: {failure}"
            if error is None:
                error = f"{reason.rstrip('.')} for {_describe(entries, i)}"
                cause = None if isinstance(failure, RowError) else failure
            if stop_at_error:
                break
            continue
        if rows and row.shape != rows[0].shape:
            raise SimulatorError(
                f"simulate must return the same shape every time; got {rows[0].shape} and {row.shape} "
                f"for {_describe(entries, i)}."
            )
        rows.append(row)
        kept.append(i)
    X = _columns(np.stack(rows)) if rows else None
    return Block(X, np.array(kept, dtype=int), n_rows, error, cause)


def _writable(arguments):
    return {name: np.array(value) if np.ndim(value) else float(value) for name, value in arguments.items()}


def _as_numbers(result):
    try:
        return np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SimulatorError(
            f"simulate must return numbers in an array of one shape; got {type(result).__name__} ({error})."
        ) from error


def _columns(X):
    return X[:, np.newaxis] if X.ndim == 1 else X


def _finite_rows(X):
    return np.isfinite(X.reshape(len(X), -1)).all(axis=1)


def _describe(entries, i):
    return "{" + ", ".join(f"{name!r}: {np.array2string(np.asarray(v[i]))}" for name, v in entries.items()) + "}"
