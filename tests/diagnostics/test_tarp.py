import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import tarp, uniformity_test
from skabi.diagnostics._tarp import _draws_of_others
from skabi.exceptions import ShapeError


def rejected_share(simulations, **arguments):
    return np.mean([tarp(s.draws, s.y, random_state=0, **arguments).p_value <= 0.05 for s in simulations])


@pytest.mark.parametrize("n_draws", [5, 50])
def test_exact_posterior_covers_its_level_whatever_the_number_of_draws(gaussians, n_draws):
    exact, levels = gaussians(4000, n_draws, 2), np.array([0.1, 0.5, 0.8, 0.95])
    result = tarp(exact.draws, exact.y, levels=levels, random_state=0)
    assert (np.abs(result.coverage - levels) < 4 * np.sqrt(levels * (1 - levels) / 4000)).all()
    assert result.p_value > 1e-4
    assert ((result.lower < result.coverage) & (result.coverage < result.upper)).all()


@pytest.mark.parametrize(("n_datasets", "n_draws", "n_parameters"), [(12, 20, 2), (150, 20, 1)])
def test_false_alarms_come_as_often_as_they_should(gaussians, n_datasets, n_draws, n_parameters):
    share = rejected_share(gaussians(n_datasets, n_draws, n_parameters, seed=seed) for seed in range(100))
    assert stats.binom.isf(0.999, 100, 0.05) <= 100 * share <= stats.binom.isf(0.001, 100, 0.05)


def test_few_draws_and_reference_points_on_one_side_are_no_alarm(gaussians):
    rejected = 0
    for seed in range(100):
        exact = gaussians(400, 2, seed=seed)
        # Their mean alone would tell the side on which the truth lies: more than half of the p-values would reject.
        rejected += tarp(exact.draws, exact.y, references=exact.centre + 0.5).p_value <= 0.05
    assert stats.binom.isf(0.999, 100, 0.05) <= rejected <= stats.binom.isf(0.001, 100, 0.05)


def test_false_alarms_of_skewed_posteriors_come_as_often_as_they_should(gaussians):
    # Most reference points lie on one side, so that directions and a constant are far from orthogonal.
    simulations = [gaussians(150, 20, 2, seed=seed) for seed in range(100)]
    for simulated in simulations:
        simulated.draws, simulated.y = np.exp(2 * simulated.draws), np.exp(2 * simulated.y)
    share = rejected_share(simulations)
    assert stats.binom.isf(0.999, 100, 0.05) <= 100 * share <= stats.binom.isf(0.001, 100, 0.05)


@pytest.mark.parametrize("n_parameters", [1, 2, 5])
def test_shift_by_a_fifth_of_the_spread_is_rejected_with_a_thousand_data_sets(gaussians, n_parameters):
    assert rejected_share(gaussians(1000, 60, n_parameters, shift=0.2, seed=seed) for seed in range(20)) >= 0.95


@pytest.mark.parametrize("scale", [0.75, 1.3])
def test_wrong_spread_is_rejected(gaussians, scale):
    wrong = gaussians(1000, 60, 3, scale=scale)
    result = tarp(wrong.draws, wrong.y, levels=[0.9], random_state=0)
    assert result.p_value < 1e-6
    assert result.upper[0] < 0.9 if scale < 1 else result.lower[0] > 0.9


def test_shift_hides_from_the_curve_and_not_from_the_p_value(gaussians):
    wrong = gaussians(1000, 60, 2, shift=0.25)
    result = tarp(wrong.draws, wrong.y, random_state=0)
    assert uniformity_test(result.ranks, 60)[0] > 0.01
    assert result.p_value < 1e-4


def test_wrong_correlation_is_rejected_where_each_parameter_is_right(gaussians):
    exact = gaussians(1000, 60)
    # One parameter twice: the posterior has correlation 1, and the order of draws of one half destroys it.
    y = np.column_stack([exact.y[:, 0]] * 2)
    paired = np.stack([exact.draws[..., 0], np.roll(exact.draws[..., 0], 1, axis=1)], axis=2)
    assert tarp(paired, y, random_state=0).p_value < 1e-4
    same = np.stack([exact.draws[..., 0]] * 2, axis=2)
    assert tarp(same, y, random_state=0).p_value > 1e-3


