"""Data sets as rows of numbers."""

import math

from torch import nn


class Flatten(nn.Module):
    """All numbers of a data set in one row."""

    def __init__(self, shape):
        super().__init__()
        self.n_summaries = self.n_fixed = self.token_width = math.prod(shape)

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)`."""
        return x.flatten(1)

    def tokens(self, x, mask=None):
        """Return the row as the only token, `(n, 1, n_summaries)`, and the mask."""
        return x.flatten(1)[:, None], mask
