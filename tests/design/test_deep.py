import time

import numpy as np
import pytest
import torch
from scipy import stats

import skabi
from skabi.design import (
    AdaptiveDesigner,
    DeepAdaptiveDesign,
    DesignBox,
    DesignPool,
    Experiment,
    FixedDesign,
    RandomDesign,
    evaluate_policy,
)
from skabi.design._rollouts import (
    Rollout,
    TorchExperiment,
    contrastive_bound,
    roll_out_in_torch,
    surrogate,
)
from skabi.exceptions import ApproximationWarning, ShapeError, TrainingError
from skabi.priors import IndependentPrior
from skabi.testing._recipe import check_recipe
from tests.design.conftest import (
    LINE,
    LINE_IN_TORCH,
    PLACE,
    SLOPE,
    THRESHOLD,
    THRESHOLD_IN_TORCH,
    answer,
    answer_in_torch,
    answer_torch_log_likelihood,
    line_information,
    respond,
    respond_torch_log_likelihood,
    threshold_information,
)

SMALL = {"hidden_layer_sizes": (32,), "n_contrastive": 50, "batch_size": 32, "n_batches": 20, "random_state": 0}


@pytest.fixture(scope="module")
def policy():
    experiment = Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0), **LINE, **LINE_IN_TORCH)
    return DeepAdaptiveDesign(2, max_iter=4, learning_rate_init=0.01, **SMALL).fit(experiment)


def test_it_is_a_recipe():
    check_recipe(DeepAdaptiveDesign(**SMALL))


def test_designs_of_a_line_go_far_out(policy, line):
    assert (policy.next_design([np.empty((0, 2)), [[2.0, 1.0]]]) > 2.5).all()
    gain = policy.evaluate(line, n_rollouts=1000, n_contrastive=1000, random_state=0)
    exact = line_information(np.array([3.0, 3.0]))
    assert abs(gain.lower - exact) < 4 * gain.lower_error + 0.05
    assert policy.validation_scores_[-1] > policy.validation_scores_[0] - 0.05
    assert policy.n_iter_ == len(policy.loss_curve_) == len(policy.validation_scores_) == 4


def test_answers_do_not_depend_on_neighbours_or_on_the_order_of_steps(policy):
    history = np.array([[1.0, 0.3]])
    alone = policy.next_design(history[np.newaxis])
    together = policy.next_design([history, np.empty((0, 2)), history + 0.5])
    assert together[0] == pytest.approx(alone[0], abs=1e-12)
    assert together[1] != together[2]
    pair = np.array([[1.0, 0.3], [2.0, -1.0]])
    with pytest.warns(ApproximationWarning, match="2 steps already, and the policy was trained for 2"):
        assert policy.next_design([pair]) == pytest.approx(policy.next_design([pair[::-1]]), abs=1e-12)


def test_a_decision_is_quick(policy):
    policy.next_design(np.zeros((1, 1, 2)))
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        policy.next_design(np.zeros((1, 1, 2)))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.01


def test_the_same_seed_gives_the_same_policy(line_in_torch):
    twins = [DeepAdaptiveDesign(2, max_iter=1, **SMALL).fit(line_in_torch) for _ in range(2)]
    state = torch.get_rng_state()
    other = DeepAdaptiveDesign(2, max_iter=1, **(SMALL | {"random_state": 1})).fit(line_in_torch)
    assert torch.equal(torch.get_rng_state(), state)
    designs = [each.next_design(np.zeros((1, 1, 2))) for each in (*twins, other)]
    assert designs[0] == designs[1] != designs[2]


def test_yes_and_no_are_learned_by_the_score_function(threshold_in_torch):
    policy = DeepAdaptiveDesign(4, max_iter=8, learning_rate_init=0.01, **(SMALL | {"batch_size": 64}))
    policy.fit(threshold_in_torch)
    options = {"n_rollouts": 1000, "n_contrastive": 500, "random_state": 0}
    gain = policy.evaluate(threshold_in_torch, **options)
    fixed = evaluate_policy(threshold_in_torch, FixedDesign([0.5] * 4), n_steps=4, **options)
    assert gain.lower > fixed.upper
    # It asks higher after a no, and lower after a yes.
    no, yes = policy.next_design([[[0.5, 0.0]], [[0.5, 1.0]]])
    assert no > 0.6
    assert yes < 0.4


def test_a_pool_is_learned(line_of_a_pool):
    policy = DeepAdaptiveDesign(2, max_iter=3, learning_rate_init=0.02, **SMALL).fit(line_of_a_pool)
    assert (policy.next_design([np.empty((0, 2)), [[2.0, 1.0]]]) == 2.0).all()


