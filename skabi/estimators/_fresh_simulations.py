"""Simulations of their own for every epoch of a training."""

import math

import joblib
import numpy as np

from skabi._parallel import check_wanted, wanted_until
from skabi._warnings import collected, warn
from skabi.estimators._sources import is_several
from skabi.exceptions import ApproximationWarning, SimulatorError

# Parts of an epoch's simulations; after each, at the latest, what makes them looks whether training has ended.
_N_PARTS = 8


class FreshSimulations:
    """Draw the simulations of any epoch, always the same ones.

    Joblib's configuration is that of the thread that made this object.

    Parameters
    ----------
    draw : callable
        `draw(n, seed)` returns simulated X and y.
    n : int
        Simulations an epoch, of each model.
    n_models : int
    seed : SeedSequence
    block_size : int
        Simulations that are made at once, and cost as much if fewer are asked for.
    """

    def __init__(self, draw, *, n, n_models, seed, block_size):
        self.draw = draw
        self.n = n
        self.n_rows = n * n_models
        self.seed = seed
        self._part_size = math.ceil(n / block_size / _N_PARTS) * block_size
        backend, n_jobs = joblib.parallel.get_active_backend()
        self._configuration = {"backend": backend, "n_jobs": n_jobs}
        self._n_asked, self._n_made = 0, 0
        self._messages: list[str] = []

    def __call__(self, epoch, is_over):
        """Return X and y of an epoch, counted from 1; an error once `is_over()` is true."""
        data, parameters = [], []
        n_parts = max(1, self.n // self._part_size)
        with joblib.parallel_config(**self._configuration), wanted_until(is_over), collected() as messages:
            for part in range(n_parts):
                check_wanted()
                n = self._part_size if part < n_parts - 1 else self.n - part * self._part_size
                X, y = self.draw(n, self._seed_of(epoch, part))
                data.append(X)
                parameters.append(y)
        y = np.concatenate(parameters)
        self._n_asked, self._n_made = self._n_asked + self.n_rows, self._n_made + len(y)
        self._messages += messages
        return join(data), y

    def warn(self):
        """Warn, once, of what was to be warned of in making them."""
        if self._messages:
            n_dropped = self._n_asked - self._n_made
            share = f"{n_dropped} of {self._n_asked} ({n_dropped / self._n_asked:.1%})"
            warn(
                f"{f'{share} fresh simulations failed and were dropped, ' if n_dropped else ''}in "
                f"{len(self._messages)} parts of the epochs, the first: {self._messages[0]}",
                ApproximationWarning,
            )

    def _seed_of(self, epoch, part):
        return np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key, epoch, part))


def draw_of_models(models, estimator):
    """Return a function that draws data sets of all `models`, a dict of label to simulator, and the models' indices."""

    def draw(n, seed):
        data = []
        for (name, simulator), own_seed in zip(models.items(), seed.spawn(len(models)), strict=True):
            try:
                data.append(simulator.sample(n, random_state=own_seed, n_jobs=estimator.n_jobs)[0])
            except SimulatorError as error:
                raise SimulatorError(f"model {name!r}: {error}") from error
        sizes = [len(next(iter(X.values())) if is_several(X) else X) for X in data]
        return join(data), np.repeat(np.arange(len(models), dtype=float), sizes)

    return draw


def join(parts):
    """Return data sets of all parts, arrays, lists of arrays or dicts of these, one after the other."""
    if is_several(parts[0]):
        return type(parts[0])(**{name: join([part[name] for part in parts]) for name in parts[0]})
    return [x for part in parts for x in part] if isinstance(parts[0], list) else np.concatenate(parts)
