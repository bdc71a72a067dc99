"""Classifier two-sample test at each observed data set, without draws of the exact posterior."""

from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

from skabi._params import check_count
from skabi._random import generators
from skabi._shapes import as_float_array, check_draws, check_parameters
from skabi.diagnostics._result import Result
from skabi.exceptions import ShapeError

# Smooth functions of a data set, and the inverse penalty of their coefficients: less of it finds small errors less
# often, more of it lets errors of some data sets show at others.
_N_KERNELS = 20
_C = 0.03
_ALPHAS = np.logspace(-6, 3, 10)


@dataclass(frozen=True, repr=False)
class LocalC2ST(Result):
    """Result of a local classifier two-sample test.

    Attributes
    ----------
    statistic : array of shape (n_datasets,)
        Mean over the draws of a data set of the squared distance of the classifier's probability from one half:
        0 if it cannot tell truths from draws there, 0.25 if it always can.
    null : array of shape (n_datasets, n_null)
        Statistics of classifiers that learned from truths and draws that had changed places at random.
    p_value : array of shape (n_datasets,)
        Probability of a statistic as large as this one if the posterior is exact:
        `(1 + number of null >= statistic) / (1 + n_null)`.
    """

    statistic: np.ndarray
    null: np.ndarray = field(repr=False)
    p_value: np.ndarray


