import warnings

import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators._usual_summaries import UsualSummaries
from skabi.exceptions import ApproximationWarning
from skabi.losses import ForwardKL, SummaryRegularizer


@pytest.fixture(scope="module")
def simulator():
    return ConjugateGaussian()


@pytest.fixture(scope="module")
def posterior(simulator):
    return AmortizedPosterior(Gaussian(()), n_simulations=5000, max_iter=3, random_state=0).fit(simulator)


def p_values_of(draw, *, n_judging=2000):
    """Return p-values of 20,000 points like those that were learned from."""
    return UsualSummaries().fit(draw(5000), draw(n_judging)).p_values(draw(20_000))


@pytest.mark.parametrize("degrees", [4, 200])
def test_p_values_are_shares_of_points_as_far_out(degrees):
    rng = np.random.default_rng(0)
    p_values = p_values_of(lambda n: stats.t(degrees).rvs(size=(n, 3), random_state=rng))
    # Twice the binomial error: of the points that are judged, and of those that judge.
    for level, n in ((0.5, 2000), (0.05, 2000)):
        assert abs(np.mean(p_values <= level) - level) < 4 * np.sqrt(2 * level * (1 - level) / n)
    # Beyond the points that judge by a model of the tail, which is a little long for normal ones.
    assert np.mean(p_values <= 1e-3) < 2.5e-3


def test_distances_are_of_points_that_the_mean_has_not_seen():
    rng = np.random.default_rng(1)
    summaries = rng.normal(size=(120, 60))
    usual = UsualSummaries().fit(summaries[:60], summaries[60:])
    new = usual.p_values(rng.normal(size=(2000, 60)))
    assert abs(np.mean(new <= 0.5) - 0.5) < 4 * np.sqrt(0.25 / 60)


def test_few_points_say_no_more_than_that_there_are_few():
    usual = UsualSummaries().fit(np.random.default_rng(2).normal(size=(50, 1)), np.linspace(-1, 1, 19)[:, np.newaxis])
    assert usual.p_values(np.array([[2.0], [1e6]])) == pytest.approx([0.05, 0.0])


def test_constant_and_repeated_summaries_do_not_count():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1000, 1))
    summaries = np.column_stack([values, values, np.full(1000, 7.0)])
    usual = UsualSummaries().fit(summaries[:500], summaries[500:])
    alone = UsualSummaries().fit(values[:500], values[500:])
    np.testing.assert_allclose(usual.distances(summaries), alone.distances(values), rtol=0.02)


def test_data_outside_what_was_simulated_are_warned_of(posterior):
    with pytest.warns(ApproximationWarning, match=r"2 of 3 data sets lie outside .*: 0, 2, counted from 0"):
        posterior.sample([[30.0, 0.0], [0.1, 0.2], [-9.0, 9.0]], n_draws=2)


def test_the_warning_can_be_switched_off(simulator):
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=300, max_iter=2, warn_outside=False, random_state=0)
    posterior.fit(simulator).sample([[30.0, 0.0]], n_draws=2)
    joint = JointEstimator(Gaussian(()), n_simulations=300, max_iter=2, warn_outside=False, random_state=0)
    joint.fit(simulator).sample([[30.0, 0.0]], n_draws=2)
    with pytest.raises(TypeError, match="warn_outside must be True or False"):
        AmortizedPosterior(warn_outside="no").fit(simulator)


def test_simulated_data_sets_are_hardly_ever_warned_of(posterior, simulator):
    X, _ = simulator.sample(30_000, random_state=5)
    n_warned = 0
    for part in np.split(X, 300):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            posterior.sample(part, n_draws=1)
        n_warned += bool(caught)
    # A call in a thousand is expected to warn; four standard errors.
    assert n_warned <= 0.3 + 4 * np.sqrt(0.3)


def test_small_fits_warn_too(simulator):
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=2, random_state=0).fit(simulator)
    with pytest.warns(ApproximationWarning, match="lie outside"):
        posterior.sample([[1e6, 1e6]], n_draws=2)


def test_one_among_many_is_warned_of(posterior, simulator):
    X, _ = simulator.sample(10_000, random_state=7)
    X[0] = 1e6
    with pytest.warns(ApproximationWarning, match="1 of 10000 data sets lie outside"):
        posterior.sample(X, n_draws=1)


def test_members_of_ensembles_and_data_sets_of_any_size_are_judged():
    simulator = GaussianMeanScale(n_observations=(2, 30))
    posterior = AmortizedPosterior(Gaussian((8,)), n_estimators=2, n_simulations=1000, max_iter=2, random_state=0)
    posterior.fit(simulator)
    X = [np.zeros((3, 1)), np.full((20, 1), 1e4)]
    assert posterior.usual_p_values(X)[1] < 1e-4
    with pytest.warns(ApproximationWarning, match="1 of 2 data sets lie outside"):
        posterior.sample(X, n_draws=2)


def test_missing_values_are_usual_where_training_left_values_out(simulator):
    posterior = AmortizedPosterior(Gaussian((8,)), missing="mask", n_simulations=2000, max_iter=2, random_state=0)
    posterior.fit(simulator)
    X, _ = simulator.sample(400, random_state=1)
    X[:, 0] = np.nan
    assert np.mean(posterior.usual_p_values(X) <= 0.01) < 0.05


def test_a_penalty_alone_is_no_loss(simulator):
    with pytest.raises(ValueError, match="trains no posterior by itself"):
        AmortizedPosterior(loss=SummaryRegularizer()).fit(simulator)
    loss = ForwardKL() + SummaryRegularizer()
    loss.set_params(second=ForwardKL())
    with pytest.raises(ValueError, match="each class of losses once"):
        AmortizedPosterior(loss=loss).fit(simulator)
