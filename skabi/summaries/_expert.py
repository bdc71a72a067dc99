"""Statistics that a user knows to matter, beside learned ones."""

from collections.abc import Mapping

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.summaries._base import BaseSummary
from skabi.summaries._fusion import FusionSummary
from skabi.summaries._identity import IdentitySummary

_DATA, _STATISTICS = "data", "statistics"


class ExpertSummary(BaseSummary):
    """Statistics of your own beside learned summaries.

    Parameters
    ----------
    statistics : callable
        Takes X as `fit` and `sample` get it, `n_datasets` data sets, and returns `(n_datasets, n_statistics)`. A
        function at the top level of a module can be pickled with the estimator.
    summary : summary recipe, optional
        What is learned of the data themselves; by default chosen by their shape.

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
        """Return a network for the sources that `expand` makes."""
        return self._fusion(shape).build(shape, n_parameters)

    def source_summaries(self, shape):
        """Return the recipe of each source of `shape`, a dict of str to tuple of int."""
        return self._fusion(shape).source_summaries(shape)

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

    def _fusion(self, shape):
        if list(shape) == [_DATA, _STATISTICS] and self.summary is not None:
            return FusionSummary({_DATA: self.summary, _STATISTICS: IdentitySummary()})
        fusion = FusionSummary() if self.summary is None else self.summary
        if not isinstance(fusion, FusionSummary):
            raise TypeError(f"for X with several sources summary must be a FusionSummary; got {self.summary!r}.")
        return FusionSummary(
            {**(fusion.summaries or {}), _STATISTICS: IdentitySummary()},
            fusion=fusion.fusion,
            n_summaries=fusion.n_summaries,
            width=fusion.width,
            n_heads=fusion.n_heads,
        )
