"""What holds for every simulator in the room."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skabi.datasets
from skabi.exceptions import ShapeError
from skabi.simulators import Simulator

CLASSES = [c for c in vars(skabi.datasets).values() if inspect.isclass(c) and issubclass(c, Simulator)]
EXACT = [c for c in CLASSES if hasattr(c, "sample_posterior")]
# Shape of one data set, None where there are sizes, and number of parameters.
SHAPES = {
    "AutoregressiveSeries": ((50, 1), 2),
    "BernoulliGLM": ((10,), 10),
    "BernoulliGLMRaw": ((100,), 10),
    "BlobImage": ((16, 16, 1), 2),
    "ConjugateGaussian": ((2,), 2),
    "DriftDiffusion": ((None, 2), 3),
    "GaussianLinear": ((10,), 10),
    "GaussianLinearUniform": ((10,), 10),
    "GaussianMeanScale": ((None, 1), 2),
    "GaussianMixture": ((2,), 2),
    "GaussianRegression": ((None, 2), 3),
    "LinearGaussianStateSpace": ((100, 1), 1),
    "LotkaVolterra": ((20,), 4),
    "SIR": ((10,), 2),
    "SLCP": ((8,), 5),
    "TruncatedGaussian": ((2,), 2),
    "TwoLevelGaussian": ((8, 5, 1), 3),
    "TwoMoons": ((2,), 2),
}


def assert_same(X, other):
    assert type(X) is type(other) and len(X) == len(other)
    for a, b in zip(X, other, strict=True):
        assert_array_equal(a, b)


def another(value):
    return tuple(v + 1 for v in value) if isinstance(value, tuple) else value + 1


def test_all_is_complete():
    assert set(skabi.datasets.__all__) == {*SHAPES, "load_batting", "load_coal", "load_influenza"}
    assert {c.__name__ for c in CLASSES} == set(SHAPES)


@pytest.mark.parametrize("cls", CLASSES)
def test_repr_is_the_call(cls):
    parameters = inspect.signature(cls).parameters
    assert repr(cls()) == f"{cls.__name__}()"
    if parameters:
        values = {name: another(parameter.default) for name, parameter in parameters.items()}
        simulator = cls(**values)
        written = ", ".join(f"{name}={value!r}" for name, value in values.items())
        assert repr(simulator) == f"{cls.__name__}({written})"
        made = eval(repr(simulator), vars(skabi.datasets))
        assert_same(made.sample(3, random_state=0)[0], simulator.sample(3, random_state=0)[0])


@pytest.mark.parametrize("cls", CLASSES)
def test_shapes(cls):
    simulator = cls()
    X, y = simulator.sample(50, random_state=0)
    shape, n_parameters = SHAPES[cls.__name__]
    if None in shape:
        assert isinstance(X, list) and {x.shape[1:] for x in X} == {shape[1:]} and len({len(x) for x in X}) > 1
    else:
        assert X.shape == (50, *shape)
    assert cls is skabi.datasets.BlobImage or simulator.n_features == shape[-1]
    assert y.shape == (50, n_parameters)
    assert X[0].dtype == np.float64
    log_likelihood = simulator.log_likelihood(X, **simulator.prior.split(y))
    assert log_likelihood.shape == (50,) and np.isfinite(log_likelihood).all()


@pytest.mark.parametrize("cls", CLASSES)
def test_rows_do_not_depend_on_their_neighbours(cls):
    simulator = cls()
    X, y = simulator.sample(9, random_state=3)
    together = simulator.log_likelihood(X, **simulator.prior.split(y))
    alone = [simulator.log_likelihood(X[i : i + 1], **simulator.prior.split(y.iloc[[i]]))[0] for i in range(9)]
    assert_allclose(together, alone, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "n_observations"), [("BernoulliGLMRaw", 100), ("LotkaVolterra", 20), ("SIR", 10), ("SLCP", 4)]
)
def test_observations_sum_to_the_whole(name, n_observations):
    simulator = getattr(skabi.datasets, name)()
    X, y = simulator.sample(20, random_state=4)
    parameters = simulator.prior.split(y)
    pointwise = simulator.log_likelihood(X, **parameters, pointwise=True)
    assert pointwise.shape == (20, n_observations)
    assert_allclose(pointwise.sum(axis=1), simulator.log_likelihood(X, **parameters), rtol=1e-12)
    # An observation changes its own entry, and no other.
    changed = X.copy()
    changed[:, : X.shape[1] // n_observations] = X[:, : X.shape[1] // n_observations] == 0
    differs = simulator.log_likelihood(changed, **parameters, pointwise=True) != pointwise
    assert differs[:, 0].any() and not differs[:, 1:].any()


@pytest.mark.parametrize("settings", [(), (7,)])
@pytest.mark.parametrize("name", ["BlobImage", "DriftDiffusion", "GaussianMeanScale", "GaussianRegression"])
def test_observations_of_sets_and_images_sum_to_the_whole(name, settings):
    simulator = getattr(skabi.datasets, name)(*settings)
    X, y = simulator.sample(20, random_state=4)
    parameters = simulator.prior.split(y)
    pointwise = simulator.log_likelihood(X, **parameters, pointwise=True)
    n_features = getattr(simulator, "n_features", 1)
    assert isinstance(pointwise, list) == isinstance(X, list)
    assert [p.shape for p in pointwise] == [(x.size // n_features,) for x in X]
    assert_allclose([p.sum() for p in pointwise], simulator.log_likelihood(X, **parameters), rtol=1e-10)
    changed = [x.copy() for x in X] if isinstance(X, list) else X.copy()
    for x in changed:
        x.reshape(-1)[0] += 1.0
    for before, after in zip(pointwise, simulator.log_likelihood(changed, **parameters, pointwise=True), strict=True):
        assert before[0] != after[0]
        assert_array_equal(before[1:], after[1:])


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("make_copy", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
def test_copies(cls, make_copy):
    simulator = cls()
    copied = make_copy(simulator)
    X, y = simulator.sample(3, random_state=4)
    X_copied, y_copied = copied.sample(3, random_state=4)
    assert_same(X, X_copied)
    assert_array_equal(y, y_copied)


@pytest.mark.parametrize("cls", EXACT)
def test_posterior_draws_lie_in_the_support_and_repeat(cls):
    simulator = cls()
    X, _ = simulator.sample(4, random_state=5)
    draws = simulator.sample_posterior(X, 30, random_state=6)
    assert draws.shape == (4, 30, simulator.prior.n_parameters)
    low, high = simulator.prior.support.T
    assert ((draws >= low) & (draws <= high)).all()
    assert_array_equal(draws, simulator.sample_posterior(X, 30, random_state=6))
    assert not np.array_equal(draws, simulator.sample_posterior(X, 30, random_state=7))


@pytest.mark.parametrize("cls", EXACT)
def test_posterior_density_is_zero_outside_the_support(cls):
    simulator = cls()
    X, y = simulator.sample(2, random_state=8)
    y.iloc[0, 0] = -1e3
    log_posterior = simulator.log_posterior(X, y)
    assert log_posterior[0] == -np.inf or np.isinf(simulator.prior.support).all()
    assert log_posterior[0] < -1e3
    assert np.isfinite(log_posterior[1])


@pytest.mark.parametrize("cls", EXACT)
def test_bad_shapes(cls):
    simulator = cls()
    X, y = simulator.sample(3, random_state=9)
    if isinstance(X, list):
        smaller, none = [x[:, 1:] for x in X], [np.full_like(x, np.nan) for x in X]
    else:
        smaller, none = X[:, 1:] if X.ndim < 4 else X[..., 1:], np.full_like(X, np.nan)
    for method in (simulator.log_evidence, simulator.sample_posterior):
        with pytest.raises(ShapeError, match=r"For one data set pass X\[np.newaxis\]"):
            method(X[0])
        with pytest.raises(ShapeError, match=r"n_datasets|n_observations"):
            method(smaller)
        with pytest.raises(ShapeError, match="at least one data set"):
            method(X[:0])
        with pytest.raises(ValueError, match="finite"):
            method(none)
    with pytest.raises(ValueError, match="n_draws"):
        simulator.sample_posterior(X, 0)
    with pytest.raises(ShapeError, match="same n_datasets"):
        simulator.log_posterior(X, y.iloc[:2])
