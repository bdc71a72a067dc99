"""Summaries of several sources of data."""

from sklearn.base import clone

from skabi._params import check_choice, check_count
from skabi.exceptions import ShapeError
from skabi.summaries._base import BaseSummary, n_summaries_or_default, width_or_default
from skabi.summaries._by_shape import summary_by_shape


class FusionSummary(BaseSummary):
    """Summaries of several sources of data, such as reaction times and a neural signal [1]_.

    The default for X that is a `skorch.helper.SliceDict` (or a dict) of arrays.

    - Late fusion: each source has a summary network of its own, and the posterior sees all their summaries.
    - Early fusion: what the networks make of the parts of each source attends to that of all other sources
      (cross-attention), and is pooled into one set of summaries. For sources that must be read together.
    - Hybrid fusion: both, side by side.

    A source that is not there (see `missing` of the estimator) has learned summaries of its own and a mark.

    Late fusion costs what its sources cost; early and hybrid fusion take the product of their lengths on top. See
    `cost`.

    Parameters
    ----------
    summaries : dict of str to summary recipe, optional
        Recipes of some or all sources; the others are chosen by shape. A series needs `SeriesSummary()`.
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
    42
    """

    def __init__(self, summaries=None, *, fusion="late", n_summaries=None, width=None, n_heads=4):
        self.summaries = summaries
        self.fusion = fusion
        self.n_summaries = n_summaries
        self.width = width
        self.n_heads = n_heads

    def build(self, shape, n_parameters):
        """Return a network for sources of `shape`, a dict of str to tuple of int."""
        from skabi.networks._fusion import CrossedSources, Fusion

        recipes = self.source_summaries(shape)
        networks = {name: recipes[name].build(shape[name], n_parameters) for name in shape}
        fusion = check_choice(self.fusion, "fusion", ("late", "early", "hybrid"))
        crossing = None
        if fusion != "late":
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
        given = self.summaries or {}
        unknown = [name for name in given if name not in shape]
        if unknown:
            raise ValueError(f"summaries names {unknown}, but X has the sources {list(shape)}.")
        return {name: clone(given[name]) if name in given else summary_by_shape(shape[name]) for name in shape}

    def check_sources(self, shape):
        """Raise if data sets have one source only, of `shape`."""
        if not isinstance(shape, dict):
            raise ShapeError(
                f"{type(self).__name__} needs X with several sources, a SliceDict of name to array; got data sets of "
                f"shape {tuple(shape)}."
            )
