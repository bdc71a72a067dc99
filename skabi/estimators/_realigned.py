"""A network of the last fit as the start of the next, where priors or simulators differ."""

import copy

import numpy as np
import torch

from skabi._torch import to_array, to_tensor
from skabi.estimators._inference import contexts
from skabi.estimators._linear_start import linear_start
from skabi.networks._residual import LinearResidual

# Data sets by which two starts are compared, and by how much, in nats, the regression anew must be better.
_LARGEST_SAMPLE, _MARGIN = 5000, 0.01
_SMALLEST_SLOPE = 1e-3


def realign(members, x, theta, *, old_theta=None):
    """Give density networks the better of two residuals to go on from: the last one, or a linear regression anew.

    The last one is that of the old parameters, of which the new ones are taken to be linear functions. Networks without
    a density, by which the two are compared, go on from it.

    Parameters
    ----------
    members : list of SummarizedDensity
    x : Tensor or DataSets
    theta : ndarray of shape (n, n_parameters)
        As the network is to see parameters.
    old_theta : ndarray of shape (n, n_parameters), optional
        As it saw them in the last fit, not finite where it could not; by default the same.
    """
    if old_theta is not None:
        slope, offset = _line(theta, old_theta)
        for member in members:
            member.residual = _of_line(member.residual, slope, offset)
    n_fixed = getattr(members[0].summary, "n_fixed", 0)
    if not n_fixed or not members[0].has_density:
        return
    context = contexts(members[0].eval(), x)
    residual = linear_start(to_array(context), theta, n_used=n_fixed)
    rows = slice(None, None, -(-len(theta) // _LARGEST_SAMPLE))
    theta, context = to_tensor(theta[rows]), context[rows]
    for member in members:
        anew = copy.copy(member)
        anew._modules = {**member._modules, "residual": copy.deepcopy(residual)}
        if _score(anew, theta, context) > _score(member, theta, context) + _MARGIN:
            member.residual = anew.residual


@torch.no_grad()
def _score(member, theta, context):
    score = member.eval().log_prob_given(theta, context).mean().item()
    return score if np.isfinite(score) else -np.inf


def _line(theta, old_theta):
    """Return slope and offset, `(n_parameters,)`, of the line of old values over new ones."""
    rows = np.isfinite(old_theta).all(axis=1)
    if np.count_nonzero(rows) < 2:
        return np.ones(theta.shape[1]), np.zeros(theta.shape[1])
    theta, old_theta = theta[rows], old_theta[rows]
    gap, old_gap = theta - theta.mean(axis=0), old_theta - old_theta.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (gap * old_gap).sum(axis=0) / (gap**2).sum(axis=0)
    # Maps of parameters increase.
    slope = np.where(slope > _SMALLEST_SLOPE, slope, _SMALLEST_SLOPE)
    return slope, old_theta.mean(axis=0) - slope * theta.mean(axis=0)


def _of_line(residual, slope, offset):
    """Return the residual of new parameters that is that of the old ones, `slope * theta + offset`."""
    slope, offset = to_tensor(slope), to_tensor(offset)
    return LinearResidual(
        residual.weight / slope[:, None], (residual.bias - offset) / slope, residual.scale / slope[:, None]
    )
