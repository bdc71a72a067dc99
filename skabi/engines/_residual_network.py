"""A residual perceptron inside a free-form engine."""

from sklearn.base import BaseEstimator

from skabi._params import check_count, check_share


class ResidualNetwork(BaseEstimator):
    """Residual perceptron [1]_ of parameters and a time, modulated by what is read of a data set [2]_.

    The default inside `FlowMatching`, `DiffusionModel` and `ConsistencyModel`. What depends on the data set alone is
    computed once for all its draws.

    Parameters
    ----------
    width : int, default=64
        Of all blocks.
    n_blocks : int, default=2
        Residual blocks that see the parameters: draws cost as many, times the steps of a solver.
    n_reading_blocks : int, default=2
        Residual blocks that read the summaries.
    dropout : float, default=0.1
        Share of the numbers within blocks that training leaves out, from 0 to below 1: against learning by heart.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.
    .. [2] E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville (2018). FiLM: visual reasoning with a general
       conditioning layer. arXiv 1709.07871.

    Examples
    --------
    >>> from skabi.engines import FlowMatching, ResidualNetwork
    >>> FlowMatching(ResidualNetwork(128, n_blocks=3))
    FlowMatching(network=ResidualNetwork(n_blocks=3, width=128))
    """

    def __init__(self, width=64, *, n_blocks=2, n_reading_blocks=2, dropout=0.1):
        self.width = width
        self.n_blocks = n_blocks
        self.n_reading_blocks = n_reading_blocks
        self.dropout = dropout

    def build(self, n_parameters, n_context):
        """Return an untrained `ResidualField`.

        Parameters
        ----------
        n_parameters : int
        n_context : int
            Number of summaries and direct conditions.

        Returns
        -------
        network : torch.nn.Module
            `network.read(context)` returns what depends on the data sets alone, of context `(..., n_context)`;
            `network(theta, time, read)` one number a parameter, `(..., n_parameters)`, of times `(...,)` and what was
            read. Leading axes broadcast. This is what any network inside a free-form engine must do.
        """
        from skabi.networks._fields import ResidualField

        return ResidualField(
            n_parameters,
            n_context,
            width=check_count(self.width, "width"),
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            n_reading_blocks=check_count(self.n_reading_blocks, "n_reading_blocks", minimum=0),
            dropout=check_share(self.dropout, "dropout"),
        )
