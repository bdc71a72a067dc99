"""The default fit against exact posteriors."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from skabi.datasets import ConjugateGaussian, GaussianMeanScale, TruncatedGaussian, TwoMoons
from skabi.diagnostics import c2st
from skabi.estimators import AmortizedPosterior


@pytest.mark.slow
@pytest.mark.parametrize("n_parameters", [1, 2, 4])
@pytest.mark.parametrize("kind", [ConjugateGaussian, TruncatedGaussian])
def test_linear_gaussian_from_few_simulations(kind, n_parameters):
    problem = kind(n_parameters, shift=-1.0)
    posterior = AmortizedPosterior(n_simulations=2500, random_state=0).fit(problem)
    # Thirty, since averages over ten move by a hundredth with the data sets.
    X, _ = problem.sample(30, random_state=1)
    exact = problem.sample_posterior(X, 20_000, random_state=2)
    mean, std = posterior.predict(X, return_std=True)
    assert np.mean(np.abs(mean - exact.mean(axis=1)) / exact.std(axis=1)) < 0.1
    assert 0.95 < np.mean(std / exact.std(axis=1)) < 1.05
    origin = np.zeros((1, problem.n_features))
    accuracy = c2st(
        problem.sample_posterior(origin, 1000, random_state=3)[0],
        posterior.sample(origin, 1000, random_state=4)[0],
        classifier=RandomForestClassifier(random_state=0),
    )
    assert accuracy < 0.6


# The first five observations of the two-moons task of the SBIBM benchmark (Lueckmann et al., 2021, arXiv 2101.04653).
TWO_MOONS_OBSERVATIONS = [
    [-0.6396706, 0.16234657],
    [-0.5676688, -0.33194834],
    [0.00301096, -0.6457662],
    [-0.25049388, 0.633055],
    [-0.66463584, -0.42604533],
]


@pytest.mark.slow
def test_two_moons():
    problem = TwoMoons()
    posterior = AmortizedPosterior(random_state=0).fit(problem)
    X, y = problem.sample(4000, random_state=1)
    # An average of this is the divergence from the exact posterior, averaged over data sets: 0.15 nats when measured
    # over seeds. Densities of one moon alone, or of a wider ring, are log(2) away or more.
    excess = problem.log_posterior(X, y) - posterior.log_prob(X, y)
    assert np.mean(excess) + 4 * np.std(excess) / np.sqrt(len(X)) < np.log(2) / 2
    # The two moons of each data set weigh the same.
    in_the_upper = (posterior.sample(X[:200], 500, random_state=2).sum(axis=2) > 0).mean(axis=1)
    assert np.abs(in_the_upper - 0.5).mean() < 0.1
    exact = problem.sample_posterior(TWO_MOONS_OBSERVATIONS, 5000, random_state=3)
    assert c2st(exact, posterior.sample(TWO_MOONS_OBSERVATIONS, 5000, random_state=4)).mean() < 0.56


@pytest.mark.slow
def test_mean_and_scale_from_few_and_many_observations():
    problem = GaussianMeanScale(n_observations=(2, 100))
    posterior = AmortizedPosterior(n_simulations=15_000, max_iter=25, random_state=0).fit(problem)
    _, y = problem.sample(30, random_state=1)
    # At the end of the range of sizes, 100, where training has no larger neighbours, answers are less exact.
    for n_observations in (3, 20, 60):
        X = problem.simulate_from(y, n_observations=n_observations, random_state=2)
        exact = problem.sample_posterior(X, 5000, random_state=3)
        mean, std = posterior.predict(X, return_std=True)
        error = np.abs(mean - exact.mean(axis=1)) / exact.std(axis=1)
        assert error.mean() < 0.2
        assert (np.abs((std / exact.std(axis=1)).mean(axis=0) - 1) < 0.15).all()
