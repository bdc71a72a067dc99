"""Smoothing by backward draws, where every part of it is known exactly."""

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.datasets._linear_gaussian_state_space import kalman_filter, kalman_smoother
from skabi.dynamic import GaussianProcess, RandomWalk, Static
from skabi.dynamic._drawing import filtered, log_density, smooth

N_TIMES, NOISE, SCALE, N_DRAWS = 8, 0.5, 0.4, 20_000


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    return rng.normal(size=N_TIMES).cumsum() * SCALE + NOISE * rng.normal(size=N_TIMES)


def memory_of(mean, variance):
    """Return the memory of one series that a `GivenBelief` reads."""
    numbers = np.concatenate([np.atleast_2d(mean.T).T, np.sqrt(np.atleast_2d(variance.T).T)], axis=-1)
    return torch.tensor(numbers)[None, None]


def joint_normal(covariance, series):
    """Return mean and covariance of levels with a prior covariance, given all observations."""
    gain = covariance @ np.linalg.inv(covariance + NOISE**2 * np.eye(N_TIMES))
    return gain @ series, covariance - gain @ covariance


def walk_covariance():
    time = np.arange(N_TIMES)
    return 1.0 + SCALE**2 * np.minimum.outer(time, time)


def filter_of(covariance, series):
    """Return means and variances of each level given the observations until then."""
    moments = []
    for n in range(1, N_TIMES + 1):
        part = covariance[:n, :n]
        gain = part @ np.linalg.inv(part + NOISE**2 * np.eye(n))
        moments.append(((gain @ series[:n])[-1], (part - gain @ part)[-1, -1]))
    return map(np.array, zip(*moments, strict=True))


def close(draws, mean, covariance):
    """Whether draws `(n_draws, n_times)` have this mean and covariance, up to four Monte Carlo errors."""
    sd = np.sqrt(np.diag(covariance))
    n = len(draws)
    is_mean = (np.abs(draws.mean(axis=0) - mean) < 4 * sd / np.sqrt(n)).all()
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / n)
    return is_mean and (np.abs(np.cov(draws.T) - covariance) < 4 * error).all()


@pytest.mark.parametrize(
    "transition, covariance",
    [
        (RandomWalk(SCALE), walk_covariance()),
        (
            GaussianProcess(4.0, sd=1.5, smoothness=0.5),
            1.5**2 * np.exp(-np.abs(np.subtract.outer(np.arange(N_TIMES), np.arange(N_TIMES))) / 4.0),
        ),
    ],
)
def test_backward_draws_are_those_of_the_joint_posterior(transition, covariance, series, exact_learned):
    mean, variance = filter_of(covariance, series)
    learned = exact_learned({"level": transition})
    _, states = smooth(learned, memory_of(mean, variance), np.array([N_TIMES]), N_DRAWS, seed=0)
    assert close(states[0, :, 0, :, 0], *joint_normal(covariance, series))


def test_subjects_of_a_known_scale_have_the_kalman_smoother_of_their_own(series, exact_learned):
    learned, each = exact_learned({"level": RandomWalk(SCALE)}), [series, 1.0 - series[::-1]]
    filters = [filter_of(walk_covariance(), own) for own in each]
    memory = torch.cat([memory_of(*moments) for moments in filters], dim=1)
    _, states = smooth(learned, memory, np.array([N_TIMES]), N_DRAWS, seed=0)
    assert states.shape == (1, N_DRAWS, 2, N_TIMES, 1)
    for subject, own in enumerate(each):
        assert close(states[0, :, subject, :, 0], *joint_normal(walk_covariance(), own))
    # Given the scale, what is left of one says nothing of the other.
    gaps = states[0, ..., 0] - states[0, ..., 0].mean(axis=0)
    correlation = (gaps[:, 0] * gaps[:, 1]).mean(axis=0) / gaps.std(axis=0).prod(axis=0)
    assert (np.abs(correlation) < 4 / np.sqrt(N_DRAWS)).all()


