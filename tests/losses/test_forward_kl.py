import torch
from torch import nn

from skabi.engines import Gaussian
from skabi.losses import Batch, ForwardKL
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import IdentitySummary


def test_the_loss_is_minus_the_log_density():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SummarizedDensity(IdentitySummary().build((3,), 2), Gaussian((8,)).build(2, 3))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=generator)
    x, theta = torch.randn(6, 3, generator=generator), torch.randn(6, 2, generator=generator)
    loss = ForwardKL()(network, Batch(x=x, theta=theta))
    assert loss.shape == (6,)
    torch.testing.assert_close(loss, -network.density.log_prob(theta, x), rtol=0, atol=0)
    assert not torch.isclose(loss, -network.density.log_prob(theta, 1 + x)).any()


def test_an_engine_s_own_loss_takes_its_place():
    class FlowMatching(nn.Module):
        def training_loss(self, theta, x):
            return theta.sum(-1) + x.sum(-1)

    batch = Batch(x=torch.ones(4, 3), theta=torch.ones(4, 2))
    assert ForwardKL()(FlowMatching(), batch).tolist() == [5.0] * 4