def local_c2st(
    draws: ArrayLike,
    X: ArrayLike,
    *,
    draws_cal: ArrayLike,
    X_cal: ArrayLike,
    y_cal: ArrayLike,
    classifier=None,
    n_null: int = 99,
    random_state=None,
    n_jobs: int | None = None,
) -> LocalC2ST:
    """Test the posterior of each observed data set by a classifier that learned from simulations.

    Calibration over the prior may hide errors of opposite signs, or ones that a few data sets have. Here a classifier
    learns, from simulated data sets, to tell their true parameters from posterior draws, given the data set [1]_. One
    classifier serves all observed data sets: where it can tell draws from truths, the posterior is wrong.

    If the posterior is exact, a truth and a draw of the same data set may change places. The classifier is fitted anew
    after such changes at random, within data sets, so that p-values are exact for any number of data sets and any
    classifier if the posterior is exact for all data sets. Where it is exact for some data sets only, p-values of these
    may be small, too, as the classifier is smooth; look at the statistic as well. The p-values of several observed data
    sets share a classifier and are not independent; `n_datasets * p_value` keeps the rate of false alarms for all
    together.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws of the observed data sets.
    X : array-like of shape (n_datasets, n_features)
        The observed data sets. Of other forms than one row of numbers, pass statistics or learned summaries,
        `posterior.transform(X)` for example; an error that depends on what these leave out is not seen.
    draws_cal : array-like of shape (n_cal, n_parameters) or (n_cal, n_draws_cal, n_parameters)
        One posterior draw, or a few, of each simulated data set. A few make the test more powerful, and slower in
        proportion.
    X_cal : array-like of shape (n_cal, n_features)
        Data sets of the simulator that the posterior was not fitted on.
    y_cal : array-like of shape (n_cal, n_parameters) or (n_cal,)
        The parameters that made them, drawn from the prior.
    classifier : scikit-learn classifier, optional
        With `predict_proba`. It is cloned, and its own `random_state` rules. It sees the parameters less a ridge
        regression on the data set, beside the features, all standardised. By default a logistic regression on
        moments of these parameters up to their products, and cubes, each free to vary smoothly with the data set: it
        is quick, and finds wrong means, spreads, correlations and skewness. With more than ten parameters or so it is
        slow; pass a classifier of your own, or test a few parameters at a time.
    n_null : int, default=99
        Classifiers that are fitted after truths and draws changed places.
    random_state : None, int, numpy.random.Generator, SeedSequence or RandomState, default=None
        Seed of these changes and of the default classifier.
    n_jobs : int, optional
        Number of classifiers that are fitted at the same time.

    Returns
    -------
    result : LocalC2ST
        Statistic, null and p-value of each observed data set.

    Raises
    ------
    ShapeError
        If numbers of data sets, features or parameters do not fit, or there is one calibration data set only.
    TypeError
        If the classifier has no `predict_proba`.
    ValueError
        If values are not finite numbers.

    See Also
    --------
    c2st : Compare with draws of the exact posterior.
    sbc_ranks : Calibration over the prior.

    References
    ----------
    .. [1] J. Linhart, A. Gramfort, P. L. C. Rodrigues (2023). L-C2ST: local diagnostics for posterior approximations
       in simulation-based inference. NeurIPS. arXiv:2306.03580.

    Examples
    --------
    A posterior that is 1.5 times too wide for positive data sets alone:

    >>> import numpy as np
    >>> from skabi.diagnostics import local_c2st
    >>> rng = np.random.default_rng(0)
    >>> y_cal = rng.normal(size=(1000, 1))
    >>> X_cal = y_cal + rng.normal(size=(1000, 1))
    >>> def sample(X, n_draws):
    ...     sd = np.sqrt(0.5) * np.where(X > 0, 1.5, 1.0)
    ...     return X[:, np.newaxis] / 2 + sd[:, np.newaxis] * rng.normal(size=(len(X), n_draws, 1))
    >>> X = np.array([[-1.5], [1.5]])
    >>> result = local_c2st(
    ...     sample(X, 500), X, draws_cal=sample(X_cal, 1), X_cal=X_cal, y_cal=y_cal, n_null=19, random_state=0
    ... )
    >>> result.p_value <= 0.05
    array([False,  True])
    >>> print(bool(result.statistic[1] > 10 * result.statistic[0]))
    True
    """
    draws, X = check_draws(draws), _check_features(X, name="X")
    truths_and_draws, X_cal = _check_calibration(draws_cal, X_cal, y_cal, n_parameters=draws.shape[2])
    if X.shape != (len(draws), X_cal.shape[1]):
        raise ShapeError(
            f"X must have shape (n_datasets, n_features), here ({len(draws)}, {X_cal.shape[1]}) by draws and X_cal; "
            f"got {X.shape}."
        )
    n_null = check_count(n_null, "n_null")
    for_swaps, for_features = generators(random_state, 2)
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise TypeError(f"classifier must have predict_proba, as LogisticRegression has; got {classifier!r}.")
    columns = _Columns(truths_and_draws, X_cal, seed=int(for_features.integers(2**31)))
    make = columns.standardised
    if classifier is None:
        make, classifier = columns.moments, LogisticRegression(C=_C)
    members, observed = make(truths_and_draws, X_cal), make(draws, X)
    # Which of the members of a data set is called the truth; in the first row it is the truth itself.
    n_cal, n_members = members.shape[:2]
    called = np.vstack([np.zeros(n_cal, dtype=int), for_swaps.integers(n_members, size=(n_null, n_cal))])
    statistics = Parallel(n_jobs=n_jobs)(delayed(_statistic)(classifier, members, row, observed) for row in called)
    statistic, null = statistics[0], np.stack(statistics[1:], axis=1)
    p_value = (1 + np.count_nonzero(null >= statistic[:, np.newaxis], axis=1)) / (1 + n_null)
    return LocalC2ST(statistic=statistic, null=null, p_value=p_value)


def _check_features(X, *, name) -> np.ndarray:
    """Return data sets as a finite float64 array `(n_datasets, n_features)`."""
    X = as_float_array(X, name=name)
    if X.ndim != 2 or 0 in X.shape:
        raise ShapeError(
            f"{name} must have shape (n_datasets, n_features), with at least one data set and feature; got {X.shape}. "
            "Of data sets of another form pass statistics or summaries, such as posterior.transform(X)."
        )
    return X


