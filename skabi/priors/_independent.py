"""Parameters that are independent before the data."""

from typing import Any

from skabi.priors._base import BasePrior, check_names, describe, entry_size
from skabi.priors._bijections import bijection_of


class IndependentPrior(BasePrior):
    """Independent named parameters, each with a frozen continuous `scipy.stats` distribution.

    Parameters
    ----------
    distributions : dict of str to frozen distribution
        The same objects that `RandomizedSearchCV` takes. A distribution whose parameters are vectors of length k, or a
        frozen `multivariate_normal`, is a vector entry: it gives the columns `name[0]`..`name[k-1]` and reaches
        `simulate` whole. Where the units of its columns are so far apart that scipy takes the covariance for singular,
        make it with `allow_singular=True`: what is singular indeed is refused here.

    Attributes
    ----------
    parameter_names : list of str
        Names of the columns.
    n_parameters : int
        Number of columns.
    support : ndarray of shape (n_parameters, 2)
        Lower and upper ends of the support.

    Raises
    ------
    TypeError
        If a distribution is not frozen, is discrete, or has no density.
    ValueError
        If a name cannot be an argument of `simulate`.

    See Also
    --------
    ChainedPrior : Parameters whose distribution depends on earlier ones.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior
    >>> prior = IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), 1.0)})
    >>> prior.parameter_names
    ['rate', 'effect[0]', 'effect[1]']
    >>> y = prior.sample(3, random_state=0)
    >>> y.shape
    (3, 3)
    >>> prior.log_prob([[-1.0, 0.0, 0.0]])
    array([-inf])
    """

    def __init__(self, distributions: dict[str, Any]):
        check_names(distributions)
        for name, distribution in distributions.items():
            bijection_of(distribution, name=name)
        self.distributions = dict(distributions)
        self._set_entries({name: entry_size(d, name=name) for name, d in distributions.items()})

    def __repr__(self):
        inside = ", ".join(f"{name!r}: {describe(d)}" for name, d in self.distributions.items())
        return f"IndependentPrior({{{inside}}})"

    def _distribution(self, name, earlier):
        return self.distributions[name]
