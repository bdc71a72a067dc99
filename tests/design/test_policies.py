import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior
from skabi.design import (
    AdaptiveDesigner,
    DesignBox,
    DesignPool,
    Experiment,
    FixedDesign,
    GreedyDesign,
    HistorySimulator,
    RandomDesign,
    evaluate_policy,
)
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.testing import check_simulator
from tests.design.conftest import (
    PLACE,
    SCALE,
    SLOPE,
    ThresholdPosterior,
    answer,
    line_information,
    respond,
    threshold_information,
)

SEQUENCE = [0.5, 1.0, 2.0]


class Tracking:
    """Asks where the threshold seems to be: half a step up after each no, half a step down after each yes."""

    def next_design(self, histories, *, random_state=None):
        n, n_steps, _ = histories.shape
        if not n_steps:
            return np.full((n, 1), 0.5)
        last, was_yes = histories[:, -1, :1], histories[:, -1, 1:]
        return np.clip(last - (was_yes - 0.5) / n_steps, -3, 3)


def exact_posterior(history):
    """Return mean and standard deviation of the slope after a history `(n_steps, 2)`."""
    precision = 1 / SCALE**2 + (history[:, 0] ** 2).sum()
    return (history[:, 0] * history[:, 1]).sum() / precision, precision**-0.5


def test_bounds_of_a_sequence_hold_the_exact_information_after_each_step(line):
    gain = evaluate_policy(line, FixedDesign(SEQUENCE), n_steps=3, n_rollouts=2000, n_contrastive=1000, random_state=0)
    exact = np.array([line_information(np.array(SEQUENCE[: t + 1])) for t in range(3)])
    assert (np.abs(gain.lower_by_step - exact) < 4 * gain.lower_error_by_step + 0.03).all()
    assert (np.abs(gain.upper_by_step - exact) < 4 * gain.upper_error_by_step + 0.03).all()
    assert gain.lower <= gain.upper
    assert gain.histories.shape == (2000, 3, 2)
    assert (gain.histories[:, :, 0] == SEQUENCE).all()
    # Outcomes are those of the parameters beside them.
    noise = gain.histories[:, :, 1] - gain.y.to_numpy() * SEQUENCE
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.001
    assert "nats in 3 steps" in repr(gain)


def test_the_lower_bound_never_exceeds_its_ceiling(line):
    with pytest.warns(ApproximationWarning, match="Raise n_contrastive=3"):
        gain = evaluate_policy(line, FixedDesign([3.0] * 4), n_steps=4, n_rollouts=100, n_contrastive=3, random_state=0)
    assert (gain.lower_by_step <= np.log(4)).all()


def test_adapting_tells_more_than_not_adapting(threshold):
    options = {"n_steps": 5, "n_rollouts": 2000, "n_contrastive": 500, "random_state": 0}
    adaptive = evaluate_policy(threshold, Tracking(), **options)
    fixed = evaluate_policy(threshold, FixedDesign([0.5] * 5), **options)
    random = evaluate_policy(threshold, RandomDesign(threshold.space), **options)
    assert fixed.lower_by_step[0] == pytest.approx(threshold_information(0.5), abs=4 * fixed.lower_error_by_step[0])
    assert adaptive.lower > fixed.upper + 4 * fixed.upper_error
    assert fixed.lower > random.upper


def test_policies_that_are_none(line):
    with pytest.raises(TypeError, match="policy must have next_design"):
        evaluate_policy(line, object(), n_steps=2)
    with pytest.raises(ValueError, match="design 0 has 4"):
        evaluate_policy(line, FixedDesign([4.0]), n_steps=1)
    with pytest.raises(ValueError, match="2 designs has none for step 3"):
        evaluate_policy(line, FixedDesign([1.0, 2.0]), n_steps=3)
    with pytest.raises(ValueError, match="evaluate_policy needs an experiment with log_likelihood"):
        evaluate_policy(Experiment(SLOPE, respond, space=line.space), FixedDesign([1.0]), n_steps=1)
    with pytest.raises(TypeError, match=r"must be a skabi\.design\.Experiment"):
        evaluate_policy("line", FixedDesign([1.0]), n_steps=1)
    with pytest.raises(ShapeError, match="at least one history"):
        FixedDesign([1.0]).next_design(np.empty((0, 0, 2)))


class Short:
    def next_design(self, histories, *, random_state=None):
        return np.ones((3, 1))


