"""Problems that no default of skabi was chosen on, each with two parameters and an exact posterior on a grid.

What makes them hard is not what makes the tasks of the SBIBM benchmark hard: data over many orders of magnitude, tails
so heavy that they have no mean, posteriors of many separate modes, counts.
"""

import numpy as np
from scipy import stats

from skabi.datasets._grid import GridSimulator
from skabi.priors import IndependentPrior


class _OtherTask(GridSimulator):
    """A child says how data sets are made from parameters, and what their density is."""

    def __init__(self, distributions, *, n_features):
        self.n_features = n_features
        prior = IndependentPrior(distributions)
        super().__init__(prior, self._data, vectorized=True, log_likelihood=self._log_likelihood)

    def _data(self, rng, **values):
        raise NotImplementedError

    def _log_density(self, X, first, second):
        """Return the log density of data sets, `(...,)`: X is `(..., n_features)`, the parameters are `(...,)`."""
        raise NotImplementedError

    def _log_likelihood(self, X, **values):
        """Log density of each data set given its parameters, `(n_datasets,)`."""
        return self._log_density(np.asarray(X), *values.values())

    def _statistics(self, X):
        return X

    def _log_joint(self, statistics, first, second):
        first, second = np.broadcast_arrays(first[:, :, np.newaxis], second[:, np.newaxis, :])
        y = self._parameters(np.stack([first, second], axis=-1))
        # The density of the coordinates is that of the parameters where these are the coordinates themselves.
        log_prior = self.prior.log_prob(y.reshape(-1, 2)).reshape(first.shape) + self._log_det(first, second)
        X = statistics[:, np.newaxis, np.newaxis, :]
        return log_prior + self._log_density(X, y[..., 0], y[..., 1])

    def _parameters(self, coordinates):
        return coordinates

    def _log_det(self, first, second):
        """Return the log-determinant of parameters by coordinates."""
        return 0.0


class Elimination(_OtherTask):
    """A drug that leaves the blood: eight concentrations with an error of a fifth, over many orders of magnitude.

    ``concentration = dose / volume * exp(-rate * time) * exp(0.2 * noise)`` with lognormal rate and volume.
    """

    hours = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 36.0])
    log_rate, log_volume = stats.norm(np.log(0.2), 0.7), stats.norm(np.log(30.0), 0.6)
    log_dose, error = np.log(500.0), 0.2

    def __init__(self):
        # Grids have the logarithms as their coordinates.
        self.box = np.array([d.ppf([1e-9, 1 - 1e-9]) for d in (self.log_rate, self.log_volume)])
        lognormal = {
            name: stats.lognorm(d.std(), scale=np.exp(d.mean()))
            for name, d in (("rate", self.log_rate), ("volume", self.log_volume))
        }
        super().__init__(lognormal, n_features=len(self.hours))

    def _expected(self, rate, volume, hour):
        return self.log_dose - np.log(volume) - rate * hour

    def _data(self, rate, volume, rng):
        expected = np.stack([self._expected(rate, volume, hour) for hour in self.hours], axis=-1)
        return np.exp(rng.normal(expected, self.error))

    def _log_density(self, X, rate, volume):
        return sum(
            stats.norm.logpdf(np.log(X[..., i]), self._expected(rate, volume, hour), self.error) - np.log(X[..., i])
            for i, hour in enumerate(self.hours)
        )

    def _parameters(self, coordinates):
        return np.exp(coordinates)

    def _log_det(self, first, second):
        return first + second


class Lighthouse(_OtherTask):
    """A lighthouse off a straight coast: ten flashes that reach the coast at Cauchy distributed places."""

    box = np.array([[-5.0, 5.0], [0.1, 4.0]])

    def __init__(self):
        distributions = {
            name: stats.uniform(low, high - low)
            for name, (low, high) in zip(("along", "distance"), self.box, strict=True)
        }
        super().__init__(distributions, n_features=10)

    def _data(self, along, distance, rng):
        angle = rng.uniform(-np.pi / 2, np.pi / 2, (len(along), self.n_features))
        return along[:, np.newaxis] + distance[:, np.newaxis] * np.tan(angle)

    def _log_density(self, X, along, distance):
        # One flash after the other: all at once would not fit in memory on a grid.
        return sum(stats.cauchy.logpdf(X[..., i], along, distance) for i in range(self.n_features))


class Oscillation(_OtherTask):
    """Frequency and amplitude from eight noisy values at uneven times: a posterior of many narrow modes."""

    box = np.array([[0.1, 2.0], [0.2, 2.0]])
    times = np.array([0.3, 1.1, 1.4, 2.6, 3.2, 4.5, 5.9, 7.0])
    error = 0.5

    def __init__(self):
        distributions = {
            name: stats.uniform(low, high - low)
            for name, (low, high) in zip(("frequency", "amplitude"), self.box, strict=True)
        }
        super().__init__(distributions, n_features=len(self.times))

    def _data(self, frequency, amplitude, rng):
        wave = np.sin(2 * np.pi * frequency[:, np.newaxis] * self.times)
        return rng.normal(amplitude[:, np.newaxis] * wave, self.error)

    def _log_density(self, X, frequency, amplitude):
        return sum(
            stats.norm.logpdf(X[..., i], amplitude * np.sin(2 * np.pi * frequency * time), self.error)
            for i, time in enumerate(self.times)
        )


class Detectors(_OtherTask):
    """Where a source is: counts at five detectors that fall with the square of the distance, from none to thousands."""

    box = np.array([[-2.0, 2.0], [-2.0, 2.0]])
    places = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])

    def __init__(self):
        distributions = {name: stats.uniform(-2.0, 4.0) for name in ("east", "north")}
        super().__init__(distributions, n_features=len(self.places))

    def _rate(self, east, north, place):
        return 3.0 / (0.005 + (east - place[0]) ** 2 + (north - place[1]) ** 2)

    def _data(self, east, north, rng):
        return rng.poisson(np.stack([self._rate(east, north, place) for place in self.places], axis=-1)).astype(float)

    def _log_density(self, X, east, north):
        return sum(
            stats.poisson.logpmf(X[..., i], self._rate(east, north, place)) for i, place in enumerate(self.places)
        )