def test_yes_and_no_of_a_pool_are_learned():
    pool = DesignPool([-3.0, -0.5, 0.5, 1.5])
    experiment = Experiment(PLACE, answer, space=pool, **THRESHOLD, **THRESHOLD_IN_TORCH)
    options = SMALL | {"batch_size": 64}
    policy = DeepAdaptiveDesign(2, max_iter=8, learning_rate_init=0.01, **options).fit(experiment)
    designs = policy.next_design([np.empty((0, 2)), [[0.5, 0.0]], [[0.5, 1.0]]])
    assert designs.ravel().tolist() == [0.5, 1.5, -0.5]


def test_a_fixed_sequence_is_learned_and_does_not_adapt(line_in_torch):
    policy = DeepAdaptiveDesign(3, adaptive=False, max_iter=3, learning_rate_init=0.1, **SMALL).fit(line_in_torch)
    gain = policy.evaluate(line_in_torch, n_rollouts=100, n_contrastive=500, random_state=0)
    assert (np.ptp(gain.histories[:, :, 0], axis=0) == 0).all()
    assert gain.histories[0, :, 0].min() > 2.5


def test_gradients_by_scores_are_those_of_the_exact_information(threshold_in_torch):
    in_torch = TorchExperiment(threshold_in_torch, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    y = threshold_in_torch.prior.sample(20_000, random_state=0).to_numpy()
    others = in_torch.entries(threshold_in_torch.prior.sample(200, random_state=1).to_numpy())
    entries, place = in_torch.entries(y), torch.tensor(1.3, requires_grad=True)
    designs = place.expand(len(y), 1, 1)
    outcomes = in_torch.outcomes(designs[:, 0], entries, generator).detach()[:, None]
    rollout = Rollout(designs, outcomes, None)
    densities = in_torch.densities(rollout, entries, others)
    objective, bound = surrogate(*densities, choices=None, scores_outcomes=True)
    (gradient,) = torch.autograd.grad(objective.mean(), place)
    exact = (threshold_information(1.35) - threshold_information(1.25)) / 0.1
    assert float(bound.mean()) == pytest.approx(threshold_information(1.3), abs=0.02)
    assert float(gradient) == pytest.approx(exact, abs=0.03)


def test_the_bound_is_that_of_the_evaluation(line_in_torch, policy):
    in_torch = TorchExperiment(line_in_torch, torch.device("cpu"))
    network = policy.network_.float()
    try:
        y = SLOPE.sample(4000, random_state=0).to_numpy()
        entries = in_torch.entries(y)
        others = in_torch.entries(SLOPE.sample(500, random_state=1).to_numpy())
        with torch.no_grad():
            rollout = roll_out_in_torch(
                network, in_torch, entries, n_steps=2, generator=torch.Generator().manual_seed(0), keeps_path=True
            )
            bound = contrastive_bound(*in_torch.densities(rollout, entries, others))
    finally:
        network.double()
    gain = policy.evaluate(line_in_torch, n_rollouts=1000, n_contrastive=500, random_state=0)
    assert float(bound.mean()) == pytest.approx(gain.lower, abs=4 * gain.lower_error + 0.08)


def test_what_moves_with_the_design_is_found(line_in_torch, threshold_in_torch):
    generator = torch.Generator().manual_seed(0)

    def has_gradients(experiment):
        y, designs = experiment.prior.sample(20, random_state=0), experiment.space.sample(20, random_state=0)
        return TorchExperiment(experiment, torch.device("cpu")).has_gradients(y.to_numpy(), designs, generator)

    assert has_gradients(line_in_torch)
    assert not has_gradients(threshold_in_torch)


def test_parameters_ruled_out_have_no_gradient():
    true = torch.zeros(2, 1, requires_grad=True)
    contrastive = torch.tensor([[[0.0, -torch.inf]], [[-torch.inf, -torch.inf]]])
    bound = contrastive_bound(true, contrastive)
    assert bound.tolist() == pytest.approx([np.log(3 / 2), np.log(3)])
    (gradient,) = torch.autograd.grad(bound.sum(), true)
    assert torch.isfinite(gradient).all()


def test_it_is_saved(policy, tmp_path):
    policy.save(tmp_path / "policy")
    again = skabi.load(tmp_path / "policy")
    history = [[[1.0, 0.3]]]
    assert again.next_design(history) == policy.next_design(history)
    assert again.space_.design_names == policy.space_.design_names


def test_it_runs_an_experiment(policy, line):
    designer = AdaptiveDesigner(line, policy=policy, random_state=0)
    for _ in range(2):
        design = designer.next_design()
        designer.tell(design, -0.7 * design)
    assert abs(designer.posterior_so_far(1000)["slope"].mean() + 0.7) < 0.2


def test_experiments_it_cannot_learn(line):
    with pytest.raises(ValueError, match="needs an experiment with torch_outcome and torch_log_likelihood"):
        DeepAdaptiveDesign().fit(line)
    with pytest.raises(TypeError, match=r"skabi\.design\.Experiment"):
        DeepAdaptiveDesign().fit(np.zeros((3, 2)))

    def make(**functions):
        return Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0), **(LINE_IN_TORCH | functions))

    wide = make(torch_outcome=lambda design, generator, slope: 9 * torch.randn(design.shape, generator=generator))
    with pytest.raises(ValueError, match="simulate and torch_outcome are not of one model"):
        DeepAdaptiveDesign().fit(wide)
    flat = make(torch_outcome=lambda design, generator, slope: slope * design[..., 0])
    with pytest.raises(ShapeError, match="torch_outcome must return outcomes"):
        DeepAdaptiveDesign().fit(flat)


