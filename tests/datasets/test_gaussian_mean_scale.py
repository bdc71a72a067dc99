"""Mean and scale of a Gaussian: evidence against a multivariate t, posterior against quadrature and draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skabi.datasets import GaussianMeanScale
from skabi.exceptions import ShapeError

SIMULATORS = [GaussianMeanScale(), GaussianMeanScale((1, 20), shape=1.5, rate=0.4, precision=2.0)]


def test_variance_has_an_inverse_gamma_prior():
    prior = GaussianMeanScale(shape=1.5, rate=0.4, precision=2.0).prior
    y = prior.sample(50, random_state=0).to_numpy()
    expected = stats.invgamma(1.5, scale=0.4).logpdf(y[:, 0] ** 2) + np.log(2 * y[:, 0])
    expected += stats.norm.logpdf(y[:, 1], 0.0, y[:, 0] / np.sqrt(2.0))
    assert_allclose(prior.log_prob(y), expected, rtol=1e-10)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_evidence_is_a_multivariate_t(simulator):
    X, _ = simulator.sample(20, random_state=0)
    expected = [
        stats.multivariate_t.logpdf(
            x[:, 0],
            shape=simulator.rate / simulator.shape * (np.eye(len(x)) + 1 / simulator.precision),
            df=2 * simulator.shape,
        )
        for x in X
    ]
    assert_allclose(simulator.log_evidence(X), expected, rtol=1e-9)


def test_posterior_density_by_quadrature(legendre):
    simulator = GaussianMeanScale(precision=0.5)
    x = np.array([[0.3], [1.1], [-0.4]])
    nodes, weights = legendre((np.log(0.1), np.log(20.0)), (-1.0, 1.0), 200)
    # The mean in units of the scale.
    y = np.column_stack([np.exp(nodes[:, 0]), 12 * nodes[:, 1] * np.exp(nodes[:, 0])])
    likelihood = stats.norm.pdf(x[:, 0], y[:, 1:], y[:, :1]).prod(axis=1)
    joint = np.exp(simulator.prior.log_prob(y)) * likelihood
    evidence = joint * 12 * y[:, 0] ** 2 @ weights
    assert_allclose(simulator.log_evidence([x])[0], np.log(evidence), atol=1e-5)
    chosen = joint > 1e-200
    expected = np.log(joint[chosen] / evidence)
    assert_allclose(simulator.log_posterior([x] * chosen.sum(), y[chosen]), expected, atol=1e-5)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_draws_have_the_exact_moments(simulator):
    n = 50_000
    X, _ = simulator.sample(4, random_state=1)
    X = [*X, np.array([[0.7]])]
    draws = simulator.sample_posterior(X, n, random_state=2)
    mean, std = simulator.posterior_mean(X), simulator.posterior_std(X)
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * std / np.sqrt(n)).all()
    spread = (draws - mean[:, np.newaxis]) ** 2
    assert (np.abs(spread.mean(axis=1) - std**2) < 5 * spread.std(axis=1) / np.sqrt(n)).all()


def test_draws_are_calibrated(assert_calibrated):
    assert_calibrated(GaussianMeanScale())


def test_spread_that_does_not_exist():
    std = GaussianMeanScale(shape=0.4).posterior_std([np.array([[0.7]])])
    assert np.isinf(std).all()


def test_sizes():
    X, y = GaussianMeanScale().sample(4000, random_state=0)
    sizes = np.array([len(x) for x in X])
    assert sizes.min() == 1 and sizes.max() > 450
    # Half of the sizes are at most 22, with probability 0.5045.
    assert abs((sizes <= 22).mean() - np.log(23) / np.log(501)) < 5 * 0.5 / np.sqrt(4000)
    for n in (1, 30):
        fixed, same_y = GaussianMeanScale(n).sample(4000, random_state=0)
        assert fixed.shape == (4000, n, 1) and same_y.equals(y)
    given = GaussianMeanScale().simulate_from(y[:3], n_observations=600, random_state=0)
    assert [x.shape for x in given] == [(600, 1)] * 3


def test_lists_and_arrays_are_alike():
    simulator = GaussianMeanScale(6)
    X, y = simulator.sample(10, random_state=0)
    assert_array_equal(simulator.log_posterior(X, y), simulator.log_posterior(list(X), y))
    assert_array_equal(simulator.log_evidence(X), simulator.log_evidence(X.tolist()))
    objects = np.empty(2, dtype=object)
    objects[0], objects[1] = X[0], X[1][:3]
    assert_array_equal(simulator.posterior_mean(objects), simulator.posterior_mean([X[0], X[1][:3]]))
    draws = [simulator.sample_posterior(data, 5, random_state=1) for data in (X, list(X))]
    assert_array_equal(*draws)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (
            [np.zeros((3, 1)), np.zeros(3)],
            r"the arrays of X must have shape \(n_observations, 1\).*\(3,\) \(data set 1\)",
        ),
        ([np.zeros((3, 1)), np.zeros((0, 1))], r"at least one observation; got \(0, 1\) \(data set 1\)"),
        ([np.zeros((3, 2))], r"\(n_observations, 1\)"),
        ([], "at least one data set"),
        (np.zeros((2, 0, 1)), "one observation in it"),
        (np.zeros((2, 5)), r"\(n_datasets, n_observations, 1\); got \(2, 5\)"),
    ],
)
def test_bad_data_sets(X, match):
    for method in (GaussianMeanScale().log_evidence, GaussianMeanScale().posterior_mean):
        with pytest.raises(ShapeError, match=match):
            method(X)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_observations": (0, 5)}, r"n_observations\[0\] must be at least 1"),
        ({"n_observations": 0}, "n_observations must be at least 1"),
        ({"shape": 0.0}, "shape"),
        ({"rate": -1.0}, "rate"),
        ({"precision": np.inf}, "precision"),
    ],
)
def test_bad_settings(settings, match):
    with pytest.raises(ValueError, match=match):
        GaussianMeanScale(**settings)
