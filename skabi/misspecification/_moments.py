"""What the columns of a data set look like, whatever a network makes of them."""

import warnings

import numpy as np

from skabi.estimators._sources import is_several, read, read_several, sources_of

# Of fewer observations there is no shape to speak of.
_FEWEST = 4
# A column that varies by less of its largest value does not vary.
_ROUNDING = 1e-12


def column_moments(X):
    """Return skewness and kurtosis of each column over the observations of each data set, `(n_datasets, 2 k)`.

    Both are brought to a scale on which large ones are no more than a few times as large as usual ones. They are zero
    where a column has fewer than four observations, or does not vary. `k` counts the columns of all sources whose data
    sets have one axis of observations; other sources have none.
    """
    sources = sources_of(read_several(X, may_miss=True) if is_several(X) else read(X, may_miss=True))
    moments = [_of_source(source) for source in sources if source.values.ndim == 3]
    return np.hstack([np.empty((len(sources[0]), 0)), *moments])


def _of_source(source):
    values, mask = source.values, source.mask
    if mask is not None:
        values = np.where(mask.reshape(*mask.shape, *[1] * (3 - mask.ndim)), values, np.nan)
    with warnings.catch_warnings():
        # Of a column in which nothing is there.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        deviations = values - np.nanmean(values, axis=1, keepdims=True)
        # Powers of such deviations neither overflow nor vanish, whatever the units.
        deviations = deviations / _scale(values, deviations)
        second, third, fourth = (np.nanmean(deviations**power, axis=1) for power in (2, 3, 4))
    has_shape = (np.sum(~np.isnan(values), axis=1) >= _FEWEST) & np.isfinite(second)
    second, third, fourth = (np.where(has_shape, moment, 1.0) for moment in (second, third, fourth))
    skewness = np.where(has_shape, np.arcsinh(third / second**1.5), 0.0)
    return np.hstack([skewness, np.log(fourth / second**2)])


def _scale(values, deviations):
    """Return the largest deviation of each column, NaN where it is of rounding, `(n_datasets, 1, k)`."""
    largest, scale = (np.nanmax(np.abs(x), axis=1, keepdims=True, initial=0.0) for x in (values, deviations))
    return np.where(scale > _ROUNDING * largest, scale, np.nan)
