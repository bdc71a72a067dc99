"""What is asked and how: a target, and the model through which the prior answers it."""

import inspect
from collections.abc import Mapping

import torch
from sklearn.base import BaseEstimator

from skabi._params import check_real
from skabi.elicitation._losses import BaseMatchLoss
from skabi.elicitation._quantities import BaseQuantity, FunctionOf, Parameter
from skabi.elicitation._statements import BaseStatement
from skabi.exceptions import ShapeError, SimulatorError

_NO_NUMPY = (
    "must return tensors, from which gradients come, and makes NumPy arrays of them: use torch.exp, not np.exp, and so "
    "on, and draw with rng."
)


class Target(BaseEstimator):
    """A question: of which quantity, and how it is answered.

    Parameters
    ----------
    quantity : quantity recipe
        `Parameter`, `Outcome`, `GroupMean`, `RSquared` or `FunctionOf`.
    statement : statement recipe
        `Quantiles`, `Moments`, `Histogram` or `Correlation`.
    loss : loss recipe, optional
        `SquaredError` or `EnergyDistance`; by default the elicitor's.
    weight : float, default=1.0
        What it counts among targets.

    Examples
    --------
    >>> from skabi.elicitation import Outcome, Quantiles, Target
    >>> Target(Outcome(), Quantiles((0.25, 0.5, 0.75)), weight=0.5).weight
    0.5
    """

    def __init__(self, quantity, statement, *, loss=None, weight=1.0):
        self.quantity = quantity
        self.statement = statement
        self.loss = loss
        self.weight = weight


def check_targets(targets, parameter_names, simulator):
    """Return targets as a dict, or raise: each must be of a quantity that can be computed."""
    if not isinstance(targets, Mapping) or not targets:
        raise TypeError(f"targets must be a non-empty dict of name to Target; got {targets!r}.")
    wanted = {"quantity": BaseQuantity, "statement": BaseStatement}
    for name, target in targets.items():
        if not isinstance(target, Target):
            raise TypeError(f"targets[{name!r}] must be a Target; got {type(target).__name__}.")
        for part, base in wanted.items():
            if not isinstance(getattr(target, part), base):
                raise TypeError(
                    f"the {part} of target {name!r} must be an object of a {base.__name__}; got "
                    f"{getattr(target, part)!r}."
                )
        if not isinstance(target.loss, (BaseMatchLoss, type(None))):
            raise TypeError(f"the loss of target {name!r} must be SquaredError() or the like; got {target.loss!r}.")
        check_real(target.weight, f"the weight of target {name!r}", low=0.0)
        _check_quantity(name, target.quantity, parameter_names, simulator)
    return dict(targets)


def _check_quantity(name, quantity, parameter_names, simulator):
    needs = quantity.needs_outcome
    if isinstance(quantity, FunctionOf):
        needs = quantity.needs_outcome_of(parameter_names)
    if isinstance(quantity, Parameter) and (unknown := [n for n in quantity.listed() if n not in parameter_names]):
        raise ValueError(f"target {name!r} asks for parameters {unknown}; the prior has {list(parameter_names)}.")
    if needs and simulator is None:
        raise ValueError(
            f"target {name!r} is about outcomes, and there is no simulator to make them. Pass simulator=, a function "
            f"of {', '.join(parameter_names)} and rng, or ask about parameters."
        )


class Predictions:
    """The prior predictive distribution: parameters to outcomes to the quantities of all targets."""

    def __init__(self, simulator, targets, parameter_names):
        self.simulator, self.targets = simulator, targets
        self.arguments: list[str] = []
        if simulator is not None:
            if not callable(simulator):
                raise TypeError(
                    "simulator must be a function of parameters by name, made of operations of torch; got "
                    f"{simulator!r}."
                )
            self.arguments = list(inspect.signature(simulator).parameters)
            unknown = [a for a in self.arguments if a not in parameter_names and a != "rng"]
            if unknown:
                raise TypeError(
                    f"simulator asks for {', '.join(unknown)}; the prior has {', '.join(parameter_names)}, and rng is "
                    "what to draw with."
                )

    def values(self, parameters, rng):
        """Return the quantity of each target, a list of tensors `(n_simulations, n_columns)`.

        Parameters
        ----------
        parameters : dict of str to tensor of shape (n_simulations,)
        rng : SmoothDraws
        """
        outcomes = self._outcomes(parameters, rng)
        n = len(next(iter(parameters.values())))
        values = []
        for name, target in self.targets.items():
            try:
                value = target.quantity.compute(parameters, outcomes)
            except RuntimeError as error:
                if "numpy()" in str(error):
                    raise ValueError(f"the quantity of target {name!r} {_NO_NUMPY}") from error
                raise
            if not isinstance(value, torch.Tensor):
                raise TypeError(f"target {name!r} must be computed as a tensor; got {type(value).__name__}.")
            if value.ndim not in (1, 2) or len(value) != n:
                raise ShapeError(
                    f"target {name!r} must have shape (n_simulations,) or (n_simulations, n_columns), n_simulations "
                    f"being {n}; got {tuple(value.shape)}."
                )
            values.append(value.reshape(n, -1).to(torch.float64))
        return values

    def _outcomes(self, parameters, rng):
        if self.simulator is None:
            return {}
        given = parameters | {"rng": rng.restart()}
        try:
            outcomes = self.simulator(**{name: given[name] for name in self.arguments})
        except Exception as error:
            if "numpy()" in str(error):
                raise SimulatorError(f"simulator {_NO_NUMPY}") from error
            raise SimulatorError(f"simulator raised {type(error).__name__}: {error}") from error
        outcomes = dict(outcomes) if isinstance(outcomes, Mapping) else {"y": outcomes}
        for name, outcome in outcomes.items():
            if not isinstance(outcome, torch.Tensor):
                raise SimulatorError(
                    f"simulator must return tensors, from which gradients come; {name!r} is a "
                    f"{type(outcome).__name__}. Use operations of torch, and draw with rng."
                )
            if outcome.ndim == 0 or len(outcome) != rng.n_simulations:
                raise SimulatorError(
                    f"outcomes must have shape (n_simulations, ...), n_simulations being {rng.n_simulations}; "
                    f"{name!r} has {tuple(outcome.shape)}."
                )
        return outcomes
