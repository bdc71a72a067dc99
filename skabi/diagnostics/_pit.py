"""Probability integral transforms, and whether they are uniform."""

import numpy as np
from numpy.typing import ArrayLike

from skabi._random import generators
from skabi._shapes import check_draws_and_parameters
from skabi.diagnostics._ecdf import RankECDF, sbc_ecdf
from skabi.diagnostics._sbc import count_below_and_equal
from skabi.exceptions import ShapeError

_MAX_PIECES = 1000


def pit_values(draws: ArrayLike, y: ArrayLike, *, random_state=None) -> np.ndarray:
    """Return probability integral transforms of true values among draws.

    The transform is the share of draws below the true value, made continuous: the draws cut the line into n_draws + 1
    pieces of equal probability, and the transform is a random point of the piece that holds the true value, or of
    the pieces between which it lies if it equals draws [1]_. If draws and true value come from the same distribution,
    it is exactly uniform on [0, 1] for any number of draws, and for discrete values too.

    It serves predictive checks as well: replicated data sets in place of draws, `(n_datasets, n_replications,
    n_features)`, and observed data in place of y.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Draws for each data set.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        True values of each data set; one dimension means one parameter.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Chooses the points within the pieces.

    Returns
    -------
    pit : array of shape (n_datasets, n_parameters)
        Values between 0 and 1.

    Raises
    ------
    ShapeError
        If draws or y have another shape.
    ValueError
        If draws or y are not finite numbers.

    See Also
    --------
    pit_ecdf : Are the transforms uniform?

    References
    ----------
    .. [1] C. Czado, T. Gneiting, L. Held (2009). Predictive model assessment for count data. Biometrics 65.

    Examples
    --------
    >>> from skabi.diagnostics import pit_values
    >>> pit = pit_values([[[0.1], [0.2], [0.3]]], [0.25], random_state=0)
    >>> bool(0.5 <= pit[0, 0] <= 0.75)
    True
    """
    draws, y = check_draws_and_parameters(draws, y)
    below, equal = count_below_and_equal(draws, y)
    (rng,) = generators(random_state, 1)
    return (below + (equal + 1) * rng.random(y.shape)) / (draws.shape[1] + 1)


def pit_ecdf(pit: ArrayLike, *, prob: float = 0.95) -> RankECDF:
    """Return the ECDF of probability integral transforms and whether it stays within simultaneous bands.

    Transforms heap up in the middle if predictions are too wide, at both ends if they are too narrow, at one end if
    they are biased. The bands are those of `sbc_ecdf` [1]_, at the multiples of 1 / n_values, or of 1 / 1000 if
    values are more.

    Parameters
    ----------
    pit : array-like of shape (n_values, n_columns) or (n_values,)
        Independent values in [0, 1], such as those of `pit_values`.
    prob : float in (0, 1), default=0.95
        Coverage of the bands, for each column by itself.

    Returns
    -------
    result : RankECDF
        ECDF, the share of values that are at most z (none at z = 0), with bands, and for each column `inside` and an
        exact p-value.

    Raises
    ------
    ShapeError
        If pit has another number of dimensions.
    ValueError
        If values are NaN or outside [0, 1], or prob lies outside (0, 1).

    See Also
    --------
    ecdf_bands : How the bands are computed.

    References
    ----------
    .. [1] T. Säilynoja, P.-C. Bürkner, A. Vehtari (2022). Graphical test for discrete uniformity and its applications
       in goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32. arXiv:2103.10522.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import pit_ecdf
    >>> rng = np.random.default_rng(0)
    >>> pit_ecdf(np.column_stack([rng.random(200), rng.beta(2, 2, size=200)])).inside
    array([ True, False])
    """
    pit = _check_pit(pit)
    n_pieces = int(np.clip(len(pit), 2, _MAX_PIECES))
    return sbc_ecdf(pit_ranks(pit, n_pieces), n_pieces - 1, prob=prob)


def pit_ranks(pit, n_pieces):
    """Return which of n_pieces of [0, 1] holds each value, counted from 0; a piece holds its right end."""
    ends = np.arange(1, n_pieces + 1) / n_pieces
    return np.searchsorted(ends, pit)


def _check_pit(pit) -> np.ndarray:
    """Return values in [0, 1] as an array `(n_values, n_columns)`."""
    pit = np.asarray(pit, dtype=np.float64)
    if pit.ndim == 1:
        pit = pit[:, np.newaxis]
    if pit.ndim != 2 or 0 in pit.shape:
        raise ShapeError(f"pit must have shape (n_values, n_columns) or (n_values,), none of them 0; got {pit.shape}.")
    n_nan = np.count_nonzero(np.isnan(pit).any(axis=1))
    if n_nan:
        raise ValueError(
            f"pit must be numbers between 0 and 1; {n_nan} of {len(pit)} rows hold NaN. Find out what these data sets "
            "have in common before the others are judged."
        )
    if (pit < 0).any() or (pit > 1).any():
        raise ValueError(
            f"pit must be numbers between 0 and 1; they go from {pit.min()} to {pit.max()}. pit_values makes them from "
            "draws and true values."
        )
    return pit
