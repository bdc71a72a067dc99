"""Summaries of several sources of data."""

from collections.abc import Mapping

from sklearn.base import clone

from skabi._params import check_choice, check_count
from skabi.exceptions import ShapeError
from skabi.summaries._base import BaseSummary, check_source_recipe, n_summaries_or_default, width_or_default
from skabi.summaries._by_shape import summary_by_shape


class FusionSummary(BaseSummary):
    """Summaries of several sources of data, such as reaction times and a neural signal [1]_.

    The default for X that is a `skorch.helper.SliceDict` (or a dict) of arrays.

    - Late fusion: each source has a summary network of its own, and the posterior sees all their summaries and, for
      each source, a mark, 1 where it is there and 0 where it is not.
    - Early fusion: what the networks make of the parts of each source attends to that of all other sources
      (cross-attention), and is pooled into one set of summaries. For sources that must be read together.
    - Hybrid fusion: both, side by side.

    Summaries that are not learned, such as moments of the data, come first, source by source; then learned ones and the
    mark, source by source; those of early fusion last. In late and hybrid fusion a source that is not there (see
    `missing` of the estimator) has learned summaries in place of its own.

    Late fusion costs what its sources cost; early and hybrid fusion take the product of their lengths on top. See
    `cost`.

    Parameters
    ----------
    summaries : dict of str to summary recipe, optional
        Recipes of some or all sources; the others are chosen by shape. A series needs `SeriesSummary()`. Searches reach
        into them by name: `summary__signal__width` is the width of the recipe of "signal".
    fusion : {"late", "early", "hybrid"}, default="late"
    n_summaries : int, optional
        Of early fusion; by default four times the number of parameters, at least 8.
    width : int, optional
        Of the cross-attention; by default eight times the number of parameters, from 32 to 128.
    n_heads : int, default=4
        Heads of each attention; a divisor of width.

    References
    ----------
    .. [1] M. Schmitt, L. Odole, S. Radev, P. Buerkner (2023). Fuse it or lose it: deep fusion for multimodal
       simulation-based inference. arXiv 2311.10671.

    Examples
    --------
    >>> from skabi.summaries import FusionSummary, SeriesSummary
    >>> summary = FusionSummary({"signal": SeriesSummary()}, fusion="hybrid")
    >>> summary.build({"signal": (100, 1), "answers": (30, 2)}, n_parameters=3).n_summaries
    66
    """

    def __init__(self, summaries=None, *, fusion="late", n_summaries=None, width=None, n_heads=4):
        self.summaries = summaries
        self.fusion = fusion
        self.n_summaries = n_summaries
        self.width = width
        self.n_heads = n_heads

    def build(self, shape, n_parameters):
        """Return a network for sources of `shape`, a dict of str to tuple of int."""
        return self._fuse(self.source_summaries(shape), shape, n_parameters)

    def _fuse(self, recipes, shape, n_parameters):
        """Return a network for sources of `shape` with recipes of any name."""
        from skabi.networks._fusion import CrossedSources, Fusion

        networks = {name: recipes[name].build(shape[name], n_parameters) for name in shape}
        fusion = check_choice(self.fusion, "fusion", ("late", "early", "hybrid"))
        crossing = None
        if fusion != "late":
            _check_tokens(networks, fusion)
            n_heads = check_count(self.n_heads, "n_heads")
            crossing = CrossedSources(
                [network.token_width for network in networks.values()],
                width=width_or_default(self.width, n_parameters, n_heads=n_heads),
                n_heads=n_heads,
                n_summaries=n_summaries_or_default(self.n_summaries, n_parameters),
            )
        return Fusion(networks, late=fusion != "early", crossing=crossing)

    def source_summaries(self, shape):
        """Return the recipe of each source of `shape`, a dict of str to tuple of int."""
        self.check_sources(shape)
        given = {} if self.summaries is None else self.summaries
        if not isinstance(given, Mapping):
            raise TypeError(f"summaries must be a dict of source name to summary recipe; got {given!r}.")
        unknown = [name for name in given if name not in shape]
        if unknown:
            raise ValueError(f"summaries names {unknown}, but X has the sources {list(shape)}.")
        for name, recipe in given.items():
            if not self._can_be_searched(name):
                raise ValueError(
                    f"the source {name!r} needs another name to have a recipe: a str without '__', and none of "
                    f"{self._get_param_names()}, so that get_params and searches can tell what belongs to it."
                )
            check_source_recipe(recipe, shape[name], f"summaries[{name!r}]")
        return {name: clone(given[name]) if name in given else summary_by_shape(shape[name]) for name in shape}

    def check_sources(self, shape):
        """Raise if data sets have one source only, of `shape`."""
        if not isinstance(shape, dict):
            raise ShapeError(
                f"{type(self).__name__} needs X with several sources, a SliceDict of name to array; got data sets of "
                f"shape {tuple(shape)}."
            )

    def get_params(self, deep=True):
        """Return the parameters of this recipe and, as in `signal__width`, of the recipes of its sources.

        Parameters
        ----------
        deep : bool, default=True
            Whether recipes of sources, and their parameters, are among them.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=deep)
        for name, recipe in self._searched_recipes().items() if deep else ():
            params[name] = recipe
            params |= {f"{name}__{key}": value for key, value in recipe.get_params().items()}
        return params

    def set_params(self, **params):
        """Set parameters of this recipe, recipes of its sources and, as in `signal__width`, parameters of these.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : FusionSummary
        """
        if "summaries" in params:
            self.summaries = params.pop("summaries")
        replaced = {name: params.pop(name) for name in self._searched_recipes() if name in params}
        if replaced:
            self.summaries = {**self.summaries, **replaced}
        return super().set_params(**params)

    def _searched_recipes(self):
        """Return the recipes that have parameters, by source; what else is among them, `build` refuses."""
        given = self.summaries if isinstance(self.summaries, Mapping) else {}
        return {
            name: recipe
            for name, recipe in given.items()
            if self._can_be_searched(name) and isinstance(recipe, BaseSummary)
        }

    def _can_be_searched(self, name):
        return isinstance(name, str) and "__" not in name and name not in self._get_param_names()


def _check_tokens(networks, fusion):
    """Raise unless the network of each source can tell what it makes of the source's parts."""
    for name, network in networks.items():
        lacking = [attribute for attribute in ("tokens", "token_width") if not hasattr(network, attribute)]
        if lacking:
            raise TypeError(
                f"the summary network of source {name!r}, {type(network).__name__}, lacks {' and '.join(lacking)}, "
                f'which fusion="{fusion}" needs; see BaseSummary. Use fusion="late".'
            )
