"""A prior cut to where the posterior of one data set is."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from skabi._params import check_real
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.priors._base import BasePrior, check_prior
from skabi.priors._bijections import UnivariateBijection

# Where normal distribution functions end in double precision; and how far a draw in the box may be.
_LARGEST, _FARTHEST = 37.0, 8.0


class NarrowedPrior(BasePrior):
    """A prior inside a box: a proposal of parameters for one observed data set [1]_.

    Simulations with parameters from all of the prior are spent on data sets of every kind. If only one is of interest,
    they do more where its posterior is. Cut to a box that holds the posterior, the prior is the same up to a constant
    there, so that what is learned from it by `ForwardKL` is the posterior of that data set, without a correction; only
    of data sets like it the posterior is in the box as well. A box that cuts the posterior off cuts what is learned.

    The box has its sides along the coordinates in which the prior is independent standard normals: for independent
    parameters, along these.

    Parameters
    ----------
    prior : prior
        What is cut.
    low, high : array-like of shape (n_parameters,)
        Ends of the box in standard normal coordinates, those of `prior.to_real`.

    See Also
    --------
    narrowed : The box around draws of a posterior.

    References
    ----------
    .. [1] M. Deistler, P. Gonçalves, J. Macke (2022). Truncated proposals for scalable and hassle-free simulation-based
       inference. NeurIPS 2022. arXiv 2210.04815.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior, NarrowedPrior
    >>> wide = IndependentPrior({"rate": stats.uniform(0.0, 100.0)})
    >>> NarrowedPrior(wide, [0.0], [1.0]).support.round(1)
    array([[50. , 84.1]])
    """

    def __init__(self, prior, low: ArrayLike, high: ArrayLike):
        self.prior = check_prior(prior)
        self.low, self.high = (as_float_array(end, name=name) for end, name in ((low, "low"), (high, "high")))
        n_parameters = len(prior.parameter_names)
        for name, end in (("low", self.low), ("high", self.high)):
            if end.shape != (n_parameters,):
                raise ShapeError(f"{name} must have shape ({n_parameters},), one end a parameter; got {end.shape}.")
        if not ((self.low < self.high) & (self.low > -_LARGEST) & (self.high < _LARGEST)).all():
            raise ValueError(
                f"low must be below high, both within {_LARGEST:g} standard deviations; got {self.low.tolist()} and "
                f"{self.high.tolist()}."
            )
        entries = prior.split(np.zeros((1, n_parameters)))
        self._set_entries({name: entry.shape[1] if entry.ndim > 1 else None for name, entry in entries.items()})

    def __repr__(self):
        return f"{type(self).__name__}({self.prior!r}, {self.low.tolist()}, {self.high.tolist()})"

    def _probe(self):
        """Find the support: the corners of the box, and a thousand draws where parameters depend on each other."""
        y = np.vstack([self.prior.from_real(np.vstack([self.low, self.high])), self.sample(1000, random_state=0)])
        self._support = np.column_stack([y.min(axis=0), y.max(axis=0)])

    def _box(self):
        return UnivariateBijection(stats.truncnorm(self.low, self.high))

    def _draw(self, n, rng):
        return self.from_real(rng.standard_normal((n, self.n_parameters)))

    def log_prob(self, y: ArrayLike) -> np.ndarray:
        """Return the log density, `(n,)`; minus infinity outside the box.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)
        """
        u, log_det = self.prior.to_real(y)
        return np.where(np.isfinite(log_det), self._box().log_density(u).sum(axis=1) + log_det, -np.inf)

    def to_real(self, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Map parameters to independent standard normals.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)

        Returns
        -------
        u : ndarray of shape (n, n_parameters)
        log_det : ndarray of shape (n,)
            `log |det du/dy|`; minus infinity outside the box.
        """
        inner, log_det = self.prior.to_real(y)
        u, terms = self._box().to_real(inner)
        return u, log_det + terms.sum(axis=1)

    def from_real(self, u: ArrayLike) -> np.ndarray:
        """Map real numbers `(n, n_parameters)` into the box: the inverse of `to_real`."""
        return self.prior.from_real(self._box().from_real(np.clip(self._check(u, name="u"), -_FARTHEST, _FARTHEST)))


def narrowed(prior, draws: ArrayLike, *, margin: float = 0.25) -> NarrowedPrior:
    """Return a prior inside the box around posterior draws of one observed data set.

    Parameters
    ----------
    prior : prior
        That of the posterior.
    draws : array-like of shape (n_draws, n_parameters)
        Those of a first, rough posterior: `posterior.sample(observed, 10_000)[0]`.
    margin : float, default=0.25
        What is added at each end, of the width of the draws.

    Returns
    -------
    prior : NarrowedPrior

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior, narrowed
    >>> narrowed(IndependentPrior({"rate": stats.uniform(0.0, 100.0)}), [[20.0], [25.0], [30.0]]).support.round(1)
    array([[17.9, 32.8]])
    """
    if check_real(margin, "margin") < 0:
        raise ValueError(f"margin must be zero or more; got {margin}.")
    draws = as_float_array(draws, name="draws")
    if draws.ndim == 3 and len(draws) == 1:
        draws = draws[0]
    u, log_det = check_prior(prior).to_real(draws)
    u = u[np.isfinite(log_det)]
    if len(u) < 2:
        raise ValueError("draws must hold at least two inside the prior's support.")
    low, high = u.min(axis=0), u.max(axis=0)
    width = np.maximum(high - low, 1e-6)
    edge = _LARGEST - 1.0
    return NarrowedPrior(prior, np.clip(low - margin * width, -edge, edge), np.clip(high + margin * width, -edge, edge))
