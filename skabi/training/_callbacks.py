"""What happens between the steps of a training."""

import copy
import math
import warnings

from skorch.callbacks import Callback
from tqdm import tqdm

from skabi.exceptions import ApproximationWarning, TrainingError


class RestoreGoodWeights(Callback):
    """Go back to the last good weights, with a lower rate, when a loss is NaN or infinite.

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

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Restore if the loss of this batch was not finite."""
        name = "train_loss" if training else "valid_loss"
        if not math.isfinite(net.history[-1, "batches", -1, name]):
            self._restore(net)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Keep the weights if all losses of the epoch were finite."""
        losses = [net.history[-1].get(name, 0.0) for name in ("train_loss", "valid_loss")]
        if all(map(math.isfinite, losses)):
            self._keep(net)

    def _keep(self, net):
        self._weights = copy.deepcopy(net.module_.state_dict())

    def _restore(self, net):
        if self.n_restorations_ == self.max_restorations:
            raise TrainingError(
                f"the loss was NaN or infinite again after {self.n_restorations_} restorations of the last good "
                "weights, each with a lower learning rate. Look for extreme values in X and y, or lower "
                "learning_rate_init."
            )
        self.n_restorations_ += 1
        net.module_.load_state_dict(self._weights)
        net.optimizer_.state.clear()
        net.lr *= self.factor
        warnings.warn(
            f"the loss became NaN or infinite in epoch {len(net.history)}: the last good weights are back, and the "
            f"learning rate is {self.factor:g} of what it was.",
            ApproximationWarning,
            stacklevel=2,
        )


class WarmUpDecay(Callback):
    """Raise the learning rate to the net's `lr` in a straight line, then lower it to zero along a cosine.

    Parameters
    ----------
    n_steps : int
        Batches of the whole training.
    warm_up : float, default=0.1
        Share of them during which the rate rises.
    """

    def __init__(self, n_steps, warm_up=0.1):
        self.n_steps = n_steps
        self.warm_up = warm_up

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start at the first step."""
        self.step_ = 0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set the rate of this step."""
        if training:
            self.step_ += 1
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * self.share(self.step_)

    def share(self, step):
        """Return the share of the highest rate at `step`, counted from 1."""
        n_rising = self.warm_up * self.n_steps
        if step <= n_rising:
            return step / n_rising
        return 0.5 + 0.5 * math.cos(math.pi * (step - n_rising) / (self.n_steps - n_rising + 1))


class EpochBar(Callback):
    """One progress bar over all epochs, with the held-out loss.

    Parameters
    ----------
    n_epochs : int
        Epochs if training does not stop early.
    """

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.n_epochs, desc="training", unit=" epochs")

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Move the bar."""
        epoch = net.history[-1]
        self.bar_.set_postfix({name: f"{epoch[name]:.3f}" for name in ("train_loss", "valid_loss") if name in epoch})
        self.bar_.update()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Close the bar."""
        self.bar_.close()
