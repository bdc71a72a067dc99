"""What a user's function asks to be told by name."""

import inspect

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def needed_arguments(function):
    """Return the names of arguments without a default, a list; `*args` and `**kwargs` are none.

    Parameters
    ----------
    function : callable
    """
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind in _BY_NAME and each.default is each.empty]


def named_arguments(function):
    """Return the names of all arguments that may be given by name, a list; `*args` and `**kwargs` are none."""
    return [each.name for each in inspect.signature(function).parameters.values() if each.kind in _BY_NAME]
