"""Regression: evidence against a multivariate t, posterior against its form by observations, and against draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skabi.datasets import GaussianRegression
from skabi.exceptions import ShapeError

SIMULATORS = [GaussianRegression(), GaussianRegression((1, 9), n_covariates=3, shape=1.5, rate=0.4, precision=2.0)]


def response_scale(simulator, x):
    """Covariates after a column of ones, and the responses' covariance over `scale**2` before they are seen."""
    design = np.insert(x[:, :-1], 0, 1.0, axis=1)
    return design, np.eye(len(x)) + design @ design.T / simulator.precision


def test_prior():
    prior = GaussianRegression(n_covariates=2, shape=1.5, rate=0.4, precision=2.0).prior
    assert prior.parameter_names == ["scale", "coefficient[0]", "coefficient[1]", "coefficient[2]"]
    y = prior.sample(50, random_state=0).to_numpy()
    expected = stats.invgamma(1.5, scale=0.4).logpdf(y[:, 0] ** 2) + np.log(2 * y[:, 0])
    expected += stats.norm.logpdf(y[:, 1:], 0.0, y[:, :1] / np.sqrt(2.0)).sum(axis=1)
    assert_allclose(prior.log_prob(y), expected, rtol=1e-10)


def test_share_of_variance_that_the_line_explains():
    y = GaussianRegression().prior.sample(4000, random_state=0)
    share = y["coefficient[1]"] ** 2 / (y["coefficient[1]"] ** 2 + y["scale"] ** 2)
    assert abs((share < 0.82).mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)


def test_simulation_follows_the_line():
    n = 20_000
    y = np.array([[0.5, 2.0, -1.0, 0.3], [3.0, -4.0, 0.0, 2.0]])
    X = GaussianRegression(n_covariates=2).simulate_from(y, n_observations=n, random_state=0)
    for x, (scale, *coefficient) in zip(X, y, strict=True):
        noise = x[:, 2] - coefficient[0] - x[:, :2] @ coefficient[1:]
        for column in (x[:, 0], x[:, 1], noise / scale):
            assert stats.kstest(column, stats.norm.cdf).pvalue > 1e-5
        # Five standard errors of a correlation of 0.
        correlation = np.corrcoef([x[:, 0], x[:, 1], noise])
        assert (np.abs(correlation - np.eye(3)) < 5 / np.sqrt(n)).all()


def test_likelihood_by_observation():
    simulator = GaussianRegression((2, 9), n_covariates=2)
    X, y = simulator.sample(10, random_state=0)
    pointwise = simulator.log_likelihood(X, **simulator.prior.split(y), pointwise=True)
    for x, (scale, *coefficient), terms in zip(X, y.to_numpy(), pointwise, strict=True):
        mean = np.array([0.0, 0.0, coefficient[0]])
        # Covariates and response are Gaussian together.
        root = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [coefficient[1], coefficient[2], scale]])
        assert_allclose(terms, stats.multivariate_normal(mean, root @ root.T).logpdf(x), rtol=1e-8)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_evidence_is_a_multivariate_t(simulator):
    X, _ = simulator.sample(20, random_state=0)
    expected = [
        stats.multivariate_t.logpdf(
            x[:, -1],
            shape=simulator.rate / simulator.shape * response_scale(simulator, x)[1],
            df=2 * simulator.shape,
        )
        + stats.norm.logpdf(x[:, :-1]).sum()
        for x in X
    ]
    assert_allclose(simulator.log_evidence(X), expected, rtol=1e-9)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_posterior_moments(simulator):
    X, _ = simulator.sample(20, random_state=1)
    mean, std = simulator.posterior_mean(X), simulator.posterior_std(X)
    for i, x in enumerate(X):
        # Coefficients and responses are Gaussian together given the scale: the former are predicted from the latter.
        design, covariance = response_scale(simulator, x)
        gain = np.linalg.solve(covariance, design / simulator.precision).T
        spread = np.eye(design.shape[1]) / simulator.precision - gain @ design / simulator.precision
        rate = simulator.rate + x[:, -1] @ np.linalg.solve(covariance, x[:, -1]) / 2
        variance = stats.invgamma(simulator.shape + len(x) / 2, scale=rate)
        mean_scale = variance.expect(np.sqrt)
        assert_allclose(mean[i], [mean_scale, *gain @ x[:, -1]], rtol=1e-6, atol=1e-9)
        expected = [variance.mean() - mean_scale**2, *variance.mean() * np.diag(spread)]
        assert_allclose(std[i] ** 2, expected, rtol=1e-5)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_draws_have_the_exact_moments(simulator):
    n = 20_000
    X, _ = simulator.sample(4, random_state=1)
    draws = simulator.sample_posterior(X, n, random_state=2)
    mean, std = simulator.posterior_mean(X), simulator.posterior_std(X)
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * std / np.sqrt(n)).all()
    spread = (draws - mean[:, np.newaxis]) ** 2
    assert (np.abs(spread.mean(axis=1) - std**2) < 5 * spread.std(axis=1) / np.sqrt(n)).all()


