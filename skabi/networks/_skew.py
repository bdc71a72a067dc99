"""The skewing half of the sinh-arcsinh transformation [1]_.

References
----------
.. [1] M. C. Jones, A. Pewsey (2009). Sinh-arcsinh distributions. Biometrika 96(4), 761-780.
"""

import torch
from torch import nn


class Skew(nn.Module):
    """One tail of each column wider and the other narrower, by as much as the context says; none to begin with."""

    def __init__(self, n_parameters, n_context):
        super().__init__()
        self.skewness = nn.Linear(n_context, n_parameters)
        nn.init.zeros_(self.skewness.weight)
        nn.init.zeros_(self.skewness.bias)

    def forward(self, z, context):
        """Return `(z, log |det|)` after the skewing."""
        angle = torch.asinh(z) - self.skewness(context)
        log_derivative = angle.cosh().log() - 0.5 * torch.log1p(z.square())
        return angle.sinh(), log_derivative.sum(-1)

    def inverse(self, z, context):
        """Undo `forward`."""
        return torch.sinh(torch.asinh(z) + self.skewness(context))
