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
        return _simulate_rows(simulate, entries, n_rows, seed, stop_at_error=stop_at_error)
    try:
        X = _as_numbers(simulate(**_writable(entries), rng=np.random.default_rng(seed)))
    except SimulatorError:
        raise
    except Exception as failure:  # the simulator is the user's: whatever it raises is looked for row by row
        return _simulate_rows(simulate, entries, n_rows, seed, batch_failure=failure, stop_at_error=stop_at_error)
    if not _has_rows(X, n_rows):
        raise SimulatorError(_one_row_a_data_set(X, n_rows))
    kept = np.flatnonzero(_finite_rows(X))
    failed = np.setdiff1d(np.arange(n_rows), kept)
    error = f"returned NaN or infinity for {_describe(entries, failed[0])}" if len(failed) else None
    return Block(_columns(X)[kept], kept, n_rows, error)


def _simulate_rows(simulate, entries, n_rows, seed, *, stop_at_error, batch_failure=None):
    """Simulate row by row; with `batch_failure`, what a vectorized function raised, by batches of one."""
    as_batch = batch_failure is not None
    rows: list[np.ndarray] = []
    kept, error, cause = [], None, None
    for i, child in enumerate(seed.spawn(n_rows)):
        arguments = {name: values[i : i + 1] if as_batch else values[i] for name, values in entries.items()}
        try:
            row = _as_numbers(simulate(**_writable(arguments), rng=np.random.default_rng(child)))
            if as_batch and not _has_rows(row, 1):
                # The rows may say why: a function for one data set cannot broadcast a batch of parameters.
                raise SimulatorError(
                    f"{_one_row_a_data_set(row, 1)} For n_datasets={n_rows} it raised "
                    f"{type(batch_failure).__name__}: {batch_failure}"
                ) from batch_failure
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
    if result is None:
        raise SimulatorError(
            "simulate must return a data set; it returned None. Is a return statement missing? A simulation that "
            "failed may raise or return NaN."
        )
    if np.ma.isMaskedArray(result):
        raise SimulatorError(
            "simulate must return a plain array; got a masked one, whose mask would be lost. Return "
            "result.filled(value), with a value that stands for what is missing."
        )
    try:
        array = np.asarray(result)
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SimulatorError(
            f"simulate must return numbers in an array of one shape; got {type(result).__name__} ({error})."
        ) from error
    advice = " Return real and imaginary parts side by side." if array.dtype.kind == "c" else ""
    raise SimulatorError(f"simulate must return real numbers; got values of type {array.dtype}.{advice}")


def _has_rows(X, n_rows):
    return X.ndim >= 1 and len(X) == n_rows


def _one_row_a_data_set(X, n_rows):
    return (
        f"a vectorized simulate must return one row a data set, (n_datasets, ...); got shape {X.shape} for "
        f"n_datasets={n_rows}. For one data set a call leave vectorized=False."
    )


def _columns(X):
    return X[:, np.newaxis] if X.ndim == 1 else X


def _finite_rows(X):
    return np.isfinite(X.reshape(len(X), -1)).all(axis=1)


def _describe(entries, i):
    return "{" + ", ".join(f"{name!r}: {np.array2string(np.asarray(v[i]))}" for name, v in entries.items()) + "}"
