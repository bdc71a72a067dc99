"""Parameters of a posterior whose likelihood is raised to a power, given simulated data."""

import numpy as np

# Steps of a proposal, as a share of the prior, are drawn evenly on the log scale between these.
_SMALLEST, _LARGEST = 0.01, 1.0


def tempered(prior, y, log_likelihood, powers, *, n_steps, places, n_block, rng):
    """Return draws from `prior * likelihood**power` of each of n data sets, by Markov chains.

    Chains start at the parameters that made the data sets, which are draws from the posteriors at power one. The power
    then moves to its end over the first half of the steps, and stays there. Proposals leave the prior as it is in
    standard normal coordinates [1]_, ``u' = sqrt(1 - s**2) u + s z``, with steps ``s`` of all sizes, as nothing is
    known of the width of the posterior: they are accepted by the likelihood alone.

    Parameters
    ----------
    prior : prior
        With `to_real` and `from_real` for n rows.
    y : ndarray of shape (n, n_parameters)
    log_likelihood : callable
        Takes parameters `(n, n_parameters)` and returns log densities `(n,)`.
    powers : ndarray of shape (n,)
    n_steps : int
    places : ndarray of int of shape (n,)
        Where the data sets stand in a block of `n_block`: each has its own random numbers, whichever others are there.
    n_block : int
    rng : Generator

    Returns
    -------
    y : ndarray of shape (n, n_parameters)

    References
    ----------
    .. [1] S. Cotter, G. Roberts, A. Stuart, D. White (2013). MCMC methods for functions: modifying old algorithms to
       make them faster. Statistical Science 28(3), 424-446. arXiv 1202.0709.
    """
    u, _ = prior.to_real(y)
    y = y.copy()
    log_density = log_likelihood(y)
    for step in range(n_steps):
        # Evenly on the log scale, from one to the power.
        power = powers ** min(1.0, 2 * (step + 1) / n_steps)
        share = np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST), size=(n_block, 1)))[places]
        proposed_u = np.sqrt(1 - share**2) * u + share * rng.standard_normal((n_block, u.shape[1]))[places]
        proposed = prior.from_real(proposed_u)
        proposed_density = log_likelihood(proposed)
        with np.errstate(invalid="ignore"):
            accepted = np.log(rng.random(n_block)[places]) < power * (proposed_density - log_density)
        u[accepted], y[accepted] = proposed_u[accepted], proposed[accepted]
        log_density = np.where(accepted, proposed_density, log_density)
    return y
