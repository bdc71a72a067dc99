"""Every column is steered by those before it in the layer's order, by all of them, and by no other."""

import pytest
import torch

from skabi.networks._autoregressive import AutoregressiveSpline, AutoregressiveSplineStack


def layer(order, *, hidden_layer_sizes=(16, 16)):
    module = AutoregressiveSpline(
        torch.tensor(order), 2, n_bins=5, bound=4.0, hidden_layer_sizes=hidden_layer_sizes
    ).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


# The narrowest layers that the engine lets pass, too.
@pytest.mark.parametrize("hidden_layer_sizes", [(16, 16), (4,), (4, 4, 4)])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_the_jacobian_is_triangular_in_the_layer_s_order(order, hidden_layer_sizes):
    module = layer(order, hidden_layer_sizes=hidden_layer_sizes)
    z, context = torch.linspace(-1, 1, 4, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: module(z, context)[0], z)
    assert torch.equal(jacobian[order][:, order] != 0, torch.ones(4, 4, dtype=torch.bool).tril())
    assert (jacobian.diagonal() > 0).all()


def test_the_context_steers_every_column():
    module = layer([2, 0, 1])
    z, context = torch.linspace(-1, 1, 3, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda context: module(z, context)[0], context)
    assert (jacobian != 0).all()


def test_orders_are_random_and_turn_round():
    orders = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(2):
            stack = AutoregressiveSplineStack(
                8,
                2,
                n_transforms=3,
                n_bins=5,
                bound=4.0,
                hidden_layer_sizes=(8,),
                n_blocks=1,
                block_width=8,
                dropout=0.0,
            )
            orders += [transform.order.tolist() for transform in stack.transforms]
    assert orders[1] == orders[0][::-1] and orders[4] == orders[3][::-1]
    assert len({tuple(order) for order in orders}) == 6
    assert all(sorted(order) == list(range(8)) for order in orders)


@pytest.mark.parametrize("hidden_layer_sizes", [(16, 16), (4,), (4, 5, 6)])
@pytest.mark.parametrize("order", [[0], [1, 0], [2, 0, 3, 1]])
def test_the_inverse_undoes_the_layer_for_many_draws_of_a_data_set(order, hidden_layer_sizes):
    module = layer(order, hidden_layer_sizes=hidden_layer_sizes)
    generator = torch.Generator().manual_seed(1)
    z = 2 * torch.randn(3, 7, len(order), generator=generator, dtype=torch.float64)
    context = torch.randn(3, 1, 2, generator=generator, dtype=torch.float64)
    undone = module.inverse(z, context)
    torch.testing.assert_close(module(undone, context)[0], z)
    torch.testing.assert_close(module.inverse(z[1, :1], context[1]), undone[1, :1])


def test_the_inverse_computes_each_unit_once():
    for units in zip(*layer([2, 0, 3, 1], hidden_layer_sizes=(16, 16))._units, strict=True):
        assert sorted(torch.cat(units).tolist()) == list(range(16))
