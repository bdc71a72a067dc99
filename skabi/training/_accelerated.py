"""One training by several processes, each with a GPU or cores of its own."""

from contextlib import contextmanager
from contextvars import ContextVar

import torch
from skorch.hf import AccelerateMixin
from skorch.utils import noop

from skabi.networks._data_sets import n_rows, take

_accelerator: ContextVar = ContextVar("accelerator", default=None)
_LARGEST_GRADIENT = 5.0


@contextmanager
def accelerated(accelerator):
    """Train networks by an `accelerate.Accelerator` within this context: all its processes on shares of each batch.

    Each process is to call `fit` with the same data and the same `random_state`. It computes losses and gradients of
    its share of the rows of a batch, and all go the same step by the mean of the gradients: steps, schedule and the end
    of training are those of one process. By skorch's `AccelerateMixin`.

    Parameters
    ----------
    accelerator : accelerate.Accelerator
        Of the library accelerate, started in each process by its ``accelerate launch`` or by ``torchrun``.

    Raises
    ------
    ValueError
        By `fit`, if processes do not have the same simulations and first weights, or keep a checkpoint.

    Examples
    --------
    >>> from skabi.training import accelerated
    >>> with accelerated(None):  # accelerate.Accelerator()
    ...     pass
    """
    token = _accelerator.set(accelerator)
    try:
        yield accelerator
    finally:
        _accelerator.reset(token)


def current_accelerator(*, has_checkpoint):
    """Return what is to train networks here, or None."""
    accelerator = _accelerator.get()
    if accelerator is not None and has_checkpoint:
        raise ValueError("a training by an Accelerator keeps no checkpoint; leave checkpoint at None.")
    return accelerator


class AcceleratedSteps(AccelerateMixin):
    """What a net of skabi does otherwise where several processes train it."""

    def __init__(self, *arguments, accelerator, callbacks__print_log=None, **options):
        # The mixin wants a log of epochs. The end of training puts the best weights into what they were taken from.
        how = {"accelerator": accelerator, "unwrap_after_train": False, "callbacks__print_log__sink": noop}
        super().__init__(*arguments, **how, **options)

    def fit(self, X, y=None, **fit_params):
        """Train, once it is certain that all processes begin alike, and leave the module as it was."""
        self.initialize()
        self._check_alike(X)
        try:
            return self.partial_fit(X, y, **fit_params)
        finally:
            self._unwrap_accelerator()

    def train_step_single(self, batch, **fit_params):
        """Compute the loss of a batch, and gradients that are those of all its rows once processes have met."""
        self._set_training(True)
        with self.accelerator.autocast():
            loss = self._share_of_loss(batch)
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients:
            weights = [weight for group in self.optimizer_.param_groups for weight in group["params"]]
            self.accelerator.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        return {"loss": self._mean(loss), "y_pred": None}

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a held-out batch, each process that of its share."""
        self._set_training(False)
        with torch.no_grad(), self.accelerator.autocast():
            return {"loss": self._mean(self._share_of_loss(batch)), "y_pred": None}

    def _share_of_loss(self, batch):
        """Return a number whose mean over processes is the mean loss of the rows of a batch."""
        n, n_processes = n_rows(batch.x), self.accelerator.num_processes
        if n < n_processes:
            return self.module_(self.criterion_, batch).mean()
        own = take(batch, slice(self.accelerator.process_index, None, n_processes))
        return self.module_(self.criterion_, own).sum() * (n_processes / n)

    def _mean(self, loss):
        return self.accelerator.reduce(loss.detach(), "mean")

    def _check_alike(self, rows):
        """Raise unless all processes have the same rows and weights."""
        seen = [sum(weight.double().abs().sum().item() for weight in self.module_.parameters()), float(len(rows))]
        theta = getattr(getattr(rows, "batch", None), "theta", None)
        seen.append(0.0 if theta is None else theta.double().sum().item())
        of_all = self.accelerator.gather(torch.tensor([seen], dtype=torch.float32, device=self.accelerator.device))
        if not torch.allclose(of_all, of_all[:1]):
            raise ValueError(
                "the processes of an Accelerator must train on the same simulations; theirs differ. Pass an int as "
                "random_state, or data from one store."
            )
