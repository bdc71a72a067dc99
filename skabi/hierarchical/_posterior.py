"""The posterior of models with levels: hyper-parameters given all groups, and each group given these."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import qmc
from sklearn.base import BaseEstimator, clone

from skabi._params import check_count
from skabi._random import integer_seed, seed_sequence
from skabi.engines import SplineFlow
from skabi.estimators import AmortizedPosterior
from skabi.estimators._inference import summarize_draws
from skabi.files._savable import Savable
from skabi.hierarchical._group_level import DATA, GroupLevel
from skabi.hierarchical._group_prior import GroupPrior
from skabi.hierarchical._grouped_data import GroupedData, as_grouped
from skabi.hierarchical._hyper_level import hyper_data
from skabi.hierarchical._levels import LevelDraws, Levels, arrays_of, as_levels
from skabi.hierarchical._regrouping import GroupQuestions
from skabi.hierarchical._simulator import HierarchicalSimulator, as_prior
from skabi.summaries import FusionSummary, NestedSummary

_N_BASE = 1024
# Points keep this distance from the ends of their interval, where normal quantiles are infinite.
_MARGIN = 1e-12


class HierarchicalPosterior(GroupQuestions, Savable, BaseEstimator):
    """Joint posterior of hyper-parameters and of all groups' parameters, learned once for any data set of groups.

    The posterior of a model with levels factorises [1]_. With hyper-parameters and all that groups share in ``eta``,
    and the parameters ``theta_j`` of each group ``j``, it is

    ``q(eta | all groups) * q(theta_1 | eta, group 1) * ... * q(theta_J | eta, group J)``

    Both factors are an `AmortizedPosterior`. The first sees a set of sets, whatever the number of groups and of
    observations in them; the second sees one group, hyper-parameters and what is known of the group. Draws are joint:
    each has hyper-parameters, and groups drawn with them. A new group needs no new training, nor does a data set
    without one of its groups.

    Functions of the group prior are part of a model that is saved, by name alone: `skabi.load` must be passed them, as
    in ``custom_classes=[scatter]``. Give them names, then, rather than lambdas.

    By the group prior, parameters of a group are mapped to standard normals given hyper-parameters: what the second
    factor learns is what the data say beyond these, and draws keep to the support.

    Parameters
    ----------
    hyper : AmortizedPosterior, optional
        What is learned of hyper-parameters: a recipe, which is cloned. The default summary is `NestedSummary()`, or
        `SetSummary()` where each group is one observation. For groups that are series use
        `NestedSummary(inner=SeriesSummary())`. Covariates are further features of each observation. The default engine
        is `SplineFlow(n_bins=16, bound=10.0, skew=True)`: posteriors of scales have one tail that is much lighter than
        the other.
    group : AmortizedPosterior, optional
        What is learned of a group. Its `summary` is that of a group's data, `SetSummary()` by default, or
        `IdentitySummary()` where each group is one observation.
    hyper_prior : IndependentPrior, ChainedPrior, dict of str to frozen distribution, or None
        What hyper-parameters of `fit(X, y)` were drawn from; a simulator brings its own.
    group_prior : dict of str to frozen distribution or function, or None
        Likewise of groups, as in `HierarchicalSimulator`.
    n_simulations : int, default=10_000
        Data sets of `fit(simulator)`.
    max_groups : int, default=4
        Groups of each data set, at most, that the second factor is trained on; they are drawn at random.
    n_jobs : int, optional
        Joblib workers that simulate.
    verbose : int, default=0
        Positive for progress bars.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`, but for recipes that have their own.

    Attributes
    ----------
    hyper_, group_ : AmortizedPosterior
        Both factors, fitted. The second is of standard normals, not of parameters themselves.
    hyper_names_, group_names_ : list of str
        Names of the parameters.
    covariate_names_ : list of str
        What is known of each group.
    n_features_in_ : int
        Numbers in an observation.

    See Also
    --------
    HierarchicalSimulator : What it is fitted to.
    level_ranks : Simulation-based calibration of both levels.

    References
    ----------
    .. [1] D. Habermann, M. Schmitt, L. Kühmichel, A. Bulling, S. Radev, P.-C. Bürkner (2024). Amortized Bayesian
       multilevel models. arXiv 2408.13230.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedPosterior
    >>> from skabi.engines import Gaussian
    >>> from skabi.hierarchical import HierarchicalPosterior, HierarchicalSimulator
    >>> from skabi.priors import IndependentPrior
    >>> def scatter(mu, tau):
    ...     return stats.norm(mu, tau)
    >>> simulator = HierarchicalSimulator(
    ...     IndependentPrior({"mu": stats.norm(0, 2), "tau": stats.halfnorm(scale=1)}),
    ...     {"theta": scatter},
    ...     lambda theta, rng: rng.normal(theta, 1.0),
    ...     n_groups=(3, 8),
    ...     vectorized=True,
    ... )
    >>> level = AmortizedPosterior(Gaussian(()), max_iter=5)
    >>> posterior = HierarchicalPosterior(level, level, n_simulations=300, random_state=0).fit(simulator)
    >>> draws = posterior.sample([[[1.3], [0.2], [0.9], [2.0]]], n_draws=100, random_state=0)
    >>> draws.hyper.shape, draws.groups[0].shape
    ((1, 100, 2), (100, 4, 1))
    """

    def __init__(
        self,
        hyper=None,
        group=None,
        *,
        hyper_prior=None,
        group_prior=None,
        n_simulations=10_000,
        max_groups=4,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.hyper = hyper
        self.group = group
        self.hyper_prior = hyper_prior
        self.group_prior = group_prior
        self.n_simulations = n_simulations
        self.max_groups = max_groups
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_is_fitted__(self):
        return hasattr(self, "group_")

    def fit(self, X, y: Levels | None = None) -> Self:
        """Train both factors.

        Parameters
        ----------
        X : HierarchicalSimulator, GroupedData, or list of lists of array-like
            A simulator, of which `n_simulations` data sets are drawn, or data sets already simulated.
        y : Levels, optional
            The parameters of both levels that made them, with groups matched by label; None for a simulator.

        Returns
        -------
        self : HierarchicalPosterior

        Raises
        ------
        TypeError
            If X is a simulator without levels, y is not of the class `Levels`, or a recipe is no `AmortizedPosterior`.
        ValueError
            If priors are given twice, or X and y are not finite numbers of shapes that fit together.
        SimulatorError
            If a simulation fails.
        """
        check_count(self.max_groups, "max_groups")
        simulation, choice, *seeds = seed_sequence(self.random_state).spawn(4)
        hyper, group = (self._recipe(name, seed) for name, seed in zip(("hyper", "group"), seeds, strict=True))
        X, y, hyper_prior, group_prior = self._data(X, y, simulation)
        names = list(X.covariates)
        hyper.prior = hyper_prior
        hyper.summary = NestedSummary() if hyper.summary is None and X.has_observations else hyper.summary
        hyper.engine = SplineFlow(n_bins=16, bound=10.0, skew=True) if hyper.engine is None else hyper.engine
        hyper.fit(hyper_data(X, names), y.hyper)
        level = GroupLevel(
            _reading_groups(group),
            hyper_prior=hyper_prior,
            hyper_names=list(y.hyper.columns),
            prior=group_prior,
            covariate_names=names,
        )
        level.fit(*_some_groups(X, y, self.max_groups, np.random.default_rng(choice)))
        self.hyper_names_, self.group_names_ = list(y.hyper.columns), list(y.groups[0].columns)
        self.covariate_names_, self.n_features_in_, self._has_observations = names, X.n_features, X.has_observations
        self.hyper_, self.group_, self._level = hyper, group, level
        return self

    def log_prob(self, X, y: Levels | LevelDraws) -> np.ndarray:
        """Return the joint log posterior density of both levels.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        y : Levels or LevelDraws
            One or several sets of parameters for each data set; groups are matched by label.

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            In nats, of hyper-parameters and all groups together.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError, ValueError
            If y does not have the parameters of both levels, or not the groups of X.
        """
        X = self._check(X)
        hyper, groups, has_draws = arrays_of(y, X.labels, self.hyper_names_, self.group_names_)
        log_prob = self.hyper_.log_prob(self._hyper_data(X), hyper)
        inside = np.isfinite(log_prob)
        if not inside.all():
            # Outside the support of hyper-parameters groups have no prior: others stand in, and do not count.
            hyper = np.where(inside[..., np.newaxis], hyper, self._a_draw())
        log_prob = log_prob + np.where(inside, self._level.log_prob(X, hyper, groups), 0.0)
        return log_prob if has_draws else log_prob[:, 0]

    def score(self, X, y: Levels) -> float:
        """Return the mean joint log posterior density of the true parameters, in nats; higher is better.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        y : Levels

        Returns
        -------
        score : float
            Data sets of many groups have more parameters, and weigh more.
        """
        return float(np.mean(self.log_prob(X, y)))

    def predict(self, X, *, return_std: bool = False):
        """Return posterior means of both levels, over a fixed set of 1,024 draws.

        There is no randomness, and what is returned of a data set does not depend on the others.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : Levels
        std : Levels
            Only with `return_std=True`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `sample`.
        """
        X = self._check(X)
        estimator = self.hyper_
        how = {"parameter_map": estimator._parameter_map, "verbose": estimator.verbose}
        x = estimator._scaled(self._hyper_data(X))
        hyper = summarize_draws(estimator._network(), x, lambda draws: draws, **how)
        draws = self._draws(hyper, self._level.map_evenly(X, hyper, _points(len(self.group_names_))), X.labels)
        return (draws.mean(), draws.std()) if return_std else draws.mean()

    def _data(self, X, y, seed):
        """Return data sets, their parameters, and the priors of both levels."""
        if isinstance(X, HierarchicalSimulator):
            if y is not None or self.hyper_prior is not None or self.group_prior is not None:
                raise ValueError("a simulator brings its own parameters and priors; leave y and both priors at None.")
            n = check_count(self.n_simulations, "n_simulations")
            data, y = X.sample(n, random_state=seed, n_jobs=self.n_jobs, verbose=self.verbose)
            return data, y, X.hyper_prior, X.group_prior
        if hasattr(X, "prior") and hasattr(X, "sample"):
            raise TypeError(f"a simulator with levels is a HierarchicalSimulator; got {type(X).__name__}.")
        X = as_grouped(X)
        if not isinstance(y, Levels):
            raise TypeError(f"y must be Levels(hyper, groups), the parameters of both levels; got {type(y).__name__}.")
        hyper_names, group_names = list(y.hyper.columns), list(y.groups[0].columns) if y.groups else []
        hyper, groups, _ = arrays_of(y, X.labels, hyper_names, group_names)
        y = as_levels(hyper[:, 0], [own[0] for own in groups], hyper_names, group_names, X.labels)
        hyper_prior = None if self.hyper_prior is None else as_prior(self.hyper_prior)
        if self.group_prior is None:
            return X, y, hyper_prior, None
        first = X.covariate_columns(list(X.covariates))[np.cumsum(X.n_groups) - X.n_groups]

        def draw_given(n):
            rows, hyper = np.arange(n) % len(X), y.hyper.to_numpy()
            known = dict(zip(y.hyper.columns, hyper[rows].T, strict=True))
            known = known if hyper_prior is None else hyper_prior.split(hyper[rows])
            return known | dict(zip(X.covariates, first[rows].T, strict=True))

        group_prior = GroupPrior(self.group_prior, draw_given)
        if group_prior.parameter_names != list(y.groups[0].columns):
            raise ValueError(f"y.groups must have the columns {group_prior.parameter_names}, those of group_prior.")
        return X, y, hyper_prior, group_prior

    def _recipe(self, name, seed):
        """Return an unfitted clone of the recipe of a level."""
        recipe = AmortizedPosterior() if getattr(self, name) is None else getattr(self, name)
        if not isinstance(recipe, AmortizedPosterior):
            raise TypeError(f"{name} must be an AmortizedPosterior, or None; got {recipe!r}.")
        if recipe.prior is not None:
            raise ValueError(
                f"{name}.prior must be None: the prior of a level is that of the simulator, or {name}_prior."
            )
        if recipe.fresh_simulations:
            raise ValueError(
                f"{name}.fresh_simulations must be False: both levels learn from the same n_simulations data sets."
            )
        recipe = clone(recipe)
        recipe.random_state = integer_seed(seed) % 2**32 if recipe.random_state is None else recipe.random_state
        recipe.verbose = recipe.verbose or self.verbose
        return recipe

    def _a_draw(self):
        return self.hyper_.prior_.sample(1, random_state=0).to_numpy()[0]


def _reading_groups(estimator):
    """Return the estimator of a group with its summary for a group's data."""
    estimator.summary = FusionSummary(None if estimator.summary is None else {DATA: estimator.summary})
    return estimator


def _some_groups(X, y, n, rng) -> tuple[GroupedData, np.ndarray, Any]:
    """Return at most `n` groups of each data set, and their hyper-parameters and parameters by group."""
    chosen = [np.sort(rng.permutation(n_groups)[:n]) for n_groups in X.n_groups]
    theta = pd.concat([own.iloc[rows] for own, rows in zip(y.groups, chosen, strict=True)], ignore_index=True)
    hyper = np.repeat(y.hyper.to_numpy(), [len(rows) for rows in chosen], axis=0)
    return X.take_groups(chosen), hyper, theta


def _points(n_parameters):
    """Return standard normal points for groups, in an order of their own, `(1024, n_parameters)`."""
    points = qmc.Sobol(n_parameters, scramble=True, rng=1).random(_N_BASE)
    points = np.random.default_rng(1).permutation(points)
    return special.ndtri(points.clip(_MARGIN, 1 - _MARGIN))
