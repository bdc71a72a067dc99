"""A learned likelihood is a density of data of every shape, agrees with exact ones, and simulates what it says."""

import pickle
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.integrate import trapezoid
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.helper import SliceDict
from torch import nn

from skabi import JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import ColumnwiseSplineFlow, Gaussian, SplineFlow
from skabi.estimators import AmortizedLikelihood
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import (
    ExpertSummary,
    FusionSummary,
    IdentitySummary,
    ImageSummary,
    ModuleSummary,
    SeriesSummary,
    SetSummary,
)

PRIOR = IndependentPrior({"location": stats.norm(), "tilt": stats.norm(0.0, 0.6)})
N_OBSERVATIONS, NOISE = 8, 0.5
LEVELS = np.array([-1.0, 0.5, 2.0, 7.0])


# Simulators, each with the log density of its observations, `(n_datasets, n_observations)`


def simulate_vectors(location, tilt, rng):
    return np.column_stack([location, location + tilt]) + NOISE * rng.normal(size=(len(location), 2))


def of_vectors(X, location, tilt):
    return stats.norm.logpdf(X, np.column_stack([location, location + tilt]), NOISE).sum(axis=1, keepdims=True)


def simulate_trials(location, tilt, rng):
    """A number and, after it, a choice on which it depends."""
    shape = (len(location), N_OBSERVATIONS)
    choice = rng.random(shape) < special.expit(2 * tilt)[:, np.newaxis]
    return np.stack([location[:, np.newaxis] + choice + NOISE * rng.normal(size=shape), choice], axis=-1)


def of_trials(X, location, tilt):
    value, choice = X[..., 0], X[..., 1]
    log_side = special.log_expit(2 * tilt[:, np.newaxis] * np.where(choice == 1, 1, -1))
    return log_side + stats.norm.logpdf(value, location[:, np.newaxis] + choice, NOISE)


def simulate_walks(location, tilt, rng):
    """A series with a pull of its own towards zero."""
    walks = (location + tilt)[:, np.newaxis] + NOISE * rng.normal(size=(len(location), N_OBSERVATIONS))
    for time in range(1, N_OBSERVATIONS):
        walks[:, time] += 0.6 * walks[:, time - 1]
    return walks[..., np.newaxis]


def of_walks(X, location, tilt):
    before = np.pad(X[:, :-1, 0], ((0, 0), (1, 0)))
    return stats.norm.logpdf(X[..., 0], (location + tilt)[:, np.newaxis] + 0.6 * before, NOISE)


def rate_of(location):
    return np.exp(2.3 + np.tanh(location))


def simulate_counts(location, tilt, rng):
    return rng.poisson(rate_of(location), size=(N_OBSERVATIONS, len(location))).T[..., np.newaxis]


def of_counts(X, location, tilt):
    return stats.poisson.logpmf(X[..., 0], rate_of(location)[:, np.newaxis])


def logits(location, tilt):
    return np.stack([location, tilt, location - tilt, np.zeros(len(tilt))], axis=-1)[:, np.newaxis]


def simulate_categories(location, tilt, rng):
    noisy = logits(location, tilt) + rng.gumbel(size=(len(location), N_OBSERVATIONS, len(LEVELS)))
    return LEVELS[noisy.argmax(axis=-1)][..., np.newaxis]


def of_categories(X, location, tilt):
    log_probs = np.broadcast_to(special.log_softmax(logits(location, tilt), axis=-1), (*X.shape[:2], len(LEVELS)))
    return np.take_along_axis(log_probs, np.searchsorted(LEVELS, X), axis=-1)[..., 0]


def simulate_images(location, tilt, rng):
    ramp = location[:, np.newaxis, np.newaxis] + tilt[:, np.newaxis, np.newaxis] * np.arange(3.0)
    return ramp + NOISE * rng.normal(size=(len(location), 4, 3))


def of_images(X, location, tilt):
    ramp = location[:, np.newaxis, np.newaxis] + tilt[:, np.newaxis, np.newaxis] * np.arange(3.0)
    return stats.norm.logpdf(X, ramp, NOISE).sum(axis=(1, 2))[:, np.newaxis]


# How a kind is simulated, what its density is, and the arguments of simulator and estimator.
RAGGED = {"n_observations": (2, N_OBSERVATIONS)}
SERIES = {"summary": SeriesSummary()}
# Trained to the end, so that members are not the same regression.
TWO = {"n_estimators": 2, "engine": Gaussian((8,)), "early_stopping": False}
LONGER = {"n_simulations": 1500, "max_iter": 10}
KINDS = {
    "vectors": (simulate_vectors, of_vectors, {}, {}),
    "trials": (simulate_trials, of_trials, {}, {}),
    "ragged trials": (simulate_trials, of_trials, RAGGED, {}),
    "series": (simulate_walks, of_walks, {}, SERIES),
    "ragged series": (simulate_walks, of_walks, RAGGED, SERIES),
    "counts": (simulate_counts, of_counts, {}, LONGER),
    "categories": (simulate_categories, of_categories, {}, {}),
    "images": (simulate_images, of_images, {}, {"summary": IdentitySummary()}),
    "ragged trials by two": (simulate_trials, of_trials, RAGGED, TWO),
    "ragged series by two": (simulate_walks, of_walks, RAGGED, TWO | SERIES),
}
N_SIMULATIONS = 600
# Parameters in the middle, and a standard deviation from it.
Y = np.array([[0.0, 0.0], [1.0, 0.3], [-0.8, -0.4]])
# Coefficients of means and entries of a covariance, where both are linear in what they are given.
N_FITTED = {"vectors": 6 + 3, "trials": 4 + 1, "series": 7 + 1, "images": 36 + 78, "counts": 0, "categories": 0}


def simulator_of(name):
    simulate, _, arguments, _ = KINDS[name]
    return Simulator(PRIOR, simulate, vectorized=True, **arguments)


def quick(**parameters):
    """A likelihood that is fitted in a moment; its density of numbers is exact where they are linear and Gaussian."""
    defaults = {
        "engine": Gaussian(hidden_layer_sizes=()),
        "n_simulations": N_SIMULATIONS,
        "max_iter": 6,
        "batch_size": 64,
        "random_state": 0,
    }
    return AmortizedLikelihood(**(defaults | parameters))


