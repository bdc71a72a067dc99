import torch

from skabi.networks._causal import CausalMemory, LinearRecurrence
from skabi.networks._recurrence import scan

G = torch.Generator().manual_seed(0)


def test_the_recurrence_and_its_gradients_are_those_of_a_scan():
    keep = torch.rand(3, 7, 2, generator=G, dtype=torch.float64, requires_grad=True)
    new = torch.randn(3, 7, 2, generator=G, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(LinearRecurrence.apply(keep, new), scan(keep, new))
    assert torch.autograd.gradcheck(LinearRecurrence.apply, (keep, new))


def test_steps_one_by_one_remember_what_all_times_at_once_do():
    memory = CausalMemory(2, 5, 2, n_usual=9).double()
    tokens = torch.randn(3, 9, 2, generator=G, dtype=torch.float64)
    at_once = memory(tokens)
    state = memory.start(3)
    for time in range(9):
        state, known = memory.step(state, tokens[:, time])
        torch.testing.assert_close(known, at_once[:, time])
    assert state.n_times == 9 and at_once.shape == (3, 9, memory.n_memory)


def test_what_comes_later_is_not_remembered():
    memory = CausalMemory(1, 4, 3, n_usual=9)
    tokens = torch.randn(1, 9, 1, generator=G)
    changed = tokens.clone()
    changed[:, 5:] += 1.0
    torch.testing.assert_close(memory(tokens)[:, :5], memory(changed)[:, :5])
    assert not torch.allclose(memory(tokens)[:, 5:], memory(changed)[:, 5:])


def test_surprises_are_distances_from_what_was_kept():
    memory = CausalMemory(1, 1, 1, n_usual=3)
    layer = memory.layers[0]
    with torch.no_grad():
        layer.read[-1].weight.zero_()
        layer.read[-1].bias.zero_()
        layer.straight.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    known = memory(torch.tensor([[[1.0], [0.0], [2.0]]]))
    # Half of each observation is kept: 0.5, 0.25 and 1.125, so that the surprises are 1, 0.5 and 1.75.
    torch.testing.assert_close(known[0, :, 3], torch.tensor([0.5, 0.25, 1.125]))
    torch.testing.assert_close(known[0, :, 5], torch.tensor([1.0, 0.75, 3.25 / 3]))
