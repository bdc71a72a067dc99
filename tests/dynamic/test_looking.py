import torch

from skabi.dynamic._looking import LookAtTimes


def test_the_first_time_and_the_last_are_always_looked_at():
    data = LookAtTimes(3)(torch.zeros(40, 2, 9, 1), torch.Generator().manual_seed(0))
    seen = data.mask[:, 0]
    assert seen[:, 0].all() and seen[:, -1].all() and (seen.sum(dim=1) == 3).all()
    assert seen[:, 1:-1].any(dim=0).sum() > 4
