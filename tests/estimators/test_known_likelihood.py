"""A simulator's own likelihood, asked as a learned one is."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from skorch.helper import SliceDict

from skabi.datasets import ConjugateGaussian, DriftDiffusion, GaussianMeanScale, TruncatedGaussian
from skabi.estimators import KnownLikelihood, _known_likelihood
from skabi.exceptions import ShapeError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"rate": stats.uniform(1.0, 2.0)})


def simulate(rate, rng):
    return rng.exponential(rate)


def log_likelihood(X, rate):
    assert (rate > 0).all()  # no logarithm of a negative number
    return -X[:, 0] / rate - np.log(rate)


def exponential(log_likelihood=log_likelihood):
    return Simulator(PRIOR, simulate, vectorized=True, log_likelihood=log_likelihood)


@contextmanager
def refused(error, *words):
    """Expect exactly this type of error, with all of these words in its message."""
    with pytest.raises(error) as caught:
        yield
    assert caught.type is error
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


@pytest.fixture(scope="module", params=["vectors", "sets", "ragged sets"])
def problem(request):
    """A simulator, its likelihood, and data sets with several parameters each."""
    sizes = {"vectors": None, "sets": 5, "ragged sets": (2, 6)}[request.param]
    simulator = ConjugateGaussian() if sizes is None else GaussianMeanScale(sizes)
    X, _ = simulator.sample(7, random_state=0)
    draws = simulator.prior.sample(28, random_state=1).to_numpy().reshape(7, 4, 2)
    return simulator, KnownLikelihood(simulator), X, draws


def one_by_one(simulator, X, draws, **arguments):
    """Return what the simulator's own function says of each data set and each draw."""

    def of(x, y):
        data = [x] if isinstance(X, list) else x[np.newaxis]
        return simulator.log_likelihood(data, **simulator.prior.split(y[np.newaxis]), **arguments)[0]

    return [[of(x, y) for y in own] for x, own in zip(X, draws, strict=True)]


# Densities


def test_pairs_and_many_parameters(problem):
    simulator, likelihood, X, draws = problem
    exact = np.array(one_by_one(simulator, X, draws))
    np.testing.assert_allclose(likelihood.log_likelihood(X, draws), exact, rtol=1e-12)
    pairs = likelihood.log_likelihood(X, draws[:, 2])
    assert pairs.shape == (7,)
    np.testing.assert_allclose(pairs, exact[:, 2], rtol=1e-12)


def test_pairs_are_looked_at_a_part_at_a_time(problem, monkeypatch):
    _, likelihood, X, draws = problem
    whole = likelihood.log_likelihood(X, draws)
    for size in (1, 9, 45):
        monkeypatch.setattr(_known_likelihood, "_NUMBERS", size)
        np.testing.assert_array_equal(likelihood.log_likelihood(X, draws), whole)


def test_memory_is_bounded_whatever_the_size_of_a_data_set():
    """A data set once for each of its draws: 240 MB if it were all at once."""

    def of(X, rate):
        return -X[:, 0] / rate - np.log(rate)

    X, draws = np.ones((30, 1000)), np.full((30, 1000, 1), 2.0)
    likelihood = KnownLikelihood(exponential(of))
    tracemalloc.start()
    try:
        values = likelihood.log_likelihood(X, draws)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(values, np.full((30, 1000), -0.5 - np.log(2)))
    assert peak < 40e6


def test_one_data_set_with_many_draws_is_looked_at_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(_known_likelihood, "_NUMBERS", 24)
    sizes = []

    def of(X, rate):
        sizes.append(sum(map(np.size, X)))
        return np.array([x.sum() for x in X]) / rate

    X = [np.full((n, 1), float(n)) for n in (6, 2)]
    draws = 1 + np.arange(20.0).reshape(2, 10, 1) / 20
    values = KnownLikelihood(exponential(of)).log_likelihood(X, draws)
    np.testing.assert_allclose(values, np.array([[36.0], [4.0]]) / draws[..., 0])
    assert max(sizes) <= 24 and len(sizes) == 6


