"""Autoregressive flow with monotone rational-quadratic splines."""

from skabi._params import check_count, check_real, check_share, check_sizes
from skabi.engines._base import BaseEngine


class AutoregressiveSplineFlow(BaseEngine):
    """Autoregressive flow with monotone rational-quadratic splines [1]_ [2]_.

    A perceptron with residual blocks reads the context. After the location and scale that it gives come layers that
    move every parameter by a spline whose knots depend on the parameters before it and on what was read; the order is
    random, and turns round from layer to layer. A layer is richer than one of `SplineFlow`. The density costs one pass.
    Draws cost as many multiplications, in `n_parameters` steps a layer one after the other.

    Parameters
    ----------
    n_transforms : int, default=3
        Number of autoregressive layers.
    n_bins : int, default=8
        Bins of each spline.
    bound : float, default=5.0
        Splines act between minus and plus `bound`, in standard deviations; outside they are the identity.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Widths of the perceptrons of the layers, at least one, none below the number of parameters.
    n_blocks : int, default=3
        Residual blocks [3]_ of the perceptron that reads the summaries; 0 leaves two plain layers.
    block_width : int, default=128
        Width of those blocks. What they read reaches the layers as `hidden_layer_sizes[-1]` numbers.
    dropout : float, default=0.2
        Share of the numbers within those blocks that training leaves out at first, from 0 to below 1. It falls to zero
        until the end: against learning few simulations by heart.

    References
    ----------
    .. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
    .. [2] G. Papamakarios, T. Pavlakou, I. Murray (2017). Masked autoregressive flow for density estimation.
       arXiv 1705.07057.
    .. [3] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import AutoregressiveSplineFlow
    >>> network = AutoregressiveSplineFlow(n_transforms=2, hidden_layer_sizes=(8,)).build(3, 2)
    >>> network.log_prob(torch.zeros(4, 3), torch.zeros(4, 2)).shape
    torch.Size([4])
    """

    def __init__(
        self,
        n_transforms=3,
        *,
        n_bins=8,
        bound=5.0,
        hidden_layer_sizes=(128, 128),
        n_blocks=3,
        block_width=128,
        dropout=0.2,
    ):
        self.n_transforms = n_transforms
        self.n_bins = n_bins
        self.bound = bound
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_blocks = n_blocks
        self.block_width = block_width
        self.dropout = dropout

    def build(self, n_parameters, n_context):
        """Return an untrained `AutoregressiveSplineStack` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._autoregressive import AutoregressiveSplineStack

        sizes = check_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        if min(sizes) < n_parameters:
            # A hidden unit sees the parameters before one of them: with fewer units some dependences would be lost.
            raise ValueError(
                f"Every entry of hidden_layer_sizes must be at least the number of parameters, {n_parameters}; "
                f"got {self.hidden_layer_sizes!r}."
            )
        return AutoregressiveSplineStack(
            n_parameters,
            n_context,
            n_transforms=check_count(self.n_transforms, "n_transforms"),
            n_bins=check_count(self.n_bins, "n_bins", minimum=2),
            bound=check_real(self.bound, "bound", low=0.0),
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            block_width=check_count(self.block_width, "block_width"),
            dropout=check_share(self.dropout, "dropout"),
            hidden_layer_sizes=sizes,
        )
