"""Parameters whose distribution depends on earlier ones: p(a) p(b | a) p(c | a, b)."""

import inspect

import numpy as np

from skabi.priors._base import BasePrior, check_names, describe, entry_size
from skabi.priors._bijections import bijection_of

# Rows with which the functions are tried; a vector entry of this length is still told apart by its second axis.
_N_TRIED = 7


class ChainedPrior(BasePrior):
    """Named parameters, each given those before it.

    Parameters
    ----------
    distributions : dict of str to frozen distribution or function
        In order. A function takes earlier parameters by name, n values of each (`(n,)`, or `(n, k)` for a vector
        entry), and returns a frozen continuous `scipy.stats` distribution with parameters of shape `(n,)`, or `(n, k)`
        for a vector entry. The support may depend on earlier parameters.

    Raises
    ------
    TypeError
        If a distribution is not frozen, is discrete, has no density, or a function asks for a parameter that does not
        come before it.

    See Also
    --------
    IndependentPrior : Parameters that do not depend on each other.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.priors import ChainedPrior
    >>> prior = ChainedPrior({
    ...     "scale": stats.halfnorm(scale=2.0),
    ...     "effect": lambda scale: stats.norm(np.zeros(8), scale[:, np.newaxis]),
    ... })
    >>> prior.n_parameters
    9
    >>> prior.sample(100, random_state=0).shape
    (100, 9)
    """

    def __init__(self, distributions):
        check_names(distributions)
        self.distributions = dict(distributions)
        self._arguments = {
            name: list(inspect.signature(d).parameters) for name, d in distributions.items() if _is_function(d)
        }
        sizes, earlier = {}, {}
        for name in distributions:
            unknown = [a for a in self._arguments.get(name, []) if a not in earlier]
            if unknown:
                raise TypeError(
                    f"the function of {name!r} asks for {', '.join(unknown)}, but only {list(earlier)} come before it."
                )
            distribution = self._distribution(name, earlier)
            bijection_of(distribution, name=name)
            by_row = name in self._arguments
            sizes[name] = entry_size(distribution, name=name, n_rows=_N_TRIED if by_row else None)
            shape = (_N_TRIED,) if sizes[name] is None else (_N_TRIED, sizes[name])
            rng = np.random.default_rng(0)
            draws = distribution.rvs(size=_N_TRIED if hasattr(distribution, "cov") else shape, random_state=rng)
            earlier[name] = np.reshape(draws, shape)
        self._set_entries(sizes)

    def __repr__(self):
        inside = ", ".join(f"{name!r}: {describe(d)}" for name, d in self.distributions.items())
        return f"ChainedPrior({{{inside}}})"

    def _distribution(self, name, earlier):
        distribution = self.distributions[name]
        if not _is_function(distribution):
            return distribution
        return distribution(**{argument: earlier[argument] for argument in self._arguments[name]})


def _is_function(distribution):
    return callable(distribution) and not hasattr(distribution, "rvs")
