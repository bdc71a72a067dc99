"""What a mixture of fitted estimators is asked: draws, densities and predictions."""

import re

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.base import ClassNamePrefixFeaturesOutMixin, RegressorMixin, TransformerMixin
from sklearn.utils.metaestimators import _BaseComposition, available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import collected, warn
from skabi.estimators._checks import check_quantiles
from skabi.estimators._disagreement import Disagreement, disagreement_of, moments_of
from skabi.estimators._known_likelihood import n_data_sets_of, rows_of
from skabi.estimators._members import is_countable, trained_part
from skabi.estimators._mixtures import draw_mixture, mixture_quantiles, n_draws_of_members
from skabi.estimators._stored_draws import draw_into
from skabi.exceptions import ApproximationWarning
from skabi.files._savable import Savable

_OUTSIDE = re.compile(r"\d+ of \d+ data sets lie outside")
# Data sets whose quantiles are in memory at once, for each of these probabilities.
_BLOCK = 1000
_LEVELS = np.linspace(0.0, 1.0, 1025)


def _members_have(name):
    def check(ensemble):
        members = getattr(ensemble, "estimators_", None) or [each for _, each in ensemble.estimators if each != "drop"]
        for member in members:
            if not hasattr(trained_part(member)[0], name):
                raise AttributeError(f"{name} needs members that all have it; {member!r:.200} has not.")
        return True

    return check


