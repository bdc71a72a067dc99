import math

import torch

from skabi.networks._conditions import LogCounts


def test_one_source():
    mask = torch.arange(8) < torch.tensor([[8], [1], [4]])
    conditions = LogCounts([math.log(2.0)], [0.5])
    expected = (torch.tensor([[8.0], [1.0], [4.0]]).log() - math.log(2.0)) / 0.5
    torch.testing.assert_close(conditions(mask), expected)
    assert conditions.n_conditions == 1


def test_several_sources_and_one_that_is_not_there():
    conditions = LogCounts({"b": [0.0], "a": [1.0]}, {"b": [1.0], "a": [2.0]})
    masks = {"a": torch.tensor([[True, True], [False, False]]), "b": torch.tensor([[True], [True]]), "c": None}
    expected = torch.tensor([[0.0, (math.log(2.0) - 1.0) / 2.0], [0.0, -0.5]])
    torch.testing.assert_close(conditions(masks), expected)
    assert conditions.n_conditions == 2


def test_groups_and_the_mean_of_what_they_hold():
    mask = torch.zeros(3, 4, 5, dtype=torch.bool)
    mask[0, :2, :3] = True
    mask[1, 0, :1] = mask[1, 1, :5] = True
    expected = torch.tensor([[2.0, 3.0], [2.0, 3.0], [1.0, 1.0]]).log() - 1.0
    torch.testing.assert_close(LogCounts([1.0, 1.0], [1.0, 1.0])(mask), expected)
    # What never varied says nothing.
    assert (LogCounts([1.0, 1.0], [1.0, 0.0])(mask)[:, 1] == 0).all()
