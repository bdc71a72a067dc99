"""A level that walks at random, and a posterior of it whose parts are known exactly."""

import numpy as np
import pytest
from scipy import stats
from torch import nn

from skabi.dynamic import DynamicPosterior, DynamicSimulator, RandomWalk
from skabi.dynamic._drawing import Learned
from skabi.dynamic._state_space import StateSpace
from skabi.engines import Gaussian
from skabi.networks._backcast import Backcast
from skabi.networks._base import DensityNetwork
from skabi.networks._trajectories import TrajectoryNetwork


class StandardNormal(DensityNetwork):
    """A density that does not listen to its context."""

    def to_base(self, theta, context):
        """Return theta, whose density is that of the base."""
        return theta, theta.new_zeros(())

    def from_base(self, z, context):
        """Return z."""
        return z


class GivenBelief(nn.Module):
    """A belief that is its memory: a mean and a standard deviation."""

    def forward(self, memory, hyper):
        """Return them, and an empty embedding."""
        mean, sd = memory.chunk(2, dim=-1)
        return mean, sd, memory[..., :0]


def _exact_learned(transitions):
    """Return what is learned where filters are independent normals, which memories hold, and there are no jumps."""
    space = StateSpace(transitions, None)
    n = space.n_states
    backcast = Backcast(
        n,
        0,
        moving=[i for i, is_static in enumerate(space.flags("is_static")) if not is_static],
        can_jump=space.flags("can_jump"),
        links=[[] for _ in range(n)],
        build=lambda n_context: StandardNormal(1),
    )
    network = TrajectoryNetwork(_NoMemory(), GivenBelief(), StandardNormal(n), backcast, None, width=1)
    return Learned(network.double(), space, None, np.zeros(n), np.ones(n))


class _NoMemory(nn.Module):
    n_memory = 0


def noisy(level, rng):
    """Return a level seen with noise."""
    return rng.normal(level, 0.5)


def small(**changes):
    """Return a posterior that is quickly fitted."""
    given = {"step_engine": Gaussian((8,)), "width": 8, "n_simulations": 120, "max_iter": 2, "random_state": 0}
    return DynamicPosterior(Gaussian((8,)), **(given | changes))


@pytest.fixture(scope="session")
def simulator():
    return DynamicSimulator({"level": RandomWalk(stats.lognorm(0.3, scale=0.3))}, None, noisy, n_times=12)


@pytest.fixture(scope="session")
def fitted(simulator):
    return small().fit(simulator)


@pytest.fixture(scope="session")
def data(simulator):
    return simulator.sample(4, random_state=7)


@pytest.fixture(scope="session")
def exact_learned():
    return _exact_learned


@pytest.fixture(scope="session")
def make():
    return small