def test_a_policy_with_other_rows_is_named(line):
    message = "Short.next_design must return one design for each history, {} rows; got 3"
    with pytest.raises(ShapeError, match=message.format(20)):
        evaluate_policy(line, Short(), n_steps=1, n_rollouts=20)
    with pytest.raises(SimulatorError, match=message.format("[0-9]+")):
        HistorySimulator(line, 2, policy=Short()).sample(10, random_state=0)
    with pytest.raises(ShapeError, match=message.format(1)):
        AdaptiveDesigner(line, policy=Short()).next_design()


@pytest.mark.parametrize("n_steps", [3, (1, 4)])
@pytest.mark.parametrize("has_policy", [False, True])
def test_histories_are_data_sets(line, n_steps, has_policy):
    simulator = HistorySimulator(line, n_steps, policy=FixedDesign([3.0] * 4) if has_policy else None)
    check_simulator(simulator)
    X, y = simulator.sample(300, random_state=0)
    lengths = {len(x) for x in X}
    assert lengths == ({3} if n_steps == 3 else {1, 2, 3, 4})
    steps, slopes = np.concatenate(list(X)), np.repeat(y["slope"], [len(x) for x in X])
    assert stats.kstest(steps[:, 1] - slopes * steps[:, 0], "norm").pvalue > 0.001
    # Each history has a share of random designs between nothing and a half.
    share = np.mean(steps[:, 0] == 3.0)
    assert share == 0 if not has_policy else 0.65 < share < 0.85
    whole = simulator.log_likelihood(X, slope=y["slope"].to_numpy())
    pointwise = simulator.log_likelihood(X, pointwise=True, slope=y["slope"].to_numpy())
    np.testing.assert_allclose(whole, [terms.sum() for terms in pointwise])
    np.testing.assert_allclose(whole[0], stats.norm.logpdf(X[0][:, 1], y["slope"][0] * X[0][:, 0]).sum())


def test_histories_that_are_none(line):
    with pytest.raises(TypeError, match="policy must have next_design"):
        HistorySimulator(line, 3, policy=3)
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        HistorySimulator(line, 0)
    with pytest.raises(ValueError, match=r"n_steps\[0\] must be at least 1; got 0"):
        HistorySimulator(line, (0, 3))
    with pytest.raises(TypeError, match=r"n_steps must be an int, or a tuple \(fewest, most\); got \[1, 3\]"):
        HistorySimulator(line, [1, 3])
    for n_steps in [(3, 1), (1, 2, 3)]:
        with pytest.raises(ValueError, match=r"n_steps must be .*a tuple \(fewest, most\)"):
            HistorySimulator(line, n_steps)
    with pytest.raises(ValueError, match="random_share"):
        HistorySimulator(line, 3, random_share=2.0)


def test_the_greedy_design_of_a_line_is_far_out(line):
    designs = GreedyDesign(line, n_candidates=32).next_design([np.empty((0, 2)), [[1.0, 0.5]]], random_state=0)
    assert (designs > 2.7).all()


def test_the_greedy_question_is_where_the_posterior_is(threshold):
    # Above 1 the answer was no and below 0 it was yes, both many times: what is left lies around a half.
    history = [[1.0, 1.0]] * 6 + [[0.0, 0.0]] * 6
    policy = GreedyDesign(threshold, n_candidates=32, n_draws=512, n_outcomes=256)
    design = policy.next_design([history], random_state=0)
    assert abs(design.item() - 0.5) < 0.35
    first = policy.next_design([np.empty((0, 2))], random_state=0)
    assert threshold_information(first.item()) > threshold_information(0.5) - 0.03


def test_the_greedy_question_follows_the_history_without_a_likelihood(threshold):
    experiment = Experiment(PLACE, answer, space=threshold.space)
    histories = [[[2.0, 0.0]] * 6, [[-1.0, 1.0]] * 6]
    posterior = ThresholdPosterior()
    policy = GreedyDesign(experiment, posterior=posterior, n_candidates=32, n_draws=128, n_outcomes=128)
    for history, (design,) in zip(histories, policy.next_design(histories, random_state=0), strict=True):
        values = posterior.information(np.array(history), np.append(np.linspace(-3, 3, 61), design))
        assert values[-1] > values.max() - 0.04


