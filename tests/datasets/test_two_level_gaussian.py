"""Two levels of a Gaussian: likelihood against the joint normal, posterior of both levels by calibration."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets import TwoLevelGaussian, load_batting
from skabi.exceptions import ShapeError


def test_likelihood_is_that_of_correlated_normals():
    problem = TwoLevelGaussian(3, 4)
    X, y = problem.sample(5, random_state=0)
    expected = []
    for x, (between, within, mean) in zip(X, y.to_numpy(), strict=True):
        covariance = np.kron(np.eye(3), between**2 * np.ones((4, 4))) + within**2 * np.eye(12)
        expected.append(stats.multivariate_normal(np.full(12, mean), covariance).logpdf(x.ravel()))
    assert_allclose(problem.log_likelihood(X, **problem.prior.split(y)), expected, rtol=1e-10)


def test_evidence_is_the_mean_likelihood():
    problem = TwoLevelGaussian(2, 2)
    X, _ = problem.sample(3, random_state=1)
    y = problem.prior.sample(200_000, random_state=2)
    parameters = problem.prior.split(y)
    for i in range(3):
        terms = np.exp(problem.log_likelihood(np.repeat(X[i : i + 1], len(y), axis=0)[:20_000], **_cut(parameters)))
        error = terms.std() / terms.mean() / np.sqrt(len(terms))
        assert abs(np.log(terms.mean()) - problem.log_evidence(X[i : i + 1])[0]) < 5 * error


def _cut(parameters):
    return {name: values[:20_000] for name, values in parameters.items()}


def test_posterior_is_calibrated(assert_calibrated):
    assert_calibrated(TwoLevelGaussian(4, 3), n_datasets=300, n_draws=30)


def test_groups_are_calibrated():
    problem, rng = TwoLevelGaussian(), np.random.default_rng(0)
    y = problem.prior.sample(400, random_state=3)
    parameters = problem.prior.split(y)
    effects = rng.normal(parameters["mean"][:, None], parameters["between"][:, None], size=(400, 5))
    n = rng.integers(1, 9, size=(400, 5))
    X = [
        [rng.normal(e, w, size=(k, 1)) for e, k in zip(row, sizes, strict=True)]
        for row, sizes, w in zip(effects, n, parameters["within"], strict=True)
    ]
    draws = problem.sample_groups(X, problem.sample_posterior(X, 99, random_state=4), random_state=5)
    # One group of each data set, so that ranks are independent.
    share = np.array([(own[:, 0, 0] < truth).mean() for own, truth in zip(draws, effects[:, 0], strict=True)])
    assert abs(share.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 400)
    assert abs(np.mean((share - 0.5) ** 2) - 1 / 12) < 5 * np.sqrt((1 / 80 - 1 / 144) / 400)


def test_lists_are_read_as_arrays_are():
    problem = TwoLevelGaussian(3, 2)
    X, _ = problem.sample(2, random_state=0)
    assert_allclose(problem.log_evidence([list(x) for x in X]), problem.log_evidence(X))


def test_a_data_set_without_groups_is_refused():
    problem = TwoLevelGaussian(3, 2)
    with pytest.raises(ShapeError, match="data set 1 has none"):
        problem.log_evidence([[np.ones((2, 1))], []])


def test_batting_averages():
    frame = load_batting().frame
    assert frame["player"].is_unique and (frame["hits"] <= frame["at_bats"]).all()
    # Means of Efron and Morris (1975): 0.265 early and late.
    assert round((frame["hits"] / frame["at_bats"]).mean(), 3) == 0.265
    assert round(frame["later_average"].mean(), 3) == 0.265
