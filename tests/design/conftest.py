"""Experiments whose information is known exactly, or by quadrature."""

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from sklearn.base import BaseEstimator

from skabi.design import DesignBox, DesignPool, Experiment
from skabi.priors import IndependentPrior

SCALE = 2.0


def respond(slope, design, rng):
    return slope * design[:, 0] + rng.normal(size=len(design))


def respond_log_likelihood(outcome, design, slope):
    return stats.norm.logpdf(outcome[:, 0], slope * design[:, 0])


def respond_in_torch(design, generator, slope):
    return slope[..., None] * design[..., :1] + torch.randn(design[..., :1].shape, generator=generator)


def respond_torch_log_likelihood(outcome, design, slope):
    return torch.distributions.Normal(slope * design[..., 0], 1.0).log_prob(outcome[..., 0])


def answer(threshold, design, rng):
    return rng.random(len(design)) < 1 / (1 + np.exp(4 * (threshold - design[:, 0])))


def answer_log_likelihood(outcome, design, threshold):
    return -np.logaddexp(0, 4 * (threshold - design[:, 0]) * (2 * outcome[:, 0] - 1))


def answer_in_torch(design, generator, threshold):
    chance = torch.sigmoid(4 * (design[..., 0] - threshold))
    return torch.bernoulli(chance, generator=generator)[..., None]


def answer_torch_log_likelihood(outcome, design, threshold):
    return torch.nn.functional.logsigmoid(4 * (design[..., 0] - threshold) * (2 * outcome[..., 0] - 1))


LINE = {"log_likelihood": respond_log_likelihood}
LINE_IN_TORCH = {"torch_outcome": respond_in_torch, "torch_log_likelihood": respond_torch_log_likelihood}
THRESHOLD = {"log_likelihood": answer_log_likelihood}
THRESHOLD_IN_TORCH = {"torch_outcome": answer_in_torch, "torch_log_likelihood": answer_torch_log_likelihood}
SLOPE = IndependentPrior({"slope": stats.norm(0, SCALE)})
PLACE = IndependentPrior({"threshold": stats.norm(0.5, 1)})


@pytest.fixture
def line():
    """A line through the origin: y = slope * design + noise, of which everything is Gaussian."""
    return Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0), **LINE)


@pytest.fixture
def line_in_torch():
    return Experiment(SLOPE, respond, space=DesignBox(0.0, 3.0), **LINE, **LINE_IN_TORCH)


@pytest.fixture
def line_of_a_pool():
    return Experiment(SLOPE, respond, space=DesignPool([0.0, 0.5, 2.0, 1.0]), **LINE, **LINE_IN_TORCH)


@pytest.fixture
def threshold():
    """Yes or no: is the design above a threshold?"""
    return Experiment(PLACE, answer, space=DesignBox(-3.0, 3.0), **THRESHOLD)


@pytest.fixture
def threshold_in_torch():
    return Experiment(PLACE, answer, space=DesignBox(-3.0, 3.0), **THRESHOLD, **THRESHOLD_IN_TORCH)


class LinePosterior(BaseEstimator):
    """The exact posterior of the slope after histories."""

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def log_prob(self, X, y):
        precision = np.array([1 / SCALE**2 + (x[:, 0] ** 2).sum() for x in X])
        mean = np.array([(x[:, 0] * x[:, 1]).sum() for x in X]) / precision
        return stats.norm.logpdf(y[:, 0], mean, precision**-0.5)


class ThresholdPosterior(BaseEstimator):
    """The posterior of the threshold after histories of at least one step, by quadrature."""

    grid = np.linspace(-4, 5, 181)

    def fit(self, X, y=None):
        return self

    def sample(self, X, n_draws, *, random_state=None):
        proba = np.exp(self._log_density(X))
        rng = np.random.default_rng(random_state)
        return np.stack([rng.choice(self.grid, size=(n_draws, 1), p=p / p.sum()) for p in proba])

    def log_prob(self, X, y):
        return np.array([np.interp(v, self.grid, p) for v, p in zip(y[:, 0], self._log_density(X), strict=True)])

    def information(self, history, designs):
        """Return what one more question at each design tells after a history."""
        proba = np.exp(self._log_density([history])[0])
        yes = special.expit(4 * (designs[:, np.newaxis] - self.grid))
        entropy = special.entr(yes) + special.entr(1 - yes)
        mean = yes @ proba / proba.sum()
        return special.entr(mean) + special.entr(1 - mean) - entropy @ proba / proba.sum()

    def _log_density(self, X):
        steps = np.concatenate(list(X))
        terms = special.log_expit(4 * (steps[:, :1] - self.grid) * (2 * steps[:, 1:] - 1))
        starts = np.cumsum([0] + [len(x) for x in X[:-1]])
        total = stats.norm.logpdf(self.grid, 0.5, 1) + np.add.reduceat(terms, starts)
        return total - special.logsumexp(total, axis=1, keepdims=True) - np.log(self.grid[1] - self.grid[0])


def line_information(designs):
    """Return the exact information of steps `(..., n_steps)` about the slope."""
    return 0.5 * np.log1p(SCALE**2 * np.sum(np.square(designs), axis=-1))


def threshold_information(design):
    """Return the exact information of one question, by quadrature."""

    def entropy(p):
        return -(p * np.log(p) + (1 - p) * np.log1p(-p))

    def chance(value):
        return np.clip(1 / (1 + np.exp(4 * (value - design))), 1e-300, 1 - 1e-16)

    density = stats.norm(0.5, 1).pdf
    mean = integrate.quad(lambda value: chance(value) * density(value), -8, 9)[0]
    return entropy(mean) - integrate.quad(lambda value: entropy(chance(value)) * density(value), -8, 9)[0]
