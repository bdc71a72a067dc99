import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.exceptions import NotFittedError

from skabi import load
from skabi.design import AmortizedGreedyDesign, DesignBox, DesignPool, Experiment
from skabi.design._particles import Particles
from skabi.networks._proposals import BoxProposals, PoolProposals
from skabi.priors import IndependentPrior
from tests.design.conftest import (
    LINE_IN_TORCH,
    PLACE,
    SCALE,
    SLOPE,
    THRESHOLD,
    THRESHOLD_IN_TORCH,
    ThresholdPosterior,
    answer,
    answer_in_torch,
    answer_log_likelihood,
    answer_torch_log_likelihood,
    respond,
    respond_in_torch,
    respond_log_likelihood,
    respond_torch_log_likelihood,
)
from tests.design.test_policies import exact_posterior

OWN = [
    *(respond, respond_log_likelihood, respond_in_torch, respond_torch_log_likelihood),
    *(answer, answer_log_likelihood, answer_in_torch, answer_torch_log_likelihood),
]
HISTORIES = np.array([[[3.0, 24.0], [1.0, 9.0], [2.5, 20.0]], [[0.1, -0.5], [0.2, 0.5], [0.1, 2.0]]])
SMALL = {"n_particles": 60, "hidden_layer_sizes": (16,), "batch_size": 16, "n_batches": 20, "max_iter": 1}


def followed(experiment, histories, n_particles, *, seed=0):
    particles = Particles(experiment, len(histories), n_particles, seed=np.random.SeedSequence(seed))
    for step in histories.transpose(1, 0, 2):
        particles = particles.told(step)
    return particles


@pytest.mark.parametrize("kind", ["line", "line_in_torch"])
def test_particles_have_the_exact_posterior_of_each_history(kind, request):
    particles = followed(request.getfixturevalue(kind), HISTORIES, 4000)
    for draws, history in zip(particles.y[..., 0], HISTORIES, strict=True):
        mean, sd = exact_posterior(history)
        # Worth a tenth of independent draws, at least.
        assert draws.mean() == pytest.approx(mean, abs=4 * sd / 400**0.5)
        assert draws.std() == pytest.approx(sd, rel=4 / 800**0.5)
        assert stats.kstest(draws[::20], stats.norm(mean, sd).cdf).pvalue > 1e-3


def test_what_becomes_of_a_history_does_not_depend_on_the_others(line):
    both, one = followed(line, HISTORIES, 50), followed(line, HISTORIES[1:], 50)
    assert np.allclose(both.y[1:], one.y)
    assert not np.allclose(followed(line, HISTORIES[1:], 50, seed=1).y, one.y)


def test_particles_of_a_prior_with_an_edge_stay_inside(threshold):
    experiment = Experiment(
        IndependentPrior({"threshold": stats.halfnorm(scale=1)}), answer, space=threshold.space, **THRESHOLD
    )
    history = np.array([[[0.0, 1.0]] * 5])
    draws = followed(experiment, history, 4000).y.ravel()
    grid = np.linspace(0, 5, 5001)
    weights = stats.halfnorm.pdf(grid) * np.exp(answer_log_likelihood(np.array([[1.0]]), np.array([[0.0]]), grid)) ** 5
    mean = (grid * weights).sum() / weights.sum()
    sd = ((grid**2 * weights).sum() / weights.sum() - mean**2) ** 0.5
    assert (draws > 0).all()
    assert draws.mean() == pytest.approx(mean, abs=4 * sd / 400**0.5)


def regression(n_parameters, noise):
    """Sums of the parameters, weighted by the design: normal, whatever the history."""

    def simulate(beta, design, rng):
        return (beta * design).sum(axis=1) + noise * rng.normal(size=len(design))

    def log_likelihood(outcome, design, beta):
        return stats.norm.logpdf(outcome[:, 0], (beta * design).sum(axis=1), noise)

    prior = IndependentPrior({"beta": stats.norm(np.zeros(n_parameters), 1.0)})
    space = DesignBox(-9 * np.ones(n_parameters), 9 * np.ones(n_parameters))
    return Experiment(prior, simulate, space=space, log_likelihood=log_likelihood)


