"""What is asked of a posterior and a likelihood together."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._shapes import check_one_size
from skabi.draws import to_datatree
from skabi.estimators._checks import check_data_sets
from skabi.estimators._evidence import LogEvidence, log_evidence_of
from skabi.estimators._known_likelihood import KnownLikelihood
from skabi.estimators._likelihood import AmortizedLikelihood
from skabi.estimators._posterior_half import PosteriorHalf


class BothHalves(PosteriorHalf):
    """Base class of estimators whose `fit` leaves a fitted `posterior_` and a `likelihood_` of the same model."""

    likelihood_: AmortizedLikelihood | KnownLikelihood
    parameter_names_: list[str]
    observations_: str | None

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean of log posterior density plus log likelihood, in nats a data set; higher is better.

        `posterior_.score(X, y)` and `likelihood_.score(X, y)` have each alone. The second is a density in the units of
        X: behind a transformer that a search may change, compare the first.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)

        Returns
        -------
        score : float
        """
        return float(np.mean(self.log_prob(X, y) + self.log_likelihood(X, y)))

    def log_likelihood(self, X: ArrayLike, y: ArrayLike, *, pointwise: bool = False):
        """Return the log density of data sets given parameters; see `AmortizedLikelihood.log_likelihood`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)
        pointwise : bool, default=False
            Whether to return the log density of each observation.

        Returns
        -------
        log_likelihood : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
            With `pointwise` another axis of length n_observations follows (of length 1 where a data set is one
            observation); a list of arrays where sizes differ.
        """
        check_is_fitted(self)
        if isinstance(self.likelihood_, KnownLikelihood):
            # A learned likelihood looks at the data itself.
            check_data_sets(self.posterior_, X)
            if pointwise and self.observations_ == "one" and not self.likelihood_.takes_pointwise:
                return self.likelihood_.log_likelihood(X, y)[..., np.newaxis]
        return self.likelihood_.log_likelihood(X, y, pointwise=pointwise)

    def sample_data(self, y: ArrayLike, n_draws: int = 1, *, n_observations=None, random_state=None):
        """Draw data sets for parameters: the emulator. See `AmortizedLikelihood.sample_data`.

        Parameters
        ----------
        y : array-like of shape (n_datasets, n_parameters)
        n_draws : int, default=1
            Data sets for each row of y.
        n_observations : int or array-like of int of shape (n_datasets,), optional
            Of each data set; by default as in the last `fit`.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : ndarray of shape (n_datasets, ...), or list of arrays
            With `n_draws` above 1 `(n_datasets, n_draws, ...)`.
        """
        check_is_fitted(self)
        return self.likelihood_.sample_data(y, n_draws, n_observations=n_observations, random_state=random_state)

    def log_evidence(self, X: ArrayLike, n_draws: int = 2000, *, random_state=None) -> LogEvidence:
        """Return the log marginal likelihood of each data set.

        Bayes' rule, `log p(X) = log l(X | y) + log p(y) - log q(y | X)`, holds at every y if both halves are exact.
        It is evaluated at posterior draws.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        n_draws : int, default=2000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        evidence : LogEvidence
            `median`, `lower` and `upper`, arrays `(n_datasets,)`: the central 90 % interval over draws, whose width is
            an error bar of self-consistency. An error that both halves share does not show in it.

        Raises
        ------
        ValueError
            If there is no prior, whose density is needed.
        """
        check_is_fitted(self)
        return log_evidence_of(self.posterior_, self.likelihood_, X, n_draws=n_draws, random_state=random_state)

    def predictive(self, X: ArrayLike, n_draws: int = 1000, *, random_state=None):
        """Draw posterior predictive data: for each posterior draw a data set of the size of X.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X_new : ndarray of shape (n_datasets, n_draws, ...), or list of arrays
            A list of arrays `(n_draws, n_observations, ...)` where X is a list.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        parameter_seed, seed = seed_sequence(random_state).spawn(2)
        draws = self.sample(X, n_draws, random_state=parameter_seed)
        return self.likelihood_.sample_like(X, draws, random_state=seed)

    def to_datatree(self, X: ArrayLike, n_draws: int = 1000, *, random_state=None):
        """Return posterior draws, log likelihoods, posterior predictive data and the data as an ArviZ DataTree.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), or list of arrays
            With several data sets these must be of one size; for data of different sizes call once for each size.
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        tree : xarray.DataTree
            With the groups `posterior`, `log_likelihood`, `posterior_predictive` and `observed_data`; see
            `skabi.draws.to_datatree`.

        Raises
        ------
        ImportError
            If ArviZ is not installed; `pip install "skabi[arviz]"` installs it.
        ShapeError
            If data sets are of different sizes.
        """
        check_is_fitted(self)
        advice = "Call to_datatree once for each size, with X[i : i + 1] for one data set."
        check_one_size(X, name="X", advice=advice)
        parameter_seed, seed = seed_sequence(random_state).spawn(2)
        draws = self.sample(X, n_draws, random_state=parameter_seed)
        return to_datatree(
            draws,
            parameter_names=self.parameter_names_,
            X=X,
            log_likelihood=self.log_likelihood(X, draws, pointwise=True),
            posterior_predictive=self.likelihood_.sample_like(X, draws, random_state=seed),
        )