def test_scores_that_are_never_finite(monkeypatch, line_in_torch):
    monkeypatch.setattr("skabi.design._learning.Learning._score", lambda self, network: float("nan"))
    with pytest.raises(TrainingError, match="NaN or infinite after each of 1 epochs; 0 of 20 steps"):
        DeepAdaptiveDesign(2, max_iter=1, **SMALL).fit(line_in_torch)


def test_steps_whose_gradients_are_not_finite_are_counted():
    def torch_log_likelihood(outcome, design, slope):
        return respond_torch_log_likelihood(outcome, design, slope) + (0 * design[..., 0]).sqrt()

    functions = LINE_IN_TORCH | {"torch_log_likelihood": torch_log_likelihood}
    experiment = Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0), **functions)
    with pytest.warns(ApproximationWarning, match="20 of 20 steps of training had gradients that are not finite"):
        DeepAdaptiveDesign(2, max_iter=1, **SMALL).fit(experiment)


def test_a_bound_that_is_not_finite():
    def torch_log_likelihood(outcome, design, threshold):
        terms = answer_torch_log_likelihood(outcome, design, threshold)
        return torch.where((design[..., 0] > -0.5) & (design[..., 0] < 0.5) & (terms.numel() > 1e5), torch.nan, terms)

    experiment = Experiment(
        PLACE,
        answer,
        space=DesignBox(-3.0, 3.0),
        torch_outcome=answer_in_torch,
        torch_log_likelihood=torch_log_likelihood,
    )
    with pytest.raises(TrainingError, match="NaN or infinite"):
        DeepAdaptiveDesign(2, max_iter=1, **(SMALL | {"n_contrastive": 2000})).fit(experiment)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("n_steps", 0), ("batch_size", 1), ("n_contrastive", 1.5), ("learning_rate_init", 0.0), ("hidden_layer_sizes", 3)],
)
def test_parameters_that_are_none(line_in_torch, parameter, value):
    with pytest.raises((TypeError, ValueError), match=parameter):
        DeepAdaptiveDesign(**{parameter: value}).fit(line_in_torch)


def test_several_outcomes_and_vectors_of_parameters():
    def simulate(place, level, design, rng):
        return place * design + level[:, np.newaxis] + rng.normal(size=design.shape)

    def torch_outcome(design, generator, place, level):
        mean = place * design + level[..., None]
        return mean + torch.randn(mean.shape, generator=generator)

    def torch_log_likelihood(outcome, design, place, level):
        return torch.distributions.Normal(place * design + level[..., None], 1.0).log_prob(outcome).sum(-1)

    experiment = Experiment(
        IndependentPrior({"place": stats.norm(np.zeros(2), 1.0), "level": stats.norm(0, 0.1)}),
        simulate,
        space=DesignBox([0.0, 0.0], 2.0),
        torch_outcome=torch_outcome,
        torch_log_likelihood=torch_log_likelihood,
    )
    policy = DeepAdaptiveDesign(2, max_iter=3, learning_rate_init=0.02, **SMALL).fit(experiment)
    assert (policy.next_design(np.empty((1, 0, 4))) > 1.7).all()
    random = evaluate_policy(
        experiment, RandomDesign(experiment.space), n_steps=2, n_rollouts=200, n_contrastive=300, random_state=0
    )
    assert policy.evaluate(experiment, n_rollouts=200, n_contrastive=300, random_state=0).lower > random.lower
