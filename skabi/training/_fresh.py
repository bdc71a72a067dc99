"""New rows for every epoch, made in the background while the network is trained on the last ones."""

import threading
from concurrent.futures import Future

from skorch.callbacks import Callback

# Seconds to wait, once training has ended, for the end of what nobody wants any more.
_PATIENCE = 1.0


class FreshRows(Callback):
    """Train each epoch but the first on rows of its own; a context manager, at whose end no more rows are made.

    A simulation that takes long cannot be broken off in a thread. It is then left to come to its end, for nothing.

    Parameters
    ----------
    make : callable
        `make(epoch, is_over)` returns the `Batch` of an epoch, counted from 1, and the mean log-determinant of its
        rows. It runs in a thread of its own, and may end with any error once `is_over()` is true.
    n_rows : int
        Of each epoch but the first.
    """

    def __init__(self, make, n_rows):
        self.make = make
        self.n_rows = n_rows
        # Mean log-determinants of the epochs from the second on.
        self.log_dets: list[float] = []

    def __enter__(self):
        self._next: Future | None = None
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        return self

    def __exit__(self, *error):
        self._is_over.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Take the rows of this epoch, and have those of the next made."""
        epoch = len(net.history)
        if epoch > 1:
            batch, log_det = (self._next or self._started(epoch)).result()
            dataset_train.batch = batch
            self.log_dets = [*self.log_dets[: epoch - 2], log_det]
        self._next = self._started(epoch + 1) if epoch < net.max_epochs else None

    def _started(self, epoch):
        # A daemon, for which the end of the process does not wait.
        made: Future = Future()
        arguments = made, self.make, epoch, self._is_over.is_set
        self._thread = threading.Thread(target=_make, args=arguments, name="fresh simulations", daemon=True)
        self._thread.start()
        return made

    def state(self):
        """Return what a training that goes on must know."""
        return {"log_dets": self.log_dets}

    def restore(self, state):
        """Go on from a `state`."""
        self.log_dets = list(state["log_dets"])


def _make(made, make, epoch, is_over):
    """Make the rows of an epoch, or keep the error for whoever asks for them."""
    try:
        made.set_result(make(epoch, is_over))
    except BaseException as error:
        made.set_exception(error)
