"""Likelihoods with gradients: functions of the user's in torch, and learned ones."""

import copy

import numpy as np
import torch

from skabi._shapes import as_float_array
from skabi._torch import to_tensor
from skabi.estimators._known_likelihood import KnownLikelihood
from skabi.estimators._sources import is_ragged, is_several
from skabi.exceptions import ShapeError
from skabi.priors._jacobian import jacobian

# By which two likelihoods of one model may differ, of the larger or in nats: one may be in single precision.
_TOLERANCE = 1e-3


class FromReal(torch.autograd.Function):
    """Parameters where the prior has independent standard normal numbers, computed by the prior in NumPy."""

    @staticmethod
    def forward(ctx, u, prior):
        """Return `y` `(n, n_parameters)` for `u` of that shape, in double precision."""
        y, derivative = jacobian(prior, u.detach().cpu().numpy().astype(np.float64))
        ctx.save_for_backward(torch.tensor(derivative, device=u.device))
        return torch.tensor(y, device=u.device)

    @staticmethod
    def backward(ctx, gradient):
        """Return the gradient with respect to `u`."""
        (derivative,) = ctx.saved_tensors
        return torch.einsum("ni,nij->nj", gradient, derivative), None


class TorchLikelihood:
    """A likelihood of the user's in torch.

    Parameters
    ----------
    function : callable
        `function(X, **parameters) -> (n_datasets,)`, of tensors in double precision.
    parameter_map : ParameterMap
        With a prior.
    device : torch.device
    whose : str
        How messages name it.
    """

    def __init__(self, function, parameter_map, device, whose="the likelihood"):
        self.function, self.prior, self.device, self.whose = function, parameter_map.prior, device, whose
        places = self.prior.split(np.arange(len(self.prior.parameter_names), dtype=float)[np.newaxis])
        self._places = {name: torch.tensor(place[0].astype(int)) for name, place in places.items()}

    def prepare(self, data):
        """Return data sets as tensors."""
        if is_several(data):
            return {name: self.prepare(part) for name, part in data.items()}
        if is_ragged(data):
            return [to_tensor(part, device=self.device, dtype=torch.float64) for part in data]
        return to_tensor(as_float_array(data, name="X", allow_nan=True), device=self.device, dtype=torch.float64)

    def __call__(self, data, rows, u):
        """Return log densities `(n, n_draws)` at u `(n, n_draws, n_parameters)` of some rows of the data."""
        y = FromReal.apply(u.reshape(-1, u.shape[-1]), self.prior)
        values = self.at(_repeated(data, rows, u.shape[1]), y)
        self._check(values.detach(), y.detach())
        if torch.is_grad_enabled() and u.requires_grad and not values.requires_grad:
            raise ValueError(
                f"{self.whose} must have gradients with respect to parameters: write it in torch, without detach() "
                "or item()."
            )
        return values.reshape(u.shape[:2])

    def _check(self, values, y):
        """Raise if values at parameters y `(n, n_parameters)` are no log densities."""
        is_wrong = values.isnan() | (values == torch.inf)
        if is_wrong.any():
            i = int(is_wrong.nonzero()[0])
            raise ValueError(
                f"{self.whose} must return log densities, finite or -inf; it returned {float(values[i])} at "
                f"{named(self.prior, y[i].tolist())}."
            )

    def at(self, data, y):
        """Return log densities `(n,)` of data sets at parameters `(n, n_parameters)`, both tensors."""
        values = self.function(data, **{name: y[:, place] for name, place in self._places.items()})
        if not isinstance(values, torch.Tensor):
            raise TypeError(f"{self.whose} must return a tensor; got {type(values).__name__}. Write it in torch.")
        if values.shape != (len(y),):
            raise ShapeError(
                f"{self.whose} must return one number a data set, (n_datasets,); got shape {tuple(values.shape)} for "
                f"n_datasets={len(y)}."
            )
        return values


class LearnedLikelihood:
    """The likelihood that a `JointEstimator` has learned, of a posterior with the same prior.

    Parameters
    ----------
    likelihood : AmortizedLikelihood
        Fitted, or about to be.
    parameter_map : ParameterMap
        Of the posterior.
    device : torch.device
    in_training : module, optional
        Its network, where that is not yet trained.
    """

    def __init__(self, likelihood, parameter_map, device, *, in_training=None):
        own_map = likelihood._parameter_map
        if own_map.prior != parameter_map.prior:
            raise ValueError(
                "the likelihood was learned under another prior than the posterior's. Use warm_start=False, which "
                "learns both anew."
            )
        self._likelihood, self.device = likelihood, device
        self.is_trained = in_training is not None
        self._network = in_training if self.is_trained else copy.deepcopy(likelihood.network_).to(device)
        self._mean, self._scale = (
            torch.tensor(part, dtype=torch.float64, device=device) for part in (own_map.mean_, own_map.scale_)
        )

    def prepare(self, data):
        """Return observations as the network sees them, which of them are there, and their log-determinants."""
        values, mask, log_det = self._likelihood._mapped(*self._likelihood._observations(data))
        return (
            to_tensor(values, device=self.device),
            torch.ones(values.shape[:2], dtype=torch.bool, device=self.device)
            if mask is None
            else to_tensor(mask, device=self.device, dtype=torch.bool),
            to_tensor(log_det, device=self.device, dtype=torch.float64),
        )

    def __call__(self, data, rows, u):
        """Return log densities `(n, n_draws)` at u `(n, n_draws, n_parameters)` of some rows of the data."""
        values, mask, log_det = (part[rows] for part in data)
        theta = ((u - self._mean) / self._scale).to(values.dtype)
        terms = self._network.log_prob(values, theta).double() + log_det[:, None]
        return torch.where(mask[:, None], terms, 0.0).sum(dim=-1)


def _repeated(data, rows, n):
    """Return some data sets, each `n` times in a row."""
    if isinstance(data, dict):
        return {name: _repeated(part, rows, n) for name, part in data.items()}
    if isinstance(data, list):
        return [data[row] for row in rows.tolist() for _ in range(n)]
    return data[rows].repeat_interleave(n, dim=0)


def check_twins(known, in_torch, X, y):
    """Raise unless a likelihood in NumPy and one in torch agree on data sets X and parameters y `(n, n_parameters)`."""
    expected = KnownLikelihood(known).log_likelihood(X, y)
    with torch.no_grad():
        values = in_torch.at(in_torch.prepare(X), torch.tensor(y, dtype=torch.float64, device=in_torch.device))
    values = values.detach().cpu().double().numpy()
    close = np.isclose(values, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
    if not close.all():
        i = int(np.argmin(close))
        raise ValueError(
            f"the likelihoods in torch and in NumPy disagree: of data set {i} at {named(known.prior, y[i])} one is "
            f"{values[i]:.6g} and the other {expected[i]:.6g}."
        )


def named(prior, y):
    """Return parameters `(n_parameters,)` as messages show them."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in zip(prior.parameter_names, y, strict=True))