def test_filtering_draws_each_time_from_its_own_belief(series, exact_learned):
    mean, variance = filter_of(walk_covariance(), series)
    learned, lengths = exact_learned({"level": RandomWalk(SCALE)}), np.array([N_TIMES])
    _, states = filtered(learned, memory_of(mean, variance), lengths, N_DRAWS, seed=0)
    assert close(states[0, :, 0, :, 0], mean, np.diag(variance))


def test_series_end_where_they_end(series, exact_learned):
    mean, variance = filter_of(walk_covariance(), series)
    learned = exact_learned({"level": RandomWalk(SCALE)})
    memory = memory_of(mean, variance).repeat(2, 1, 1, 1)
    _, states = smooth(learned, memory, np.array([N_TIMES, 5]), N_DRAWS, seed=0)
    part = walk_covariance()[:5, :5]
    gain = part @ np.linalg.inv(part + NOISE**2 * np.eye(5))
    assert close(states[1, :, 0, :5, 0], gain @ series[:5], part - gain @ part)
    assert np.isnan(states[1, :, :, 5:]).all() and not np.isnan(states[0]).any()
    assert close(states[0, :, 0, :, 0], *joint_normal(walk_covariance(), series))


def test_the_density_of_a_trajectory_is_that_of_the_joint_posterior(series, exact_learned):
    mean, variance = filter_of(walk_covariance(), series)
    learned = exact_learned({"level": RandomWalk(SCALE)})
    learned.location, learned.scale = np.array([0.3]), np.array([2.0])
    memory = memory_of((mean - 0.3) / 2.0, variance / 4.0)
    states = np.random.default_rng(1).normal(size=(1, 1, N_TIMES, 1))
    exact = stats.multivariate_normal(*joint_normal(walk_covariance(), series)).logpdf(states[0, 0, :, 0])
    found = log_density(learned, memory, np.array([N_TIMES]), np.empty((1, 0)), states)
    np.testing.assert_allclose(found, [exact], rtol=1e-6)


def test_what_is_static_is_carried_back_and_has_one_density(series, exact_learned):
    learned = exact_learned({"level": RandomWalk(SCALE), "offset": Static()})
    mean, variance = filter_of(walk_covariance(), series)
    both = np.column_stack([mean, np.full(N_TIMES, 2.0)]), np.column_stack([variance, np.full(N_TIMES, 0.25)])
    _, states = smooth(learned, memory_of(*both), np.array([N_TIMES]), N_DRAWS, seed=0)
    assert (states[..., 1] == states[..., :1, 1]).all()
    assert stats.kstest(states[0, :, 0, 0, 1], stats.norm(2.0, 0.5).cdf).pvalue > 1e-4
    assert close(states[0, :, 0, :, 0], *joint_normal(walk_covariance(), series))


def test_draws_do_not_depend_on_the_number_of_threads(series, exact_learned):
    mean, variance = filter_of(walk_covariance(), series)
    learned, memory = exact_learned({"level": RandomWalk(SCALE)}), memory_of(mean, variance)
    n_threads = torch.get_num_threads()
    first = smooth(learned, memory, np.array([N_TIMES]), 5000, seed=3)[1]
    try:
        torch.set_num_threads(3)
        second = smooth(learned, memory, np.array([N_TIMES]), 5000, seed=3)[1]
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(first, second)


def test_the_kalman_filter_and_smoother_are_those_of_the_joint_normal(series):
    mean, variance, log_density_of_each = kalman_filter(series, SCALE, NOISE)
    wanted_mean, wanted_variance = filter_of(walk_covariance(), series)
    np.testing.assert_allclose(mean, wanted_mean)
    np.testing.assert_allclose(variance, wanted_variance)
    evidence = stats.multivariate_normal(cov=walk_covariance() + NOISE**2 * np.eye(N_TIMES)).logpdf(series)
    assert log_density_of_each.sum() == pytest.approx(evidence)
    smoothed = kalman_smoother(mean, variance, SCALE)
    joint = joint_normal(walk_covariance(), series)
    np.testing.assert_allclose(smoothed[0], joint[0])
    np.testing.assert_allclose(smoothed[1], np.diag(joint[1]))
