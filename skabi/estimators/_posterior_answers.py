"""What a posterior is asked besides draws: densities and predictions."""

from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skabi._random import integer_seed
from skabi._shapes import as_float_array
from skabi._torch import resolve_device, to_tensor
from skabi.estimators._checks import check_quantiles
from skabi.estimators._inference import contexts, draw, log_density, summarize_draws
from skabi.estimators._parameters import check_parameter_columns, check_parameters_of_rows
from skabi.estimators._sources import Source
from skabi.estimators._stored import in_parts, is_large
from skabi.estimators._summarizing import SummarizingEstimator
from skabi.exceptions import DensityError
from skabi.networks._data_sets import n_rows


class PosteriorAnswers(RegressorMixin, SummarizingEstimator):
    """Base class of posteriors: log densities, scores, means and quantiles."""

    _y_ndim: int
    device: str
    verbose: int
    warn_outside: bool

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Return the log posterior density of parameters.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)
            One or several parameter sets for each data set; `(n_datasets,)` does for a single parameter.

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            In nats, with respect to the units of `y`; minus infinity outside the prior's support, so far in its tail
            that the prior probability beyond is below 1e-307, and 1e100 standard deviations from the simulations.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X or y are not finite numbers, or their shapes do not fit together.
        DensityError
            If the engine has draws alone.
        FloatingPointError
            If the solver of a free-form engine fails.
        """
        check_is_fitted(self)
        self._check_density()
        if is_large(X):
            return in_parts(self.log_prob, X, y, doing="densities", verbose=self.verbose)
        x = self._scaled(X)
        check_parameter_columns(y, self.parameter_names_)
        y, has_draws = check_parameters_of_rows(as_float_array(y, name="y"), n_rows(x), len(self.parameter_names_))
        log_prob = log_density(self._network(), x, y, parameter_map=self._parameter_map, verbose=self.verbose)
        return log_prob if has_draws else log_prob[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean log posterior density of the true parameters, in nats; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        score : float

        Raises
        ------
        DensityError
            If the engine has draws alone.
        """
        return float(np.mean(self.log_prob(X, y)))

    def predict(self, X: ArrayLike, *, return_std: bool = False, quantiles: ArrayLike | None = None):
        """Return the posterior mean, or quantiles, over a fixed quasi-random set of 1,024 draws.

        There is no randomness, and what is returned for a row does not depend on the other rows.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        return_std : bool, default=False
            Whether to return the posterior standard deviation as well.
        quantiles : array-like of shape (n_quantiles,), optional
            Probabilities from 0 to 1: marginal quantiles instead of the mean.

        Returns
        -------
        mean : ndarray of shape (n_datasets, n_parameters)
            `(n_datasets,)` if `y` had one dimension in `fit`. With `quantiles` `(n_datasets, n_quantiles,
            n_parameters)`, or `(n_datasets, n_quantiles)`.
        std : ndarray of the same shape as mean
            Only with `return_std=True`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If both `return_std` and `quantiles` are given, or X does not have the shape seen in `fit`.
        """
        check_is_fitted(self)
        if return_std and quantiles is not None:
            raise ValueError("pass either return_std=True or quantiles, not both.")
        levels = None if quantiles is None else check_quantiles(quantiles)
        if is_large(X):
            answer = partial(self.predict, return_std=return_std, quantiles=quantiles)
            return in_parts(answer, X, doing="predicting", verbose=self.verbose)
        x, how = self._scaled(X), {"parameter_map": self._parameter_map, "verbose": self.verbose}

        def summary(draws):
            if levels is None:
                return np.stack([draws.mean(axis=1), draws.std(axis=1)], axis=1)
            return np.quantile(draws, levels, axis=1).swapaxes(0, 1)

        values = self._like_y(summarize_draws(self._network(), x, summary, **how))
        if levels is not None:
            return values
        return (values[:, 0], values[:, 1]) if return_std else values[:, 0]

    def _network(self, device="cpu", dtype=torch.float64):
        """Return the trained network, which draws as the engine says now."""
        network = super()._network(device, dtype)
        engine = self.engine if type(self.engine) is type(self.engine_) else self.engine_
        for member in _members(network):
            engine.configure(member.density)
        return network

    def _check_density(self):
        if not all(member.has_density for member in _members(self.network_)):
            raise DensityError(
                f"{type(self.engine_).__name__} has draws and no density: there is no log_prob, and no score. Take "
                "FlowMatching() or SplineFlow() where one is needed. In searches, and to compare engines of both "
                "kinds, use scoring=skabi.diagnostics.energy_scorer."
            )

    def _sample_members(self, X, n_draws, seed):
        """Return draws `(n_datasets, n_draws, n_parameters)` of each network of an ensemble by itself, a list."""
        check_is_fitted(self)
        device = resolve_device(self.device)
        x, members = self._scaled(X, device, torch.float32), _members(self._network(device, torch.float32))
        how = {"parameter_map": self._parameter_map, "verbose": self.verbose}
        return [
            draw(member, contexts(member, x), n_draws, seed=integer_seed(own), **how)
            for member, own in zip(members, seed.spawn(len(members)), strict=True)
        ]

    def _sample_values(self, X, source, values, n_draws, seed):
        """Return draws of each data set with each of several values of one source, whose own values are replaced.

        Parameters
        ----------
        X : SliceDict of sources
        source : str
        values : ndarray of shape (n_values, n_columns)
        n_draws : int
        seed : SeedSequence

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_values, n_draws, n_parameters)
        """
        check_is_fitted(self)
        device = resolve_device(self.device)
        network = self._network(device, torch.float32)
        base = contexts(network, self._scaled(X, device, torch.float32), verbose=self.verbose)
        if self.warn_outside:
            self._warn_of_outside(base)
        n_datasets, n_values = len(base), len(values)
        start = _place(_members(network)[0].summary, source, values.shape[1])
        if start is None:
            many = {name: np.repeat(np.asarray(own), n_values, axis=0) for name, own in X.items()}
            many[source] = np.tile(values, (n_datasets, 1))
            context = contexts(network, self._scaled(type(X)(**many), device, torch.float32))
        else:
            read = self._reader.each[source].transform(Source(values))[0]
            read = to_tensor(read, dtype=base.dtype, device=device).repeat(n_datasets, 1)
            context = base.repeat_interleave(n_values, dim=0)
            context[..., start : start + values.shape[1]] = read if context.ndim == 2 else read[:, None]
        how = {"parameter_map": self._parameter_map, "verbose": self.verbose}
        draws = draw(network, context, n_draws, seed=integer_seed(seed), **how)
        return draws.reshape(n_datasets, n_values, n_draws, -1)

    def _like_y(self, values):
        """Return `values` without the axis of parameters if `y` had one dimension in `fit`."""
        return values[..., 0] if self._y_ndim == 1 else values


def _members(network):
    return getattr(network, "members", [network])


def _place(summary, source, width):
    """Return where a source stands in what the network is conditioned on; None if it is mixed with others."""
    names, fixed = getattr(summary, "names", []), getattr(summary, "n_fixed_of_each", [])
    if source not in names or len(fixed) != len(names) or fixed[names.index(source)] != width:
        return None
    return sum(fixed[: names.index(source)])
