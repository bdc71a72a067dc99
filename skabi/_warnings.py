"""Warnings that point at the user's line, however deep in the package they arise."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collected():
    """Collect the messages of `warn` in a list, in this thread alone, instead of warning."""
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield messages
    finally:
        _collected.reset(token)


def warn(message, category):
    """Warn in the name of the first caller outside skabi, and outside skorch, which calls skabi back."""
    if (messages := _collected.get()) is not None:
        messages.append(message)
        return
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module):
    return module.partition(".")[0] in ("skabi", "skorch")
