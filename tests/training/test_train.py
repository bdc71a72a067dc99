import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch.utils._python_dispatch import TorchDispatchMode

from skabi.exceptions import ApproximationWarning
from skabi.losses import ForwardKL
from skabi.training import Rows
from skabi.training._train import _AdamW


class Interrupt(Callback):
    """The user's Ctrl-C in an epoch, counted from 1."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training and len(net.history) == self.epoch:
            raise KeyboardInterrupt


class Counter(Callback):
    def __init__(self):
        self.calls = {"train_begin": 0, "epoch_end": 0, "batch_end": 0, "train_end": 0}

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.calls["train_begin"] += 1

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.calls["epoch_end"] += 1

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.calls["batch_end"] += training

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.calls["train_end"] += 1


def held_out_loss(network, batch):
    network.eval()
    with torch.no_grad():
        return ForwardKL()(network, batch).mean().item()


def test_training_learns(fit, network, make_batch):
    before = held_out_loss(network, make_batch(500, seed=9))
    record = fit(train_rows=Rows(make_batch(2000)), max_iter=40, batch_size=200, learning_rate_init=0.02)
    after = held_out_loss(network, make_batch(500, seed=9))
    # theta given x is N(0.8 x, 0.2): the exact loss is 1.228, and that of an untrained network, N(0, 1), 2.84.
    assert before > 2.5 and after < 1.228 + 0.3
    assert len(record.train_losses) == len(record.valid_losses) == 40
    assert np.mean(record.train_losses[-5:]) < np.mean(record.train_losses[:5]) - 0.5


def test_the_best_weights_are_kept(fit, network, make_batch):
    valid_batch = make_batch(12, seed=1)
    # A rate so high, and so few rows held out, that the last epoch is not the best.
    record = fit(
        train_rows=Rows(make_batch(400)),
        valid_batch=valid_batch,
        max_iter=60,
        learning_rate_init=0.1,
        n_iter_no_change=8,
    )
    best = min(record.valid_losses)
    assert held_out_loss(network, valid_batch) == pytest.approx(best, abs=1e-5)
    assert record.best_iter == 1 + int(np.argmin(record.valid_losses)) < len(record.valid_losses)
    assert record.valid_losses[-1] > best + 1e-3
    # Stopped since eight epochs were not better, and not by the largest number of epochs.
    assert len(record.valid_losses) == record.best_iter + 8 < 60


def test_without_held_out_rows_the_last_weights_are_kept(fit, network, make_batch):
    train_batch = make_batch(80)
    record = fit(valid_batch=None, max_iter=6)
    assert record.valid_losses == [] and record.best_iter == len(record.train_losses) == 6
    assert held_out_loss(network, train_batch) < record.train_losses[-2]


def test_training_repeats_by_its_generator(fit, network):
    start = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    losses = []
    for seed in (3, 3, 4):
        network.load_state_dict(start)
        losses.append(fit(generator=torch.Generator().manual_seed(seed)).train_losses)
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_interrupted_training_keeps_the_best_weights_and_says_so(fit, network, make_batch):
    valid_batch = make_batch(60, seed=1)
    with pytest.warns(ApproximationWarning, match="interrupted in epoch 3 of 30; the best weights so far are kept"):
        record = fit(valid_batch=valid_batch, max_iter=30, callbacks=[Interrupt(3)])
    assert len(record.train_losses) == len(record.valid_losses) == 2
    assert held_out_loss(network, valid_batch) == pytest.approx(min(record.valid_losses), abs=1e-5)


def test_an_interrupt_in_the_first_epoch_is_the_users(fit):
    with pytest.raises(KeyboardInterrupt):
        fit(callbacks=[Interrupt(1)])


def test_callbacks_are_called(fit):
    counter = Counter()
    fit(max_iter=3, callbacks=[counter])
    assert counter.calls == {"train_begin": 1, "epoch_end": 3, "batch_end": 3 * 2, "train_end": 1}


def test_gradients_are_clipped(fit, network):
    class Norms(Callback):
        norms = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            self.norms.append(torch.nn.utils.get_total_norm([p.grad for _, p in named_parameters]).item())

    class Steep(ForwardKL):
        def __call__(self, network, batch):
            return 1e4 * super().__call__(network, batch)

    fit(Steep(), max_iter=1, callbacks=[Norms()])
    assert max(Norms.norms) == pytest.approx(5.0, rel=1e-3)


class Modes(Callback):
    """Whether all modules are in training mode, at each training batch."""

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.are_training = [*getattr(self, "are_training", []), all(m.training for m in net.module_.modules())]


@pytest.mark.parametrize("is_held_out", [False, True])
def test_modules_that_came_in_evaluation_mode_are_trained(fit, network, make_batch, is_held_out):
    list(network.modules())[-1].eval()
    modes = Modes()
    fit(
        train_rows=Rows(make_batch(100)),
        valid_batch=make_batch(20) if is_held_out else None,
        max_iter=2,
        batch_size=50,
        callbacks=[modes],
    )
    of_an_epoch = [True, True, False] if is_held_out else [True, True]
    assert modes.are_training == 2 * of_an_epoch


def test_a_fit_never_imports_torch_s_compiler():
    code = """
import sys
from skabi import AmortizedPosterior
from skabi.datasets import TwoMoons
for n_estimators in (1, 2):
    AmortizedPosterior(n_estimators=n_estimators, n_simulations=50, max_iter=1).fit(TwoMoons())
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_steps_are_those_of_adamw(network, make_batch):
    batch, loss = make_batch(100), ForwardKL()
    other = copy.deepcopy(network)
    for module, optimizer_class in ((network, _AdamW), (other, torch.optim.AdamW)):
        optimizer = optimizer_class(module.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            loss(module, batch).mean().backward()
            optimizer.step()
    for weight, expected in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, expected)


def test_no_step_waits_for_its_numbers(fit):
    """On a GPU a number that is read stops all work until it is there."""

    class Reads(TorchDispatchMode):
        n_reads = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.n_reads += function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
            return function(*args, **(kwargs or {}))

    n_reads = []
    for max_iter in (1, 4):
        with Reads() as reads:
            fit(max_iter=max_iter)
        n_reads.append(reads.n_reads)
    assert n_reads[0] == n_reads[1]


def test_what_networks_draw_depends_on_seed_and_step_alone(fit):
    drawn = []

    def loss(network, batch):
        if network.training:
            drawn[-1].append(torch.rand(1).item())
        return network.training_loss(batch.theta, batch.x)

    loss.proceed, loss.settles_at = lambda share: None, 0.0
    for seed in (2, 2, 1000):
        drawn.append([])
        torch.rand(3)
        state = torch.random.get_rng_state()
        fit(loss=loss, max_iter=2, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(state, torch.random.get_rng_state())
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0] + drawn[2])) == 2 * len(drawn[0]) > 4
