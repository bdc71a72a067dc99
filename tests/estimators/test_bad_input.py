"""What does not make sense is refused: the message says what was expected, what came, and what to try."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.exceptions import NotFittedError

from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError, TrainingError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import IdentitySummary

NOT_FINITE = [np.nan, np.inf, -np.inf]
USES = ["sample", "predict", "transform", "log_prob", "score"]


@contextmanager
def refused(error, *words):
    """Expect exactly this type of error, with all of these words in its message."""
    with pytest.raises(error) as caught:
        yield
    assert caught.type is error
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


def use(posterior, method, X, y):
    return getattr(posterior, method)(X, y) if method in ("log_prob", "score") else getattr(posterior, method)(X)


def with_value(array, value):
    array = np.array(array, dtype=float)
    array[(3, *(0,) * (array.ndim - 1))] = value
    return array


@pytest.fixture(scope="module")
def arrays(simulations):
    """20 data sets of four observations of three features, and their parameters."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 4, 3)), rng.normal(size=20)


@pytest.fixture(scope="module")
def fitted_to_arrays(quick, arrays):
    return quick(summary=IdentitySummary()).fit(*arrays)


# Shapes of X


@pytest.mark.parametrize("method", USES)
@pytest.mark.parametrize("width", [2, 4])
def test_another_number_of_features(fitted, simulations, method, width):
    X, y = simulations
    with refused(ValueError, f"X has {width} features", "AmortizedPosterior is expecting 3 features"):
        use(fitted, method, np.hstack([X, X])[:, :width], y)


@pytest.mark.parametrize("method", USES)
def test_one_data_set_without_its_first_axis(fitted, simulations, method):
    X, y = simulations
    with refused(ValueError, "Expected 2D array, got 1D array", "array.reshape(1, -1) if it contains a single sample"):
        use(fitted, method, X[0], y[:1])


def test_fit_to_one_data_set_without_its_first_axis(quick, simulations):
    X, y = simulations
    with refused(ValueError, "Expected 2D array, got 1D array", "array.reshape(1, -1)"):
        quick().fit(X[0], y[:1])


@pytest.mark.parametrize("method", USES)
@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist])
def test_one_array_without_its_first_axis(fitted_to_arrays, arrays, method, convert):
    X, y = arrays
    words = "X must have shape (n_datasets, 4, 3), as in fit; got (4, 3), one data set without its first axis."
    with refused(ShapeError, words, "Pass X[np.newaxis]."):
        use(fitted_to_arrays, method, convert(X[0]), y[:1])


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 4, 2), (2, 12), (2, 2, 4, 3)])
def test_arrays_of_another_shape(fitted_to_arrays, shape):
    with refused(ShapeError, f"X must have shape (n_datasets, 4, 3), as in fit; got {shape}"):
        fitted_to_arrays.sample(np.zeros(shape))


def test_arrays_where_fit_saw_features(fitted):
    with refused(ShapeError, "X must have shape (n_datasets, 3), as in fit; got (2, 4, 3)"):
        fitted.sample(np.zeros((2, 4, 3)))


@pytest.mark.parametrize("shape", [(0, 4, 3), (20, 4, 0)])
def test_empty_arrays(quick, shape):
    with refused(ShapeError, "at least one data set and one number a data set", str(shape)):
        quick().fit(np.zeros(shape), np.zeros(shape[0]))


def test_no_arrays_at_all(fitted_to_arrays):
    with refused(ShapeError, "at least one data set and one number a data set", "(0, 4, 3)"):
        fitted_to_arrays.sample(np.zeros((0, 4, 3)))


@pytest.mark.parametrize("n_rows", [0, 1])
def test_too_few_rows(quick, fitted, simulations, arrays, n_rows):
    X, y = simulations
    with refused(ValueError, f"{n_rows} sample(s)", "a minimum of 2 is required"):
        quick().fit(X[:n_rows], y[:n_rows])
    if n_rows:
        with refused(ValueError, "fit needs at least 2 data sets", "got 1."):
            quick().fit(arrays[0][:1], arrays[1][:1])
    else:
        with refused(ValueError, "0 sample(s)", "a minimum of 1 is required"):
            fitted.sample(X[:0])


