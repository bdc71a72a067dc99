"""One progress bar at a time over long work, with the time that is left."""

from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import tqdm

_is_silent: ContextVar[bool] = ContextVar("is_silent", default=False)
# Seconds of work that need no bar.
_SHORT = 2.0


@contextmanager
def silent():
    """Show no bars in this thread: those of a part of the work that has one, or that workers do."""
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)


def is_silent():
    """Return whether no bars are to be shown in this thread."""
    return _is_silent.get()


@contextmanager
def progress(total, description, *, verbose, initial=0, unit=" data sets", may_be_short=False):
    """Yield a function that says how much more is done, and is shown by a bar, inside of which there is no other.

    Parameters
    ----------
    total : int
    description : str
        What stands before the bar.
    verbose : int
        Positive for a bar.
    initial : int, default=0
        What was done before.
    unit : str, default=" data sets"
    may_be_short : bool, default=False
        Whether the bar waits for two seconds, and is not shown if the work has ended by then.
    """
    if not verbose or is_silent():
        yield _show_nothing
        return
    delay = _SHORT if may_be_short else 0.0
    with tqdm(total=total, desc=description, initial=initial, unit=unit, delay=delay) as bar, silent():
        yield bar.update


def _show_nothing(n=1):
    """Take note that n more are done."""
