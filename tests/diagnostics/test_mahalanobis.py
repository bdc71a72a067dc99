import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import mahalanobis
from skabi.exceptions import ShapeError


def test_squared_distances_of_normal_points_are_chi_squared():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 3))
    distance = mahalanobis(rng.normal(size=(5000, 3)) @ factor.T + 7.0, np.full(3, 7.0), factor @ factor.T)
    assert stats.kstest(distance**2, stats.chi2(3).cdf).pvalue > 0.01


def test_units_do_not_matter():
    rng = np.random.default_rng(1)
    values, units = rng.normal(size=(10, 2)), np.array([1e-8, 1e9])
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    scaled = mahalanobis(values * units, np.zeros(2), covariance * units * units[:, np.newaxis])
    np.testing.assert_allclose(scaled, mahalanobis(values, np.zeros(2), covariance))


def test_directions_without_variance_do_not_count():
    covariance = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(mahalanobis([[2.0, 2.0, 5.0]], np.zeros(3), covariance), [2.0])


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        ([[1e-20, 1e-12], [0.0, 1.0]], "symmetric"),
        ([[1.0, 0.0], [0.0, -1.0]], "at least 0"),
        ([[1e-20, 2e-10], [2e-10, 1.0]], "no negative eigenvalue"),
        ([[0.0, 0.1], [0.1, 1.0]], "no negative eigenvalue"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, message):
    with pytest.raises(ValueError, match=message):
        mahalanobis([[1.0, 2.0]], [0.0, 0.0], covariance)


def test_rounding_of_a_covariance_is_allowed():
    factor = np.random.default_rng(2).normal(size=(40, 3))
    covariance = factor @ factor.T + 1e-15 * np.random.default_rng(3).normal(size=(40, 40))
    assert np.isfinite(mahalanobis(factor.T, np.zeros(40), covariance)).all()


@pytest.mark.parametrize(
    ("values", "mean", "covariance"),
    [([1.0, 2.0], [0.0, 0.0], np.eye(2)), ([[1.0, 2.0]], [0.0], np.eye(1)), ([[1.0]], [0.0], np.eye(2))],
)
def test_shapes_that_do_not_fit_are_refused(values, mean, covariance):
    with pytest.raises(ShapeError, match="n_columns"):
        mahalanobis(values, mean, covariance)
