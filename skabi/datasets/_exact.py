"""Simulators whose evidence, and so whose posterior density, is known."""

from collections.abc import Callable

import numpy as np

from skabi._shapes import as_float_array, check_parameters
from skabi.datasets._problem import Problem
from skabi.exceptions import ShapeError


def check_data_sets(X, *shape):
    """Return `X` as a finite float64 array `(n_datasets, *shape)`; None in `shape` is any number of observations."""
    X = as_float_array(X, name="X")
    if X.ndim != 1 + len(shape) or any(n not in (None, found) for n, found in zip(shape, X.shape[1:], strict=True)):
        wanted = ", ".join("n_observations" if n is None else str(n) for n in shape)
        raise ShapeError(
            f"X must have shape (n_datasets, {wanted}); got {X.shape}. For one data set pass X[np.newaxis]."
        )
    if 0 in X.shape:
        raise ShapeError(f"X must have at least one data set, and one observation in it; got shape {X.shape}.")
    return X


class ExactSimulator(Problem):
    """A simulator with an exact posterior: a child says how to draw from it and what the evidence is.

    The normalised posterior density follows from Bayes' rule,
    ``log p(y | X) = log p(y) + log p(X | y) - log p(X)``.
    A child defines `log_evidence` and `sample_posterior`, and sets `n_features` or says in `_check` what `X` must be.
    """

    n_features: int
    log_likelihood: Callable[..., np.ndarray]

    def _check(self, X):
        """Return `X` as `log_evidence` and `log_likelihood` take it, with a length, or raise."""
        return check_data_sets(X, self.n_features)

    def log_evidence(self, X):
        """Log marginal likelihood `log p(X)` of each data set, `(n_datasets,)`."""
        raise NotImplementedError

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior, `(n_datasets, n_draws, n_parameters)`."""
        raise NotImplementedError

    def log_posterior(self, X, y):
        """Exact log posterior density, row by row.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays if `sample` returns such
            Data sets.
        y : array-like of shape (n_datasets, n_parameters)
            Parameters; row i is judged given data set i.

        Returns
        -------
        log_posterior : ndarray of shape (n_datasets,)
            Normalised log densities, `-inf` outside the prior's support.

        Raises
        ------
        ShapeError
            If `X` or `y` do not have these shapes.
        ValueError
            If no parameter of the prior could have made a data set.
        """
        X = self._check(X)
        y = check_parameters(y, n_parameters=self.prior.n_parameters)
        if len(X) != len(y):
            raise ShapeError(f"X and y must have the same n_datasets; got {len(X)} and {len(y)}.")
        log_evidence = self.log_evidence(X)
        if np.isneginf(log_evidence).any():
            row = int(np.flatnonzero(np.isneginf(log_evidence))[0])
            raise ValueError(
                f"No parameter in the prior's support could have made data set {row}: its evidence is zero, "
                "so it has no posterior. Check the units and the order of the columns of X."
            )
        log_prior = self.prior.log_prob(y)
        # Outside the support a likelihood may not be defined: it is taken at the prior's median, and does not count.
        median = self.prior.from_real(np.zeros((1, self.prior.n_parameters)))
        y = np.where(np.isneginf(log_prior)[:, np.newaxis], median, y)
        return log_prior + self.log_likelihood(X, **self.prior.split(y)) - log_evidence
