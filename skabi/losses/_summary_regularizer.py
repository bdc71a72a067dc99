"""Summaries that are standard normal where the simulator is right."""

import math

import torch

from skabi.losses._base import BaseLoss
from skabi.losses._draws import check_weight

# Bousmalis et al. (2016): squared widths of Gaussian kernels.
SQUARED_WIDTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 5, 10, 15, 20, 25, 30, 35, 100, 1e3, 1e4, 1e5, 1e6)
# Pairs of a batch are those within blocks of so many rows, so that time grows with their number and not its square.
_BLOCK = 128


class SummaryRegularizer(BaseLoss):
    """Squared distance of learned summaries from the standard normal distribution, to be added to a loss [1]_.

    Summaries of simulated data sets are drawn to N(0, I), so that those of data sets that the simulator could not have
    made fall elsewhere, where `skabi.misspecification` finds them. The distance is the maximum mean discrepancy (MMD)
    with a sum of 19 Gaussian kernels of squared widths from 1e-6 to 1e6 [2]_. What is expected of a normal variable is
    known for these kernels: with squared width `w` and `d` summaries, `(w / (w + 1)) ** (d / 2) * exp(-|x|**2 / (2 * w
    + 2))` for its kernel with x, and `(w / (w + 2)) ** (d / 2)` for two of them. No normal numbers are drawn, and the
    estimate is unbiased: zero on average where the summaries are normal, and so at times negative. Batches of more than
    128 rows are compared in blocks [3]_.

    Only learned summaries are shaped. Statistics that are not learned (the moments of `SetSummary`, say) and what the
    engine is told directly (numbers of observations) are what they are. Give a network more summaries than
    parameters: as many as parameters are enough for the posterior, and further ones see what else may be wrong.

    Alone it trains no density; add it to a loss that does. `loss_curve_` and `validation_scores_` of an estimator then
    hold the sum, and are no log densities; `score` is. A network may fill its summaries with what it says of the
    parameters alone, in several copies, where nothing else that it makes of the data is of that size: look at the
    covariance of `transform(X)`, and let it see statistics of the data on one scale.

    Parameters
    ----------
    weight : float, default=1.0
        Of the squared MMD, beside a loss in nats; 0 in searches, to compare with.

    References
    ----------
    .. [1] M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2021). Detecting model misspecification in amortized Bayesian
       inference with neural networks. arXiv 2112.08866.
    .. [2] K. Bousmalis, G. Trigeorgis, N. Silberman, D. Krishnan, D. Erhan (2016). Domain separation networks.
       arXiv 1608.06019.
    .. [3] W. Zaremba, A. Gretton, M. Blaschko (2013). B-tests: low variance kernel two-sample tests. arXiv 1307.1954.

    Examples
    --------
    >>> from skabi.losses import ForwardKL, SummaryRegularizer
    >>> ForwardKL() + SummaryRegularizer(0.5)
    ForwardKL() + SummaryRegularizer(weight=0.5)
    """

    def __init__(self, weight=1.0):
        self.weight = weight

    @property
    def is_penalty(self):
        """Return True."""
        return True

    def __call__(self, network, batch):
        """Return `weight` times the squared MMD, the same for all rows of a block, `(n,)`.

        Raises
        ------
        ValueError
            If the network has no learned summaries, or `weight` is negative.
        """
        weight = check_weight(self.weight)
        n_fixed = getattr(network.summary, "n_fixed", 0)
        learned = network.context(batch.x)[:, n_fixed : network.summary.n_summaries]
        if not learned.shape[1]:
            raise ValueError(
                "SummaryRegularizer shapes learned summaries, and here none is learned. Use a summary that learns: "
                "SetSummary(), SeriesSummary() or ModuleSummary(), for example."
            )
        # The same for all rows of a block: a row has no distance of its own.
        blocks = learned.tensor_split(-(-len(learned) // _BLOCK))
        return weight * torch.cat([_squared_mmd(block).expand(len(block)) for block in blocks])


def _squared_mmd(x):
    """Return the unbiased squared MMD of `x` `(n, d)` from N(0, I)."""
    n, d = x.shape
    squares = x.square().sum(dim=1)
    # Unbiased, for no row is compared with itself.
    first, second = torch.triu_indices(n, n, offset=1, device=x.device)
    distances = (x[first] - x[second]).square().sum(dim=1)
    value = x.new_zeros(())
    for w in SQUARED_WIDTHS:
        within = (distances / (-2 * w)).exp().sum() / max(n * (n - 1) / 2, 1)
        with_normal = math.pow(w / (w + 1), d / 2) * (squares / (-2 * (w + 1))).exp().mean()
        value = value + within - 2 * with_normal + math.pow(w / (w + 2), d / 2)
    return value
