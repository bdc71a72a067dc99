"""Warnings point at the line of the user."""

import inspect

import pytest

from skabi._warnings import warn


def made_in(module):
    """Return a function that calls another one and lives in `module`."""
    names = {"__name__": module}
    exec("def call(function, *args):\n    return function(*args)", names)
    return names["call"]


@pytest.mark.parametrize("inside", [[], ["skabi.estimators._base"], ["skabi.pipeline", "skabi.estimators._base"]])
def test_first_caller_outside_is_named(inside):
    call = [made_in(module) for module in inside]
    with pytest.warns(UserWarning, match="look") as caught:
        line = inspect.currentframe().f_lineno + 1
        warn("look", UserWarning) if not call else call[0](*call[1:], warn, "look", UserWarning)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_a_name_that_only_begins_alike_is_outside():
    with pytest.warns(UserWarning, match="look") as caught:
        made_in("skabistics")(warn, "look", UserWarning)
    assert caught[0].filename == "<string>"
