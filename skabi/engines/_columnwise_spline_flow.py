"""Splines column by column, a network each."""

from skabi.engines._base import BaseEngine
from skabi.engines._spline_flow import SplineFlow


class ColumnwiseSplineFlow(BaseEngine):
    """Chain rule with a spline flow [1]_ for each column, given those before it.

    A perceptron with residual blocks of its own reads the context and the columns before, and gives location, scale
    and splines of one column. It learns well how one column follows from others, a response from covariates: the
    default for what a likelihood knows of the observations of a set. Density and draws cost one small network a
    column, draws one after the other: for many columns take `SplineFlow`.

    Parameters
    ----------
    n_transforms : int, default=2
        Spline layers of a column.
    n_bins : int, default=8
        Bins of each spline.
    bound : float, default=5.0
        Splines act between minus and plus `bound`, in standard deviations; outside they are the identity.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the perceptrons of the layers, at least one.
    n_blocks : int, default=2
        Residual blocks of the perceptron that reads context and columns; 0 leaves two plain layers.
    block_width : int, default=64
        Width of those blocks.

    References
    ----------
    .. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.

    Examples
    --------
    >>> from skabi.engines import ColumnwiseSplineFlow
    >>> network = ColumnwiseSplineFlow(n_transforms=1, hidden_layer_sizes=(8,)).build(3, 2)
    >>> network.n_parameters
    3
    """

    def __init__(self, n_transforms=2, *, n_bins=8, bound=5.0, hidden_layer_sizes=(64, 64), n_blocks=2, block_width=64):
        self.n_transforms = n_transforms
        self.n_bins = n_bins
        self.bound = bound
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_blocks = n_blocks
        self.block_width = block_width

    def build(self, n_parameters, n_context):
        """Return an untrained `Columnwise` density of `n_parameters` given `n_context` numbers."""
        from skabi.networks._columnwise import Columnwise

        # Without dropout: a column's network sees every observation of a set, and learns none by heart.
        of_one = SplineFlow(**self.get_params(), dropout=0.0)
        return Columnwise([of_one.build(1, i + n_context) for i in range(n_parameters)])
