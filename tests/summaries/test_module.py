import pytest
import torch
from torch import nn

from skabi.exceptions import ShapeError
from skabi.summaries import FusionSummary, ModuleSummary
from skabi.testing import check_summary


class Mean(nn.Module):
    """A module that takes a mask and asks for the shape."""

    def __init__(self, shape, n_parameters, factor=1.0):
        super().__init__()
        self.n_parameters, self.factor = n_parameters, factor
        self.linear = nn.Linear(shape[-1], 3)

    def forward(self, x, mask=None):
        weight = torch.ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        return self.linear(self.factor * (x * weight[..., None]).sum(1) / weight.sum(1, keepdim=True))


class Sum(nn.Module):
    """A module with a second argument that is no mask."""

    def forward(self, x, dim=1):
        return x.sum(dim)


class Seen(nn.Module):
    """A module that keeps the mask that it is handed; it knows it by name alone."""

    def forward(self, x, dim=1, *, mask):
        self.mask = mask
        return x.sum(dim)


class NotOne(nn.Module):
    def forward(self, x):
        return x.sum()


def test_a_module_is_made_with_its_parameters_and_what_it_asks_for():
    network = ModuleSummary(Mean, {"factor": 2.0}, takes_any_length=True).build((5, 4), 7)
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


def test_a_mask_is_handed_over_by_name_where_lengths_differ():
    x, mask = torch.ones(2, 5, 3), torch.arange(5) < torch.tensor([[5], [2]])
    for takes_any_length in (True, False):
        network = ModuleSummary(Seen, takes_any_length=takes_any_length).build((5, 3), 1)
        network(x, mask)
        assert (network.module.mask is None) != takes_any_length
    assert ModuleSummary(Sum).build((5, 3), 1)(x, mask).shape == (2, 3)


def test_a_data_set_without_observations_is_one_of_zeros():
    network = ModuleSummary(Mean, takes_any_length=True).build((5, 4), 1)
    mask = torch.tensor([[True] * 5, [False] * 5])
    summaries = network(torch.randn(2, 5, 4) * mask[..., None], mask)
    torch.testing.assert_close(summaries[1], network.module.linear.bias)
    summaries.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize("fusion", ["late", "early"])
@pytest.mark.parametrize("takes_any_length", [True, False])
def test_masks_of_a_source_that_is_not_there(fusion, takes_any_length):
    recipe = ModuleSummary(Seen, takes_any_length=takes_any_length)
    network = FusionSummary({"points": recipe}, fusion=fusion).build({"points": (5, 3), "table": (2,)}, 1)
    is_there = torch.tensor([True, False])
    x = {"points": torch.ones(2, 5, 3) * is_there[:, None, None], "table": torch.ones(2, 2)}
    # As the estimator hands them over.
    mask = is_there[:, None].expand(2, 5) if takes_any_length else is_there
    assert network(x, {"points": mask, "table": torch.tensor([True, True])}).isfinite().all()
    seen = network.networks[0].module.mask
    if takes_any_length:
        assert seen.tolist() == [[True] * 5, [True] + [False] * 4]
    else:
        assert seen is None


class Weighted(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.linear = nn.Linear(shape[-1], 3)

    def forward(self, x, mask=None):
        return self.linear(x.mean(1) if mask is None else (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def test_a_module_of_any_length_keeps_the_contract():
    check_summary(ModuleSummary(Weighted, takes_any_length=True), shapes=[(5, 2)])


def test_any_length_without_a_mask_is_refused():
    with pytest.raises(TypeError, match="forward of Sum must have an argument named mask"):
        ModuleSummary(Sum, takes_any_length=True).build((5, 3), 1)


def test_a_module_of_another_size_is_named():
    wrong = ModuleSummary(nn.Linear, {"in_features": 4, "out_features": 2})
    with pytest.raises(ShapeError, match=r"Linear failed on zeros of shape \(2, 5\).* It raised: mat1 and mat2"):
        wrong.build((5,), 1)