def test_observations():
    for simulator in (GaussianMeanScale(5), GaussianMeanScale((2, 6)), DriftDiffusion((2, 6))):
        X, y = simulator.sample(4, random_state=0)
        draws = np.stack([y, y * 0.9, y * 1.05], axis=1)
        terms = KnownLikelihood(simulator).log_likelihood(X, draws, pointwise=True)
        assert isinstance(terms, type(X))
        for own, exact in zip(terms, one_by_one(simulator, X, draws, pointwise=True), strict=True):
            np.testing.assert_allclose(own, exact, rtol=1e-12)
        pairs = KnownLikelihood(simulator).log_likelihood(X, y, pointwise=True)
        assert [term.shape for term in pairs] == [(len(x),) for x in X]
        whole = KnownLikelihood(simulator).log_likelihood(X, y)
        np.testing.assert_allclose([term.sum() for term in pairs], whole, rtol=1e-12)


def test_list_of_one_size_is_a_list_still():
    simulator = GaussianMeanScale((2, 6))
    X = list(np.random.default_rng(0).normal(size=(3, 4, 1)))
    y = np.array([[1.0, 0.0]] * 3)
    likelihood = KnownLikelihood(simulator)
    of_list, of_array = (likelihood.log_likelihood(x, y, pointwise=True) for x in (X, np.stack(X)))
    assert isinstance(of_list, list) and of_array.shape == (3, 4)
    np.testing.assert_array_equal(of_list, of_array)


def test_density_is_zero_outside_the_support():
    """Where the simulator's function is not asked."""
    likelihood = KnownLikelihood(exponential())
    X = np.array([[0.5], [1.5]])
    draws = np.array([[[2.0], [-1.0], [0.5]], [[3.5], [-2.0], [-1.0]]])
    expected = [[-0.25 - np.log(2), -np.inf, -np.inf], [-np.inf] * 3]
    np.testing.assert_allclose(likelihood.log_likelihood(X, draws), expected)
    np.testing.assert_array_equal(likelihood.log_likelihood(X, [[-1.0], [4.0]]), [-np.inf] * 2)
    trials = KnownLikelihood(DriftDiffusion(3))
    terms = trials.log_likelihood(np.full((1, 3, 2), 1.0), [[0.0, -1.0, 0.3]], pointwise=True)
    np.testing.assert_array_equal(terms, [[-np.inf] * 3])


@pytest.mark.parametrize("convert", [np.ndarray.tolist, pd.DataFrame, np.asarray])
def test_vectors_in_any_container(convert):
    """The simulator's function gets arrays."""
    X, y = exponential().sample(5, random_state=0)
    result = KnownLikelihood(exponential()).log_likelihood(convert(X), y)
    np.testing.assert_array_equal(result, log_likelihood(X, y.to_numpy()[:, 0]))


def test_several_sources():
    def two(rate, rng, n_observations):
        return {"many": rng.exponential(rate, size=n_observations["many"]), "one": rng.exponential(rate, size=1)}

    def of_both(X, rate):
        many = [(-x[:, 0] / r - np.log(r)).sum() for x, r in zip(X["many"], rate, strict=True)]
        return many + log_likelihood(X["one"], rate)

    simulator = Simulator(PRIOR, two, n_observations={"many": (2, 5)}, log_likelihood=of_both)
    X, y = simulator.sample(6, random_state=0)
    draws = np.stack([y, y * 0.99], axis=1)
    likelihood = KnownLikelihood(simulator)
    exact = np.stack([of_both(X, draws[:, i, 0]) for i in range(2)], axis=1)
    np.testing.assert_allclose(likelihood.log_likelihood(X, draws), exact, rtol=1e-12)
    np.testing.assert_allclose(likelihood.log_likelihood(dict(X), y), exact[:, 0], rtol=1e-12)
    assert isinstance(likelihood.sample_data(y, random_state=0), SliceDict)
    for made in (likelihood.sample_data(y, 2, random_state=0), likelihood.sample_like(X, draws, random_state=0)):
        assert set(made) == {"many", "one"} and made["one"].shape == (6, 2, 1)
        assert [len(each) for each in made["many"]] == [2] * 6


# Data


