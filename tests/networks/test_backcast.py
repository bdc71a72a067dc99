"""The density of a step back: a normal that is exact, and jumps, of which the probability is learned."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from skabi.networks._backcast import Backcast
from skabi.networks._base import DensityNetwork

N = 20_000


class StandardNormal(DensityNetwork):
    """A density that does not listen to its context."""

    def to_base(self, theta, context):
        """Return theta, whose density is that of the base."""
        return theta, theta.new_zeros(())

    def from_base(self, z, context):
        """Return z."""
        return z


def backcast(n_states, *, can_jump=False, links=None):
    torch.manual_seed(0)
    return (
        Backcast(
            n_states,
            1,
            moving=list(range(n_states)),
            can_jump=[can_jump] * n_states,
            links=links or [[] for _ in range(n_states)],
            build=lambda n_context: StandardNormal(1),
        )
        .double()
        .requires_grad_(False)
    )


def belief(mean, sd):
    mean, sd = (torch.tensor(part, dtype=torch.float64).expand(N, -1) for part in (mean, sd))
    return mean, sd, mean.new_zeros(N, 1)


def binding(location, factor, jump_scale):
    k = len(location)
    parts = (location, np.reshape(factor, (k, k)), jump_scale)
    return tuple(torch.tensor(np.array(p), dtype=torch.float64).expand(N, *np.shape(p)) for p in parts)


def test_a_step_back_is_the_product_of_two_normals():
    network, generator = backcast(1), torch.Generator().manual_seed(1)
    given = belief([1.0], [2.0]), binding([3.0], [[0.5]], [0.0])
    states = network.sample(*given, generator)[:, 0].numpy()
    precision = 1 / 4 + 1 / 0.25
    exact = stats.norm((1.0 / 4 + 3.0 / 0.25) / precision, precision**-0.5)
    assert stats.kstest(states, exact.cdf).pvalue > 1e-4
    log_prob = network.log_prob(torch.tensor(states)[:, None], *given, torch.zeros(1, dtype=torch.float64))
    np.testing.assert_allclose(log_prob, exact.logpdf(states))
    loss = network.training_loss(torch.tensor(states)[:, None], torch.zeros(N, 1, dtype=torch.bool), *given)
    np.testing.assert_allclose(loss, -exact.logpdf(states))


def test_linked_states_are_drawn_with_the_correlation_of_their_steps():
    network = backcast(2, links=[[], [0]])
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    # Beliefs so wide that the step alone decides.
    given = belief([0.0, 0.0], [1e4, 1e4]), binding([1.0, -1.0], factor, [0.0, 0.0])
    states = network.sample(*given, torch.Generator().manual_seed(2))
    assert np.allclose(states.mean(0), [1.0, -1.0], atol=4 / N**0.5)
    assert np.allclose(np.cov(states.T.numpy()), factor @ factor.T, atol=4 * np.sqrt(2 / N))
    log_prob = network.log_prob(states, *given, torch.zeros(2, dtype=torch.float64))
    exact = stats.multivariate_normal([1.0, -1.0], factor @ factor.T).logpdf(states.numpy())
    np.testing.assert_allclose(log_prob, exact, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 0.3])
def test_a_jump_has_a_probability_and_the_density_of_jumps(scale):
    network = backcast(1, can_jump=True)
    given = belief([0.5], [1.0]), binding([2.0], [[scale]], [1e8])
    states = network.sample(*given, torch.Generator().manual_seed(3))[:, 0].numpy()
    rate = _jump_rate(network, given)
    jump, stay = stats.norm(0.5, 1.0), stats.norm()
    if scale:
        precision = 1 + 1 / scale**2
        stay = stats.norm((0.5 + 2.0 / scale**2) / precision, precision**-0.5)
        below = rate * jump.cdf(1.5) + (1 - rate) * stay.cdf(1.5)
        exact = np.log(rate * jump.pdf(states) + (1 - rate) * stay.pdf(states))
    else:
        below = rate * jump.cdf(1.5)
        exact = np.where(states == 2.0, np.log1p(-rate), np.log(rate) + jump.logpdf(states))
        assert abs((states == 2.0).mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / N)
    assert abs((states < 1.5).mean() - below) < 4 * np.sqrt(below * (1 - below) / N)
    log_prob = network.log_prob(torch.tensor(states)[:, None], *given, torch.zeros(1, dtype=torch.float64))
    np.testing.assert_allclose(log_prob, exact, rtol=1e-6)


def test_the_units_of_a_density_do_not_matter_where_a_state_stays():
    network = backcast(1, can_jump=True)
    given = belief([0.5], [1.0]), binding([2.0], [[0.0]], [1e8])
    states = torch.tensor([[2.0], [0.1]], dtype=torch.float64)
    given = tuple(tuple(part[:2] for part in each) for each in given)
    plain, other = (network.log_prob(states, *given, torch.full((1,), unit).double()) for unit in (0.0, 1.0))
    np.testing.assert_allclose(plain - other, [0.0, 1.0])


def test_a_network_learns_of_forgetting_jumps_from_steps_without_one():
    network = backcast(1, can_jump=True)
    given = belief([0.5], [1.0]), binding([2.0], [[0.0]], [1e8])
    states, jumped = torch.full((N, 1), 2.0).double(), torch.zeros(N, 1, dtype=torch.bool)
    loss = network.training_loss(states, jumped, *given)
    rate = _jump_rate(network, given)
    np.testing.assert_allclose(loss, -np.log1p(-rate) - stats.norm(0.5, 1.0).logpdf(2.0))


def _jump_rate(network, given):
    from skabi.networks._backcast import _Walk

    return float(functional.sigmoid(_Walk(network, *given).jump_logit(0))[0])
