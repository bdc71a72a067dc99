"""Summaries of groups of observations."""

from skabi._shapes import check_axes
from skabi.summaries._base import BaseSummary, check_source_recipe
from skabi.summaries._set import SetSummary


class NestedSummary(BaseSummary):
    """Summaries of groups of observations, such as the trials of each of many people: a summary of summaries [1]_.

    For X of shape `(n_datasets, n_groups, n_observations, n_features)`, a list of arrays `(n_groups, n_observations,
    n_features)` where sizes differ, or a list of lists of arrays `(n_observations, n_features)` where groups of one
    data set do, too. Lists are nested by default; an array of four axes could be images, so say it there. One network
    looks at each group, another at what it finds: the result depends neither on the order of groups nor, with sets as
    groups, on that of observations in a group. Where they differ, numbers of groups and of observations a group are
    told to what is conditioned on the summaries; `Simulator(..., n_groups=(low, high), n_observations=(low, high))`
    draws them.

    Parameters
    ----------
    inner : summary recipe, optional
        Of one group; by default `SetSummary()`. With `SeriesSummary()` groups are series.
    outer : SetSummary, optional
        Of the summaries of all groups; by default `SetSummary()`. Its statistics that are not learned are those of the
        inner ones that are not.

    References
    ----------
    .. [1] L. Elsemüller, M. Schnuerch, P.-C. Bürkner, S. Radev (2023). A deep learning method for comparing Bayesian
       hierarchical models. arXiv 2301.11873.

    Examples
    --------
    >>> from skabi.summaries import NestedSummary
    >>> NestedSummary().cost((20, 30, 1), n_parameters=2)
    SummaryCost(n_weights=30736, n_multiplications=1566260)
    """

    takes_any_length = True
    n_free_axes = 2

    def __init__(self, inner=None, outer=None):
        self.inner = inner
        self.outer = outer

    def build(self, shape, n_parameters):
        """Return a network for groups of `shape` `(n_groups, n_observations, n_features)`."""
        from skabi.networks._nested import NestedSets

        check_axes(shape, ("n_groups", "n_observations", "n_features"), type(self).__name__)
        inner = self._inner(shape).build(shape[1:], n_parameters)
        outer = SetSummary() if self.outer is None else self.outer
        if not isinstance(outer, SetSummary):
            raise TypeError(f"outer must be a SetSummary, since groups have no order; got {outer!r}.")
        outer = outer.build_described(
            (shape[0], inner.n_summaries + 1), n_parameters, n_described=getattr(inner, "n_fixed", 0)
        )
        return NestedSets(inner, outer, n_longest=shape[1])

    def n_feature_axes(self, shape):
        """Return how many axes hold features of an observation: groups share their scales."""
        return self._inner(shape).n_feature_axes(shape[1:])

    def _inner(self, shape):
        recipe = SetSummary() if self.inner is None else self.inner
        check_source_recipe(recipe, shape[1:], "inner")
        if not recipe.takes_any_length or recipe.n_free_axes != 1:
            raise TypeError(f"inner must be a recipe for groups of any size, such as SetSummary(); got {recipe!r}.")
        return recipe
