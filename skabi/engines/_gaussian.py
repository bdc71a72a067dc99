"""One multivariate normal given the context."""

from skabi._params import check_sizes
from skabi.engines._base import BaseEngine


class Gaussian(BaseEngine):
    """One multivariate normal, whose mean and covariance depend on the context [1]_.

    A perceptron gives the mean and the modified Cholesky factors of the precision [2]_. The posterior is normal on the
    real line, that is, before the prior's bijection carries it back to the parameters: it has one mode there, and no
    skewness but what the bijection gives it. The cheapest engine; good for tests and as a baseline.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the perceptron. With `()` the mean, the log residual standard deviations and the regression
        coefficients of each parameter on those before it are linear in the context.

    References
    ----------
    .. [1] G. Papamakarios, I. Murray (2016). Fast ε-free inference of simulation models with Bayesian conditional
       density estimation. arXiv 1605.06376.
    .. [2] M. Pourahmadi (1999). Joint mean-covariance models with applications to longitudinal data: unconstrained
       parameterisation. Biometrika 86(3), 677-690.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import Gaussian
    >>> network = Gaussian(hidden_layer_sizes=(8,)).build(3, 2)
    >>> network.sample(torch.zeros(4, 2), 5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(self, hidden_layer_sizes=(64, 64)):
        self.hidden_layer_sizes = hidden_layer_sizes

    def build(self, n_parameters, n_context):
        """Return an untrained `GaussianNetwork` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._gaussian import GaussianNetwork

        sizes = check_sizes(self.hidden_layer_sizes, "hidden_layer_sizes", allow_empty=True)
        return GaussianNetwork(n_parameters, n_context, hidden_layer_sizes=sizes)
