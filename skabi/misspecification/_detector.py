"""What detectors share: from data sets to scores, verdicts and p-values."""

import warnings
from contextlib import contextmanager
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_choice, check_count, check_real
from skabi._random import generators
from skabi._shapes import as_float_array, refuse_lossy
from skabi._warnings import warn
from skabi.estimators._checks import check_table
from skabi.estimators._sources import is_several
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.files._savable import Savable
from skabi.misspecification._batch_test import BatchTest, draw_batches, spread
from skabi.misspecification._moments import column_moments
from skabi.misspecification._space import SummarySpace
from skabi.simulators import is_simulator

# Numbers that batches are made of at once.
_CHUNK = 1_000_000
# Where views have the same say, and are unusual in one of twenty data sets together: all summaries, in which much may
# happen, beyond the first of these quantiles, and what they say of the parameters beyond the second.
_CENTERS = (0.98, 0.96)
# Data sets a coordinate of which predict has few more false alarms than it is to have.
_ENOUGH = 50
# Data sets that a p-value of 0.05 needs to be compared with.
_FEWEST_KEPT = 19


class Detector(OutlierMixin, Savable, BaseEstimator):
    """Base class of outlier detectors that learn from simulated data sets what is usual.

    One half of them gives the coordinates of `SummarySpace`, and what else a statistic needs; the other half says how
    the statistic of new data sets is distributed, but for a part that weighs the views where there are two. A detector
    needs `_learn`, `_unusual` and `_unusual_batches`.
    """

    # What weighs each view, so that none drowns another, and from where on it is unusual.
    _weights: np.ndarray
    _centers: np.ndarray

    def __init__(
        self,
        estimator=None,
        *,
        moments=True,
        contamination=0.05,
        n_simulations=10_000,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.moments = moments
        self.contamination = contamination
        self.n_simulations = n_simulations
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y=None) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : Simulator, or data sets as the estimator takes them
            A simulator, of which `n_simulations` are drawn, or data sets already simulated. Without an estimator an
            array-like of shape (n_datasets, n_features).
        y : None
            Not used; there by scikit-learn's convention.

        Returns
        -------
        self : detector

        Raises
        ------
        TypeError
            If `estimator` is not None or a `FrozenEstimator` around one that has `transform`.
        NotFittedError
            If the frozen estimator is not fitted.
        ValueError
            If X is not finite numbers of a shape that the estimator takes, or `contamination` is not above 0 and at
            most 0.5.
        SimulatorError
            If a simulation fails.

        Warns
        -----
        ApproximationWarning
            If half of the data sets are no more than their coordinates.
        """
        check_frozen(self.estimator)
        check_choice(self.moments, "moments", (True, False))
        check_count(self.n_simulations, "n_simulations", minimum=2)
        if check_real(self.contamination, "contamination", low=0.0) > 0.5:
            raise ValueError(f"contamination must be above 0 and at most 0.5; got {self.contamination}.")
        simulating, splitting, drawing = generators(self.random_state, 3)
        if is_simulator(X):
            X, _ = X.sample(self.n_simulations, random_state=simulating, n_jobs=self.n_jobs)
        summaries = self._summaries(X, reset=True)
        self._fit_summaries(summaries, self._draws(X, drawing), rng=splitting)
        return self

    def _fit_summaries(self, summaries, draws, *, rng):
        """Let one half of the data sets, chosen at random, shape the statistic, and keep that of others."""
        shaping, kept = np.split(rng.permutation(len(summaries)), [len(summaries) // 2])
        space = SummarySpace().fit(summaries[shaping], None if draws is None else draws[shaping])
        self._space, self.mean_, self.covariance_ = space, space.mean, space.covariance
        views = space.views(summaries)
        self._learn([view[shaping] for view in views])
        self._weights, self._centers = np.ones(1), np.zeros(1)
        if len(views) > 1:
            # Of others than those that are kept, or these were compared with what they themselves say is usual.
            weighing, kept = np.split(kept, [len(kept) // 3])
            self._weigh(self._unusual([view[weighing] for view in views]))
        self._kept_views = [view[kept] for view in views]
        self._kept_unusual = self._unusual(self._kept_views)
        scores = self._scores(views)
        self.reference_scores_ = np.sort(scores[kept])
        self.offset_ = np.percentile(scores, 100 * self.contamination)
        _warn_of_few(len(shaping), summaries)

    def _weigh(self, unusual):
        """Bring the views to one scale, by how unusual data sets are in each."""
        spreads = [spread(values) for values in unusual]
        self._weights = np.array([spreads[0] / width for width in spreads])
        self._centers = np.array([np.quantile(*pair) for pair in zip(unusual, _CENTERS, strict=True)])

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return how usual each data set is; higher is more so.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        score : ndarray of shape (n_datasets,)
        """
        return self._scores(self._views(X))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return `score_samples(X) - offset_`, negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        decision : ndarray of shape (n_datasets,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return 1 for data sets that the simulator could have made, and -1 for outliers.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        verdict : ndarray of int of shape (n_datasets,)
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def test(self, X: ArrayLike, *, batch: bool = False, n_null: int = 1000, random_state=0):
        """Test whether the simulator made the data sets: each by itself, or all together.

        p-values are exact: of data sets that the simulator did make at most a share `a` has one of `a` or less, on
        average over fits. They come from simulated data sets that `fit` kept apart from those that shaped the
        statistic. A batch and those kept are thrown together, and it is compared with others drawn from all of them: a
        permutation test. The larger the batch beside what was kept, the more of it is in the others, and the less is
        found; fit with some twenty times as many simulations as there are in a batch.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        batch : bool, default=False
            Whether all data sets are tested as one. Many that are each a little unusual are so together.
        n_null : int, default=1000
            Batches to compare with.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None, default=0
            Draws these batches.

        Returns
        -------
        result : ndarray of shape (n_datasets,) or BatchTest
            A p-value for each data set; with `batch=True` statistic, null and p-value of all.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the shape seen in `fit`.

        Warns
        -----
        ApproximationWarning
            If `fit` kept so few data sets that no p-value is as small as 0.05.
        """
        views = self._views(X)
        n_kept = len(self.reference_scores_)
        if n_kept < _FEWEST_KEPT:
            warn(
                f"fit kept {n_kept} data sets to compare with, so that no p-value is below {1 / (1 + n_kept):.2g}. Fit "
                "with more.",
                ApproximationWarning,
            )
        if not batch:
            n_as_unusual = np.searchsorted(self.reference_scores_, self._scores(views), side="right")
            return (1 + n_as_unusual) / (1 + n_kept)
        n_null = check_count(n_null, "n_null")
        (rng,) = generators(random_state, 1)
        together, unusual = (
            [np.concatenate(pair) for pair in zip(own, kept, strict=True)]
            for own, kept in ((views, self._kept_views), (self._unusual(views), self._kept_unusual))
        )
        index = draw_batches(len(together[0]), len(views[0]), n_batches=n_null, rng=rng)
        n_chunks = -(-index.size * max(index.shape[1], views[0].shape[1]) // _CHUNK)
        parts = np.array_split(index, min(n_chunks, len(index)))
        return BatchTest.from_questions(np.concatenate([self._questions(together, unusual, part) for part in parts]))

    def _questions(self, views, unusual, index):
        """Return two statistics of batches of rows: how unusual rows are on average, and how their distribution is.

        `index` is `(n_batches, n)`, and what is returned `(n_batches, 2)`.
        """
        each = [values[index] for values in unusual]
        of_batches = [self._unusual_batches(view[index], values) for view, values in zip(views, each, strict=True)]
        return np.column_stack([self._weights @ np.mean(each, axis=2), self._weights @ np.array(of_batches)])

    def _views(self, X):
        check_is_fitted(self, "offset_")
        summaries = self._summaries(X, reset=False)
        if summaries.shape[1] != len(self.mean_):
            raise ShapeError(
                f"X must have the columns of fit: of those the estimator and the moments made {len(self.mean_)} "
                f"numbers a data set, and of these {summaries.shape[1]}."
            )
        return self._space.views(summaries)

    def _scores(self, views):
        unusual = np.stack(self._unusual(views))
        beyond = self._weights[:, np.newaxis] * (unusual - self._centers[:, np.newaxis])
        # In the units of the first view.
        return -(self._centers[0] + beyond.max(axis=0))

    def _summaries(self, X, *, reset):
        """Return what is judged of data sets, `(n_datasets, n_summaries)`."""
        if self.estimator is None:
            if not _is_table(X):
                raise ShapeError(
                    "without an estimator X must have shape (n_datasets, n_features). For other data sets pass "
                    "estimator=FrozenEstimator(posterior), whose summaries are judged."
                )
            refuse_lossy(X, name="X")
            return check_table(self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1)
        with _without_warning_of_what_is_unusual():
            summaries = as_float_array(self.estimator.transform(X), name="the summaries of X")
        if reset:
            if len(summaries) < 2:
                raise ValueError(
                    f"fit needs at least 2 data sets, and makes sense with hundreds; got {len(summaries)}."
                )
            if hasattr(self.estimator, "n_features_in_"):
                self.n_features_in_ = self.estimator.n_features_in_
            self._has_moments = self.moments
        if not self._has_moments:
            return summaries
        return np.hstack([summaries, column_moments(X, getattr(self.estimator, "summary_", None))])

    def _draws(self, X, rng):
        """Return one posterior draw of each data set, `(n_datasets, n_parameters)`, or None without a posterior."""
        if not hasattr(self.estimator, "sample"):
            return None
        with _without_warning_of_what_is_unusual():
            draws = self.estimator.sample(X, n_draws=1, random_state=rng)
        # Others draw something else: models, say.
        return draws[:, 0] if np.ndim(draws) == 3 else None

    def _learn(self, views):
        """Keep what the statistic needs of the views of data sets, arrays `(n, n_coordinates)`."""

    def _unusual(self, views):
        """Return how unusual data sets are in each view, a list of arrays `(n,)`."""
        raise NotImplementedError

    def _unusual_batches(self, batches, unusual):
        """Return how unusual batches `(n_batches, n, n_coordinates)` are together in a view, `(n_batches,)`.

        `unusual` `(n_batches, n)` is how unusual each of their data sets is by itself.
        """
        raise NotImplementedError


def check_frozen(estimator):
    """Raise unless `estimator` is None, or a fitted one with summaries that is wrapped in a `FrozenEstimator`."""
    if estimator is None:
        return
    if not isinstance(estimator, FrozenEstimator):
        raise TypeError(
            "estimator must be None, or a fitted estimator as FrozenEstimator(estimator), from sklearn.frozen: clones "
            f"of a detector then keep what was learned. Got {estimator!r:.200}."
        )
    inner = type(estimator.estimator).__name__
    if not hasattr(estimator, "transform"):
        raise TypeError(f"estimator must have transform, which gives summaries; {inner} has none.")
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise NotFittedError(f"the estimator, {inner}, is not fitted: call its fit first.") from error


def _warn_of_few(n_shaping, summaries):
    """Warn of data sets that are too few for a covariance."""
    n_coordinates = np.count_nonzero(summaries.max(axis=0) > summaries.min(axis=0))
    if n_shaping <= n_coordinates:
        warn(
            f"{n_shaping} data sets, half of those in fit, shape the statistic of {n_coordinates} coordinates, and are "
            "too few for a covariance: predict has many false alarms, and what is unusual is hard to find. Fit with "
            f"{_ENOUGH * n_coordinates} or more.",
            ApproximationWarning,
        )


def _is_table(X):
    """Return whether X may be rows of numbers; scikit-learn says what is wrong with them."""
    if isinstance(X, (list, tuple)):
        return not any(getattr(row, "ndim", 1) > 1 for row in X)
    return not is_several(X) and getattr(X, "ndim", 2) <= 2


@contextmanager
def _without_warning_of_what_is_unusual():
    """Leave out what an estimator warns of where data sets are unlike those of its fit: to say so is the detector's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        yield
