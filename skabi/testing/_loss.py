"""The contract of losses."""

import math

import torch

from skabi.engines import Gaussian
from skabi.losses import Batch, ForwardKL
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import ModuleSummary
from skabi.testing._recipe import build, build_random, check_close, check_recipe, normals

_N_PARAMETERS = 2


class _ExactModel:
    """The joint density of theta ~ N(0, 1), x ~ N(theta, 1), of the rows of one batch."""

    is_trained = False

    def __init__(self, x):
        self.x = x

    def joint_density(self, loss, *, differentiable=False):
        return self

    def from_prior(self, z):
        return z

    def note(self, log_prob, theta, rows):
        """Say nothing of where there is no density: it is everywhere."""

    def __call__(self, theta, rows):
        return -0.5 * (theta.square() + (self.x[rows][:, None] - theta).square()).sum(-1)


def check_loss(loss):
    """Check that a loss is one value a row, and that a network that minimises it is the posterior.

    The network is a linear Gaussian one under a linear summary, and the problem one whose posterior it can reach. A
    penalty is checked beside `ForwardKL`. A loss that asks for prior and likelihood is bound to those of the problem.

    Parameters
    ----------
    loss : BaseLoss

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from skabi.losses import ForwardKL
    >>> from skabi.testing import check_loss
    >>> check_loss(ForwardKL())
    """
    check_recipe(loss)
    complete = ForwardKL() + loss if loss.is_penalty else loss
    _check_values(complete, _network(build_random))
    _check_minimum(complete, _network(build))


def _network(build):
    recipe = ModuleSummary(torch.nn.Linear, {"in_features": _N_PARAMETERS, "out_features": _N_PARAMETERS})
    summary = build(recipe, (_N_PARAMETERS,), _N_PARAMETERS)
    return SummarizedDensity(summary, build(Gaussian(()), _N_PARAMETERS, _N_PARAMETERS)).double()


def _batch(x, theta):
    return Batch(x=x, theta=theta, rows=torch.arange(len(x)))


def _bound(loss, batch):
    """Return the loss as it is at the end of a training."""
    bound = loss.bind(_ExactModel(batch.x), torch.Generator().manual_seed(6))
    bound.proceed(1.0)
    return bound


def _check_values(loss, network):
    batch = _batch(normals(6, _N_PARAMETERS), normals(6, _N_PARAMETERS, seed=3))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    loss, state = _bound(loss, batch), torch.get_rng_state()
    with torch.no_grad():
        held_out = [loss(network.eval(), batch) for _ in range(2)]
    values = loss(network.train(), batch)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before), "a loss must not change the weights."
    assert torch.equal(*held_out), f"a loss of held-out rows must be the same each time; got {held_out}."
    assert torch.equal(torch.get_rng_state(), state), "a loss must not touch torch's global generator."
    assert values.shape == (6,), f"a loss must be one value a row, (6,) here; got {tuple(values.shape)}."
    assert values.dtype == torch.float64, f"a loss must compute in the network's precision; got {values.dtype}."
    assert values.isfinite().all(), f"a loss must be finite; got {values.tolist()}."
    gradients = torch.autograd.grad(values.mean(), list(network.parameters()), allow_unused=True)
    assert all(g is not None and g.isfinite().all() for g in gradients), (
        "a loss must reach every weight of the network."
    )


def _check_minimum(loss, network):
    """Train on theta ~ N(0, 1), x ~ N(theta, 1), whose posterior is N(x / 2, 1 / 2)."""
    theta = normals(1000, _N_PARAMETERS)
    batch = _batch(theta + normals(1000, _N_PARAMETERS, seed=3), theta)
    loss = _bound(loss, batch)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    for _ in range(120):
        optimizer.zero_grad()
        loss(network, batch).mean().backward()
        optimizer.step()
    # The mean gap of log densities is at most the divergence, and a dozen weights cost 12 / (2 * 1000) of it.
    x = normals(500, _N_PARAMETERS, seed=4)
    draws = x / 2 + math.sqrt(0.5) * normals(500, _N_PARAMETERS, seed=5)
    exact = torch.distributions.Normal(x / 2, math.sqrt(0.5)).log_prob(draws).sum(-1)
    with torch.no_grad():
        divergence = (exact - network.log_prob(draws, x)).mean()
    message = "a network that minimises the loss must be the posterior: its mean log density, and the exact one"
    check_close(divergence, torch.zeros_like(divergence), message, tolerance=0.02)
