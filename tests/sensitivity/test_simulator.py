"""Simulations under many choices: each row is drawn from what its context says."""

import pickle

import joblib
import numpy as np
import pytest
from scipy import stats

from skabi.datasets import ConjugateGaussian, TwoMoons
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.priors import IndependentPrior, NarrowedPrior
from skabi.sensitivity import ContextSimulator
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"rate": stats.gamma(3.0), "shift": stats.norm()})


def shifted(rate, shift, rng, spread=0.0, offset=0.0):
    return np.column_stack([rate, shift]) + offset + spread * rng.normal(size=(len(rate), 2))


def offset_by_ten(rate, shift, rng):
    return shifted(rate, shift, rng, offset=10.0)


def one_at_a_time(rate, shift, rng):
    return np.array([rate, shift]) + rng.normal()


def wide_log_likelihood(X, rate, shift, spread=1.0):
    return stats.norm.logpdf(X, np.column_stack([rate, shift]), spread).sum(axis=1)


EXACT = Simulator(PRIOR, shifted, vectorized=True)


@pytest.mark.parametrize("base", [EXACT, Simulator(PRIOR, one_at_a_time)])
def test_rows_depend_on_the_seed_alone(base):
    choices = ContextSimulator(base)
    n = base.block_size + 20
    X, y = choices.sample(n, random_state=0)
    with joblib.parallel_config(backend="threading"):
        in_threads = choices.sample(n, random_state=0, n_jobs=2)
    for other, rows in (
        (in_threads, n),
        (choices.sample(7, random_state=0), 7),
        (pickle.loads(pickle.dumps(choices)).sample(n, random_state=0), n),
    ):
        assert other[1].equals(y.iloc[:rows])
        assert all(np.array_equal(other[0][name], X[name][:rows]) for name in X)
    assert not choices.sample(n, random_state=1)[1].equals(y)


def test_parameters_are_those_of_the_prior_at_the_power_that_is_told():
    choices = ContextSimulator(EXACT, prior_powers={"rate": (0.5, 2.0), "shift": (0.25, 1.0)})
    n = 5000
    X, y = choices.sample(n, random_state=0)
    rate, shift = 2.0 ** X["context"].T
    assert 0.5 <= rate.min() < 0.51 < 1.97 < rate.max() <= 2.0
    assert 0.25 <= shift.min() < 0.26 < 0.98 < shift.max() <= 1.0
    u = stats.gamma(2 * rate + 1, scale=1 / rate).cdf(y["rate"]), stats.norm(0, shift**-0.5).cdf(y["shift"])
    assert min(stats.kstest(column, "uniform").pvalue for column in u) > 1e-3
    np.testing.assert_array_equal(X["data"], y.to_numpy())


def test_tempered_likelihoods():
    choices = ContextSimulator(ConjugateGaussian(2, noise_variance=0.3), likelihood_power=True)
    X, y = choices.sample(4000, random_state=0)
    prior, likelihood = 2.0 ** X["context"].T[:, :, np.newaxis]
    precision = prior + likelihood / 0.3
    z = (y.to_numpy() - likelihood * X["data"] / 0.3 / precision) * np.sqrt(precision)
    assert min(stats.kstest(column, "norm").pvalue for column in z.T) > 1e-3
    for low, high in ((0.5, 0.7), (1.4, 2.0)):
        some = z[(likelihood[:, 0] > low) & (likelihood[:, 0] < high)].ravel()
        # Three standard errors of a standard deviation.
        assert abs(some.std() - 1) < 3 / np.sqrt(2 * some.size)
    again = choices.sample(1100, random_state=0)
    assert again[1].equals(y.iloc[:1100])


def test_values_of_variants_are_handed_over_and_combined():
    choices = ContextSimulator(
        EXACT, prior_powers=False, variants={"spread": {"none": 0.0, "some": 1.0}, "offset": {0: 0.0, 5: 5.0, 9: 9.0}}
    )
    assert choices.default_context == {"spread": "none", "offset": 0}
    X, y = choices.sample(2000, random_state=0)
    spread, five, nine = X["context"].T
    error = X["data"] - y.to_numpy() - (5 * five + 9 * nine)[:, np.newaxis]
    np.testing.assert_allclose(error[spread == 0], 0.0, atol=1e-12)
    assert abs(error[spread == 1].std() - 1) < 3 / np.sqrt(2 * 2 * (spread == 1).sum())
    # Counts of two and of three labels, within four standard errors.
    assert abs(spread.mean() - 1 / 2) < 4 * np.sqrt(1 / 4 / 2000)
    assert abs(nine.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / 2000)


@pytest.mark.parametrize("variant", [offset_by_ten, Simulator(PRIOR, offset_by_ten, vectorized=True)])
def test_a_variant_takes_the_place_of_simulate(variant):
    choices = ContextSimulator(EXACT, prior_powers=["rate"], variants={"place": {"here": EXACT, "there": variant}})
    X, y = choices.sample(200, random_state=0)
    np.testing.assert_allclose(X["data"] - y.to_numpy(), 10.0 * np.repeat(X["context"][:, [1]], 2, axis=1))
    data = choices.simulate_from(y.iloc[:4], context={"place": ["here", "there", "there", "here"]}, random_state=0)
    np.testing.assert_allclose(data - y.iloc[:4].to_numpy(), np.repeat([[0.0], [10.0], [10.0], [0.0]], 2, axis=1))


