"""Prior times likelihood, as losses ask for it in the coordinates of networks."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skabi.estimators._known_likelihood import KnownLikelihood, data_sets_of, n_data_sets_of, rows_of
from skabi.estimators._torch_likelihood import LearnedLikelihood, TorchLikelihood, check_twins, named
from skabi.losses import Batch

# Parts of data sets that are remembered besides those of the whole training: the one in use, and those read ahead.
_N_PASSING = 4
_LOG_TWO_PI = math.log(2 * math.pi)


@dataclass
class Asked:
    """What a loss was told of the likelihood at the parameters that it asked about.

    Attributes
    ----------
    n : int
        How many these were.
    n_without : int
        At how many of them the likelihood is minus infinity.
    example : str
        One of these, and the data set.
    """

    n: int = 0
    n_without: int = 0
    example: str = ""


class KnownModel:
    """What is known of a model: its prior, its likelihood in NumPy and in torch, or one that was learned.

    Parameters
    ----------
    parameter_map : ParameterMap
        With a prior.
    log_likelihood, torch_log_likelihood : callable or None
        `f(X, **parameters) -> (n_datasets,)`.
    read : callable
        `read(X)` returns further data sets as networks see them.
    device : torch.device

    Attributes
    ----------
    learned : AmortizedLikelihood or None
        What to ask where no likelihood is known, to be set before a loss is bound.
    in_training : module or None
        Its network, where that is trained at the same time.
    asked : dict of str to Asked
        By class of losses.
    """

    learned: Any = None
    in_training: Any = None

    def __init__(self, parameter_map, *, log_likelihood, torch_log_likelihood, read, device):
        self.parameter_map, self.device = parameter_map, device
        self.log_likelihood, self.torch_log_likelihood = log_likelihood, torch_log_likelihood
        self._read = read
        self.asked: dict[str, Asked] = {}
        self._parts: dict[int, _Part] = {}
        self._n_rows = 0

    def on(self, device):
        """Return the model of the same data sets on another device."""
        model = copy.copy(self)
        model.device = torch.device(device)
        return model

    def add(self, X, *, is_passing=False):
        """Take in data sets as users see them, and return their numbers, a tensor `(n,)`.

        Of those that are passing, only the last few parts are kept.
        """
        data = data_sets_of(X)
        start, n = self._n_rows, n_data_sets_of(data)
        self._parts[start] = _Part(data, n, is_passing)
        self._n_rows += n
        passing = [key for key, part in list(self._parts.items()) if part.is_passing]
        for key in passing[:-_N_PASSING]:
            del self._parts[key]
        return torch.arange(start, start + n, device=self.device)

    def read(self, X):
        """Return further data sets as a `Batch` without parameters."""
        return Batch(self._read(X), None, self.add(X))

    def part_of(self, row):
        """Return the `_Part` with a row, and the number of its first row."""
        start = max(key for key in list(self._parts) if key <= row)
        return self._parts[start], start

    def joint_density(self, loss, *, differentiable=False):
        """Return the `JointDensity` that a loss asks for, with the loss's own likelihood if it has one.

        Raises
        ------
        TypeError, ValueError
            If there is no prior, no likelihood or one that cannot be called, or two that disagree.
        """
        name = type(loss).__name__
        if loss.likelihood is not None and not callable(loss.likelihood):
            raise TypeError(
                f"likelihood of {name} must be a function, f(X, **parameters) -> (n_datasets,); got "
                f"{loss.likelihood!r}."
            )
        if self.parameter_map.prior is None:
            raise ValueError(
                f"{name} needs the density of the prior. Fit to a simulator, or pass prior=IndependentPrior(...) to "
                "the constructor."
            )
        if differentiable:
            function = self.torch_log_likelihood if loss.likelihood is None else loss.likelihood
            if function is not None and self.log_likelihood is not None:
                check_twins(self._known(self.log_likelihood), self._torch(function), *self._some_rows())
        else:
            function = self.log_likelihood if loss.likelihood is None else loss.likelihood
        if function is not None:
            usual = "the simulator's torch_log_likelihood" if differentiable else "the simulator's log_likelihood"
            whose = usual if loss.likelihood is None else f"likelihood of {name}"
            likelihood = self._torch(function, whose) if differentiable else self._known(function, whose)
        elif self.learned is not None:
            likelihood = LearnedLikelihood(self.learned, self.parameter_map, self.device, in_training=self.in_training)
        else:
            raise ValueError(_no_likelihood(name, differentiable))
        return JointDensity(self, likelihood, self.asked.setdefault(name, Asked()))

    def _known(self, function, whose="the simulator's log_likelihood"):
        return NumpyLikelihood(function, self.parameter_map, whose)

    def _torch(self, function, whose="the likelihood"):
        return TorchLikelihood(function, self.parameter_map, self.device, whose)

    def _some_rows(self):
        """Return the first few data sets, and parameters from the prior for each."""
        part = next(iter(self._parts.values()))
        n = min(8, part.n)
        return rows_of(part.data, range(n)), np.asarray(self.parameter_map.prior.sample(n, random_state=0))


def _no_likelihood(name, differentiable):
    if differentiable:
        return (
            f"{name} needs a likelihood with gradients: {name}(likelihood=f), with f(X, **parameters) -> (n_datasets,) "
            "in torch, or a simulator with a torch_log_likelihood."
        )
    return (
        f"{name} needs a likelihood: a simulator with a log_likelihood, {name}(likelihood=f), with f(X, **parameters) "
        "-> (n_datasets,) in NumPy, or JointEstimator, which learns one."
    )


class _Part:
    """Data sets that came together, and what likelihoods have made of them."""

    def __init__(self, data, n, is_passing):
        self.data, self.n, self.is_passing = data, n, is_passing
        self.prepared: dict[object, object] = {}


class JointDensity:
    """`log p(theta) + log p(x | theta)` with respect to theta as networks see it.

    Parameters
    ----------
    model : KnownModel
    likelihood : NumpyLikelihood, TorchLikelihood or LearnedLikelihood
    asked : Asked
        Takes note of what it said.
    """

    def __init__(self, model, likelihood, asked):
        self.model, self.likelihood, self.asked = model, likelihood, asked
        # Whether it has weights that are being trained.
        self.is_trained = getattr(likelihood, "is_trained", False)
        self.device = model.device
        self._mean, self._scale = (
            torch.tensor(part, dtype=torch.float64, device=self.device)
            for part in (model.parameter_map.mean_, model.parameter_map.scale_)
        )

    def from_prior(self, z):
        """Return theta where the prior has standard normal numbers `z`, of their type."""
        return ((z.double() - self._mean) / self._scale).to(z)

    def __call__(self, theta, rows):
        """Return the log density in double precision.

        Parameters
        ----------
        theta : Tensor of shape (n, n_draws, n_parameters)
        rows : Tensor of int of shape (n,)
            Of one part.

        Returns
        -------
        log_prob : Tensor of shape (n, n_draws)
        """
        u = theta.double() * self._scale + self._mean
        # The prior's bijection makes it standard normal.
        log_prior = -0.5 * (u.square() + _LOG_TWO_PI).sum(dim=-1) + self._scale.log().sum()
        part, start = self.model.part_of(int(rows[0]))
        if self.likelihood not in part.prepared:
            part.prepared[self.likelihood] = self.likelihood.prepare(part.data)
        return log_prior + self.likelihood(part.prepared[self.likelihood], rows - start, u)

    @torch.no_grad()
    def note(self, log_prob, theta, rows):
        """Take note of where log densities `(n, n_draws)` at theta are minus infinity."""
        where = log_prob.isneginf().nonzero()
        self.asked.n += log_prob.numel()
        self.asked.n_without += len(where)
        if len(where) and not self.asked.example:
            i, j = where[0].tolist()
            _, start = self.model.part_of(int(rows[i]))
            u = theta[i, j].double().cpu() * self._scale.cpu() + self._mean.cpu()
            at = named(self.model.parameter_map.prior, self.model.parameter_map.prior.from_real(u.numpy()[None])[0])
            self.asked.example = f"at {at} " + (f"for data set {int(rows[i])}" if not start else "for one data set")


class NumpyLikelihood:
    """A likelihood in NumPy, which has no gradients.

    Parameters
    ----------
    function : callable
        `function(X, **parameters) -> (n_datasets,)`.
    parameter_map : ParameterMap
    whose : str
        How messages name it.
    """

    def __init__(self, function, parameter_map, whose):
        self.prior, self.function, self.whose = parameter_map.prior, function, whose
        self._known = KnownLikelihood(self)

    def log_likelihood(self, X, **parameters):
        """Return what the function returns, `(n_datasets,)`, or raise if it is written in torch."""
        try:
            return self.function(X, **parameters)
        except Exception as error:
            if _is_in_torch(self.function, X, parameters):
                raise TypeError(
                    f"{self.whose} is asked with NumPy arrays, and this function takes tensors. Write it in NumPy. A "
                    "likelihood in torch is for ReverseKL(likelihood=...) and Simulator(torch_log_likelihood=...)."
                ) from error
            raise

    def prepare(self, data):
        """Return data sets as they are."""
        return data

    def __call__(self, data, rows, u):
        """Return log densities `(n, n_draws)` at u `(n, n_draws, n_parameters)` of some rows of the data."""
        y = self.prior.from_real(u.detach().cpu().numpy().reshape(-1, u.shape[-1])).reshape(u.shape)
        values = self._known.log_likelihood(rows_of(data, rows.cpu().numpy()), y)
        return torch.tensor(values, dtype=torch.float64, device=u.device)


def _is_in_torch(function, X, parameters):
    """Return whether a likelihood that failed with arrays answers if it is given tensors."""
    try:
        data = _as_tensors(X)
        return isinstance(function(data, **{name: torch.as_tensor(y) for name, y in parameters.items()}), torch.Tensor)
    except Exception:
        return False


def _as_tensors(X):
    if isinstance(X, dict):
        return {name: _as_tensors(values) for name, values in X.items()}
    if isinstance(X, list):
        return [torch.as_tensor(np.asarray(x, dtype=np.float64)) for x in X]
    return torch.as_tensor(np.asarray(X, dtype=np.float64))
