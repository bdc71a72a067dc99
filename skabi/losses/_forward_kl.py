"""Forward Kullback-Leibler divergence."""

import math

from skabi.losses._base import BaseLoss


class ForwardKL(BaseLoss):
    """Negative log density of the true parameters: neural posterior estimation [1]_, [2]_.

    Its mean over simulations is, up to a constant, the divergence KL(p(theta | X) || q(theta | X)) averaged over data
    sets, so it is smallest where the posterior is exact. An engine with a loss of its own that leads to the posterior
    (flow matching, say) puts that in this place.

    For one observed data set draw simulations from a prior that is narrowed to it, by `skabi.priors.narrowed`: the same
    loss is then averaged over data sets like it [3]_.

    References
    ----------
    .. [1] G. Papamakarios, I. Murray (2016). Fast epsilon-free inference of simulation models with Bayesian conditional
       density estimation. arXiv 1605.06376.
    .. [2] D. Greenberg, M. Nonnenmacher, J. Macke (2019). Automatic posterior transformation for likelihood-free
       inference. arXiv 1905.07488.
    .. [3] M. Deistler, P. Gonçalves, J. Macke (2022). Truncated proposals for scalable and hassle-free simulation-based
       inference. NeurIPS 2022. arXiv 2210.04815.

    Examples
    --------
    >>> from skabi.losses import ForwardKL
    >>> ForwardKL()
    ForwardKL()
    """

    def __call__(self, network, batch):
        """Return `-log q(theta | x)`, or the engine's own loss, `(n,)`."""
        return network.training_loss(batch.theta, batch.x)

    def of_mixture(self, losses):
        """Return minus the log of the networks' mean density, `(n,)`."""
        return math.log(len(losses)) - (-losses).logsumexp(dim=0)
