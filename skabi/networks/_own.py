"""A network of the user's own."""

import inspect

import torch
from torch import nn


def is_module_class(value):
    """Return whether `value` is a class of torch modules."""
    return inspect.isclass(value) and issubclass(value, nn.Module)


class OwnModule(nn.Module):
    """A summary network around any module that turns data sets into rows of numbers.

    Parameters
    ----------
    module : module
        Its `forward` may have an argument named `mask`.
    takes_any_length : bool
        Whether that is handed masks `(n, n_observations)`; else it is handed None.
    """

    def __init__(self, module, *, takes_any_length):
        super().__init__()
        self.module = module
        self.takes_any_length = takes_any_length
        mask = inspect.signature(module.forward).parameters.get("mask")
        self.takes_mask = mask is not None and mask.kind in (mask.POSITIONAL_OR_KEYWORD, mask.KEYWORD_ONLY)
        self.n_summaries = self.token_width = 0

    @torch.no_grad()
    def try_on_zeros(self, shape):
        """Return what the module makes of two data sets of zeros, and remember how many summaries that are."""
        modes = {module: module.training for module in self.modules()}
        result = self.eval()(torch.zeros(2, *shape))
        for module, mode in modes.items():
            module.training = mode
        if isinstance(result, torch.Tensor) and result.ndim == 2:
            self.n_summaries = self.token_width = result.shape[1]
        return result

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)`."""
        if not self.takes_mask:
            return self.module(x)
        # Else a mask says no more than whether a data set is there at all.
        return self.module(x, mask=_never_empty(mask) if self.takes_any_length and mask is not None else None)

    def tokens(self, x, mask=None):
        """Return the summaries as the only token, `(n, 1, n_summaries)`, and no mask."""
        return self.forward(x, mask)[:, None], None


def _never_empty(mask):
    """Return `mask` with the first observation of data sets that have none: means over them are not 0 / 0."""
    return mask | nn.functional.pad(~mask.any(dim=1, keepdim=True), (0, mask.shape[1] - 1))
