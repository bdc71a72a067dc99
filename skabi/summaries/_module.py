"""A user's own network as a summary."""

import inspect

from skabi.exceptions import ShapeError
from skabi.summaries._base import BaseSummary


class ModuleSummary(BaseSummary):
    """Summaries from a torch module class of your own.

    The class is called with `parameters`, and with whichever of `shape` (of one data set) and `n_parameters` its
    constructor names. A network of it takes data sets `(n, *shape)` and returns `(n, n_summaries)`, all of them
    learned.

    If its `forward` has an argument named `mask`, it is handed one by that name: with `takes_any_length=True` either
    `(n, n_observations)`, true where an observation is there, or None if all are; else always None. What is not there
    comes as zeros, and in a data set without any observation the first one, of zeros, counts as there. A source that is
    not there comes as zeros, too.

    Parameters
    ----------
    module_class : subclass of torch.nn.Module
    parameters : dict of str to object, optional
        Arguments of the class.
    takes_any_length : bool, default=False
        Whether networks take any number of observations, along the first axis of a data set. Shorter data sets are
        padded, so that `forward` must take a `mask`, and must not let what is beyond it change anything.

    Examples
    --------
    >>> from torch import nn
    >>> from skabi.summaries import ModuleSummary
    >>> summary = ModuleSummary(nn.Linear, {"in_features": 10, "out_features": 3})
    >>> summary.build((10,), n_parameters=1).n_summaries
    3
    """

    def __init__(self, module_class, parameters=None, *, takes_any_length=False):
        self.module_class = module_class
        self.parameters = parameters
        self.takes_any_length = takes_any_length

    def build(self, shape, n_parameters):
        """Return a network of the class for data sets of `shape`."""
        from skabi.networks._own import OwnModule, is_module_class

        if not is_module_class(self.module_class):
            raise TypeError(
                f"module_class must be a subclass of torch.nn.Module, the class and not a network; got "
                f"{self.module_class!r}."
            )
        known = {"shape": shape, "n_parameters": n_parameters}
        named = inspect.signature(self.module_class).parameters
        arguments = {name: value for name, value in known.items() if name in named} | dict(self.parameters or {})
        network = OwnModule(self.module_class(**arguments), takes_any_length=self.takes_any_length)
        result = self._try(network, shape)
        found = tuple(getattr(result, "shape", ())) or type(result).__name__
        if len(found) != 2 or found[0] != 2:
            raise ShapeError(
                f"a summary network must return (n, n_summaries); {self.module_class.__name__} returned {found} for 2 "
                f"data sets of shape {tuple(shape)}."
            )
        return network

    def _try(self, network, shape):
        """Return what the network makes of zeros."""
        name = self.module_class.__name__
        if self.takes_any_length and not network.takes_mask:
            raise TypeError(
                f"with takes_any_length=True forward of {name} must have an argument named mask: shorter data sets are "
                "padded with zeros, and the mask (n, n_observations) is true where an observation is there."
            )
        try:
            return network.try_on_zeros(shape)
        except (IndexError, RuntimeError, ValueError) as error:
            raise ShapeError(
                f"{name} failed on zeros of shape {(2, *shape)}, two data sets. Does it take data sets of shape "
                f"{tuple(shape)}? It raised: {error}"
            ) from error

    def n_feature_axes(self, shape):
        """Return 1 if lengths may differ, else the number of axes."""
        return 1 if self.takes_any_length else len(shape)
