"""What holds for every display of parameters."""

import numpy as np
import pytest

from skabi.exceptions import ShapeError
from skabi.plotting import (
    CoverageDisplay,
    HighestDensityCoverageDisplay,
    PairsDisplay,
    PITDisplay,
    RecoveryDisplay,
    SBCDisplay,
    TARPDisplay,
)

FROM_DRAWS = [CoverageDisplay, PITDisplay, RecoveryDisplay, SBCDisplay, TARPDisplay]


@pytest.mark.parametrize("display", [HighestDensityCoverageDisplay, PairsDisplay, *FROM_DRAWS])
def test_columns_in_another_order_than_fitted_raise(display, exact, simulations):
    X, y = simulations
    n_datasets = 1 if display is PairsDisplay else len(X)
    with pytest.raises(ValueError, match=r"'beta', 'gamma'.*got \['gamma', 'beta'\]"):
        display.from_estimator(exact, X[:n_datasets], y[["gamma", "beta"]][:n_datasets])


@pytest.mark.parametrize("display", [CoverageDisplay, PITDisplay, RecoveryDisplay, SBCDisplay])
def test_number_of_names_must_match(display):
    with pytest.raises(ShapeError, match="one name for each of the 2 parameters"):
        display.from_draws(np.zeros((3, 10, 2)), np.zeros((3, 2)), parameter_names=["a"])


@pytest.mark.parametrize("display", FROM_DRAWS)
@pytest.mark.parametrize(
    ("draws", "y", "message"),
    [
        ((10, 2), (10, 2), r"draws must have shape \(n_datasets, n_draws, n_parameters\); got \(10, 2\)"),
        ((3, 10, 2), (3, 3), r"y must have shape \(n_datasets, 2\); got \(3, 3\)"),
        ((3, 10, 2), (4, 2), "same n_datasets; got 3 and 4"),
    ],
)
def test_shapes_that_do_not_fit_raise(display, draws, y, message):
    with pytest.raises(ShapeError, match=message):
        display.from_draws(np.zeros(draws), np.zeros(y))
