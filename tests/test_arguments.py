"""What functions are told by name."""

import functools

from skabi._arguments import named_arguments, needed_arguments


def simulate(first, /, rate, *rest, gain=2.0, rng, **options):
    return first, rate, rest, gain, rng, options


def test_arguments_with_defaults_are_named_but_not_needed():
    assert needed_arguments(simulate) == ["rate", "rng"]
    assert named_arguments(simulate) == ["rate", "gain", "rng"]


def test_what_is_filled_in_is_not_needed():
    assert needed_arguments(functools.partial(simulate, rate=1.0)) == ["rng"]
