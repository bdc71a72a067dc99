"""The network of a joint prior: splines that are coupled, then a triangular map, then the support."""

from typing import cast

import torch
from torch import nn

from skabi.networks._coupling import SplineCoupling, _halves

# Beyond, exponentials leave double precision, and logistic functions are one.
_LARGEST_LOG, _LARGEST_LOGIT = 700.0, 30.0


class JointPriorNetwork(nn.Module):
    """A map of independent standard normals to parameters, near independent normals when it is new.

    Parameters
    ----------
    loc, scale : tensor of shape (n_parameters,)
        On the real line, to which supports are mapped.
    support : tensor of shape (n_parameters, 2)
    """

    loc: torch.Tensor
    scale: torch.Tensor
    support: torch.Tensor

    def __init__(self, loc, scale, support, *, n_transforms, n_bins, bound, hidden_layer_sizes):
        super().__init__()
        n = len(loc)
        self.register_buffer("loc", loc)
        self.register_buffer("scale", scale)
        self.register_buffer("support", support)
        sizes = {"n_bins": n_bins, "bound": bound, "hidden_layer_sizes": hidden_layer_sizes}
        self.couplings = nn.ModuleList(
            [SplineCoupling(kept, moved, 1, **sizes) for kept, moved in _halves(n, n_transforms)]
        ).double()
        self.shift = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.log_diagonal = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.below = nn.Parameter(torch.zeros(n, n, dtype=torch.float64))

    def forward(self, z):
        """Return parameters, `(n, n_parameters)`, of standard normals."""
        for coupling in self.couplings:
            z, _ = coupling(z, self._context(z))
        return to_support(self.loc + self.scale * (self.shift + z @ self._triangle().T), self.support)

    def inverse(self, y):
        """Return `(z, log |det dz/dy|)` of parameters inside the support."""
        x, log_det = from_support(y, self.support)
        centred = (x - self.loc) / self.scale - self.shift
        w = torch.linalg.solve_triangular(self._triangle(), centred.T, upper=False).T
        log_det = log_det - self.log_diagonal.sum() - self.scale.log().sum()
        for coupling in reversed(cast("list[SplineCoupling]", self.couplings)):
            w = coupling.inverse(w, self._context(w))
            log_det = log_det - coupling(w, self._context(w))[1]
        return w, log_det

    def _triangle(self):
        return torch.tril(self.below, -1) + torch.diag(self.log_diagonal.exp())

    def _context(self, z):
        # Nothing is given; a constant takes the place of a condition.
        return z.new_zeros(1)


def to_support(x, support):
    """Return real numbers `(n, k)` mapped into their supports, `(k, 2)`."""
    columns = []
    for column, (low, high) in zip(x.unbind(1), support.tolist(), strict=True):
        if low > -torch.inf and high < torch.inf:
            columns.append(low + (high - low) * column.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT).sigmoid())
        elif low > -torch.inf:
            columns.append(low + column.clamp(-_LARGEST_LOG, _LARGEST_LOG).exp())
        elif high < torch.inf:
            columns.append(high - (-column).clamp(-_LARGEST_LOG, _LARGEST_LOG).exp())
        else:
            columns.append(column)
    return torch.stack(columns, dim=1)


def from_support(y, support):
    """Return `(x, log |det dx/dy|)` such that `to_support(x)` is `y`."""
    columns, log_det = [], torch.zeros(len(y), dtype=y.dtype)
    for column, (low, high) in zip(y.unbind(1), support.tolist(), strict=True):
        if low > -torch.inf and high < torch.inf:
            below, above = (column - low).log(), (high - column).log()
            columns.append(below - above)
            log_det = log_det + torch.logaddexp(-below, -above)
        elif low > -torch.inf:
            columns.append((column - low).log())
            log_det = log_det - columns[-1]
        elif high < torch.inf:
            columns.append(-(high - column).log())
            log_det = log_det + columns[-1]
        else:
            columns.append(column)
    return torch.stack(columns, dim=1), log_det
