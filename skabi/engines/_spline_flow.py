"""Coupling flow with monotone rational-quadratic splines."""

from skabi._params import check_count, check_real, check_share, check_sizes
from skabi.engines._base import BaseEngine


class SplineFlow(BaseEngine):
    """Coupling flow with monotone rational-quadratic splines [1]_.

    A perceptron with residual blocks reads the context. After the location and scale that it gives come layers that
    move half of the parameters by splines whose knots depend on the other half and on what was read. Density and draws
    both cost one pass.

    Parameters
    ----------
    n_transforms : int, default=6
        Number of coupling layers.
    n_bins : int, default=10
        Bins of each spline.
    bound : float, default=5.0
        Splines act between minus and plus `bound`, in standard deviations; outside they are the identity.
    skew : bool, default=False
        Whether a skewness given the context [3]_ comes before the splines: for posteriors of which one tail is much
        lighter than the other, such as those of scales with little data.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the perceptrons of the layers, at least one.
    n_blocks : int, default=3
        Residual blocks [2]_ of the perceptron that reads the summaries; 0 leaves two plain layers.
    block_width : int, default=96
        Width of those blocks. What they read reaches the layers as `hidden_layer_sizes[-1]` numbers.
    dropout : float, default=0.2
        Share of the numbers within those blocks that training leaves out at first, from 0 to below 1. It falls to zero
        until the end: against learning few simulations by heart.

    References
    ----------
    .. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
    .. [2] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.
    .. [3] M. C. Jones, A. Pewsey (2009). Sinh-arcsinh distributions. Biometrika 96(4), 761-780.

    Examples
    --------
    >>> from skabi.engines import SplineFlow
    >>> network = SplineFlow(n_transforms=2, hidden_layer_sizes=(8,)).build(3, 2)
    >>> network.n_parameters
    3
    """

    def __init__(
        self,
        n_transforms=6,
        *,
        n_bins=10,
        bound=5.0,
        skew=False,
        hidden_layer_sizes=(64, 64),
        n_blocks=3,
        block_width=96,
        dropout=0.2,
    ):
        self.n_transforms = n_transforms
        self.n_bins = n_bins
        self.bound = bound
        self.skew = skew
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_blocks = n_blocks
        self.block_width = block_width
        self.dropout = dropout

    def build(self, n_parameters, n_context):
        """Return an untrained `SplineCouplingStack` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._coupling import SplineCouplingStack

        return SplineCouplingStack(
            n_parameters,
            n_context,
            n_transforms=check_count(self.n_transforms, "n_transforms"),
            n_bins=check_count(self.n_bins, "n_bins", minimum=2),
            bound=check_real(self.bound, "bound", low=0.0),
            skew=self.skew,
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            block_width=check_count(self.block_width, "block_width"),
            dropout=check_share(self.dropout, "dropout"),
            hidden_layer_sizes=check_sizes(self.hidden_layer_sizes, "hidden_layer_sizes"),
        )
