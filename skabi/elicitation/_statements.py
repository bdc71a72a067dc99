"""How an expert is asked: quantiles, moments, chips in bins, correlations."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy import stats
from sklearn.base import BaseEstimator

from skabi._params import check_count
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, ShapeError

# Derivatives of a quantile are means over draws around it, as many as tell apart quantiles of a sample of this size.
_SHARPNESS = 400.0
# How far from one shares may sum that were rounded.
_ROUNDED = 0.02


@dataclass(frozen=True)
class Stated:
    """What an expert stated of one target, arrays `(n_rows, n_statistics)`.

    Attributes
    ----------
    points : ndarray of shape (n_rows, n_points)
        What implied numbers are compared with.
    scale : ndarray of shape (n_rows, n_points)
        Unit of each, so that differences have none; infinite for a point that does not count.
    shown : ndarray of shape (n_rows, n_statistics)
        The statement as it was made.
    probabilities : ndarray of shape (n_rows, n_points) or None
        Of which the points are quantiles.
    """

    points: np.ndarray
    scale: np.ndarray
    shown: np.ndarray
    probabilities: np.ndarray | None = None


class BaseStatement(BaseEstimator):
    """Base class of ways to ask: answers in, and the numbers that a prior implies to compare them with."""

    def check(self, answer, n_columns):
        """Return answers about `n_columns` quantities as a `Stated`, or raise a ValueError that says what is wrong."""
        raise NotImplementedError

    def points(self, values, stated):
        """Return what simulated `values`, a tensor `(n_simulations, n_columns)`, imply, like `stated.points`."""
        raise NotImplementedError

    def shown(self, values, stated=None):
        """Return what `values` imply as an expert would state it, an ndarray like `stated.shown`."""
        return self.points(values, stated).detach().numpy()

    def inside(self, stated):
        """Return what was stated that must lie inside the range of the quantity, `(n_rows, n_inside)`, NaN for none."""
        return np.empty((len(stated.points), 0))

    def labels(self, n_columns):
        """Return names of the statistics of a row."""
        raise NotImplementedError

    def rows(self, n_columns):
        """Return a label for each row: columns of the quantity."""
        return list(range(n_columns))


class Quantiles(BaseStatement):
    """Quantiles: "I am p sure that it is below ...".

    Answers have shape (n_columns, n_probabilities), or (n_probabilities,) of a single column.

    Parameters
    ----------
    probabilities : tuple of float
        Increasing, between 0 and 1.

    Examples
    --------
    >>> from skabi.elicitation import Quantiles
    >>> Quantiles((0.25, 0.5, 0.75)).check([1.0, 2.0, 4.0], 1).points
    array([[1., 2., 4.]])
    """

    def __init__(self, probabilities=(0.05, 0.25, 0.5, 0.75, 0.95)):
        self.probabilities = probabilities

    def check(self, answer, n_columns):
        """Return the answers, which must increase with the probabilities."""
        probabilities = self._probabilities()
        points = as_rows(answer, n_columns, len(probabilities), "probabilities")
        for row in points:
            if (np.diff(row) <= 0).any():
                raise ValueError(
                    f"quantiles must increase with their probabilities {self._stated()}; got {row.tolist()}. Put them "
                    "in order, or leave out probabilities with equal answers."
                )
        spread = np.ptp(points, axis=1, keepdims=True)
        scale = np.where(spread > 0, spread, _own_size(points))
        return Stated(points, np.broadcast_to(scale, points.shape), points, np.tile(probabilities, (len(points), 1)))

    def points(self, values, stated=None):
        """Return quantiles, `(n_columns, n_probabilities)`."""
        return quantiles(values, np.tile(self._probabilities(), (values.shape[1], 1)))

    def inside(self, stated):
        """Return the quantiles."""
        return stated.points

    def labels(self, n_columns):
        """Return names of the quantiles."""
        return [f"{100 * p:g} %" for p in self._probabilities()]

    def _stated(self):
        return tuple(float(p) for p in self._probabilities())

    def _probabilities(self):
        p = np.atleast_1d(np.asarray(self.probabilities, dtype=np.float64))
        if p.ndim != 1 or not len(p) or not ((p > 0) & (p < 1)).all() or (np.diff(p) <= 0).any():
            raise ValueError(
                f"probabilities must increase and lie between 0 and 1, ends excluded; got {self.probabilities!r}. "
                "5 % is 0.05."
            )
        return p


class Moments(BaseStatement):
    """Mean and standard deviation.

    Answers have shape (n_columns, 2): means, then standard deviations; or (n_columns, 1) if one of them is asked.

    Parameters
    ----------
    mean, sd : bool, default=True
        Whether each is asked.

    Examples
    --------
    >>> from skabi.elicitation import Moments
    >>> Moments().labels(1)
    ['mean', 'sd']
    """

    def __init__(self, *, mean=True, sd=True):
        self.mean = mean
        self.sd = sd

    def check(self, answer, n_columns):
        """Return the answers, whose standard deviations must be positive."""
        points = as_rows(answer, n_columns, len(self.labels(n_columns)), "moments")
        if not self.sd:
            return Stated(points, _own_size(points), points)
        if (points[:, -1] <= 0).any():
            raise ValueError(f"standard deviations must be positive; got {points[:, -1].tolist()}.")
        return Stated(points, np.broadcast_to(points[:, -1:], points.shape), points)

    def points(self, values, stated=None):
        """Return moments, `(n_columns, n_moments)`."""
        moments = [values.mean(0)] * bool(self.mean) + [values.std(0)] * bool(self.sd)
        return torch.stack(moments, dim=1)

    def inside(self, stated):
        """Return the means."""
        return stated.points[:, : int(bool(self.mean))]

    def labels(self, n_columns):
        """Return names of the moments."""
        if not (self.mean or self.sd):
            raise ValueError("Moments must ask for mean, sd or both.")
        return ["mean"] * bool(self.mean) + ["sd"] * bool(self.sd)


class Histogram(BaseStatement):
    """Chips that an expert placed in bins.

    Answers have shape (n_columns, n_bins): chips, counts or shares, which are divided by their sum. The edges are
    compared with the quantiles that the prior has at the summed shares: nothing is said of where in a bin chips lie.

    Parameters
    ----------
    edges : array-like of shape (n_bins + 1,) or (n_columns, n_bins + 1)
        Increasing edges of two bins or more, in the unit of the quantity. The first and the last may be infinite.

    Examples
    --------
    >>> from skabi.elicitation import Histogram
    >>> Histogram([0, 10, 20, 40]).check([2, 5, 3], 1).shown
    array([[0.2, 0.5, 0.3]])
    """

    def __init__(self, edges):
        self.edges = edges

    def check(self, answer, n_columns):
        """Return the edges, and the shares below them."""
        edges = self._edges(n_columns)
        chips = as_rows(answer, n_columns, edges.shape[1] - 1, "bins")
        if (chips < 0).any() or ((chips > 0).sum(axis=1) < 2).any():
            raise ValueError(
                f"chips must not be negative, and lie in two bins at least; got {chips.tolist()}. Ask again with "
                "narrower bins if all chips were placed in one."
            )
        total = chips.sum(axis=1)
        are_shares = (chips <= 1).all(axis=1) & (chips % 1 > 0).any(axis=1)
        if (are_shares & (np.abs(total - 1) > _ROUNDED)).any():
            warn(
                f"shares in bins should sum to one, and sum to {np.round(total, 4).tolist()}: they are divided by "
                "that. Is a bin missing? Edges may be infinite.",
                ApproximationWarning,
            )
        shares = chips / total[:, np.newaxis]
        below, inner = np.cumsum(shares, axis=1)[:, :-1], edges[:, 1:-1]
        counts = (below > 1e-9) & (below < 1 - 1e-9)
        # Of the edges with chips on both sides; of a single one, its own size.
        spread = np.array([np.ptp(row[c]) for row, c in zip(inner, counts, strict=True)])[:, np.newaxis]
        scale = np.where(spread > 0, spread, _own_size(inner))
        return Stated(inner, np.where(counts, scale, np.inf), shares, np.clip(below, 1e-9, 1 - 1e-9))

    def points(self, values, stated):
        """Return quantiles at the summed shares, `(n_columns, n_bins - 1)`."""
        return quantiles(values, stated.probabilities)

    def shown(self, values, stated=None):
        """Return shares in the bins, `(n_columns, n_bins)`."""
        values = values.detach().numpy()
        edges = self._edges(values.shape[1])
        return np.stack([np.diff((v[:, None] <= e).mean(0)) for v, e in zip(values.T, edges, strict=True)])

    def inside(self, stated):
        """Return edges with chips on both sides."""
        return np.where(np.isfinite(stated.scale), stated.points, np.nan)

    def labels(self, n_columns):
        """Return names of the bins."""
        edges = self._edges(n_columns)
        if len(np.unique(edges, axis=0)) > 1:
            return [f"bin {i}" for i in range(edges.shape[1] - 1)]
        return [f"{low:g} to {high:g}" for low, high in zip(edges[0, :-1], edges[0, 1:], strict=True)]

    def _edges(self, n_columns):
        edges = np.atleast_2d(np.asarray(self.edges, dtype=np.float64))
        if edges.ndim != 2 or edges.shape[1] < 3 or len(edges) not in (1, n_columns):
            raise ShapeError(
                f"edges must have shape (n_bins + 1,) or ({n_columns}, n_bins + 1), of two bins or more; got "
                f"{np.shape(self.edges)}."
            )
        if np.isnan(edges).any() or not np.isfinite(edges[:, 1:-1]).all() or (np.diff(edges, axis=1) <= 0).any():
            raise ValueError(f"edges must increase; got {edges.tolist()}.")
        return np.broadcast_to(edges, (n_columns, edges.shape[1]))


class Correlation(BaseStatement):
    """Correlations between the columns of a quantity.

    Answers are a matrix (n_columns, n_columns), or its upper triangle row by row.

    Examples
    --------
    >>> from skabi.elicitation import Correlation
    >>> Correlation().labels(3)
    ['0, 1', '0, 2', '1, 2']
    """

    def check(self, answer, n_columns):
        """Return the correlations, which must be those of some matrix."""
        if n_columns < 2:
            raise ValueError("correlations need a quantity of two columns at least, such as Parameter(['a', 'b']).")
        stated = as_finite(answer)
        upper = np.triu_indices(n_columns, 1)
        n_pairs = len(upper[0])
        if stated.shape == (n_columns, n_columns):
            if not np.allclose(stated, stated.T) or not np.allclose(np.diag(stated), 1.0):
                raise ValueError(f"a correlation matrix is symmetric with ones on its diagonal; got {stated.tolist()}.")
            stated = stated[upper]
        if stated.size != n_pairs:
            raise ShapeError(
                f"correlations of {n_columns} columns must have shape ({n_columns}, {n_columns}) or ({n_pairs},); got "
                f"{np.shape(answer)}."
            )
        matrix = np.eye(n_columns)
        matrix[upper] = matrix.T[upper] = stated.ravel()
        if np.linalg.eigvalsh(matrix).min() <= 0:
            raise ValueError(
                "correlations must make a positive definite matrix; these contradict each other, or two columns are "
                f"one: {stated.ravel().tolist()}."
            )
        points = stated.reshape(1, -1)
        return Stated(points, np.ones_like(points), points)

    def points(self, values, stated=None):
        """Return correlations, `(1, n_pairs)`."""
        z = values - values.mean(0)
        z = z / z.square().sum(0).sqrt().clamp_min(1e-300)
        rows, columns = np.triu_indices(values.shape[1], 1)
        return (z.T @ z)[rows, columns][None]

    def labels(self, n_columns):
        """Return names of the pairs."""
        return [f"{i}, {j}" for i, j in zip(*np.triu_indices(n_columns, 1), strict=True)]

    def rows(self, n_columns):
        """Return the one label of all pairs."""
        return ["pairs"]


def as_finite(answer):
    """Return answers as finite float64 numbers."""
    try:
        answer = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"answers must be numbers; got {answer!r}.") from None
    if not np.isfinite(answer).all():
        raise ValueError(f"answers must be finite numbers; got {answer.tolist()}. Leave out what was not answered.")
    return answer


def as_rows(answer, n_columns, n_statistics, what):
    """Return answers as `(n_columns, n_statistics)`."""
    answer = as_finite(answer)
    rows = answer[np.newaxis] if n_columns == 1 and answer.ndim == 1 else answer
    rows = rows[:, np.newaxis] if n_statistics == 1 and rows.ndim == 1 else rows
    if rows.shape != (n_columns, n_statistics):
        expected = f"({n_columns}, {n_statistics})" + (f" or ({n_statistics},)" if n_columns == 1 else "")
        raise ShapeError(
            f"answers must have shape {expected}, a row for each column of the quantity and a column for each of the "
            f"{n_statistics} {what}; got {answer.shape}."
        )
    return rows


def quantiles(values, probabilities):
    """Return quantiles of columns, `(n_columns, n_points)`, with derivatives averaged over the draws around each.

    NaN of a column with NaN, which would be sorted as if it were large.

    Parameters
    ----------
    values : tensor of shape (n_simulations, n_columns)
    probabilities : ndarray of shape (n_columns, n_points)
    """
    order = values.sort(dim=0).values
    n = check_count(len(order), "n_simulations", minimum=2)
    place = np.clip(probabilities * n - 0.5, 0, n - 1)
    low = np.minimum(place.astype(int), n - 2)
    column = np.arange(len(low))[:, np.newaxis]
    below, above = order.detach()[low, column], order.detach()[low + 1, column]
    exact = below + torch.from_numpy(place - low) * (above - below)
    exact = torch.where(order.detach()[-1].isnan()[:, None], torch.nan, exact)
    if not values.requires_grad:
        return exact
    means = torch.stack([_weights(tuple(p), n) @ order[:, j] for j, p in enumerate(probabilities.tolist())])
    # The value of one, and the derivative of the other.
    return exact + (means - means.detach())


@lru_cache(maxsize=64)
def _weights(probabilities, n):
    """Return weights of order statistics around quantiles, `(n_points, n)`: Harrell and Davis (1982)."""
    p = np.array(probabilities)[:, np.newaxis]
    sharpness = min(_SHARPNESS, n)
    ends = stats.beta(sharpness * p + 0.5, sharpness * (1 - p) + 0.5).cdf(np.linspace(0, 1, n + 1))
    return torch.from_numpy(np.diff(ends, axis=1))


def _own_size(points):
    return np.where(points == 0, 1.0, np.abs(points))
