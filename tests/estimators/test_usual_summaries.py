import warnings

import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators._summarizing import discoveries
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


@pytest.mark.parametrize("n_judging", [1, 9, 50])
def test_beyond_a_few_points_chances_fall_with_a_power_of_the_distance(n_judging):
    judging = np.linspace(0.0, 1.0, n_judging + 1)[1:, np.newaxis]
    usual = UsualSummaries().fit(np.array([[-1.0], [1.0]] * 20), judging)
    p_values = usual.p_values(np.array([[1.0], [2.0], [1e6]])) * (n_judging + 1)
    np.testing.assert_allclose(p_values, [2.0, 2**-2.5, 1e-15])


def normal(n, rng):
    return rng.normal(size=(n, 2))


def student(n, rng):
    return rng.standard_t(3, size=(n, 2))


def lognormal(n, rng):
    return np.exp(rng.normal(size=(n, 2)))


@pytest.mark.parametrize("draw", [normal, student, lognormal])
@pytest.mark.parametrize(("n_judging", "n_fits"), [(100, 120), (500, 40)])
def test_calls_of_any_size_are_hardly_ever_warned_of(draw, n_judging, n_fits):
    n_warned = dict.fromkeys((1, 10, 100, 1000), 0)
    for seed in range(n_fits):
        rng = np.random.default_rng(seed)
        usual = UsualSummaries().fit(draw(9 * n_judging, rng), draw(n_judging, rng))
        p_values = usual.p_values(draw(2000, rng))
        n_warned[1] += np.count_nonzero(p_values < 1e-3)
        for n in (10, 100, 1000):
            n_warned[n] += sum(discoveries(part).size > 0 for part in np.split(p_values, 2000 // n))
    for n, count in n_warned.items():
        # About a call in a thousand, two at most; those with one fit vary together, and their number six times as much.
        most = 2e-3 * n_fits * 2000 / n
        assert count <= most + 4 * np.sqrt(6 * most)
    if draw is not normal:
        # And no fewer than half a call in a thousand where tails are long.
        assert n_warned[1] > 0.5e-3 * n_fits * 2000


def test_many_that_are_unusual_are_found_where_one_could_be_chance():
    assert discoveries(np.full(20, 6e-5)).tolist() == list(range(20))
    assert discoveries(np.array([0.5, 6e-5] + [0.7] * 298)).size == 0
    assert discoveries(np.array([0.5, 3e-6] + [0.7] * 298)).tolist() == [1]
    # The third is below 3 / 4 of the level, and then all that are as small are called.
    assert discoveries(np.array([7e-4, 0.9, 6e-4, 7.4e-4])).tolist() == [0, 2, 3]


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


@pytest.mark.parametrize("n_simulations", [20, 100])
def test_small_fits_warn_too(simulator, n_simulations):
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=n_simulations, max_iter=2, random_state=0).fit(simulator)
    with pytest.warns(ApproximationWarning, match="lie outside"):
        posterior.sample([[1e6, 1e6]], n_draws=2)


def test_one_among_many_is_warned_of(posterior, simulator):
    X, _ = simulator.sample(1000, random_state=7)
    X[0] = 1e6
    with pytest.warns(ApproximationWarning, match="1 of 1000 data sets lie outside"):
        posterior.sample(X, n_draws=1)


def test_members_of_ensembles_and_data_sets_of_any_size_are_judged():
    simulator = GaussianMeanScale(n_observations=(2, 30))
    posterior = AmortizedPosterior(Gaussian((8,)), n_estimators=2, n_simulations=1000, max_iter=2, random_state=0)
    posterior.fit(simulator)
    X = [np.array([[-0.4], [0.3], [0.9]]), np.full((20, 1), 1e4)]
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
    loss.set_params(summaryregularizer=ForwardKL())
    with pytest.raises(ValueError, match="each class of losses once"):
        AmortizedPosterior(loss=loss).fit(simulator)
