"""The linear regression that a density network starts from."""

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import RidgeCV

from skabi._torch import to_tensor
from skabi.networks._residual import LinearResidual

# Fewer rows say nothing of a residual; more cost time and change little, the more so the wider they are.
_SMALLEST_SAMPLE, _LARGEST_SAMPLE, _LARGEST_MATRIX, _MOST_ERRORS = 3, 50_000, 5_000_000, 500_000
# Penalties a row of standardised numbers.
_PENALTIES = np.logspace(-5, 1, 13)
# Residual standard deviations below this share of the prior's are not believed.
_SMALLEST_RESIDUAL = 1e-3


def linear_start(context, theta, *, n_used):
    """Return the residual map of a ridge regression of `theta` on `context`, penalised by leave-one-out error.

    Parameters
    ----------
    context : ndarray of shape (n, n_context)
    theta : ndarray of shape (n, n_parameters)
        Standardised.
    n_used : int
        How many of the first columns of `context` the regression is on.

    Returns
    -------
    residual : LinearResidual
        Whitens what the regression leaves over.
    """
    n_parameters = theta.shape[1]
    n_context = context.shape[1]
    most = min(_LARGEST_SAMPLE, max(1000, _LARGEST_MATRIX // n_context), max(1000, _MOST_ERRORS // n_parameters))
    # Evenly spread: rows next to each other may belong together.
    rows = slice(None, None, -(-len(theta) // most))
    context, theta = context[rows, :n_used], theta[rows]
    n = len(theta)
    if n < _SMALLEST_SAMPLE:
        return LinearResidual.identity(n_parameters, n_context)
    ridge = RidgeCV(_PENALTIES * n, alpha_per_target=True, store_cv_results=True).fit(context, theta)
    errors = ridge.cv_results_.reshape(n, n_parameters, -1).mean(axis=0).min(axis=1)
    residuals = theta - ridge.predict(context).reshape(n, n_parameters)
    sizes = residuals.std(axis=0)
    residuals = (residuals - residuals.mean(axis=0)) / np.hypot(sizes, _SMALLEST_RESIDUAL)
    # Shrunk towards independence, the more the less a sample of n says of correlations (Ledoit, Wolf, 2004).
    shrinkage = ledoit_wolf_shrinkage(residuals, assume_centered=True)
    correlation = (1 - shrinkage) * (residuals.T @ residuals) / n
    np.fill_diagonal(correlation, 1.0)
    scale = np.sqrt(errors + _SMALLEST_RESIDUAL**2)[:, np.newaxis] * np.linalg.cholesky(correlation)
    return LinearResidual(
        to_tensor(np.pad(np.reshape(ridge.coef_, (n_parameters, -1)), ((0, 0), (0, n_context - n_used)))),
        to_tensor(np.reshape(ridge.intercept_, n_parameters)),
        to_tensor(scale),
    )
