"""Simulations: the same rows however they are run, and clear words when they fail."""

import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import ApproximationWarning, SimulatorError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"a": stats.gamma(2.0), "t": stats.norm(np.zeros(3), 1.0)})


def loop(a, t, rng):
    return rng.normal(a + t[0], 1.0, size=4)


def batch(a, t, rng):
    return rng.normal(a[:, np.newaxis] + t[:, :1], 1.0, size=(len(a), 4))


def failing_loop(a, t, rng):
    if a > 6:
        raise ZeroDivisionError("too large")
    return a


def failing_batch(a, t, rng):
    if (a > 6).any():
        raise ZeroDivisionError("too large")
    return a


def nan_batch(a, t, rng):
    return np.where(a > 6, np.nan, a)


@pytest.mark.parametrize(("simulate", "vectorized"), [(loop, False), (batch, True)])
def test_rows_depend_on_the_seed_alone(simulate, vectorized):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized)
    X, y = simulator.sample(1500, random_state=0)
    fewer_X, fewer_y = simulator.sample(1100, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(fewer_X, X[:1100])
    assert fewer_y.equals(y.iloc[:1100])
    residual = X - (y["a"] + y["t[0]"]).to_numpy()[:, np.newaxis]
    assert abs(residual.mean()) < 5 / np.sqrt(residual.size)


@pytest.mark.parametrize(("simulate", "vectorized"), [(failing_loop, False), (failing_batch, True), (nan_batch, True)])
def test_failures_are_named_or_dropped(simulate, vectorized):
    with pytest.raises(SimulatorError, match=r"(raised ZeroDivisionError|NaN).*'a': 6\."):
        Simulator(PRIOR, simulate, vectorized=vectorized).sample(500, random_state=0)
    with pytest.warns(ApproximationWarning, match="of 500 simulations"):
        X, y = Simulator(PRIOR, simulate, vectorized=vectorized, on_error="drop").sample(500, random_state=0)
    np.testing.assert_array_equal(X[:, 0], y["a"])
    assert 400 < len(X) < 500


def test_wrong_number_of_rows_and_signature_are_refused():
    with pytest.raises(SimulatorError, match="one row a data set"):
        Simulator(PRIOR, lambda a, t, rng: a[:-1], vectorized=True).sample(10, random_state=0)
    with pytest.raises(TypeError, match=r"simulate\(a, t, rng\)"):
        Simulator(PRIOR, lambda a, rng: a)
    with pytest.raises(TypeError, match="log_prob"):
        Simulator(object(), loop)


def test_first_failure_ends_the_run():
    calls = []

    def simulate(a, t, rng):
        calls.append(a)
        raise ValueError("never works")

    with pytest.raises(SimulatorError, match="never works"):
        Simulator(PRIOR, simulate).sample(500, random_state=0)
    assert len(calls) == 1