@pytest.mark.parametrize("n_covariates", [1, 2])
def test_draws_are_calibrated(assert_calibrated, n_covariates):
    assert_calibrated(GaussianRegression((3, 8), n_covariates=n_covariates), n_datasets=1000)


def test_evidence_says_what_leaving_one_out_is():
    n = 50_000
    simulator = GaussianRegression((4, 9), precision=1.0)
    X, _ = simulator.sample(4, random_state=3)
    rest = [x[1:] for x in X]
    draws = simulator.sample_posterior(rest, n, random_state=4)
    exact = np.exp(simulator.log_evidence(X) - simulator.log_evidence(rest))
    for x, draw, density in zip(X, draws, exact, strict=True):
        first = np.broadcast_to(x[:1], (n, 1, 2))
        likelihood = np.exp(simulator.log_likelihood(first, **simulator.prior.split(draw)))
        assert abs(likelihood.mean() - density) < 5 * likelihood.std() / np.sqrt(n)


def test_small_noise_on_a_steep_line():
    # Prior and noise are nothing beside the line, whose residuals are 1e-6: rounding must not reach them.
    covariate = np.linspace(-1.0, 1.0, 40)
    noise = 1e-6 * np.where(np.arange(40) % 2, 1.0, -1.0)
    x = np.column_stack([covariate, 1e3 + 1e3 * covariate + noise])
    mean = GaussianRegression(rate=1e-20, precision=1e-24).posterior_mean([x])
    _, (rss,), *_ = np.linalg.lstsq(np.insert(x[:, :1], 0, 1.0, axis=1), noise, rcond=None)
    assert_allclose(mean[0, 0], np.sqrt(rss / 2) * stats.invgamma(3.0 + 20.0).expect(np.sqrt), rtol=1e-6)


def test_spread_that_does_not_exist():
    std = GaussianRegression(shape=0.4).posterior_std([np.array([[0.7, 1.0]])])
    assert np.isinf(std).all()


def test_sizes():
    X, y = GaussianRegression().sample(4000, random_state=0)
    sizes = np.array([len(x) for x in X])
    assert sizes.min() == 5 and sizes.max() == 60
    # Half of the sizes are at most 17, with probability 0.5119.
    assert abs((sizes <= 17).mean() - np.log(18 / 5) / np.log(61 / 5)) < 5 * 0.5 / np.sqrt(4000)
    for n in (1, 30):
        fixed, same_y = GaussianRegression(n, n_covariates=1).sample(4000, random_state=0)
        assert fixed.shape == (4000, n, 2) and same_y.equals(y)


def test_lists_and_arrays_are_alike():
    simulator = GaussianRegression(6)
    X, y = simulator.sample(10, random_state=0)
    assert_array_equal(simulator.log_posterior(X, y), simulator.log_posterior(list(X), y))
    assert_array_equal(simulator.posterior_std(X), simulator.posterior_std(X.tolist()))
    draws = [simulator.sample_posterior(data, 5, random_state=1) for data in (X, list(X))]
    assert_array_equal(*draws)


def test_a_data_set_does_not_depend_on_its_neighbours():
    simulator = GaussianRegression((1, 20), n_covariates=2)
    X, _ = simulator.sample(10, random_state=0)
    for method in (simulator.log_evidence, simulator.posterior_mean, simulator.posterior_std):
        assert_allclose(method(X), [method([x])[0] for x in X], rtol=1e-10)


def test_covariates_are_counted():
    with pytest.raises(ShapeError, match=r"\(n_observations, 3\).*\(5, 2\) \(data set 0\)"):
        GaussianRegression(n_covariates=2).log_evidence([np.zeros((5, 2))])
    with pytest.raises(ShapeError, match=r"\(n_datasets, n_observations, 2\); got \(2, 5, 3\)"):
        GaussianRegression().posterior_mean(np.zeros((2, 5, 3)))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_observations": (0, 5)}, r"n_observations\[0\] must be at least 1"),
        ({"n_covariates": 0}, "n_covariates must be at least 1"),
        ({"shape": 0.0}, "shape"),
        ({"rate": -1.0}, "rate"),
        ({"precision": np.inf}, "precision"),
    ],
)
def test_bad_settings(settings, match):
    with pytest.raises(ValueError, match=match):
        GaussianRegression(**settings)
