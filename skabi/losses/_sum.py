"""Losses that are added."""

from types import MethodType

from skabi.losses._base import Loss

_DROP = "drop"


class SumLoss(Loss):
    """The sum of losses, as `+` makes it: `ForwardKL() + SummaryRegularizer()`.

    Weights are those of the recipes themselves. The data sets of a batch are read once, whichever of the losses ask for
    their summaries. Terms go by the names of their classes in lower case, so that searches reach what is in them:
    `loss__summaryregularizer__weight`. A term that is set to "drop" is left out: `loss__summaryregularizer="drop"`.

    Parameters
    ----------
    terms : list of loss recipes
        Those that are sums themselves count as their terms. No class of losses may occur twice. A pair of a name and
        "drop" stands for a term that is left out.

    Examples
    --------
    >>> from skabi.losses import ForwardKL, SummaryRegularizer
    >>> loss = ForwardKL() + SummaryRegularizer()
    >>> loss.set_params(summaryregularizer__weight=2.0)
    ForwardKL() + SummaryRegularizer(weight=2.0)
    >>> loss.set_params(summaryregularizer="drop")
    SumLoss([ForwardKL(), ('summaryregularizer', 'drop')])
    """

    # No BaseEstimator: scikit-learn would print it inside of an estimator as if it were made by its constructor.
    def __init__(self, terms):
        self.terms = terms

    def __repr__(self):
        if isinstance(self.terms, (list, tuple)) and len(self.terms) > 1 and not any(map(_is_dropped, self.terms)):
            return " + ".join(map(repr, self.terms))
        return f"SumLoss({self.terms!r})"

    def check(self):
        """Raise unless all terms are loss recipes, each of another class.

        Raises
        ------
        TypeError
            If one of them is no loss recipe.
        ValueError
            If two of them are of one class, there is none, or all are dropped.
        """
        if not isinstance(self.terms, (list, tuple)):
            raise TypeError(f"terms must be a list of loss recipes; got {self.terms!r}.")
        names = [type(term).__name__ for term in terms_of(self)]
        if not names:
            problem = "all are dropped" if self.terms else "got none"
            raise ValueError(f"a sum of losses has at least one term; {problem}.")
        if len(set(names)) < len(names):
            raise ValueError(
                f"a sum has each class of losses once; got {', '.join(names)}. A recipe has its own weight."
            )

    def get_params(self, deep=True):
        """Return the terms and, as in `forwardkl`, each by its name, and the parameters that it has.

        Parameters
        ----------
        deep : bool, default=True
            Whether terms by name, and their parameters, are among them.

        Returns
        -------
        params : dict
        """
        params = {"terms": self.terms}
        for name, term in self._named_terms().items() if deep else ():
            params[name] = term
            of_term = {} if _is_drop(term) else term.get_params()
            params |= {f"{name}__{key}": value for key, value in of_term.items()}
        return params

    def set_params(self, **params):
        """Set the terms, one of them by its name or, as in `summaryregularizer__weight`, what is in it.

        Parameters
        ----------
        **params : dict
            Names and values; "drop" in place of a term leaves it out until another is set.

        Returns
        -------
        self : SumLoss

        Raises
        ------
        ValueError
            If there is no such parameter, or it is one of a term that is dropped.
        """
        self.terms = params.pop("terms", self.terms)
        named = self._named_terms()
        of_terms: dict[str, dict] = {}
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if name not in named:
                raise ValueError(f"Invalid parameter {key!r} for the loss {self!r}. Terms: {', '.join(named)}.")
            if inner:
                of_terms.setdefault(name, {})[inner] = value
            else:
                named[name] = value
        if not params.keys().isdisjoint(named):
            self.terms = [(name, _DROP) if _is_drop(term) else term for name, term in named.items()]
        for name, values in of_terms.items():
            if _is_drop(named[name]):
                raise ValueError(f"{name!r} is dropped and has no {', '.join(values)}; set the term itself first.")
            named[name].set_params(**values)
        return self

    def _named_terms(self):
        """Return the terms, or "drop", by the names of their classes; none where these do not tell them apart."""
        terms = self.terms if isinstance(self.terms, (list, tuple)) else []
        named = dict(
            term if _is_dropped(term) else (type(term).__name__.lower(), term)
            for term in terms
            if isinstance(term, Loss) or _is_dropped(term)
        )
        return named if len(named) == len(terms) else {}

    @property
    def is_penalty(self):
        """Whether no term has the posterior for its minimum."""
        return all(term.is_penalty for term in terms_of(self))

    @property
    def needs_parameters(self):
        """Whether a term needs the parameters of data sets."""
        return any(term.needs_parameters for term in terms_of(self))

    @property
    def needs_joint_density(self):
        """Whether a term asks for prior and likelihood."""
        return any(term.needs_joint_density for term in terms_of(self))

    @property
    def needs_density(self):
        """Whether a term asks for log densities of draws."""
        return any(term.needs_density for term in terms_of(self))

    @property
    def teaches_likelihood(self):
        """Whether a likelihood may learn from all terms that ask for one."""
        asking = [term for term in terms_of(self) if term.needs_joint_density]
        return bool(asking) and all(term.teaches_likelihood for term in asking)

    @property
    def settles_at(self):
        """Share of the training from which on all terms stay the same."""
        return max(term.settles_at for term in terms_of(self))

    def bind(self, model, generator):
        """Return the sum of the terms, each bound."""
        return SumLoss([term.bind(model, generator) for term in terms_of(self)])

    def proceed(self, share):
        """Let all terms take note that a share of the training is done."""
        for term in terms_of(self):
            term.proceed(share)

    def __call__(self, network, batch):
        """Return the sum of what the losses return, `(n,)`."""
        self.check()
        network = _ReadingOnce(network)
        return sum(term(network, batch) for term in terms_of(self))

    def of_mixture(self, losses):
        """Return the held-out loss of an equal mixture of networks, `(n,)`.

        It is that of the term that is no penalty. A penalty on each network then counts in proportion to the density
        that the network gives to a row.
        """
        terms = terms_of(self)
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


def module_of(network):
    """Return the module of a network that a loss was called with."""
    return network._network if isinstance(network, _ReadingOnce) else network


def terms_of(loss):
    """Return the losses that are added in a loss, a list without sums and without what is dropped."""
    if not isinstance(loss, Loss):
        raise TypeError(f"only loss recipes are added, such as ForwardKL(); got {loss!r}.")
    if not isinstance(loss, SumLoss):
        return [loss]
    return [part for term in loss.terms if not _is_dropped(term) for part in terms_of(term)]


def _is_drop(value):
    return isinstance(value, str) and value == _DROP


def _is_dropped(term):
    """Return whether a term is a pair of a name and "drop"."""
    return isinstance(term, tuple) and len(term) == 2 and isinstance(term[0], str) and _is_drop(term[1])