@pytest.fixture(scope="module")
def likelihoods():
    """Return a function that fits a kind once."""
    fitted = {}

    def fit(name):
        if name not in fitted:
            fitted[name] = quick(**KINDS[name][3]).fit(simulator_of(name))
        return fitted[name]

    return fit


@pytest.fixture(scope="module", params=KINDS)
def kind(request, likelihoods):
    """A simulator, and the likelihood that was learned."""
    return simulator_of(request.param), likelihoods(request.param)


def rows_of(X, rows):
    return [X[row] for row in rows] if isinstance(X, list) else X[np.asarray(rows)]


def n_observations_of(X):
    return np.array([1 if X[0].ndim == 1 or X[0].shape == (4, 3) else len(x) for x in X])


def exact_terms(of, X, y):
    """Return the exact log density of each observation, a list of arrays `(n_observations,)`."""
    each = (x[np.newaxis] for x in X)
    return [of(x, *row[:, np.newaxis])[0] for x, row in zip(each, np.asarray(y), strict=True)]


@contextmanager
def refused(error, *words):
    """Expect exactly this type of error, with all of these words in its message."""
    with pytest.raises(error) as caught:
        yield
    assert caught.type is error
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


# Shapes


def test_shapes(kind):
    simulator, likelihood = kind
    X, y = simulator.sample(5, random_state=1)
    sizes = n_observations_of(X)
    many = np.repeat(y.to_numpy()[:, np.newaxis], 7, axis=1)
    assert likelihood.log_likelihood(X, y).shape == (5,)
    assert likelihood.log_likelihood(X, many).shape == (5, 7)
    for draws, leading in ((y, ()), (many, (7,))):
        terms = likelihood.log_likelihood(X, draws, pointwise=True)
        assert isinstance(terms, list if isinstance(X, list) else np.ndarray)
        assert [term.shape for term in terms] == [(*leading, n) for n in sizes]
        whole = likelihood.log_likelihood(X, draws)
        np.testing.assert_allclose([term.sum(axis=-1) for term in terms], whole, rtol=1e-12)
        assert whole.dtype == np.float64
    np.testing.assert_allclose(likelihood.log_likelihood(X, many), whole[:, [0] * 7], rtol=1e-9)
    assert isinstance(likelihood.score(X, y), float)
    assert likelihood.score(X, y) == pytest.approx(likelihood.log_likelihood(X, y).mean(), rel=1e-12)


def test_each_draw_has_its_own_density(kind):
    simulator, likelihood = kind
    X, y = simulator.sample(4, random_state=1)
    draws = np.stack([y, y * 0.9, y * 0.5], axis=1)
    alone = np.stack([likelihood.log_likelihood(X, part) for part in draws.swapaxes(0, 1)], axis=1)
    np.testing.assert_allclose(likelihood.log_likelihood(X, draws), alone, rtol=1e-9)
    assert (np.ptp(alone, axis=1) > 1e-3).all()


def test_rows_do_not_interact(kind):
    simulator, likelihood = kind
    X, y = simulator.sample(20, random_state=1)
    together = likelihood.log_likelihood(X, y)
    # Where sizes differ, most rows are padded among others.
    alone = [likelihood.log_likelihood(rows_of(X, [i]), y.iloc[[i]])[0] for i in range(20)]
    np.testing.assert_allclose(alone, together, rtol=1e-9)
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_allclose(likelihood.log_likelihood(rows_of(X, order), y.iloc[order]), together[order], rtol=1e-9)


def test_lists_and_arrays_are_alike(likelihoods):
    for name in ("trials", "series"):
        X, y = simulator_of(name).sample(5, random_state=1)
        likelihood = likelihoods(name)
        of_list, of_array = (likelihood.log_likelihood(x, y, pointwise=True) for x in (list(X), X))
        assert isinstance(of_list, list)
        np.testing.assert_allclose(of_list, of_array, rtol=1e-9)
        ragged = likelihoods(f"ragged {name}")
        np.testing.assert_allclose(ragged.log_likelihood(X, y), ragged.log_likelihood(list(X), y), rtol=1e-9)


def test_one_parameter():
    prior = IndependentPrior({"rate": stats.gamma(3.0)})
    simulator = Simulator(prior, lambda rate, rng: rng.normal(rate, size=(2, len(rate))).T, vectorized=True)
    X, y = simulator.sample(200, random_state=0)
    likelihood = quick(prior=prior).fit(X, y["rate"])
    assert likelihood.parameter_names_ == ["rate"]
    whole = likelihood.log_likelihood(X, y)
    np.testing.assert_array_equal(likelihood.log_likelihood(X, y["rate"]), whole)
    np.testing.assert_array_equal(likelihood.log_likelihood(X, y.to_numpy()[:, 0]), whole)
    assert likelihood.sample_data(y["rate"]).shape == (200, 2)


