"""How a kind of value stands in a recipe, and what may."""

from collections.abc import Callable
from typing import Any, NamedTuple

from skabi.exceptions import ModelFileError

# The key that tells a node from a plain dict; and of what stands more than once, the number it is known by.
KIND, NUMBER = "$", "number"


class Kind(NamedTuple):
    """A kind of value.

    Attributes
    ----------
    name : str
        By which nodes of the kind are known.
    takes : callable
        `takes(value)` returns whether a value is of the kind.
    write : callable
        `write(value, writer)` returns the fields of its node, a dict.
    read : callable
        `read(node, reader)` returns the value.
    fields : tuple of str
        That a node must have.
    optional : tuple of str
        That it may have.
    is_kept : bool
        Whether a value that is met twice is one object: it can be altered.
    """

    name: str
    takes: Callable[[Any], bool]
    write: Callable[..., dict]
    read: Callable[..., Any]
    fields: tuple[str, ...]
    optional: tuple[str, ...] = ()
    is_kept: bool = True


def is_of(*types):
    """Return a function that tells whether a value is of one of these types, and of no subclass."""
    return lambda value: type(value) in types


def expect(node, field, *types):
    """Return a field of a node, of one of these types."""
    value = node[field]
    if type(value) not in types:
        wanted = " or ".join(each.__name__ for each in types)
        raise ModelFileError(f"{field!r} of a {node[KIND]!r} must be {wanted}; the file has {type(value).__name__}.")
    return value


def expect_shape(node, field="shape"):
    """Return a field of a node that is a shape, a tuple of int."""
    shape = expect(node, field, list)
    n_numbers = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise ModelFileError(f"a shape must be whole numbers; the file has {str(shape)[:100]}.")
        n_numbers *= max(length, 1)
    if len(shape) > 32 or n_numbers > 2**48:
        raise ModelFileError(f"no array has a shape such as {str(shape)[:100]}.")
    return tuple(shape)
