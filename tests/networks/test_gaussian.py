"""The Gaussian network is scipy's multivariate normal, and training finds its maximum likelihood."""

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.networks._gaussian import GaussianNetwork

CONTEXT = torch.tensor([[0.3, -1.2], [1.0, 0.5]], dtype=torch.float64)


@pytest.fixture
def linear_network():
    """Return a network of three parameters with hand-made weights, and its normal at each row of CONTEXT."""
    rng = np.random.default_rng(0)
    weight, bias = 0.5 * rng.standard_normal((9, 2)), 0.5 * rng.standard_normal(9)
    network = GaussianNetwork(3, 2, hidden_layer_sizes=()).double()
    network.load_state_dict(
        {"perceptron.0.weight": torch.tensor(weight), "perceptron.0.bias": torch.tensor(bias), "place": network.place}
    )
    normals = []
    for numbers in CONTEXT.numpy() @ weight.T + bias:
        factor = np.array([[1, 0, 0], [numbers[6], 1, 0], [numbers[7], numbers[8], 1]])
        precision = factor.T @ np.diag(np.exp(-2 * numbers[3:6])) @ factor
        normals.append(stats.multivariate_normal(numbers[:3], np.linalg.inv(precision)))
    return network, normals


def test_the_density_is_scipy_s(linear_network):
    network, normals = linear_network
    theta = np.random.default_rng(1).normal(size=(2, 10, 3))
    with torch.no_grad():
        found = network.log_prob(torch.tensor(theta), CONTEXT[:, None]).numpy()
    np.testing.assert_allclose(found, [normal.logpdf(t) for normal, t in zip(normals, theta, strict=True)], rtol=1e-10)


def test_draws_have_the_mean_and_covariance(linear_network):
    network, normals = linear_network
    n_draws = 20_000
    with torch.no_grad():
        draws = network.sample(CONTEXT, n_draws, torch.Generator().manual_seed(0)).numpy()
    for normal, rows in zip(normals, draws, strict=True):
        variance = normal.cov.diagonal()
        assert (np.abs(rows.mean(0) - normal.mean) < 4.5 * np.sqrt(variance / n_draws)).all()
        # The sampling variance of a covariance of normals is (s_ii s_jj + s_ij^2) / n.
        error = np.sqrt((np.outer(variance, variance) + normal.cov**2) / n_draws)
        assert (np.abs(np.cov(rows.T) - normal.cov) < 4.5 * error).all()


def test_training_a_linear_network_finds_the_least_squares_fit():
    rng = np.random.default_rng(2)
    context = rng.standard_normal((300, 2))
    noise = rng.standard_normal((300, 2)) @ np.array([[0.5, 0.3], [0.0, 0.2]])
    theta = context @ np.array([[1.0, -2.0], [0.5, 0.0]]) + 0.3 + noise

    network = GaussianNetwork(2, 2, hidden_layer_sizes=()).double()
    # The factors do not depend on the context here, which makes the likelihood's maximum known exactly.
    network.perceptron[-1].weight.register_hook(lambda grad: torch.cat([grad[:2], torch.zeros_like(grad[2:])]))
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=300, tolerance_grad=1e-10, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )
    batch = torch.tensor(theta), torch.tensor(context)

    def closure():
        optimizer.zero_grad()
        loss = network.training_loss(*batch).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    design = np.column_stack([context, np.ones(300)])
    coefficients = np.linalg.lstsq(design, theta)[0]
    residuals = theta - design @ coefficients
    best = stats.multivariate_normal([0, 0], residuals.T @ residuals / 300).logpdf(residuals).mean()
    assert -closure().item() == pytest.approx(best, abs=1e-6)
    np.testing.assert_allclose(network.perceptron[-1].weight[:2].detach(), coefficients[:2].T, atol=1e-4)
    np.testing.assert_allclose(network.perceptron[-1].bias[:2].detach(), coefficients[2], atol=1e-4)