@pytest.mark.parametrize("change", [lambda X: X[:, :2], lambda X: X[:, :, np.newaxis]])
def test_warm_start_with_another_shape_of_X(quick, simulations, change):
    X, y = simulations
    posterior = quick(warm_start=True).fit(X, y)
    before = posterior.sample(X[:2], 3, random_state=0)
    with refused(ValueError, "with warm_start=True fit goes on", "se warm_start=False"):
        posterior.fit(change(X), y)
    np.testing.assert_array_equal(posterior.sample(X[:2], 3, random_state=0), before)


def test_warm_start_with_other_parameters(quick, simulations):
    X, y = simulations
    posterior = quick(warm_start=True).fit(X, y)
    with refused(ValueError, "the parameters ['theta[0]', 'theta[1]']; got ['theta[0]']", "warm_start=False"):
        posterior.fit(X, y[:, :1])


# Values of X


@pytest.mark.parametrize("value", NOT_FINITE)
def test_X_is_not_finite(quick, fitted, simulations, value):
    X, y = simulations
    words = "Input X contains NaN" if np.isnan(value) else "Input X contains infinity"
    with refused(ValueError, words):
        quick().fit(with_value(X, value), y)
    for method in USES:
        with refused(ValueError, words):
            use(fitted, method, with_value(X, value), y)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_arrays_are_not_finite(quick, fitted_to_arrays, arrays, value):
    X, y = arrays
    words = "X must be finite; 1 of its 240 values are NaN or infinity"
    with refused(ValueError, words):
        quick().fit(with_value(X, value), y)
    for method in USES:
        with refused(ValueError, words):
            use(fitted_to_arrays, method, with_value(X, value), y)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([["a", 1.0, None]] * 20, dtype=object), "could not convert string to float: 'a'"),
        (np.array([["a", "b"]] * 20), "could not convert string to float"),
        (pd.DataFrame({"group": pd.Categorical(["a", "b"] * 10)}), "could not convert string to float: 'a'"),
        ([[1, 2], [3]] * 10, "array of numbers"),
    ],
    ids=["objects", "strings", "categories", "rows of different lengths"],
)
def test_what_is_not_numbers(quick, fitted, simulations, values, found):
    X, y = simulations
    unnamed = values.to_numpy() if hasattr(values, "to_numpy") else values
    with refused(ValueError, "X must convert to an array of numbers, with as many in every row", "got", found):
        quick().fit(values, y[:20])
    with refused(ValueError, "X must convert to an array of numbers", "got", found):
        fitted.predict(unnamed)
    with refused(ValueError, "y must convert to an array of numbers", "got", found):
        quick().fit(X[:20], values)
    with refused(ValueError, "y must convert to an array of numbers", "got", found):
        fitted.log_prob(X[:20], unnamed)


def test_arrays_that_are_not_numbers(quick, fitted_to_arrays):
    strings = [[["a"] * 3] * 4] * 20
    with refused(ValueError, "X must convert to an array of numbers", "got list", "'a'"):
        quick().fit(strings, np.arange(20))
    with refused(ValueError, "X must convert to an array of numbers", "got list", "'a'"):
        fitted_to_arrays.sample(strings)


def test_data_sets_with_rows_of_different_lengths(quick):
    for X, name in (([[[1, 2], [3]]] * 20, "X"), ({"a": [[[1, 2], [3]]] * 20}, "X['a']")):
        with refused(ValueError, f"{name} must convert to an array of numbers", "got list", "inhomogeneous"):
            quick().fit(X, np.arange(20.0))


def test_a_thing_in_place_of_X(fitted, simulator):
    with refused(TypeError, "X must be data sets; got a simulator", "X, y = simulator.sample(n)"):
        fitted.sample(simulator)
    with refused(ShapeError, "X has several sources, ['a']; in fit it had one"):
        fitted.sample({"a": 1.0})