def test_a_variant_with_a_likelihood_is_tempered_by_it():
    base = Simulator(PRIOR, shifted, vectorized=True, log_likelihood=wide_log_likelihood)
    variants = {"spread": {"one": 1.0, "two": 2.0}}
    choices = ContextSimulator(base, prior_powers=False, likelihood_power=True, variants=variants)
    X, y = choices.sample(3000, random_state=0)
    power, variance = 2.0 ** X["context"][:, 0], 1.0 + 3.0 * X["context"][:, 1]
    precision = 1 + power / variance
    z = (y["shift"].to_numpy() - power * X["data"][:, 1] / variance / precision) * np.sqrt(precision)
    assert stats.kstest(z, "norm").pvalue > 1e-3


def test_ragged_data_and_several_sources():
    def sized(rate, shift, rng, n_observations):
        return rng.normal(shift[:, np.newaxis], size=(len(shift), n_observations.max()))

    def two(rate, shift, rng):
        return {"first": rate, "second": np.column_stack([shift, shift])}

    X, _ = ContextSimulator(Simulator(PRIOR, sized, vectorized=True, n_observations=(2, 5))).sample(30, random_state=0)
    assert {len(x) for x in X["data"]} == {2, 3, 4, 5}
    X, _ = ContextSimulator(Simulator(PRIOR, two, vectorized=True)).sample(30, random_state=0)
    assert {name: values.shape for name, values in X.items()} == {
        "first": (30, 1),
        "second": (30, 2),
        "context": (30, 2),
    }


def test_failed_simulations_are_dropped_with_their_contexts():
    def failing(rate, shift, rng):
        return np.where(shift > 0, np.nan, shift)

    base = Simulator(PRIOR, failing, vectorized=True, on_error="drop")
    with pytest.warns(ApproximationWarning, match="dropped|left out|failed"):
        X, y = ContextSimulator(base, prior_powers=["rate"]).sample(300, random_state=0)
    assert len(y) == len(X["context"]) < 300
    np.testing.assert_array_equal(X["data"][:, 0], y["shift"])


def test_prior_given():
    choices = ContextSimulator(EXACT)
    assert choices.prior_given({"prior_shift": 0.25}) == IndependentPrior(
        {"rate": stats.gamma(3.0), "shift": stats.norm(0.0, 2.0)}
    )
    assert choices.prior_given() == PRIOR


def test_bad_input():
    with pytest.raises(TypeError, match="must be a Simulator"):
        ContextSimulator(PRIOR)
    with pytest.raises(ValueError, match="nothing to choose"):
        ContextSimulator(EXACT, prior_powers=False)
    with pytest.raises(ValueError, match=r"entries \['rate', 'shift'\]"):
        ContextSimulator(EXACT, prior_powers=["speed"])
    with pytest.raises(ValueError, match="must hold one"):
        ContextSimulator(EXACT, power_range=(0.2, 0.8))
    with pytest.raises(ValueError, match="needs a log_likelihood"):
        ContextSimulator(EXACT, likelihood_power=True)
    with pytest.raises(ValueError, match="prior of 'rate' to the power 3 is improper"):
        ContextSimulator(
            Simulator(IndependentPrior({"rate": stats.gamma(0.5), "shift": stats.norm()}), shifted, vectorized=True),
            power_range=(0.5, 3.0),
        )
    with pytest.raises(TypeError, match="IndependentPrior or a ChainedPrior"):
        ContextSimulator(Simulator(NarrowedPrior(PRIOR, [-1, -1], [1, 1]), shifted, vectorized=True))
    with pytest.raises(TypeError, match="at least two labels"):
        ContextSimulator(EXACT, variants={"spread": {"none": 0.0}})
    with pytest.raises(TypeError, match="must have an argument 'noise'"):
        ContextSimulator(EXACT, variants={"noise": {"none": 0.0, "some": 1.0}})
    with pytest.raises(ValueError, match="one choice alone"):
        each = {"a": shifted, "b": offset_by_ten}
        ContextSimulator(EXACT, variants={"first": each, "second": each})
    with pytest.raises(ValueError, match="must have the prior of the default"):
        ContextSimulator(EXACT, variants={"place": {"here": EXACT, "there": TwoMoons()}})

    def longer(rate, shift, rng):
        return np.zeros((len(rate), 3))

    with pytest.raises(SimulatorError, match="alike"):
        ContextSimulator(EXACT, variants={"place": {"here": EXACT, "there": longer}}).sample(50, random_state=0)
    choices = ContextSimulator(EXACT, variants={"spread": {"none": 0.0, "some": 1.0}})
    rows = np.ones((3, 2))
    with pytest.raises(ValueError, match="must be one of"):
        choices.simulate_from(rows, context={"spread": "much"})
    with pytest.raises(ValueError, match="the choices are"):
        choices.simulate_from(rows, context={"colour": "red"})
    with pytest.raises(ShapeError, match="one value, or one for each of 3"):
        choices.simulate_from(rows, context={"spread": ["none", "some"]})
    with pytest.raises(ValueError, match="must be positive"):
        choices.prior_given({"prior_rate": -1.0})
    with pytest.raises(TypeError, match="must be a dict"):
        choices.prior_given(2.0)