def test_what_data_are():
    """The summary says it, else the shape of X."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4, 3)), rng.normal(size=(40, 2))
    for summary, n_terms in ((None, 4), (SetSummary(), 4), (SeriesSummary(), 4), (IdentitySummary(), 1)):
        likelihood = quick(summary=summary).fit(X, y)
        assert likelihood.log_likelihood(X, y, pointwise=True).shape == (40, n_terms)
        assert likelihood.sample_data(y).shape == X.shape
        assert likelihood.column_kinds_ == ["continuous"] * (12 if n_terms == 1 else 3)
    images = rng.normal(size=(40, 4, 4, 1))
    for summary in (None, ImageSummary(width=4), IdentitySummary()):
        likelihood = quick(summary=summary).fit(images, y)
        assert likelihood.log_likelihood(images, y, pointwise=True).shape == (40, 1)
        assert likelihood.sample_data(y, 2).shape == (40, 2, 4, 4, 1)
    module = ModuleSummary(nn.Linear, {"in_features": 3, "out_features": 2})
    assert quick(summary=module).fit(X[:, 0], y).log_likelihood(X[:, 0], y, pointwise=True).shape == (40, 1)


def test_kinds_of_columns(likelihoods):
    kinds = {name: likelihoods(name).column_kinds_ for name in ("vectors", "trials", "counts", "categories")}
    assert kinds == {
        "vectors": ["continuous"] * 2,
        "trials": ["continuous", "category"],
        "counts": ["count"],
        "categories": ["category"],
    }


# Exact answers


@pytest.mark.parametrize("name", KINDS)
def test_density_agrees_with_the_exact_one(likelihoods, name):
    simulator, (_, of, *_), likelihood = simulator_of(name), KINDS[name], likelihoods(name)
    X, y = simulator.sample(1000, random_state=1)
    learned, exact = likelihood.log_likelihood(X, y, pointwise=True), exact_terms(of, X, y)
    difference = np.array([np.sum(e) - np.sum(k) for e, k in zip(exact, learned, strict=True)])
    n = n_observations_of(X).mean()
    noise = 4 * difference.std() / np.sqrt(len(X))
    kind = name.removeprefix("ragged ").removesuffix(" by two")
    # Each fitted number costs 1 / 2n nats on average, so that twice n times the sum is chi-squared. What a network
    # learns, choices and counts, is to be right to a hundredth of a nat an observation.
    fitted = stats.chi2(max(1, N_FITTED[kind])).ppf(1 - 1e-4) / (2 * 0.9 * N_SIMULATIONS)
    learned = 0.01 * n if kind in ("trials", "counts", "categories") or name != kind else 0.0
    assert -noise < difference.mean() < fitted + learned + noise


def test_density_integrates_to_one(likelihoods):
    """Over numbers, and over the levels of a category beside them."""
    y = [[0.3, -0.5]]
    value = np.linspace(-3.0, 4.0, 1501)
    density = 0.0
    for choice in (0.0, 1.0):
        X = np.column_stack([value, np.full_like(value, choice)])[np.newaxis]
        density = density + np.exp(likelihoods("trials").log_likelihood(X, y, pointwise=True)[0])
    assert trapezoid(density, value) == pytest.approx(1.0, abs=1e-5)
    categories = likelihoods("categories").log_likelihood(LEVELS[np.newaxis, :, np.newaxis], y, pointwise=True)
    assert np.exp(categories).sum() == pytest.approx(1.0, abs=1e-6)
    counts = likelihoods("counts").log_likelihood(np.arange(48.0)[np.newaxis, :, np.newaxis], y, pointwise=True)
    assert np.exp(counts).sum() == pytest.approx(1.0, abs=1e-3)


def test_rounded_numbers_have_the_density_of_their_unit():
    prior = IndependentPrior({"location": stats.norm()})

    def simulate(location, rng):
        return (location + 0.3 * rng.normal(size=(4, len(location)))).T[..., np.newaxis].round(1)

    likelihood = quick(engine=None).fit(Simulator(prior, simulate, vectorized=True))
    assert likelihood.column_kinds_ == ["count"]
    lattice = np.arange(-60, 61) / 10
    log_probs = likelihood.log_likelihood(lattice[np.newaxis, :, np.newaxis], [[0.2]], pointwise=True)
    assert 0.1 * np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-3)
    draws = likelihood.sample_data([[0.2]], 500, random_state=0)
    assert np.isclose(draws.ravel()[:, np.newaxis], lattice, rtol=0, atol=1e-12).any(axis=1).all()
    assert len(np.unique(draws.round(1))) > 10


def rounded(sd, decimals):
    """Four numbers around a location of this standard deviation, rounded."""

    def simulate(location, rng):
        return (location + rng.normal(size=(4, len(location)))).T[..., np.newaxis].round(decimals)

    return Simulator(IndependentPrior({"location": stats.norm(0.0, sd)}), simulate, vectorized=True)


def test_counts_and_continuous_numbers_have_one_unit():
    """Hundredths are fine enough that both are right."""
    simulator = rounded(1.0, 2)
    X, y = simulator.sample(200, random_state=1)
    settings = {"n_simulations": 1500, "max_iter": 12}
    counts, continuous = (
        quick(column_kinds=[kind], **settings).fit(simulator).log_likelihood(X, y) / 4
        for kind in ("count", "continuous")
    )
    exact = stats.norm.logpdf(X[..., 0], y).mean(axis=1)
    assert np.abs(counts - continuous).mean() < 0.05
    for learned in (counts, continuous):
        assert abs((learned - exact).mean()) < 0.03


def test_evidences_of_a_count_and_of_what_is_not_rounded_enough_are_comparable():
    """The same rounded data under two priors; tens of nats apart if one had probabilities and one densities."""
    step, n = 0.01, 4
    evidences, kinds, exact = [], [], []
    X, _ = rounded(1.0, 2).sample(20, random_state=1)
    for sd in (1.0, 10.0):
        joint = JointEstimator(Gaussian(()), Gaussian(()), n_simulations=1500, max_iter=10, random_state=0)
        joint.fit(rounded(sd, 2))
        kinds += joint.likelihood_.column_kinds_
        evidences.append(joint.log_evidence(X, 300, random_state=0).median)
        # The probabilities of intervals, integrated over the prior, over their widths.
        location = np.linspace(-6.0, 6.0, 1201)[:, np.newaxis, np.newaxis]
        edges = (X[..., 0] + shift * step / 2 - location for shift in (1, -1))
        with np.errstate(divide="ignore"):
            log_masses = np.log(stats.norm.cdf(next(edges)) - stats.norm.cdf(next(edges))).sum(axis=-1)
        density = np.exp(log_masses - n * np.log(step)) * stats.norm.pdf(location[:, 0], 0.0, sd)
        exact.append(np.log(trapezoid(density, location[:, 0, 0], axis=0)))
    assert kinds == ["count", "continuous"]
    log_bayes_factor = evidences[0] - evidences[1]
    np.testing.assert_allclose(log_bayes_factor, exact[0] - exact[1], atol=0.7)
    assert abs(np.mean(log_bayes_factor - exact[0] + exact[1])) < 0.25


def test_few_counts_reach_beyond_those_that_were_seen():
    prior = IndependentPrior({"rate": stats.gamma(2.0)})
    simulator = Simulator(
        prior, lambda rate, rng: rng.poisson(rate, size=(10, len(rate))).T[..., None], vectorized=True
    )
    likelihood = quick(n_simulations=2000, max_iter=12).fit(simulator)
    assert likelihood.column_kinds_ == ["count"]
    counts = np.arange(31.0)
    terms = likelihood.log_likelihood(counts[np.newaxis, :, np.newaxis], [[8.0]], pointwise=True)[0]
    exact = stats.poisson.logpmf(counts, 8.0)
    assert np.abs(terms - exact)[exact > np.log(1e-3)].max() < 0.8
    # What was hardly ever seen or never falls off as the rest does.
    assert (np.diff(terms[17:]) < -0.1).all()
    assert len(np.unique(likelihood.sample_data([[8.0]], 2000, random_state=0))) > 16


@pytest.mark.parametrize("kinds", ["count", ["count"], ("count", "number"), [None, "count"]])
def test_kinds_that_are_none(kinds):
    words = (
        "column_kinds must be None or a list of" if kinds != ["count"] else "of the 2 columns of an observation in X"
    )
    with refused(ValueError, words):
        quick(column_kinds=kinds).fit(simulator_of("vectors"))


def test_density_of_many_orders_of_magnitude():
    prior = IndependentPrior({"location": stats.norm()})

    def simulate(location, rng):
        return np.exp(2 * location[:, np.newaxis] + rng.normal(size=(len(location), 1)))

    likelihood = quick().fit(Simulator(prior, simulate, vectorized=True))
    log_value = np.linspace(-4.0, 6.0, 400)
    X = np.exp(log_value)[:, np.newaxis]
    log_density = likelihood.log_likelihood(X, np.full((400, 1), 0.5))
    assert trapezoid(np.exp(log_density + log_value), log_value) == pytest.approx(1.0, abs=1e-4)
    difference = stats.norm.logpdf(log_value, 1.0) - (log_density + log_value)
    # Three fitted numbers, as above; the map bends a little otherwise than a logarithm, a hundredth of a nat.
    cost = stats.chi2(3).ppf(1 - 1e-4) / (2 * 0.9 * N_SIMULATIONS) + 0.01
    assert 0 < trapezoid(stats.norm.pdf(log_value, 1.0) * difference, log_value) < cost


def test_mixture_of_networks(likelihoods):
    likelihood = pickle.loads(pickle.dumps(likelihoods("ragged series by two")))
    X, y = simulator_of("ragged series").sample(10, random_state=1)
    whole = likelihood.log_likelihood(X, y, pointwise=True)
    terms = []
    for member in likelihood.network_.members:
        likelihood.network_ = member
        terms.append(np.concatenate(likelihood.log_likelihood(X, y, pointwise=True)))
    assert np.abs(terms[0] - terms[1]).max() > 1e-3
    np.testing.assert_allclose(np.concatenate(whole), np.log(np.exp(terms).mean(axis=0)), rtol=1e-9)


@pytest.mark.parametrize("name", ["ragged trials by two", "ragged series by two"])
def test_mixture_is_simulated_from_both_networks(likelihoods, name):
    likelihood = pickle.loads(pickle.dumps(likelihoods(name)))
    rows, column = np.repeat(Y[:1], 2000, axis=0), 0
    before = likelihood.sample_data(rows, n_observations=1, random_state=0)[..., column]
    # One of them moves far away, and half of the data with it.
    likelihood.network_.members[1].density.residual.bias += 100.0
    after = likelihood.sample_data(rows, n_observations=1, random_state=0)[..., column]
    is_moved = after > before.max() + 1
    assert is_moved.mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 2000))
    np.testing.assert_array_equal(after[~is_moved], before[~is_moved])


def test_order_of_a_set_says_nothing(likelihoods):
    X, y = simulator_of("trials").sample(10, random_state=1)
    terms = likelihoods("trials").log_likelihood(X, y, pointwise=True)
    turned = likelihoods("trials").log_likelihood(X[:, ::-1], y, pointwise=True)
    np.testing.assert_allclose(turned, terms[:, ::-1], rtol=1e-9)


def test_past_of_a_series_alone_is_known(likelihoods):
    likelihood = likelihoods("ragged series by two")
    X, y = simulator_of("series").sample(10, random_state=1)
    terms = likelihood.log_likelihood(X, y, pointwise=True)
    changed = X.copy()
    changed[:, 4] += 0.3
    difference = np.abs(likelihood.log_likelihood(changed, y, pointwise=True) - terms)
    np.testing.assert_allclose(difference[:, :4], 0.0, atol=1e-9)
    # The two lags that it is told, and what it remembers.
    assert (difference[:, 4:] > 1e-12).all()
    np.testing.assert_allclose(likelihood.log_likelihood(X[:, :4], y, pointwise=True), terms[:, :4], rtol=1e-9)


def test_single_precision_is_close(kind):
    simulator, likelihood = kind
    X, y = simulator.sample(50, random_state=1)
    double = likelihood.log_likelihood(X, y, pointwise=True)
    single = likelihood.log_likelihood(X, y, pointwise=True, dtype=np.float32)
    difference = np.abs(np.concatenate([np.ravel(a - b) for a, b in zip(double, single, strict=True)]))
    assert 0 < difference.max() < 1e-4
    assert single[0].dtype == np.float64


# The prior's support


@pytest.fixture(scope="module")
def boxed():
    """A number that depends on one parameter in a box."""
    prior = IndependentPrior({"tilt": stats.uniform(-1, 2)})
    simulator = Simulator(prior, lambda tilt, rng: tilt + NOISE * rng.normal(size=len(tilt)), vectorized=True)
    return quick().fit(simulator)


def test_density_is_zero_where_nothing_was_learned(boxed):
    outside = [[-1.0001], [1.0001], [1.0], [1e300]]
    X = np.zeros((2, 1))
    assert np.isneginf(boxed.log_likelihood(X, [outside] * 2)).all()
    assert np.isneginf(boxed.log_likelihood(X, outside[:2])).all()
    np.testing.assert_array_equal(np.isfinite(boxed.log_likelihood(X, [[0.999], [1.001]])), [True, False])
    assert np.isneginf(boxed.log_likelihood(X, outside[:2], pointwise=True)).all()


def test_nothing_is_simulated_where_nothing_was_learned(boxed):
    with refused(ValueError, "y must lie inside the prior's support", "1 of 2 rows do not"):
        boxed.sample_data([[0.5], [1.5]])
    with refused(ValueError, "y must lie inside the prior's support", "2 of 4 rows do not"):
        boxed.sample_like(np.zeros((2, 1)), np.array([[[0.5], [1.5]]] * 2))


def test_without_a_prior_parameters_are_real_numbers(boxed):
    rng = np.random.default_rng(0)
    y = rng.uniform(-1, 1, size=(200, 1))
    likelihood = quick().fit(y + rng.normal(size=y.shape), y)
    assert likelihood.prior_ is None
    assert np.isfinite(likelihood.log_likelihood(np.zeros((1, 1)), [[3.0]])).all()
    assert likelihood.sample_data([[3.0]]).shape == (1, 1)


# Units


def test_unit_of_a_column_shifts_the_log_density(likelihoods):
    """By the log of the scale an observation, and those of choices by nothing."""
    unit = np.array([2.0**-17, 2.0**30])  # powers of two change no digit
    for name, scale in (("vectors", unit), ("ragged trials", unit), ("series", unit[:1]), ("counts", unit[1:] / 2**30)):
        X, y = simulator_of(name).sample(300, random_state=0)
        scaled = [x * scale for x in X]
        scaled = scaled if isinstance(X, list) else np.stack(scaled)
        parameters = {"prior": PRIOR} | KINDS[name][3]
        reference, other = quick(**parameters).fit(X, y), quick(**parameters).fit(scaled, y)
        is_continuous = np.array(reference.column_kinds_) == "continuous"
        shift = np.log(scale)[is_continuous].sum()
        expected = reference.log_likelihood(X, y) - shift * n_observations_of(X)
        np.testing.assert_allclose(other.log_likelihood(scaled, y), expected, rtol=0, atol=1e-9)
        draws, other_draws = (each.sample_data(y[:5], random_state=0) for each in (reference, other))
        for own, others in zip(draws, other_draws, strict=True):
            np.testing.assert_allclose(others, own * scale, rtol=1e-12)


# The emulator


def shifted(y):
    """Return parameters nearby, a fraction of the noise away."""
    return y + np.array([0.12, 0.05])


def flat_data_sets(X, n_draws):
    """Return draws of data sets, one after the other, and how often each row of parameters is in them."""
    if isinstance(X, list):
        return [x for draws in X for x in draws]
    return X.reshape(-1, *X.shape[2:])


def test_emulator_draws_from_the_density(kind):
    """Averaged over data from one density, the ratio of another to it is one."""
    _, likelihood = kind
    n_draws = 1000
    X = likelihood.sample_data(Y, n_draws, random_state=0)
    both = np.repeat(np.stack([Y, shifted(Y), 2 * Y - shifted(Y)], axis=1), n_draws, axis=0)
    log_density = likelihood.log_likelihood(flat_data_sets(X, n_draws), both)
    ratios = np.exp(log_density[:, 1:] - log_density[:, :1])
    errors = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert (errors < 0.05).all(), errors
    assert (np.abs(ratios.mean(axis=0) - 1) < 4.5 * errors).all()
    assert ratios.std() > 0.05


def test_moments_agree_with_those_of_simulations(kind):
    simulator, likelihood = kind
    n_draws, rows = 1000, np.repeat(Y, 1000, axis=0)
    n_observations = {"n_observations": 3} if isinstance(simulator.n_observations, tuple) else {}
    emulated = likelihood.sample_data(rows, random_state=0, **n_observations)
    simulated = np.stack(simulator.simulate_from(rows, random_state=1, **n_observations))
    assert emulated.shape == simulated.shape
    moments = [[f(X.reshape(3, n_draws, -1), axis=1) for f in (np.mean, np.std)] for X in (emulated, simulated)]
    deviation = moments[1][1]
    # Of least squares on as many numbers as there were simulations, and of both samples.
    distance = (Y**2 / [1.0, 0.36]).sum(axis=1, keepdims=True)
    tolerance = 5 * deviation * np.sqrt(2 / n_draws + (1 + distance) / N_SIMULATIONS)
    assert (np.abs(moments[0][0] - moments[1][0]) < tolerance).all()
    assert (np.abs(moments[0][1] - deviation) < tolerance).all()


def test_levels_stay_levels_and_counts_whole(likelihoods):
    choices = np.concatenate(likelihoods("ragged trials").sample_data(Y, 50, random_state=0), axis=1)[..., 1]
    assert set(choices.ravel()) == {0.0, 1.0}
    counts = likelihoods("counts").sample_data(Y, 50, random_state=0)
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert counts.min() >= 0 and len(np.unique(counts)) > 20
    assert set(likelihoods("categories").sample_data(Y, 200, random_state=0).ravel()) == set(LEVELS)


def test_sizes_of_data_sets(likelihoods):
    for name, n_columns in (("trials", 2), ("series", 1)):
        fixed, ragged = likelihoods(name), likelihoods(f"ragged {name}")
        assert fixed.sample_data(Y, random_state=0).shape == (3, N_OBSERVATIONS, n_columns)
        assert fixed.sample_data(Y, 4, random_state=0).shape == (3, 4, N_OBSERVATIONS, n_columns)
        for likelihood in (fixed, ragged):
            assert likelihood.sample_data(Y, n_observations=5).shape == (3, 5, n_columns)
            assert likelihood.sample_data(Y, 4, n_observations=5).shape == (3, 4, 5, n_columns)
            each = likelihood.sample_data(Y, n_observations=[2, 8, 5])
            assert [x.shape for x in each] == [(n, n_columns) for n in (2, 8, 5)]
            each = likelihood.sample_data(Y, 4, n_observations=[2, 8, 5])
            assert [x.shape for x in each] == [(4, n, n_columns) for n in (2, 8, 5)]
        sizes = [len(x) for x in ragged.sample_data(np.repeat(Y, 100, axis=0), random_state=0)]
        assert set(sizes) == set(range(2, N_OBSERVATIONS + 1))
        assert [x.shape[0] for x in ragged.sample_data(Y, 4, random_state=0)] == [4] * 3


def test_data_sets_of_the_size_of_others(likelihoods):
    rng = np.random.default_rng(0)
    draws = np.repeat(Y[:, np.newaxis], 4, axis=1) + 0.1 * rng.normal(size=(3, 4, 2))
    for name, n_columns in (("ragged trials", 2), ("ragged series", 1)):
        X = [np.zeros((n, n_columns)) for n in (2, 7, 5)]
        new = likelihoods(name).sample_like(X, draws, random_state=0)
        assert [x.shape for x in new] == [(4, n, n_columns) for n in (2, 7, 5)]
        new = likelihoods(name).sample_like(np.zeros((3, 6, n_columns)), draws, random_state=0)
        assert new.shape == (3, 4, 6, n_columns)
    assert likelihoods("vectors").sample_like(np.zeros((3, 2)), draws).shape == (3, 4, 2)
    assert likelihoods("images").sample_like(np.zeros((3, 4, 3)), draws).shape == (3, 4, 4, 3)


def test_data_sets_belong_to_their_draws(likelihoods):
    """Far apart, so that each can be told from its data."""
    draws = np.array([[[-2.0, 0.0], [2.0, 0.0]], [[1.0, 1.0], [-2.0, -1.0]]])
    for name in ("vectors", "ragged trials"):
        X = np.zeros((2, 2)) if name == "vectors" else [np.zeros((2, 2)), np.zeros((8, 2))]
        new = likelihoods(name).sample_like(X, np.repeat(draws, 20, axis=1), random_state=0)
        for one, own in zip(new, draws, strict=True):
            values = one.reshape(2, 20, -1, 2)[..., 0].mean(axis=(1, 2))
            # Within a choice and noise of the location.
            assert (np.abs(values - own[:, 0] - 0.5) < 1.0).all()


def test_data_depend_on_the_random_state(kind):
    _, likelihood = kind

    def draw(random_state):
        X = likelihood.sample_data(Y, 4, random_state=random_state)
        return np.concatenate([np.ravel(x) for x in X])

    first = draw(0)
    np.testing.assert_array_equal(draw(0), first)
    for seed in (1, None):
        other = draw(seed)
        assert other.shape != first.shape or (other != first).any()
    generator = np.random.default_rng(0)
    assert draw(generator).tolist() != draw(generator).tolist()
    draws = np.repeat(Y[:, np.newaxis], 4, axis=1)
    X = likelihood.sample_data(Y, random_state=0)
    first, again = (likelihood.sample_like(X, draws, random_state=0) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


# Fits


def test_pickling(kind):
    simulator, likelihood = kind
    X, y = simulator.sample(3, random_state=1)
    copy = pickle.loads(pickle.dumps(likelihood))
    np.testing.assert_array_equal(copy.log_likelihood(X, y), likelihood.log_likelihood(X, y))
    for one, other in zip(copy.sample_data(y, random_state=0), likelihood.sample_data(y, random_state=0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_depends_on_the_random_state():
    simulator = simulator_of("trials")
    X, y = simulator.sample(5, random_state=1)
    first, again, other = (
        quick(engine=Gaussian((8,)), n_simulations=100, random_state=seed).fit(simulator).log_likelihood(X, y)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(again, first)
    assert not np.isin(other, first).any()


def test_recipes_are_resolved_and_constructor_parameters_stay():
    likelihood = quick(engine=None, max_iter=1, n_simulations=50).fit(simulator_of("vectors"))
    assert [likelihood.engine, likelihood.summary, likelihood.prior] == [None] * 3
    assert isinstance(likelihood.engine_, SplineFlow) and isinstance(likelihood.summary_, IdentitySummary)
    assert likelihood.prior_ is PRIOR
    assert likelihood.parameter_names_ == ["location", "tilt"]
    assert likelihood.n_features_in_ == 2


@pytest.mark.parametrize(
    ("shape", "engine_class"), [((4, 8), ColumnwiseSplineFlow), ((4, 9), SplineFlow), ((4,), SplineFlow)]
)
def test_the_default_engine_of_a_set_has_a_network_for_each_of_a_few_columns(shape, engine_class):
    rng = np.random.default_rng(0)
    likelihood = quick(engine=None, max_iter=1).fit(rng.normal(size=(40, *shape)), rng.normal(size=(40, 2)))
    assert type(likelihood.engine_) is engine_class and likelihood.engine is None


def test_names_of_columns_and_of_parameters():
    X, y = simulator_of("vectors").sample(60, random_state=0)
    frame = pd.DataFrame(X, columns=["u", "v"])
    likelihood = quick().fit(frame, y)
    assert likelihood.feature_names_in_.tolist() == ["u", "v"]
    assert likelihood.parameter_names_ == ["location", "tilt"]
    np.testing.assert_array_equal(likelihood.log_likelihood(frame, y), quick().fit(X, y).log_likelihood(X, y))
    with refused(ValueError, "y must have the columns ['location', 'tilt'] in this order"):
        likelihood.log_likelihood(frame, y[["tilt", "location"]])
    with refused(ValueError, "y must have the columns ['location', 'tilt'] in this order"):
        likelihood.sample_data(y[["tilt", "location"]])


@pytest.mark.parametrize("name", ["vectors", "trials", "ragged trials", "ragged series"])
def test_curves_are_log_densities_an_observation(name):
    likelihood = quick(**{"learning_rate_init": 0.02} | KINDS[name][3])
    X, y = simulator_of(name).sample(300, random_state=0)
    likelihood.fit(X, y)
    assert likelihood.n_iter_ == len(likelihood.loss_curve_) == len(likelihood.validation_scores_)
    used, held_out = likelihood._split(300, None, is_pass=False)
    terms = likelihood.log_likelihood(X, y, pointwise=True)
    means = np.array([term.mean() for term in terms])
    best = likelihood.validation_scores_[likelihood.best_iter_ - 1] if likelihood.best_iter_ else None
    if best is not None:
        assert means[held_out].mean() == pytest.approx(best, abs=1e-4)
    assert means[used].mean() == pytest.approx(-likelihood.loss_curve_[-1], abs=0.1)


@pytest.mark.parametrize("name", ["vectors", "ragged trials", "ragged series by two"])
def test_warm_start_goes_on(name):
    X, y = simulator_of(name).sample(200, random_state=0)
    likelihood = quick(warm_start=True, **({"engine": Gaussian((8,))} | KINDS[name][3])).fit(X, y)
    before, scores = likelihood.log_likelihood(X, y), likelihood.validation_scores_
    # Steps too small to be seen: the second fit begins where the first one ended.
    likelihood.set_params(learning_rate_init=1e-9).fit(X, y)
    np.testing.assert_allclose(likelihood.log_likelihood(X, y), before, rtol=0, atol=1e-4)
    assert likelihood.n_iter_ == 12
    assert likelihood.validation_scores_[:6] == scores
    fresh = likelihood.set_params(warm_start=False, learning_rate_init=6e-3).fit(X, y)
    np.testing.assert_array_equal(fresh.log_likelihood(X, y), before)
    assert fresh.n_iter_ == 6


def test_warm_start_with_longer_series():
    X, y = simulator_of("series").sample(100, random_state=0)
    likelihood = quick(warm_start=True, **SERIES).fit(X[:, :5], y)
    with pytest.warns(ApproximationWarning, match=r"a series of X has 8 observations, more than any in fit \(5\)"):
        likelihood.log_likelihood(X, y)
    likelihood.fit(X, y).log_likelihood(X, y)


@pytest.mark.parametrize("name", ["trials", "series"])
def test_emulated_data_sets_have_the_sizes_of_the_last_fit(name):
    X, y = simulator_of(name).sample(40, random_state=0)
    likelihood = quick(warm_start=True, max_iter=1, **KINDS[name][3]).fit(X[:, :5], y)
    assert likelihood.sample_data(Y).shape[1] == 5
    assert likelihood.fit(X, y).sample_data(Y).shape[1] == N_OBSERVATIONS
    ragged = [x[: 3 + i % 2] for i, x in enumerate(X)]
    new = likelihood.fit(ragged, y).sample_data(np.repeat(Y, 20, axis=0), random_state=0)
    assert {len(x) for x in new} == {3, 4}


def test_few_rows_do():
    for name in ("vectors", "ragged trials", "series"):
        X, y = simulator_of(name).sample(11, random_state=0)
        likelihood = quick(**KINDS[name][3]).fit(X, y)
        assert np.isfinite(likelihood.log_likelihood(X, y)).all()
        assert len(likelihood.sample_data(y)) == 11


# What does not make sense


def test_use_before_fit():
    X, y = np.zeros((2, 2)), np.zeros((2, 2))
    uses = [
        lambda likelihood: likelihood.log_likelihood(X, y),
        lambda likelihood: likelihood.sample_data(y),
        lambda likelihood: likelihood.sample_like(X, np.zeros((2, 3, 2))),
        lambda likelihood: likelihood.score(X, y),
    ]
    for use in uses:
        with refused(NotFittedError, "AmortizedLikelihood instance is not fitted yet"):
            use(quick())


def test_observations_far_outside_the_range(likelihoods):
    X, y = simulator_of("ragged trials").sample(3, random_state=1)
    X[1][0, 0] = 1e6
    with pytest.warns(ApproximationWarning, match=rf"1 of {sum(map(len, X))} observations lie far outside .* set 1\."):
        log_density = likelihoods("ragged trials").log_likelihood(X, y)
    assert np.isfinite(log_density).all()
    assert log_density[1] < log_density[[0, 2]].min() - 10
    X, y = simulator_of("series").sample(3, random_state=1)
    X[2, 3] = -1e300
    with pytest.warns(ApproximationWarning, match="1 of 24 observations lie far outside"):
        assert np.isfinite(likelihoods("series").log_likelihood(X, y)).all()


@pytest.mark.parametrize("problem", [ConjugateGaussian(), GaussianMeanScale(8)])
def test_a_search_over_few_data_sets_raises_no_false_alarm(problem):
    X, y = problem.sample(200, random_state=2)
    search = GridSearchCV(AmortizedLikelihood(Gaussian(()), max_iter=1), {"learning_rate_init": [1e-3]}, cv=5)
    assert np.isfinite(search.fit(X, y).best_score_)


@pytest.mark.parametrize(("name", "value", "nearest"), [("categories", 2.2, 2.0), ("trials", 3.0, 1.0)])
def test_levels_that_were_not_in_fit(likelihoods, name, value, nearest):
    """The nearest level, at the price of one in all observations of fit and one more."""
    likelihood = likelihoods(name)
    X, y = simulator_of(name).sample(3, random_state=1)
    X[1, 2, -1] = nearest
    seen = likelihood.log_likelihood(X, y, pointwise=True)
    X[1, 2, -1] = value
    with pytest.warns(ApproximationWarning, match="1 of 24 observations .* or have a value that none had there"):
        unseen = likelihood.log_likelihood(X, y, pointwise=True)
    assert seen[1, 2] - unseen[1, 2] == pytest.approx(np.log(N_SIMULATIONS * N_OBSERVATIONS + 1))
    unseen[1, 2] = seen[1, 2]
    np.testing.assert_array_equal(unseen, seen)


def test_counts_that_are_none(likelihoods):
    X, y = simulator_of("counts").sample(3, random_state=1)
    X[1, 2] = 3.5
    with pytest.warns(ApproximationWarning, match="or have a value that none had there"):
        assert np.isfinite(likelihoods("counts").log_likelihood(X, y)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_numbers(likelihoods, dtype):
    for name in ("counts", "trials", "series"):
        X, y = simulator_of(name).sample(3, random_state=1)
        X = X.astype(float)
        X[1, 2, 0] = 1e300
        with pytest.warns(ApproximationWarning, match="1 of 24 observations lie far outside"):
            assert np.isfinite(likelihoods(name).log_likelihood(X, y, dtype=dtype)).all()


def test_columns_of_huge_numbers_raise_no_warning():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(300, 1))
    for column in (rng.choice([-1.7e308, 1.7e308], 300), 1.5e307 * rng.normal(size=300)):
        X = np.column_stack([column, y[:, 0] + rng.normal(size=300)])
        likelihood = quick(max_iter=1).fit(X, y)
        assert np.isfinite(likelihood.log_likelihood(X, y)).all() and np.isfinite(likelihood.sample_data(y)).all()


def test_series_longer_than_any_in_fit(likelihoods):
    X, y = np.zeros((2, 9, 1)), np.zeros((2, 2))
    for name in ("series", "ragged series"):
        with pytest.warns(ApproximationWarning, match=r"has 9 observations, more than any in fit \(8\)"):
            assert np.isfinite(likelihoods(name).log_likelihood(X, y)).all()
    # Observations of a set have densities of their own.
    assert np.isfinite(likelihoods("trials").log_likelihood(np.zeros((2, 9, 2)), y)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(likelihoods, value):
    for name in ("vectors", "trials", "ragged series"):
        X, y = simulator_of(name).sample(20, random_state=1)
        X[1][0] = value
        with refused(ValueError, "NaN" if value != value else "inf"):
            likelihoods(name).log_likelihood(X, y)
        with refused(ValueError, "NaN" if value != value else "inf"):
            quick(**KINDS[name][3]).fit(X, y)
        X[1][0] = 0.0
        y.iloc[1, 0] = value
        with refused(ValueError, "y must be finite; 1 of its 40 values"):
            likelihoods(name).log_likelihood(X, y)
        with refused(ValueError, "y must be finite; 1 of its 40 values"):
            likelihoods(name).sample_data(y)


def test_shapes_of_X(likelihoods):
    y = np.zeros((2, 2))
    with refused(ValueError, "X has 3 features, but AmortizedLikelihood is expecting 2 features"):
        likelihoods("vectors").log_likelihood(np.zeros((2, 3)), y)
    for shape in ((2, 8, 3), (2, 8)):
        with refused(ShapeError, "X must have shape (n_datasets, n_observations, 2), as in fit; got"):
            likelihoods("trials").log_likelihood(np.zeros(shape), y)
    with refused(ShapeError, "one data set without its first axis. Pass X[np.newaxis]."):
        likelihoods("trials").log_likelihood(np.zeros((8, 2)), y)
    with refused(ShapeError, "X must have shape (n_datasets, 4, 3), as in fit; got"):
        likelihoods("images").log_likelihood(np.zeros((2, 5, 3)), y)
    with refused(TypeError, "X must be data sets; got a simulator"):
        likelihoods("trials").log_likelihood(simulator_of("trials"), y)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2,), (2, 4, 3), (2, 0, 2), (1, 2, 3, 2)])
def test_shapes_of_y(likelihoods, shape):
    with refused(ShapeError, "y must have shape (2, 2), or (2, n_draws, 2)", f"got {shape}"):
        likelihoods("vectors").log_likelihood(np.zeros((2, 2)), np.zeros(shape))
    if len(shape) != 2 or shape[1] != 2:
        with refused(ShapeError, "y must have shape (n_datasets, 2); got"):
            likelihoods("vectors").sample_data(np.zeros(shape))
    with refused(ShapeError, "y must have at least one row of parameters; got shape (0, 2)"):
        likelihoods("vectors").sample_data(np.zeros((0, 2)))


def test_draws_of_another_number_of_data_sets(likelihoods):
    with refused(ShapeError, "draws must have shape (n_datasets, n_draws, n_parameters); got (2, 2)"):
        likelihoods("vectors").sample_like(np.zeros((2, 2)), np.zeros((2, 2)))
    for name, X in (("vectors", np.zeros((2, 2))), ("ragged trials", [np.zeros((3, 2)), np.zeros((4, 2))])):
        with refused(ShapeError, "draws must be of as many data sets as X, 2; got shape (3, 4, 2)"):
            likelihoods(name).sample_like(X, np.zeros((3, 4, 2)))


@pytest.mark.parametrize("n_observations", [0, -1, 2.0, [2, 3], [[2, 3, 4]], "many", [2, 3, 0]])
def test_sizes_that_are_none(likelihoods, n_observations):
    with refused(ShapeError, "n_observations must be one int of at least 1, or one for each of 3 data sets; got"):
        likelihoods("trials").sample_data(Y, n_observations=n_observations)


def test_sizes_of_single_observations(likelihoods):
    with refused(ValueError, "n_observations is for data sets of several observations; here each is one"):
        likelihoods("vectors").sample_data(Y, n_observations=2)


@pytest.mark.parametrize("n_draws", [0, 1.5, None])
def test_numbers_of_draws_that_are_none(likelihoods, n_draws):
    with refused(ValueError if n_draws == 0 else TypeError, "n_draws must be"):
        likelihoods("vectors").sample_data(Y, n_draws)


def test_several_sources():
    X, y = simulator_of("trials").sample(20, random_state=0)
    with refused(ShapeError, "a likelihood is learned of one source; X has several, ['a', 'b']", "AmortizedPosterior"):
        quick().fit(SliceDict(a=X, b=X[:, 0]), y)


class MeanOfObservations(nn.Module):
    def forward(self, x, mask):
        return x.mean(dim=1)


@pytest.mark.parametrize(
    "summary", [ModuleSummary(MeanOfObservations, takes_any_length=True), ExpertSummary(lambda X: X.mean(axis=1))]
)
def test_summaries_that_do_not_say_what_data_are(summary):
    X, y = simulator_of("trials").sample(20, random_state=0)
    for data in (X, list(X)):
        with refused(TypeError, "does not say whether observations are exchangeable or a series", "SetSummary()"):
            quick(summary=summary).fit(data, y)


def test_summary_for_several_sources():
    X, y = simulator_of("vectors").sample(20, random_state=0)
    with refused(ShapeError, "FusionSummary"):
        quick(summary=FusionSummary()).fit(X, y)


def test_simulator_and_what_it_brings():
    simulator = simulator_of("vectors")
    with refused(ValueError, "a simulator brings its own prior"):
        quick(prior=PRIOR).fit(simulator)
    with refused(ValueError, "y must be None, or pass arrays X and y"):
        quick().fit(simulator, np.zeros((2, 2)))
    gaps = Simulator(PRIOR, simulate_vectors, vectorized=True, allow_nan=True)
    with refused(ValueError, "allow_nan"):
        quick().fit(gaps)


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [("engine", "flow", TypeError), ("engine", Gaussian((0,)), ValueError), ("summary", Gaussian(), TypeError)],
)
def test_constructor_parameter(parameter, value, error):
    with pytest.raises(error, match=parameter if error is TypeError else "hidden_layer_sizes"):
        quick(**{parameter: value}).fit(simulator_of("vectors"))


def test_nested_parameter_of_a_recipe_that_is_none():
    with refused(ValueError, "engine__n_transforms cannot be set while engine is None", "AmortizedLikelihood(engine="):
        AmortizedLikelihood().set_params(engine__n_transforms=3)


def test_warm_start_with_other_data():
    X, y = simulator_of("trials").sample(30, random_state=0)
    likelihood = quick(warm_start=True).fit(X, y)
    with refused(ValueError, "with warm_start=True fit goes on with data sets of shape"):
        likelihood.fit(X[..., :1], y)
    with refused(ValueError, "with warm_start=True fit goes on with n_estimators=1; got 2"):
        likelihood.set_params(n_estimators=2).fit(X, y)
