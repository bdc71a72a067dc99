"""Simulations: the same rows however they are run, and clear words when they fail."""

import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
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


def nan_loop(a, t, rng):
    return np.nan if a > 6 else a


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


def outbreak(cases, growth, rng):
    return rng.poisson(cases * np.exp(growth * np.arange(5)))


OUTBREAK_PRIOR = IndependentPrior({"cases": stats.gamma(2.0), "growth": stats.norm(0.0, 0.1)})


@pytest.mark.parametrize("on_error", ["raise", "drop"])
def test_function_for_one_data_set_is_not_taken_for_vectorized(on_error):
    simulator = Simulator(OUTBREAK_PRIOR, outbreak, vectorized=True, on_error=on_error)
    with pytest.raises(SimulatorError, match=r"one row a data set.*got shape \(5,\).*ValueError") as caught:
        simulator.sample(20, random_state=0)
    assert "broadcast" in str(caught.value.__cause__)
    assert Simulator(OUTBREAK_PRIOR, outbreak).sample(20, random_state=0)[0].shape == (20, 5)


def test_vectorized_function_without_the_flag_is_told_so():
    for on_error in ("raise", "drop"):
        with pytest.raises(SimulatorError, match=r"not subscriptable.*vectorized=True"):
            Simulator(PRIOR, batch, on_error=on_error).sample(20, random_state=0)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, r"must return a data set; it returned None\. Is a return statement missing"),
        (np.ma.masked_equal(np.arange(3.0), 1.0), "masked"),
        (np.arange(3) * 1j, "real numbers; got values of type complex128.*side by side"),
        (1j, "complex128"),
        (np.array(["1", "2"]), "real numbers; got values of type <U1"),
        ([[1.0, 2.0], [3.0]], "array of one shape; got list"),
    ],
)
def test_what_is_no_data_set_is_refused(returned, message, vectorized):
    for on_error in ("raise", "drop"):
        simulator = Simulator(PRIOR, lambda a, t, rng: returned, vectorized=vectorized, on_error=on_error)
        with pytest.raises(SimulatorError, match=message) as caught:
            simulator.sample(20, random_state=0)
        assert "on_error" not in str(caught.value)


def test_simulate_from_checks_its_parameters():
    simulator = Simulator(OUTBREAK_PRIOR, outbreak)
    y = OUTBREAK_PRIOR.sample(20, random_state=0)
    X = simulator.simulate_from(y, random_state=0)
    np.testing.assert_array_equal(simulator.simulate_from(y.to_numpy(), random_state=0), X)
    with pytest.raises(ValueError, match=r"\['cases', 'growth'\] in this order; got \['growth', 'cases'\]"):
        simulator.simulate_from(y[["growth", "cases"]])
    with pytest.raises(ShapeError, match=r"y\[np.newaxis\]"):
        simulator.simulate_from(y.to_numpy()[0])
    with pytest.raises(ShapeError, match=r"y\.reshape\(-1, 2\)"):
        simulator.simulate_from(y.to_numpy()[np.newaxis])
    with pytest.raises(ValueError, match="number of rows of y"):
        simulator.simulate_from(y[:0])


def test_rows_depend_on_a_seed_sequence_alone():
    seed = np.random.SeedSequence(5)
    simulator = Simulator(OUTBREAK_PRIOR, outbreak)
    np.testing.assert_array_equal(*(simulator.sample(20, random_state=seed)[0] for _ in range(2)))
    y = OUTBREAK_PRIOR.sample(20, random_state=seed)
    np.testing.assert_array_equal(*(simulator.simulate_from(y, random_state=seed) for _ in range(2)))


def test_warning_points_at_the_caller():
    simulator = Simulator(PRIOR, failing_batch, vectorized=True, on_error="drop")
    inside = {"__name__": "skabi.estimators._base"}
    exec("def fit(simulator): return simulator.sample(500, random_state=0)", inside)
    for call in (lambda s: s.sample(500, random_state=0), inside["fit"]):
        with pytest.warns(ApproximationWarning, match="of 500 simulations") as caught:
            call(simulator)
        assert caught[0].filename == __file__


@pytest.mark.parametrize(("simulate", "vectorized"), [(nan_loop, False), (nan_batch, True)])
def test_missing_values_are_allowed_where_said_so(simulate, vectorized):
    X, y = Simulator(PRIOR, simulate, vectorized=vectorized, allow_nan=True).sample(500, random_state=0)
    np.testing.assert_array_equal(np.isnan(X[:, 0]), y["a"] > 6)
    with pytest.raises(SimulatorError, match=r"NaN or infinity for .*allow_nan=True"):
        Simulator(PRIOR, simulate, vectorized=vectorized).sample(500, random_state=0)


@pytest.mark.parametrize("vectorized", [False, True])
def test_infinity_is_never_allowed(vectorized):
    simulator = Simulator(PRIOR, lambda a, t, rng: a + np.inf, vectorized=vectorized, allow_nan=True)
    with pytest.raises(SimulatorError, match="returned infinity for"):
        simulator.sample(20, random_state=0)


def test_a_prior_that_draws_in_its_own_way_is_asked(tmp_path):
    class Shifted(IndependentPrior):
        def sample(self, n, random_state=None):
            return super().sample(n, random_state=random_state) + 100.0

    simulator = Simulator(Shifted({"a": stats.norm()}), lambda a, rng: np.full(2, a))
    for store in (None, tmp_path / "sims"):
        _, y = simulator.sample(20, random_state=0, store=store)
        assert (np.asarray(y) > 90).all()
