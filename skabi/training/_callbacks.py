"""What happens between the steps of a training."""

import copy
import math

import torch
from skorch.callbacks import Callback
from tqdm import tqdm

from skabi._progress import is_silent
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.networks._follows_training import FollowsTraining


class RestoreGoodWeights(Callback):
    """Go back to the last good weights, with a lower rate, after an epoch with a NaN or infinite loss or gradient.

    Parameters
    ----------
    factor : float, default=0.3
        What the learning rate is multiplied by at each restoration.
    max_restorations : int, default=8
        Restorations after which training is given up with a `TrainingError`.
    """

    def __init__(self, factor=0.3, max_restorations=8):
        self.factor = factor
        self.max_restorations = max_restorations

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Keep the first weights."""
        self.n_restorations_ = 0
        self._keep(net)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Keep the weights if all losses of the epoch were finite, else restore those of an earlier one."""
        if was_finite(net):
            self._keep(net)
        else:
            self._restore(net)

    def state(self):
        """Return what a training that goes on must know."""
        return {"n_restorations": self.n_restorations_, "weights": self._weights}

    def restore(self, state):
        """Go on from a `state`."""
        self.n_restorations_, self._weights = state["n_restorations"], state["weights"]

    def _keep(self, net):
        self._weights = copy.deepcopy(net.module_.state_dict())

    def _restore(self, net):
        if self.n_restorations_ == self.max_restorations:
            raise TrainingError(
                f"the loss or its gradient was NaN or infinite again after {self.n_restorations_} restorations of the "
                "last good weights, each with a lower learning rate. Look for extreme values in X and y, or lower "
                "learning_rate_init."
            )
        self.n_restorations_ += 1
        net.module_.load_state_dict(self._weights)
        net.optimizer_.state.clear()
        net.lr *= self.factor
        warn(
            f"the loss or its gradient became NaN or infinite in epoch {len(net.history)}: the last good weights are "
            f"back, and the learning rate is {self.factor:g} of what it was.",
            ApproximationWarning,
        )


class Schedule(Callback):
    """Rate and weight decay of each step.

    The rate rises to the net's `lr` in a straight line, then falls to zero along a cosine. Weight decay falls
    geometrically: networks start simple and may become as complex as held-out data allow.

    Parameters
    ----------
    n_steps : int
        Batches of the whole training.
    weight_decay : float
        Decay of the first step.
    warm_up : float, default=0.1
        Share of the steps during which the rate rises.
    relief : float, default=0.01
        What the decay of the last step is of that of the first.
    """

    def __init__(self, n_steps, weight_decay, *, warm_up=0.1, relief=0.01):
        self.n_steps = n_steps
        self.weight_decay = weight_decay
        self.warm_up = warm_up
        self.relief = relief

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start at the first step."""
        self.step_ = 0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set rate and decay of this step."""
        if training:
            self.step_ += 1
            decay = self.weight_decay * self.relief ** (self.step_ / self.n_steps)
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * self.rate(self.step_)
                group["weight_decay"] = decay if group["is_decayed"] else 0.0

    def state(self):
        """Return what a training that goes on must know."""
        return {"step": self.step_}

    def restore(self, state):
        """Go on from a `state`."""
        self.step_ = state["step"]

    def rate(self, step):
        """Return the share of the highest rate at `step`, counted from 1."""
        n_rising = self.warm_up * self.n_steps
        if step <= n_rising:
            return step / n_rising
        # Where there are a few steps more than foreseen, the rate stays at its end.
        return 0.5 + 0.5 * math.cos(math.pi * (min(step, self.n_steps) - n_rising) / (self.n_steps - n_rising + 1))


