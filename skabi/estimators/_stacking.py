"""Weights of a mixture, by what it says of held-out data sets."""

import numpy as np
from scipy import optimize

from skabi._random import seed_sequence
from skabi.diagnostics._energy_score import mean_distances, standard_deviations

# Draws of a data set that energy scores are estimated from, unless one or the other is better known.
_N_DRAWS = 128
_TINY = 1e-300


def stacking_weights(members, X, y, *, seed):
    """Return the weights whose mixture has the best score of held-out data sets, `(n_members,)`.

    The score is the mean log density [1]_; where a member has no density, minus the energy score, which of a mixture is
    a convex function of the weights, too. Both judge the mixture and not its members one by one, so that of members
    that say the same one may do.

    Parameters
    ----------
    members : list of fitted estimators
    X : data sets
    y : ndarray of shape (n_datasets, n_parameters)
    seed : SeedSequence

    References
    ----------
    .. [1] Y. Yao, A. Vehtari, D. Simpson, A. Gelman (2018). Using stacking to average Bayesian predictive
       distributions. Bayesian Analysis 13. arXiv 1704.02030.
    """
    if len(members) == 1:
        return np.ones(1)
    try:
        log_density = np.stack([member.log_prob(X, y) for member in members], axis=1)
    except (AttributeError, NotImplementedError):
        rngs = map(np.random.default_rng, seed_sequence(seed).spawn(len(members)))
        draws = [member.sample(X, _N_DRAWS, random_state=rng) for member, rng in zip(members, rngs, strict=True)]
        return weights_by_energy([np.asarray(own) for own in draws], y)
    return weights_by_density(log_density)


def weights_by_density(log_density):
    """Return the weights of the largest mean log density; `log_density` is `(n_datasets, n_members)`."""
    # Where no member has a density weights make no difference.
    log_density = log_density[np.isfinite(log_density).any(axis=1)]
    if not len(log_density):
        return np.full(log_density.shape[1], 1 / log_density.shape[1])
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))

    def loss(weights):
        mixture = np.maximum(density @ weights, _TINY)
        return -np.log(mixture).mean(), -(density / mixture[:, np.newaxis]).mean(axis=0)

    return _best(loss, log_density.shape[1])


def weights_by_energy(draws, y):
    """Return the weights of the smallest energy score; `draws` are arrays `(n_datasets, n_draws, n_parameters)`."""
    scale = standard_deviations(y)
    draws, y = [own / scale for own in draws], (y / scale)[:, np.newaxis]
    to_truth = np.array([np.linalg.norm(own - y, axis=2).mean() for own in draws])
    between = mean_distances(draws)

    def loss(weights):
        return weights @ to_truth - weights @ between @ weights / 2, to_truth - between @ weights

    return _best(loss, len(draws))


def _best(loss, n):
    """Return the non-negative weights that sum to one of the smallest loss, which comes with its gradient."""
    found = optimize.minimize(
        loss,
        np.full(n, 1 / n),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n,
        constraints=optimize.LinearConstraint(np.ones(n), 1.0, 1.0),
        options={"ftol": 1e-10, "maxiter": 500},
    ).x
    weights = np.where(found < 1e-6, 0.0, found)
    return weights / weights.sum()
