"""Between parameters in their own units and the standardised real line that networks live on."""

import numpy as np

from skabi._names import check_parameter_names
from skabi._shapes import refuse_lossy
from skabi.exceptions import ShapeError

# Standard deviations from which the normal distribution function is zero in double precision.
_EDGE = 37.5
_LARGEST_SCALE = 1e150
# Standard deviations beyond which networks, which square and multiply them, come to no numbers any more.
_FARTHEST = 1e100


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
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean_, self.scale_ = u.mean(axis=0), u.std(axis=0)
        extreme = np.flatnonzero(~((self.scale_ > 1 / _LARGEST_SCALE) & (self.scale_ < _LARGEST_SCALE)))
        if extreme.size:
            name = self.parameter_names[extreme[0]]
            raise ValueError(
                f"y must have values whose squares are floating-point numbers; the standard deviation of {name!r} "
                f"comes out as {self.scale_[extreme[0]]:g}. Give it in another unit."
            )
        return self

    def fit_prior(self):
        """Take mean and standard deviation from the prior, by whose bijection they are zero and one."""
        self.mean_, self.scale_ = np.zeros(len(self.parameter_names)), np.ones(len(self.parameter_names))
        return self

    def to_network(self, y):
        """Return `(theta, log |det dtheta/dy|)`, `(n, n_parameters)` and `(n,)`; minus infinity outside the support.

        As outside counts what is 1e100 standard deviations away.
        """
        u, log_det = self._to_real(y)
        with np.errstate(over="ignore"):
            theta = (u - self.mean_) / self.scale_
        log_det = log_det - np.log(self.scale_).sum()
        return theta, np.where((np.abs(theta) < _FARTHEST).all(axis=1), log_det, -np.inf)

    def from_network(self, theta):
        """Return parameters in their own units, inside the support."""
        u = theta * self.scale_ + self.mean_
        return u if self.prior is None else self.prior.from_real(u)

    def _to_real(self, y):
        if self.prior is None:
            return y, np.zeros(len(y))
        # Beyond the largest numbers nothing was learned, and the support may end.
        with np.errstate(over="ignore"):
            u, log_det = self.prior.to_real(y)
        # On the very edge of the support, where a prior never draws, the map and its Jacobian are infinite.
        return u, np.where((np.abs(u) < _EDGE).all(axis=1), log_det, -np.inf)

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


def column_names(y):
    """Return the names of the columns of a DataFrame, of a Series that has one, else None."""
    columns = getattr(y, "columns", None)
    if columns is not None:
        return [str(column) for column in columns]
    name = getattr(y, "name", None)
    return None if name is None else [str(name)]


def parameter_names_of(y, n_parameters, prior):
    """Return the names of the columns of `y`, which must be those of the prior."""
    names = column_names(y)
    if prior is None:
        return check_parameter_names(names, n_parameters)
    expected = prior.parameter_names
    if n_parameters != len(expected):
        raise ShapeError(
            f"y must have shape (n_datasets, {len(expected)}), one column each of the prior's parameters {expected}; "
            f"got {np.shape(y)}."
        )
    if names is not None and names != expected:
        raise ValueError(f"y must have the prior's columns {expected} in this order; got {names}.")
    return list(expected)


def check_parameter_columns(y, parameter_names):
    """Raise if `y` is a DataFrame or a named Series whose columns are not the parameters of the fit."""
    refuse_lossy(y, name="y")
    columns = column_names(y)
    if columns is not None and columns != parameter_names:
        raise ValueError(f"y must have the columns {parameter_names} in this order, as in fit; got {columns}.")


def check_parameters_of_rows(y, n_datasets, n_parameters):
    """Return `y` as `(n_datasets, n_draws, n_parameters)` and whether it came with that axis of draws."""
    if y.ndim == 1 and n_parameters == 1:
        y = y[:, np.newaxis]
    if y.ndim not in (2, 3) or y.shape[-1] != n_parameters or len(y) != n_datasets or not y.size:
        raise ShapeError(
            f"y must have shape ({n_datasets}, {n_parameters}), or ({n_datasets}, n_draws, {n_parameters}), one entry "
            f"for each row of X; got {y.shape}."
        )
    return (y, True) if y.ndim == 3 else (y[:, np.newaxis], False)
