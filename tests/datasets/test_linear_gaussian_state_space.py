import numpy as np
import pytest
from scipy import integrate, stats

from skabi.datasets import LinearGaussianStateSpace

PROBLEM = LinearGaussianStateSpace(6, noise=0.5)


def covariance(scale):
    time = np.arange(6)
    return 1.0 + scale**2 * np.minimum.outer(time, time)


def test_the_likelihood_is_that_of_the_joint_normal():
    X, y = PROBLEM.sample(3, random_state=0)
    found = PROBLEM.log_likelihood(X, scale=y["scale"].to_numpy())
    exact = [
        stats.multivariate_normal(cov=covariance(s) + 0.25 * np.eye(6)).logpdf(x[:, 0])
        for x, s in zip(X, y["scale"], strict=True)
    ]
    np.testing.assert_allclose(found, exact)


@pytest.mark.parametrize("last", [True, False])
def test_moments_are_those_of_an_integral_over_the_scale(last):
    X, _ = PROBLEM.sample(1, random_state=1)
    n = 6 if last else 3
    x = X[0, :n, 0]

    def terms(log_scale):
        prior = covariance(np.exp(log_scale))[:n, :n]
        total = prior + 0.25 * np.eye(n)
        gain = prior @ np.linalg.inv(total)
        mean, variance = (gain @ x)[2], (prior - gain @ prior)[2, 2]
        weight = np.exp(stats.multivariate_normal(cov=total).logpdf(x) + stats.norm.logpdf(log_scale, np.log(0.3), 0.5))
        return weight * np.array([1.0, mean, variance + mean**2])

    low, high = np.log(0.3) - 2.25, np.log(0.3) + 2.25
    total, first, second = (integrate.quad(lambda s, i=i: terms(s)[i], low, high)[0] for i in range(3))
    moments = PROBLEM.smooth(X) if last else PROBLEM.filter(X)
    assert moments.mean[0, 2] == pytest.approx(first / total, abs=1e-4)
    assert moments.sd[0, 2] == pytest.approx(np.sqrt(second / total - (first / total) ** 2), abs=1e-4)


def test_a_scale_that_is_known_is_taken():
    X, y = PROBLEM.sample(2, random_state=2)
    moments = PROBLEM.smooth(X, scale=y["scale"])
    for x, scale, mean, sd in zip(X, y["scale"], *moments, strict=True):
        gain = covariance(scale) @ np.linalg.inv(covariance(scale) + 0.25 * np.eye(6))
        np.testing.assert_allclose(mean, gain @ x[:, 0])
        np.testing.assert_allclose(sd**2, np.diag(covariance(scale) - gain @ covariance(scale)))
