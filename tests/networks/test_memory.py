"""A memory is the same whether times come one by one or all at once, and knows nothing of the present."""

import pytest
import torch

from skabi.networks._memory import SeriesMemory


@pytest.fixture
def memory():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SeriesMemory(2, 5).double().requires_grad_(False)


def tokens(n_times):
    return torch.randn(3, n_times, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("n_times", [1, 2, 3, 20])
def test_one_by_one_is_all_at_once(memory, n_times):
    series, state, each = tokens(n_times), memory.start(3), []
    for t in range(n_times):
        each.append(memory.recall(state))
        state = memory.advance(state, series[:, t])
    together = memory(series)
    assert together.shape == (3, n_times, memory.n_memory)
    torch.testing.assert_close(together, torch.stack(each, dim=1))


@pytest.mark.parametrize("t", [0, 4, 9])
def test_a_time_changes_nothing_before_its_end_and_everything_after(memory, t):
    series = tokens(10)
    changed = series.clone()
    changed[:, t] += 1.0
    gap = (memory(changed) - memory(series)).abs().amax(dim=(0, 2))
    assert (gap[: t + 1] == 0).all() and (gap[t + 1 :] > 0).all()


def test_the_last_two_observations_are_remembered_as_they_are(memory):
    series, nothing = tokens(4), torch.zeros(3, 3, dtype=torch.float64)
    there = torch.cat([series, torch.ones(3, 4, 1)], dim=2)
    lags = memory(series)[..., : memory.n_fixed]
    assert memory.n_fixed == 6
    assert torch.equal(lags[:, 0], torch.cat([nothing, nothing], dim=1))
    assert torch.equal(lags[:, 1], torch.cat([there[:, 0], nothing], dim=1))
    assert torch.equal(lags[:, 3], torch.cat([there[:, 2], there[:, 1]], dim=1))


def test_nothing_is_remembered_at_first(memory):
    assert torch.equal(memory.recall(memory.start(3)), torch.zeros(3, memory.n_memory, dtype=torch.float64))
    assert memory.float().start(1).hidden.dtype == torch.float32