class TellProgress(Callback):
    """Tell a loss, and what `FollowsTraining` in networks, before each step, which share of the training is done.

    Parameters
    ----------
    loss : BaseLoss
    schedule : Schedule
        Counts the steps.
    first_share : float, default=0.0
        What counts as done from the first step.
    """

    def __init__(self, loss, schedule, first_share=0.0):
        self.loss = loss
        self.schedule = schedule
        self.first_share = first_share

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Find the networks, those that stacked members share among them."""
        parts = list(net.module_.modules())
        parts += [part for root in parts for shared in getattr(root, "shared", []) for part in shared.modules()]
        self._told = [self.loss, *(part for part in parts if isinstance(part, FollowsTraining))]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Tell them."""
        if training:
            # Parts of the rows may make a few steps more than foreseen.
            share = min(max(self.first_share, (self.schedule.step_ - 1) / self.schedule.n_steps), 1.0)
            for part in self._told:
                part.proceed(share)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Tell networks that it is over, however early."""
        for part in self._told[1:]:
            part.proceed(1.0)


class AverageWeights(Callback):
    """Judge and keep an exponential average of the weights instead of the last step's.

    Averaging the noise of the steps away is worth a lower rate without its cost [1]_.

    Parameters
    ----------
    decay : float, default=0.98
        Weight of the past in each step's average; less in the first steps.

    References
    ----------
    .. [1] B. Polyak, A. Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on Control
       and Optimization 30(4), 838-855.
    """

    _last: list[torch.Tensor] | None

    def __init__(self, decay=0.98):
        self.decay = decay

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start from the first weights."""
        self._weights = [parameter.detach() for parameter in net.module_.parameters()]
        self._restart()

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Update the average."""
        if training:
            self.step_ += 1
            share = 1 - min(self.decay, (1 + self.step_) / (10 + self.step_))
            torch._foreach_lerp_(self._average, self._weights, share)

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Put the average in place of the last step's weights before the first held-out batch."""
        if not training and self._last is None:
            self._last = _copies(self._weights)
            torch._foreach_copy_(self._weights, self._average)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Start anew from weights that were restored."""
        if not was_finite(net):
            self._restart()

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Put the last step's weights back."""
        if self._last is not None:
            torch._foreach_copy_(self._weights, self._last)
            self._last = None

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Leave the average in place."""
        if self._last is None:
            torch._foreach_copy_(self._weights, self._average)

    def state(self):
        """Return what a training that goes on must know."""
        return {"step": self.step_, "average": self._average, "last": self._last}

    def restore(self, state):
        """Go on from a `state`."""
        self.step_ = state["step"]
        torch._foreach_copy_(self._average, state["average"])
        self._last = None
        if state["last"] is not None:
            self._last = _copies(self._average)
            torch._foreach_copy_(self._last, state["last"])

    def _restart(self):
        self.step_ = 0
        self._average, self._last = _copies(self._weights), None


def _copies(tensors):
    return [tensor.clone() for tensor in tensors]


def was_finite(net):
    """Return whether all losses of the last epoch, and the gradients that count with them, were finite."""
    return all(math.isfinite(net.history[-1].get(name, 0.0)) for name in ("train_loss", "valid_loss"))


class EpochBar(Callback):
    """One progress bar over all epochs, with the mean log density of training and held-out rows.

    Parameters
    ----------
    n_epochs : int
        Epochs if training does not stop early.
    train_offset, valid_offset : float, default=0.0
        Added to minus the losses: what makes them log densities in the units of `score`.
    description : str, default="training"
        What stands before the bar.
    """

    def __init__(self, n_epochs, *, train_offset=0.0, valid_offset=0.0, description="training"):
        self.n_epochs = n_epochs
        self.train_offset = train_offset
        self.valid_offset = valid_offset
        self.description = description

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(
            total=self.n_epochs, initial=len(net.history), desc=self.description, unit=" epochs", disable=is_silent()
        )

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Move the bar."""
        epoch = net.history[-1]
        scores = {"training": self.train_offset - epoch["train_loss"]}
        if "valid_loss" in epoch:
            scores["held_out"] = self.valid_offset - epoch["valid_loss"]
        self.bar_.set_postfix({name: f"{score:.3f}" for name, score in scores.items()})
        self.bar_.update()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Close the bar."""
        self.bar_.close()
