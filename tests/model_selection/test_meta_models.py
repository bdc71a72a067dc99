import numpy as np
import pytest
from scipy import integrate, special, stats
from sklearn.base import clone

from skabi.exceptions import ShapeError
from skabi.model_selection import Dirichlet, LogisticNormal
from skabi.testing import instances
from skabi.testing._recipe import check_recipe

META_MODELS = [LogisticNormal(), LogisticNormal(match_mean=False), Dirichlet()]


def helmert(n):
    """Rows of the matrix of isometric log ratios, written out."""
    rows = [np.r_[np.ones(i), -i, np.zeros(n - i - 1)] / np.sqrt(i * (i + 1)) for i in range(1, n)]
    return np.array(rows)


def log_ratios(proba):
    return np.log(proba) @ helmert(proba.shape[-1]).T


def error(values):
    """Monte Carlo error of a mean over the first axis."""
    return values.std(axis=0) / np.sqrt(len(values))


@pytest.fixture
def proba():
    """Model probabilities of 40 data sets."""
    proba = np.random.default_rng(5).dirichlet([3.0, 1.0, 2.0], size=40)
    proba.flags.writeable = False
    return proba


@pytest.mark.parametrize("recipe", instances()["model_selection"], ids=lambda recipe: type(recipe).__name__)
def test_recipes_only_store(recipe):
    check_recipe(recipe)


def test_logistic_normal_parameters_are_drawn_from_the_conjugate_posterior(proba):
    posterior = LogisticNormal(match_mean=False).posterior(proba, np.random.default_rng(0))
    z, n, dim = log_ratios(proba), 40, 2
    center, weight = z.sum(axis=0) / (n + 0.01), n + 0.01
    # The posterior scatter, from the sum of squares about zero: S = I + sum z z' - weight * center center'.
    scatter = np.eye(dim) + z.T @ z - weight * np.outer(center, center)
    degrees = dim + 1 + n
    mean, covariance = posterior.sample_parameters(20_000, np.random.default_rng(1))
    np.testing.assert_array_less(np.abs(mean.mean(axis=0) - center), 4 * error(mean))
    expected = scatter / (degrees - dim - 1)
    np.testing.assert_array_less(np.abs(covariance.mean(axis=0) - expected), 4 * error(covariance))
    # The variance of a diagonal entry of an inverse Wishart matrix, and the spread of the mean about its center.
    variance = 2 * np.diag(scatter) ** 2 / ((degrees - dim - 1) ** 2 * (degrees - dim - 3))
    drawn = np.diagonal(covariance, axis1=1, axis2=2)
    squares = (drawn - drawn.mean(axis=0)) ** 2
    np.testing.assert_array_less(np.abs(squares.mean(axis=0) - variance), 4 * error(squares))
    products = np.einsum("ni,nj->nij", mean - center, mean - center)
    np.testing.assert_array_less(np.abs(products.mean(axis=0) - expected / weight), 4 * error(products))


@pytest.mark.parametrize("meta_model", META_MODELS)
def test_draws_have_the_density(meta_model, proba):
    posterior = meta_model.posterior(proba, np.random.default_rng(0))
    draws = posterior.sample(20_000, np.random.default_rng(1))
    np.testing.assert_allclose(draws.sum(axis=1), 1.0)
    # Of uniform points of the simplex, whose density is 2, weighted by the density: total, and mean probabilities.
    uniform = np.random.default_rng(2).dirichlet(np.ones(3), size=10_000)
    weights = np.exp(posterior.log_prob(uniform)) / 2
    assert abs(weights.mean() - 1) < 4 * error(weights)
    weighted = weights[:, np.newaxis] * uniform
    tolerance = 4 * np.hypot(error(weighted), error(draws))
    np.testing.assert_array_less(np.abs(weighted.mean(axis=0) - draws.mean(axis=0)), tolerance)


@pytest.mark.parametrize("meta_model", META_MODELS)
def test_density_of_two_models_integrates_to_one(meta_model):
    proba = np.random.default_rng(0).dirichlet([3.0, 5.0], size=30)
    posterior = meta_model.posterior(proba, np.random.default_rng(0))
    total, _ = integrate.quad(lambda p: np.exp(posterior.log_prob(np.array([p, 1 - p]))), 0, 1, epsabs=1e-6)
    assert abs(total - 1) < 1e-4


