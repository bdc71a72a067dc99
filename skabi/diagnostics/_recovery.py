"""How well posterior means recover true parameters, and how much the data taught."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._names import check_parameter_names
from skabi._shapes import as_float_array, check_draws_and_parameters
from skabi.exceptions import ShapeError


def recovery(
    draws: ArrayLike, y: ArrayLike, *, prior_std: ArrayLike | None = None, parameter_names: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return how well the posterior recovers the true parameters.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws, at least two for each of at least two data sets.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        True parameters of each data set; one dimension means one parameter.
    prior_std : float or array-like of shape (n_parameters,), optional
        Standard deviations of the prior; by default those of `y`, which is right if y comes from the prior.
    parameter_names : list of str, optional
        Names of the parameters; by default the columns of y, or `theta[0]`, `theta[1]`, ...

    Returns
    -------
    table : DataFrame of shape (n_parameters, 6)
        Indexed by `parameter`, with the columns

        - `bias`: mean over data sets of posterior mean minus truth, in units of the parameter;
        - `rmse`: root mean square of the same, in units of the parameter;
        - `correlation`: of posterior means with truths; NaN if either does not vary;
        - `contraction`: 1 minus the mean posterior variance over the prior variance [1]_: 0 if data teach nothing,
          near 1 if they teach nearly all; NaN if the prior variance is 0;
        - `z_score_mean`, `z_score_sd`: mean and standard deviation over data sets of the posterior z-score, (posterior
          mean - truth) / posterior sd [1]_: near 0 and, for Gaussian posteriors, near 1 if calibrated; NaN if some
          data set's draws are all equal.

    Raises
    ------
    ShapeError
        If draws or y have another shape, there are fewer than two data sets or draws, or the number of names or of
        prior_std differs from n_parameters.
    ValueError
        If a value is not a finite number, or prior_std is not positive.

    References
    ----------
    .. [1] M. Betancourt (2018). Calibrating model-based inferences and decisions. arXiv:1803.08393.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import recovery
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(5000, 1))
    >>> x = y + 0.5 * rng.normal(size=(5000, 1))
    >>> draws = 0.8 * x[:, np.newaxis] + np.sqrt(0.2) * rng.normal(size=(5000, 500, 1))
    >>> recovery(draws, y, parameter_names=["mu"]).loc["mu", ["correlation", "contraction"]].round(1).tolist()
    [0.9, 0.8]
    """
    columns = y
    draws, y = check_draws_and_parameters(draws, y)
    n_datasets, n_draws, n_parameters = draws.shape
    names = check_parameter_names(parameter_names, n_parameters, y=columns)
    if n_datasets < 2 or n_draws < 2:
        raise ShapeError(f"recovery needs at least 2 data sets and 2 draws of each; got draws of shape {draws.shape}.")
    prior_std = _check_prior_std(prior_std, y)
    mean, variance = draws.mean(axis=1), draws.var(axis=1, ddof=1)
    error = mean - y
    # Constant columns give 0 / 0 or only rounding errors to divide by, and NaN is the answer that is promised.
    with np.errstate(divide="ignore", invalid="ignore"):
        z_score = np.where(np.ptp(draws, axis=1) > 0, error / np.sqrt(variance), np.nan)
        contraction = np.where(prior_std > 0, 1 - variance.mean(axis=0) / prior_std**2, np.nan)
        covariance = ((mean - mean.mean(axis=0)) * (y - y.mean(axis=0))).mean(axis=0)
        varies = (np.ptp(y, axis=0) > 0) & (np.ptp(mean, axis=0) > 0)
        correlation = np.where(varies, covariance / (mean.std(axis=0) * y.std(axis=0)), np.nan)
    table = {
        "bias": error.mean(axis=0),
        "rmse": np.sqrt((error**2).mean(axis=0)),
        "correlation": correlation,
        "contraction": contraction,
        "z_score_mean": z_score.mean(axis=0),
        "z_score_sd": z_score.std(axis=0, ddof=1),
    }
    return pd.DataFrame(table, index=pd.Index(names, name="parameter"))


def _check_prior_std(prior_std, y) -> np.ndarray:
    """Return one positive prior standard deviation a parameter; those of y may be 0."""
    if prior_std is None:
        # Rounding leaves a tiny sd in a constant column.
        return np.where(np.ptp(y, axis=0) > 0, y.std(axis=0, ddof=1), 0.0)
    prior_std = as_float_array(prior_std, name="prior_std")
    if prior_std.shape not in [(), (y.shape[1],)]:
        raise ShapeError(f"prior_std must be a number or have shape ({y.shape[1]},); got shape {prior_std.shape}.")
    if (prior_std <= 0).any():
        raise ValueError(f"prior_std must be positive; got {prior_std}.")
    return np.broadcast_to(prior_std, y.shape[1:])
