"""What many tasks return, from the workers of any joblib backend."""

import itertools
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar

import joblib

_is_over: ContextVar[Callable[[], bool] | None] = ContextVar("is_over", default=None)


@contextmanager
def wanted_until(is_over):
    """Have what this thread makes end by an `InterruptedError` soon after `is_over()` is true.

    Work that goes on in other threads and processes is not broken off: it is given no more tasks.
    """
    token = _is_over.set(is_over)
    try:
        yield
    finally:
        _is_over.reset(token)


def check_wanted():
    """Raise an `InterruptedError` if nobody wants what is being made any more."""
    is_over = _is_over.get()
    if is_over is not None and is_over():
        raise InterruptedError("nobody waits for these results any more.")


def results(tasks, *, n_jobs, in_order=True, batch_size="auto"):
    """Yield what `tasks`, calls made by `joblib.delayed`, return.

    They come while others still run, in their own order or in that in which they end; from a backend that does not
    know how, such as Ray's, all at the end.
    """
    is_over = _is_over.get()
    if is_over is not None:
        tasks = itertools.takewhile(lambda task: not is_over(), tasks)
    kind = "generator" if in_order else "generator_unordered"
    try:
        parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=batch_size, return_as=kind)
    except ValueError:
        parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=batch_size)
    yield from parallel(tasks)
    check_wanted()
