"""The likelihood of a simulator, learned once for all data sets and parameters."""

import copy
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._progress import progress
from skabi._shapes import as_float_array
from skabi._torch import seeded, to_tensor, torch_generator
from skabi._warnings import warn
from skabi.engines import ColumnwiseSplineFlow
from skabi.estimators._base import AmortizedEstimator
from skabi.estimators._checks import check_constructor, check_data_sets, check_fresh
from skabi.estimators._column_kinds import check_column_kinds
from skabi.estimators._data_layout import DataLayout, check_can_be_learned
from skabi.estimators._data_map import DataMap
from skabi.estimators._densities import log_densities
from skabi.estimators._emulator import Emulator
from skabi.estimators._likelihood_network import likelihood_network, linear_start_of_observations
from skabi.estimators._likelihood_score import LikelihoodScore
from skabi.estimators._parameters import check_parameter_columns, check_parameters_of_rows
from skabi.estimators._stored import in_parts, is_large
from skabi.exceptions import ApproximationWarning
from skabi.networks._data_sets import DataSets, masked
from skabi.networks._likelihood import LikelihoodMixture
from skabi.priors import check_prior
from skabi.simulators import is_simulator
from skabi.training import KeepAtRandom, LookAtRandom

# Observations of a data set that a step looks at; others of the same data set say little more of its parameters.
_OBSERVATIONS_A_STEP = 16
# Continuous columns of a set that have a network each by default.
_MOST_COLUMNWISE = 8
# Densities that are held at once, before they are summed over observations.
_MOST_DENSITIES = 20_000_000


