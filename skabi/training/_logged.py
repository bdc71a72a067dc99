"""What a training tells the log."""

import logging
import time

from skorch.callbacks import Callback

from skabi.training._callbacks import was_finite

_LOGGER = logging.getLogger(__name__)


class LogEvents(Callback):
    """Log, at level INFO, where training begins and ends, and when it goes back to earlier weights."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Tell of a training that begins, or goes on from a checkpoint."""
        self._start, self._n_before = time.perf_counter(), len(net.history)
        begins = f"goes on after epoch {self._n_before}" if self._n_before else "begins"
        _LOGGER.info("training %s: %d data sets, %d epochs at most", begins, len(X), net.max_epochs)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Tell of losses that are not finite, after which the last good weights are back."""
        if not was_finite(net):
            _LOGGER.info(
                "the loss or its gradient was not finite in epoch %d; the last good weights are back", len(net.history)
            )

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Tell of the end."""
        losses = [(epoch["valid_loss"], i) for i, epoch in enumerate(net.history, 1) if "valid_loss" in epoch]
        best = f", the best was epoch {min(losses)[1]}" if losses else ""
        _LOGGER.info(
            "training ended after epoch %d of %d and %.1f s%s",
            len(net.history),
            net.max_epochs,
            time.perf_counter() - self._start,
            best,
        )
