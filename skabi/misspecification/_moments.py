"""What the columns of a data set look like, whatever a network makes of them."""

import warnings

import numpy as np

from skabi.estimators._sources import is_several, read, read_several, shape_of, sources_of
from skabi.misspecification._space import ROUNDING

# Of fewer observations there is no shape to speak of.
_FEWEST = 4


def column_moments(X, summary=None):
    """Return skewness and kurtosis of each column over the observations of each data set, `(n_datasets, 2 k)`.

    Both are brought to a scale on which large ones are no more than a few times as large as usual ones. They are zero
    where a column has fewer than four observations, or does not vary. `k` counts the columns of all sources whose data
    sets have one axis of observations and one of columns; images, by the recipe `summary`, and others have none.
    """
    X = read_several(X, may_miss=True) if is_several(X) else read(X, may_miss=True)
    sources = sources_of(X)
    pairs = zip(sources, _recipes(summary, X, len(sources)), strict=True)
    moments = [_of_source(source) for source, recipe in pairs if _has_columns(source, recipe)]
    return np.hstack([np.empty((len(sources[0]), 0)), *moments])


def _recipes(summary, X, n_sources):
    """Return the summary recipe of each source, None where it is not known."""
    if summary is None or not isinstance(X, dict):
        return [summary] * n_sources
    recipes = summary.source_summaries(shape_of(X))
    return [recipes.get(name) for name in X]


def _has_columns(source, recipe):
    is_image = recipe is not None and recipe.n_feature_axes(source.shape) == 0
    return source.values.ndim == 3 and not is_image


def _of_source(source):
    values, mask = source.values, source.mask
    if mask is not None:
        values = np.where(mask.reshape(*mask.shape, *[1] * (3 - mask.ndim)), values, np.nan)
    with warnings.catch_warnings():
        # Of a column in which nothing is there.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        # Sums of what is at most 1 do not overflow.
        values = np.ldexp(values, -np.frexp(_largest(values))[1])
        deviations = values - np.nanmean(values, axis=1, keepdims=True)
        scale = _largest(deviations)
        # Powers of such deviations neither overflow nor vanish, whatever the units.
        deviations = deviations / np.where(scale > ROUNDING, scale, np.nan)
        second, third, fourth = (np.nanmean(deviations**power, axis=1) for power in (2, 3, 4))
    has_shape = (np.sum(~np.isnan(values), axis=1) >= _FEWEST) & np.isfinite(second)
    second, third, fourth = (np.where(has_shape, moment, 1.0) for moment in (second, third, fourth))
    skewness = np.where(has_shape, np.arcsinh(third / second**1.5), 0.0)
    return np.hstack([skewness, np.log(fourth / second**2)])


def _largest(values):
    """Return the largest absolute value of each column, zero where nothing is there, `(n_datasets, 1, k)`."""
    return np.nanmax(np.abs(values), axis=1, keepdims=True, initial=0.0)