def test_the_mean_probability_is_matched_where_log_ratios_are_not_gaussian():
    rng = np.random.default_rng(0)
    proba = np.where(rng.random((400, 1)) < 0.5, [0.998, 0.001, 0.001], rng.dirichlet([1.0, 5.0, 5.0], size=400))
    clipped = np.clip(proba, 1e-3, 1 - 1e-3)
    clipped /= clipped.sum(axis=1, keepdims=True)
    matched, plain = (LogisticNormal(match_mean=match).posterior(proba, rng) for match in (True, False))
    draws = matched.sample(20_000, rng)
    # Twice: the mean is matched over as many draws.
    tolerance = 4 * np.sqrt(2) * error(draws)
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - clipped.mean(axis=0)), tolerance)
    other = plain.sample(20_000, rng)
    assert (np.abs(other.mean(axis=0) - clipped.mean(axis=0)) > 2 * tolerance).any()
    np.testing.assert_array_equal(matched.scatter, plain.scatter)


def test_dirichlet_parameters_agree_with_a_grid():
    proba = np.random.default_rng(3).dirichlet([1.0, 2.0], size=8)
    posterior = Dirichlet(epsilon=1e-9).posterior(proba, np.random.default_rng(0))
    # Few data sets, so that the posterior is far from Gaussian. Density of the concentrations, prior exponential.
    a = np.exp(np.linspace(-3, 5, 150))
    alpha = np.stack(np.meshgrid(a, a, indexing="ij"), axis=-1)
    log_density = sum(stats.beta.logpdf(p, alpha[..., 0], alpha[..., 1]) for p in proba[:, 0])
    weights = special.softmax(log_density - alpha.sum(axis=-1) / 100 + np.log(alpha).sum(axis=-1))
    logs = np.log(posterior.concentration)
    mean = np.einsum("ij,ijk->k", weights, np.log(alpha))
    variance = np.einsum("ij,ijk->k", weights, (np.log(alpha) - mean) ** 2)
    # Resampling keeps at least half as many as are drawn, in effect.
    np.testing.assert_array_less(np.abs(logs.mean(axis=0) - mean), 4 * np.sqrt(2) * error(logs))
    squares = (logs - mean) ** 2
    np.testing.assert_array_less(np.abs(squares.mean(axis=0) - variance), 4 * np.sqrt(2) * error(squares))


@pytest.mark.parametrize("meta_model", META_MODELS)
@pytest.mark.parametrize("row", [[1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
def test_probabilities_that_do_not_vary_have_a_distribution(meta_model, row):
    posterior = meta_model.posterior(np.tile(row, (200, 1)), np.random.default_rng(0))
    draws = posterior.sample(500, np.random.default_rng(0))
    np.testing.assert_allclose(draws, np.tile(row, (500, 1)), atol=0.15)
    assert np.isfinite(posterior.log_prob(draws)).all()


def test_a_logistic_normal_has_no_density_at_the_edge(proba):
    posterior = LogisticNormal().posterior(proba, np.random.default_rng(0))
    assert posterior.log_prob(np.array([[1.0, 0.0, 0.0]])).tolist() == [-np.inf]


def test_epsilon_clips(proba):
    certain = np.vstack([proba, np.tile([1.0, 0.0, 0.0], (40, 1))])
    locations = [
        LogisticNormal(epsilon, match_mean=False).posterior(certain, np.random.default_rng(0)).location
        for epsilon in (1e-2, 1e-6)
    ]
    for location, epsilon in zip(locations, (1e-2, 1e-6), strict=True):
        clipped = np.clip(certain, epsilon, 1 - epsilon)
        z = log_ratios(clipped / clipped.sum(axis=1, keepdims=True))
        np.testing.assert_allclose(location, z.sum(axis=0) / 80.01)


@pytest.mark.parametrize("meta_model", [LogisticNormal(), Dirichlet()])
def test_bad_input_is_named(meta_model, proba):
    rng = np.random.default_rng(0)
    for epsilon in (0.0, 0.4):
        with pytest.raises(ValueError, match="epsilon must lie between 0"):
            clone(meta_model).set_params(epsilon=epsilon).posterior(proba, rng)
    with pytest.raises(ValueError, match="must sum to one"):
        meta_model.posterior(2 * proba, rng)
    with pytest.raises(ValueError, match="must not be negative"):
        meta_model.posterior(proba - [1.0, -1.0, 0.0], rng)
    with pytest.raises(ShapeError, match=r"shape \(n_datasets, n_models\).*got \(3,\)"):
        meta_model.posterior(proba[0], rng)
