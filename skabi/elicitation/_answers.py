"""Answers that are refused before anything is searched for."""

from collections.abc import Mapping

import numpy as np
import torch

from skabi._warnings import warn
from skabi.elicitation._family_space import FamilySpace
from skabi.elicitation._quantities import Parameter
from skabi.elicitation._statements import Correlation
from skabi.exceptions import ApproximationWarning


def checked_answers(answers, targets, values):
    """Return a list of `Stated`, or raise unless there is an answer for each target and each makes sense.

    Parameters
    ----------
    answers : dict of str to array-like
    targets : dict of str to Target
    values : list of tensor of shape (n_simulations, n_columns)
        Some simulations of each target.
    """
    if not isinstance(answers, Mapping):
        raise TypeError(f"answers must be a dict of target to answers; got {type(answers).__name__}.")
    if unknown := [name for name in answers if name not in targets]:
        raise ValueError(f"answers has targets {unknown} that are not asked for; targets are {list(targets)}.")
    if missing := [name for name in targets if name not in answers]:
        raise ValueError(f"answers lacks the targets {missing}; got {list(answers)}. Leave them out of targets=.")
    stated = []
    for (name, target), value in zip(targets.items(), values, strict=True):
        try:
            stated.append(target.statement.check(answers[name], value.shape[1]))
        except (TypeError, ValueError) as error:
            raise type(error)(f"target {name!r}: {error}") from error
    return stated


def check_gradients(targets, values, x):
    """Raise unless each target moves with the coordinates `x` of what is learned."""
    for name, value in zip(targets, values, strict=True):
        if value.requires_grad:
            # Weights that do not cancel each other.
            total = torch.linspace(1, 2, value.numel(), dtype=value.dtype) @ value.flatten()
            (gradient,) = torch.autograd.grad(total, x, retain_graph=True, allow_unused=True)
        if not value.requires_grad or gradient is None or not gradient.any():
            raise ValueError(
                f"target {name!r} has no gradient: it does not depend on what is to be learned, or loses its gradient "
                "on the way. Draw counts with rng.binomial, rng.poisson or rng.categorical, and use no comparison, "
                "rounding or detach()."
            )


def check_possible(targets, stated, space):
    """Raise if answers about parameters are those of no prior of the families."""
    for (name, target), answer in zip(targets.items(), stated, strict=True):
        if not isinstance(target.quantity, Parameter):
            continue
        if isinstance(target.statement, Correlation):
            if isinstance(space, FamilySpace) and answer.points.any():
                raise ValueError(
                    f"target {name!r}: parameters of families are independent, and correlations of "
                    f"{answer.points.ravel().tolist()} were stated. Use prior_family=JointFlow({{...}})."
                )
            continue
        inside = target.statement.inside(answer)
        for parameter, row in zip(target.quantity.listed(), inside, strict=True):
            low, high = space.ends(parameter)
            outside = row[(row <= low) | (row >= high)]
            if outside.size:
                raise ValueError(
                    f"target {name!r}: {parameter} lies between {low:g} and {high:g} under each prior of its family, "
                    f"and {outside.tolist()} was stated. Use another family, or another unit."
                )


def as_numbers(targets, values):
    """Return values without the simulations that are NaN, and warn of their share."""
    kept = []
    for name, value in zip(targets, values, strict=True):
        is_number = ~value.isnan().any(dim=1)
        share = 1 - float(is_number.double().mean())
        if share > 0:
            warn(
                f"of target {name!r} {share:.2g} of the simulations are NaN; what is implied is that of the others. "
                "Keep logarithms, roots and quotients in bounds in the simulator.",
                ApproximationWarning,
            )
        kept.append(value[is_number])
    return kept


def worst_share(targets, values):
    """Return the name of the target with the largest share of simulations that are not finite, and that share."""
    shares = [1 - float(np.isfinite(value.numpy()).all(axis=1).mean()) for value in values]
    worst = int(np.argmax(shares))
    return list(targets)[worst], shares[worst]
