"""A network of the user's own."""

import inspect

import torch
from torch import nn


def is_module_class(value):
    """Return whether `value` is a class of torch modules."""
    return inspect.isclass(value) and issubclass(value, nn.Module)


class OwnModule(nn.Module):
    """A summary network around any module that turns data sets into rows of numbers."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        arguments = inspect.signature(module.forward).parameters.values()
        self.takes_mask = sum(a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD) for a in arguments) > 1
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
        return self.module(x, mask) if self.takes_mask else self.module(x)

    def tokens(self, x, mask=None):
        """Return the summaries as the only token, `(n, 1, n_summaries)`, and no mask."""
        return self.forward(x, mask)[:, None], None
