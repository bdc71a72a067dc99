import contextlib
import copy
import os
import threading
import time

import pytest
import torch
from skorch.callbacks import Callback

from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.training import Checkpoint, CheckpointFile
from skabi.training import _checkpoints as checkpoints

STATE = {
    "a": [torch.arange(3.0), None, 1.5],
    "b": {"c": torch.tensor(True), "d": "text", "e": float("inf")},
    "f": 2**70,
}


class Killed(Exception):
    """What no training catches."""


class KillAt(Callback):
    """End training in an epoch, counted from 1: before its first batch, after it, or at the end of the epoch."""

    def __init__(self, epoch, place="after a batch", error=Killed):
        self.epoch, self.place, self.error = epoch, place, error

    def _kill(self, net, place):
        if len(net.history) == self.epoch and place == self.place:
            raise self.error

    def on_epoch_begin(self, net, **kwargs):
        self._kill(net, "before")

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            self._kill(net, "after a batch")

    def on_epoch_end(self, net, **kwargs):
        self._kill(net, "at the end")


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_equal_weights(network, expected):
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected[name]), name


# Files


def test_a_state_comes_back_as_it_was(tmp_path):
    file = CheckpointFile(tmp_path / "a" / "b")
    assert file.load() is None
    file.save(STATE)
    loaded = file.load()
    assert torch.equal(loaded["a"][0], STATE["a"][0]) and loaded["a"][1:] == STATE["a"][1:]
    assert loaded["b"]["c"].dtype == torch.bool and loaded["b"]["d"] == "text" and loaded["b"]["e"] == float("inf")
    assert loaded["f"] == 2**70
    file.remove()
    assert file.load() is None and not file.folder.exists() and file.folder.parent.exists()


def test_tensors_that_share_memory_are_written(tmp_path):
    file, base = CheckpointFile(tmp_path), torch.arange(6.0)
    file.save({"all": base, "rows": base[::2]})
    assert torch.equal(file.load()["rows"], base[::2])


@pytest.mark.parametrize("damage", ["truncated", "empty", "one bit", "header", "gone"])
def test_a_damaged_file_gives_way_to_the_one_before(tmp_path, damage):
    file = CheckpointFile(tmp_path)
    for step in (1, 2):
        file.save({"step": step, "tensor": torch.full((100,), float(step))})
    path = tmp_path / "training.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "gone":
        # Killed between its two renames.
        path.unlink()
        assert file.load()["step"] == 1
        return
    if damage == "one bit":
        content[-3] ^= 1
    elif damage == "header":
        place = content.index(b"step")
        content[place] ^= 1
    else:
        content = content[: len(content) // 2 if damage == "truncated" else 0]
    path.write_bytes(content)
    with pytest.warns(ApproximationWarning, match="cannot be read .*; training goes on from the one before"):
        assert file.load()["step"] == 1
    (tmp_path / "training.previous.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cannot be read: training\.safetensors: .*Delete the folder to begin anew"):
        file.load()


def test_a_write_that_is_killed_leaves_the_last_state(tmp_path, monkeypatch):
    file = CheckpointFile(tmp_path)
    file.save({"step": 1})

    def fail(*paths):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(Killed):
            file.save({"step": 2})
    assert file.load()["step"] == 1
    file.save({"step": 3})
    assert file.load()["step"] == 3


def test_each_fit_has_a_state_of_its_own(tmp_path):
    identity = {"max_iter": "50", "random_state": "#0", "data sets": "#1"}
    Checkpoint(tmp_path, identity).save({"step": 1})
    assert Checkpoint(tmp_path, dict(reversed(identity.items()))).load()["step"] == 1
    for change in ({"max_iter": "60", "data sets": "#2"}, {"random_state": "#1", "data sets": "#2"}):
        other = Checkpoint(tmp_path, identity | change)
        assert other.load() is None
        other.save({"step": 2})
    assert Checkpoint(tmp_path, identity).load()["step"] == 1
    with pytest.warns(
        ApproximationWarning, match=r"same recipe that differs: not the same data sets\. That state is kept"
    ):
        assert Checkpoint(tmp_path, identity | {"data sets": "#3"}).load() is None


def test_what_nobody_goes_on_with_is_deleted_in_the_end(tmp_path):
    old, young, own = (Checkpoint(tmp_path, {"max_iter": name}) for name in ("1", "2", "3"))
    (tmp_path / "mine").mkdir()
    for checkpoint, days in ((old, 61), (young, 59), (own, 400)):
        checkpoint.save({"step": 1})
        written = time.time() - days * 86_400
        os.utime(checkpoint.file.folder / "training.safetensors", (written, written))
    assert own.load()["step"] == 1
    assert young.load()["step"] == 1 and not old.file.folder.exists() and (tmp_path / "mine").exists()


def test_a_full_disk_does_not_end_training(fit, network, undisturbed, tmp_path, monkeypatch):
    for share in ("_SNAPSHOT_SHARE", "_FILE_SHARE"):  # each epoch, whatever it costs
        monkeypatch.setattr(checkpoints, share, 1e9)
    expected, trained = undisturbed()
    start, n_calls, sync = weights(network), [], os.fsync

    def full(*arguments):
        n_calls.append(1)
        if len(n_calls) < 4:
            raise OSError(28, "No space left on device")
        return sync(*arguments)

    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(ApproximationWarning, match=r"cannot be written \(.*No space left.*Training goes on") as caught:
        assert fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {})) == expected
    assert len(caught) == 1
    assert_equal_weights(network, trained)
    # It was tried again, and nothing half written is left.
    assert Checkpoint(tmp_path, {}).load()["record"]["best_iter"] == expected.best_iter
    assert not list(tmp_path.rglob("*.part"))
    network.load_state_dict(start)
    n_calls.clear()
    with pytest.warns(ApproximationWarning, match="cannot be written"), pytest.raises(Killed):
        fit(max_iter=6, checkpoint=Checkpoint(tmp_path / "other", {}), callbacks=[KillAt(3)])


