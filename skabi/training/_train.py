"""From an untrained network to a trained one."""

import copy
import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split

from skabi._torch import seeded, single_thread
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.networks._data_sets import n_rows
from skabi.training._accelerated import AcceleratedSteps, current_accelerator
from skabi.training._batches import Rows, TensorBatches, n_batches
from skabi.training._callbacks import AverageWeights, RestoreGoodWeights, Schedule, TellProgress
from skabi.training._checkpoints import KeepState, Resume, TrainingState
from skabi.training._logged import LogEvents

_LARGEST_GRADIENT = 5.0


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Attributes
    ----------
    train_losses, valid_losses : list of float
        Mean loss an epoch; `valid_losses` is empty without held-out rows.
    best_iter : int
        The epoch, counted from 1, whose weights were kept; 0 if no epoch was better than the start.
    was_interrupted : bool
        Whether the user ended it.
    log_dets : list of float
        Of each epoch but the first, the mean log-determinant of its rows, where they are its own.
    """

    train_losses: list
    valid_losses: list
    best_iter: int
    was_interrupted: bool = False
    log_dets: list = field(default_factory=list)


def train(
    network,
    loss,
    *,
    train_rows,
    valid_batch,
    max_iter,
    batch_size,
    learning_rate_init,
    n_iter_no_change,
    generator,
    dropping=None,
    callbacks=(),
    checkpoint=None,
    fresh=None,
    first_share=0.0,
):
    """Train `network` in place and return a `TrainingRecord`.

    AdamW, a rate that rises over the first tenth of the steps and then falls to zero, gradients clipped by their norm,
    and, with held-out rows, a stop when they stop improving and the best weights kept.

    Parameters
    ----------
    network : torch.nn.Module
        `network(loss, batch)` returns the loss of each row.
    loss : BaseLoss
        Bound, if it asks for a joint density.
    train_rows : Rows or StreamedRows
        On the device to train on.
    valid_batch : Batch or None
        Likewise; without held-out rows the last weights are kept.
    max_iter : int
        Epochs at most.
    batch_size : int
    learning_rate_init : float
        The highest rate.
    n_iter_no_change : int
        Epochs without improvement of the held-out loss after which training stops.
    generator : torch.Generator
        Shuffles the batches.
    dropping : callable, optional
        `dropping(x, generator)` leaves values out of data sets: anew in each batch, once and for all in held-out rows.
    callbacks : sequence of skorch callbacks
        Called besides those of skabi.
    checkpoint : Checkpoint, optional
        Keeps the state of training; one that is there already is gone on from.
    fresh : FreshRows, optional
        Rows of each epoch but the first.
    first_share : float, default=0.0
        Share of the training, as losses and networks are told of it, that counts as done from the first step.

    Raises
    ------
    TrainingError
        If losses stay NaN or infinite whatever the rate.
    ValueError
        If the checkpoint cannot be read.
    KeyboardInterrupt
        If the user ends training in its first epoch.
    """
    state = None if checkpoint is None else checkpoint.load()
    if state is not None and "record" in state:
        network.load_state_dict(state["weights"])
        return TrainingRecord(**state["record"])
    if dropping is not None and valid_batch is not None:
        valid_batch = valid_batch._replace(x=dropping(valid_batch.x, generator))
    stopping = []
    if valid_batch is not None:
        first = math.floor(loss.settles_at * max_iter)
        with seeded(generator.initial_seed(), next(network.parameters()).device):
            start_loss = _start_loss(network, loss, valid_batch)
        stopping = [_KeepBest(n_iter_no_change, start_loss, first_iter=first)]
    schedule = _schedule(train_rows, fresh, batch_size=batch_size, max_iter=max_iter)
    own_callbacks = [
        RestoreGoodWeights(),
        AverageWeights(),
        schedule,
        TellProgress(loss, schedule, first_share),
        *stopping,
        *([] if fresh is None else [fresh]),
    ]
    with_state = [part for part in own_callbacks if hasattr(part, "restore")]
    training_state = TrainingState(generator, {type(part).__name__: part for part in with_state})
    resuming = [] if state is None else [Resume(training_state, state)]
    keeping = [] if checkpoint is None else [KeepState(checkpoint, training_state)]
    accelerator = current_accelerator(has_checkpoint=checkpoint is not None)
    net = (_RecipeNet if accelerator is None else partial(_AcceleratedNet, accelerator=accelerator))(
        network,
        criterion=lambda: loss,
        optimizer=_AdamW,
        optimizer__param_groups=[("*bias", {"is_decayed": False}), ("*", {"is_decayed": True})],
        optimizer__fused=True,
        lr=learning_rate_init,
        max_epochs=max_iter,
        batch_size=batch_size,
        iterator_train=TensorBatches,
        iterator_train__generator=generator,
        iterator_train__dropping=dropping,
        iterator_valid=TensorBatches,
        iterator_valid__batch_size=max(batch_size, _VALID_BATCH_SIZE),
        train_split=None if valid_batch is None else predefined_split(Rows(valid_batch)),
        callbacks=[*own_callbacks, *resuming, LogEvents(), *callbacks, *keeping],
        callbacks__print_log=None,
        verbose=0,
        device=None,
    )
    # Consecutive seeds are as good as any: generators scramble them.
    net.seed_of_step = lambda: (generator.initial_seed() + schedule.step_) % 2**63
    with single_thread(), fresh or nullcontext():
        _run(net, train_rows, keeping)
    record = replace(_record(net, stopping), log_dets=[] if fresh is None else fresh.log_dets)
    if checkpoint is not None and not record.was_interrupted:
        checkpoint.save({"record": asdict(record), "weights": network.state_dict()})
    return record


_VALID_BATCH_SIZE = 4096


def _run(net, rows, keeping):
    """Train a net, and write what there is to be kept however training ends, unless it would fail again."""
    try:
        net.fit(rows)
    except TrainingError:
        for callback in keeping:
            callback.forget()
        raise
    finally:
        for callback in keeping:
            callback.flush()


def _schedule(rows, fresh, *, batch_size, max_iter):
    """Return the schedule of all steps of a training."""
    of_first = rows.n_batches(batch_size)
    of_others = of_first if fresh is None else n_batches(fresh.n_rows, batch_size)
    n_steps = of_first + (max_iter - 1) * of_others
    n_different = len(rows) + (0 if fresh is None else (max_iter - 1) * fresh.n_rows)
    return Schedule(n_steps, weight_decay=_weight_decay(n_different))


def _weight_decay(n):
    """Return the decay of the first step: the fewer data sets, the simpler networks start."""
    return min(1.0, 2500 / n)


class _KeepBest(EarlyStopping):
    """Stop when held-out rows stop improving, and keep the best weights, which may be those of the start.

    Before `first_iter` epochs, in which the loss that is trained on is another one, training does not stop.
    """

    def __init__(self, patience, start_loss=math.inf, *, first_iter=0):
        super().__init__(patience=patience, threshold=0.0, threshold_mode="abs", load_best=True)
        self.start_loss = start_loss
        self.first_iter = first_iter

    def on_train_begin(self, net, **kwargs):
        """Let the first weights be the best so far."""
        super().on_train_begin(net, **kwargs)
        self.dynamic_threshold_ = self.start_loss
        self.best_model_weights_ = copy.deepcopy(net.module_.state_dict())

    def on_epoch_end(self, net, **kwargs):
        """Keep the best weights, and count epochs without improvement."""
        if len(net.history) <= self.first_iter:
            self.misses_ = -1
        super().on_epoch_end(net, **kwargs)

    def state(self):
        """Return what a training that goes on must know."""
        return {
            "misses": self.misses_,
            "threshold": float(self.dynamic_threshold_),
            "best_epoch": self.best_epoch_,
            "weights": self.best_model_weights_,
        }

    def restore(self, state):
        """Go on from a `state`."""
        self.misses_, self.dynamic_threshold_ = state["misses"], state["threshold"]
        self.best_epoch_, self.best_model_weights_ = state["best_epoch"], state["weights"]


@torch.no_grad()
def _start_loss(network, loss, batch):
    value = network.eval()(loss, batch).mean().item()
    return value if math.isfinite(value) else math.inf


class _AdamW(torch.optim.AdamW):
    """AdamW without the decorators that import torch's compiler, which takes time and memory for nothing."""

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


