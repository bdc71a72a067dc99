"""Problems besides those of the SBIBM benchmark, each with two parameters and an exact posterior on a grid.

What makes them hard is not what makes the tasks of the SBIBM benchmark hard: data over many orders of magnitude, tails
so heavy that they have no mean, posteriors of many separate modes, counts.
"""

import numpy as np
from scipy import special, stats

from skabi.datasets._grid import GridSimulator
from skabi.priors import IndependentPrior


def _uniform(box, *names):
    """Return uniform distributions between the ends in `box`, by name."""
    return {name: stats.uniform(low, high - low) for name, (low, high) in zip(names, box, strict=True)}


def _normal_log_density(x, mean, sd):
    # Millions of values: scipy's takes several times as long.
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))


class _OtherTask(GridSimulator):
    """A child says how data sets are made from two parameters, and what the density of each feature is."""

    def __init__(self, distributions, *, n_features):
        self.n_features = n_features
        prior = IndependentPrior(distributions)
        super().__init__(prior, self.simulate_data, vectorized=True, log_likelihood=self._log_likelihood)

    def _log_density(self, x, i, first, second):
        """Return the log density of values `x` of feature i given the parameters, all of one shape or broadcast."""
        raise NotImplementedError

    def _log_density_of_all(self, X, first, second):
        # One feature after the other: all at once would not fit in memory on a grid.
        return sum(self._log_density(X[..., i], i, first, second) for i in range(self.n_features))

    def _log_likelihood(self, X, **values):
        return self._log_density_of_all(np.asarray(X), *(values[name] for name in self.prior.distributions))

    def _statistics(self, X):
        return X

    def _log_joint(self, statistics, first, second):
        first, second = np.broadcast_arrays(first[:, :, np.newaxis], second[:, np.newaxis, :])
        y = self._parameters(np.stack([first, second], axis=-1))
        log_prior = self.prior.log_prob(y.reshape(-1, 2)).reshape(first.shape) + self._log_det(first, second)
        return log_prior + self._log_density_of_all(statistics[:, np.newaxis, np.newaxis, :], y[..., 0], y[..., 1])

    def _parameters(self, coordinates):
        return coordinates

    def _log_det(self, first, second):
        """Return the log-determinant of the parameters by the coordinates."""
        return 0.0


class Elimination(_OtherTask):
    """A drug that leaves the blood: eight concentrations with an error of a fifth, over many orders of magnitude.

    ``concentration = dose / volume * exp(-rate * time) * exp(0.2 * noise)`` with lognormal rate and volume.
    """

    # Where elimination is quick, rate and volume are known along a narrow ridge alone.
    n_coarse = 256
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

    def simulate_data(self, rate, volume, rng):
        expected = np.stack([self._expected(rate, volume, hour) for hour in self.hours], axis=-1)
        return np.exp(rng.normal(expected, self.error))

    def _log_density(self, x, i, rate, volume):
        expected = self._expected(rate, volume, self.hours[i])
        return _normal_log_density(np.log(x), expected, self.error) - np.log(x)

    def _parameters(self, coordinates):
        return np.exp(coordinates)

    def _log_det(self, first, second):
        return first + second


class Lighthouse(_OtherTask):
    """A lighthouse off a straight coast: ten flashes that reach the coast at Cauchy distributed places."""

    box = np.array([[-5.0, 5.0], [0.1, 4.0]])

    def __init__(self):
        super().__init__(_uniform(self.box, "along", "distance"), n_features=10)

    def simulate_data(self, along, distance, rng):
        angle = rng.uniform(-np.pi / 2, np.pi / 2, (len(along), self.n_features))
        return along[:, np.newaxis] + distance[:, np.newaxis] * np.tan(angle)

    def _log_density(self, x, i, along, distance):
        return np.log(distance / np.pi) - np.log(distance**2 + (x - along) ** 2)


class Oscillation(_OtherTask):
    """Frequency and amplitude from eight noisy values at uneven times: a posterior of many narrow modes."""

    # Modes far apart keep the grid from zooming in, and each is narrow.
    n_coarse, n_fine = 256, 1024
    box = np.array([[0.1, 2.0], [0.2, 2.0]])
    times = np.array([0.3, 1.1, 1.4, 2.6, 3.2, 4.5, 5.9, 7.0])
    error = 0.5

    def __init__(self):
        super().__init__(_uniform(self.box, "frequency", "amplitude"), n_features=len(self.times))

    def _expected(self, frequency, amplitude, time):
        return amplitude * np.sin(2 * np.pi * frequency * time)

    def simulate_data(self, frequency, amplitude, rng):
        return rng.normal(self._expected(frequency[:, np.newaxis], amplitude[:, np.newaxis], self.times), self.error)

    def _log_density(self, x, i, frequency, amplitude):
        return _normal_log_density(x, self._expected(frequency, amplitude, self.times[i]), self.error)


class Detectors(_OtherTask):
    """Where a source is: counts at five detectors that fall with the square of the distance, from none to hundreds."""

    box = np.array([[-2.0, 2.0], [-2.0, 2.0]])
    places = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])

    def __init__(self):
        super().__init__(_uniform(self.box, "east", "north"), n_features=len(self.places))

    def _rate(self, east, north, place):
        return 3.0 / (0.005 + (east - place[0]) ** 2 + (north - place[1]) ** 2)

    def simulate_data(self, east, north, rng):
        return rng.poisson(np.stack([self._rate(east, north, place) for place in self.places], axis=-1)).astype(float)

    def _log_density(self, x, i, east, north):
        rate = self._rate(east, north, self.places[i])
        return x * np.log(rate) - rate - special.gammaln(x + 1)
