"""Posterior draws as a DataFrame, as an ArviZ DataTree, and summarized."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._names import check_parameter_names, vector_columns
from skabi._optional import import_optional
from skabi._shapes import as_float_array, check_draws, check_one_size
from skabi.exceptions import ShapeError

__all__ = ["summarize", "to_datatree", "to_frame"]


def to_frame(draws: ArrayLike, *, parameter_names: Iterable[str] | None = None) -> pd.DataFrame:
    """Return draws as a DataFrame, one row a draw and one column a parameter.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws.
    parameter_names : list of str, optional
        Names of the columns, for example `posterior.parameter_names_`; by default `theta[0]`, `theta[1]`, ...

    Returns
    -------
    frame : DataFrame of shape (n_datasets * n_draws, n_parameters)
        Its index has the levels `dataset` and `draw`, both counted from 0.

    Raises
    ------
    ShapeError
        If draws have another number of dimensions, or the number of names differs from n_parameters.
    ValueError
        If draws are not finite numbers, or names repeat.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.draws import to_frame
    >>> to_frame(np.arange(8.0).reshape(2, 2, 2), parameter_names=["beta", "gamma"])
                  beta  gamma
    dataset draw
    0       0      0.0    1.0
            1      2.0    3.0
    1       0      4.0    5.0
            1      6.0    7.0
    """
    draws = check_draws(draws)
    n_datasets, n_draws, n_parameters = draws.shape
    names = check_parameter_names(parameter_names, n_parameters)
    index = pd.MultiIndex.from_product([range(n_datasets), range(n_draws)], names=["dataset", "draw"])
    return pd.DataFrame(draws.reshape(-1, n_parameters), index=index, columns=names)


def summarize(
    draws: ArrayLike, *, parameter_names: Iterable[str] | None = None, probs: ArrayLike = (0.05, 0.5, 0.95)
) -> pd.DataFrame:
    """Return mean, standard deviation and quantiles of every parameter of every data set.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws, at least two a data set.
    parameter_names : list of str, optional
        Names of the parameters, for example `posterior.parameter_names_`; by default `theta[0]`, `theta[1]`, ...
    probs : sequence of float in [0, 1], default=(0.05, 0.5, 0.95)
        Probabilities of the quantiles.

    Returns
    -------
    summary : DataFrame of shape (n_datasets * n_parameters, 2 + n_probs)
        Columns `mean`, `sd` and one a quantile, such as `5%`; its index has the levels `dataset` and `parameter`.

    Raises
    ------
    ShapeError
        If draws have another number of dimensions or are fewer than two, or the number of names differs from
        n_parameters.
    ValueError
        If draws are not finite numbers, names repeat, or probs leave [0, 1] or repeat.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.draws import summarize
    >>> draws = np.stack([np.linspace(0, 1, 101), np.linspace(0, 10, 101)], axis=-1)[np.newaxis]
    >>> summarize(draws, parameter_names=["beta", "gamma"]).round(2)
                       mean    sd    5%  50%   95%
    dataset parameter
    0       beta        0.5  0.29  0.05  0.5  0.95
            gamma       5.0  2.93  0.50  5.0  9.50
    """
    draws = check_draws(draws)
    n_datasets, n_draws, n_parameters = draws.shape
    names = check_parameter_names(parameter_names, n_parameters)
    if n_draws < 2:
        raise ShapeError(f"summarize needs at least 2 draws a data set; got draws of shape {draws.shape}.")
    probs = as_float_array(np.atleast_1d(probs), name="probs")
    labels = [f"{100 * prob:.10g}%" for prob in probs.ravel()]
    if probs.ndim != 1 or (probs < 0).any() or (probs > 1).any() or len(set(labels)) != len(labels):
        raise ValueError(f"probs must be distinct probabilities between 0 and 1; got {probs.tolist()}.")
    values = np.stack(
        [draws.mean(axis=1), draws.std(axis=1, ddof=1), *np.quantile(draws, probs, axis=1)], axis=-1
    ).reshape(n_datasets * n_parameters, -1)
    index = pd.MultiIndex.from_product([range(n_datasets), names], names=["dataset", "parameter"])
    return pd.DataFrame(values, index=index, columns=["mean", "sd", *labels])


def to_datatree(
    draws: ArrayLike,
    *,
    parameter_names: Iterable[str] | None = None,
    X: ArrayLike | None = None,
    log_likelihood: ArrayLike | None = None,
    posterior_predictive: ArrayLike | None = None,
):
    """Return draws as an ArviZ DataTree.

    The group `posterior` has one variable a parameter with the dimensions `chain` (of length 1, for the draws are
    independent) and `draw`, as ArviZ expects, then `dataset` if there are several data sets. The entries `theta[0]`,
    `theta[1]`, ... of a vector come back as one variable `theta` with a last dimension.

    What is known of the data comes as variable `X` of further groups. Its dimensions are those of `posterior`, then
    the axes of a data set, `X_dim_0` and so on; observations are `X_dim_0`.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws.
    parameter_names : list of str, optional
        Names of the parameters, for example `posterior.parameter_names_`; by default `theta[0]`, `theta[1]`, ...
    X : array-like of shape (n_datasets, ...), optional
        The data sets, for the group `observed_data`.
    log_likelihood : array-like of shape (n_datasets, n_draws, n_observations), optional
        Log density of each observation at each draw, for the group of this name; with it `arviz_stats.loo` works.
    posterior_predictive : array-like of shape (n_datasets, n_draws, ...), optional
        A data set made at each draw, for the group of this name.

    Returns
    -------
    tree : xarray.DataTree
        With the group `posterior`, and one for each of the other arrays that is given.

    Raises
    ------
    ImportError
        If ArviZ is not installed; `pip install "skabi[arviz]"` installs it.
    ShapeError
        If draws have another number of dimensions, the number of names differs from n_parameters, another array does
        not fit the draws or the data sets, or data sets have different shapes: these take one call for each size.
    ValueError
        If draws are not finite numbers, or names repeat.

    Notes
    -----
    ArviZ functions that reduce over `chain` and `draw` treat `dataset` as any other dimension: `arviz_stats.summary`
    then has a row for each parameter of each data set, and `arviz_stats.loo` takes the observations of all data sets
    together.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.draws import to_datatree
    >>> draws = np.random.default_rng(0).normal(size=(3, 100, 3))
    >>> names = ["beta", "theta[0]", "theta[1]"]
    >>> tree = to_datatree(draws, parameter_names=names, log_likelihood=np.zeros((3, 100, 8)))
    >>> dict(tree["posterior"]["beta"].sizes)
    {'chain': 1, 'draw': 100, 'dataset': 3}
    >>> tree["posterior"]["theta"].shape
    (1, 100, 3, 2)
    >>> dict(tree["log_likelihood"]["X"].sizes)
    {'chain': 1, 'draw': 100, 'dataset': 3, 'X_dim_0': 8}
    """
    draws = check_draws(draws)
    names = check_parameter_names(parameter_names, draws.shape[2])
    given = _check_groups(draws, X, log_likelihood, posterior_predictive)
    arviz_base = import_optional("arviz_base", extra="arviz", purpose="to_datatree")
    xarray = import_optional("xarray", extra="arviz", purpose="to_datatree")
    leading = ["dataset"] if len(draws) > 1 else []
    by_draw, variables, dims = _with_chain(draws), {}, {}
    for name, columns in vector_columns(names).items():
        variables[name] = by_draw[..., columns]
        dims[name] = leading + ([f"{name}_dim_0"] if isinstance(columns, list) else [])
    # The sample dimensions are given each time because ArviZ's own setting may ask for others.
    sample_dims = ["chain", "draw"]
    groups = {"posterior": arviz_base.dict_to_dataset(variables, dims=dims, sample_dims=sample_dims)}
    for group, array in given.items():
        own = [] if group == "observed_data" else sample_dims
        if own:
            array = _with_chain(array)
        elif not leading:
            array = array[0]
        axes = [f"X_dim_{axis}" for axis in range(array.ndim - len(own) - len(leading))]
        groups[group] = arviz_base.dict_to_dataset({"X": array}, dims={"X": leading + axes}, sample_dims=own)
    return xarray.DataTree.from_dict(groups)


def _with_chain(by_dataset):
    """Return `(n_datasets, n_draws, ...)` as `(1, n_draws, n_datasets, ...)`, without n_datasets where it is 1."""
    # The axis of a single data set becomes that of the chain.
    return by_dataset if len(by_dataset) == 1 else np.swapaxes(by_dataset, 0, 1)[np.newaxis]


def _check_groups(draws, X, log_likelihood, posterior_predictive):
    """Return a dict of group name -> array for what is given besides draws; raise where it does not fit them."""
    n_datasets, n_draws, _ = draws.shape
    groups = {}
    if X is not None:
        X = groups["observed_data"] = _as_array(X, "X")
        if X.ndim == 0 or len(X) != n_datasets:
            raise ShapeError(f"X must have the n_datasets of draws as first axis, {n_datasets}; got shape {X.shape}.")
    if log_likelihood is not None:
        array = groups["log_likelihood"] = _as_array(log_likelihood, "log_likelihood")
        if array.ndim != 3 or array.shape[:2] != (n_datasets, n_draws):
            raise ShapeError(
                f"log_likelihood must have shape (n_datasets, n_draws, n_observations), here ({n_datasets}, {n_draws}, "
                f"n_observations); got {array.shape}."
            )
        # A data set may also be a single observation, whatever its shape.
        if X is not None and X.ndim > 1 and array.shape[2] not in (1, X.shape[1]):
            raise ShapeError(
                f"log_likelihood must have one column for each of the {X.shape[1]} observations of X; "
                f"got shape {array.shape}."
            )
    if posterior_predictive is not None:
        array = groups["posterior_predictive"] = _as_array(posterior_predictive, "posterior_predictive")
        if array.shape[:2] != (n_datasets, n_draws):
            raise ShapeError(
                f"posterior_predictive must have shape (n_datasets, n_draws, ...), here ({n_datasets}, {n_draws}, "
                f"...); got {array.shape}. For one data set pass posterior_predictive[np.newaxis]."
            )
    return groups


def _as_array(values, name):
    """Return `values` as an array, or raise if its data sets have different shapes."""
    advice = f"Call to_datatree once for each size, with {name}[i : i + 1] and draws[i : i + 1] for one data set."
    check_one_size(values, name=name, advice=advice)
    array = np.asarray(values)
    # Simulators hand out lists of arrays in this form too.
    return np.asarray(list(array)) if array.dtype == object and array.ndim == 1 else array
