"""Softmax of a residual perceptron."""

from skabi._params import check_count
from skabi.heads._base import BaseHead


class Softmax(BaseHead):
    """Probabilities by softmax, trained by cross-entropy [1]_.

    Cross-entropy is strictly proper: its minimum over all functions of a data set is the posterior probability of each
    model, so that a network with room and simulations enough is calibrated.

    Parameters
    ----------
    n_blocks : int, default=2
        Residual blocks of the perceptron that reads the summaries.
    block_width : int, default=64
        Width of those blocks.

    References
    ----------
    .. [1] L. Elsemüller, M. Schnuerch, P.-C. Bürkner, S. Radev (2023). A deep learning method for comparing Bayesian
       hierarchical models. arXiv 2301.11873.

    Examples
    --------
    >>> from skabi.heads import Softmax
    >>> Softmax(n_blocks=1).build(3, 5).n_models
    3
    """

    is_strictly_proper = True

    def __init__(self, n_blocks=2, *, block_width=64):
        self.n_blocks = n_blocks
        self.block_width = block_width

    def build(self, n_models, n_context):
        """Return an untrained `SoftmaxHead` for `n_models` given `n_context` numbers."""
        from skabi.networks._heads import SoftmaxHead

        return SoftmaxHead(
            n_models,
            n_context,
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            block_width=check_count(self.block_width, "block_width"),
        )
