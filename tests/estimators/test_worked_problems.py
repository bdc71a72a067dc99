"""Small fits of problems as users bring them: sets of trials, two sources, few and many observations."""

import numpy as np
import pytest
from scipy import stats

from skabi.datasets import DriftDiffusion, GaussianMeanScale
from skabi.diagnostics import c2st, recovery, sbc_ecdf, sbc_ranks
from skabi.estimators import AmortizedPosterior
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import FusionSummary, SeriesSummary


@pytest.mark.slow
def test_drift_diffusion():
    problem = DriftDiffusion(n_trials=(100, 300))
    # With 3,000 simulations posteriors of the boundary are too wide, and 300 data sets show it.
    posterior = AmortizedPosterior(n_simulations=8000, max_iter=10, random_state=0).fit(problem)
    X, y = problem.sample(300, random_state=1)
    draws = posterior.sample(X, 200, random_state=2)
    assert (recovery(draws, y)["correlation"] > 0.9).all()
    # One level for three parameters together.
    assert min(sbc_ecdf(sbc_ranks(draws, y), 200).p_value) > 0.01 / 3


def two_sources(drift, noise, rng):
    """Answers tell of the drift, and a signal of both."""
    n = len(drift)
    answers = rng.normal(drift[:, np.newaxis], 1.0, size=(n, 20))
    steps = rng.normal(0.2 * drift[:, np.newaxis], noise[:, np.newaxis], size=(n, 40))
    return {"answers": answers[..., np.newaxis], "signal": np.cumsum(steps, axis=1)[..., np.newaxis]}


@pytest.mark.slow
def test_two_sources_say_more_than_each():
    prior = IndependentPrior({"drift": stats.norm(0.0, 1.0), "noise": stats.lognorm(0.5, scale=0.5)})
    simulator = Simulator(prior, two_sources, vectorized=True)
    X, y = simulator.sample(1000, random_state=0)
    X_new, y_new = simulator.sample(500, random_state=1)

    def log_densities(summary, select):
        posterior = AmortizedPosterior(prior=prior, summary=summary, max_iter=6, random_state=0)
        posterior.fit(select(X), y)
        return posterior.log_prob(select(X_new), y_new)

    both = log_densities(FusionSummary({"signal": SeriesSummary()}), lambda X: X)
    for name, summary in (("answers", None), ("signal", SeriesSummary())):
        gain = both - log_densities(summary, lambda X, name=name: X[name])
        # Differences data set by data set, and the error of their mean.
        assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


@pytest.mark.slow
def test_draws_are_hardly_told_from_exact_ones():
    problem = GaussianMeanScale(n_observations=(3, 30))
    posterior = AmortizedPosterior(n_simulations=10_000, max_iter=12, random_state=0).fit(problem)
    _, y = problem.sample(4, random_state=1)
    for n_observations in (5, 20):
        X = problem.simulate_from(y, n_observations=n_observations, random_state=2)
        exact = problem.sample_posterior(X, 2000, random_state=3)
        assert c2st(exact, posterior.sample(X, 2000, random_state=4)).mean() < 0.56
