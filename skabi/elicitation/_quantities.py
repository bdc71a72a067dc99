"""What an expert is asked about: parameters, outcomes, groups of them, or any function of these."""

import inspect

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skabi.exceptions import ShapeError


class BaseQuantity(BaseEstimator):
    """Base class of quantities: `compute` takes simulated parameters and outcomes and returns `(n_simulations, k)`."""

    needs_outcome = True

    def compute(self, parameters, outcomes):
        """Return the quantity, a tensor `(n_simulations,)` or `(n_simulations, n_columns)`.

        Parameters
        ----------
        parameters : dict of str to tensor of shape (n_simulations,)
        outcomes : dict of str to tensor of shape (n_simulations, ...)
        """
        raise NotImplementedError


class Parameter(BaseQuantity):
    """A parameter of the prior, or several side by side.

    Parameters
    ----------
    names : str or list of str
        As in the prior family.

    Examples
    --------
    >>> from skabi.elicitation import Parameter
    >>> Parameter("rate")
    Parameter(names='rate')
    """

    needs_outcome = False

    def __init__(self, names):
        self.names = names

    def listed(self):
        """Return the names as a list."""
        return [self.names] if isinstance(self.names, str) else list(self.names)

    def compute(self, parameters, outcomes):
        """Return the parameters."""
        if isinstance(self.names, str):
            return _named(parameters, self.names, "parameter")
        return torch.stack([_named(parameters, name, "parameter") for name in self.names], dim=1)


class Outcome(BaseQuantity):
    """The outcome of the model, at each of its design points or at some.

    Parameters
    ----------
    columns : int, list of int or None
        Columns of the outcome `(n_simulations, n_points)`; None for all.
    name : str, optional
        Which outcome, where the model returns a dict of several.

    Examples
    --------
    >>> from skabi.elicitation import Outcome
    >>> Outcome([0, 4])
    Outcome(columns=[0, 4])
    """

    def __init__(self, columns=None, *, name=None):
        self.columns = columns
        self.name = name

    def compute(self, parameters, outcomes):
        """Return the columns of the outcome."""
        outcome = _outcome(outcomes, self.name)
        if self.columns is None:
            return outcome
        if outcome.ndim != 2:
            raise ShapeError(f"columns= needs an outcome (n_simulations, n_points); got {tuple(outcome.shape)}.")
        try:
            return outcome[:, self.columns]
        except IndexError:
            raise ValueError(
                f"columns must number some of the {outcome.shape[1]} columns of the outcome; got {self.columns}."
            ) from None


class GroupMean(BaseQuantity):
    """Means of the outcome over groups of its columns.

    Parameters
    ----------
    groups : array-like of shape (n_points,)
        A label for each column of the outcome; means come in the labels' sorted order.
    name : str, optional
        Which outcome, where the model returns a dict of several.

    Examples
    --------
    >>> from skabi.elicitation import GroupMean
    >>> GroupMean([0, 0, 1, 1]).groups
    [0, 0, 1, 1]
    """

    def __init__(self, groups, *, name=None):
        self.groups = groups
        self.name = name

    def compute(self, parameters, outcomes):
        """Return the means, `(n_simulations, n_groups)`."""
        outcome = _outcome(outcomes, self.name)
        groups = np.asarray(self.groups)
        if outcome.ndim != 2 or groups.shape != (outcome.shape[1],):
            raise ShapeError(
                f"groups must have one label for each column of the outcome; got {groups.shape} for an outcome of "
                f"shape {tuple(outcome.shape)}."
            )
        return torch.stack([outcome[:, torch.from_numpy(groups == g)].mean(1) for g in np.unique(groups)], dim=1)


class RSquared(BaseQuantity):
    """Share of the variance over design points that the model explains [1]_.

    Parameters
    ----------
    mean : str
        Name of the expected outcome in the dict that the model returns, `(n_simulations, n_points)`.
    outcome : str
        Name of the outcome there.

    References
    ----------
    .. [1] A. Gelman, B. Goodrich, J. Gabry, A. Vehtari (2019). R-squared for Bayesian regression models. The American
       Statistician 73. The variance of means, over itself and that of residuals.

    Examples
    --------
    >>> from skabi.elicitation import RSquared
    >>> RSquared(mean="mean", outcome="y").mean
    'mean'
    """

    def __init__(self, mean="mean", outcome="y"):
        self.mean = mean
        self.outcome = outcome

    def compute(self, parameters, outcomes):
        """Return the shares, `(n_simulations,)`."""
        mean, outcome = _outcome(outcomes, self.mean), _outcome(outcomes, self.outcome)
        if mean.ndim != 2 or mean.shape != outcome.shape or mean.shape[1] < 2:
            raise ShapeError(
                "R squared needs mean and outcome of the same shape (n_simulations, n_points), of two points or more; "
                f"got {tuple(mean.shape)} and {tuple(outcome.shape)}."
            )
        explained, rest = mean.var(dim=1), (outcome - mean).var(dim=1)
        return explained / (explained + rest).clamp_min(1e-300)


class FunctionOf(BaseQuantity):
    """Any function of parameters and outcomes.

    Parameters
    ----------
    function : callable
        Takes parameters and outcomes by their names (the outcome is `y` where the model returns a tensor), and returns
        a tensor `(n_simulations,)` or `(n_simulations, n_columns)`. It must be made of operations of torch, so that
        there are gradients.

    Examples
    --------
    >>> from skabi.elicitation import FunctionOf
    >>> ratio = FunctionOf(lambda a, b: a / b)
    >>> ratio.needs_outcome_of({"a", "b"})
    False
    """

    def __init__(self, function):
        self.function = function

    def needs_outcome_of(self, parameter_names):
        """Return whether the function takes anything but parameters."""
        return not set(self._arguments()) <= set(parameter_names)

    def compute(self, parameters, outcomes):
        """Return what the function returns."""
        known = outcomes | parameters
        return self.function(**{name: _named(known, name, "parameter or outcome") for name in self._arguments()})

    def _arguments(self):
        return list(inspect.signature(self.function).parameters)


def _named(values, name, what):
    if name not in values:
        raise ValueError(f"there is no {what} {name!r}; there are {sorted(values)}.")
    return values[name]


def _outcome(outcomes, name):
    if name is None and len(outcomes) > 1:
        raise ValueError(f"the model returns several outcomes, {sorted(outcomes)}: say which one by name=.")
    return next(iter(outcomes.values())) if name is None else _named(outcomes, name, "outcome")
