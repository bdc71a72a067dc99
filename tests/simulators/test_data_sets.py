"""Several sources: a SliceDict of arrays, of which some have sizes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats
from skorch.helper import SliceDict

from skabi.exceptions import ApproximationWarning, SimulatorError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"a": stats.gamma(2.0), "t": stats.norm(np.zeros(3), 1.0)})


def loop(a, t, rng):
    return {"level": rng.normal(a), "curve": rng.normal(t[0], 1.0, size=(4, 2))}


def batch(a, t, rng):
    return {"level": rng.normal(a), "curve": rng.normal(t[0, 0], 1.0, size=(len(a), 4, 2))}


def sized_loop(a, t, rng, n_observations):
    assert set(n_observations) == {"set"} and isinstance(n_observations["set"], int)
    return {"level": rng.normal(a), "set": rng.normal(t[0], 1.0, size=n_observations["set"])}


def sized_batch(a, t, rng, n_observations):
    sizes = n_observations["set"]
    return {"level": rng.normal(a), "set": rng.normal(t[:, :1], 1.0, size=(len(a), sizes.max()))}


def assert_same(X, other):
    assert isinstance(X, SliceDict) and list(X) == list(other) and len(X) == len(other)
    for name in X:
        for x, o in zip(X[name], other[name], strict=True):
            assert_array_equal(x, o)


@pytest.mark.parametrize(("simulate", "vectorized"), [(loop, False), (batch, True)])
def test_sources(simulate, vectorized):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized)
    X, y = simulator.sample(1100, random_state=0)
    assert {name: values.shape for name, values in X.items()} == {"level": (1100, 1), "curve": (1100, 4, 2)}
    assert all(values.dtype == np.float64 for values in X.values()) and X.shape == (1100,)
    fewer_X, fewer_y = simulator.sample(1007, random_state=0, n_jobs=2)
    assert_same(fewer_X, X[:1007])
    assert fewer_y.equals(y.iloc[:1007])
    assert abs((X["level"][:, 0] - y["a"]).mean()) < 5 / np.sqrt(1100)
    again = simulator.simulate_from(y[:20], random_state=1)
    assert_same(again, simulator.simulate_from(y[:20].to_numpy(), random_state=1))
    assert again["curve"].shape == (20, 4, 2)


@pytest.mark.parametrize(("simulate", "vectorized"), [(sized_loop, False), (sized_batch, True)])
def test_sources_with_sizes(simulate, vectorized):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, n_observations={"set": (3, 8)})
    X, y = simulator.sample(1100, random_state=0)
    assert X["level"].shape == (1100, 1) and X["set"].shape == (1100,)
    assert {x.shape for x in X["set"]} == {(n, 1) for n in range(3, 9)}
    fewer_X, fewer_y = simulator.sample(1007, random_state=0, n_jobs=2)
    assert_same(fewer_X, X[:1007])
    assert fewer_y.equals(y.iloc[:1007])
    # Split as cross-validation does.
    for rows in (slice(3, 9), np.array([5, 2, 2]), np.arange(1100) % 2 == 0):
        part = X[rows]
        assert isinstance(part, SliceDict) and len(part) == len(y.iloc[rows])
        assert_array_equal(part["set"][1], X["set"][np.arange(1100)[rows][1]])
    for given, expected in ((7, [7] * 5), ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])):
        again = simulator.simulate_from(y[:5], n_observations={"set": given}, random_state=0)
        assert [len(x) for x in again["set"]] == expected


def test_equal_sizes_are_not_stacked():
    simulator = Simulator(PRIOR, sized_batch, vectorized=True, n_observations={"set": (4, 4)})
    X, _ = simulator.sample(5, random_state=0)
    assert X["set"].shape == (5,) and X["set"].dtype == object and X["set"][0].shape == (4, 1)


def test_each_source_has_its_own_sizes():
    def simulate(a, t, rng, n_observations):
        return {name: np.ones((n, 2)) for name, n in n_observations.items()}

    one = Simulator(PRIOR, simulate, n_observations={"a": (1, 50)})
    two = Simulator(PRIOR, simulate, n_observations={"a": (1, 50), "b": stats.randint(1, 51)})
    sizes = {name: [len(x) for x in values] for name, values in two.sample(500, random_state=0)[0].items()}
    assert [len(x) for x in one.sample(500, random_state=0)[0]["a"]] == sizes["a"]
    assert abs(np.corrcoef(sizes["a"], sizes["b"])[0, 1]) < 5 / np.sqrt(500)
    y = PRIOR.sample(500, random_state=0)
    some = two.simulate_from(y, n_observations={"b": 3}, random_state=0)
    assert {len(x) for x in some["b"]} == {3} and len({len(x) for x in some["a"]}) > 10
    for wrong in ({"c": 3}, 3):
        with pytest.raises(ValueError, match=r"n_observations must be a dict with names among \['a', 'b'\]"):
            two.simulate_from(y, n_observations=wrong)


def by_size(a, t, rng):
    return {"a": 1.0, "b" if a > 3 else "c": 2.0}


def by_shape(a, t, rng):
    return {"a": 1.0, "b": np.ones(3 if a > 3 else 2)}


def only_sometimes(a, t, rng):
    return {"a": 1.0} if a > 3 else 1.0


@pytest.mark.parametrize(
    ("simulate", "vectorized", "match"),
    [
        (by_size, False, r"the same sources every time; got \['a', 'c'\] and \['a', 'b'\] for \{'a': 4\."),
        (by_shape, False, r"simulate \(source 'b'\) must return the same shape every time; got \(2,\) and \(3,\) for"),
        (only_sometimes, False, r"the same sources every time; got one array and \['a'\]"),
        (lambda a, t, rng: {}, False, r"a dict of source name to array; got a dict with the keys \[\]"),
        (lambda a, t, rng: {1: 2.0}, False, r"keys \[1\]"),
        (lambda a, t, rng: {"a": None}, False, r"simulate \(source 'a'\) must return a data set; it returned None"),
        (lambda a, t, rng: {"a": 1j}, False, r"simulate \(source 'a'\) must return real numbers"),
        (lambda a, t, rng: {"a": {"b": 1.0}}, False, r"source 'a'\) must return numbers in an array.*got dict"),
        (lambda a, t, rng: {"a": a, "b": a[:3]}, True, r"\(source 'b'\) must return one row a data set.*shape \(3,\)"),
        (lambda a, t, rng: {"a": a, "b": 1.0}, True, r"\(source 'b'\) must return one row a data set.*shape \(\)"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "drop"])
def test_what_is_no_dict_of_sources_is_refused(simulate, vectorized, match, on_error):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, on_error=on_error)
    with pytest.raises(SimulatorError, match=match):
        simulator.sample(100, random_state=0)


def test_sources_of_blocks_must_agree():
    simulator = Simulator(PRIOR, lambda a, t, rng: {"a" if a[0] > 1.5 else "b": a}, vectorized=True, block_size=5)
    with pytest.raises(SimulatorError, match="the same sources every time"):
        simulator.sample(100, random_state=0)


def test_order_of_sources_is_that_of_the_first():
    def simulate(a, t, rng):
        return {"a": 1.0, "b": 2.0} if a > 1 else {"b": 2.0, "a": 1.0}

    X, _ = Simulator(PRIOR, simulate, block_size=3).sample(50, random_state=0)
    assert_array_equal(X["a"], 1.0)
    assert_array_equal(X["b"], 2.0)


@pytest.mark.parametrize(
    ("simulate", "n_observations", "match"),
    [
        (lambda a, t, rng: np.ones(9), {"a": (2, 5)}, r"a dict for sources \['a'\], but simulate returned one array"),
        (loop, {"set": (2, 5)}, r"for sources \['set'\], but simulate returned the sources \['level', 'curve'\]"),
        (loop, {"curve": (2, 5)}, r"simulate \(source 'curve'\) must return at least n_observations=5 along.*\(4, 2\)"),
        (loop, {"level": (2, 5)}, r"simulate \(source 'level'\) must return at least n_observations=\d along.*\(\)"),
    ],
)
def test_sizes_must_be_those_of_sources(simulate, n_observations, match):
    with pytest.raises(SimulatorError, match=match):
        Simulator(PRIOR, simulate, n_observations=n_observations).sample(50, random_state=0)


@pytest.mark.parametrize("vectorized", [False, True])
def test_failures_are_named_or_dropped(vectorized):
    def simulate(a, t, rng, n_observations):
        if np.any(a > 6):
            raise ZeroDivisionError("too large")
        level = np.where(a < 0.5, np.inf, a)
        return {"level": level, "set": np.ones((*np.shape(a), 8))}

    settings = {"vectorized": vectorized, "n_observations": {"set": (3, 8)}}
    with pytest.raises(SimulatorError, match=r"for \{'a': [06]\..*'n_observations': \{'set': \d\}\}"):
        Simulator(PRIOR, simulate, **settings).sample(500, random_state=0)
    with pytest.warns(ApproximationWarning, match="of 500 simulations"):
        X, y = Simulator(PRIOR, simulate, **settings, on_error="drop").sample(500, random_state=0)
    assert_array_equal(X["level"][:, 0], y["a"])
    assert 300 < len(X) == len(y) < 500 and y["a"].between(0.5, 6).all()


def test_all_rows_of_a_block_may_fail():
    def simulate(a, t, rng):
        return {"a": np.full(len(a), np.nan if a.min() < 0.2 else 1.0)}

    simulator = Simulator(PRIOR, simulate, vectorized=True, block_size=5, on_error="drop")
    with pytest.warns(ApproximationWarning, match="of 100 simulations"):
        X, y = simulator.sample(100, random_state=0)
    assert 0 < len(X) == len(y) < 100


def test_function_that_cannot_take_a_batch_is_told_so():
    def simulate(a, t, rng):
        return {"a": a * np.arange(7)}

    with pytest.raises(SimulatorError, match=r"\(source 'a'\) must return one row a data set.*it raised ValueError"):
        Simulator(PRIOR, simulate, vectorized=True).sample(20, random_state=0)
