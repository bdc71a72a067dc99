"""What holds for every recipe, and for every network that a recipe builds."""

import inspect

import numpy as np
import torch
from sklearn.base import clone

from skabi._torch import seeded


def check_recipe(recipe):
    """Raise unless `__init__` only stores, and `get_params`, `set_params` and `clone` give and take what it stores."""
    name = type(recipe).__name__
    arguments = inspect.signature(type(recipe)).parameters
    variadic = [a.name for a in arguments.values() if a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD)]
    assert not variadic, f"__init__ of {name} must name its hyper-parameters; it has *{variadic[0]}."
    markers = {argument: object() for argument in arguments}
    try:
        stored = vars(type(recipe)(**markers))
    except Exception as error:
        raise AssertionError(f"__init__ of {name} must only store; given any objects it raised {error!r}.") from error
    assert stored.keys() == markers.keys() and all(stored[key] is markers[key] for key in markers), (
        f"__init__ of {name} must store each argument as it is under its own name, and nothing else; for the arguments "
        f"{list(markers)} it stored {list(stored)}."
    )
    params = recipe.get_params()
    copied = clone(recipe)
    assert type(copied) is type(recipe) and repr(copied.get_params()) == repr(params), (
        f"clone of {name} must have the same hyper-parameters; got {copied.get_params()} for {params}."
    )
    set_again = clone(recipe).set_params(**params).get_params()
    assert repr(set_again) == repr(params), f"set_params must take what get_params of {name} gave; got {set_again}."


def build(recipe, *arguments, seed=0):
    """Return what `recipe.build(*arguments)` returns, from a seeded global generator."""
    with seeded(seed):
        network = recipe.build(*arguments)
    assert isinstance(network, torch.nn.Module), f"build must return a torch.nn.Module; got {type(network).__name__}."
    return network


def build_random(recipe, *arguments, seed=0):
    """Return a network in float64 whose weights are all random: far from where training starts."""
    network = build(recipe, *arguments, seed=seed).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            n_in = parameter.shape[-1] if parameter.ndim > 1 else 1
            # As far from the start as a trained network gets, whatever the width of its layers.
            scale = min(0.4, 1.2 / n_in**0.5)
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def check_build(recipe, *arguments):
    """Raise unless `build` leaves the recipe alone, repeats by the global seed, and the state carries all it drew."""
    name, before = type(recipe).__name__, repr(vars(recipe))
    first, again = build(recipe, *arguments).state_dict(), build(recipe, *arguments).state_dict()
    assert repr(vars(recipe)) == before, f"build must not change {name}; it was {before} and is {vars(recipe)!r}."
    assert first.keys() == again.keys() and all(torch.equal(first[key], again[key]) for key in first), (
        f"build of {name} must draw from torch's global generator alone: two networks from one seed differ."
    )
    for key, value in first.items():
        assert not value.is_floating_point() or value.isfinite().all(), (
            f"the first weights {key} of {name} are not finite."
        )


def check_close(found, expected, message, *, tolerance=1e-8):
    """Raise with `message` unless two tensors have one shape and agree."""
    assert found.shape == expected.shape, f"{message}: shapes {tuple(found.shape)} and {tuple(expected.shape)}."
    gap = (found - expected).abs() / (1.0 + expected.abs())
    assert (gap <= tolerance).all(), f"{message}: they differ by {gap.max().item():.2g}."


def normals(*shape, seed=2):
    """Return float64 standard normals."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))