def test_complex_numbers(quick, fitted, fitted_to_arrays, simulations, arrays):
    X, y = simulations
    words = ("Complex data not supported", "Pass real and imaginary parts as features")
    with refused(ValueError, *words, "X must be real"):
        quick().fit(X + 1j, y)
    with refused(ValueError, *words, "X must be real"):
        quick().fit(arrays[0] + 1j, arrays[1])
    with refused(ValueError, *words, "X must be real"):
        quick().fit(pd.DataFrame(X + 1j), y)
    with refused(ValueError, *words, "X must be real"):
        fitted_to_arrays.sample(arrays[0] + 1j)
    with refused(ValueError, *words, "y must be real"):
        quick().fit(X, y + 1j)
    with refused(ValueError, *words, "y must be real"):
        quick().fit(arrays[0], arrays[1] + 1j)
    with refused(ValueError, *words, "y must be real"):
        fitted.log_prob(X, y + 1j)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_X(quick, fitted, simulations, container):
    X, y = simulations
    words = ("Sparse data was passed for X, but dense data is required", "'.toarray()'")
    with refused(TypeError, *words):
        quick().fit(container(X), y)
    with refused(TypeError, *words):
        fitted.sample(container(X))


def test_masked_values(quick, fitted, fitted_to_arrays, simulations, arrays):
    X, y = simulations
    words = ("must have no masked values", "Fill them")
    masked, masked_arrays = (np.ma.masked_array(x, np.arange(x.size).reshape(x.shape) < 7) for x in (X, arrays[0]))
    with refused(ValueError, *words, "7 of 1200"):
        quick().fit(masked, y)
    with refused(ValueError, *words, "7 of 1200"):
        fitted.sample(masked)
    with refused(ValueError, *words, "7 of 240"):
        quick().fit(masked_arrays, arrays[1])
    with refused(ValueError, *words, "7 of 240"):
        fitted_to_arrays.sample(masked_arrays)
    assert fitted.sample(np.ma.masked_array(X), 2).shape == (400, 2, 2)


def test_no_X(quick, fitted, fitted_to_arrays, simulations):
    for call in (lambda: quick().fit(None, simulations[1]), lambda: fitted.sample(None)):
        with refused(ValueError, "X must be an array of numbers; got None"):
            call()
    with refused(ValueError, "X must be an array of numbers; got None"):
        fitted_to_arrays.sample(None)


@pytest.mark.parametrize("as_frame", [False, True])
def test_constant_feature_is_named_and_ignored(quick, simulations, as_frame):
    X, y = simulations
    columns = ["first", "second", "third", "fourth"]
    wide = np.insert(X, 1, 7.0, axis=1)
    name = "second" if as_frame else "1"
    with pytest.warns(ApproximationWarning, match=rf"1 of 4 features of X are constant .*: {name}\.$") as caught:
        posterior = quick().fit(pd.DataFrame(wide, columns=columns) if as_frame else wide, y)
    assert caught[0].filename == __file__
    moved = np.insert(X, 1, -1e6, axis=1)
    frames = [pd.DataFrame(x, columns=columns) if as_frame else x for x in (wide, moved)]
    np.testing.assert_array_equal(posterior.predict(frames[0]), posterior.predict(frames[1]))


def test_many_constant_features_are_counted(quick, arrays):
    X = np.array(arrays[0])
    X[:, :2] = 0.0
    with pytest.warns(ApproximationWarning, match=r"6 of 12 features of X are constant .*: 0, 1, 2, 3, 4, \.\.\.\.$"):
        quick(summary=IdentitySummary()).fit(X, arrays[1])


# Names


