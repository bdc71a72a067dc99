"""Log densities of the entries of a prior, each given those before it."""

import numpy as np

from skabi.priors._base import BasePrior


def entry_log_densities(prior, draws):
    """Return log densities `(n_datasets, n_draws)` by entry, of draws `(n_datasets, n_draws, n_parameters)`.

    Raises
    ------
    TypeError
        If the prior has no entries with densities of their own.
    """
    if not isinstance(prior, BasePrior) or not hasattr(prior, "distributions"):
        raise TypeError(
            f"powers of a prior are of its entries, and a {type(prior).__name__} has none with a density of its own. "
            "Use IndependentPrior or ChainedPrior, or change_prior for another prior as a whole."
        )
    flat = draws.reshape(-1, draws.shape[-1])
    densities = {}
    for (name, bijection), entry in prior._zip(flat):
        terms = np.reshape(bijection.log_density(entry), (len(flat), -1)).sum(axis=1)
        densities[name] = np.where(np.isnan(terms), -np.inf, terms).reshape(draws.shape[:2])
    return densities