class _RecipeNet(NeuralNet):
    """A skorch net with a loss that sees network and batch at once.

    What networks draw from torch's global generators in a step depends on `seed_of_step()` alone: a training that goes
    on draws what one without a break would have drawn, whatever other threads do.
    """

    seed_of_step: Callable[[], int]

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start with every module in training mode."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        self.module_.train()

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run the epochs that an earlier training has left."""
        n_left = (self.max_epochs if epochs is None else epochs) - len(self.history)
        return super().fit_loop(X, y, epochs=n_left, **fit_params)

    def _set_training(self, training=True):
        # Not at every step: to go through all modules takes a while.
        if self.module_.training != training:
            super()._set_training(training)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run the batches of an epoch as skorch does, but read their losses at its end: a GPU need not wait."""
        if iterator is None:
            return
        losses, device = [], next(self.module_.parameters()).device
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            with seeded(self.seed_of_step(), device):
                step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            self.history.record_batch(f"{prefix}_batch_size", n_rows(batch.x))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        rows = self.history[-1, "batches"][-len(losses) :]
        for row, loss in zip(rows, torch.stack(losses).tolist(), strict=True):
            row[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def train_step_single(self, batch, **fit_params):
        """Compute loss and clipped gradients of a batch."""
        self._set_training(True)
        loss = self.module_(self.criterion_, batch).mean()
        loss.backward()
        weights = [weight for group in self.optimizer_.param_groups for weight in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        # Weights are as lost after a gradient that is NaN or infinite as after such a loss.
        return {"loss": loss.detach() + 0.0 * norm, "y_pred": None}

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a held-out batch."""
        self._set_training(False)
        with torch.no_grad():
            return {"loss": self.module_(self.criterion_, batch).mean(), "y_pred": None}


class _AcceleratedNet(AcceleratedSteps, _RecipeNet):
    """Such a net of several processes."""


def _record(net, stopping):
    """Return how the training went; a training that the user interrupted keeps what it has."""
    wanted = {"train_loss", "valid_loss"} if stopping else {"train_loss"}
    complete = [epoch for epoch in net.history if wanted <= set(epoch)]
    if not complete:
        raise KeyboardInterrupt
    train_losses = [float(epoch["train_loss"]) for epoch in complete]
    valid_losses = [float(epoch["valid_loss"]) for epoch in complete] if stopping else []
    if stopping and not any(map(math.isfinite, valid_losses)):
        raise TrainingError("the held-out loss was never finite. Look for extreme values in X and y.")
    stopped_early = any(isinstance(c, EarlyStopping) and c.misses_ == c.patience for _, c in net.callbacks_)
    was_interrupted = len(complete) < net.max_epochs and not stopped_early
    if was_interrupted:
        warn(
            f"training was interrupted in epoch {len(net.history)} of {net.max_epochs}; the best weights so far are "
            "kept.",
            ApproximationWarning,
        )
    best_iter = stopping[0].best_epoch_ if stopping else len(complete)
    return TrainingRecord(train_losses, valid_losses, best_iter, was_interrupted)
