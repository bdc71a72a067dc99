import numpy as np
import pytest

from skabi import AmortizedPosterior
from skabi.design import (
    DesignBox,
    DesignPool,
    ExpectedInformationGain,
    Experiment,
    FixedDesign,
    HistorySimulator,
    evaluate_policy,
)
from skabi.design._contrastive import lower_terms, upper_terms
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from tests.design.conftest import SLOPE, line_information, respond, respond_log_likelihood, threshold_information

DESIGNS = np.array([[0.0], [0.3], [1.0], [3.0]])


def test_bounds_hold_the_exact_information_between_them(line):
    gain = ExpectedInformationGain(line, n_draws=4000, n_contrastive=500, random_state=0).evaluate(DESIGNS)
    exact = line_information(DESIGNS)
    assert (gain.lower - 4 * gain.lower_error - 1e-9 < exact).all()
    assert (gain.upper + 4 * gain.upper_error + 1e-9 > exact).all()
    assert (np.abs(gain.lower - exact) < 4 * gain.lower_error + 0.03).all()
    assert (np.abs(gain.upper - exact) < 4 * gain.upper_error + 0.03).all()
    assert (gain.lower <= gain.upper + 1e-9).all()


def test_bounds_of_yes_and_no(threshold):
    designs = np.array([[-1.0], [0.5], [2.0]])
    gain = ExpectedInformationGain(threshold, n_draws=4000, n_contrastive=500, random_state=0).evaluate(designs)
    exact = np.array([threshold_information(design) for design in designs[:, 0]])
    assert (np.abs(gain.lower - exact) < 4 * gain.lower_error + 0.005).all()
    assert (np.abs(gain.upper - exact) < 4 * gain.upper_error + 0.005).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_terms_are_logs_of_ratios_of_densities(n):
    own, others = 0.3, np.linspace(0.1, 0.4, n)
    upper = upper_terms(np.log(own), np.log(others.sum()), n)
    lower = lower_terms(np.log(own), np.log(others.sum()), n)
    assert upper == pytest.approx(np.log(own / others.mean()))
    assert lower == pytest.approx(np.log(own / np.append(others, own).mean()))


def test_information_below_zero_is_warned_of():
    def opposite(outcome, design, slope):
        return -respond_log_likelihood(outcome, design, slope)

    experiment = Experiment(SLOPE, respond, space=DesignPool([1.0, 2.0]), log_likelihood=opposite)
    gain = ExpectedInformationGain(experiment, n_draws=100, n_contrastive=20, random_state=0)
    with pytest.warns(ApproximationWarning, match="2 of 2 upper bounds of the information lie below zero.*sign"):
        gain.evaluate([[1.0], [2.0]])
    with pytest.warns(ApproximationWarning, match="1 of 1 upper bounds"):
        gain.optimize()
    with pytest.warns(ApproximationWarning, match="2 of 2 upper bounds"):
        evaluate_policy(experiment, FixedDesign([1.0, 2.0]), n_steps=2, n_rollouts=100, n_contrastive=20)


def test_designs_that_tell_nothing_are_not_warned_of(line):
    options = {"n_draws": 40, "n_contrastive": 5}
    uppers = [
        ExpectedInformationGain(line, **options, random_state=seed).evaluate([[0.0], [0.1]]).upper for seed in range(10)
    ]
    assert np.min(uppers) < 0


def test_errors_are_the_spread_over_seeds(line):
    gains = [
        ExpectedInformationGain(line, n_draws=100, n_contrastive=20, random_state=seed).evaluate([[2.0]])
        for seed in range(40)
    ]
    for name in ("lower", "upper"):
        values = np.array([getattr(gain, name)[0] for gain in gains])
        error = np.sqrt(np.mean([getattr(gain, f"{name}_error")[0] ** 2 for gain in gains]))
        # Both are known to some 12 %.
        assert 0.6 < values.std(ddof=1) / error < 1.6


def test_few_contrastive_parameters_bound_loosely_and_on_both_sides(line):
    with pytest.warns(ApproximationWarning, match=r"log\(n_contrastive \+ 1\) = 1.10"):
        gain = ExpectedInformationGain(line, n_draws=4000, n_contrastive=2, random_state=0).evaluate([[3.0]])
    exact = line_information(3.0 * np.ones(1))
    assert gain.lower[0] <= np.log(3)
    assert gain.lower[0] < exact - 0.5
    assert gain.upper[0] > exact + 0.5


def test_both_likelihoods_give_the_same(line, line_in_torch):
    options = {"n_draws": 100, "n_contrastive": 50, "random_state": 0}
    in_numpy, in_torch = (ExpectedInformationGain(e, **options).evaluate(DESIGNS) for e in (line, line_in_torch))
    np.testing.assert_allclose(in_numpy.lower, in_torch.lower, atol=1e-9)


def test_repeated_calls_and_single_designs_give_the_same(line):
    gain = ExpectedInformationGain(line, n_draws=100, n_contrastive=50, random_state=0)
    gain.optimize(n_candidates=4, max_iter=2)
    all_designs = gain.evaluate(DESIGNS)
    np.testing.assert_array_equal(gain.evaluate(DESIGNS[2:3]).lower, all_designs.lower[2:3])
    frame = all_designs.to_frame()
    assert list(frame.columns) == ["design[0]", "lower", "lower_error", "upper", "upper_error"]


def test_bound_from_a_posterior_without_a_likelihood():
    experiment = Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0))
    with pytest.raises(ValueError, match="log_likelihood or torch_log_likelihood, or a posterior"):
        ExpectedInformationGain(experiment)
    posterior = AmortizedPosterior(Gaussian((32, 32)), n_simulations=2000, max_iter=6, random_state=0)
    posterior.fit(HistorySimulator(experiment, n_steps=1))
    gain = ExpectedInformationGain(experiment, posterior=posterior, n_draws=200, random_state=0)
    bounds = gain.evaluate([[0.5], [1.0], [2.5]])
    exact = line_information(bounds.designs)
    assert bounds.lower is None
    assert (bounds.posterior_bound - 4 * bounds.posterior_bound_error < exact).all()
    assert (bounds.posterior_bound > exact - 4 * bounds.posterior_bound_error - 0.1).all()
    assert gain.optimize(n_candidates=4, max_iter=3).design[0] > 2.0


def test_the_best_design_of_a_box_inside_it(threshold):
    optimum = ExpectedInformationGain(threshold, n_draws=4000, n_contrastive=50, random_state=0).optimize(
        n_candidates=16, max_iter=8
    )
    # The information is flat around 0.5: 0.3 away costs a thirtieth of a nat at most.
    best = threshold_information(0.5)
    assert threshold_information(optimum.design[0]) > best - 0.02
    assert abs(optimum.gain.lower[0] - best) < 4 * optimum.gain.lower_error[0] + 0.02
    assert optimum.candidates.shape == (16, 1)
    assert optimum.n_draws.min() < 400 < optimum.n_draws.max() <= 4000


def test_the_best_design_of_a_pool_wins_the_race():
    pool = np.linspace(-2, 2, 21)
    experiment = Experiment(SLOPE, respond, space=DesignPool(pool), log_likelihood=respond_log_likelihood)
    optimum = ExpectedInformationGain(experiment, n_draws=800, n_contrastive=100, random_state=0).optimize()
    assert abs(optimum.design[0]) == 2.0
    assert optimum.n_draws[10] < optimum.n_draws[0]
    with pytest.raises(ValueError, match="must be of the pool"):
        ExpectedInformationGain(experiment).evaluate([[0.123]])
