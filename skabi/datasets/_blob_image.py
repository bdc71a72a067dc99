"""A blob of light at an unknown place in a noisy image."""

from functools import partial

import numpy as np
from scipy import stats

from skabi._params import check_count, check_real
from skabi.datasets._exact import check_data_sets
from skabi.datasets._grid import GridSimulator
from skabi.priors import IndependentPrior

# Most widths along a side: grids have a thousand times as many nodes as the square of this.
MAX_WIDTHS = 128


def profile(place, *, size, width):
    """Return the brightness along one side of the image of blobs centred at `place`, `(*place.shape, size)`."""
    middles = np.arange(size) + 0.5
    return np.exp(-0.5 * ((middles - np.asarray(place)[..., np.newaxis]) / width) ** 2)


def blob(row, column, *, size, width):
    """Return images without noise, of one channel, `(n_datasets, size, size, 1)`."""
    vertical, horizontal = (profile(place, size=size, width=width) for place in (row, column))
    return (vertical[..., :, np.newaxis] * horizontal[..., np.newaxis, :])[..., np.newaxis]


def simulate_blob(row, column, rng, *, size, width, noise):
    """Return noisy images, `(n_datasets, size, size, 1)`."""
    image = blob(row, column, size=size, width=width)
    return image + noise * rng.standard_normal(image.shape)


def blob_log_likelihood(X, row, column, *, size, width, noise, pointwise=False):
    """Log density of the images, `(n_datasets,)`, or of each pixel, row by row, `(n_datasets, size**2)`."""
    residual = (np.asarray(X) - blob(row, column, size=size, width=width)) / noise
    terms = -0.5 * residual**2 - np.log(noise) - 0.5 * np.log(2 * np.pi)
    terms = terms.reshape(len(terms), -1)
    return terms if pointwise else terms.sum(axis=1)


class BlobImage(GridSimulator):
    """Where is the blob? Two parameters of an image, whose pixels are noisy.

    The model, with the middle of pixel (i, j) at (i + 1/2, j + 1/2), is

    - ``row ~ Uniform(0, size)`` and ``column ~ Uniform(0, size)``, in pixels from the image's first corner
    - ``m_ij = exp(-((i + 1/2 - row)**2 + (j + 1/2 - column)**2) / (2 * width**2))``
    - ``X_ij ~ N(m_ij, noise**2)``, independently; `X` has one channel, and shape `(n_datasets, size, size, 1)`

    A blob well inside the image is located to about ``0.8 * noise`` pixels in each direction, whatever its width. With
    the defaults noise may look like a blob, and posteriors may have several modes; near an edge they are cut off.

    The posterior is computed on a grid of at least 32 nodes a width, which zooms in where the posterior is narrow. The
    log evidence is accurate to about 1e-9; draws follow a density that is linear between nodes. Large images of small
    blobs take their time: nodes grow with ``(size / width)**2``.

    Parameters
    ----------
    size : int, default=16
        Pixels along a side.
    width : float, default=2.0
        Standard deviation of the blob in pixels, above a 128th of `size`.
    noise : float, default=1.0
        Standard deviation of a pixel's noise; the blob's brightness at its centre is 1.

    References
    ----------
    .. [1] Winick (1986). Cramér-Rao lower bounds on the performance of charge-coupled-device optical position
       estimators. Journal of the Optical Society of America A 3(11), 1809-1815.

    Examples
    --------
    >>> from skabi.datasets import BlobImage
    >>> simulator = BlobImage()
    >>> X, y = simulator.sample(5, random_state=0)
    >>> X.shape, list(y.columns)
    ((5, 16, 16, 1), ['row', 'column'])
    >>> simulator.sample_posterior(X, n_draws=100, random_state=0).shape
    (5, 100, 2)
    """

    def __init__(self, size=16, *, width=2.0, noise=1.0):
        self.size = check_count(size, "size")
        self.width = check_real(width, "width", low=self.size / MAX_WIDTHS)
        self.noise = check_real(noise, "noise", low=0.0)
        self.box = np.array([[0.0, self.size], [0.0, self.size]])
        # A peak of the posterior is narrower than a sixth of the blob only if it stands alone, and the grid zooms in.
        n_widths = self.size / self.width
        self.n_coarse, self.n_fine = max(64, int(4 * n_widths)), max(256, int(32 * n_widths))
        settings = {"size": self.size, "width": self.width}
        place = stats.uniform(0.0, float(self.size))
        super().__init__(
            IndependentPrior({"row": place, "column": place}),
            partial(simulate_blob, **settings, noise=self.noise),
            vectorized=True,
            log_likelihood=partial(blob_log_likelihood, **settings, noise=self.noise),
        )

    def _check(self, X):
        return check_data_sets(X, self.size, self.size, 1)

    def _statistics(self, X):
        return X.reshape(len(X), -1)

    def _log_joint(self, statistics, first, second):
        vertical, horizontal = (profile(place, size=self.size, width=self.width) for place in (first, second))
        images = statistics.reshape(-1, self.size, self.size)
        match = vertical @ images @ np.swapaxes(horizontal, 1, 2)
        light = (vertical**2).sum(axis=-1)[:, :, np.newaxis] * (horizontal**2).sum(axis=-1)[:, np.newaxis]
        alone = -0.5 * (statistics**2).sum(axis=1) / self.noise**2 - 2 * np.log(self.size)
        alone -= self.size**2 * (np.log(self.noise) + 0.5 * np.log(2 * np.pi))
        return (match - 0.5 * light) / self.noise**2 + alone[:, np.newaxis, np.newaxis]

    def _parameters(self, coordinates):
        return coordinates
