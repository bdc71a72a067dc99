"""Marginal likelihoods of a posterior whose likelihood is known."""

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi.estimators import KnownLikelihood, LogEvidence
from skabi.estimators._evidence import log_evidence_of
from skabi.simulators import is_simulator


def log_evidence(posterior, likelihood, X: ArrayLike, *, n_draws: int = 2000, random_state=None) -> LogEvidence:
    """Return the log marginal likelihood of each data set, from a posterior and a likelihood.

    As `JointEstimator.log_evidence`, for a posterior that was learned alone.

    Parameters
    ----------
    posterior : AmortizedPosterior
        Fitted, with a prior.
    likelihood : Simulator or AmortizedLikelihood
        A simulator with a `log_likelihood`, or an object with `log_likelihood(X, y)` for y `(n_datasets, n_draws,
        n_parameters)`.
    X : array-like of shape (n_datasets, ...), or list of arrays
    n_draws : int, default=2000
        Posterior draws a data set.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Returns
    -------
    evidence : LogEvidence
        `median`, `lower`, `upper`, `log_mean` and `log_mean_error`, arrays `(n_datasets,)`.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If the likelihood has no `log_likelihood`.
    ValueError
        If the posterior has no prior, whose density is needed.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.model_selection import log_evidence
    >>> simulator = ConjugateGaussian()
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(simulator)
    >>> evidence = log_evidence(posterior, simulator, [[0.5, -1.0]], random_state=0)
    >>> abs(evidence.median - simulator.log_evidence([[0.5, -1.0]])).item() < 0.1
    True
    """
    check_is_fitted(posterior)
    likelihood = check_likelihood(posterior, likelihood)
    return log_evidence_of(posterior, likelihood, X, n_draws=n_draws, random_state=random_state)


def check_likelihood(posterior, likelihood):
    """Return an object with `log_likelihood(X, y)`, or raise if it is none or not of the posterior's parameters."""
    if is_simulator(likelihood):
        likelihood = KnownLikelihood(likelihood)
    if not callable(getattr(likelihood, "log_likelihood", None)):
        raise TypeError(f"likelihood must be a simulator with a log_likelihood, or a learned one; got {likelihood!r}.")
    names = getattr(likelihood, "parameter_names_", None)
    if names is not None and list(names) != posterior.parameter_names_:
        raise ValueError(
            "posterior and likelihood must have the same parameters in the same order; got "
            f"{posterior.parameter_names_} and {list(names)}."
        )
    return likelihood
