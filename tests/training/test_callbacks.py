import itertools
from types import SimpleNamespace

import pytest
import torch
from skorch.callbacks import Callback

from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.losses import ForwardKL
from skabi.networks._follows_training import FollowsTraining
from skabi.training import EpochBar, Schedule
from skabi.training._callbacks import TellProgress


class Recorder(Callback):
    """Keeps what a net looks like after each training batch, and where an epoch is judged."""

    def __init__(self):
        self.rates, self.decays, self.weights, self.judged = [], [], [], []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.decays.append({group["is_decayed"]: group["weight_decay"] for group in net.optimizer_.param_groups})
            self.weights.append(flat(net.module_))

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.judged.append(flat(net.module_))


def flat(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


class Poisoned(ForwardKL):
    """NaN at the given calls in training, counted from 0; infinite in validation if so asked."""

    def __init__(self, calls=(), *, validation=False):
        self.calls = calls
        self.validation = validation

    def __call__(self, network, batch):
        values = super().__call__(network, batch)
        if not network.training:
            return values + torch.inf if self.validation else values
        call, self.call_ = getattr(self, "call_", 0), getattr(self, "call_", 0) + 1
        return self.spoiled(values) if call in self.calls else values

    def spoiled(self, values):
        return values * torch.nan


class Steep(Poisoned):
    """A good loss with a gradient of no number at the given calls."""

    def spoiled(self, values):
        return values + (values - values.detach()).sqrt()


def test_the_rate_rises_to_one_and_falls_to_zero():
    schedule = Schedule(200, 0.1, warm_up=0.1)
    shares = [schedule.rate(step) for step in range(1, 201)]
    assert shares[:20] == pytest.approx([step / 20 for step in range(1, 21)])
    assert max(shares) == shares[19] == 1.0
    assert all(later < earlier for earlier, later in itertools.pairwise(shares[19:]))
    assert 0 < shares[-1] < 1e-3
    # Half of the way down at half of the time left.
    assert shares[109] == pytest.approx(0.5, abs=0.01)


def test_the_shortest_training_has_a_rate():
    assert 0 < Schedule(1, 0.1).rate(1) <= 1


def test_training_follows_the_schedule(fit):
    recorder = Recorder()
    fit(max_iter=4, learning_rate_init=0.01, callbacks=[recorder])
    schedule = Schedule(4 * 2, 0.1)
    assert recorder.rates == pytest.approx([0.01 * schedule.rate(step) for step in range(1, 9)])
    decays = torch.tensor([decay[True] for decay in recorder.decays]).log()
    assert decays.diff() == pytest.approx(decays.diff()[0].expand(7), rel=1e-4)
    assert (decays[-1] - decays[0]).exp().item() == pytest.approx(0.01 ** (7 / 8))
    assert all(decay[False] == 0 for decay in recorder.decays)


def test_an_average_of_the_weights_is_judged_and_kept(fit, network):
    start = flat(network)
    recorder = Recorder()
    fit(max_iter=3, valid_batch=None, callbacks=[recorder])
    average = start
    for step, weights in enumerate(recorder.weights, start=1):
        decay = min(0.98, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weights
    torch.testing.assert_close(flat(network), average)
    assert (average - recorder.weights[-1]).abs().max() > 1e-3


def test_training_goes_on_from_the_last_weights_where_the_average_was_judged(fit, network):
    start = {key: value.clone() for key, value in network.state_dict().items()}
    judged, unjudged = Recorder(), Recorder()
    fit(max_iter=3, callbacks=[judged], generator=torch.Generator().manual_seed(2))
    network.load_state_dict(start)
    fit(max_iter=3, callbacks=[unjudged], generator=torch.Generator().manual_seed(2), valid_batch=None)
    for with_valid, without in zip(judged.weights, unjudged.weights, strict=True):
        assert torch.equal(with_valid, without)
    assert not torch.equal(judged.judged[0], judged.weights[1])
    torch.testing.assert_close(judged.judged[-1], flat(network))


def test_an_epoch_with_a_bad_batch_is_undone_with_a_lower_rate(fit, network):
    clean, recorder = Recorder(), Recorder()
    start = {key: value.clone() for key, value in network.state_dict().items()}
    generators = [torch.Generator().manual_seed(2) for _ in range(2)]
    fit(max_iter=4, callbacks=[clean], generator=generators[0])
    network.load_state_dict(start)
    with pytest.warns(ApproximationWarning, match="became NaN or infinite in epoch 3.*learning rate is 0.3 of what it"):
        record = fit(Poisoned([4]), max_iter=4, callbacks=[recorder], generator=generators[1])
    # Two batches an epoch: the fifth is the first of epoch 3, and the last good weights are those judged in epoch 2.
    assert torch.equal(recorder.weights[3], clean.weights[3])
    assert torch.equal(recorder.judged[2], recorder.judged[1])
    assert recorder.rates[:6] == pytest.approx(clean.rates[:6])
    assert recorder.rates[6:] == pytest.approx([0.3 * rate for rate in clean.rates[6:]])
    # Steps and their average start anew from what was restored.
    first = (2 * recorder.judged[1] + 9 * recorder.weights[6]) / 11
    torch.testing.assert_close(recorder.judged[3], (3 * first + 9 * recorder.weights[7]) / 12)
    assert 0 < (recorder.weights[6] - recorder.judged[1]).abs().max() < 0.02
    assert flat(network).isfinite().all() and len(record.valid_losses) == 4


def test_an_epoch_that_ends_in_a_bad_gradient_is_undone(fit, network):
    recorder = Recorder()
    with pytest.warns(ApproximationWarning, match="gradient became NaN or infinite in epoch 2"):
        fit(Steep([3]), max_iter=3, valid_batch=None, callbacks=[recorder])
    assert recorder.weights[3].isnan().any()
    assert torch.equal(recorder.judged[1], recorder.judged[0])
    assert flat(network).isfinite().all()


def test_a_loss_that_stays_bad_is_an_error(fit):
    with (
        pytest.warns(ApproximationWarning, match="became NaN or infinite in epoch"),
        pytest.raises(TrainingError, match=r"again after 8 restorations.*lower learning_rate_init"),
    ):
        fit(Poisoned(range(1000)), max_iter=20)


def test_a_held_out_loss_that_stays_bad_is_an_error(fit):
    with pytest.warns(ApproximationWarning, match="became NaN"), pytest.raises(TrainingError):
        fit(Poisoned(validation=True), max_iter=4)


def test_the_bar_counts_epochs_and_shows_losses(fit, capsys):
    record = fit(max_iter=3, callbacks=[EpochBar(3, train_offset=1.0, valid_offset=2.0)])
    printed = capsys.readouterr()
    assert printed.out == "" and "training: 100%" in printed.err and "3/3" in printed.err
    assert f"training={1.0 - record.train_losses[-1]:.3f}" in printed.err
    assert f"held_out={2.0 - record.valid_losses[-1]:.3f}" in printed.err
    fit(max_iter=3)
    assert capsys.readouterr().err == ""


class Progressing(FollowsTraining, torch.nn.Module):
    """A module, or a loss, that wants to know how far training is."""

    def proceed(self, share):
        self.share = share


@pytest.mark.parametrize("first_share", [0.0, 0.6])
def test_losses_and_networks_are_told_the_share_of_training_that_is_done(first_share):
    loss, inner, stacked, module = Progressing(), Progressing(), Progressing(), torch.nn.Module()
    module.inner = torch.nn.Module()
    module.inner.part, module.inner.shared = inner, [torch.nn.Sequential(stacked)]
    schedule = SimpleNamespace(step_=0, n_steps=4)
    telling = TellProgress(loss, schedule, first_share)
    telling.on_train_begin(SimpleNamespace(module_=module))
    for step in range(1, 5):
        schedule.step_ = step
        telling.on_batch_begin(None, training=True)
        assert loss.share == inner.share == stacked.share == max(first_share, (step - 1) / 4)
    schedule.step_ = 1
    telling.on_batch_begin(None, training=False)
    assert inner.share == 0.75
    schedule.step_ = 6
    telling.on_batch_begin(None, training=True)
    assert inner.share == 1.0


class Walking(torch.nn.Linear):
    """A module of a user with a method of that name."""

    def proceed(self):
        raise AssertionError


def test_modules_of_users_are_told_nothing():
    telling = TellProgress(Progressing(), SimpleNamespace(step_=1, n_steps=4))
    telling.on_train_begin(SimpleNamespace(module_=torch.nn.Sequential(Walking(1, 1))))
    telling.on_batch_begin(None, training=True)
