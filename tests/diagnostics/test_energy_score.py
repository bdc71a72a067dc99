"""The energy score: its closed forms, what it is smallest for, and searches by it."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.helper import SliceDict

from skabi import pipeline
from skabi.diagnostics import energy_score, energy_scorer
from skabi.diagnostics._energy_score import mean_distances
from skabi.exceptions import ShapeError


class Exact(BaseEstimator):
    """The posterior of a standard normal parameter given itself plus noise, whose mean and spread may be wrong."""

    def __init__(self, shift=0.0, scale=1.0):
        self.shift = shift
        self.scale = scale

    def fit(self, X, y):
        self.n_calls_ = 0
        return self

    def sample(self, X, n_draws, *, random_state=None):
        self.n_calls_ += 1
        X = np.concatenate(list(X.values()), axis=1) if isinstance(X, dict) else np.asarray(X)
        noise = np.random.default_rng(random_state).normal(size=(len(X), n_draws, X.shape[1]))
        return X[:, np.newaxis] / 2 + np.sqrt(0.5) * (self.shift + self.scale * noise)


def problem(n, n_parameters=2, *, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, n_parameters))
    return y + rng.normal(size=y.shape), y


def test_equals_a_double_loop():
    rng = np.random.default_rng(0)
    draws, y = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 2))
    expected = [
        np.mean([np.linalg.norm(a - truth) for a in own])
        - np.mean([np.linalg.norm(own[i] - own[j]) for i in range(5) for j in range(5) if i != j]) / 2
        for own, truth in zip(draws, y, strict=True)
    ]
    np.testing.assert_allclose(energy_score(draws, y), expected, rtol=1e-12)
    with_zeros = energy_score(np.dstack([draws[..., :1], np.zeros((3, 5, 1))]), np.column_stack([y[:, 0], np.zeros(3)]))
    np.testing.assert_allclose(energy_score(draws[..., :1], y[:, 0]), with_zeros, rtol=1e-12)


@pytest.mark.parametrize("n_draws", [2, 50])
def test_one_parameter_has_the_closed_form_of_a_normal_and_no_bias(n_draws):
    """Gneiting and Raftery (2007), equation 5, times minus one: the CRPS of a normal at y."""
    n, mean, sd, y = 20_000, 0.3, 1.7, 1.1
    z = (y - mean) / sd
    exact = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    draws = np.random.default_rng(0).normal(mean, sd, size=(n, n_draws, 1))
    scores = energy_score(draws, np.full(n, y))
    assert abs(scores.mean() - exact) < 4 * scores.std() / np.sqrt(n)


@pytest.mark.parametrize("n_parameters", [1, 2, 7])
def test_expectation_of_exact_draws(n_parameters):
    """Half the mean distance of two standard normal vectors: that of one has a chi distribution, times root two."""
    n = 4000
    rng = np.random.default_rng(1)
    scores = energy_score(rng.normal(size=(n, 20, n_parameters)), rng.normal(size=(n, n_parameters)))
    exact = special.gamma((n_parameters + 1) / 2) / special.gamma(n_parameters / 2)
    assert abs(scores.mean() - exact) < 4 * scores.std() / np.sqrt(n)


@pytest.mark.parametrize("wrong", [{"shift": 0.5}, {"shift": -0.5}, {"scale": 0.5}, {"scale": 1.8}])
def test_exact_draws_have_the_best_score(gaussians, wrong):
    good, bad = (gaussians(3000, 50, 2, **settings) for settings in ({}, wrong))
    loss = energy_score(bad.draws, bad.y) - energy_score(good.draws, good.y)
    assert loss.mean() > 5 * loss.std() / np.sqrt(len(loss))


def test_draws_that_are_not_correlated_as_they_should_be_are_worse():
    rng = np.random.default_rng(0)
    factor = np.linalg.cholesky([[1.0, 0.9], [0.9, 1.0]])
    y, noise = rng.normal(size=(3000, 2)) @ factor.T, rng.normal(size=(3000, 50, 2))
    loss = energy_score(noise, y) - energy_score(noise @ factor.T, y)
    assert loss.mean() > 5 * loss.std() / np.sqrt(len(loss))


def test_scale_is_a_change_of_units():
    draws, y = np.random.default_rng(0).normal(size=(2, 30, 4, 2))[0], np.ones((30, 2))
    units = np.array([1e-6, 1e4])
    np.testing.assert_allclose(energy_score(units * draws, units * y, scale=units), energy_score(draws, y), rtol=1e-9)
    np.testing.assert_allclose(energy_score(draws, y, scale=[3.0, 3.0]), energy_score(draws, y) / 3, rtol=1e-9)


def test_memory_does_not_grow_with_the_square_of_the_draws():
    draws, y = np.random.default_rng(0).normal(size=(1, 9000, 2)), np.zeros((1, 2))
    tracemalloc.start()
    in_blocks = energy_score(draws, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    parts = energy_score(draws.reshape(9, 1000, 2), np.zeros((9, 2)))
    assert abs(in_blocks[0] - parts.mean()) < 5 * parts.std() / 3


def test_distances_between_sources():
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(50, 40, 2)), 10 + rng.normal(size=(50, 30, 2))
    distances = mean_distances([near, far])
    np.testing.assert_array_equal(distances, distances.T)
    # Root two times the mean of a chi distribution with two degrees of freedom.
    np.testing.assert_allclose(np.diag(distances), np.sqrt(np.pi), rtol=0.05)
    assert distances[0, 1] == pytest.approx(np.sqrt(200), rel=0.02)


@pytest.mark.parametrize(
    ("draws", "y", "scale", "message"),
    [
        (np.zeros((3, 1, 2)), np.zeros((3, 2)), None, "at least two draws"),
        (np.zeros((3, 5, 2)), np.zeros((4, 2)), None, "the same n_datasets"),
        (np.zeros((3, 5, 2)), np.zeros((3, 1)), None, r"shape \(n_datasets, 2\)"),
        (np.zeros((3, 5, 2)), np.zeros((3, 2)), [1.0], r"scale must have shape \(2,\)"),
        (np.zeros((3, 5, 2)), np.zeros((3, 2)), 1.0, r"scale must have shape \(2,\)"),
    ],
)
def test_wrong_shapes(draws, y, scale, message):
    with pytest.raises(ShapeError, match=message):
        energy_score(draws, y, scale=scale)


def test_wrong_values():
    with pytest.raises(ValueError, match="scale must be positive"):
        energy_score(np.zeros((3, 5, 2)), np.zeros((3, 2)), scale=[1.0, 0.0])
    with pytest.raises(ValueError, match="draws must be finite"):
        energy_score(np.full((3, 5, 2), np.nan), np.zeros((3, 2)))


@pytest.mark.parametrize("n_parameters", [1, 2])
def test_distances_that_are_no_numbers_are_told(n_parameters):
    draws, y = np.zeros((3, 4, n_parameters)), np.zeros((3, n_parameters))
    draws[1, :, 0] = [1e308, -1e308, 1e308, -1e308]
    with pytest.raises(ValueError, match=r"those of data set 1 overflow\. Pass a larger scale"):
        energy_score(draws, y)
    assert energy_score(draws, y, scale=np.full(n_parameters, 1e300))[1] > 0
    X, parameters = problem(5)
    with pytest.raises(ValueError, match="y must have values whose squares"):
        energy_scorer(Exact().fit(X, parameters), X, 1e300 * parameters)


# The scorer


def test_scorer_is_minus_the_mean_in_standard_deviations_of_y():
    X, y = problem(2000)
    estimator = Exact().fit(X, y)
    score = energy_scorer(estimator, X, y)
    # Posterior standard deviations of root a half, of parameters that have 1.
    exact = -np.sqrt(0.5) * special.gamma(1.5) / special.gamma(1.0)
    assert abs(score - exact) < 4 * 0.5 / np.sqrt(2000)
    assert energy_scorer(estimator, X, y) == score
    assert energy_scorer(estimator, pd.DataFrame(X), pd.DataFrame(y)) == score
    assert energy_scorer(estimator, SliceDict(a=X[:, :1], b=X[:, 1:]), y) == score
    assert energy_scorer(estimator, {"a": X[:, :1], "b": X[:, 1:]}, y) == score
    assert energy_scorer(estimator, list(X), y) == score
    # A thousand data sets at a time.
    assert estimator.n_calls_ == 12


def test_scorer_does_not_depend_on_units():
    class InOtherUnits(Exact):
        def sample(self, X, n_draws, *, random_state=None):
            return 1e5 * super().sample(X, n_draws, random_state=random_state)

    X, y = problem(50)
    expected = energy_scorer(Exact().fit(X, y), X, y)
    assert energy_scorer(InOtherUnits().fit(X, y), X, 1e5 * y) == pytest.approx(expected, rel=1e-9)


def test_scorer_serves_searches_and_cross_validation():
    X, y = problem(600)
    search = GridSearchCV(Exact(), {"scale": [0.4, 1.0, 2.5]}, scoring=energy_scorer, cv=3).fit(X, y)
    assert search.best_params_ == {"scale": 1.0}
    scores = cross_val_score(pipeline.make_pipeline(Exact()), X, y, scoring=energy_scorer, cv=3)
    np.testing.assert_array_equal(scores, [search.cv_results_[f"split{i}_test_score"][1] for i in range(3)])


def test_scorer_of_one_constant_parameter():
    X, y = problem(5)
    y[:, 1] = 0.0
    assert np.isfinite(energy_scorer(Exact().fit(X, y), X, y))
    assert np.isfinite(energy_scorer(Exact().fit(X, y), X[:1], y[:1]))


@pytest.mark.parametrize("estimator", [LinearRegression(), make_pipeline(Exact())])
def test_scorer_of_what_cannot_draw(estimator):
    X, y = problem(20)
    with pytest.raises(TypeError, match="needs an estimator that draws parameters"):
        energy_scorer(estimator.fit(X, y), X, y)
