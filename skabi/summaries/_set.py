"""Summaries of sets of exchangeable observations."""

from skabi._params import check_count
from skabi._shapes import check_axes
from skabi.summaries._base import BaseSummary, n_summaries_or_default, width_or_default


class SetSummary(BaseSummary):
    """Summaries of observations whose order says nothing: a deep set [1]_ or a set transformer [2]_.

    The default for X of shape `(n_datasets, n_observations, n_features)`, and for lists of arrays of different
    lengths. A network looks at each observation, and the mean and spread of what it finds are the summaries' raw
    material: they depend neither on the order of observations nor on padding. Where lengths differ, the posterior is
    told the number of observations as well.

    Statistics that are not learned come first: the mean of each feature, the logarithm of each one's standard
    deviation, each one's smallest and largest value, then Fisher's z of the correlation of each pair of features, where
    there are at most eight. `n_summaries` learned summaries follow.

    A set summary of a series throws its order away: say `summary=SeriesSummary()` where time matters.

    The cost is linear in the number of observations, with attention blocks, too. See `cost`.

    Parameters
    ----------
    n_summaries : int, optional
        Learned ones; by default four times the number of parameters, at least 8.
    width : int, optional
        Numbers that each observation becomes; by default eight times the number of parameters, from 32 to 128.
    n_blocks : int, default=1
        Residual blocks that look at each observation.
    n_attention_blocks : int, default=0
        Blocks in which observations see each other, for what is not a mean over observations (how they cluster, say).
    n_inducing : int, default=16
        Learned tokens by way of which observations see each other.
    n_heads : int, default=4
        Heads of each attention; a divisor of width.

    References
    ----------
    .. [1] M. Zaheer, S. Kottur, S. Ravanbakhsh, B. Poczos, R. Salakhutdinov, A. Smola (2017). Deep sets.
       arXiv 1703.06114.
    .. [2] J. Lee, Y. Lee, J. Kim, A. Kosiorek, S. Choi, Y. Teh (2019). Set transformer: a framework for attention-based
       permutation-invariant neural networks. arXiv 1810.00825.

    Examples
    --------
    >>> from skabi.summaries import SetSummary
    >>> SetSummary().cost((100, 2), n_parameters=3)
    SummaryCost(n_weights=15468, n_multiplications=224256)
    """

    takes_any_length = True
    observations = "exchangeable"

    def __init__(self, n_summaries=None, *, width=None, n_blocks=1, n_attention_blocks=0, n_inducing=16, n_heads=4):
        self.n_summaries = n_summaries
        self.width = width
        self.n_blocks = n_blocks
        self.n_attention_blocks = n_attention_blocks
        self.n_inducing = n_inducing
        self.n_heads = n_heads

    def build(self, shape, n_parameters):
        """Return a network for sets of `shape` `(n_observations, n_features)`."""
        return self.build_described(shape, n_parameters, n_described=shape[-1] if shape else None)

    def build_described(self, shape, n_parameters, *, n_described):
        """Return a network whose statistics that are not learned are those of the first `n_described` features."""
        from skabi.networks._sets import DeepSet

        check_axes(shape, ("n_observations", "n_features"), type(self).__name__)
        n_heads = check_count(self.n_heads, "n_heads")
        return DeepSet(
            shape[-1],
            width=width_or_default(self.width, n_parameters, n_heads=n_heads),
            n_blocks=check_count(self.n_blocks, "n_blocks", minimum=0),
            n_attention_blocks=check_count(self.n_attention_blocks, "n_attention_blocks", minimum=0),
            n_heads=n_heads,
            n_inducing=check_count(self.n_inducing, "n_inducing"),
            n_summaries=n_summaries_or_default(self.n_summaries, n_parameters),
            n_described=n_described,
        )

    def n_feature_axes(self, shape):
        """Return 1: observations share the scales of their features."""
        return 1