def test_data_are_the_simulators_own():
    for simulator in (ConjugateGaussian(), GaussianMeanScale(5), GaussianMeanScale((2, 6))):
        y = simulator.prior.sample(3, random_state=0)
        data = KnownLikelihood(simulator).sample_data(y, random_state=1)
        for one, other in zip(data, simulator.simulate_from(y, random_state=1), strict=True):
            np.testing.assert_array_equal(one, other)


def test_shapes_of_data():
    y = np.array([[1.0, 0.0], [1.0, 0.5], [2.0, 0.0]])
    assert KnownLikelihood(ConjugateGaussian()).sample_data(y, 4).shape == (3, 4, 2)
    assert KnownLikelihood(GaussianMeanScale(5)).sample_data(y, 4).shape == (3, 4, 5, 1)
    ragged = KnownLikelihood(GaussianMeanScale((2, 9)))
    assert [x.shape for x in ragged.sample_data(y, n_observations=[2, 9, 4])] == [(2, 1), (9, 1), (4, 1)]
    assert [x.shape for x in ragged.sample_data(y, 4, n_observations=[2, 9, 4])] == [(4, 2, 1), (4, 9, 1), (4, 4, 1)]
    assert [x.shape for x in ragged.sample_data(y, 4, n_observations=5)] == [(4, 5, 1)] * 3
    each = ragged.sample_data(y, 40, random_state=0)
    assert {len(x) for draws in each for x in draws} == set(range(2, 10))


def test_data_sets_of_the_size_of_others():
    rng = np.random.default_rng(0)
    draws = np.array([[[0.1, -5.0], [0.1, 5.0]], [[0.1, 20.0], [0.1, -20.0]]])
    X = [rng.normal(size=(n, 1)) for n in (2, 6)]
    fixed, ragged = KnownLikelihood(GaussianMeanScale(5)), KnownLikelihood(GaussianMeanScale((2, 6)))
    of_list = ragged.sample_like(X, draws, random_state=0)
    assert [x.shape for x in of_list] == [(2, 2, 1), (2, 6, 1)]
    of_array = ragged.sample_like(np.zeros((2, 4, 1)), draws, random_state=0)
    of_fixed = fixed.sample_like(np.zeros((2, 5, 1)), draws, random_state=0)
    assert (of_array.shape, of_fixed.shape) == ((2, 2, 4, 1), (2, 2, 5, 1))
    vectors = KnownLikelihood(ConjugateGaussian(noise_variance=0.01)).sample_like(np.zeros((2, 2)), draws)
    assert vectors.shape == (2, 2, 2)
    np.testing.assert_allclose(vectors, draws, atol=1.0)
    for data in (of_list, of_array, of_fixed):
        # Each draw has its own data, a tenth of the mean's distance wide.
        means = np.array([x.mean(axis=(1, 2)) for x in data])
        np.testing.assert_allclose(means, draws[..., 1], atol=1.0)


def test_data_depend_on_the_random_state():
    likelihood, y = KnownLikelihood(ConjugateGaussian()), np.zeros((3, 2))
    draws = np.zeros((3, 4, 2))
    for make in (
        lambda seed: likelihood.sample_data(y, 4, random_state=seed),
        lambda seed: likelihood.sample_like(y, draws, random_state=seed),
    ):
        np.testing.assert_array_equal(make(0), make(0))
        assert not np.isin(make(1), make(0)).any()
        assert np.unique(make(0)).size == 24


def test_says_what_it_is():
    assert repr(KnownLikelihood(TruncatedGaussian())) == f"KnownLikelihood({TruncatedGaussian()!r})"


# What does not make sense


def test_data_of_no_parameters():
    with refused(ShapeError, "y must have at least one row of parameters; got shape (0, 2)"):
        KnownLikelihood(ConjugateGaussian()).sample_data(np.zeros((0, 2)))


@pytest.mark.parametrize("simulator", [Simulator(PRIOR, simulate), object(), None])
def test_simulator_that_knows_no_likelihood(simulator):
    with refused(TypeError, "a simulator with a log_likelihood is needed; got"):
        KnownLikelihood(simulator)


