"""Whether many short chains have converged."""

import numpy as np
from numpy.typing import ArrayLike

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError


def nested_r_hat(chains: ArrayLike) -> np.ndarray:
    """Return nested R-hat of many short chains [1]_.

    Chains are grouped: those of one superchain start at the same point. While starting points matter, superchains
    differ; the variance between their means is compared with that within them, which is large from the first draws on
    because there are many chains. R-hat, which compares chains one by one, needs each of them to be long.

    Parameters
    ----------
    chains : array-like of shape (..., n_superchains, n_chains, n_draws, n_parameters)
        At least two superchains, and at least two draws in each.

    Returns
    -------
    r_hat : ndarray of shape (..., n_parameters)
        1 for draws that have forgotten where they began, but for Monte Carlo error: about the square root of one plus
        one over the number of draws in a superchain. Infinite where no superchain moves and they differ; NaN where all
        draws are equal.

    Raises
    ------
    ShapeError
        If there are fewer than four dimensions, two superchains or two draws in each.
    ValueError
        If draws are not finite numbers.

    References
    ----------
    .. [1] C. Margossian, M. Hoffman, P. Sountsov, L. Riou-Durand, A. Vehtari, A. Gelman (2024). Nested R-hat: assessing
       the convergence of Markov chain Monte Carlo when running many short chains. Bayesian Analysis. arXiv 2110.13017.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import nested_r_hat
    >>> chains = np.random.default_rng(0).normal(size=(16, 32, 4, 1))
    >>> starts = np.linspace(-1.0, 1.0, 16).reshape(16, 1, 1, 1)
    >>> bool(nested_r_hat(chains)[0] < 1.01), nested_r_hat(chains + starts).round(2)
    (True, array([1.15]))
    """
    chains = as_float_array(chains, name="chains")
    if chains.ndim < 4 or chains.shape[-4] < 2 or chains.shape[-3] * chains.shape[-2] < 2:
        raise ShapeError(
            "chains must have shape (..., n_superchains, n_chains, n_draws, n_parameters) with at least two "
            f"superchains of at least two draws; got {chains.shape}."
        )
    scaled, is_stuck = _scaled(chains)
    means = scaled.mean(axis=-2)
    within_chains = scaled.var(axis=-2, ddof=1) if scaled.shape[-2] > 1 else np.zeros_like(means)
    between_chains = means.var(axis=-2, ddof=1) if scaled.shape[-3] > 1 else np.zeros_like(means[..., 0, :])
    within = np.where(is_stuck, 0.0, between_chains + within_chains.mean(axis=-2)).mean(axis=-2)
    between = means.mean(axis=-2).var(axis=-2, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((within + between) / within)


def _scaled(chains):
    """Return chains of each parameter from -1 to 1, or 0 if all are equal, and which superchains do not move at all."""
    draws = -4, -3, -2
    low, high = chains.min(axis=draws, keepdims=True), chains.max(axis=draws, keepdims=True)
    reach = high / 2 - low / 2
    scaled = (chains - (low / 2 + high / 2)) / np.where(reach > 0, reach, 1.0)
    return scaled, chains.min(axis=(-3, -2)) == chains.max(axis=(-3, -2))