def test_the_same_fit_may_run_twice_at_once(tmp_path):
    files = [CheckpointFile(tmp_path / "a") for _ in range(2)]

    def write(file):
        for step in range(20):
            file.save({"step": step})

    threads = [threading.Thread(target=write, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files[0].load()["step"] == 19 and not list(tmp_path.rglob("*.part"))


def test_copies_and_files_cost_a_small_share_of_the_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now)
    rhythm, n_done = checkpoints._Rhythm(0.01), 0
    for _ in range(1000):
        now += 1.0
        if rhythm.is_due():
            n_done += 1
            with rhythm:
                now += 0.1
    # Each costs a tenth of an epoch, and the next comes when ten epochs or a little more are over.
    assert 1000 / 11 <= n_done <= 1000 / 10
    now, rhythm = 0.0, checkpoints._Rhythm(0.01)
    with rhythm:
        now += 60.0
    now += 599.0
    assert not rhythm.is_due()
    now += 1.0
    assert rhythm.is_due()


# Trainings


@pytest.fixture
def undisturbed(fit, network):
    """Return record and weights of a training of six epochs, and put the network back to where it began."""

    def train(**settings):
        start = weights(network)
        record = fit(max_iter=6, **settings)
        trained = weights(network)
        network.load_state_dict(start)
        return record, trained

    return train


@pytest.mark.parametrize("place", ["before", "after a batch", "at the end"])
@pytest.mark.parametrize("epoch", [2, 4, 6])
def test_a_training_that_was_killed_ends_where_it_would_have_ended(fit, network, undisturbed, tmp_path, epoch, place):
    expected, trained = undisturbed()
    start = weights(network)
    with pytest.raises(Killed):
        fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[KillAt(epoch, place)])
    network.load_state_dict(start)
    counter = KillAt(0)
    record = fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[counter])
    assert record == expected
    assert_equal_weights(network, trained)
    # A training that is complete is not done again.
    network.load_state_dict(start)
    assert fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[KillAt(1, "before")]) == expected
    assert_equal_weights(network, trained)


@pytest.mark.parametrize("settings", [{"valid_batch": None}, {"n_iter_no_change": 1, "learning_rate_init": 0.3}])
def test_without_held_out_rows_and_with_an_early_stop(fit, network, undisturbed, tmp_path, settings):
    expected, trained = undisturbed(**settings)
    start = weights(network)
    for epoch in (2, 3):
        network.load_state_dict(start)
        with contextlib.suppress(Killed):
            fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[KillAt(epoch)], **settings)
    network.load_state_dict(start)
    assert fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), **settings) == expected
    assert_equal_weights(network, trained)


