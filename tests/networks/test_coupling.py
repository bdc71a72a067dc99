"""A coupling keeps one half of the columns; a stack moves them all."""

import pytest
import torch

from skabi.networks._coupling import SplineCoupling, SplineCouplingStack


def randomize(module):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def test_only_moved_columns_move_and_only_kept_columns_steer_them():
    coupling = SplineCoupling([3, 0], [2, 1, 4], 2, n_bins=5, bound=4.0, hidden_layer_sizes=(8,)).double()
    randomize(coupling)
    z, context = torch.linspace(-1, 1, 5, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: coupling(z, context)[0], z)
    allowed = torch.eye(5, dtype=torch.bool)
    allowed[torch.tensor([[2], [1], [4]]), torch.tensor([3, 0])] = True
    assert torch.equal(jacobian != 0, allowed)
    assert torch.equal(coupling(z, context)[0][[3, 0]], z[[3, 0]])


@pytest.mark.parametrize("n_parameters", [2, 3, 5])
def test_two_couplings_move_every_column(n_parameters):
    stack = SplineCouplingStack(
        n_parameters,
        2,
        n_transforms=2,
        n_bins=5,
        bound=4.0,
        skew=False,
        hidden_layer_sizes=(8,),
        n_blocks=1,
        block_width=8,
        dropout=0.0,
    )
    first, second = stack.transforms
    assert torch.equal(first.moved, second.kept) and torch.equal(first.kept, second.moved)
    assert sorted([*first.moved.tolist(), *second.moved.tolist()]) == list(range(n_parameters))


def test_columns_beyond_the_bound_stay():
    coupling = SplineCoupling([0], [1], 2, n_bins=5, bound=4.0, hidden_layer_sizes=(8,)).double()
    randomize(coupling)
    z = torch.tensor([[0.5, 1.0], [0.5, -4.5], [0.5, 40.0]], dtype=torch.float64)
    moved, log_det = coupling(z, torch.ones(2, dtype=torch.float64))
    assert (moved[:, 1] != z[:, 1]).tolist() == [True, False, False]
    assert (log_det != 0).tolist() == [True, False, False]
