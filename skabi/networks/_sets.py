"""Sets of exchangeable observations."""

import torch
from torch import nn

from skabi.networks._attention import InducedAttention
from skabi.networks._perceptrons import ResidualBlock, residual_perceptron
from skabi.networks._pooling import associations, extremes, moments, moments_of_rows

# Sets of more features than this have no statistics of pairs, which would be too many.
_MOST_PAIRED = 8


class DeepSet(nn.Module):
    """Moments of what a network makes of each observation: whatever their order, and however many [1]_.

    With attention blocks in between, observations are seen in the light of each other. Statistics that are not learned
    are those of the first `n_described` features, by default of all.

    References
    ----------
    .. [1] M. Zaheer, S. Kottur, S. Ravanbakhsh, B. Poczos, R. Salakhutdinov, A. Smola (2017). Deep sets.
       arXiv 1703.06114.
    """

    def __init__(
        self,
        n_features,
        *,
        width,
        n_blocks,
        n_attention_blocks,
        n_heads,
        n_inducing,
        n_summaries,
        n_described=None,
    ):
        super().__init__()
        self.n_described = n_features if n_described is None else n_described
        self.has_pairs = 0 < self.n_described <= _MOST_PAIRED
        n_pairs = self.n_described * (self.n_described - 1) // 2 if self.has_pairs else 0
        self.n_fixed, self.token_width = 4 * self.n_described + n_pairs, width
        self.log_deviations = slice(self.n_described, 2 * self.n_described)
        self.n_summaries = self.n_fixed + n_summaries
        self.of_one = nn.Sequential(nn.Linear(n_features, width), *[ResidualBlock(width) for _ in range(n_blocks)])
        self.attention = nn.ModuleList(InducedAttention(width, n_heads, n_inducing) for _ in range(n_attention_blocks))
        self.of_all = residual_perceptron(2 * width, 2 * width, 1, n_summaries)

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of sets `(n, n_observations, n_features)`."""
        kept = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        # Padding costs nothing where observations do not meet before they are pooled.
        rows, owners = x[kept], kept.nonzero()[:, 0]
        described = rows[:, : self.n_described]
        fixed = [moments_of_rows(described, owners, len(x)), extremes(described, owners, len(x))]
        if self.has_pairs:
            fixed.append(associations(described, owners, len(x)))
        if mask is None or len(self.attention):
            learned = moments(*self.tokens(x, mask))
        else:
            learned = moments_of_rows(self.of_one(rows), owners, len(x))
        return torch.cat([*fixed, self.of_all(learned)], dim=1)

    def tokens(self, x, mask=None):
        """Return one token an observation, `(n, n_observations, width)`, and the mask."""
        tokens = self.of_one(x)
        for block in self.attention:
            tokens = block(tokens, mask)
        return tokens, mask
