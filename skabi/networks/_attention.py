"""Attention between two sets of tokens, and what it costs to let a set attend to itself."""

import math

import torch
from torch import nn


class Attention(nn.Module):
    """Queries that gather from tokens what concerns them, then think it over [1]_.

    A token of zeros is always there to attend to, so that queries that find no other token stay finite.

    References
    ----------
    .. [1] A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, L. Kaiser, I. Polosukhin (2017).
       Attention is all you need. arXiv 1706.03762.
    """

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.norm_queries, self.norm_tokens, self.norm = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.thought = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, queries, tokens, mask):
        """Return `(n, n_queries, width)`; `mask` `(n, n_tokens)` is true where a token may be attended to, or None."""
        inputs = self.norm_tokens(tokens)
        query = self._split(self.query(self.norm_queries(queries)))
        key, value = self._split(self.key(inputs)), self._split(self.value(inputs))
        scores = query @ key.mT / math.sqrt(key.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
        weights = torch.cat([scores, torch.zeros_like(scores[..., :1])], dim=-1).softmax(dim=-1)[..., :-1]
        gathered = (weights @ value).transpose(-3, -2).flatten(-2)
        states = queries + self.out(gathered)
        return states + self.thought(self.norm(states))

    def _split(self, values):
        """Return `(n, n_heads, n_tokens, width / n_heads)`."""
        return values.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)


class InducedAttention(nn.Module):
    """A set that attends to itself by way of a few learned tokens, at a cost linear in its size [1]_.

    References
    ----------
    .. [1] J. Lee, Y. Lee, J. Kim, A. Kosiorek, S. Choi, Y. Teh (2019). Set transformer: a framework for attention-based
       permutation-invariant neural networks. arXiv 1810.00825.
    """

    def __init__(self, width, n_heads, n_inducing):
        super().__init__()
        self.inducing = nn.Parameter(torch.randn(n_inducing, width))
        self.gather, self.spread = Attention(width, n_heads), Attention(width, n_heads)

    def forward(self, tokens, mask):
        """Return tokens `(n, n_tokens, width)` that know of each other."""
        inducing = self.inducing.expand(len(tokens), *self.inducing.shape)
        return self.spread(tokens, self.gather(inducing, tokens, mask), None)
