"""ArviZ's table of models, from results of cross-validation."""

import warnings
from collections.abc import Mapping

import numpy as np

from skabi._optional import import_optional
from skabi._params import check_count
from skabi.exceptions import ShapeError
from skabi.model_selection._elpd import LARGEST_K


def compare(results, *, dataset: int = 0):
    """Return ArviZ's comparison of models by their expected log predictive density of one data set.

    Parameters
    ----------
    results : dict of str to CrossValElpd or PsisLoo
        By the names of models, for the same data sets.
    dataset : int, default=0
        Data set that models are compared on, counted from 0.

    Returns
    -------
    table : DataFrame
        One row a model, the best first, as `arviz_stats.compare` returns: `rank`, `elpd`, `elpd_diff`, `weight` (of
        stacking), `se`, `dse` and others. The effective number of parameters `p` is not estimated.

    Raises
    ------
    ImportError
        If arviz-stats is not installed; `pip install "skabi[arviz]"` installs it.
    TypeError
        If results are no dict of results.
    ShapeError
        If results are of different numbers of data sets or observations.
    ValueError
        If there are fewer than two models, no such data set, other observations were held out for some models, or one
        of them is impossible under some model, or cannot be left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.model_selection import CrossValElpd, compare
    >>> rng = np.random.default_rng(0)
    >>> def result(loc):
    ...     terms = rng.normal(loc, size=30)
    ...     return CrossValElpd([terms], terms.sum(), np.std(terms) * 30**0.5, np.zeros(1), 30)
    >>> list(compare({"poor": result(-3.0), "good": result(-1.0)}).index)
    ['good', 'poor']
    """
    if not isinstance(results, Mapping) or not all(hasattr(result, "pointwise") for result in results.values()):
        raise TypeError(
            'results must be a dict of what cross_val_elpd or psis_loo return, {"name": result, "other name": result}; '
            f"got {results!r:.200}."
        )
    if len(results) < 2:
        raise ValueError(f"compare needs at least two models; got {list(results)}.")
    dataset = check_count(dataset, "dataset", minimum=0)
    n_data_sets = {len(result.pointwise) for result in results.values()}
    if len(n_data_sets) > 1:
        raise ShapeError(f"all results must be of the same data sets; got {sorted(n_data_sets)} of them.")
    if dataset >= min(n_data_sets):
        raise ValueError(f"dataset must be below {min(n_data_sets)}, counted from 0; got {dataset}.")
    lengths = {len(result.pointwise[dataset]) for result in results.values()}
    if len(lengths) > 1:
        raise ShapeError(f"data set {dataset} must have as many observations for every model; got {sorted(lengths)}.")
    if len({np.isnan(result.pointwise[dataset]).tobytes() for result in results.values()}) > 1:
        raise ValueError(f"the same observations of data set {dataset} must have been held out for every model.")
    for name, result in results.items():
        _check_possible(name, result, dataset)
    arviz_stats = import_optional("arviz_stats", extra="arviz", purpose="compare")
    with warnings.catch_warnings():
        # What pandas is to drop in some later version is arviz-stats' concern.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="arviz_stats")
        return arviz_stats.compare({name: _elpd_data(arviz_stats, r, dataset) for name, r in results.items()})


def _check_possible(name, result, dataset):
    if np.isnan(np.ravel(result.elpd)[dataset]):
        raise ValueError(
            f"the elpd of data set {dataset} under {name!r} is NaN: some observation could not be left out. Compare "
            "results of cross_val_elpd, whose refits are real."
        )
    impossible = np.flatnonzero(np.isinf(result.pointwise[dataset]))
    if impossible.size:
        raise ValueError(
            f"{impossible.size} observations of data set {dataset} have an infinite log predictive density under "
            f"{name!r}, the first is {impossible[0]}. A model under which the data are impossible (-inf) is worse than "
            "any other, by no amount that has a standard error: leave it out, or give it a likelihood with wider "
            "support."
        )


def _elpd_data(arviz_stats, result, dataset):
    """Return one data set's result as ArviZ's `ELPDData`."""
    from xarray import DataArray

    terms = result.pointwise[dataset]
    terms = terms[~np.isnan(terms)]
    pareto_k = getattr(result, "pareto_k", None)
    return arviz_stats.ELPDData(
        kind="loo",
        elpd=float(terms.sum()),
        se=float(np.sqrt(len(terms) * np.var(terms, ddof=1))),
        p=np.nan,
        n_samples=getattr(result, "n_draws", 0),
        n_data_points=len(terms),
        scale="log",
        warning=pareto_k is not None and bool((pareto_k[dataset] > LARGEST_K).any()),
        good_k=LARGEST_K,
        elpd_i=DataArray(terms, dims="observation"),
    )
