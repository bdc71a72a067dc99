"""What is believed of a group before its data: a prior that depends on hyper-parameters and on what is known of it."""

import numpy as np

from skabi._arguments import named_arguments, needed_arguments
from skabi.exceptions import ShapeError
from skabi.priors._base import BasePrior, check_names, describe, draw_entry, entry_size
from skabi.priors._bijections import bijection_of

# Numbers of rows with which the functions are tried: two, so that a fixed length is not taken for one of them.
_N_TRIED = 7, 11


class GroupPrior:
    """Named parameters of a group, given hyper-parameters and covariates.

    Parameters
    ----------
    distributions : dict of str to frozen distribution or function
        As those of `ChainedPrior`: a function takes by name what it asks for, hyper-parameters, covariates of the group
        or earlier parameters of it, n values of each. Arguments with defaults may be of its own.
    draw_given : callable
        `draw_given(n)` returns n rows of hyper-parameters and covariates, a dict of name to array, to try them with.
    """

    def __init__(self, distributions, draw_given):
        check_names(distributions)
        self.distributions = dict(distributions)
        self._arguments = {
            name: named_arguments(each) if callable(each) and not hasattr(each, "rvs") else None
            for name, each in distributions.items()
        }
        sizes, others = (self._try(n, draw_given(n)) for n in _N_TRIED)
        if sizes != others:
            raise ShapeError(
                f"lengths of group parameters must not depend on the number of rows; got {sizes}, {others}."
            )
        self._sizes = sizes

    def __repr__(self):
        inside = ", ".join(f"{name!r}: {describe(each)}" for name, each in self.distributions.items())
        return f"GroupPrior({{{inside}}})"

    @property
    def parameter_names(self):
        """Names of the columns; a vector entry `theta` gives `theta[0]`, `theta[1]`, ..."""
        return self.given({}).parameter_names

    @property
    def entry_names(self):
        """Names by which `simulate` receives the parameters."""
        return list(self._sizes)

    def given(self, known):
        """Return the prior of as many groups as `known`, a dict of name to array `(n, ...)`, has rows."""
        return _Given(self, known)

    def distribution(self, name, known):
        """Return the frozen distribution of an entry given a dict of all that comes before it."""
        arguments = self._arguments[name]
        if arguments is None:
            return self.distributions[name]
        return self.distributions[name](**{argument: known[argument] for argument in arguments if argument in known})

    def _try(self, n, known):
        """Return the sizes of the entries as `n` values of what they depend on give them."""
        sizes, known = {}, dict(known)
        for name, arguments in self._arguments.items():
            if name in known:
                raise ValueError(f"{name!r} is both a parameter of groups and a hyper-parameter or covariate.")
            needed = [] if arguments is None else needed_arguments(self.distributions[name])
            unknown = [argument for argument in needed if argument not in known]
            if unknown:
                raise TypeError(f"the function of {name!r} asks for {', '.join(unknown)}; there is {list(known)}.")
            bijection = bijection_of(self.distribution(name, known), name=name)
            sizes[name] = entry_size(bijection.distribution, name=name, n_rows=None if arguments is None else n)
            known[name] = draw_entry(bijection, sizes[name], n, np.random.default_rng(0))
        return sizes


class _Given(BasePrior):
    """The prior of some groups, one a row: its methods take and return as many rows."""

    def __init__(self, prior, known):
        self._prior, self._known = prior, known
        self._set_entries(prior._sizes)

    def _distribution(self, name, earlier):
        return self._prior.distribution(name, self._known | earlier)

    def _probe(self):
        """Look for no support, which depends on the rows."""
