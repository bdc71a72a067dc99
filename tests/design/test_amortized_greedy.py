import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError

from skabi import load
from skabi.design import AmortizedGreedyDesign, DesignPool, Experiment
from skabi.design._particles import Particles
from tests.design.conftest import (
    PLACE,
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
        type(PLACE)({"threshold": stats.halfnorm(scale=1)}), answer, space=threshold.space, **THRESHOLD
    )
    history = np.array([[[0.0, 1.0]] * 5])
    draws = followed(experiment, history, 4000).y.ravel()
    grid = np.linspace(0, 5, 5001)
    weights = stats.halfnorm.pdf(grid) * np.exp(answer_log_likelihood(np.array([[1.0]]), np.array([[0.0]]), grid)) ** 5
    mean = (grid * weights).sum() / weights.sum()
    sd = ((grid**2 * weights).sum() / weights.sum() - mean**2) ** 0.5
    assert (draws > 0).all()
    assert draws.mean() == pytest.approx(mean, abs=4 * sd / 400**0.5)


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
    with pytest.raises(ValueError, match="n_particles must be at least 10"):
        AmortizedGreedyDesign(n_particles=9).fit(line_in_torch)
    with pytest.raises(NotFittedError):
        AmortizedGreedyDesign().next_design(HISTORIES)
    policy = AmortizedGreedyDesign(2, **SMALL | {"n_batches": 1}).fit(line_in_torch)
    with pytest.raises(ValueError, match=r"must lie between 0 and 3; design 0 has 4"):
        policy.next_design([[[4.0, 0.0]]])
