"""Several sources of data, fused into one set of summaries [1]_.

References
----------
.. [1] M. Schmitt, L. Odole, S. Radev, P. Buerkner (2023). Fuse it or lose it: deep fusion for multimodal
   simulation-based inference. arXiv 2311.10671.
"""

import torch
from torch import nn

from skabi.networks._attention import Attention
from skabi.networks._perceptrons import residual_perceptron
from skabi.networks._pooling import moments


class Fusion(nn.Module):
    """Summaries of several sources: late, early, or both side by side.

    Parameters
    ----------
    networks : dict of str to module
        The summary network of each source.
    late : bool
        Whether the summaries of each source are among those of all.
    crossing : CrossedSources, optional
        What early fusion makes of the sources' tokens.
    """

    def __init__(self, networks, *, late, crossing=None):
        super().__init__()
        self.names = list(networks)
        self.networks = nn.ModuleList(networks.values())
        self.absent = nn.ParameterList(torch.zeros(net.n_summaries) for net in self.networks if late)
        self.n_fixed_of_each = [getattr(net, "n_fixed", 0) for net in self.networks if late]
        self.n_fixed = sum(self.n_fixed_of_each)
        self.crossing = crossing
        self.n_summaries = sum(len(absent) + 1 for absent in self.absent)
        self.n_summaries += 0 if crossing is None else crossing.n_summaries

    def forward(self, x, mask):
        """Return `(n, n_summaries)` of a dict of sources and one of masks or None; what is not learned comes first."""
        mask = mask or dict.fromkeys(self.names)
        sources = [(network, x[name], mask[name]) for name, network in zip(self.names, self.networks, strict=True)]
        fixed, learned = [], []
        # One source each, or none at all in early fusion.
        for absent, n_fixed, source in zip(self.absent, self.n_fixed_of_each, sources, strict=False):
            summaries = _summaries_or(absent, *source)
            fixed.append(summaries[:, :n_fixed])
            learned.append(summaries[:, n_fixed:])
        if self.crossing is not None:
            learned.append(self.crossing([_tokens(*source) for source in sources]))
        return torch.cat(fixed + learned, dim=1)


class CrossedSources(nn.Module):
    """Tokens of each source that attend to those of all others, pooled source by source."""

    def __init__(self, token_widths, *, width, n_heads, n_summaries):
        super().__init__()
        self.n_summaries = n_summaries
        self.to_width = nn.ModuleList(nn.Linear(token_width, width) for token_width in token_widths)
        self.kind = nn.Parameter(torch.randn(len(token_widths), width))
        self.attention = nn.ModuleList(Attention(width, n_heads) for _ in token_widths)
        self.of_all = residual_perceptron(2 * width * len(token_widths), 2 * width, 1, n_summaries)

    def forward(self, sources):
        """Return `(n, n_summaries)` of pairs of tokens `(n, n_tokens, token_width)` and mask `(n, n_tokens)`."""
        masks = [mask for _, mask in sources]
        tokens = [
            to_width(own) + kind for (own, _), to_width, kind in zip(sources, self.to_width, self.kind, strict=True)
        ]
        fused = [
            attention(own, _all_but(tokens, i), _all_but(masks, i))
            for i, (own, attention) in enumerate(zip(tokens, self.attention, strict=True))
        ]
        return self.of_all(torch.cat([moments(*source) for source in zip(fused, masks, strict=True)], dim=1))


def _summaries_or(absent, network, x, mask):
    """Return the summaries of a source, learned ones where it is not there, and a mark of which they are."""
    present = _is_present(x, mask)
    summaries = network(x, mask)
    return torch.cat([torch.where(present, summaries, absent), present.to(summaries.dtype)], dim=1)


def _tokens(network, x, mask):
    """Return the tokens of a source and which of them are there."""
    tokens, token_mask = network.tokens(x, mask)
    if token_mask is None or token_mask.ndim == 1:
        token_mask = _is_present(x, mask).expand(tokens.shape[:2])
    return tokens, token_mask


def _is_present(x, mask):
    """Return whether a source has anything in each data set, `(n, 1)`."""
    if mask is None:
        return torch.ones(len(x), 1, dtype=torch.bool, device=x.device)
    return mask.flatten(1).any(dim=1, keepdim=True) if mask.ndim > 1 else mask[:, None]


def _all_but(parts, i):
    rest = [part for j, part in enumerate(parts) if j != i]
    return torch.cat(rest, dim=1) if rest else parts[i][:, :0]