def _check_calibration(draws_cal, X_cal, y_cal, *, n_parameters) -> tuple[np.ndarray, np.ndarray]:
    """Return truths and draws `(n_cal, 1 + n_draws_cal, n_parameters)`, truths first, and `X_cal`."""
    X_cal = _check_features(X_cal, name="X_cal")
    y_cal = check_parameters(y_cal, n_parameters=n_parameters, name="y_cal")
    draws_cal = as_float_array(draws_cal, name="draws_cal")
    if draws_cal.ndim == 2:
        draws_cal = draws_cal[:, np.newaxis]
    n_cal = len(X_cal)
    if draws_cal.ndim != 3 or draws_cal.shape[::2] != (n_cal, n_parameters) or not draws_cal.shape[1]:
        raise ShapeError(
            "draws_cal must have shape (n_cal, n_parameters) or (n_cal, n_draws_cal, n_parameters), with "
            f"n_cal={n_cal} by X_cal and n_parameters={n_parameters} by draws; got {draws_cal.shape}."
        )
    if n_cal < 2:
        raise ShapeError(
            "the classifier learns from the data sets of X_cal, of which there must be at least two, and hundreds make "
            "sense; got one."
        )
    if len(y_cal) != n_cal:
        raise ShapeError(f"X_cal and y_cal must have the same n_cal; got {n_cal} and {len(y_cal)}.")
    return np.concatenate([y_cal[:, np.newaxis], draws_cal], axis=1), X_cal


class _Columns:
    """What a classifier sees of points and their data sets.

    All is fitted without a look at which of the points is the truth, and so keeps the test exact.
    """

    def __init__(self, members, X_cal, *, seed):
        self._features = StandardScaler().fit(X_cal)
        n_kernels = min(_N_KERNELS, len(X_cal))
        self._kernels = Nystroem(n_components=n_kernels, random_state=seed).fit(self._features.transform(X_cal))
        self._middle = RidgeCV(_ALPHAS).fit(self._predictors(X_cal), members.mean(axis=1))
        self._spread = StandardScaler().fit(_rows(self._residuals(members, X_cal)))
        self._scale = StandardScaler().fit(_rows(self._powers(members, X_cal)))

    def standardised(self, points, X):
        """Return points less what their data set predicts, and its features: `(n, n_points, n_columns)`."""
        features = np.repeat(self._features.transform(X)[:, np.newaxis], points.shape[1], axis=1)
        return np.concatenate([self._standardised_points(points, X), features], axis=2)

    def moments(self, points, X):
        """Return powers of these points, by themselves and times smooth functions of the data set."""
        powers = _mapped(self._scale, self._powers(points, X))
        smooth = self._kernels.transform(self._features.transform(X))
        products = powers[..., np.newaxis] * smooth[:, np.newaxis, np.newaxis]
        return np.concatenate([powers, products.reshape(*powers.shape[:2], -1)], axis=2)

    def _predictors(self, X):
        features = self._features.transform(X)
        return np.hstack([features, self._kernels.transform(features)])

    def _residuals(self, points, X):
        return points - self._middle.predict(self._predictors(X)).reshape(len(X), 1, -1)

    def _standardised_points(self, points, X):
        return _mapped(self._spread, self._residuals(points, X))

    def _powers(self, points, X):
        values = self._standardised_points(points, X)
        first, second = np.triu_indices(values.shape[2])
        return np.concatenate([values, values[..., first] * values[..., second], values**3], axis=2)


def _rows(values):
    """Return points of all data sets, `(n, n_columns)`."""
    return values.reshape(-1, values.shape[-1])


def _mapped(scaler, values):
    """Return points that a fitted scaler has scaled, in their shape."""
    return scaler.transform(_rows(values)).reshape(values.shape)


def _statistic(classifier, members, called, observed):
    """Return the statistic of each observed data set when member `called` of each calibration one is the truth."""
    rows, n_draws_cal = np.arange(len(members)), members.shape[1] - 1
    ordered = members.copy()
    ordered[rows, 0], ordered[rows, called] = members[rows, called], members[rows, 0]
    # A truth for each draw, so that both classes are of one size.
    truths = np.repeat(ordered[:, 0], n_draws_cal, axis=0)
    values = np.concatenate([truths, ordered[:, 1:].reshape(truths.shape)])
    label = np.repeat([1, 0], len(truths))
    fitted = clone(classifier).fit(values, label)
    proba = fitted.predict_proba(observed.reshape(-1, observed.shape[2]))[:, 1]
    return ((proba.reshape(observed.shape[:2]) - 0.5) ** 2).mean(axis=1)
