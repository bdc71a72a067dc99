"""Data sets drawn from a learned likelihood."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import integer_seed, seed_sequence
from skabi._shapes import check_draws, check_parameters
from skabi.estimators._checks import check_data_sets
from skabi.estimators._data_layout import DataLayout
from skabi.estimators._data_map import DataMap
from skabi.estimators._densities import emulate
from skabi.estimators._parameters import ParameterMap, check_parameter_columns


class Emulator:
    """Base class of likelihoods whose `fit` leaves a network: what simulates as the simulator did."""

    # What `fit` leaves.
    network_: Any
    parameter_names_: list[str]
    verbose: int
    _layout: DataLayout
    _data_map: DataMap
    _parameter_map: ParameterMap

    def sample_data(self, y: ArrayLike, n_draws: int = 1, *, n_observations=None, random_state=None):
        """Draw data sets from the learned likelihood: an emulator of the simulator.

        Parameters
        ----------
        y : array-like of shape (n_datasets, n_parameters)
            Parameters.
        n_draws : int, default=1
            Data sets for each row of y.
        n_observations : int or array-like of int of shape (n_datasets,), optional
            Of each data set; by default as in the last `fit`, drawn at random where sizes differed there.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : ndarray of shape (n_datasets, ...), or list of arrays
            One data set a row, as the simulator's. With `n_draws` above 1 `(n_datasets, n_draws, ...)`. Where sizes
            differ a list of arrays `(n_observations, ...)`, or `(n_draws, n_observations, ...)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If y does not have the parameters of `fit` or leaves the prior's support, or sizes do not fit.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        theta = self._theta_of_rows(y)
        size_seed, seed = seed_sequence(random_state).spawn(2)
        sizes, is_list = self._layout.sizes(n_observations, len(theta), np.random.default_rng(size_seed))
        theta, all_sizes = np.repeat(theta, n_draws, axis=0), np.repeat(sizes, n_draws)
        rows = self._data_map.from_network(self._emulate(theta, all_sizes, seed=integer_seed(seed)))
        return self._layout.data_sets(rows, sizes, n_draws=None if n_draws == 1 else n_draws, is_list=is_list)

    def sample_like(self, X: ArrayLike, draws: ArrayLike, *, random_state=None):
        """Draw a data set of the size of X for each draw of its parameters: posterior predictive data.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X_new : ndarray of shape (n_datasets, n_draws, ...), or list of arrays `(n_draws, n_observations, ...)`
        """
        check_is_fitted(self)
        X, _ = check_data_sets(self, X)
        values, mask = self._layout.observations(X)
        draws = check_draws(draws, n_datasets=len(values))
        n_datasets, n_draws, n_parameters = draws.shape
        sizes = np.full(n_datasets, values.shape[1]) if mask is None else mask.sum(axis=1)
        theta = self._theta_of_rows(draws.reshape(-1, n_parameters))
        seed = integer_seed(seed_sequence(random_state))
        rows = self._data_map.from_network(self._emulate(theta, np.repeat(sizes, n_draws), seed=seed))
        return self._layout.data_sets(rows, sizes, n_draws=n_draws, is_list=mask is not None)

    def _theta_of_rows(self, y):
        """Return what the network sees of parameters `(n_datasets, n_parameters)`."""
        check_parameter_columns(y, self.parameter_names_)
        y = check_parameters(y, n_parameters=len(self.parameter_names_))
        theta, log_det = self._parameter_map.to_network(y)
        if not np.isfinite(log_det).all():
            raise ValueError(
                f"y must lie inside the prior's support, of which the likelihood was learned; "
                f"{np.count_nonzero(~np.isfinite(log_det))} of {len(y)} rows do not."
            )
        return theta

    def _emulate(self, theta, sizes, *, seed):
        """Return observations of all data sets in the network's units, `(n_rows, n_columns)`."""
        if self._layout.structure != "ordered":
            return emulate(self.network_, np.repeat(theta, sizes, axis=0), 1, seed=seed, verbose=self.verbose)[:, 0]
        series = emulate(self.network_, theta, int(sizes.max()), seed=seed, verbose=self.verbose)
        return series[np.arange(series.shape[1]) < sizes[:, np.newaxis]]