def test_greedy_designs_of_a_pool_and_without_a_likelihood():
    experiment = Experiment(SLOPE, respond, space=DesignPool([0.0, 0.5, 2.0, 1.0]))
    with pytest.raises(ValueError, match="give a posterior"):
        GreedyDesign(experiment)
    posterior = AmortizedPosterior(Gaussian((32,)), n_simulations=2000, max_iter=8, random_state=0)
    posterior.fit(HistorySimulator(experiment, (1, 3)))
    policy = GreedyDesign(experiment, posterior=posterior)
    designs = policy.next_design([np.empty((0, 2)), [[1.0, 0.5]], [[1.0, 0.5], [0.5, 0.0]]], random_state=0)
    assert (designs == 2.0).all()
    designer = AdaptiveDesigner(experiment, posterior=posterior, random_state=0).tell(2.0, 3.0).tell(1.0, 1.0)
    draws = designer.posterior_so_far(2000)["slope"]
    directly = posterior.sample(designer.history[np.newaxis], 2000, random_state=1)[0, :, 0]
    assert stats.ks_2samp(draws, directly).pvalue > 0.001


def test_histories_of_another_shape(line):
    policy = GreedyDesign(line)
    with pytest.raises(ShapeError, match=r"must have shape \(n_steps, 2\), in each row 1 numbers"):
        policy.next_design([[1.0, 2.0]])
    with pytest.raises(ValueError, match="design 0 has 5"):
        policy.next_design([[[5.0, 2.0]]])
    with pytest.raises(ValueError, match="history 0 has NaN"):
        policy.next_design([[[1.0, np.nan]]])
    with pytest.raises(ShapeError, match=r"history 0 has \(1, 1, 2\)\.$"):
        policy.next_design([[[[1.0, 2.0]]]])


def test_what_was_told_gives_the_exact_posterior(line):
    designer = AdaptiveDesigner(line, random_state=0)
    assert abs(designer.posterior_so_far(4000)["slope"].std() - SCALE) < 0.1
    for _ in range(3):
        design = designer.next_design()
        designer.tell(design, 1.5 * design)
    assert designer.history.shape == (3, 2)
    draws = designer.posterior_so_far(4000)["slope"]
    mean, std = exact_posterior(designer.history)
    # Some 20,000 * 0.1 draws of the prior are left.
    assert abs(draws.mean() - mean) < 4 * std / np.sqrt(1500)
    assert abs(draws.std() / std - 1) < 4 / np.sqrt(2 * 1500)


def test_a_designer_begins_anew(line):
    designer = AdaptiveDesigner(line, random_state=0)
    first = designer.next_design()
    designer.tell(first, 0.3)
    assert (designer.next_design([[1.0, 0.2]]) <= 3.0).all()
    assert (designer.next_design([]) <= 3.0).all()
    with pytest.raises(ShapeError, match=r"that of one experiment, \(n_steps, 2\); got \(1, 1, 2\)"):
        designer.next_design([[[1.0, 0.2]]])
    assert len(designer.history) == 1
    assert len(designer.reset().history) == 0
    assert (designer.next_design() == first).all()


def test_a_designer_takes_any_policy():
    experiment = Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0))
    designer = AdaptiveDesigner(experiment, policy=FixedDesign([1.0, 2.0]))
    assert designer.tell(designer.next_design(), 0.0).next_design() == 2.0
    with pytest.raises(ValueError, match="posterior_so_far without a posterior needs an experiment"):
        designer.posterior_so_far()
    with pytest.raises(TypeError, match="policy must have next_design"):
        AdaptiveDesigner(experiment, policy="greedy")


def test_what_is_told_is_checked(line):
    designer = AdaptiveDesigner(line)
    with pytest.raises(ValueError, match="design 0 has 4"):
        designer.tell(4.0, 0.0)
    with pytest.raises(ShapeError, match=r"outcome must have shape \(1,\).*got \(2,\)"):
        designer.tell(1.0, [0.0, 1.0])
    with pytest.raises(ValueError, match="outcome must be finite"):
        designer.tell(1.0, np.nan)
    assert not len(designer.history)


def test_the_posterior_so_far_is_followed_far_from_the_prior(line):
    designer = AdaptiveDesigner(line, random_state=0)
    for _ in range(20):
        designer.tell(3.0, 30.0)  # a slope of ten, five standard deviations away
    mean, sd = exact_posterior(designer.history)
    draws = designer.posterior_so_far(4000)["slope"]
    # Draws that were resampled and moved are worth a tenth of independent ones at least.
    assert draws.mean() == pytest.approx(mean, abs=4 * sd / 400**0.5)
    assert draws.std() == pytest.approx(sd, rel=4 / 800**0.5)
    with pytest.raises(ValueError, match="n_draws must be at least 1"):
        designer.posterior_so_far(0)
