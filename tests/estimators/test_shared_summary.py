"""One network that reads a series for the posterior and for the likelihood."""

import pickle

import numpy as np
import pytest
import torch

from skabi.datasets import AutoregressiveSeries, DriftDiffusion, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators import JointEstimator
from skabi.losses import Batch, ForwardKL
from skabi.networks._both import Both
from skabi.networks._memory import MemorySummary, SeriesMemory
from skabi.summaries import SeriesSummary
from skabi.testing._recipe import normals


def joint(**parameters):
    defaults = {
        "summary": SeriesSummary(width=8),
        "share_summary": True,
        "n_simulations": 1500,
        "max_iter": 10,
        "learning_rate_init": 0.01,
        "random_state": 0,
    }
    return JointEstimator(Gaussian((16,)), Gaussian((16,)), **(defaults | parameters))


@pytest.fixture(scope="module")
def shared():
    return joint().fit(AutoregressiveSeries(n_times=12))


def test_both_halves_read_by_one_network(shared):
    def memories(estimator):
        return estimator.posterior_.network_.summary.memory, estimator.likelihood_.network_.memory

    first, second = memories(shared)
    assert first is second
    first, second = memories(pickle.loads(pickle.dumps(shared)))
    assert first is second


def test_curves_are_those_of_the_sum(shared):
    alone = joint(share_summary=False).fit(AutoregressiveSeries(n_times=12))
    assert shared.posterior_.loss_curve_ == shared.likelihood_.loss_curve_
    both = alone.posterior_.validation_scores_[-1] + alone.likelihood_.validation_scores_[-1]
    assert shared.posterior_.validation_scores_[-1] == pytest.approx(both, abs=0.3)


def test_answers_belong_to_the_problem(shared):
    problem = AutoregressiveSeries(n_times=12)
    X, y = problem.sample(300, random_state=1)
    exact = problem.log_likelihood(X, **problem.prior.split(y))
    learned = shared.log_likelihood(X, y)
    assert np.corrcoef(learned, exact)[0, 1] > 0.9
    # Better than the prior by far, which the posterior would be without its summaries.
    assert shared.posterior_.score(X, y) > problem.prior.log_prob(y).mean() + 0.5


def test_losses_add_up_and_both_reach_the_memory():
    memory = SeriesMemory(1, 8)
    network = SeriesSummary(width=8).build((9, 1), 2)
    summary = MemorySummary(memory, network)
    assert (summary.n_fixed, summary.n_summaries) == (network.n_fixed, network.n_summaries)

    class Half(torch.nn.Module):
        def __init__(self, part, sign):
            super().__init__()
            self.part, self.sign = part, sign

        def training_loss(self, theta, x):
            return self.sign * self.part(x).sum(dim=(1, 2)[: self.part(x).ndim - 1])

    both = Both(Half(summary, 1.0), Half(memory, 2.0))
    batch = Batch(normals(3, 9, 1).float(), normals(3, 2).float())
    loss = both(ForwardKL(), batch)
    torch.testing.assert_close(loss, summary(batch.x).sum(dim=1) + 2 * memory(batch.x).sum(dim=(1, 2)))
    loss.sum().backward()
    assert memory.read[0].weight.grad.abs().min() > 0


def test_padding_does_not_change_summaries():
    summary = MemorySummary(SeriesMemory(2, 8), SeriesSummary(width=8).build((9, 2), 2)).double()
    x = normals(3, 9, 2)
    mask = torch.arange(9) < torch.tensor([[9], [5], [1]])
    padded = summary(x * mask[..., None], mask)
    for i, n in enumerate((9, 5, 1)):
        torch.testing.assert_close(padded[i : i + 1], summary(x[i : i + 1, :n], None), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("simulator", "parameters", "words"),
    [
        (GaussianMeanScale(5), {"summary": None}, "SeriesSummary"),
        (DriftDiffusion(n_trials=5), {}, "continuous columns"),
        (AutoregressiveSeries(n_times=5), {"n_estimators": 2}, "n_estimators=1"),
        (AutoregressiveSeries(n_times=5), {"warm_start": True}, "warm_start=False"),
        (AutoregressiveSeries(n_times=5), {"share_summary": "yes"}, "share_summary must be one of"),
    ],
)
def test_bad_input(simulator, parameters, words):
    with pytest.raises(ValueError, match=words):
        joint(**({"n_simulations": 400} | parameters)).fit(simulator)


def test_a_known_likelihood_reads_nothing():
    estimator = joint().set_params(likelihood=None)
    with pytest.raises(ValueError, match="likelihood that is learned"):
        estimator.fit(AutoregressiveSeries(n_times=5))
