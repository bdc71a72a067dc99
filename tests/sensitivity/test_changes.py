"""Statistics of draws, their errors, and what chance makes."""

import numpy as np
from scipy import stats

from skabi.sensitivity._changes import answers_of, changes

QUANTILES = (0.05, 0.5, 0.9)
RNG = np.random.default_rng(0)


def test_statistics_without_weights():
    draws = RNG.gamma(2.0, size=(3, 500, 2))
    values = answers_of(draws, QUANTILES).values
    np.testing.assert_allclose(values["mean"], draws.mean(axis=1))
    np.testing.assert_allclose(values["sd"], draws.std(axis=1))
    for name, q in zip(("q5", "q50", "q90"), QUANTILES, strict=True):
        np.testing.assert_allclose(values[name], np.quantile(draws, q, axis=1, method="hazen"))


def test_weights_count_as_repeated_draws():
    draws = RNG.normal(size=(2, 100, 1))
    times = RNG.integers(1, 4, size=(2, 100))
    weighted = answers_of(draws, QUANTILES, times / times.sum(axis=1, keepdims=True)).values
    for i in range(2):
        repeated = np.repeat(draws[i, :, 0], times[i])
        np.testing.assert_allclose(weighted["mean"][i, 0], repeated.mean())
        np.testing.assert_allclose(weighted["sd"][i, 0], repeated.std())


def test_errors_are_those_of_repetition():
    """Of independent draws from a gamma distribution, and of weights that make it another."""
    n, n_repeats = 800, 300
    base, other = stats.gamma(2.0), stats.gamma(2.5)
    draws, again = base.rvs(size=(2, n_repeats, n, 1), random_state=RNG)
    baseline = answers_of(draws, QUANTILES)
    weights = np.exp(other.logpdf(draws[..., 0]) - base.logpdf(draws[..., 0]))
    weights /= weights.sum(axis=1, keepdims=True)
    independent = changes(baseline, answers_of(again, QUANTILES))
    paired = changes(baseline, answers_of(draws, QUANTILES, weights), weights=weights, is_paired=True)
    for columns in (independent, paired):
        for name in ("mean", "sd", "q5", "q50", "q90"):
            ratio = columns[f"{name}_change"].std() / np.sqrt((columns[f"{name}_se"] ** 2).mean())
            # Four standard errors of a standard deviation of 300 numbers, and a tenth for the density at quantiles.
            assert abs(ratio - 1) < 4 / np.sqrt(2 * n_repeats) + 0.1 * name.startswith("q"), name
    np.testing.assert_allclose(
        paired["mean_change"].mean(), 0.5, atol=4 * paired["mean_se"].mean() / n_repeats**0.5 + 2 / n
    )


def test_distance():
    baseline = answers_of(RNG.normal(size=(200, 1000, 1)), QUANTILES)
    same = changes(baseline, answers_of(RNG.normal(size=(200, 1000, 1)), QUANTILES))
    moved = changes(baseline, answers_of(RNG.normal(0.5, size=(200, 1000, 1)), QUANTILES))
    n_beyond = (same["distance"] > same["distance_noise"]).sum()
    assert stats.binomtest(int(n_beyond), 200, 0.01).pvalue > 1e-3
    # The mean and standard deviation are looked at as well, at three standard errors each.
    assert same["beyond_noise"].mean() < 0.06
    assert moved["beyond_noise"].all()
    np.testing.assert_allclose(moved["distance"].mean(), 0.5, atol=0.02)


def test_distance_of_weights_is_the_area_between_distribution_functions():
    draws = RNG.normal(size=(1, 50, 1))
    weights = RNG.dirichlet(np.ones(50), size=1)
    columns = changes(
        answers_of(draws, QUANTILES), answers_of(draws, QUANTILES, weights), weights=weights, is_paired=True
    )
    expected = stats.wasserstein_distance(draws[0, :, 0], draws[0, :, 0], None, weights[0]) / draws.std()
    np.testing.assert_allclose(columns["distance"], [[expected]])


def test_nothing_changes_with_equal_weights():
    draws = RNG.normal(size=(3, 100, 2))
    weights = np.full((3, 100), 0.01)
    columns = changes(
        answers_of(draws, QUANTILES), answers_of(draws, QUANTILES, weights), weights=weights, is_paired=True
    )
    assert not columns["beyond_noise"].any()
    np.testing.assert_allclose(columns["mean_change"], 0.0, atol=1e-12)


def test_distances_of_weighted_draws_are_those_of_scipy():
    draws, other = RNG.normal(size=(2, 200, 1)), RNG.normal(0.3, 1.5, size=(2, 200, 1))
    weights = RNG.dirichlet(np.ones(200), size=2)
    baseline = answers_of(draws, QUANTILES)
    for theirs, of_theirs, is_paired in ((other, None, False), (other, weights, False), (draws, weights, True)):
        answers = answers_of(theirs, QUANTILES, of_theirs)
        columns = changes(baseline, answers, weights=of_theirs, is_paired=is_paired)
        for i in range(2):
            sets = draws[i, :, 0], theirs[i, :, 0], None, None if of_theirs is None else of_theirs[i]
            sd = draws[i].std()
            np.testing.assert_allclose(columns["distance"][i, 0] * sd, stats.wasserstein_distance(*sets))
            # The square root of a mean distance.
            energy = stats.energy_distance(*sets) / np.sqrt(sd)
            np.testing.assert_allclose(columns["joint_distance"][i, 0], energy)


def test_errors_of_weighted_independent_draws():
    n, n_times = 200, 200
    draws, other = RNG.normal(size=(n_times, n, 1)), RNG.normal(1.0, 1.0, size=(n_times, n, 1))
    weights = np.exp(0.5 * other[..., 0])
    weights /= weights.sum(axis=1, keepdims=True)
    columns = changes(answers_of(draws, ()), answers_of(other, (), weights), weights=weights)
    for name in ("mean", "sd"):
        # The relative error of a standard deviation from 200 repetitions is 1 / sqrt(400).
        np.testing.assert_allclose(columns[f"{name}_se"].mean(), columns[f"{name}_change"].std(), rtol=4 / np.sqrt(400))


def test_joint_distance_sees_correlations_and_its_noise_is_that_of_chance():
    n, n_datasets = 200, 100
    draws = RNG.normal(size=(n_datasets, n, 2))
    same = changes(answers_of(draws, ()), answers_of(RNG.normal(size=draws.shape), ()))
    exceeded = (same["joint_distance"] > same["joint_distance_noise"])[:, 0].mean()
    # One in a hundred, of 100: four standard errors.
    assert exceeded < 0.01 + 4 * np.sqrt(0.01 * 0.99 / n_datasets)
    assert same["joint_distance_noise"].mean() < 2.5 * same["joint_distance"].mean()
    turned = RNG.normal(size=draws.shape) @ np.linalg.cholesky([[1.0, 0.95], [0.95, 1.0]]).T
    columns = changes(answers_of(draws, ()), answers_of(turned, ()))
    assert (columns["joint_distance"] > columns["joint_distance_noise"]).all()
    assert (columns["distance"] > columns["distance_noise"]).mean() < 0.1