def test_likelihood_that_knows_no_observations():
    likelihood = KnownLikelihood(ConjugateGaussian())
    with refused(TypeError, "log_likelihood takes no pointwise=True, with which it returns the log density of each"):
        KnownLikelihood(exponential()).log_likelihood([[1.0]], [[2.0]], pointwise=True)
    with refused(TypeError, "log_likelihood takes no pointwise=True"):
        likelihood.log_likelihood(np.zeros((1, 2)), np.zeros((1, 2)), pointwise=True)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda X, rate: log_likelihood(X, rate).sum(), "()"),
        (lambda X, rate: log_likelihood(X, rate)[:, np.newaxis], "(6, 1)"),
        (lambda X, rate: log_likelihood(X, rate)[:-1], "(5,)"),
    ],
)
def test_likelihood_of_another_shape(function, shape):
    words = "log_likelihood must return one number a data set, (n_datasets,)", f"got shape {shape} for n_datasets=6"
    with refused(ShapeError, *words):
        KnownLikelihood(exponential(function)).log_likelihood(np.ones((3, 1)), np.full((3, 2, 1), 2.0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("pointwise", [False, True])
def test_densities_that_are_none(value, pointwise):
    def of(X, rate, pointwise=False):
        terms = [np.where(x[:, 0] > 1.5, value, -x[:, 0] / r) for x, r in zip(X, rate, strict=True)]
        return terms if pointwise else np.array([term.sum() for term in terms])

    X = [np.full((n, 1), 0.1 * n) for n in range(1, 20)]
    draws = np.full((19, 3, 1), 2.0)
    words = "log_likelihood must return log densities, finite or -inf", "NaN or +inf for data set 15 at rate = 2."
    with refused(_known_likelihood.NoDensityError, *words):
        KnownLikelihood(exponential(of)).log_likelihood(X, draws, pointwise=pointwise)
    # Zero density is one, and parameters outside the support are none that the function is asked of.
    draws[15:] = -1.0
    values = KnownLikelihood(exponential(of)).log_likelihood(X, draws, pointwise=pointwise)
    assert np.isneginf(values[15]).all() and np.isfinite(values[14]).all()


@pytest.mark.parametrize("shape", [(2, 2), (3, 1), (2, 0, 1), (2, 3, 2), (1, 2, 3, 1)])
def test_shapes_of_y(shape):
    with refused(ShapeError, "y must have shape (2, 1), or (2, n_draws, 1)", f"got {shape}"):
        KnownLikelihood(exponential()).log_likelihood([[1.0], [2.0]], np.full(shape, 2.0))


def test_values_of_y():
    X, y = ConjugateGaussian().sample(3, random_state=0)
    likelihood = KnownLikelihood(ConjugateGaussian())
    with refused(ValueError, "y must have the columns ['theta[0]', 'theta[1]'] in this order"):
        likelihood.log_likelihood(X, y[y.columns[::-1]])
    with refused(ValueError, "y must have the columns ['theta[0]', 'theta[1]'] in this order"):
        likelihood.sample_data(y[y.columns[::-1]])
    with refused(ValueError, "y must be finite; 1 of its 6 values"):
        likelihood.log_likelihood(X, y.where(y != y.iloc[0, 0]))


def test_draws_of_another_number_of_data_sets():
    likelihood = KnownLikelihood(GaussianMeanScale((2, 6)))
    with refused(ShapeError, "draws must be of as many data sets as X, 2; got shape (3, 4, 2)"):
        likelihood.sample_like([np.zeros((2, 1))] * 2, np.ones((3, 4, 2)))
    with refused(ShapeError, "draws must have shape (n_datasets, n_draws, n_parameters); got (2, 2)"):
        likelihood.sample_like([np.zeros((2, 1))] * 2, np.ones((2, 2)))


def test_sizes_where_there_are_none():
    with refused(ValueError, "this simulator was made without"):
        KnownLikelihood(ConjugateGaussian()).sample_data(np.zeros((2, 2)), n_observations=3)
    with refused(ValueError, "n_draws must be at least 1; got 0"):
        KnownLikelihood(ConjugateGaussian()).sample_data(np.zeros((2, 2)), 0)
