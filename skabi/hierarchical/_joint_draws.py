"""Joint draws of both levels from factors that are fitted."""

from sklearn.utils.validation import check_is_fitted

from skabi._random import seed_sequence
from skabi.estimators import AmortizedPosterior
from skabi.exceptions import ShapeError
from skabi.hierarchical._group_level import GroupLevel
from skabi.hierarchical._grouped_data import GroupedData, as_grouped
from skabi.hierarchical._hyper_level import hyper_data
from skabi.hierarchical._levels import LevelDraws


class JointDraws:
    """Base class of what draws from both factors of a posterior, once they are fitted."""

    hyper_: AmortizedPosterior
    hyper_names_: list[str]
    group_names_: list[str]
    covariate_names_: list[str]
    n_features_in_: int
    _has_observations: bool
    _level: GroupLevel

    def sample(self, X, n_draws: int = 1000, *, random_state=None) -> LevelDraws:
        """Draw jointly from the posterior of both levels.

        Parameters
        ----------
        X : GroupedData, or list of lists of array-like
            Data sets of groups. `GroupedData` brings labels and covariates.
        n_draws : int, default=1000
            Draws a data set.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : LevelDraws

        Raises
        ------
        NotFittedError
            Before `fit`.
        ShapeError
            If X does not have groups as in `fit`.
        ValueError
            If X lacks covariates of `fit`, has others, or is not finite.

        Warns
        -----
        ApproximationWarning
            If data sets, or groups, are unlike those simulated.
        """
        X = self._check(X)
        upper, lower = seed_sequence(random_state).spawn(2)
        hyper = self.hyper_.sample(self._hyper_data(X), n_draws, random_state=upper)
        return self._draws(hyper, self._level.sample(X, hyper, seed=lower), X.labels)

    def _check(self, X) -> GroupedData:
        """Return X as `GroupedData` like those of fit."""
        check_is_fitted(self)
        X = as_grouped(X)
        if set(X.covariates) != set(self.covariate_names_):
            raise ValueError(
                f"X must have the covariates {self.covariate_names_} of fit; got {list(X.covariates)}. Pass "
                "GroupedData(data, covariates={name: [...]})."
            )
        X = X if self._has_observations else X.as_rows()
        if X.has_observations != self._has_observations:
            wanted = "(n_observations, n_features)" if self._has_observations else "rows of numbers (n_features,)"
            raise ShapeError(f"groups must be {wanted}, as in fit.")
        if X.n_features != self.n_features_in_:
            raise ShapeError(f"groups must have n_features={self.n_features_in_}, as in fit; got {X.n_features}.")
        return X

    def _hyper_data(self, X):
        return hyper_data(X, self.covariate_names_)

    def _draws(self, hyper, groups, labels):
        return LevelDraws(hyper, groups, self.hyper_names_, self.group_names_, labels)
