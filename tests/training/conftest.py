"""A problem small enough to train on in a blink."""

import pytest
import torch

from skabi.engines import Gaussian
from skabi.losses import Batch, ForwardKL
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import IdentitySummary
from skabi.training import Rows, train


@pytest.fixture
def make_batch():
    def make(n, *, seed=0):
        generator = torch.Generator().manual_seed(seed)
        theta = torch.randn(n, 2, generator=generator)
        return Batch(theta + 0.5 * torch.randn(n, 2, generator=generator), theta)

    return make


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SummarizedDensity(IdentitySummary().build((2,), 2), Gaussian((16,)).build(2, 2))


@pytest.fixture
def fit(network, make_batch):
    """Train `network` on few rows, with what differs from the settings here."""

    def train_network(loss=None, **settings):
        defaults = {
            "train_rows": Rows(make_batch(80)),
            "valid_batch": make_batch(60, seed=1),
            "max_iter": 5,
            "batch_size": 32,
            "learning_rate_init": 1e-2,
            "n_iter_no_change": 50,
            "generator": torch.Generator().manual_seed(2),
        }
        return train(network, loss or ForwardKL(), **{**defaults, **settings})

    return train_network
