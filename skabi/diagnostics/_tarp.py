"""Coverage of regions around random points: a check of all parameters at once, from draws alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skabi._random import generators
from skabi._shapes import check_draws_and_parameters, check_parameters
from skabi.diagnostics._coverage import coverage_curve
from skabi.diagnostics._result import Result
from skabi.diagnostics._sbc import break_ties
from skabi.diagnostics._uniformity import smooth_p_values
from skabi.diagnostics._units import rescaled
from skabi.exceptions import ShapeError

# Direction and spread. The third and fourth polynomial cost more power against a shift than they add.
_ORDER = 2


@dataclass(frozen=True, repr=False)
class TARP(Result):
    """Expected coverage of balls around reference points, with its Monte Carlo error.

    Attributes
    ----------
    levels : array of shape (n_levels,)
        Nominal probabilities of the balls.
    coverage : array of shape (n_levels,)
        Share of the data sets whose ball holds the truth.
    lower, upper : array of shape (n_levels,)
        Jeffreys intervals of the coverage for the number of data sets there are, one level at a time.
    prob : float
        Probability of these intervals.
    ranks : int array of shape (n_datasets,)
        Numbers of draws that are nearer to the reference point than the truth, between 0 and n_draws.
    p_value : float
        Probability that an exact posterior gives ranks as far from uniform, or as far from independent of the
        directions of the reference points.
    """

    levels: np.ndarray
    coverage: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    prob: float
    ranks: np.ndarray
    p_value: float


def tarp(
    draws: ArrayLike,
    y: ArrayLike,
    *,
    references: ArrayLike | None = None,
    levels: ArrayLike | None = None,
    prob: float = 0.95,
    random_state=None,
) -> TARP:
    """Return how often balls around random points hold the true parameters: tests of accuracy with random points.

    Each data set has a reference point. The share of draws that are nearer to it than the truth is the probability of
    the smallest ball around it that reaches the truth; it is uniform if the posterior is exact [1]_. Draws suffice, no
    density is needed, and all parameters are judged at once, their dependence included. Distances are Euclidean in
    parameters that are divided by their standard deviation over all draws of all data sets, so that units do not
    matter.

    By default the reference point is a draw of the posterior of another data set, and each data set is another's
    once. These points lie where the prior has its mass, at its scale and within its bounds, and do not depend on the
    truth they judge. Points from a unit box, or from the range of the truths, have another scale than a prior that is
    not a box: most of them lie far to one side, where a ball is a half space, and the check looks in few directions.

    A shift that is the same for all data sets makes the truth nearer to some reference points and farther from
    others, and nearly cancels in the coverage; a curve on the diagonal is no proof of its absence. The p-value does
    not lose it. Given the reference point and the set that draws and truth make up together, each of which may be the
    truth, the share of an exact posterior is still uniform, and so has no covariance with the direction from the mean
    of that set to the reference point. The p-value adds the squares of these covariances, one a parameter, to those
    of the mean and the spread of the shares, as `uniformity_test` does, with their exact covariance: chi-squared with
    n_parameters + 2 degrees of freedom. With fewer than 100 data sets it comes of 9,999 simulations of uniform shares.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Independent posterior draws for each data set.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        True parameters of each data set; one dimension means one parameter.
    references : array-like of shape (n_datasets, n_parameters), optional
        Reference points, in the units of y. They may depend on the data set, and must not depend on its truth.
    levels : array-like of shape (n_levels,) in (0, 1), optional
        Probabilities of the balls; by default 0.05, 0.1, ..., 0.95.
    prob : float in (0, 1), default=0.95
        Probability of the Jeffreys intervals of the coverage.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Chooses the reference points, and breaks ties.

    Returns
    -------
    result : TARP
        Levels, coverage, Monte Carlo limits, ranks and the p-value.

    Raises
    ------
    ShapeError
        If draws, y or references have another shape, or there is one data set only and no reference is given.
    ValueError
        If draws, y or references are not finite numbers, or levels are not numbers between 0 and 1.

    See Also
    --------
    highest_density_coverage : Coverage of all parameters at once, where a density is known.

    References
    ----------
    .. [1] P. Lemos, A. Coogan, Y. Hezaveh, L. Perreault-Levasseur (2023). Sampling-based accuracy testing of posterior
       estimators for general inference. ICML. arXiv:2302.03026.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import tarp
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(1000, 2))
    >>> x = y + 0.5 * rng.normal(size=(1000, 2))
    >>> draws = 0.8 * x[:, np.newaxis] + np.sqrt(0.2) * rng.normal(size=(1000, 200, 2))
    >>> print(tarp(draws, y, random_state=0).p_value > 0.05)
    True
    >>> print(tarp(draws + 0.1, y, random_state=0).p_value < 0.001)
    True
    """
    draws, y = check_draws_and_parameters(draws, y)
    n_draws = draws.shape[1]
    for_references, for_ties = generators(random_state, 2)
    references = _draws_of_others(draws, for_references) if references is None else _check_references(references, y)
    draws, y, references = rescaled(draws, y, references, by=draws)
    scale = draws.std(axis=(0, 1))
    scale[scale == 0] = 1.0
    from_reference, of_truth = (draws - references[:, np.newaxis]) / scale, (y - references) / scale
    distances, distance = np.linalg.norm(from_reference, axis=2), np.linalg.norm(of_truth, axis=1)[:, np.newaxis]
    nearer, equal = np.count_nonzero(distances < distance, axis=1), np.count_nonzero(distances == distance, axis=1)
    # With the truth among the draws, so that its share is uniform given the direction, however few draws there are.
    directions = -(from_reference.sum(axis=1) + of_truth)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    np.divide(directions, lengths, out=directions, where=lengths > 0)
    curve = coverage_curve(nearer, equal, n_draws, levels=levels, prob=prob, central=False)
    ranks = break_ties(nearer, equal, for_ties)
    p_value = smooth_p_values(ranks[:, np.newaxis], n_draws, _ORDER, directions=directions)
    return TARP(**curve, ranks=ranks, p_value=float(p_value[0]))


def _draws_of_others(draws, rng) -> np.ndarray:
    """Return a draw of another data set for each, `(n_datasets, n_parameters)`, along a random circle of data sets."""
    n_datasets, n_draws, _ = draws.shape
    if n_datasets < 2:
        raise ShapeError("Reference points are draws of other data sets, and there is one data set; pass references=.")
    circle = rng.permutation(n_datasets)
    other = np.empty(n_datasets, dtype=np.int64)
    other[circle] = np.roll(circle, 1)
    return draws[other, rng.integers(n_draws, size=n_datasets)]


def _check_references(references, y) -> np.ndarray:
    """Return reference points as a finite array of the shape of y."""
    references = check_parameters(references, n_parameters=y.shape[1], name="references")
    if len(references) != len(y):
        raise ShapeError(f"references must have one row for each of {len(y)} data sets; got {len(references)}.")
    return references
