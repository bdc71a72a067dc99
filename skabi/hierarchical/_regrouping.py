"""What a posterior of models with levels is asked of groups that are new, or left out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.estimators import AmortizedPosterior
from skabi.exceptions import ShapeError
from skabi.hierarchical._group_level import GroupLevel
from skabi.hierarchical._grouped_data import GroupedData, as_grouped
from skabi.hierarchical._levels import LevelDraws


@dataclass(frozen=True)
class LeftOut:
    """What is known without each group in turn.

    Attributes
    ----------
    hyper : list of ndarray of shape (n_groups, n_draws, n_hyper)
        Draws of hyper-parameters given all groups but one, by data set.
    groups : list of ndarray of shape (n_groups, n_draws, n_group_parameters)
        Draws of the parameters of the group that is left out, given the others.
    labels : list of ndarray of shape (n_groups,)
        Names of the groups left out.
    """

    hyper: list[np.ndarray]
    groups: list[np.ndarray]
    labels: list[np.ndarray]


class GroupQuestions:
    """Base class of what asks about new groups, and groups left out."""

    hyper_: AmortizedPosterior
    hyper_names_: list[str]
    covariate_names_: list[str]
    _level: GroupLevel
    _check: Callable[..., GroupedData]
    _draws: Callable[..., LevelDraws]
    _hyper_data: Callable[..., Any]
    sample: Callable[..., LevelDraws]

    def sample_groups(self, X, hyper, *, random_state=None) -> LevelDraws:
        """Draw the parameters of groups for given draws of hyper-parameters.

        For groups that come later, with hyper-parameters learned from earlier ones: these are not updated. To learn
        from all groups together pass them all to `sample`, which needs no training either.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        hyper : ndarray of shape (n_datasets, n_draws, n_hyper)
            Such as those of `LevelDraws`.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : LevelDraws

        Raises
        ------
        NotFittedError
            Before `fit`.
        ShapeError
            If hyper does not have this shape.
        """
        X = self._check(X)
        hyper = np.asarray(hyper, dtype=np.float64)
        if hyper.ndim != 3 or (len(hyper), hyper.shape[2]) != (len(X), len(self.hyper_names_)):
            raise ShapeError(
                f"hyper must have shape ({len(X)}, n_draws, {len(self.hyper_names_)}), draws for each data set of X; "
                f"got {hyper.shape}."
            )
        return self._draws(hyper, self._level.sample(X, hyper, seed=seed_sequence(random_state)), X.labels)

    def sample_new_group(self, X, n_draws: int = 1000, *, covariates=None, random_state=None) -> LevelDraws:
        """Draw the parameters of a group of which nothing was observed yet, given the groups that there are.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        n_draws : int, default=1000
        covariates : dict of str to float, optional
            What is known of the new group.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : LevelDraws
            With one group a data set, whose label is "new".

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If covariates are not those of `fit`, or there is no group prior.
        """
        X = self._check(X)
        given = {} if covariates is None else covariates
        if set(given) != set(self.covariate_names_):
            raise ValueError(f"covariates must be {self.covariate_names_}; got {list(given)}.")
        upper, lower = seed_sequence(random_state).spawn(2)
        draws = self.sample(X, n_draws, random_state=upper)
        known = {name: [np.array([float(value)])] * len(X) for name, value in given.items()}
        new = GroupedData([groups[:1] for groups in X.data], covariates=known, labels=[["new"]] * len(X))
        return self._draws(
            draws.hyper, [own[:, np.newaxis] for own in self._prior_draws(new, draws.hyper, lower)], new.labels
        )

    def leave_one_group_out(self, X, n_draws: int = 1000, *, random_state=None) -> LeftOut:
        """Infer anew without each group in turn.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
            Of at least two groups each.
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        left_out : LeftOut

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If a data set has one group, or there is no group prior.
        """
        X, n_draws = self._check(X), check_count(n_draws, "n_draws")
        if (X.n_groups < 2).any():
            raise ValueError(f"data set {int(np.argmin(X.n_groups))} has one group, and nothing without it.")
        rows = np.repeat(np.arange(len(X)), X.n_groups)
        each = [j for n in X.n_groups for j in range(n)]
        rest = X[rows].take_groups([np.delete(np.arange(X.n_groups[i]), j) for i, j in zip(rows, each, strict=True)])
        upper, lower = seed_sequence(random_state).spawn(2)
        hyper = self.hyper_.sample(self._hyper_data(rest), n_draws, random_state=upper)
        groups = self._prior_draws(X[rows].take_groups([[j] for j in each]), hyper, lower)
        ends = np.cumsum(X.n_groups)[:-1]
        return LeftOut(np.split(hyper, ends), np.split(groups, ends), X.labels)

    def _prior_draws(self, X, hyper, seed):
        """Return draws from the prior of the one group of each data set, `(n_datasets, n_draws, k)`."""
        if self._level.prior is None:
            raise ValueError("what is not observed has its prior: fit with a simulator, or with group_prior.")
        n_draws = hyper.shape[1]
        flat, one = hyper.reshape(-1, hyper.shape[2]), as_grouped(X)[np.repeat(np.arange(len(X)), n_draws)]
        prior = self._level.prior_of(one, flat)
        return prior.sample(len(flat), random_state=np.random.default_rng(seed)).to_numpy().reshape(len(X), n_draws, -1)
