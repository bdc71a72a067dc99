"""Statistics that a user knows to matter, beside learned ones."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import clone

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.summaries._base import BaseSummary, check_source_recipe
from skabi.summaries._fusion import FusionSummary
from skabi.summaries._identity import IdentitySummary

_DATA, _STATISTICS = "data", "statistics"


class ExpertSummary(BaseSummary):
    """Statistics of your own beside learned summaries.

    The statistics are a source beside the data, fused as in `FusionSummary`; they count as summaries that are not
    learned.

    Parameters
    ----------
    statistics : callable
        Takes X as `fit` and `sample` get it, `n_datasets` data sets, and returns `(n_datasets, n_statistics)`. A
        function at the top level of a module can be pickled with the estimator.
    summary : summary recipe, optional
        What is learned of the data themselves; by default chosen by their shape. A `FusionSummary` where X has several
        sources; its `fusion` then includes the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi import AmortizedPosterior
    >>> from skabi.summaries import ExpertSummary, SetSummary
    >>> def extremes(X):
    ...     return np.concatenate([X.min(axis=1), X.max(axis=1)], axis=1)
    >>> posterior = AmortizedPosterior(summary=ExpertSummary(extremes, SetSummary(width=16)))
    """

    def __init__(self, statistics, summary=None):
        self.statistics = statistics
        self.summary = summary

    def build(self, shape, n_parameters):
        """Return a network for sources of `shape`, a dict of str to tuple of int, that `expand` makes."""
        return self._fusion()._fuse(self.source_summaries(shape), shape, n_parameters)

    def source_summaries(self, shape):
        """Return the recipe of each source of `shape`, a dict of str to tuple of int, that `expand` makes."""
        if _STATISTICS not in shape:
            raise ShapeError(
                f"{type(self).__name__} needs the number of statistics beside the shape of the data, as in "
                f"{{{_DATA!r}: (30, 2), {_STATISTICS!r}: (4,)}}; got {shape}."
            )
        data = {name: part for name, part in shape.items() if name != _STATISTICS}
        return self._data_summaries(data) | {_STATISTICS: IdentitySummary()}

    def _fusion(self):
        return self.summary if isinstance(self.summary, FusionSummary) else FusionSummary()

    def _data_summaries(self, shape):
        """Return the recipes of all sources but the statistics."""
        if self.summary is None or isinstance(self.summary, FusionSummary):
            return self._fusion().source_summaries(shape)
        name, *others = shape
        check_source_recipe(self.summary, shape[name], "summary")
        if others:
            raise TypeError(f"for X with several sources summary must be a FusionSummary; got {self.summary!r}.")
        return {name: clone(self.summary)}

    def check_sources(self, shape):
        """Raise if there are no statistics, since `expand` did not see X: the recipe stands within another one."""
        if not isinstance(shape, dict):
            raise ShapeError(
                f"{type(self).__name__} takes X as a whole. Put a single one around all other recipes, with a function "
                "that returns all statistics."
            )

    def expand(self, X):
        """Return a dict of the data and their statistics.

        Parameters
        ----------
        X : ndarray, list of ndarray, or mapping of str to these

        Returns
        -------
        sources : dict

        Raises
        ------
        TypeError
            If `statistics` is not callable.
        ShapeError
            If what it returns is not `(n_datasets, n_statistics)`.
        ValueError
            If it returns what is not finite, or X has a source of the name "statistics" already.
        """
        if not callable(self.statistics):
            raise TypeError(f"statistics must be a function of X; got {self.statistics!r}.")
        sources = dict(X) if isinstance(X, Mapping) else {_DATA: X}
        if _STATISTICS in sources:
            raise ValueError(
                f"X must not have a source named {_STATISTICS!r} beside the expert's; give it another name."
            )
        values = as_float_array(self.statistics(X), name="what statistics returned")
        n_datasets = len(next(iter(sources.values())))
        if values.ndim != 2 or len(values) != n_datasets:
            raise ShapeError(
                f"statistics must return (n_datasets, n_statistics) for {n_datasets} data sets; got {values.shape}."
            )
        return sources | {_STATISTICS: values}

    def cost(self, shape, n_parameters):
        """Return what the network takes.

        Parameters
        ----------
        shape : tuple of int, or dict of str to tuple of int
            Of one data set, or of each of its sources. How many statistics there are is then found by trying
            `statistics` on two data sets of uniform random numbers, unless a source "statistics" says it.
        n_parameters : int

        Returns
        -------
        cost : SummaryCost
        """
        return super().cost(shape if _STATISTICS in shape else self._expanded(shape), n_parameters)

    def _expanded(self, shape):
        """Return the shape of what `expand` makes of data sets of `shape`."""
        rng = np.random.default_rng(0)
        parts = shape if isinstance(shape, dict) else {_DATA: shape}
        X = {name: rng.random((2, *part)) for name, part in parts.items()}
        try:
            sources = self.expand(X if isinstance(shape, dict) else X[_DATA])
        except Exception as error:
            error.add_note(
                f"cost tried statistics on random numbers, two data sets of shape {shape}. To do without, say how many "
                f"statistics there are, here 4: cost({parts | {_STATISTICS: (4,)}}, n_parameters)."
            )
            raise
        return {name: values.shape[1:] for name, values in sources.items()}
