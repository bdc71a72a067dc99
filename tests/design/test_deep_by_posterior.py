import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

import skabi
from skabi import AmortizedPosterior
from skabi.design import DeepAdaptiveDesign, DesignBox, DesignPool, Experiment, FixedDesign, evaluate_policy
from skabi.design._learning import build_network
from skabi.design._learning_by_posterior import PosteriorLearning
from skabi.design._rollouts import advantages
from skabi.engines import Gaussian
from skabi.exceptions import TrainingError
from tests.design.conftest import (
    PLACE,
    SLOPE,
    LinePosterior,
    ThresholdPosterior,
    answer,
    line_information,
    respond,
)

SMALL = {"hidden_layer_sizes": (32,), "n_batches": 20, "max_iter": 4, "learning_rate_init": 0.03, "random_state": 0}
LEARNED = AmortizedPosterior(Gaussian((16,)), n_simulations=500, max_iter=2)


@pytest.fixture
def bare_line():
    return Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0))


def test_designs_of_a_line_go_far_out(bare_line):
    policy = DeepAdaptiveDesign(2, posterior=LinePosterior(), **SMALL).fit(bare_line)
    assert (policy.next_design([np.empty((0, 2)), [[2.0, 1.0]]]) > 2.7).all()
    # 512 held-out experiments, whose information has a standard deviation below one.
    exact = line_information(np.array([3.0, 3.0]))
    assert max(policy.validation_scores_) == pytest.approx(exact, abs=4 / np.sqrt(512))


def test_yes_and_no_are_learned(threshold):
    experiment = Experiment(PLACE, answer, space=threshold.space)
    policy = DeepAdaptiveDesign(3, posterior=ThresholdPosterior(), **(SMALL | {"max_iter": 6})).fit(experiment)
    options = {"n_rollouts": 1000, "n_contrastive": 500, "random_state": 0}
    gain = policy.evaluate(threshold, **options)
    fixed = evaluate_policy(threshold, FixedDesign([0.5] * 3), n_steps=3, **options)
    assert gain.lower > fixed.upper + 0.1
    no, yes = policy.next_design([[[0.5, 0.0]], [[0.5, 1.0]]])
    assert no > 0.6
    assert yes < 0.4


def test_a_pool_is_learned():
    experiment = Experiment(PLACE, answer, space=DesignPool([-3.0, -0.5, 0.5, 1.5]))
    options = SMALL | {"max_iter": 8, "learning_rate_init": 0.01}
    policy = DeepAdaptiveDesign(2, posterior=ThresholdPosterior(), **options).fit(experiment)
    designs = policy.next_design([np.empty((0, 2)), [[0.5, 0.0]], [[0.5, 1.0]]])
    assert designs.ravel().tolist() == [0.5, 1.5, -0.5]


def test_gradients_are_those_of_the_exact_information(bare_line):
    recipe = DeepAdaptiveDesign(2, adaptive=False, batch_size=50_000)
    network = build_network(recipe, bare_line, seed=np.random.SeedSequence(0))
    seed = np.random.SeedSequence(1)
    learning = PosteriorLearning(recipe, bare_line, torch.device("cpu"), seed=seed, posterior=LinePosterior())
    sequence = network.policy.sequence
    objective, bound = learning._objective(network, 0.0)
    (gradient,) = torch.autograd.grad(objective, sequence)
    # Designs are normal numbers around the sequence, of spread one, through a sigmoid.
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    z, weights = np.stack(np.meshgrid(nodes, nodes, indexing="ij")), np.outer(weights, weights) / (2 * np.pi)
    designs = 3 / (1 + np.exp(-(sequence.detach().numpy()[:, :, np.newaxis] + z)))
    information = line_information(np.moveaxis(designs, 0, -1))
    exact = (weights * information * z).sum(axis=(1, 2))
    assert float(bound) == pytest.approx((weights * information).sum(), abs=4 / np.sqrt(50_000))
    assert gradient[:, 0].numpy() == pytest.approx(exact, abs=4 / np.sqrt(50_000))


def test_a_posterior_is_fitted_in_rounds_and_saved_with_the_policy(bare_line, tmp_path):
    options = SMALL | {"n_batches": 5, "max_iter": 2}
    policy = DeepAdaptiveDesign(2, posterior=LEARNED, n_rounds=2, **options).fit(bare_line)
    assert not hasattr(LEARNED, "engine_")
    assert policy.n_iter_ == len(policy.loss_curve_) == len(policy.validation_scores_) == 4
    assert policy.best_iter_ in (3, 4)
    assert policy.posterior_.sample([[[2.0, 1.0]]], 10).shape == (1, 10, 1)
    policy.save(tmp_path / "policy")
    again = skabi.load(tmp_path / "policy")
    history = [[[1.0, 0.3]]]
    assert again.next_design(history) == policy.next_design(history)
    twin = DeepAdaptiveDesign(2, posterior=LEARNED, n_rounds=2, **options).fit(bare_line)
    assert twin.next_design(history) == policy.next_design(history)


def test_later_rounds_show_the_posterior_what_the_policy_does(bare_line):
    shares = []

    class Watching(LinePosterior):
        def fit(self, X, y=None):
            data, _ = X.sample(200, random_state=0)
            shares.append(np.mean(np.concatenate(list(data))[:, 0] > 2.5))
            return self

    DeepAdaptiveDesign(2, posterior=Watching(), n_rounds=2, **SMALL).fit(bare_line)
    assert shares[0] < 0.3 < 0.6 < shares[1]


def test_a_frozen_posterior_stays(bare_line):
    frozen = FrozenEstimator(LinePosterior())
    policy = DeepAdaptiveDesign(1, posterior=frozen, **(SMALL | {"n_batches": 1, "max_iter": 1})).fit(bare_line)
    assert policy.posterior_ is frozen
    with pytest.raises(NotFittedError):
        DeepAdaptiveDesign(1, posterior=FrozenEstimator(LEARNED)).fit(bare_line)


def test_posteriors_that_are_none(bare_line):
    with pytest.raises(TypeError, match="posterior must have log_prob"):
        DeepAdaptiveDesign(posterior=3).fit(bare_line)
    with pytest.raises(ValueError, match=r"Without them, give a posterior .*posterior=AmortizedPosterior\(\)"):
        DeepAdaptiveDesign().fit(bare_line)
    with pytest.raises(ValueError, match="n_rounds"):
        DeepAdaptiveDesign(posterior=LEARNED, n_rounds=0).fit(bare_line)

    class Impossible(LinePosterior):
        def log_prob(self, X, y):
            return np.full(len(X), -np.inf)

    with pytest.raises(TrainingError, match="log density of posterior or prior is not finite"):
        DeepAdaptiveDesign(1, posterior=Impossible(), **SMALL).fit(bare_line)


def test_a_step_is_weighed_by_what_comes_from_it_on_beside_the_other_histories():
    gains = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    # From the first step on 3 and 2 are to come, from the second on 2 and 0; the mean of the others is taken off.
    assert advantages(gains).tolist() == [[1.0, 2.0], [-1.0, -2.0]]
