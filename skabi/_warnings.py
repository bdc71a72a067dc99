"""Warnings that point at the user's line, however deep in the package they arise."""

import sys
import warnings
from types import FrameType


def warn(message, category):
    """Warn in the name of the first caller outside skabi, and outside skorch, which calls skabi back."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module):
    return module.partition(".")[0] in ("skabi", "skorch")
