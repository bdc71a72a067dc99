"""The posterior that draws are to come from, up to its evidence."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.estimators._known_likelihood import NoDensityError, as_log_densities
from skabi.exceptions import ShapeError

# Standard deviations of a normal beyond which double precision has no probabilities left, or hardly any.
_FARTHEST = 37.0


class Target:
    """Log likelihood plus log prior of data sets, in the parameters' own units and on the real line.

    Parameters
    ----------
    likelihood : object
        With `log_likelihood(X, y)` for y `(n_datasets, n_draws, n_parameters)`.
    prior : prior
    X : data sets
    rows : ndarray of int of shape (n_datasets,)
        Their numbers, for messages.
    """

    def __init__(self, likelihood, prior, X, *, rows):
        self.likelihood, self.prior, self.X, self.rows = likelihood, prior, X, rows

    def log_prob(self, y):
        """Return log likelihood plus log prior at y `(n_datasets, n_draws, n_parameters)`, `(n_datasets, n_draws)`.

        Raises
        ------
        ShapeError
            If the likelihood does not return one number for each.
        TypeError, NoDensityError
            If these are no numbers, NaN or plus infinity.
        """
        values = self.log_likelihood(y)
        return values + self.prior.log_prob(y.reshape(-1, y.shape[-1])).reshape(values.shape)

    def log_prob_real(self, u):
        """Return the log density at u `(n_datasets, n_points, n_parameters)` on the real line, up to a constant.

        The prior is standard normal there. Minus infinity on the edge of its support, where numbers have no more steps
        and likelihoods overflow.
        """
        low, high = np.where(np.isfinite(self.prior.support.T), [[-_FARTHEST], [_FARTHEST]], [[-np.inf], [np.inf]])
        is_inside = ((u > low) & (u < high)).all(axis=-1)
        # Of points on the edge another is asked about, the prior's median.
        y = self.from_real(np.where(is_inside[..., np.newaxis], u, 0.0))
        return np.where(is_inside, self.log_likelihood(y), -np.inf) - 0.5 * (u**2).sum(axis=-1)

    def log_likelihood(self, y):
        """Return the log likelihood at y `(n_datasets, n_draws, n_parameters)`, `(n_datasets, n_draws)`, or raise."""
        try:
            values = as_log_densities(self.likelihood.log_likelihood(self.X, y))
        except NoDensityError as error:
            raise NoDensityError(int(self.rows[error.dataset]), error.parameters) from error
        if values.shape != y.shape[:2]:
            raise ShapeError(
                f"log_likelihood(X, y) must have shape {y.shape[:2]} for y of shape {y.shape}; got {values.shape}."
            )
        bad = np.isnan(values) | np.isposinf(values)
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise NoDensityError(int(self.rows[i]), dict(zip(self.prior.parameter_names, y[i, j], strict=True)))
        return values

    def to_real(self, y):
        """Return parameters `(..., n_parameters)` on the real line."""
        return self.prior.to_real(y.reshape(-1, y.shape[-1]))[0].reshape(y.shape)

    def from_real(self, u):
        """Return what is on the real line as parameters `(..., n_parameters)`."""
        return as_float_array(self.prior.from_real(u.reshape(-1, u.shape[-1])), name="y").reshape(u.shape)
