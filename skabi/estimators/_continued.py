"""Fits that go on from the network of the last one."""

import copy
import math
from contextlib import contextmanager
from typing import Any

import numpy as np

from skabi._random import integer_seed
from skabi.estimators._parameters import ParameterMap
from skabi.estimators._reader import Reader
from skabi.estimators._realigned import realign
from skabi.estimators._sources import shape_of

# What the highest rate of a fit that goes on is of `learning_rate_init`.
RATE_OF_GOING_ON = 0.3
_GOING_ON, _ADVICE = "with warm_start=True fit goes on", "Use warm_start=False or a clone."


class ContinuedFits:
    """Base class of estimators whose `fit` may go on from the last, with other simulations, priors or sizes."""

    n_estimators: int
    missing: str | None
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    network_: Any
    prior_: Any
    parameter_names_: list[str]
    _reader: Reader
    _parameter_map: ParameterMap
    _split_seed: np.random.SeedSequence
    _split_sizes: list[int]

    @property
    def _is_continued(self):
        """Whether `fit` goes on."""
        return self.warm_start and hasattr(self, "network_")

    @contextmanager
    def _as_before(self):
        """Leave an estimator that is fitted as it was if a fit that goes on fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _go_on(self, X):
        """Take it that sizes, and what is missing, of X were seen in training, beside those of earlier fits."""
        # A fit that fails leaves an estimator as it was, of which this one may be a shallow copy.
        self._reader = copy.deepcopy(self._reader)
        self._reader.note(X)

    def _split(self, n, seed):
        """Return indices of rows to train on, and of rows to hold out."""
        order = np.random.default_rng(seed).permutation(n)
        n_held_out = min(math.ceil(self.validation_fraction * n), n - 1) if self.early_stopping else 0
        return order[n_held_out:], order[:n_held_out]

    def _split_further(self, n):
        """Return such indices where the first rows are those of earlier fits: rows once trained on are not held out."""
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        start = 0
        for place, size in enumerate([*getattr(self, "_split_sizes", []), n]):
            end = min(size, n)
            if end - start < 1 + (start == 0):
                continue
            seed = self._split_seed
            if place:
                seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place))
            used, held_out = self._split(size - start, seed)
            parts.append((start + used[used < end - start], start + held_out[held_out < end - start]))
            start = end
        used, held_out = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        if not len(used) or (self.early_stopping and not len(held_out)):
            return self._split(n, self._split_seed)
        return used, held_out

    def _note_split(self, n):
        """Remember how many rows have been split."""
        sizes = getattr(self, "_split_sizes", [])
        self._split_sizes = sizes if sizes and n <= sizes[-1] else [*sizes, n]

    def _seed_of_pass(self, sequence):
        """Return the integer seed of a pass of training, each its own."""
        n_passes = len(getattr(self, "loss_curve_", []))
        return integer_seed(np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, n_passes)))

    def _change_prior(self, prior, y):
        """Go on with another prior, and parameters standardised anew."""
        if prior != self.prior_:
            self.prior_ = prior
            self._parameter_map = ParameterMap(prior, self.parameter_names_).fit(y)

    def _realign(self, network, x, theta, y, old_map):
        """Let the network of the last fit begin where it is best for rows `x`, `theta`, whose parameters are `y`."""
        old_theta = None if old_map is self._parameter_map else old_map.to_network(y)[0]
        realign(list(getattr(network, "members", [network])), x, theta, old_theta=old_theta)

    def _check_same_problem(self, X, names, prior):
        if names != self.parameter_names_:
            raise ValueError(
                f"with warm_start=True fit goes on with the parameters {self.parameter_names_}; got {names}. {_ADVICE}"
            )
        if (prior is None) != (self.prior_ is None):
            raise ValueError(
                f"with warm_start=True fit goes on with another prior where there was one, and with none where there "
                f"was none; there was {self.prior_!r}, and now {prior!r}. {_ADVICE}"
            )
        self._check_same_data(X)

    def _check_same_data(self, X):
        n_members = len(getattr(self.network_, "members", [self.network_]))
        if n_members != self.n_estimators:
            raise ValueError(
                f"with warm_start=True fit goes on with n_estimators={n_members}; got {self.n_estimators}. {_ADVICE}"
            )
        may_miss = self.missing is not None
        if may_miss != self._reader.may_miss:
            before = "mask" if self._reader.may_miss else None
            raise ValueError(
                f"with warm_start=True fit goes on with missing={before!r}; got {self.missing!r}. {_ADVICE}"
            )
        if not self._reader.goes_on_with(X):
            raise ValueError(
                f"with warm_start=True fit goes on with data sets of shape {self._reader.shape}; got {shape_of(X)}. "
                f"{_ADVICE}"
            )
        if self._reader.log_counts(X) is not None and not self._knows_sizes:
            raise ValueError(
                "with warm_start=True fit goes on with data sets of one size, and the network is not told of others. "
                f"{_ADVICE}"
            )

    @property
    def _knows_sizes(self):
        """Whether the network is told how many observations a data set has, or need not be."""
        conditions = getattr(getattr(self.network_, "members", [self.network_])[0], "conditions", None)
        return conditions is None or bool(conditions.n_conditions)


@contextmanager
def naming_partial_fit():
    """Say that it is `partial_fit` which goes on, where an error says that it is `fit`."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if _GOING_ON not in text:
            raise
        text = text.replace(_GOING_ON, "partial_fit goes on").replace(_ADVICE, "Use a clone.")
        raise type(error)(text) from error