@pytest.mark.parametrize(("n_parameters", "noise", "outlying"), [(1, 1e-4, 1.0), (1, 0.01, 4.0), (5, 0.1, 1.0)])
def test_particles_follow_steps_that_are_precise_surprising_or_of_many_parameters(n_parameters, noise, outlying):
    rng = np.random.default_rng(0)
    designs = rng.normal(size=(1 if n_parameters == 1 else 8, n_parameters))
    outcomes = outlying * designs.sum(axis=1) + noise * rng.normal(size=len(designs))
    draws = followed(regression(n_parameters, noise), np.column_stack([designs, outcomes])[np.newaxis], 2000).y[0]
    precision = np.eye(n_parameters) + designs.T @ designs / noise**2
    factor = np.linalg.cholesky(precision)
    standard = (draws - np.linalg.solve(precision, designs.T @ outcomes / noise**2)) @ factor
    # Worth a twentieth of independent draws, at least.
    assert np.abs(standard.mean(axis=0)).max() < 4 / 100**0.5
    assert np.atleast_2d(np.cov(standard.T)) == pytest.approx(np.eye(n_parameters), abs=4 * (2 / 100) ** 0.5)


def test_moves_keep_the_posterior_to_which_a_step_was_let_in_by_a_degree(line):
    particles = followed(line, HISTORIES[:1], 2000)
    rows, degree, factor = np.array([0]), np.array([0.3]), np.full((1, 1, 1), 0.3)
    precision = 1 + SCALE**2 * (3.0**2 + 1.0**2 + 0.3 * 2.5**2)
    terms = particles._terms(particles.steps, particles.y)
    u, past, new = particles.u, terms[..., :-1].sum(axis=-1), terms[..., -1]
    rng = np.random.default_rng(0)
    for _ in range(30):
        u, past, new = particles._moved(u, past, new, rows, factor, degree, rng)
    assert u.std() == pytest.approx(precision**-0.5, rel=4 / (2 * 2000) ** 0.5)
    assert u.mean() == pytest.approx(SCALE * (3 * 24 + 9 + 0.3 * 50) / precision, abs=4 * u.std() / 2000**0.5)


def test_an_impossible_outcome_is_refused(threshold):
    def log_likelihood(outcome, design, threshold):
        return np.where(design[:, 0] > threshold, 0.0, -np.inf)

    experiment = Experiment(PLACE, answer, space=threshold.space, log_likelihood=log_likelihood)
    assert (followed(experiment, np.array([[[0.4, 1.0]]]), 100).y < 0.4).all()
    with pytest.raises(ValueError, match="step 2 of a history has a likelihood of zero under each of 100 draws"):
        followed(experiment, np.array([[[0.4, 1.0], [-20.0, 1.0]]]), 100)


def test_a_line_is_measured_far_out(line_in_torch):
    policy = AmortizedGreedyDesign(3, learning_rate_init=0.02, random_state=0, **SMALL).fit(line_in_torch)
    designs = policy.next_design([np.empty((0, 2)), *HISTORIES, HISTORIES[0].repeat(2, axis=0)])
    assert (designs > 2.8).all()
    assert policy.n_iter_ == len(policy.loss_curve_) == len(policy.validation_scores_) == 1
    gain = policy.evaluate(line_in_torch, n_rollouts=400, n_contrastive=2000, random_state=0)
    assert gain.lower == pytest.approx(0.5 * np.log(1 + 4 * 27), abs=4 * gain.lower_error + 0.05)
    # In a history of three far out, 0.5 log(1 + 4 * 27) is told.
    assert policy.validation_scores_[-1] == pytest.approx(0.5 * np.log(1 + 4 * 27), abs=0.3)


@pytest.mark.parametrize("pool", [False, True])
def test_questions_with_answers_yes_and_no_are_learned_by_their_score(threshold_in_torch, pool):
    space = DesignPool(np.linspace(-3, 3, 13)) if pool else threshold_in_torch.space
    experiment = Experiment(PLACE, answer, space=space, **THRESHOLD, **THRESHOLD_IN_TORCH)
    policy = AmortizedGreedyDesign(3, learning_rate_init=0.02, random_state=0, **SMALL | {"n_batches": 40}).fit(
        experiment
    )
    for history in ([[0.5, 1.0]], [[0.5, 0.0], [1.5, 1.0]], [[1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]]):
        information = ThresholdPosterior().information(np.array(history), np.linspace(-3, 3, 13))
        chosen = ThresholdPosterior().information(np.array(history), policy.next_design([history])[0])
        assert chosen > information.max() - 0.05
        assert information.max() > information.mean() + 0.1


