"""What a posterior of models with levels is asked of groups that are new, or left out."""

from dataclasses import dataclass

import numpy as np

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.hierarchical._grouped_data import GroupedData, as_grouped
from skabi.hierarchical._joint_draws import JointDraws
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


class GroupQuestions(JointDraws):
    """Base class of what asks about new groups, and groups left out."""

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
        ValueError
            If hyper is not finite, or leaves the support of its prior.
        """
        X = self._check(X)
        hyper = as_float_array(hyper, name="hyper")
        if hyper.ndim != 3 or (len(hyper), hyper.shape[2]) != (len(X), len(self.hyper_names_)):
            raise ShapeError(
                f"hyper must have shape ({len(X)}, n_draws, {len(self.hyper_names_)}), draws for each data set of X; "
                f"got {hyper.shape}."
            )
        self._check_support(hyper)
        return self._draws(hyper, self._level.sample(X, hyper, seed=seed_sequence(random_state)), X.labels)

    def sample_new_group(self, X, n_draws: int = 1000, *, covariates=None, random_state=None) -> LevelDraws:
        """Draw the parameters of a group of which nothing was observed yet, given the groups that there are.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
        n_draws : int, default=1000
        covariates : dict of str to float or array-like of shape (n_datasets,), optional
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
            If covariates are not those of `fit` or not finite numbers, or there is no group prior.
        ShapeError
            If a covariate is neither one number nor one for each data set.
        """
        X = self._check(X)
        given = {} if covariates is None else covariates
        if set(given) != set(self.covariate_names_):
            raise ValueError(f"covariates must be {self.covariate_names_}; got {list(given)}.")
        upper, lower = seed_sequence(random_state).spawn(2)
        known = {name: _one_each(value, len(X), name) for name, value in given.items()}
        draws = self.sample(X, n_draws, random_state=upper)
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

    def _check_support(self, hyper):
        """Raise if draws of hyper-parameters `(n_datasets, n_draws, n_hyper)` leave the support of their prior."""
        prior = self._level.hyper_prior
        if prior is None:
            return
        outside = ~np.isfinite(prior.to_real(hyper.reshape(-1, hyper.shape[2]))[1])
        if outside.any():
            first = dict(
                zip(self.hyper_names_, hyper.reshape(-1, hyper.shape[2])[np.argmax(outside)].tolist(), strict=True)
            )
            raise ValueError(
                f"hyper must lie in the support of its prior; {np.count_nonzero(outside)} of {outside.size} draws do "
                f"not, the first {first}."
            )


def _one_each(value, n, name):
    """Return a covariate of one new group for each of `n` data sets, a list of arrays `(1,)`."""
    array = as_float_array(value, name=f"covariates[{name!r}]")
    if array.shape not in ((), (n,)):
        raise ShapeError(
            f"covariates[{name!r}] must be one number, or one for each of {n} data sets; got shape {array.shape}."
        )
    return list(np.broadcast_to(array, n)[:, np.newaxis])
