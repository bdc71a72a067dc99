"""Losses of heads against independent answers, and what their recipes refuse."""

import pytest
import torch
from torch.distributions import Dirichlet, kl_divergence

from skabi.heads import BaseHead, DirichletEvidence, Softmax

SMALL = {"n_blocks": 1, "block_width": 8}
HEADS = [Softmax(**SMALL), DirichletEvidence(0.3, **SMALL)]


def random_head(recipe, n_models=3, n_context=2):
    generator = torch.Generator().manual_seed(0)
    head = recipe.build(n_models, n_context).double()
    with torch.no_grad():
        for weight in head.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    context, offset = (torch.randn(50, n, generator=generator, dtype=torch.float64) for n in (n_context, n_models))
    return head, context, offset, torch.arange(50) % n_models


@pytest.mark.parametrize("recipe", HEADS, ids=str)
def test_probabilities_sum_to_one_and_start_from_the_regression(recipe):
    head, context, offset, _ = random_head(recipe)
    proba = head.log_proba(context, offset).exp()
    torch.testing.assert_close(proba.sum(dim=1), torch.ones(50, dtype=torch.float64))
    start = recipe.build(3, 2)
    assert torch.equal(start.numbers(context.float(), offset.float()), offset.float())


def test_softmax_s_loss_is_cross_entropy():
    head, context, offset, label = random_head(Softmax(**SMALL))
    expected = torch.nn.functional.cross_entropy(head.numbers(context, offset), label, reduction="none")
    torch.testing.assert_close(head.training_loss(label, context, offset), expected)


def test_dirichlet_s_loss_is_expected_cross_entropy_and_divergence():
    head, context, offset, label = random_head(DirichletEvidence(0.3, **SMALL))
    alpha = head.concentration(context, offset)
    torch.testing.assert_close(head.log_proba(context, offset).exp(), Dirichlet(alpha).mean)
    wrong = torch.where(torch.nn.functional.one_hot(label, 3).bool(), 1.0, alpha)
    divergence = kl_divergence(Dirichlet(wrong), Dirichlet(torch.ones_like(wrong)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        draws = Dirichlet(alpha).sample((20_000,))
    losses = -draws[:, torch.arange(50), label].clamp(min=1e-300).log()
    # Fifty means over draws.
    tolerance = 4.5 * losses.std(dim=0) / 20_000**0.5 + 1e-6
    assert (
        (head.training_loss(label, context, offset) - 0.3 * divergence - losses.mean(dim=0)).abs() < tolerance
    ).all()


def test_bad_recipes_are_named():
    with pytest.raises(ValueError, match="block_width must be at least 1; got 0"):
        Softmax(block_width=0).build(2, 1)
    with pytest.raises(ValueError, match=r"regularization must lie between 0\.0"):
        DirichletEvidence(-1.0).build(2, 1)
    with pytest.raises(NotImplementedError, match="BaseHead must define build"):
        BaseHead().build(2, 1)
