"""Between parameters in their own units and the standardised real line that networks live on."""

import numpy as np

from skabi.exceptions import ShapeError


class ParameterMap:
    """The prior's bijection from its support to the real line, then mean zero and standard deviation one.

    Without a prior parameters are real already.
    """

    def __init__(self, prior, parameter_names):
        self.prior = prior
        self.parameter_names = parameter_names

    def fit(self, y):
        """Learn mean and standard deviation from `y` `(n_datasets, n_parameters)`.

        Raises
        ------
        ValueError
            If rows lie outside the prior's support, or a parameter is constant.
        """
        u, log_det = self._to_real(y)
        outside = np.flatnonzero(~np.isfinite(log_det))
        if outside.size:
            self._raise_outside(y, outside)
        constant = np.flatnonzero(np.ptp(u, axis=0) == 0)
        if constant.size:
            name = self.parameter_names[constant[0]]
            raise ValueError(
                f"every parameter must vary in y; {name!r} is {y[0, constant[0]]:g} in all {len(y)} rows. Leave it out."
            )
        self.mean_, self.scale_ = u.mean(axis=0), u.std(axis=0)
        return self

    def to_network(self, y):
        """Return `(theta, log |det dtheta/dy|)`, `(n, n_parameters)` and `(n,)`; minus infinity outside the support."""
        u, log_det = self._to_real(y)
        return (u - self.mean_) / self.scale_, log_det - np.log(self.scale_).sum()

    def from_network(self, theta):
        """Return parameters in their own units, inside the support."""
        u = theta * self.scale_ + self.mean_
        return u if self.prior is None else self.prior.from_real(u)

    def _to_real(self, y):
        return (y, np.zeros(len(y))) if self.prior is None else self.prior.to_real(y)

    def _raise_outside(self, y, rows):
        support = np.asarray(self.prior.support)
        row = y[rows[0]]
        wrong = [
            f"{name} = {value:g} (support {low:g} to {high:g})"
            for name, value, (low, high) in zip(self.parameter_names, row, support, strict=True)
            if not low < value < high
        ]
        values = ", ".join(f"{name} = {value:g}" for name, value in zip(self.parameter_names, row, strict=True))
        raise ValueError(
            f"y must lie inside the prior's support, where its density is positive; {len(rows)} of {len(y)} rows do "
            f"not, the first is row {rows[0]}: {', '.join(wrong) or values}."
        )


def check_parameter_columns(y, parameter_names):
    """Raise if `y` is a DataFrame whose columns are not the parameters of the fit."""
    columns = getattr(y, "columns", None)
    if columns is not None and [str(column) for column in columns] != parameter_names:
        raise ValueError(f"y must have the columns {parameter_names} in this order, as in fit; got {list(columns)}.")


def check_parameters_of_rows(y, n_datasets, n_parameters):
    """Return `y` as `(n_datasets, n_draws, n_parameters)` and whether it came with that axis of draws."""
    if y.ndim == 1 and n_parameters == 1:
        y = y[:, np.newaxis]
    if y.ndim not in (2, 3) or y.shape[-1] != n_parameters or len(y) != n_datasets:
        raise ShapeError(
            f"y must have shape ({n_datasets}, {n_parameters}), or ({n_datasets}, n_draws, {n_parameters}), one entry "
            f"for each row of X; got {y.shape}."
        )
    return (y, True) if y.ndim == 3 else (y[:, np.newaxis], False)
