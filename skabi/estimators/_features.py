"""Numbers of any scale, tail or order of magnitude, made fit for a network."""

import numpy as np
from scipy import special

# Beyond this many standard deviations a feature grows logarithmically.
_LINEAR = 5.0
# A transform must be closer to normal than the identity by this much of a correlation.
_MARGIN = 0.01
_LARGEST_SAMPLE = 5000
_LARGEST = np.finfo(float).max
# Numbers that are transformed at a time: so many stay in a processor's cache.
_BLOCK = 2**17


class FeatureScaler:
    """Bring every feature near a standard normal by the mildest of three maps, then soften what is far out.

    The maps are the identity, an arcsinh around the median for heavy tails, and an arcsinh around zero for numbers over
    many orders of magnitude. Taken is the one whose values correlate best with normal quantiles (the statistic of
    Filliben, 1975, "The probability plot correlation coefficient test for normality"). All are monotone, so no
    information is lost, and free of units. A feature that was constant in `fit` becomes zero.
    """

    def fit(self, X):
        """Choose and fit a map for each feature of `X`, `(n_datasets, ...)`."""
        flat = X.reshape(len(X), -1)
        with np.errstate(over="ignore"):
            # Powers of two, so that scaling is exact and products of huge numbers do not overflow.
            exponent = np.frexp(np.abs(flat).max(axis=0))[1]
        self._unit = np.ldexp(1.0, np.clip(exponent, -1000, 1000))
        flat = flat / self._unit
        sample = flat[:: -(-len(flat) // _LARGEST_SAMPLE)]
        centers, widths = _asinh_maps(sample)
        fits = np.stack([normality(_bent(sample, c, w)) for c, w in zip(centers, widths, strict=True)])
        fits[0] = normality(sample) + _MARGIN
        best, features = fits.argmax(axis=0), np.arange(flat.shape[1])
        self._linear = best == 0
        self._center, self._width = centers[best, features], widths[best, features]
        mapped = self._map(flat)
        self.is_constant_ = np.ptp(flat, axis=0) == 0
        self._location, self._scale = location_scale(mapped)
        self._scale[self.is_constant_] = np.inf
        return self

    def transform(self, X):
        """Return `X` scaled, with the same shape."""
        flat = X.reshape(-1, self._scale.size)
        z = np.empty_like(flat)
        n_rows = max(1, _BLOCK // flat.shape[1])
        for start in range(0, len(flat), n_rows):
            rows = slice(start, start + n_rows)
            z[rows] = _softened(self.standardize(flat[rows]))
        return z.reshape(X.shape)

    def standardize(self, X):
        """Return `X` `(n, n_features)` as `transform` does, without softening what is far out."""
        return self._standardized(self._in_units(X))

    def inverse_transform(self, Z):
        """Return what `transform` turns into `Z`, `(n, n_features)`."""
        size = np.abs(Z)
        with np.errstate(over="ignore"):
            far = np.minimum(_LINEAR + np.expm1(np.maximum(size - _LINEAR, 0.0)), _LARGEST)
            z = np.sign(Z) * np.where(size > _LINEAR, far, size)
            mapped = z * np.where(self.is_constant_, 0.0, self._scale) + self._location
            flat = np.where(self._linear, mapped, np.sinh(mapped) * self._width + self._center)
            return np.clip(flat * self._unit, -_LARGEST, _LARGEST)

    def log_derivative(self, X):
        """Return the logarithm of the derivative of `transform`, feature by feature, `(n, n_features)`."""
        flat = self._in_units(X)
        with np.errstate(over="ignore"):
            bend = np.minimum(np.hypot(1.0, (flat - self._center) / self._width) * self._width, _LARGEST)
        softening = np.log1p(np.maximum(np.abs(self._standardized(flat)) - _LINEAR, 0.0))
        return -softening - np.log(np.where(self._linear, 1.0, bend)) - np.log(self._scale * self._unit)

    def _in_units(self, flat):
        with np.errstate(over="ignore"):
            return _clipped(flat / self._unit)

    def _standardized(self, flat):
        with np.errstate(over="ignore"):
            z = self._map(flat)
            z -= self._location
            z /= self._scale
        return _clipped(z)

    def _map(self, flat):
        mapped, bent = flat.copy(), ~self._linear
        if bent.any():
            mapped[:, bent] = _bent(flat[:, bent], self._center[bent], self._width[bent])
        return mapped


def _softened(z):
    """Let standardised values grow logarithmically where they are far out, in place."""
    is_far = np.abs(z) > _LINEAR
    far = z[is_far]
    z[is_far] = np.sign(far) * (_LINEAR + np.log1p(np.abs(far) - _LINEAR))
    return z


def _clipped(values):
    """Clip an array at the largest numbers, in place."""
    return np.clip(values, -_LARGEST, _LARGEST, out=values)


def _bent(values, center, width):
    """Return arcsinh of standardised values; of the largest number where there is none so large."""
    with np.errstate(over="ignore"):
        return np.arcsinh(_clipped((values - center) / width))


def _asinh_maps(sample):
    """Return centers and widths, `(3, n_features)`, of the three maps; the first row is not used."""
    n_features = sample.shape[1]
    median = np.median(sample, axis=0)
    low, high = np.quantile(sample, [0.25, 0.75], axis=0)
    size = np.abs(sample)
    smallest = np.array([np.quantile(column[column > 0], 0.05) if column.any() else 1.0 for column in size.T])
    widths = np.stack([np.ones(n_features), (high - low) / 1.349, smallest])
    tiny = np.finfo(float).tiny
    return np.stack([np.zeros(n_features), median, np.zeros(n_features)]), np.where(widths > tiny, widths, 1.0)


def normality(values):
    """Return the correlation of sorted columns with normal quantiles; zero for constants.

    Half a percent is left out at each end, so that a few outliers do not decide.
    """
    n = len(values)
    kept = slice(n // 200, n - n // 200)
    quantiles = special.ndtri((np.arange(n) + 0.5) / n)[kept]
    values = np.sort(values, axis=0)[kept]
    values = values - values.mean(axis=0)
    spread = np.sqrt((values**2).sum(axis=0) * (quantiles**2).sum())
    return np.divide(quantiles @ values, spread, out=np.zeros(values.shape[1]), where=spread > 0)


def location_scale(values):
    """Return median and robust scale of columns: quantiles where they differ, else the standard deviation."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    scale = (high - low) / 3.29
    return middle, np.where(scale > 0, scale, values.std(axis=0))
