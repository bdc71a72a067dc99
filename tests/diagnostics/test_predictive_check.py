import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import posterior_predictive_check, sbc_ecdf
from skabi.exceptions import ShapeError

N_OBSERVATIONS = 10


def statistics(X):
    return np.stack([X.mean(axis=-1), X.std(axis=-1)], axis=-1)


def replicate(n_datasets, *, one_draw, seed, scale=1.0, shift=0.0, data_sd=1.0, n_replicates=99):
    """Return statistics of data sets with a N(0, 1) mean and of replicates from a posterior of it.

    The exact posterior is N(sum / 11, 1 / 11); `scale` and `shift` are in its standard deviation.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_datasets, 1)) + data_sd * rng.normal(size=(n_datasets, N_OBSERVATIONS))
    sd = 1 / np.sqrt(N_OBSERVATIONS + 1)
    noise = shift + scale * rng.normal(size=(n_datasets, 1 if one_draw else n_replicates))
    draws = X.sum(axis=1, keepdims=True) / (N_OBSERVATIONS + 1) + sd * noise
    noise = rng.normal(size=(n_datasets, n_replicates, N_OBSERVATIONS))
    return statistics(X), statistics(draws[:, :, np.newaxis] + noise)


def test_p_values_are_shares_of_replicates():
    observed, replicated = [2.5, 0.5, 9.0], np.tile([1.0, 2.0, 3.0, 4.0], (3, 1))
    less = posterior_predictive_check(observed, replicated, alternative="less")
    np.testing.assert_allclose(less.p_value, [[3 / 5], [1 / 5], [1.0]])
    greater = posterior_predictive_check(observed, replicated, alternative="greater")
    np.testing.assert_allclose(greater.p_value, [[3 / 5], [1.0], [1 / 5]])
    both = posterior_predictive_check(observed, replicated)
    np.testing.assert_allclose(both.p_value, [[1.0], [2 / 5], [2 / 5]])
    np.testing.assert_array_equal(both.ranks, [[2], [0], [4]])
    assert both.n_replicates == 4


def test_one_draw_of_the_exact_posterior_gives_uniform_p_values():
    check = posterior_predictive_check(*replicate(2000, one_draw=True, seed=0), one_draw=True, alternative="less")
    assert check.p_value.shape == (2000, 2) and check.overall.shape == (2,)
    for j in range(2):
        assert stats.kstest(check.p_value[:, j], "uniform").pvalue > 0.001
    np.testing.assert_array_equal(check.overall, sbc_ecdf(check.ranks, 99).p_value)
    assert (check.overall > 0.001).all()


def test_a_draw_for_each_replicate_gives_conservative_p_values():
    check = posterior_predictive_check(*replicate(2000, one_draw=False, seed=0), alternative="less")
    # The mean determines the parameter, the standard deviation does not.
    spread = check.p_value.std(axis=0)
    assert spread[0] < 0.22 < 0.27 < spread[1] < 0.3
    assert np.mean(check.p_value[:, 0] <= 0.05) < 0.02
    assert (check.overall > 0.001).all()


@pytest.mark.parametrize(
    ("settings", "is_small"),
    [
        ({}, [False, False]),
        ({"scale": 2.0}, [True, False]),
        ({"scale": 0.2}, [True, False]),
        ({"shift": 1.0}, [True, False]),
    ],
)
def test_overall_p_value_of_exact_wide_narrow_and_biased_posteriors(settings, is_small):
    observed, replicated = replicate(500, one_draw=True, seed=1, **settings)
    overall = posterior_predictive_check(observed, replicated, one_draw=True).overall
    np.testing.assert_array_equal(overall < 0.01, is_small)


@pytest.mark.parametrize("data_sd", [0.7, 1.5])
def test_overall_p_value_of_a_wrong_model(data_sd):
    observed, replicated = replicate(200, one_draw=True, seed=1, data_sd=data_sd)
    assert posterior_predictive_check(observed, replicated, one_draw=True).overall[1] < 1e-4


def test_overall_p_value_of_usual_replicates_sees_a_wrong_model():
    assert (posterior_predictive_check(*replicate(200, one_draw=False, seed=0)).overall > 0.05).all()
    wrong = posterior_predictive_check(*replicate(200, one_draw=False, seed=0, data_sd=2.0))
    assert wrong.overall[1] < 1e-6
    doubled = np.minimum(2 * wrong.p_value[:, 1], 1)
    assert wrong.overall[1] == pytest.approx(5 * stats.combine_pvalues(doubled, method="fisher").pvalue)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_overall_p_value_of_usual_replicates_sees_a_biased_posterior(alternative):
    observed, replicated = replicate(100, one_draw=False, seed=1, shift=0.5)
    check = posterior_predictive_check(observed, replicated, alternative=alternative)
    shares = check.ranks[:, 0] / 99 - 0.5
    expected = stats.ttest_1samp(shares, 0.0, alternative=alternative).pvalue / 0.8
    assert check.overall[0] == pytest.approx(min(expected, 1.0), rel=0.01)
    assert (check.overall[0] < 1e-6) == (alternative != "greater")


def test_overall_p_value_of_one_data_set_and_of_equal_ranks():
    observed, replicated = replicate(1, one_draw=False, seed=0)
    check = posterior_predictive_check(observed, replicated)
    np.testing.assert_allclose(check.overall, np.minimum(2 * check.p_value[0], 1))
    equal = posterior_predictive_check([0.5, 0.5], np.tile(np.arange(99) - 49.0, (2, 1)))
    assert (equal.overall > 0.2).all()


def test_rate_of_false_alarms_of_usual_replicates():
    n_repeats = 400
    observed, replicated = replicate(30 * n_repeats, one_draw=False, seed=2, n_replicates=39)
    parts = zip(np.split(observed, n_repeats), np.split(replicated, n_repeats), strict=True)
    n_alarms = np.count_nonzero([posterior_predictive_check(*part).overall <= 0.05 for part in parts], axis=0)
    low, high = stats.binom.ppf([0.0005, 0.9995], n_repeats, [0.04, 0.05])
    assert (low <= n_alarms).all() and (n_alarms <= high).all()


def test_rate_of_false_alarms():
    n_repeats = 200
    observed, replicated = replicate(30 * n_repeats, one_draw=True, seed=2, n_replicates=39)
    parts = zip(np.split(observed, n_repeats), np.split(replicated, n_repeats), strict=True)
    overall = np.array([posterior_predictive_check(*part, one_draw=True).overall for part in parts])
    low, high = stats.binom.ppf([0.0005, 0.9995], n_repeats, 0.05)
    # The exact test has a rate of at most 5 %, and as near to it as counts allow.
    assert (np.count_nonzero(overall <= 0.05, axis=0) <= high).all()
    assert (np.count_nonzero(overall <= 0.05, axis=0) >= low - 0.01 * n_repeats).all()
    single = posterior_predictive_check(observed, replicated, one_draw=True).p_value[:2000]
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.05)
    n_alarms = np.count_nonzero(single <= 0.05, axis=0)
    assert (low <= n_alarms).all() and (n_alarms <= high).all()


def test_ties_of_counts_are_broken_at_random():
    rng = np.random.default_rng(0)
    observed, replicated = rng.poisson(1.0, size=2000), rng.poisson(1.0, size=(2000, 19))
    check = posterior_predictive_check(observed, replicated, one_draw=True, random_state=0)
    assert check.overall[0] > 0.01
    again = posterior_predictive_check(observed, replicated, one_draw=True, random_state=0)
    np.testing.assert_array_equal(check.ranks, again.ranks)
    other = posterior_predictive_check(observed, replicated, one_draw=True, random_state=1)
    assert (check.ranks != other.ranks).any()


def test_missing_values_are_refused_with_their_number():
    observed, replicated = replicate(10, one_draw=True, seed=0)
    observed[3] = np.nan
    with pytest.raises(
        ValueError, match=r"observed must be finite; 2 of its 20 .* 1 of 10 data sets have NaN: .*nanmean"
    ):
        posterior_predictive_check(observed, replicated)
    replicated[[2, 4], 5:8] = np.nan
    with pytest.raises(ValueError, match=r"replicated must be finite; 12 of its 1980 .* 2 of 10 data sets have NaN"):
        posterior_predictive_check(np.zeros((10, 2)), replicated)
    with pytest.raises(ValueError, match=r"infinity\.$"):
        posterior_predictive_check(np.full((10, 2), np.inf), np.zeros((10, 5, 2)))


@pytest.mark.parametrize(
    ("observed", "replicated"),
    [
        ((3,), (3, 10, 2)),
        ((3, 2), (3, 10)),
        ((3, 2), (3, 10, 1)),
        ((3, 2), (4, 10, 2)),
        ((3, 2), (3, 0, 2)),
        ((), (3,)),
    ],
)
def test_wrong_shapes(observed, replicated):
    with pytest.raises(ShapeError, match="observed and replicated must have shapes"):
        posterior_predictive_check(np.zeros(observed), np.zeros(replicated))


def test_wrong_alternative():
    with pytest.raises(ValueError, match="alternative must be one of 'two-sided', 'greater', 'less'; got 'smaller'"):
        posterior_predictive_check([0.0], [[1.0]], alternative="smaller")
