"""The coupling flow is invertible, has the right Jacobian and integrates to one."""

import pytest
import torch

from skabi.networks._coupling import SplineCouplingStack


def network(n_parameters):
    torch_generator = torch.Generator().manual_seed(0)
    flow = SplineCouplingStack(
        n_parameters, 2, n_transforms=3, n_bins=5, bound=4.0, hidden_layer_sizes=(8, 8), generator=torch_generator
    ).double()
    with torch.no_grad():  # far from the identity
        for parameter in flow.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=torch_generator, dtype=torch.float64))
    return flow, torch_generator


@pytest.mark.parametrize("n_parameters", [1, 2, 5])
def test_inverse_and_jacobian(n_parameters):
    flow, generator = network(n_parameters)
    theta = torch.randn(20, n_parameters, generator=generator, dtype=torch.float64)
    context = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    z, log_det = flow.to_base(theta, context)
    torch.testing.assert_close(flow.from_base(z, context), theta, rtol=1e-6, atol=1e-6)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(lambda t, i=i: flow.to_base(t, context[i])[0], theta[i])
        torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[i])


def test_density_integrates_to_one():
    flow, _ = network(1)
    grid = torch.linspace(-200, 200, 400_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density = flow.log_prob(grid, torch.zeros(1, 2, dtype=torch.float64)).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1.0, abs=1e-3)