class MixtureAnswers(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RegressorMixin, Savable, _BaseComposition):
    """Base class of estimators whose `fit` leaves fitted members and their weights."""

    estimators: list
    named_estimators_: dict
    weights_: np.ndarray
    parameter_names_: list[str]
    warn_outside: bool

    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, n_replicates: int | None = None, store=None, random_state=None
    ):
        """Draw from the mixture, for each data set.

        Each member makes the share of the draws that is its weight, but for one draw at most, which chance decides on
        so that the expected shares are the weights. Draws are in random order.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
            Draws a data set.
        n_replicates : int, optional
            As in `AmortizedPosterior.sample`; each replicate has draws of all members.
        store : path-like, optional
            Likewise.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray or zarr.Array of shape (n_datasets, n_draws, n_parameters)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is none that members take, `n_draws` is below 1, or `n_replicates` does not divide it.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        n_parts = 1 if n_replicates is None else check_count(n_replicates, "n_replicates")
        if n_draws % n_parts:
            raise ValueError(f"n_replicates must divide n_draws={n_draws}; got {n_replicates}.")
        if store is not None:
            options = {"n_draws": n_draws, "n_replicates": n_replicates, "random_state": random_state}
            return draw_into(store, self, X, **options)
        n_each, weights = n_draws // n_parts, self.weights_[self.weights_ > 0]
        mixing, *seeds = seed_sequence(random_state).spawn(1 + len(weights))
        options = {} if n_replicates is None else {"n_replicates": n_replicates}
        jobs = zip(n_draws_of_members(n_each, weights), seeds, strict=True)

        def draw(member):
            n_own, seed = next(jobs)
            draws = member.sample(X, n_draws=n_parts * n_own, **options, random_state=np.random.default_rng(seed))
            return draws.reshape(len(draws), n_parts, n_own, -1)

        draws = draw_mixture(self._ask(draw), n_each, weights, rng=np.random.default_rng(mixing))
        return draws.reshape(len(draws), n_draws, -1)

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Return the log density of the mixture.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            In nats, with respect to the units of `y`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DensityError
            If the engine of a member has no density.
        ValueError
            If X or y are none that members take.
        """
        check_is_fitted(self)
        parts = np.stack(self._ask(lambda member: member.log_prob(X, y)), axis=-1)
        return special.logsumexp(parts, b=self.weights_[self.weights_ > 0], axis=-1)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean log density of the true parameters, in nats; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        score : float
        """
        return float(np.mean(self.log_prob(X, y)))

    def predict(self, X: ArrayLike, *, return_std: bool = False, quantiles: ArrayLike | None = None):
        """Return the mean of the mixture, or quantiles, from what members predict.

        There is no randomness, and what is returned for a row does not depend on the other rows.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        return_std : bool, default=False
            Whether to return the standard deviation of the mixture as well.
        quantiles : array-like of shape (n_quantiles,), optional
            Probabilities from 0 to 1: marginal quantiles instead of the mean, exact to 0.001 in probability.

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
            If both `return_std` and `quantiles` are given, or X is none that members take.
        """
        check_is_fitted(self)
        if return_std and quantiles is not None:
            raise ValueError("pass either return_std=True or quantiles, not both.")
        if quantiles is not None:
            return self._quantiles(X, check_quantiles(quantiles))
        means, stds = self._moments(X)
        mean, between, within = moments_of(self.weights_[self.weights_ > 0], means, stds)
        return (mean, np.sqrt(between + within)) if return_std else mean

    def disagreement(self, X: ArrayLike) -> Disagreement:
        """Return how much members differ, for each data set and parameter.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        disagreement : Disagreement
            `variance_share`, `mean_distance` and `spread_ratio`, arrays `(n_datasets, n_parameters)`. Members of weight
            zero have no say.
        """
        check_is_fitted(self)
        means, stds = self._moments(X)
        shape = (len(means), means.shape[1], -1)
        return disagreement_of(self.weights_[self.weights_ > 0], means.reshape(shape), stds.reshape(shape))

    @available_if(_members_have("transform"))
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the summaries of all members, one after the other.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        summaries : ndarray of shape (n_datasets, n_summaries)
            A DataFrame after `set_output(transform="pandas")`.
        """
        check_is_fitted(self)
        return np.hstack([np.asarray(member.transform(X)) for member in self.named_estimators_.values()])

    @available_if(_members_have("usual_p_values"))
    def usual_p_values(self, X: ArrayLike) -> np.ndarray:
        """Return how usual data sets are among those of `fit`, from what members say: see `AmortizedPosterior`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        p_values : ndarray of shape (n_datasets,)
            The harmonic mean of the members' p-values by their weights [1]_: that of all where they agree, and small
            where a single one finds the data set unusual.

        References
        ----------
        .. [1] D. Wilson (2019). The harmonic mean p-value for combining dependent tests. PNAS 116.
        """
        check_is_fitted(self)

        def p_values_of(member):
            part, data = trained_part(member, X)
            return part.usual_p_values(data)

        with np.errstate(divide="ignore"):
            return 1 / (self.weights_[self.weights_ > 0] @ (1 / np.stack(self._ask(p_values_of))))

    def get_params(self, deep=True):
        """Return constructor parameters and, as `name__parameter`, those of members.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        params : dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters of the ensemble, members by their names and, as `name__parameter`, parameters of members.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : estimator
        """
        return self._set_params("estimators", **params)

    def _ask(self, question):
        """Return what each member of positive weight answers, and warn at once of what they all warn of."""
        answers, messages = [], {}
        for (name, member), weight in zip(self.named_estimators_.items(), self.weights_, strict=True):
            if weight > 0:
                try:
                    with collected() as messages[name]:
                        answers.append(question(member))
                except Exception as error:
                    error.add_note(f"Raised by member {name!r} of an ensemble.")
                    raise
        self._pass_on(messages, n_members=len(answers))
        return answers

    def _pass_on(self, messages, *, n_members):
        """Warn of what members warned of, a dict of name to messages; once where they say the same."""
        said: dict[str, list] = {}
        for name, own in messages.items():
            for message in own:
                is_outside = bool(_OUTSIDE.match(message))
                if self.warn_outside or not is_outside:
                    # Of what lies outside each counts other data sets.
                    said.setdefault("outside" if is_outside else message, []).append((name, message))
        for found in said.values():
            names = [name for name, _ in found]
            who = "" if n_members == 1 else f" So say {len(names)} of {n_members} members: {', '.join(names)}."
            warn(f"{found[0][1]}{who}", ApproximationWarning)

    def _moments(self, X):
        """Return means and standard deviations of members, `(n_members, n_datasets, n_parameters)`."""
        return np.swapaxes(self._ask(lambda member: member.predict(X, return_std=True)), 0, 1)

    def _quantiles(self, X, levels):
        n = n_data_sets_of(X) if is_countable(X) else 0
        if n > _BLOCK:
            starts = range(0, n, _BLOCK)
            parts = (rows_of(X, np.arange(start, min(start + _BLOCK, n))) for start in starts)
            return np.concatenate([self._quantiles(part, levels) for part in parts])
        points = self._ask(lambda member: member.predict(X, quantiles=_LEVELS))
        return mixture_quantiles(np.stack(points), levels, self.weights_[self.weights_ > 0])

    @property
    def network_(self):
        """Networks of all members, in one module."""
        return nn.ModuleList([trained_part(member)[0].network_ for member in self.named_estimators_.values()])

    @property
    def _n_features_out(self):
        return sum(trained_part(member)[0]._n_features_out for member in self.named_estimators_.values())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags
