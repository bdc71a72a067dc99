"""Parameters whose distribution depends on earlier ones: p(a) p(b | a) p(c | a, b)."""

import inspect
from typing import Any

import numpy as np

from skabi.exceptions import ShapeError
from skabi.priors._base import BasePrior, check_names, describe, draw_entry, entry_size
from skabi.priors._bijections import bijection_of

# Numbers of rows with which the functions are tried: two, so that a fixed length is not taken for one of them.
_N_TRIED = 7, 11


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

    def __init__(self, distributions: dict[str, Any]):
        check_names(distributions)
        self.distributions = dict(distributions)
        self._arguments = {
            name: list(inspect.signature(d).parameters) for name, d in distributions.items() if _is_function(d)
        }
        sizes, others = (self._try(n) for n in _N_TRIED)
        for name, size in sizes.items():
            if size != others[name]:
                raise ShapeError(
                    f"the length of {name!r} must not depend on the number of rows; it is {size} for {_N_TRIED[0]} "
                    f"rows and {others[name]} for {_N_TRIED[1]}."
                )
        self._set_entries(sizes)

    def _try(self, n):
        """Return the sizes of the entries as `n` values of each give them."""
        sizes: dict[str, int | None] = {}
        earlier: dict[str, np.ndarray] = {}
        for name in self.distributions:
            unknown = [a for a in self._arguments.get(name, []) if a not in earlier]
            if unknown:
                raise TypeError(
                    f"the function of {name!r} asks for {', '.join(unknown)}, but only {list(earlier)} come before it."
                )
            distribution = self._distribution(name, earlier)
            bijection = bijection_of(distribution, name=name)
            sizes[name] = entry_size(distribution, name=name, n_rows=n if name in self._arguments else None)
            earlier[name] = draw_entry(bijection, sizes[name], n, np.random.default_rng(0))
        return sizes

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
