"""Losses that are added."""

from types import MethodType

from skabi.losses._base import BaseLoss


class SumLoss(BaseLoss):
    """The sum of losses, as `+` makes it: `ForwardKL() + SummaryRegularizer()`.

    Weights are those of the recipes themselves. The data sets of a batch are read once, whichever of the losses ask for
    their summaries. A search reaches hyper-parameters by place: `loss__second__weight`.

    Parameters
    ----------
    first, second : loss recipe
        Either may be a sum itself. No class of losses may occur twice.

    Examples
    --------
    >>> from skabi.losses import ForwardKL, SummaryRegularizer
    >>> loss = ForwardKL() + SummaryRegularizer()
    >>> loss.set_params(second__weight=2.0)
    SumLoss(first=ForwardKL(), second=SummaryRegularizer(weight=2.0))
    """

    def __init__(self, first, second):
        self.first = first
        self.second = second

    @property
    def terms(self):
        """Losses that are added, a list without sums."""
        return [term for loss in (self.first, self.second) for term in _terms_of(loss)]

    def check(self):
        """Raise unless all terms are loss recipes, each of another class.

        Raises
        ------
        TypeError
            If one of them is no loss recipe.
        ValueError
            If two of them are of one class.
        """
        names = [type(term).__name__ for term in self.terms]
        if len(set(names)) < len(names):
            raise ValueError(
                f"a sum has each class of losses once; got {', '.join(names)}. A recipe has its own weight."
            )

    @property
    def is_penalty(self):
        """Whether no term has the posterior for its minimum."""
        return all(term.is_penalty for term in self.terms)

    def __call__(self, network, batch):
        """Return the sum of what the losses return, `(n,)`."""
        self.check()
        network = _ReadingOnce(network)
        return sum(term(network, batch) for term in self.terms)

    def of_mixture(self, losses):
        """Return the held-out loss of an equal mixture of networks, `(n,)`.

        It is that of the term that is no penalty. A penalty on each network then counts in proportion to the density
        that the network gives to a row.
        """
        terms = self.terms
        return next((term for term in terms if not term.is_penalty), terms[0]).of_mixture(losses)


class _ReadingOnce:
    """A network that keeps the summaries of the last data sets it was asked for.

    Its methods are the network's own, but find what is kept.
    """

    def __init__(self, network):
        self._network = network
        self._x = self._context = None

    def context(self, x):
        """Return what the network returns, `(n, n_context)`."""
        if self._x is not x:
            self._x, self._context = x, self._network.context(x)
        return self._context

    def __getattr__(self, name):
        value = getattr(self._network, name)
        is_method = getattr(value, "__self__", None) is self._network and hasattr(value, "__func__")
        return MethodType(value.__func__, self) if is_method else value


def _terms_of(loss):
    if not isinstance(loss, BaseLoss):
        raise TypeError(f"only loss recipes are added, such as ForwardKL(); got {loss!r}.")
    return loss.terms if isinstance(loss, SumLoss) else [loss]
