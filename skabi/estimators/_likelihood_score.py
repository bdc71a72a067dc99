"""How likely data are under their true parameters."""

import numpy as np
from numpy.typing import ArrayLike


class LikelihoodScore:
    """Base class of likelihoods, learned or known: what has a `log_likelihood` has a score."""

    def log_likelihood(self, X: ArrayLike, y: ArrayLike, *, pointwise: bool = False, dtype=np.float64):
        """Return log densities of data sets; each likelihood has its own."""
        raise NotImplementedError

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean log likelihood of the true parameters, in nats a data set; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        score : float
        """
        return float(np.mean(self.log_likelihood(X, y)))
