"""Data sets of random sizes: a list of arrays, whose sizes come from a range or a distribution."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"a": stats.gamma(2.0), "t": stats.norm(np.zeros(3), 1.0)})


def loop(a, t, rng, n_observations):
    return rng.normal(a + t[0], 1.0, size=(n_observations, 2))


def untold_loop(a, t, rng):
    return rng.normal(a + t[0], 1.0, size=9)


def padded_batch(a, t, rng, n_observations):
    X = rng.normal((a + t[:, 0])[:, np.newaxis], 1.0, size=(len(a), n_observations.max()))
    return np.where(np.arange(X.shape[1]) < n_observations[:, np.newaxis], X, np.nan)


def list_batch(a, t, rng, n_observations):
    return [rng.normal(mean, 1.0, size=(n, 2)) for mean, n in zip(a, n_observations, strict=True)]


def untold_batch(a, t, rng):
    return rng.normal(a[:, np.newaxis, np.newaxis], 1.0, size=(len(a), 9, 2))


def object_batch(a, t, rng, n_observations):
    X = np.empty(len(a), dtype=object)
    for i, n in enumerate(n_observations):
        X[i] = rng.normal(size=n)
    return X


SIMULATIONS = [
    (loop, False, 2),
    (untold_loop, False, 1),
    (padded_batch, True, 1),
    (list_batch, True, 2),
    (untold_batch, True, 2),
    (object_batch, True, 1),
]


def assert_same(X, other):
    assert isinstance(X, list) and isinstance(other, list) and len(X) == len(other)
    for x, o in zip(X, other, strict=True):
        assert_array_equal(x, o)


@pytest.mark.parametrize(("simulate", "vectorized", "n_features"), SIMULATIONS)
def test_sizes_and_rows_depend_on_the_seed_alone(simulate, vectorized, n_features):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, n_observations=(3, 8))
    X, y = simulator.sample(1100, random_state=0)
    assert {x.shape for x in X} == {(n, n_features) for n in range(3, 9)}
    assert {x.dtype for x in X} == {np.dtype(np.float64)} and all(np.isfinite(x).all() for x in X)
    fewer_X, fewer_y = simulator.sample(1007, random_state=0, n_jobs=2)
    assert_same(fewer_X, X[:1007])
    assert fewer_y.equals(y.iloc[:1007])
    assert_same(pickle.loads(pickle.dumps(simulator)).sample(20, random_state=0)[0], X[:20])


@pytest.mark.parametrize("vectorized", [False, True])
def test_sizes_change_neither_parameters_nor_what_is_simulated(vectorized):
    simulate = untold_batch if vectorized else untold_loop
    whole, y = Simulator(PRIOR, simulate, vectorized=vectorized).sample(50, random_state=0)
    X, same_y = Simulator(PRIOR, simulate, vectorized=vectorized, n_observations=(3, 8)).sample(50, random_state=0)
    assert same_y.equals(y)
    for x, row in zip(X, whole, strict=True):
        assert_array_equal(x, row.reshape(9, -1)[: len(x)])


def test_ranges_and_distributions():
    n = 4000
    sizes = {}
    for n_observations in ((3, 8), [3, 8], stats.randint(3, 9), stats.poisson(5, loc=1), (4, 4)):
        X, _ = Simulator(PRIOR, untold_loop, n_observations=(4, 4)).sample(3, random_state=0)
        assert isinstance(X, list) and {x.shape for x in X} == {(4, 1)}
        simulator = Simulator(PRIOR, padded_batch, vectorized=True, n_observations=n_observations)
        sizes[repr(n_observations)] = np.array([len(x) for x in simulator.sample(n, random_state=0)[0]])
    even, listed, randint, poisson, constant = sizes.values()
    assert_array_equal(even, listed)
    assert_array_equal(even, randint)
    assert_array_equal(constant, 4)
    for k in range(3, 9):
        assert abs((even == k).mean() - 1 / 6) < 5 * np.sqrt(5 / 36 / n)
    assert poisson.min() >= 1 and abs(poisson.mean() - 6) < 5 * np.sqrt(5 / n)
    values = stats.rv_discrete(values=([2, 5], [0.5, 0.5]))
    X, _ = Simulator(PRIOR, untold_loop, n_observations=values).sample(50, random_state=0)
    assert {len(x) for x in X} == {2, 5}


def test_sizes_do_not_follow_parameters_or_noise():
    simulator = Simulator(PRIOR, padded_batch, vectorized=True, n_observations=(1, 100))
    X, y = simulator.sample(4000, random_state=0)
    sizes = [len(x) for x in X]
    residual = [x[0, 0] for x in X] - (y["a"] + y["t[0]"])
    for column in (y["a"], y["t[0]"], residual):
        assert abs(np.corrcoef(sizes, column)[0, 1]) < 5 / np.sqrt(4000)


def test_sizes_of_simulate_from():
    simulator = Simulator(PRIOR, loop, n_observations=(3, 8), block_size=4)
    y = PRIOR.sample(10, random_state=0)
    drawn = simulator.simulate_from(y, random_state=0)
    assert len({len(x) for x in drawn}) > 1
    assert_same(simulator.simulate_from(y, random_state=0, n_jobs=2), drawn)
    assert_same(simulator.simulate_from(y[:8], random_state=0), drawn[:8])
    assert [len(x) for x in simulator.simulate_from(y, n_observations=20, random_state=0)] == [20] * 10
    sizes = np.arange(1, 11)
    X = simulator.simulate_from(y, n_observations=sizes, random_state=0)
    assert_array_equal([len(x) for x in X], sizes)
    again = simulator.simulate_from(y, n_observations=[len(x) for x in drawn], random_state=0)
    assert_same(again, drawn)


@pytest.mark.parametrize(
    ("n_observations", "error", "match"),
    [
        (0, ValueError, "int of at least 1; got 0"),
        ([1.5] * 10, ValueError, "int of at least 1"),
        ([3, 4], ShapeError, r"one for each of 10 data sets; got shape \(2,\)"),
        ({"a": 3}, ValueError, r"must be an int or an array.*got \{'a': 3\}"),
    ],
)
def test_bad_sizes_of_simulate_from(n_observations, error, match):
    simulator = Simulator(PRIOR, loop, n_observations=(3, 8))
    y = PRIOR.sample(10, random_state=0)
    with pytest.raises(error, match=match):
        simulator.simulate_from(y, n_observations=n_observations)
    with pytest.raises(ValueError, match="this simulator was made without"):
        Simulator(PRIOR, untold_loop).simulate_from(y, n_observations=n_observations)


@pytest.mark.parametrize(
    ("n_observations", "error", "match"),
    [
        (20, TypeError, r"must be a range of int \(low, high\).*or a frozen discrete distribution.*got 20"),
        (
            (3, 8, 2),
            TypeError,
            r"n_observations must be a range of int \(low, high\), such as \(20, 200\); got \(3, 8, 2\)",
        ),
        ((3.0, 8), TypeError, r"n_observations\[0\] must be an int"),
        ((0, 8), ValueError, r"n_observations\[0\] must be at least 1; got 0"),
        ((8, 3), ValueError, r"n_observations\[1\] must be at least 8; got 3"),
        (stats.poisson(5), ValueError, "at least 1; the support of its distribution begins at 0.*loc"),
        (stats.randint([1, 2], 5), ValueError, "must draw one int"),
        (stats.randint(1, 5, loc=0.5), ValueError, "must draw one int"),
        (stats.randint(5, 5), ValueError, "begins at nan"),
        (stats.poisson, TypeError, r"not frozen.*stats\.randint\(20, 201\)"),
        (stats.norm(100), TypeError, "frozen discrete distribution"),
        ({}, TypeError, "non-empty dict"),
        ({3: (2, 5)}, TypeError, "dict of source name"),
        ({"a": 3}, TypeError, r"n_observations\['a'\] must be a range"),
        ({"a": (0, 3)}, ValueError, r"n_observations\['a'\]\[0\] must be at least 1"),
    ],
)
def test_bad_ranges(n_observations, error, match):
    with pytest.raises(error, match=match):
        Simulator(PRIOR, loop, n_observations=n_observations)


def test_simulate_must_fit_the_sizes():
    with pytest.raises(
        TypeError, match=r"required argument.*Say how many with Simulator\(\.\.\., n_observations=\(low, high\)\)"
    ):
        Simulator(PRIOR, loop)
    prior = IndependentPrior({"n_observations": stats.gamma(2.0)})
    with pytest.raises(ValueError, match="Call the parameter something else"):
        Simulator(prior, lambda n_observations, rng: [1.0], n_observations=(3, 8))
    assert Simulator(prior, lambda n_observations, rng: [1.0]).sample(3)[0].shape == (3, 1)
    # Whatever else a function takes: it is told sizes if it has a parameter of that name.
    with pytest.raises(TypeError, match=r"simulate\(a, t, rng, n_observations\)"):
        Simulator(PRIOR, lambda a, rng, n_observations: [1.0], n_observations=(3, 8))
    assert Simulator(PRIOR, lambda a, **others: np.ones(len(others) + 6), n_observations=(8, 8)).sample(3)[0][
        0
    ].shape == (8, 1)
    # A default that is never used.
    simulator = Simulator(PRIOR, lambda a, t, rng, n_observations=2: np.ones(n_observations))
    assert simulator.sample(3)[0].shape == (3, 2)


class Compiled:
    """A function that does not tell what it takes, as some compiled ones."""

    __signature__ = "unknown"

    def __call__(self, **arguments):
        return np.ones(10 + len(arguments))


def test_function_that_does_not_tell_what_it_takes():
    assert Simulator(PRIOR, Compiled()).sample(3)[0].shape == (3, 13)
    assert Simulator(PRIOR, Compiled(), n_observations=(13, 13)).sample(3)[0][0].shape == (13, 1)
    with pytest.raises(TypeError, match="simulate must be callable; got 3"):
        Simulator(PRIOR, 3, n_observations=(3, 8))


@pytest.mark.parametrize(
    ("simulate", "vectorized", "match"),
    [
        (lambda a, t, rng: np.ones(5), False, r"n_observations=7 along the first axis of a data set.*got shape \(5,\)"),
        (lambda a, t, rng: 1.0, False, r"n_observations=7 .* got shape \(\)"),
        (lambda a, t, rng: np.ones((len(a), 5)), True, r"n_observations=7 .* got shape \(5,\)"),
        (lambda a, t, rng: [np.ones(5)] * len(a), True, r"n_observations=7 .* got shape \(5,\)"),
        (lambda a, t, rng: np.ones((7, 2)), True, r"one row a data set.*got shape \(7, 2\) for n_datasets=16"),
        (lambda a, t, rng: [np.ones((7, 2))] * 3, True, r"got 3 arrays for n_datasets=16"),
        (lambda a, t, rng: [np.ones((7, 2 + (i > 2))) for i in range(len(a))], True, r"shapes \(2,\) and \(3,\)"),
        (
            lambda a, t, rng: np.ones((7, 2 + (a > 2))),
            False,
            r"got \(n_observations, 3\) and \(n_observations, 2\) for \{'a': 1\.",
        ),
        (lambda a, t, rng: None, False, "returned None"),
        (lambda a, t, rng: [None] * len(a), True, "returned None"),
        (lambda a, t, rng: np.ma.masked_equal(np.arange(9.0), 1.0), False, "masked"),
        (
            lambda a, t, rng: {"a": np.ones(7)},
            False,
            r"sources \['a'\].*Simulator\(\.\.\., n_observations=\{'a': \(20, 200\)\}\)",
        ),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "drop"])
def test_what_does_not_fit_is_refused(simulate, vectorized, match, on_error):
    simulator = Simulator(
        PRIOR, simulate, vectorized=vectorized, n_observations=(7, 7), on_error=on_error, block_size=16
    )
    with pytest.raises(SimulatorError, match=match):
        simulator.sample(100, random_state=0)


def failing(a, t, rng, n_observations):
    if np.any(a > 6):
        raise ZeroDivisionError("too large")
    return np.ones((*np.shape(a), 8)) * np.reshape(a, (*np.shape(a), 1))


def nan_inside(a, t, rng, n_observations):
    return np.where(
        np.arange(8) < 3, np.reshape(a, (*np.shape(a), 1)), np.where(np.reshape(a, (*np.shape(a), 1)) > 6, np.nan, 1.0)
    )


@pytest.mark.parametrize("simulate", [failing, nan_inside])
@pytest.mark.parametrize("vectorized", [False, True])
def test_failures_are_named_or_dropped(simulate, vectorized):
    with pytest.raises(SimulatorError, match=r"(raised ZeroDivisionError|NaN).*'a': 6\..*'n_observations': [3-8]\}"):
        Simulator(PRIOR, simulate, vectorized=vectorized, n_observations=(4, 8)).sample(500, random_state=0)
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, n_observations=(4, 8), on_error="drop")
    with pytest.warns(ApproximationWarning, match="of 500 simulations"):
        X, y = simulator.sample(500, random_state=0)
    assert_array_equal([x[0, 0] for x in X], y["a"])
    assert 400 < len(X) < 500


def test_progress_bar(capsys):
    Simulator(PRIOR, loop, n_observations=(3, 8)).sample(20, verbose=1)
    assert "simulating" in capsys.readouterr().err


def grouped(a, t, rng, n_groups, n_observations):
    return rng.normal(a, 1.0, size=(n_groups, n_observations, 2))


def grouped_batch(a, t, rng, n_groups, n_observations):
    X = rng.normal(a[:, np.newaxis, np.newaxis], 1.0, size=(len(a), n_groups.max(), n_observations.max()))
    is_there = np.arange(X.shape[1]) < n_groups[:, np.newaxis]
    return np.where(is_there[..., np.newaxis], X, np.nan)


@pytest.mark.parametrize(("simulate", "vectorized"), [(grouped, False), (grouped_batch, True)])
def test_groups_of_random_numbers_and_sizes(simulate, vectorized):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, n_groups=(2, 4), n_observations=(1, 6), block_size=16)
    X, y = simulator.sample(300, random_state=0)
    shapes = np.array([x.shape[:2] for x in X])
    assert {x.shape[2] for x in X} == {1 if vectorized else 2} and all(np.isfinite(x).all() for x in X)
    assert set(shapes[:, 0]) == {2, 3, 4} and set(shapes[:, 1]) == {1, 2, 3, 4, 5, 6}
    assert abs(np.corrcoef(shapes.T)[0, 1]) < 4 / np.sqrt(300)
    assert_same(simulator.sample(300, random_state=0)[0], X)
    assert_same(simulator.sample(20, random_state=0)[0], X[:20])
    # Sizes of observations, and parameters, do not depend on whether there are groups.
    plain = Simulator(PRIOR, loop, n_observations=(1, 6), block_size=16).sample(20, random_state=0)
    assert [len(x) for x in plain[0]] == [x.shape[1] for x in X[:20]] and plain[1].equals(y.iloc[:20])
    given = simulator.simulate_from(y[:3], n_groups=[1, 2, 9], n_observations=8, random_state=0)
    assert [x.shape[:2] for x in given] == [(1, 8), (2, 8), (9, 8)]


def test_groups_alone():
    def simulate(a, t, rng, n_groups):
        return rng.normal(a, size=(n_groups, 5))

    X, _ = Simulator(PRIOR, simulate, n_groups=(2, 4)).sample(20, random_state=0)
    assert {x.shape for x in X} == {(2, 5), (3, 5), (4, 5)}


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"n_groups": (2, 4)}, TypeError, r"Say how many with Simulator\(\.\.\., n_observations=\(low, high\)\)"),
        ({"n_observations": (2, 4)}, TypeError, r"Say how many with Simulator\(\.\.\., n_groups=\(low, high\)\)"),
        ({"n_groups": 3, "n_observations": (2, 4)}, TypeError, "n_groups must be a range of int"),
        ({"n_groups": (0, 3), "n_observations": (2, 4)}, ValueError, r"n_groups\[0\] must be at least 1"),
        ({"n_groups": (2, 3), "n_observations": {"a": (2, 4)}}, TypeError, "n_groups is for X of one source"),
    ],
)
def test_groups_that_do_not_fit_are_refused(parameters, error, match):
    with pytest.raises(error, match=match):
        Simulator(PRIOR, grouped, **parameters)


def test_too_few_groups_are_refused():
    def simulate(a, t, rng):
        return np.zeros((3, 4, 1))

    simulator = Simulator(PRIOR, simulate, n_groups=(5, 5), n_observations=(4, 4))
    match = r"at least n_groups=5 and n_observations=4 along the first axes of a data set; got shape \(3, 4, 1\)"
    with pytest.raises(SimulatorError, match=match):
        simulator.sample(3)
    with pytest.raises(ValueError, match=r"n_groups must be int of at least 1; got 0"):
        simulator.simulate_from(np.ones((2, 4)), n_groups=0)
    with pytest.raises(ValueError, match="simulate_from takes n_groups where sizes may differ"):
        Simulator(PRIOR, loop, n_observations=(3, 8)).simulate_from(np.ones((2, 4)), n_groups=2)