def test_ranks_count_draws_nearer_to_the_reference_than_the_truth():
    draws = np.array([[[1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0]]])
    result = tarp(draws, [3.0, 3.0], references=[[0.0], [3.5]], levels=[0.25, 0.5, 0.75])
    np.testing.assert_array_equal(result.ranks[:1], [2])
    # The truth of the second data set is as near as one draw, and in the first or second quarter.
    assert result.ranks[1] in (0, 1)
    np.testing.assert_allclose(result.coverage, [0.25, 0.5, 1.0])


def test_units_do_not_matter(gaussians):
    exact = gaussians(200, 30, 3)
    units = np.array([1e-6, 1.0, 1e9])
    first, other = (tarp(exact.draws * unit, exact.y * unit, random_state=0) for unit in (1.0, units))
    np.testing.assert_array_equal(first.ranks, other.ranks)
    assert first.p_value == pytest.approx(other.p_value)


@pytest.mark.parametrize("unit", [1e-305, 1e-200, 1e200, 1e307])
def test_extreme_units_do_not_matter_either(gaussians, unit):
    posteriors = gaussians(200, 20, 2, shift=0.5)
    result, scaled = (tarp(u * posteriors.draws, u * posteriors.y, random_state=0) for u in (1.0, unit))
    np.testing.assert_array_equal(scaled.ranks, result.ranks)
    assert scaled.p_value == pytest.approx(result.p_value) and result.p_value < 0.01


def test_a_truth_that_is_far_away_is_the_farthest(gaussians):
    posteriors = gaussians(20, 9, 2)
    posteriors.y[3] = [1e300, -1e300]
    assert tarp(posteriors.draws, posteriors.y, random_state=0).ranks[3] == 9


@pytest.mark.parametrize("n_datasets", [2, 3, 50])
def test_reference_points_are_draws_of_each_other_data_set_once(n_datasets):
    draws = np.tile(np.arange(n_datasets)[:, np.newaxis, np.newaxis], (1, 4, 1))
    for seed in range(10):
        other = _draws_of_others(draws, np.random.default_rng(seed))[:, 0]
        assert (other != np.arange(n_datasets)).all()
        assert sorted(other) == list(range(n_datasets))


def test_random_state_repeats_and_chooses_other_points(gaussians):
    exact = gaussians(100, 30, 2)
    first, same, other = (tarp(exact.draws, exact.y, random_state=seed).ranks for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_one_data_set_needs_a_reference_point():
    draws, y = np.random.default_rng(0).normal(size=(1, 50, 2)), np.zeros((1, 2))
    with pytest.raises(ShapeError, match="there is one data set; pass references="):
        tarp(draws, y)
    assert 0 < tarp(draws, y, references=[[2.0, 2.0]]).p_value <= 1


def test_constant_parameters_are_no_obstacle(gaussians):
    exact = gaussians(200, 30, 1)
    draws = np.concatenate([exact.draws, np.ones_like(exact.draws)], axis=2)
    with_constant = tarp(draws, np.column_stack([exact.y, np.ones(200)]), random_state=0)
    without = tarp(exact.draws, exact.y, random_state=0)
    np.testing.assert_array_equal(with_constant.ranks, without.ranks)
    assert with_constant.p_value == pytest.approx(without.p_value)
    assert 0.0 < tarp(np.ones((200, 9, 1)), np.ones(200), random_state=0).p_value <= 1.0


@pytest.mark.parametrize("references", [np.zeros((3, 2)), np.zeros((4, 3)), np.zeros((4, 9, 2))])
def test_wrong_shape_of_references(references):
    with pytest.raises(ShapeError, match="references must"):
        tarp(np.zeros((4, 9, 2)), np.zeros((4, 2)), references=references)


def test_nan_is_refused():
    draws, y = np.zeros((4, 9, 2)), np.zeros((4, 2))
    for name in ("draws", "y", "references"):
        arrays = {"draws": draws.copy(), "y": y.copy(), "references": y.copy()}
        arrays[name][1, 0] = np.nan
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            tarp(**arrays)
