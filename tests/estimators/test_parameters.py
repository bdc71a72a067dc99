"""Parameters go to the standardised real line and back, with the Jacobian that belongs to it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skabi.estimators._parameters import (
    ParameterMap,
    check_parameter_columns,
    check_parameters_of_rows,
    column_names,
)
from skabi.exceptions import ShapeError
from skabi.priors import ChainedPrior, IndependentPrior

PRIORS = {
    "none": None,
    "independent": IndependentPrior(
        {"rate": stats.gamma(2.0, scale=3.0), "share": stats.uniform(2.0, 5.0), "effect": stats.norm(-1.0, 4.0)}
    ),
    "chained": ChainedPrior(
        {
            "scale": stats.halfnorm(scale=2.0),
            "low": stats.norm(0.0, 3.0),
            "high": lambda low, scale: stats.uniform(low, scale),
        }
    ),
    "multivariate": IndependentPrior(
        {"effect": stats.multivariate_normal([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]]), "share": stats.beta(2.0, 3.0)}
    ),
}
every_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


def draws(prior, n=200):
    if prior is None:
        return np.random.default_rng(0).normal([1e3, -2.0, 0.0], [10.0, 1e-4, 1.0], size=(n, 3))
    return prior.sample(n, random_state=0).to_numpy(copy=True)


def fitted(prior, y):
    return ParameterMap(prior, ["a", "b", "c"] if prior is None else prior.parameter_names).fit(y)


@every_prior
def test_there_and_back(prior):
    y = draws(prior)
    parameter_map = fitted(prior, y)
    theta, _ = parameter_map.to_network(y)
    np.testing.assert_allclose(theta.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(theta.std(axis=0), 1.0, rtol=1e-9)
    np.testing.assert_allclose(parameter_map.from_network(theta), y, rtol=1e-8)
    grid = np.random.default_rng(1).normal(size=(100, 3))
    np.testing.assert_allclose(parameter_map.to_network(parameter_map.from_network(grid))[0], grid, atol=1e-6)


@every_prior
def test_log_determinant_is_that_of_the_numerical_jacobian(prior):
    parameter_map = fitted(prior, draws(prior))
    # Through the inverse, where theta is of order one whatever the units of y.
    theta = np.random.default_rng(1).normal(size=(20, 3))
    step = 1e-5
    columns = [
        (parameter_map.from_network(theta + step * unit) - parameter_map.from_network(theta - step * unit)) / (2 * step)
        for unit in np.eye(3)
    ]
    numerical = -np.linalg.slogdet(np.stack(columns, axis=-1))[1]
    log_det = parameter_map.to_network(parameter_map.from_network(theta))[1]
    # Central differences are wrong by step² / 6 times a third derivative, and by rounding over step.
    np.testing.assert_allclose(log_det, numerical, rtol=0, atol=1e-6)


def test_unit_of_a_parameter_is_in_the_log_determinant_alone():
    y = draws(None)
    unit = np.array([2.0**-20, 1.0, 2.0**10])
    theta, log_det = fitted(None, y).to_network(y)
    other_theta, other_log_det = fitted(None, y * unit).to_network(y * unit)
    np.testing.assert_array_equal(other_theta, theta)
    np.testing.assert_allclose(other_log_det, log_det - np.log(unit).sum(), rtol=1e-12)


@pytest.mark.parametrize("name", ["independent", "chained", "multivariate"])
@pytest.mark.parametrize("size", [1.0, 6.0])
def test_whatever_a_network_says_has_a_density(name, size):
    prior = PRIORS[name]
    parameter_map = fitted(prior, draws(prior))
    y = parameter_map.from_network(size * np.random.default_rng(0).choice([-1.0, 1.0], size=(50, 3)))
    assert np.isfinite(prior.log_prob(y)).all()
    assert np.isfinite(parameter_map.to_network(y)[1]).all()


@pytest.mark.parametrize("size", [30.0, 3000.0])
def test_not_even_a_network_gone_astray_leaves_the_support(size):
    prior = PRIORS["independent"]
    parameter_map = fitted(prior, draws(prior))
    y = parameter_map.from_network(size * np.random.default_rng(0).choice([-1.0, 1.0], size=(50, 3)))
    low, high = prior.support.T
    assert np.isfinite(y).all()
    assert ((y > low) & (y < high)).all()


def test_outside_the_support():
    prior = PRIORS["independent"]
    y = draws(prior)
    parameter_map = fitted(prior, y)
    outside = [[-1.0, 3.0, 0.0], [1.0, 7.5, 0.0], [1.0, 1.9, 0.0], [0.0, 3.0, 0.0], [1.0, 2.0, 0.0], [1.0, 7.0, 0.0]]
    assert np.isneginf(parameter_map.to_network(np.array(outside))[1]).all()
    y[[3, 8]] = [[-1.0, 9.0, 0.0], [1.0, 1.0, 0.0]]
    message = (
        r"y must lie inside the prior's support, where its density is positive; 2 of 200 rows do not, the first is "
        r"row 3: rate = -1 \(support 0 to inf\), share = 9 \(support 2 to 7\)\.$"
    )
    with pytest.raises(ValueError, match=message):
        fitted(prior, y)


@pytest.mark.parametrize("far", [1e103, 1e200, np.finfo(float).max])
def test_what_is_too_far_for_a_network_counts_as_outside(far):
    y = draws(None)
    parameter_map = fitted(None, y)
    _, log_det = parameter_map.to_network(np.array([[far, 0.0, 0.0], [0.0, -far, far], [1e90, 0.0, 0.0]]))
    np.testing.assert_array_equal(np.isneginf(log_det), [True, True, False])


def test_outside_a_support_that_depends_on_other_parameters():
    prior = PRIORS["chained"]
    y = draws(prior)
    y[4] = [1.0, 0.0, 1.5]
    with pytest.raises(ValueError, match=r"1 of 200 rows do not, the first is row 4: scale = 1, low = 0, high = 1\.5"):
        fitted(prior, y)


def test_constant_and_extreme_parameters():
    y = draws(None)
    y[:, 1] = 4.0
    with pytest.raises(ValueError, match="'b' is 4 in all 200 rows"):
        fitted(None, y)
    for unit, found in ((1e160, "inf"), (1e-170, "0")):
        y[:, 1] = unit * np.arange(200.0)
        with pytest.raises(
            ValueError, match=f"standard deviation of 'b' comes out as {found}. Give it in another unit"
        ):
            fitted(None, y)


def test_column_names():
    y = np.zeros((2, 2))
    assert column_names(y) is None
    assert column_names(y.tolist()) is None
    assert column_names(pd.DataFrame(y, columns=["name", "columns"])) == ["name", "columns"]
    assert column_names(pd.DataFrame(y)) == ["0", "1"]
    assert column_names(pd.Series(y[0], name="a")) == ["a"]
    assert column_names(pd.Series(y[0])) is None


def test_check_parameter_columns():
    names = ["a", "b"]
    y = np.zeros((2, 2))
    check_parameter_columns(y, names)
    check_parameter_columns(pd.DataFrame(y, columns=names), names)
    with pytest.raises(ValueError, match=r"\['a', 'b'\] in this order, as in fit; got \['b', 'a'\]"):
        check_parameter_columns(pd.DataFrame(y, columns=["b", "a"]), names)


def test_check_parameters_of_rows():
    for shape, has_draws in {(5, 2): False, (5, 7, 2): True}.items():
        y, flag = check_parameters_of_rows(np.zeros(shape), 5, 2)
        assert y.shape == (5, 7 if has_draws else 1, 2)
        assert flag is has_draws
    assert check_parameters_of_rows(np.arange(5.0), 5, 1)[0][:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    for shape in ((5,), (5, 1), (4, 2), (5, 7, 3), (5, 0, 2), (5, 1, 1, 2)):
        with pytest.raises(ShapeError, match=r"y must have shape \(5, 2\), or \(5, n_draws, 2\)"):
            check_parameters_of_rows(np.zeros(shape), 5, 2)
