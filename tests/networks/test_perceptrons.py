"""Perceptrons leave numbers out in training alone, and the less the longer it lasts."""

import pytest
import torch

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import AutoregressiveSplineFlow, SplineFlow
from skabi.losses import ReverseKL
from skabi.networks._perceptrons import FallingDropout

TINY = {"n_transforms": 1, "hidden_layer_sizes": (8,), "n_blocks": 1, "block_width": 8}


@pytest.mark.parametrize("done", [0.0, 0.5, 1.0])
def test_the_share_falls(done):
    dropout, ones = FallingDropout(0.4), torch.ones(100_000)
    assert (dropout(ones) == 1).all()
    dropout.proceed(done)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left = dropout(ones)
    share = 0.4 * (1 - done)
    error = (share * (1 - share) / len(ones)) ** 0.5
    assert (left == 0).float().mean().item() == pytest.approx(share, abs=4.5 * error)
    # What is left is larger, so that the mean stays.
    assert left.mean().item() == pytest.approx(1.0, abs=4.5 * error / (1 - share) + 1e-6)
    assert (dropout.eval()(ones) == 1).all()


@pytest.fixture
def noted(monkeypatch):
    """Shares that are left out, and where, one entry a call in training."""
    noted, forward = [], FallingDropout.forward

    def note(dropout, x):
        left = forward(dropout, x)
        if dropout.training:
            noted.append((dropout.share * dropout.left, left))
        return left

    monkeypatch.setattr(FallingDropout, "forward", note)
    return noted


@pytest.mark.parametrize("engine", [SplineFlow, AutoregressiveSplineFlow])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_training_tells_how_far_it_is(engine, n_estimators, noted):
    posterior = AmortizedPosterior(
        engine(dropout=0.3, **TINY), n_estimators=n_estimators, n_simulations=200, max_iter=3, random_state=0
    ).fit(ConjugateGaussian(2))
    shares = [share for share, _ in noted]
    assert shares[0] == pytest.approx(0.3)
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] < 0.1
    left = [module.left for module in posterior.network_.modules() if isinstance(module, FallingDropout)]
    assert left == [0.0] * n_estimators


def test_draws_and_their_density_are_of_one_network(noted):
    problem = ConjugateGaussian(2)
    X, _ = problem.sample(30, random_state=0)
    loss = ReverseKL(likelihood=lambda X, theta: torch.distributions.Normal(theta, 1.0).log_prob(X).sum(dim=1))
    AmortizedPosterior(SplineFlow(dropout=0.5, **TINY), loss=loss, prior=problem.prior, max_iter=1, random_state=0).fit(
        X
    )
    of_draws, of_density = noted[0][1] == 0, noted[1][1] == 0
    assert of_draws.any() and (of_draws == of_density).all()
