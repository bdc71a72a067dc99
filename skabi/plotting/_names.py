"""Parameter names of a fitted estimator, checked against the columns of y."""

from skabi._names import check_parameter_names


def names_of(estimator, y, *, n_parameters):
    """Return the names that `estimator` was fitted with, or the columns of `y` where it does not know any."""
    fitted = getattr(estimator, "parameter_names_", None)
    if fitted is None:
        return check_parameter_names(None, n_parameters, y=y)
    fitted = check_parameter_names(fitted, n_parameters)
    if hasattr(y, "columns") and check_parameter_names(None, n_parameters, y=y) != fitted:
        raise ValueError(
            f"The columns of y must be the parameters that the estimator was fitted with, in that order: {fitted}; "
            f"got {list(y.columns)}. Try y[estimator.parameter_names_]."
        )
    return fitted