class AmortizedLikelihood(Emulator, LikelihoodScore, AmortizedEstimator):
    """Likelihood of a simulator, learned from simulations: a density of data sets, and an emulator.

    Neural likelihood estimation [1]_, [2]_. What a data set is decides what is learned: a vector has one density; of a
    set (`SetSummary`, the default for X with an axis of observations) each observation has one given the parameters,
    and they multiply; of a series (`SeriesSummary`) each observation has one given the parameters and a learned memory
    of those before. Columns of whole numbers, of coarsely rounded numbers or of few different values have
    probabilities: a network gives those of counts and categories, each given the columns before, and the engine is the
    density of the continuous columns given all these. The probability of a count is divided by the step between counts
    (1 for whole numbers, 0.01 for numbers rounded to hundredths), so that it is a density in the unit of its column,
    and models of the same data may be compared whether they take a rounded column for a count or for continuous.
    Categories have no unit: `column_kinds` makes them the same in all models.

    Parameters
    ----------
    engine : engine recipe, optional
        The density of continuous columns, from `skabi.engines`; by default `ColumnwiseSplineFlow()` for the
        observations of sets, where these have at most eight such columns, else `SplineFlow()`.
    summary : summary recipe, optional
        Nothing is summarised; the recipe tells sets (`SetSummary`), series (`SeriesSummary`) and single observations
        (`IdentitySummary`) apart. By default chosen by the shape of X.
    column_kinds : list of {"continuous", "count", "category"}, optional
        One for each column of an observation. By default found from the simulations: at most 32 different values that
        come often are a category, unless they are steps of one size and the last is so rare that there may be more of
        them; other whole or coarsely rounded numbers are counts.
    prior : IndependentPrior, ChainedPrior or None
        Prior that the parameters of `fit(X, y)` were drawn from; a simulator brings its own.
    n_estimators : int, default=1
        Networks that are trained side by side; the likelihood is their equal mixture, observation by observation.
    n_simulations, max_iter, batch_size, learning_rate_init, n_iter_no_change, validation_fraction, early_stopping
        As in `AmortizedPosterior`.
    device, n_jobs, warm_start, fresh_simulations, checkpoint, callbacks, verbose, random_state
        As in `AmortizedPosterior`.

    Attributes
    ----------
    engine_, summary_ : recipes
        What was used.
    column_kinds_ : list of str
        "continuous", "count" or "category", of each column of an observation; numbers rounded to multiples of a step
        that matters are counts of it, as are whole numbers.
    network_ : torch.nn.Module
        The trained network, on the CPU.
    prior_ : prior or None
        The simulator's or the constructor's.
    parameter_names_ : list of str
        Names of the columns of `y`.
    n_iter_, best_iter_ : int
        As in `AmortizedPosterior`.
    loss_curve_, validation_scores_ : list of float
        Mean negative log density of the training data, and mean log density of held-out data, an epoch: per
        observation, averaged within data sets.
    n_features_in_, feature_names_in_
        As in `AmortizedPosterior`.

    References
    ----------
    .. [1] G. Papamakarios, D. Sterratt, I. Murray (2019). Sequential neural likelihood: fast likelihood-free inference
       with autoregressive flows. arXiv 1805.07226.
    .. [2] S. Radev, M. Schmitt, V. Pratz, U. Picchini, U. Köthe, P.-C. Bürkner (2023). JANA: jointly amortized neural
       approximation of complex Bayesian models. UAI 2023. arXiv 2302.09125.

    Examples
    --------
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.estimators import AmortizedLikelihood
    >>> simulator = ConjugateGaussian()
    >>> likelihood = AmortizedLikelihood(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(simulator)
    >>> X, y = simulator.sample(3, random_state=1)
    >>> likelihood.log_likelihood(X, y).shape, likelihood.sample_data(y).shape
    ((3,), (3, 2))
    """

    _may_stream = False
    _progress = "training likelihood"

    def __init__(
        self,
        engine=None,
        *,
        summary=None,
        column_kinds=None,
        prior=None,
        n_estimators=1,
        n_simulations=10_000,
        max_iter=50,
        batch_size="auto",
        learning_rate_init=6e-3,
        n_iter_no_change=20,
        validation_fraction=0.1,
        early_stopping=True,
        device="auto",
        n_jobs=None,
        warm_start=False,
        fresh_simulations=False,
        checkpoint=None,
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.engine = engine
        self.summary = summary
        self.column_kinds = column_kinds
        self.prior = prior
        self.n_estimators = n_estimators
        self.n_simulations = n_simulations
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.device = device
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.fresh_simulations = fresh_simulations
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: ArrayLike | None = None) -> Self:
        """Train on simulations.

        Parameters
        ----------
        X : Simulator, array-like of shape (n_datasets, n_features) or (n_datasets, ...), or list of arrays
            A simulator, of which `n_simulations` are drawn, or data sets already simulated.
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            The parameters that made them. None for a simulator.

        Returns
        -------
        self : AmortizedLikelihood

        Raises
        ------
        ValueError
            If X or y are not finite numbers of matching shapes, X has several sources, or a column cannot be of the
            kind that `column_kinds` says.
        SimulatorError, TrainingError
            As in `AmortizedPosterior.fit`.
        """
        check_constructor(self)
        check_column_kinds(self.column_kinds)
        check_fresh(self, X)
        self._begin_fit()
        prior, fresh = None if self.prior is None else check_prior(self.prior), None
        if is_simulator(X):
            fresh = self._fresh_simulations_of(X)
            X, y, prior = self._simulate(X, y)
        check_can_be_learned(X, self.summary)
        return self._fit_simulations(X, y, prior=prior, fresh=fresh)

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train for one pass over simulations, from where the last pass or `fit` ended.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features) or (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        self : AmortizedLikelihood

        Raises
        ------
        TypeError, ValueError, TrainingError
            As in `AmortizedPosterior.partial_fit`.
        """
        check_column_kinds(self.column_kinds)
        check_can_be_learned(X, self.summary)
        return self._pass_over(X, y)

    def log_likelihood(self, X: ArrayLike, y: ArrayLike, *, pointwise: bool = False, dtype=np.float64):
        """Return the log density of data sets given parameters.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)
            One or several parameter sets for each data set.
        pointwise : bool, default=False
            Whether to return the log density of each observation; in a series, given those before it.
        dtype : {float64, float32}, default=float64
            What the network computes in. Single precision takes half the time and is exact to about 1e-5 an
            observation.

        Returns
        -------
        log_likelihood : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            In nats, with respect to the units of X, those of rounded columns included; the sum over observations. With
            `pointwise` another axis of length n_observations follows (of length 1 where a data set is one observation),
            or, if sizes differ, it is a list with one array a data set. Minus infinity outside the prior's support, of
            which nothing was learned.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X or y are not finite numbers, or their shapes do not fit together.

        Warns
        -----
        ApproximationWarning
            If observations lie far outside the range of `fit`, have a level that no simulation had, or if a series is
            longer than any there. The values are finite.
        """
        check_is_fitted(self)
        if is_large(X) and not pointwise:
            return in_parts(partial(self.log_likelihood, dtype=dtype), X, y, doing="densities", verbose=self.verbose)
        values, mask, log_det = self._mapped(*self._observations(X))
        check_parameter_columns(y, self.parameter_names_)
        n_parameters = len(self.parameter_names_)
        draws, has_draws = check_parameters_of_rows(as_float_array(y, name="y"), len(values), n_parameters)
        parts = []
        size = max(1, _MOST_DENSITIES // (draws.shape[1] * values.shape[1]))
        verbose = self.verbose if size < len(values) else 0
        with progress(len(values), "densities", verbose=verbose, may_be_short=True) as advance:
            for start in range(0, len(values), size):
                rows = slice(start, start + size)
                terms = self._densities(values[rows], draws[rows], dtype=dtype) + log_det[rows, np.newaxis]
                if mask is not None:
                    terms = np.where(mask[rows, np.newaxis], terms, 0.0)
                parts.append(terms if pointwise else terms.sum(axis=-1))
                advance(len(terms))
        result = np.concatenate(parts)
        result = result if has_draws else result[:, 0]
        if pointwise and mask is not None:
            return [terms[..., :n] for terms, n in zip(result, mask.sum(axis=1), strict=True)]
        return result

    def _observations(self, X):
        """Return checked data sets `(n_datasets, n_observations, n_columns)`, and their mask or None."""
        X, _ = check_data_sets(self, X)
        values, mask = self._layout.observations(X)
        self._warn_of_unlike(values, mask)
        return values, mask

    def warn_of_unlike(self, X: ArrayLike):
        """Warn if observations are unlike any in `fit`, as `log_likelihood` does.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        """
        check_is_fitted(self)
        self._observations(X)

    def _mapped(self, values, mask):
        """Return what the network sees of data sets, their mask, and the log-determinant of each observation."""
        rows, log_det = self._data_map.to_network(values.reshape(-1, values.shape[-1]))
        return rows.reshape(values.shape), mask, log_det.reshape(values.shape[:2])

    def _warn_of_unlike(self, values, mask):
        is_unlike = self._data_map.is_unlike(values.reshape(-1, values.shape[-1])).reshape(values.shape[:2])
        mask = np.ones(is_unlike.shape, dtype=bool) if mask is None else mask
        is_unlike = is_unlike & mask
        if is_unlike.any():
            warn(
                f"{is_unlike.sum()} of {mask.sum()} observations lie far outside the range of the simulations in fit, "
                f"or have a value that none had there; the first is in data set {np.argmax(is_unlike.any(axis=1))}. "
                "Their log density is a guess.",
                ApproximationWarning,
            )
        longest, (_, longest_in_fit) = mask.sum(axis=1).max(), self._reader.each[None].lengths
        if self._layout.structure == "ordered" and longest > longest_in_fit:
            warn(
                f"a series of X has {longest} observations, more than any in fit ({longest_in_fit}): what is "
                "remembered of it is a guess.",
                ApproximationWarning,
            )

    def _densities(self, values, y, *, dtype):
        """Return log densities in the network's units, `(n_datasets, n_draws, n_observations)`."""
        theta, log_det = self._parameter_map.to_network(y.reshape(-1, y.shape[-1]))
        is_inside = np.isfinite(log_det)
        theta = np.where(is_inside[:, np.newaxis], theta, 0.0).reshape(y.shape)
        dtype = torch.float32 if np.dtype(dtype) == np.float32 else torch.float64
        terms = log_densities(self._network(dtype=dtype), values, theta, dtype=dtype, verbose=self.verbose)
        return np.where(is_inside.reshape(y.shape[:2])[..., np.newaxis], terms, -np.inf)

    def _start(self, X, y, *, prior, parameter_names):
        super()._start(X, y, prior=prior, parameter_names=parameter_names)
        # A vector is one observation, whatever is made of it.
        self._layout = DataLayout.of(X, "one" if len(X.shape) == 1 else self.summary_.observations)
        values, mask = self._layout.observations(X)
        rows = values.reshape(-1, values.shape[-1]) if mask is None else values[mask]
        self._data_map = DataMap().fit(rows, name="X", n_datasets=len(X), kinds=check_column_kinds(self.column_kinds))
        self.column_kinds_ = list(self._data_map.kinds)
        is_small = self._layout.structure == "exchangeable" and self._data_map.n_continuous <= _MOST_COLUMNWISE
        if self.engine is None and is_small:
            self.engine_ = ColumnwiseSplineFlow()

    def _go_on(self, X):
        super()._go_on(X)
        self._layout = DataLayout.of(X, self._layout.structure)

    def _change_prior(self, prior, y):
        """Go on with another prior, and the same parameters where their map reaches: no likelihood depends on it."""
        if np.isfinite(self._parameter_map.to_network(y)[1]).all():
            self.prior_ = prior
        else:
            super()._change_prior(prior, y)

    def _realign(self, network, x, theta, y, old_map):
        """Do nothing: parameters are what is conditioned on."""

    def _check_same_data(self, X):
        super()._check_same_data(X)
        if self.column_kinds is not None and list(self.column_kinds) != self.column_kinds_:
            raise ValueError(
                f"with warm_start=True fit goes on with columns of the kinds {self.column_kinds_}; got "
                f"{list(self.column_kinds)}. Use warm_start=False or a clone."
            )

    def _to_network(self, X, y):
        theta, _ = self._parameter_map.to_network(y.reshape(len(y), -1))
        values, mask, log_det = self._mapped(*self._layout.observations(X))
        if mask is None:
            return to_tensor(values), theta, log_det.mean(axis=1)
        x = DataSets(to_tensor(masked(values, mask)), to_tensor(mask, dtype=torch.bool))
        return x, theta, (log_det * mask).sum(axis=1) / mask.sum(axis=1)

    def _dropping(self, X):
        some = {"exchangeable": KeepAtRandom, "ordered": LookAtRandom}.get(self._layout.structure)
        return None if some is None else some(_OBSERVATIONS_A_STEP)

    def _build(self, X, y, *, dropping, seed, memory=None):
        x, theta, _ = self._to_network(X, y)
        x, theta = x if dropping is None else dropping(x, torch_generator(seed)), to_tensor(theta)
        is_series = self._layout.structure == "ordered"
        with seeded(seed):
            members = [
                likelihood_network(self.engine_, self._data_map, theta.shape[1], is_series=is_series)
                for _ in range(self.n_estimators)
            ]
        if self._data_map.n_continuous:
            residual = linear_start_of_observations(members[0], x, theta)
            for member in members:
                member.density.residual = copy.deepcopy(residual)
        return members[0] if self.n_estimators == 1 else LikelihoodMixture(members)
