"""Evidence for each model as the concentration of a Dirichlet distribution."""

from skabi._params import check_count, check_real
from skabi.heads._base import BaseHead


class DirichletEvidence(BaseHead):
    """A Dirichlet distribution of model probabilities: how sure the network is of them [1]_.

    The network gives an evidence for each model, e >= 0, and model probabilities have the distribution
    Dirichlet(1 + e). Its mean is what `predict_proba` returns; its spread is epistemic uncertainty, of which
    `uncertainty` gives one number, `n_models / sum(1 + e)`, 1 where nothing is known.

    Training minimises the expected cross-entropy under the Dirichlet distribution, plus `regularization` times its
    divergence from the uniform one after the evidence of the true model is taken out, so that evidence for wrong models
    is pulled to zero. Both terms pull probabilities away from the posterior's, which is what is paid for the spread:
    `Softmax` is the calibrated head.

    Parameters
    ----------
    regularization : float, default=0.01
        Weight of the divergence.
    n_blocks : int, default=2
        Residual blocks of the perceptron that reads the summaries.
    block_width : int, default=64
        Width of those blocks.

    References
    ----------
    .. [1] S. Radev, M. D'Alessandro, U. Mertens, A. Voss, U. Köthe, P.-C. Bürkner (2021). Amortized Bayesian model
       comparison with evidential deep learning. IEEE Transactions on Neural Networks and Learning Systems.
       arXiv 2004.10629.

    Examples
    --------
    >>> from skabi.heads import DirichletEvidence
    >>> DirichletEvidence(n_blocks=1).build(3, 5).n_models
    3
    """

    def __init__(self, regularization=0.01, *, n_blocks=2, block_width=64):
        self.regularization = regularization
        self.n_blocks = n_blocks
        self.block_width = block_width

    def build(self, n_models, n_context):
        """Return an untrained `DirichletHead` for `n_models` given `n_context` numbers."""
        from skabi.networks._heads import DirichletHead

        return DirichletHead(
            n_models,
            n_context,
            regularization=check_real(self.regularization, "regularization", low=0.0),
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            block_width=check_count(self.block_width, "block_width"),
        )
