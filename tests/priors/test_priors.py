"""Priors against scipy, and their map to standard normals against its own inverse and derivative."""

import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import ShapeError
from skabi.priors import ChainedPrior, IndependentPrior


@pytest.fixture(params=["independent", "chained"])
def prior(request):
    if request.param == "independent":
        covariance = [[1.0, 0.5], [0.5, 2.0]]
        return IndependentPrior(
            {
                "rate": stats.gamma(2.0),
                "effect": stats.norm(np.zeros(3), [1.0, 2.0, 3.0]),
                "share": stats.uniform(-1.0, 2.0),
                "pair": stats.multivariate_normal([1.0, 2.0], covariance),
            }
        )
    return ChainedPrior(
        {
            "top": stats.gamma(2.0),
            "part": lambda top: stats.uniform(0.0, top),
            "effect": lambda top, part: stats.norm(part[:, np.newaxis], np.ones(3) * top[:, np.newaxis]),
        }
    )


def test_draws_become_standard_normals(prior):
    u, _ = prior.to_real(prior.sample(20_000, random_state=0))
    assert np.abs(u.mean(axis=0)).max() < 5 / np.sqrt(20_000)
    assert np.abs(np.cov(u.T) - np.eye(prior.n_parameters)).max() < 5 * np.sqrt(2 / 20_000)


def test_map_is_inverted(prior):
    y = prior.sample(500, random_state=1).to_numpy()
    np.testing.assert_allclose(prior.from_real(prior.to_real(y)[0]), y, rtol=1e-8, atol=1e-10)


def test_log_determinant_is_that_of_the_numerical_jacobian(prior):
    y = prior.sample(5, random_state=2).to_numpy()
    steps = 1e-6 * np.eye(prior.n_parameters)
    _, log_det = prior.to_real(y)
    for row, value in zip(y, log_det, strict=True):
        jacobian = (prior.to_real(row + steps)[0] - prior.to_real(row - steps)[0]) / 2e-6
        assert np.linalg.slogdet(jacobian)[1] == pytest.approx(value, abs=1e-4)


def test_log_prob_is_scipys():
    prior = IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), 3.0)})
    y = prior.sample(10, random_state=0).to_numpy()
    expected = stats.gamma(2.0).logpdf(y[:, 0]) + stats.norm(0, 3.0).logpdf(y[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(y), expected)
    assert prior.log_prob([[-1.0, 0.0, 0.0]]) == -np.inf


def test_extreme_real_numbers_stay_inside_the_support():
    prior = ChainedPrior({"a": stats.uniform(1.0, 2.0), "b": lambda a: stats.uniform(0.0, a)})
    y = prior.from_real(np.array([[40.0, 40.0], [-40.0, -40.0]]))
    assert ((y[:, 0] > 1) & (y[:, 0] < 3) & (y[:, 1] > 0) & (y[:, 1] < y[:, 0])).all()


def test_bad_distributions_are_refused():
    with pytest.raises(TypeError, match="not frozen"):
        IndependentPrior({"a": stats.norm})
    with pytest.raises(TypeError, match="discrete"):
        IndependentPrior({"a": stats.poisson(3.0)})
    with pytest.raises(ValueError, match="argument of simulate"):
        IndependentPrior({"rng": stats.norm()})
    with pytest.raises(TypeError, match="come before it"):
        ChainedPrior({"a": lambda b: stats.norm(b), "b": stats.norm()})
    with pytest.raises(ShapeError, match="one column each"):
        IndependentPrior({"a": stats.norm()}).log_prob(np.zeros((2, 3)))
