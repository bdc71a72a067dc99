"""Ranks of simulation-based calibration of a posterior and a likelihood that were learned together."""

import numpy as np
from sklearn.exceptions import NotFittedError

from skabi._params import check_count
from skabi._random import generators
from skabi.diagnostics._sbc import sbc_ranks


def joint_sbc_ranks(estimator, *, n_datasets: int = 1000, n_draws: int = 250, random_state=None) -> np.ndarray:
    """Return the ranks of true parameters among draws of the learned posterior, for data of the learned likelihood.

    Parameters come from the prior, a data set from the learned likelihood at each, and draws from the learned
    posterior of that data set. If the learned posterior is the one that belongs to the learned likelihood and the
    prior, then each rank is uniform on 0, 1, ..., n_draws [1]_; the simulator takes no part.

    Read it next to the ranks of data sets from the simulator, `sbc_ranks`, which judge the posterior alone. Where
    those are uniform and these are not, the likelihood is wrong. These alone do not suffice: a posterior and a
    likelihood that are wrong in the same way agree with each other.

    Parameters
    ----------
    estimator : object
        Fitted, with a prior `prior_`, `sample_data(y, *, random_state)` for data sets of the learned likelihood, and
        `sample(X, n_draws, *, random_state)` for draws of the learned posterior; a `JointEstimator` for example.
    n_datasets : int, default=1000
        Number of parameters and data sets.
    n_draws : int, default=250
        Posterior draws for each data set.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Seed of parameters, data, draws and of the order of ties.

    Returns
    -------
    ranks : int array of shape (n_datasets, n_parameters)
        Numbers of draws below the true value, between 0 and n_draws.

    Raises
    ------
    TypeError
        If the estimator has no `sample_data`, that is no learned likelihood.
    NotFittedError
        If the estimator has no `prior_`.
    ValueError
        If its prior is None: it was fitted to arrays alone.

    See Also
    --------
    sbc_ecdf : Are the ranks uniform?
    sbc_ranks : Ranks for data sets of the simulator.

    References
    ----------
    .. [1] S. T. Radev, M. Schmitt, V. Pratz, U. Picchini, U. Köthe, P.-C. Bürkner (2023). JANA: Jointly amortized
       neural approximation of complex Bayesian models. Uncertainty in Artificial Intelligence. arXiv:2302.09125.

    Examples
    --------
    The exact posterior and likelihood of `x = theta + noise`, both standard normal, written out:

    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.diagnostics import joint_sbc_ranks, sbc_ecdf
    >>> from skabi.priors import IndependentPrior
    >>> class ExactJoint:
    ...     prior_ = IndependentPrior({"theta": stats.norm()})
    ...     def sample_data(self, y, *, random_state=None):
    ...         return y.to_numpy() + np.random.default_rng(random_state).normal(size=y.shape)
    ...     def sample(self, X, n_draws, *, random_state=None):
    ...         noise = np.random.default_rng(random_state).normal(size=(len(X), n_draws, 1))
    ...         return (X[:, np.newaxis] + np.sqrt(2) * noise) / 2
    >>> ranks = joint_sbc_ranks(ExactJoint(), n_datasets=500, n_draws=99, random_state=0)
    >>> ranks.shape
    (500, 1)
    >>> sbc_ecdf(ranks, 99).inside
    array([ True])
    """
    n_datasets, n_draws = check_count(n_datasets, "n_datasets"), check_count(n_draws, "n_draws")
    prior = _prior_of(estimator)
    for_parameters, for_data, for_draws, for_ties = generators(random_state, 4)
    y = prior.sample(n_datasets, random_state=for_parameters)
    X = estimator.sample_data(y, random_state=for_data)
    draws = estimator.sample(X, n_draws=n_draws, random_state=for_draws)
    return sbc_ranks(draws, y, random_state=for_ties)


def _prior_of(estimator):
    """Return the prior of an `estimator` that can make parameters and data by itself, or raise."""
    name = type(estimator).__name__
    if not hasattr(estimator, "sample_data"):
        raise TypeError(
            f"Joint calibration needs an estimator that has learned a likelihood too and samples it by sample_data, "
            f"such as JointEstimator; got {name}. For a posterior alone use sbc_ranks."
        )
    if not hasattr(estimator, "prior_"):
        raise NotFittedError(f"This {name} has no prior_ yet: fit it first.")
    if estimator.prior_ is None:
        raise ValueError(
            f"Joint calibration draws parameters from the prior, and this {name} was fitted without one. "
            f"Fit it to a simulator, or pass prior= to its constructor."
        )
    return estimator.prior_
