"""Groups of observations."""

import torch
from torch import nn

from skabi.networks._pooling import pooled_deviations, weighted_moments


class NestedSets(nn.Module):
    """Summaries of the set of groups, of each of which there are summaries: whatever the order of groups [1]_.

    Among the statistics that are not learned are moments over groups by their size, and the standard deviation within
    groups, as in an analysis of variance.

    Parameters
    ----------
    inner : module
        `inner(x, mask)` returns `(n, inner.n_summaries)` of groups. Where it has `log_deviations`, these are the places
        of logarithms of standard deviations among them.
    outer : DeepSet
        Of `inner.n_summaries + 1` features, of which the first `inner.n_fixed` are described: the last is the logarithm
        of the number of observations.
    n_longest : int
        Observations of the largest group, the unit of that number.

    References
    ----------
    .. [1] L. Elsemüller, M. Schnuerch, P.-C. Bürkner, S. Radev (2023). A deep learning method for comparing Bayesian
       hierarchical models. arXiv 2301.11873.
    """

    def __init__(self, inner, outer, *, n_longest):
        super().__init__()
        self.inner, self.outer, self.n_longest = inner, outer, n_longest
        self.log_deviations = getattr(inner, "log_deviations", slice(0))
        self.n_pooled = 2 * outer.n_described + len(range(inner.n_summaries)[self.log_deviations])
        self.n_fixed, self.n_summaries = outer.n_fixed + self.n_pooled, outer.n_summaries + self.n_pooled
        self.token_width = outer.token_width

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of data sets `(n, n_groups, n_observations, ...)`."""
        groups, there = self._groups(x, mask)
        summaries = self.outer(groups, there)
        counts = x.new_ones(x.shape[:2]) if mask is None else mask.sum(dim=2).to(x.dtype)
        pooled = weighted_moments(groups[..., : self.outer.n_described], counts)
        within = pooled_deviations(groups[..., self.log_deviations], counts)
        return torch.cat(
            [summaries[:, : self.outer.n_fixed], pooled, within, summaries[:, self.outer.n_fixed :]], dim=1
        )

    def tokens(self, x, mask=None):
        """Return one token a group, `(n, n_groups, token_width)`, and which groups are there."""
        return self.outer.tokens(*self._groups(x, mask))

    def _groups(self, x, mask):
        """Return `(n, n_groups, inner.n_summaries + 1)`, and which groups are there or None."""
        if mask is None:
            counts = x.new_full((x.shape[0] * x.shape[1],), x.shape[2])
            return self._described(self.inner(x.flatten(0, 1), None), counts).unflatten(0, x.shape[:2]), None
        there = mask.any(dim=2)
        groups = self._described(self.inner(x[there], mask[there]), mask[there].sum(dim=1).to(x.dtype))
        places = there.flatten().nonzero()[:, 0]
        each = x.new_zeros(there.numel(), groups.shape[-1]).index_add(0, places, groups)
        return each.unflatten(0, there.shape), there

    def _described(self, summaries, counts):
        return torch.cat([summaries, (counts / self.n_longest).log()[:, None]], dim=-1)