def test_columns_of_X_that_changed(quick, simulations):
    X, y = simulations
    posterior = quick().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    for method in USES:
        with refused(ValueError, "feature names should match those that were passed during fit", "unseen", "- d"):
            use(posterior, method, pd.DataFrame(X, columns=["a", "b", "d"]), y)
        with refused(ValueError, "feature names should match", "must be in the same order as they were in fit"):
            use(posterior, method, pd.DataFrame(X, columns=["c", "b", "a"]), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        posterior.predict(X)


def test_columns_of_X_that_changed_before_a_warm_start(quick, simulations):
    X, y = simulations
    posterior = quick(warm_start=True).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    with refused(ValueError, "must be in the same order as they were in fit", "warm_start=False"):
        posterior.fit(pd.DataFrame(X, columns=["c", "b", "a"]), y)
    assert posterior.feature_names_in_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_columns_of_y_that_changed(quick, simulations, method):
    X, y = simulations
    posterior = quick().fit(X, pd.DataFrame(y, columns=["a", "b"]))
    for columns in (["b", "a"], ["a", "c"]):
        with refused(ValueError, "y must have the columns ['a', 'b'] in this order, as in fit", f"got {columns}"):
            use(posterior, method, X, pd.DataFrame(y, columns=columns))
    posterior = quick().fit(X, pd.Series(y[:, 0], name="a"))
    with refused(ValueError, "y must have the columns ['a'] in this order, as in fit", "got ['b']"):
        use(posterior, method, X, pd.Series(y[:, 0], name="b"))
    assert use(posterior, method, X, pd.Series(y[:, 0])) is not None


def test_columns_of_y_in_another_order_than_the_prior(quick, simulations, simulator):
    X, y = simulations
    words = ("y must have the prior's columns ['location', 'log_scale'] in this order", "['log_scale', 'location']")
    with refused(ValueError, *words):
        quick(prior=simulator.prior).fit(X, pd.DataFrame(y[:, ::-1], columns=["log_scale", "location"]))


# y


def test_no_y(quick, fitted, simulations, arrays):
    for X in (simulations[0], arrays[0]):
        words = ("requires y to be passed, but the target y is None", "fit(X, y)", "fit(simulator)")
        with refused(ValueError, *words):
            quick().fit(X)
    with refused(ValueError, "y must be an array of numbers; got None"):
        fitted.log_prob(simulations[0], None)


def test_what_cannot_simulate_in_place_of_a_simulator(quick, fitted, simulator):
    for thing in (Simulator, simulator.prior, simulator.simulate, fitted):
        with refused(ValueError, "the target y is None", "a skabi.simulators.Simulator, fit(simulator)"):
            quick().fit(thing)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_y_is_not_finite(quick, fitted, simulations, arrays, value):
    X, y = simulations
    with refused(ValueError, "Input y contains NaN" if np.isnan(value) else "Input y contains infinity"):
        quick().fit(X, with_value(y, value))
    with refused(ValueError, "y must be finite; 1 of its 20 values are NaN or infinity"):
        quick().fit(arrays[0], with_value(arrays[1], value))
    for method in ("log_prob", "score"):
        with refused(ValueError, "y must be finite; 1 of its 800 values are NaN or infinity"):
            use(fitted, method, X, with_value(y, value))


def test_another_number_of_rows_in_y(quick, simulations, arrays):
    X, y = simulations
    with refused(ValueError, "inconsistent numbers of samples: [400, 399]"):
        quick().fit(X, y[:-1])
    with refused(ShapeError, "X and y must have the same n_datasets; got shapes (20, 4, 3) and (19,)"):
        quick().fit(arrays[0], arrays[1][:-1])


@pytest.mark.parametrize("n_axes", [2, 3])
def test_too_many_axes_in_y(quick, simulations, arrays, n_axes):
    X = (simulations if n_axes == 2 else arrays)[0]
    with refused(ShapeError, f"y must have shape (n_datasets, n_parameters); got ({len(X)}, 1, 1)"):
        quick().fit(X, np.zeros((len(X), 1, 1)))


@pytest.mark.parametrize("shape", [(400, 1), (400,), (400, 5, 3), (399, 2), (400, 0, 2), (2,), (1, 400, 2)])
def test_log_prob_of_parameters_of_another_shape(fitted, simulations, shape):
    with refused(ShapeError, "y must have shape (400, 2), or (400, n_draws, 2)", "for each row of X", f"got {shape}"):
        fitted.log_prob(simulations[0], np.zeros(shape))


def test_constant_parameter(quick, simulations):
    X, y = simulations
    wide = np.insert(y, 1, 7.0, axis=1)
    with refused(ValueError, "every parameter must vary in y; 'theta[1]' is 7 in all 400 rows. Leave it out."):
        quick().fit(X, wide)
    with refused(ValueError, "every parameter must vary in y; 'b' is 7 in all 400 rows"):
        quick().fit(X, pd.DataFrame(wide, columns=["a", "b", "c"]))


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_parameters_in_a_unit_beyond_double_precision(quick, simulations, unit):
    X, y = simulations
    with refused(ValueError, "the standard deviation of 'theta[0]' comes out as", "Give it in another unit"):
        quick().fit(X, y * unit)


# The prior


def test_parameters_outside_the_support(quick, simulations, simulator):
    X, y = simulations
    y = y.copy()
    y[[5, 9], 0] = [1.5, -2.0]
    words = ("inside the prior's support", "2 of 400 rows do not", "the first is row 5: location = 1.5")
    with refused(ValueError, *words, "(support -1 to 1)"):
        quick(prior=simulator.prior).fit(X, y)


def test_parameters_on_the_edge_of_the_support(quick, simulations, simulator):
    X, y = simulations
    y = y.copy()
    y[7, 0] = 1.0
    with refused(ValueError, "1 of 400 rows do not", "row 7: location = 1 (support -1 to 1)"):
        quick(prior=simulator.prior).fit(X, y)


class NoDensity:
    """A prior that can only draw."""

    parameter_names = ["a", "b"]

    def sample(self, n, random_state=None):
        return np.zeros((n, 2))


@pytest.mark.parametrize("prior", [NoDensity(), stats.norm(), {"a": stats.norm()}])
def test_prior_without_a_log_prob(quick, simulations, prior):
    words = ("prior must be an IndependentPrior, a ChainedPrior or an object with sample, log_prob", "log_prob")
    with refused(TypeError, *words, f"got {type(prior).__name__}, which has no"):
        quick(prior=prior).fit(*simulations)
    with refused(TypeError, *words):
        Simulator(prior, lambda a, b, rng: a)


def test_simulator_with_a_prior_or_with_parameters(quick, simulator, simulations):
    with refused(ValueError, "a simulator brings its own prior", "leave the constructor's prior at None"):
        quick(prior=simulator.prior).fit(simulator)
    with refused(ValueError, "y must be None, or pass arrays X and y"):
        quick().fit(simulator, simulations[1])


def test_another_number_of_parameters_than_the_prior(quick, simulations, simulator):
    with refused(ShapeError, "y must have shape (n_datasets, 2)", "location", "got (400, 1)"):
        quick(prior=simulator.prior).fit(simulations[0], simulations[1][:, :1])


def test_warm_start_with_another_prior(quick, simulations, simulator):
    X, y = simulations
    posterior = quick(warm_start=True).fit(X, pd.DataFrame(y, columns=simulator.prior.parameter_names))
    with refused(ValueError, "prior", "warm_start=False"):
        posterior.set_params(prior=simulator.prior).fit(X, y)


# Simulators that do not do as they should


def one_parameter(simulate, **settings):
    return Simulator(IndependentPrior({"a": stats.norm()}), simulate, **settings)


def explode(a, rng):
    raise ZeroDivisionError("no one is left")


def test_simulator_that_raises(quick):
    words = ("simulate raised ZeroDivisionError: no one is left for {'a': ", 'on_error="drop"')
    for vectorized in (False, True):
        with refused(SimulatorError, *words):
            quick(n_simulations=30).fit(one_parameter(explode, vectorized=vectorized))
    with refused(SimulatorError, "all 30 simulations failed; the first: simulate raised ZeroDivisionError"):
        quick(n_simulations=30).fit(one_parameter(explode, on_error="drop"))


def test_simulator_that_returns_the_wrong_number_of_rows(quick):
    words = ("must return one row a data set, (n_datasets, ...)", "for n_datasets=", "leave vectorized=False")
    for simulate in (lambda a, rng: a[:-1], lambda a, rng: 1.0):
        with refused(SimulatorError, *words):
            quick(n_simulations=30).fit(one_parameter(simulate, vectorized=True))


def test_simulator_that_changes_its_shape(quick):
    with refused(SimulatorError, "simulate must return the same shape every time; got", "(1,)", "(2,)"):
        quick(n_simulations=30).fit(one_parameter(lambda a, rng: np.zeros(1 + (a > 0))))

    def by_block(a, rng):
        return np.zeros((len(a), rng.integers(1, 100)))

    with refused(SimulatorError, "simulate must return the same shape every time; got"):
        quick(n_simulations=30).fit(one_parameter(by_block, vectorized=True, block_size=10))


def test_simulator_that_returns_no_numbers(quick):
    with refused(SimulatorError, "simulate must return numbers in an array of one shape; got list"):
        quick(n_simulations=30).fit(one_parameter(lambda a, rng: [[a], [a, a]]))
    with refused(SimulatorError, "simulate returned NaN or infinity for {'a': "):
        quick(n_simulations=30).fit(one_parameter(lambda a, rng: np.inf))
    with refused(ValueError, "0 feature(s)", "a minimum of 1 is required"):
        quick(n_simulations=30).fit(one_parameter(lambda a, rng: np.zeros(0)))


def test_constant_feature_of_a_simulator(quick):
    with pytest.warns(ApproximationWarning, match="1 of 2 features of X are constant") as caught:
        quick(n_simulations=50).fit(one_parameter(lambda a, rng: [a, 1.0]))
    assert caught[0].filename == __file__


# Arguments of methods


@pytest.mark.parametrize(
    ("n_draws", "error", "words"),
    [
        (0, ValueError, "n_draws must be at least 1; got 0"),
        (-1, ValueError, "n_draws must be at least 1; got -1"),
        (1.5, TypeError, "n_draws must be an int; got 1.5 of type float"),
        (True, TypeError, "n_draws must be an int; got True of type bool"),
        ("10", TypeError, "n_draws must be an int; got '10' of type str"),
        (None, TypeError, "n_draws must be an int; got None of type NoneType"),
    ],
)
def test_n_draws(fitted, simulations, n_draws, error, words):
    with refused(error, words):
        fitted.sample(simulations[0], n_draws)


@pytest.mark.parametrize("method", [*USES, "get_feature_names_out"])
def test_use_before_fit(quick, simulations, method):
    X, y = simulations
    with refused(NotFittedError, "AmortizedPosterior instance is not fitted yet", "Call 'fit'"):
        use(quick(), method, X, y)


def test_return_std_and_quantiles(fitted, simulations):
    with refused(ValueError, "pass either return_std=True or quantiles, not both"):
        fitted.predict(simulations[0], return_std=True, quantiles=[0.5])


@pytest.mark.parametrize("quantiles", [[1.5], [-0.1], [0.5, 50], [], [[0.5]]])
def test_quantiles_that_are_none(fitted, simulations, quantiles):
    with refused(ValueError, "quantiles must be a list of numbers from 0 to 1; got"):
        fitted.predict(simulations[0], quantiles=quantiles)


def test_quantiles_that_are_not_numbers(fitted, simulations):
    with refused(ValueError, "quantiles must convert to an array of numbers", "'median'"):
        fitted.predict(simulations[0], quantiles="median")
    with refused(ValueError, "quantiles must be finite"):
        fitted.predict(simulations[0], quantiles=[np.nan])


@pytest.mark.parametrize("random_state", ["seed", 1.5, -1])
def test_random_state(quick, fitted, simulations, random_state):
    words = "must be a non-negative int" if random_state == -1 else "cannot be used to seed"
    with refused(ValueError, words, repr(random_state)):
        quick(random_state=random_state).fit(*simulations)
    with refused(ValueError, words, repr(random_state)):
        fitted.sample(simulations[0], 2, random_state=random_state)


# The constructor


@pytest.mark.parametrize("parameter", ["n_layers", "engine__n_layers"])
def test_unknown_parameter(quick, parameter):
    with refused(ValueError, "Invalid parameter 'n_layers' for estimator", "Valid parameters are: ["):
        quick().set_params(**{parameter: 3})


@pytest.mark.parametrize(
    ("parameter", "value", "error", "words"),
    [
        ("engine", Gaussian, TypeError, "engine must be a recipe from skabi.engines, such as SplineFlow(), or None"),
        ("engine", "gaussian", TypeError, "engine must be a recipe from skabi.engines, such as SplineFlow(), or None"),
        ("engine", IdentitySummary(), TypeError, "engine must be a recipe from skabi.engines"),
        ("engine", Gaussian((8, -1)), ValueError, "hidden_layer_sizes[1] must be at least 1; got -1"),
        ("summary", Gaussian(), TypeError, "summary must be a recipe from skabi.summaries, such as SetSummary()"),
        ("loss", "nll", TypeError, "loss must be a recipe from skabi.losses, such as ForwardKL(), or None; got 'nll'"),
        ("n_simulations", 0, ValueError, "n_simulations must be at least 1; got 0"),
        ("max_iter", 0, ValueError, "max_iter must be at least 1; got 0"),
        ("max_iter", 2.0, TypeError, "max_iter must be an int; got 2.0"),
        ("n_iter_no_change", 0, ValueError, "n_iter_no_change must be at least 1; got 0"),
        ("batch_size", "big", ValueError, "batch_size must be \"auto\" or an int; got 'big'"),
        ("batch_size", 0, ValueError, "batch_size must be at least 1; got 0"),
        ("batch_size", None, TypeError, "batch_size must be an int; got None"),
        ("batch_size", np.array([8, 8]), TypeError, "batch_size must be an int; got array([8, 8])"),
        ("learning_rate_init", 0.0, ValueError, "learning_rate_init must lie between 0.0 and inf, ends excluded"),
        ("learning_rate_init", "fast", TypeError, "learning_rate_init must be a number; got 'fast'"),
        ("validation_fraction", 0, ValueError, "validation_fraction must lie between 0.0 and 1.0, ends excluded"),
        ("validation_fraction", 1, ValueError, "validation_fraction must lie between 0.0 and 1.0, ends excluded"),
        ("early_stopping", "yes", TypeError, "early_stopping must be True or False; got 'yes'"),
        ("warm_start", None, TypeError, "warm_start must be True or False; got None"),
        ("verbose", "loud", TypeError, "verbose must be an int or a bool; got 'loud'"),
        ("device", "gpu", ValueError, 'device must be "auto", "cpu" or a device that torch finds here; got \'gpu\''),
        ("device", 3.5, ValueError, 'device must be "auto", "cpu" or a device that torch finds here; got 3.5'),
        ("callbacks", 3, TypeError, "callbacks must be a list of skorch callbacks"),
        ("callbacks", "Checkpoint", TypeError, "callbacks must be a list of skorch callbacks"),
        ("callbacks", [print], TypeError, "callbacks must be a list of skorch callbacks"),
    ],
)
def test_constructor_parameter(quick, simulations, parameter, value, error, words):
    posterior = quick(**{parameter: value})  # nothing is checked before fit
    with refused(error, words):
        posterior.fit(*simulations)


def test_device_that_vanished_after_fit(quick, simulations):
    posterior = quick().fit(*simulations).set_params(device="nowhere")
    with refused(ValueError, "device must be", "got 'nowhere'"):
        posterior.sample(simulations[0], 2)


def test_learning_rate_with_which_nothing_is_learned(quick, simulations):
    with (
        pytest.warns(ApproximationWarning, match="last good weights are back"),
        refused(TrainingError, "NaN or infinite again after 8 restorations", "lower learning_rate_init"),
    ):
        quick(learning_rate_init=1e9, max_iter=20).fit(*simulations)


def test_fit_that_failed_is_no_fit(quick, simulations):
    posterior = quick(learning_rate_init=1e9)
    with pytest.warns(ApproximationWarning), pytest.raises(TrainingError):
        posterior.fit(*simulations)
    with refused(NotFittedError, "not fitted yet"):
        posterior.sample(simulations[0], 2)