def test_a_design_does_not_depend_on_what_was_asked_before(line_in_torch, tmp_path):
    policy = AmortizedGreedyDesign(2, random_state=0, **SMALL | {"n_batches": 2}).fit(line_in_torch)
    cold = policy.next_design(HISTORIES)
    policy.next_design(HISTORIES[:, :1])
    assert (policy.next_design(HISTORIES[:, :2]) != cold).any()
    assert np.array_equal(policy.next_design(HISTORIES), cold)
    assert np.allclose(policy.next_design(HISTORIES[::-1])[::-1], cold)
    policy.save(tmp_path / "policy")
    assert np.array_equal(load(tmp_path / "policy", custom_classes=OWN).next_design(HISTORIES), cold)


def test_bad_input_is_refused(line, line_in_torch):
    with pytest.raises(ValueError, match=r"AmortizedGreedyDesign needs an experiment with torch_outcome.*GreedyDesign"):
        AmortizedGreedyDesign().fit(line)
    with pytest.raises(ValueError, match=r"n_particles must be n_proposals \+ 2 at least, 10; got 9"):
        AmortizedGreedyDesign(n_particles=9).fit(line_in_torch)
    with pytest.raises(NotFittedError):
        AmortizedGreedyDesign().next_design(HISTORIES)
    policy = AmortizedGreedyDesign(2, **SMALL | {"n_batches": 1}, random_state=1).fit(line_in_torch)
    with pytest.raises(ValueError, match=r"must lie between 0 and 3; design 0 has 4"):
        policy.next_design([[[4.0, 0.0]]])
    # Many, since two numbers of particles often lead to the same design.
    histories = np.random.default_rng(0).uniform(0, 3, size=(20, 1, 2))
    few = policy.next_design(histories)
    assert (policy.set_params(n_particles=30).next_design(histories) != few).any()
    with pytest.raises(ValueError, match="n_particles must be n_proposals"):
        policy.set_params(n_particles=3).next_design(HISTORIES)


def test_draws_around_which_designs_are_proposed_do_not_judge_them():
    u = torch.arange(12.0).reshape(2, 6, 1)
    anchors = torch.tensor([[0, 5], [2, 3]])
    of_box = BoxProposals(1, torch.zeros(1), torch.ones(1), n_features=2, hidden_layer_sizes=(4,))
    assert of_box.judges(u, anchors)[..., 0].tolist() == [[1, 2, 3, 4], [6, 7, 10, 11]]
    of_pool = PoolProposals(1, torch.ones(7, 1), n_features=2, hidden_layer_sizes=(4,))
    assert of_pool.judges(u, anchors) is u


def test_boxes_likelihoods_and_draws_that_strain_single_precision_are_learned():
    far = Experiment(SLOPE, respond, space=DesignBox(300.1, 310.0), **LINE_IN_TORCH)
    assert AmortizedGreedyDesign(3, random_state=0, **SMALL).fit(far).next_design([np.empty((0, 2))]) >= 300.1

    def simulate(a, b, design, rng):
        return (a + b) * design[:, 0] + 1e-3 * rng.uniform(-1, 1, len(design))

    def torch_outcome(design, generator, a, b):
        return (a + b)[..., None] * design + 1e-3 * (2 * torch.rand(design.shape, generator=generator) - 1)

    def torch_log_likelihood(outcome, design, a, b):
        away = (outcome[..., 0] - (a + b) * design[..., 0]).abs()
        return torch.where(away <= 1.001e-3, math.log(500.0), -torch.inf)

    narrow = Experiment(
        IndependentPrior({"a": stats.norm(), "b": stats.norm()}),
        simulate,
        space=DesignBox(0.0, 3.0),
        torch_outcome=torch_outcome,
        torch_log_likelihood=torch_log_likelihood,
    )
    policy = AmortizedGreedyDesign(3, random_state=0, **SMALL | {"n_batches": 3}).fit(narrow)
    assert np.isfinite(policy.validation_scores_).all()
