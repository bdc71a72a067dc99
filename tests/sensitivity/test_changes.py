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
    n, n_repeats = 800, 500
    base, other = stats.gamma(2.0), stats.gamma(2.5)
    draws, again = base.rvs(size=(2, n_repeats, n, 1), random_state=RNG)
    baseline = answers_of(draws, QUANTILES)
    weights = np.exp(other.logpdf(draws[..., 0]) - base.logpdf(draws[..., 0]))
    weights /= weights.sum(axis=1, keepdims=True)
    independent = changes(baseline, answers_of(again, QUANTILES))
    paired = changes(baseline, answers_of(draws, QUANTILES, weights), weights=weights)
    for columns in (independent, paired):
        for name in ("mean", "sd", "q5", "q50", "q90"):
            ratio = columns[f"{name}_change"].std() / np.sqrt((columns[f"{name}_se"] ** 2).mean())
            # Four standard errors of a standard deviation of 500 numbers, and a tenth for the density at quantiles.
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
    columns = changes(answers_of(draws, QUANTILES), answers_of(draws, QUANTILES, weights), weights=weights)
    expected = stats.wasserstein_distance(draws[0, :, 0], draws[0, :, 0], None, weights[0]) / draws.std()
    np.testing.assert_allclose(columns["distance"], [[expected]])


def test_nothing_changes_with_equal_weights():
    draws = RNG.normal(size=(3, 100, 2))
    weights = np.full((3, 100), 0.01)
    columns = changes(answers_of(draws, QUANTILES), answers_of(draws, QUANTILES, weights), weights=weights)
    assert not columns["beyond_noise"].any()
    np.testing.assert_allclose(columns["mean_change"], 0.0, atol=1e-12)