class Spoil(Callback):
    """Make the loss of an epoch NaN."""

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training and len(net.history) == 2:
            with torch.no_grad():
                next(net.module_.parameters()).fill_(float("nan"))


def test_weights_that_were_restored_and_the_lower_rate_are_kept(fit, network, undisturbed, tmp_path, monkeypatch):
    for share in ("_SNAPSHOT_SHARE", "_FILE_SHARE"):  # each epoch, whatever it costs
        monkeypatch.setattr(checkpoints, share, 1e9)
    with pytest.warns(ApproximationWarning, match="last good weights"):
        expected, trained = undisturbed(callbacks=[Spoil()])
    start = weights(network)
    with pytest.warns(ApproximationWarning, match="last good weights"), pytest.raises(Killed):
        fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[Spoil(), KillAt(4)])
    network.load_state_dict(start)
    record = fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}))
    assert record.valid_losses[2:] == expected.valid_losses[2:]
    assert_equal_weights(network, trained)


def test_what_is_left_out_at_random_goes_on(fit, network, undisturbed, tmp_path, make_batch):
    class Noise:
        """Leave features out, anew in each batch."""

        def __call__(self, x, generator):
            return x * (torch.rand(x.shape, generator=generator) < 0.7)

    expected, trained = undisturbed(dropping=Noise())
    start = weights(network)
    with pytest.raises(Killed):
        fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[KillAt(3)], dropping=Noise())
    network.load_state_dict(start)
    assert fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), dropping=Noise()) == expected
    assert_equal_weights(network, trained)


def test_an_interrupted_training_keeps_the_best_weights_and_goes_on(fit, network, undisturbed, tmp_path):
    expected, trained = undisturbed()
    start = weights(network)
    with pytest.warns(ApproximationWarning, match="interrupted in epoch 4 of 6"):
        record = fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}), callbacks=[KillAt(4, error=KeyboardInterrupt)])
    assert record.was_interrupted and record.valid_losses == expected.valid_losses[:3]
    network.load_state_dict(start)
    record = fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {}))
    assert record == expected and not record.was_interrupted
    assert_equal_weights(network, trained)


def test_an_interrupt_before_the_end_of_validation_counts_complete_epochs_alone(fit, tmp_path):
    class AfterTheTrainingLoss(Callback):
        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            if not training and len(net.history) == 3:
                net.history.record("train_loss", 0.0)
                raise KeyboardInterrupt

    with pytest.warns(ApproximationWarning, match="interrupted in epoch 3"):
        record = fit(callbacks=[AfterTheTrainingLoss()])
    assert len(record.train_losses) == len(record.valid_losses) == 2


def test_training_without_a_checkpoint_is_the_same(fit, network, undisturbed, tmp_path):
    expected, trained = undisturbed()
    assert fit(max_iter=6, checkpoint=Checkpoint(tmp_path, {})) == expected
    assert_equal_weights(network, trained)


def test_a_training_that_fails_leaves_nothing(fit, tmp_path):
    class Spoiled(Spoil):
        def on_batch_begin(self, net, batch=None, training=False, **kwargs):
            if training and len(net.history) > 1:
                with torch.no_grad():
                    next(net.module_.parameters()).fill_(float("nan"))

    with pytest.warns(ApproximationWarning, match="last good weights"), pytest.raises(TrainingError):
        fit(max_iter=20, checkpoint=Checkpoint(tmp_path, {}), callbacks=[Spoiled()])
    assert CheckpointFile(tmp_path).load() is None


def test_the_state_is_a_copy(fit, network):
    taken = []

    class Take(Callback):
        def on_epoch_end(self, net, **kwargs):
            state = checkpoints.TrainingState(torch.Generator(), {}).take(net)
            taken.append((state, copy.deepcopy(state)))

    fit(max_iter=2, callbacks=[Take()])
    state, as_it_was = taken[0]
    for name, value in state["weights"].items():
        assert torch.equal(value, as_it_was["weights"][name])
    assert state["optimizer"][0]["step"] == as_it_was["optimizer"][0]["step"]
