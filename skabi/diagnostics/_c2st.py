"""Classifier two-sample test."""

import warnings

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.exceptions import ApproximationWarning, ShapeError


def c2st(
    reference: ArrayLike,
    draws: ArrayLike,
    *,
    classifier=None,
    n_folds: int = 5,
    random_state: int | None = 1,
    n_jobs: int | None = None,
):
    """Return how well a classifier tells draws from draws of a reference posterior.

    With few draws, a few hundred say, take `mmd_test` first: it is quick, and its p-value is exact.

    The result is the cross-validated accuracy of the classifier [1]_: 0.5 if it cannot tell the two apart, 1.0 if
    they are disjoint. By default, as in the SBIBM benchmark [2]_, both sets are standardised by the mean and standard
    deviation of the reference, and the classifier is a network with two layers of 10 * n_parameters rectified linear
    units; it is trained for 1,000 iterations at most, there for 10,000.

    Parameters
    ----------
    reference : array-like of shape (n_draws, n_parameters) or (n_datasets, n_draws, n_parameters)
        Draws of the exact posterior, of one data set or of several.
    draws : array-like of the same shape
        Draws of the posterior to be judged.
    classifier : scikit-learn classifier, optional
        Used instead of the network, as it is: it is cloned, and its own `random_state` rules.
        `RandomForestClassifier(min_samples_leaf=5)` needs no tuning.
    n_folds : int, default=5
        Number of folds of the cross-validation.
    random_state : int or None, default=1
        Seed of the folds and of the default classifier.
    n_jobs : int, optional
        Number of folds and data sets that are worked on at the same time.

    Returns
    -------
    accuracy : float, or array of shape (n_datasets,)
        An array if draws have three dimensions.

    Raises
    ------
    ShapeError
        If the two sets differ in shape (they must be of one size, or a classifier that always names the larger set
        would pass 0.5), or have neither two nor three dimensions.
    ValueError
        If values are not finite numbers, or draws are fewer than n_folds.

    Warns
    -----
    ApproximationWarning
        If the training of a classifier did not converge, as happens with a few hundred draws or less; the accuracy
        may then be too low.

    See Also
    --------
    mmd_test, sliced_wasserstein_test : Tests with exact p-values, for few draws, too.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab (2017). Revisiting classifier two-sample tests. ICLR. arXiv:1610.06545.
    .. [2] J.-M. Lueckmann, J. Boelts, D. Greenberg, P. Goncalves, J. Macke (2021). Benchmarking simulation-based
       inference. AISTATS. arXiv:2101.04653.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skabi.diagnostics import c2st
    >>> rng = np.random.default_rng(0)
    >>> reference = rng.normal(size=(1000, 2))
    >>> shifted = rng.normal(size=(1000, 2)) + [2.0, 0.0]
    >>> round(c2st(reference, shifted, classifier=LogisticRegression()), 1)
    0.8
    """
    reference = as_float_array(reference, name="reference")
    draws = as_float_array(draws, name="draws")
    n_folds = check_count(n_folds, "n_folds", minimum=2)
    _check_pair(reference, draws, n_folds)
    n_draws, n_parameters = draws.shape[-2:]
    is_network = classifier is None
    if is_network:
        classifier = _make_network(n_parameters, random_state)
    label = np.repeat([0, 1], n_draws)
    folds = list(KFold(n_folds, shuffle=True, random_state=random_state).split(label))
    shape = (-1, n_draws, n_parameters)
    pairs = [_standardise(*pair) for pair in zip(reference.reshape(shape), draws.reshape(shape), strict=True)]
    if is_network:
        # Single precision takes half the time.
        largest = np.finfo(np.float32).max
        pairs = [np.clip(values, -largest, largest).astype(np.float32) for values in pairs]
    results = Parallel(n_jobs=n_jobs)(
        delayed(_fold_accuracy)(classifier, values, label, fold) for values in pairs for fold in folds
    )
    fold_accuracies, converged = zip(*results, strict=True)
    _warn_unless_all(converged)
    accuracy = np.reshape(fold_accuracies, (len(pairs), n_folds)).mean(axis=1)
    return float(accuracy[0]) if draws.ndim == 2 else accuracy


def _check_pair(reference, draws, n_folds):
    """Raise if the two sets cannot be compared."""
    if reference.ndim not in (2, 3):
        raise ShapeError(
            "reference must have shape (n_draws, n_parameters) or (n_datasets, n_draws, n_parameters); got "
            f"{reference.shape}. For a single parameter pass reference[:, np.newaxis]."
        )
    if reference.shape != draws.shape or reference.size == 0:
        raise ShapeError(
            "reference and draws must have the same shape, with as many draws in one as in the other; got "
            f"{reference.shape} and {draws.shape}. Draw as many as the reference has, or take a random part of it."
        )
    if draws.shape[-2] < n_folds:
        raise ValueError(f"c2st needs at least n_folds={n_folds} draws; got {draws.shape[-2]}.")


def _make_network(n_parameters, random_state):
    """Return the classifier of the SBIBM benchmark."""
    width = 10 * n_parameters
    return MLPClassifier(hidden_layer_sizes=(width, width), max_iter=1000, random_state=random_state)


def _standardise(reference, draws):
    """Return both sets, one after the other, by the mean and sd of the reference."""
    mean, std = reference.mean(axis=0), reference.std(axis=0, ddof=1)
    both = np.concatenate([reference, draws])
    # A column in which the reference is constant is scaled by its spread in both sets, or left if that is 0 too.
    constant = np.ptp(reference, axis=0) == 0
    std = np.where(constant, both.std(axis=0), std)
    std = np.where(np.ptp(both, axis=0) == 0, 1.0, std)
    return (both - mean) / std


def _fold_accuracy(classifier, values, label, fold):
    """Return the accuracy on one fold, and whether the classifier converged."""
    train, test = fold
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = clone(classifier).fit(values[train], label[train])
    converged = True
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            converged = False
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return np.mean(fitted.predict(values[test]) == label[test]), converged


def _warn_unless_all(converged):
    """Warn, in the name of the caller of `c2st`, of classifiers that did not converge."""
    n_unconverged = len(converged) - sum(converged)
    if n_unconverged:
        warnings.warn(
            f"{n_unconverged} of {len(converged)} classifiers did not converge, so that a better one may tell the two "
            "sets apart where these did not. Use more draws, a classifier with more iterations, or one without, "
            "such as RandomForestClassifier(min_samples_leaf=5).",
            ApproximationWarning,
            stacklevel=3,
        )
