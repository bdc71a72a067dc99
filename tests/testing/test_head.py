"""Heads that break their contract are found, and the message says how."""

import pytest
import torch

from skabi.heads import BaseHead, DirichletEvidence, Softmax
from skabi.networks._heads import DirichletHead, SoftmaxHead
from skabi.testing import check_head

SMALL = {"n_blocks": 1, "block_width": 8}


class Built(BaseHead):
    """A head of any network class."""

    is_strictly_proper = True

    def __init__(self, network_class):
        self.network_class = network_class

    def build(self, n_models, n_context):
        return self.network_class(n_models, n_context, **SMALL)


class Claims(DirichletEvidence):
    is_strictly_proper = True


class ChecksInInit(Softmax):
    def __init__(self, n_blocks=1, *, block_width=8):
        super().__init__(int(n_blocks), block_width=block_width)


def unnormalised(self, context, offset):
    return SoftmaxHead.log_proba(self, context, offset) + 1e-3


def single(self, context, offset):
    return SoftmaxHead.log_proba(self, context, offset).float()


def of_the_first(self, context, offset):
    return SoftmaxHead.log_proba(self, context, offset)[:, 0]


def without_offset(self, context, offset):
    return SoftmaxHead.log_proba(self, context, torch.zeros_like(offset))


def without_context(self, context, offset):
    return SoftmaxHead.log_proba(self, torch.zeros_like(context), offset)


def centred(self, context, offset):
    return SoftmaxHead.log_proba(self, context - context.mean(dim=0), offset)


def noisy(self, context, offset):
    return SoftmaxHead.log_proba(self, context + torch.randn_like(context), offset)


def overflowing(self, context, offset):
    return SoftmaxHead.log_proba(self, context, offset).exp().log()


def averaged_loss(self, label, context, offset):
    return SoftmaxHead.training_loss(self, label, context, offset).mean()


def centred_loss(self, label, context, offset):
    return SoftmaxHead.training_loss(self, label, context - context.mean(dim=0), offset)


def blind_loss(self, label, context, offset):
    return SoftmaxHead.training_loss(self, label, 0 * context, offset)


def linear_loss(self, label, context, offset):
    """Of the probability itself: least where the most probable model has all."""
    return -SoftmaxHead.training_loss(self, label, context, offset).neg().exp()


def reversed_loss(self, label, context, offset):
    return SoftmaxHead.training_loss(self, (label + 1) % self.n_models, context, offset)


def branching_loss(self, label, context, offset):
    loss = SoftmaxHead.training_loss(self, label, context, offset)
    return loss if loss.mean() > 0 else 2 * loss


class HiddenState(SoftmaxHead):
    """Draws something at the start that is in no buffer."""

    def __init__(self, n_models, n_context, **sizes):
        super().__init__(n_models, n_context, **sizes)
        self.shift = torch.randn(1).double()

    def numbers(self, context, offset):
        return super().numbers(context + self.shift, offset)


class WrongConcentration(DirichletHead):
    def __init__(self, n_models, n_context, **sizes):
        super().__init__(n_models, n_context, regularization=0.0, **sizes)

    def log_proba(self, context, offset):
        return self.numbers(context, offset).log_softmax(dim=-1)

    def training_loss(self, label, context, offset):
        return SoftmaxHead.training_loss(self, label, context, offset)


def network_with(**methods):
    return Built(type("Network", (SoftmaxHead,), methods))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (ChecksInInit(), "__init__ of ChecksInInit must only store"),
        (network_with(log_proba=unnormalised), "probabilities must sum to one"),
        (network_with(log_proba=single), "must compute in float64"),
        (network_with(log_proba=of_the_first), r"must have shape \(n, n_models\) = \(6, 2\); got \(6,\)"),
        (network_with(log_proba=without_offset), "a higher offset must make a model more probable"),
        (network_with(log_proba=without_context), "log_proba must depend on the context"),
        (network_with(log_proba=centred), "rows of log_proba must not interact"),
        (network_with(log_proba=noisy), "log_proba must repeat for the same context"),
        (network_with(log_proba=overflowing), "log_proba must be finite"),
        (network_with(training_loss=averaged_loss), "one finite number a row"),
        (network_with(training_loss=centred_loss), "rows of training_loss must not interact"),
        (network_with(training_loss=blind_loss), "training_loss must reach every weight"),
        (network_with(training_loss=linear_loss), "least at the true probabilities"),
        (network_with(training_loss=branching_loss), "vmap over weights must work"),
        (
            network_with(n_models=property(lambda self: 5, lambda self, value: None)),
            "number of models in n_models; got 5",
        ),
        (Built(HiddenState), "state_dict must bring a network back"),
        (Built(WrongConcentration), "must be the mean under the concentration"),
        (Claims(**SMALL), "least at the true probabilities"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_broken_heads(head, message):
    with pytest.raises(AssertionError, match=message):
        check_head(head)


def test_a_head_that_claims_nothing_must_find_the_most_probable_model():
    class Reversed(Built):
        is_strictly_proper = False

    check_head(Built(SoftmaxHead))
    with pytest.raises(AssertionError, match="most probable model must be the true one"):
        check_head(Reversed(type("Network", (SoftmaxHead,), {"training_loss": reversed_loss})))
