import math

import torch

from skabi.networks._conditions import LogCounts


def test_one_source():
    mask = torch.arange(8) < torch.tensor([[8], [1], [4]])
    conditions = LogCounts(math.log(2.0), 0.5)
    expected = (torch.tensor([[8.0], [1.0], [4.0]]).log() - math.log(2.0)) / 0.5
    torch.testing.assert_close(conditions(mask), expected)
    assert conditions.n_conditions == 1


def test_several_sources_and_one_that_is_not_there():
    conditions = LogCounts({"b": 0.0, "a": 1.0}, {"b": 1.0, "a": 2.0})
    masks = {"a": torch.tensor([[True, True], [False, False]]), "b": torch.tensor([[True], [True]]), "c": None}
    expected = torch.tensor([[0.0, (math.log(2.0) - 1.0) / 2.0], [0.0, -0.5]])
    torch.testing.assert_close(conditions(masks), expected)
    assert conditions.n_conditions == 2
