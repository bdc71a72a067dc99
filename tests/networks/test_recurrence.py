import torch

from skabi.networks._recurrence import GatedRecurrence, scan


def test_scan_is_the_recurrence():
    generator = torch.Generator().manual_seed(0)
    for n_times in (1, 2, 7, 64):
        keep, new = torch.rand(2, 3, n_times, 4, generator=generator, dtype=torch.float64)
        state, states = torch.zeros(3, 4, dtype=torch.float64), []
        for t in range(n_times):
            state = keep[:, t] * state + new[:, t]
            states.append(state)
        torch.testing.assert_close(scan(keep, new), torch.stack(states, dim=1))


def test_later_times_change_no_earlier_state():
    torch.manual_seed(0)
    recurrence = GatedRecurrence(5)
    x = torch.randn(2, 9, 5)
    changed = x.clone()
    changed[:, 6:] += 1.0
    gap = (recurrence(changed) - recurrence(x)).abs()
    assert gap[:, :6].max() == 0 and gap[:, 6:].min() > 0


def test_one_by_one_is_all_at_once():
    torch.manual_seed(0)
    recurrence = GatedRecurrence(5).double()
    x = torch.randn(2, 9, 5, dtype=torch.float64)
    state, states = torch.zeros(2, 5, dtype=torch.float64), []
    for t in range(9):
        state = recurrence.step(state, x[:, t])
        states.append(state)
    torch.testing.assert_close(recurrence(x), torch.stack(states, dim=1))
