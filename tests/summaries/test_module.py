import pytest
import torch
from torch import nn

from skabi.exceptions import ShapeError
from skabi.summaries import ModuleSummary


class Mean(nn.Module):
    """A module that takes a mask and asks for the shape."""

    def __init__(self, shape, n_parameters, factor=1.0):
        super().__init__()
        self.n_parameters, self.factor = n_parameters, factor
        self.linear = nn.Linear(shape[-1], 3)

    def forward(self, x, mask=None):
        weight = torch.ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        return self.linear(self.factor * (x * weight[..., None]).sum(1) / weight.sum(1, keepdim=True))


class NotOne(nn.Module):
    def forward(self, x):
        return x.sum()


def test_a_module_is_made_with_its_parameters_and_what_it_asks_for():
    network = ModuleSummary(Mean, {"factor": 2.0}).build((5, 4), 7)
    assert network.module.factor == 2.0 and network.module.n_parameters == 7
    assert network.n_summaries == 3
    mask = torch.arange(5) < torch.tensor([[5], [2]])
    x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0)) * mask[..., None]
    torch.testing.assert_close(network(x, mask)[1:], network(x[1:, :2], None))


def test_a_module_that_knows_no_mask_gets_none():
    network = ModuleSummary(nn.Linear, {"in_features": 2, "out_features": 3}).build((2,), 1)
    assert network(torch.zeros(4, 2), None).shape == (4, 3)


def test_trying_a_module_leaves_its_modes():
    network = ModuleSummary(nn.Sequential).build((2,), 1)
    assert network.training and network.module.training


@pytest.mark.parametrize("module_class", [nn.Linear(2, 3), "Linear", dict])
def test_what_is_no_class_of_modules(module_class):
    with pytest.raises(TypeError, match="module_class must be a subclass of torch"):
        ModuleSummary(module_class).build((2,), 1)


def test_what_does_not_return_rows():
    with pytest.raises(ShapeError, match=r"must return \(n, n_summaries\); NotOne returned"):
        ModuleSummary(NotOne).build((2,), 1)
    with pytest.raises(ShapeError, match=r"Linear returned \(2, 5, 3\) for 2 data sets of shape \(5, 2\)"):
        ModuleSummary(nn.Linear, {"in_features": 2, "out_features": 3}).build((5, 2), 1)
