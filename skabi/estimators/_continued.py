"""Fits that go on from the network of the last one."""

import copy
import math
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from skabi._random import integer_seed
from skabi._warnings import warn
from skabi.estimators._parameters import ParameterMap
from skabi.estimators._reader import Reader
from skabi.estimators._realigned import realign
from skabi.estimators._sources import shape_of
from skabi.exceptions import ApproximationWarning

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
    # By the number of a row; and a hash of the rows of each fit and pass.
    _is_trained_on: np.ndarray = np.zeros(0, dtype=bool)
    _contents: Sequence[str] = ()

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

    def _forget_rows(self, seed):
        """Begin with rows that are all new; `seed` is that of their order."""
        self._split_seed, self._is_trained_on, self._contents = seed, np.zeros(0, dtype=bool), []

    def _split(self, n, stream, *, is_pass):
        """Return indices of `n` rows, or of the first of a stream, to train on, and of those to hold out."""
        rows = np.arange(n) if stream is None else stream.first
        order = np.random.default_rng(self._split_seed).permutation(n)
        is_held_out = np.zeros(n, dtype=bool)
        if self.early_stopping and not is_pass:
            is_held_out = self._held_out_of(rows[order])
        if stream is not None:
            stream.hold_out(order[is_held_out])
        return order[~is_held_out], order[is_held_out]

    def _held_out_of(self, rows):
        """Return which of `rows`, numbers by which earlier fits knew them, are held out.

        What was trained on is not, what was held out stays so, and of new rows the first ones are.
        """
        is_new, was_used = rows >= len(self._is_trained_on), np.zeros(len(rows), dtype=bool)
        was_used[~is_new] = self._is_trained_on[rows[~is_new]]
        is_held_out = ~is_new & ~was_used
        is_held_out[np.flatnonzero(is_new)[: self._n_held_out(np.count_nonzero(is_new))]] = True
        if is_held_out.any() and not is_held_out.all():
            return is_held_out
        is_held_out = np.arange(len(rows)) < self._n_held_out(len(rows))
        n_used = np.count_nonzero(is_held_out & was_used)
        if n_used:
            warn(
                f"{n_used} of the {np.count_nonzero(is_held_out)} data sets that are held out may have been trained on "
                "before: their scores are too good, and training may end too late. Put new data sets after those of "
                "earlier fits, or use early_stopping=False.",
                ApproximationWarning,
            )
        return is_held_out

    def _n_held_out(self, n):
        return max(0, min(math.ceil(self.validation_fraction * n), n - 1))

    def _note_fit(self, used, n, stream, *, is_pass, content):
        """Remember what a fit, or a pass, trains on: which of `n` rows, or of a stream.

        Of a pass over other rows, whose `content` is new, it cannot be told whether they are the first ones or come
        after all others, so that both are taken to be trained on.
        """
        rows, n = (used, n) if stream is None else (np.concatenate(stream.chunks), len(stream.y))
        n_known = len(self._is_trained_on)
        self._note_rows(rows, n=n)
        if is_pass and content not in self._contents:
            self._note_rows(n_known + rows, n=n_known + n)
        self._contents = [*self._contents, *({content} - set(self._contents))]

    def _note_rows(self, rows, *, n):
        # Another array: a fit that fails leaves an estimator as it was.
        unknown = np.zeros(max(0, n - len(self._is_trained_on)), dtype=bool)
        self._is_trained_on = np.append(self._is_trained_on, unknown)
        self._is_trained_on[rows] = True

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
