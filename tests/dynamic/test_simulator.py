import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedModelComparator
from skabi.dynamic import DynamicSimulator, RandomWalk, RegimeSwitching, Static
from skabi.exceptions import ShapeError, SimulatorError
from skabi.priors import ChainedPrior, IndependentPrior
from skabi.simulators import is_simulator
from skabi.summaries import ExpertSummary


def noisy(level, rng):
    return rng.normal(level)


def growing(growth, rng, past):
    before = past[:, -1, 0] if past.shape[1] else 1.0
    return rng.poisson(np.exp(growth) * before + 1.0)


def scaled(level, offset, noise, rng):
    return np.stack([rng.normal(level, noise), offset], axis=-1)


def offset_by(level, noise, rng):
    return level + noise


def _spread(X):
    return np.log(X.std(axis=1))


def model(**changes):
    return DynamicSimulator({"level": RandomWalk(stats.halfnorm(scale=0.2))}, None, noisy, n_times=9, **changes)


def test_rows_do_not_depend_on_their_number_or_on_workers():
    X, y = model().sample(300, random_state=3)
    fewer, some = model().sample(10, random_state=3, n_jobs=2)
    np.testing.assert_array_equal(X[:10], fewer)
    np.testing.assert_array_equal(y.values[:10], some.values)
    assert X.shape == (300, 9, 1) and y.hyper.shape == (300, 1) and len(y) == 300


def test_hyper_parameters_come_from_recipes_and_from_the_prior():
    prior = ChainedPrior({"noise": stats.halfnorm(), "size": lambda noise: stats.halfnorm(scale=noise)})
    transitions = {
        "level": RandomWalk("size", mean=stats.norm(1.0, 2.0)),
        "offset": Static(bounds=(0.0, None)),
    }
    simulator = DynamicSimulator(transitions, prior, scaled, n_times=6)
    assert simulator.hyper_names == ["noise", "size", "level_mean"]
    X, y = simulator.sample(2000, random_state=0)
    steps = np.diff(y.states[..., 0], axis=1) / y.hyper[:, 1:2]
    assert stats.kstest(steps.ravel(), stats.norm().cdf).pvalue > 1e-4
    start = y.states[:, 0, 0] - y.hyper[:, 2]
    assert stats.kstest(start, stats.norm().cdf).pvalue > 1e-4
    gaps = (X[..., 0] - y.values[..., 0]) / y.hyper[:, :1]
    assert stats.kstest(gaps.ravel(), stats.norm().cdf).pvalue > 1e-4
    np.testing.assert_array_equal(X[..., 1], y.values[..., 1])


def test_subjects_share_their_hyper_parameters():
    X, y = model(n_subjects=50).sample(40, random_state=0)
    assert X.shape == (40, 50, 9, 1) and y.hyper.shape == (40, 1) and y.values.shape == (40, 50, 9, 1)
    steps = np.diff(y.states[..., 0], axis=2)
    assert stats.kstest((steps / y.hyper[:, None]).ravel(), stats.norm().cdf).pvalue > 1e-4
    assert abs(np.corrcoef(y.values[:, 0, 0, 0], y.values[:, 1, 0, 0])[0, 1]) < 4 / np.sqrt(40)


def test_observations_may_depend_on_those_before():
    simulator = DynamicSimulator({"growth": Static(mean=-0.5, sd=0.1)}, None, growing, n_times=6)
    X, y = simulator.sample(1000, random_state=0)
    assert X.shape == (1000, 6, 1)
    before = np.column_stack([np.ones(1000), X[:, :-1, 0]])
    rate = np.exp(y.values[..., 0]) * before + 1.0
    z = (X[..., 0] - rate) / np.sqrt(rate)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    later = simulator.observe(y.values[:, :2], past=X, random_state=1)
    assert later.shape == (1000, 2, 1)
    gap = later[:, 0, 0] - np.exp(y.values[:, 0, 0]) * X[:, -1, 0] - 1.0
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(1000)


def test_trajectories_of_ones_own_are_observed():
    X = model().observe(np.full((500, 4, 1), 7.0), random_state=0)
    assert X.shape == (500, 4, 1) and abs(X.mean() - 7.0) < 4 / np.sqrt(2000)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (({}, None, noisy), TypeError, "a dict of parameter name"),
        (({"level": "walk"}, None, noisy), TypeError, "must be a recipe"),
        (({"level": Static()}, None, 3), TypeError, "callable"),
        (({"height": Static()}, None, noisy), TypeError, "must take height, rng"),
        (({"level": Static()}, None, lambda level, gain, rng: level), TypeError, "it takes gain, level, rng"),
        (({"level": Static()}, {"level": stats.norm()}, noisy), ValueError, "parameter and of a hyper-parameter"),
        (
            ({"level": RandomWalk(stats.halfnorm())}, {"level_scale": stats.halfnorm()}, noisy),
            ValueError,
            "which a recipe brings itself",
        ),
    ],
)
def test_what_does_not_fit_together(arguments, error, message):
    with pytest.raises(error, match=message):
        DynamicSimulator(*arguments)


@pytest.mark.parametrize(
    "simulate, message",
    [
        (lambda level, rng: level[:, 1:], r"must return an array of shape \(250, 100\)"),
        (lambda level, rng, past: 3.0, r"must return an array of shape \(250,\)"),
        (lambda level, rng: "none", "must return real numbers"),
        (lambda level, rng: np.full_like(level, np.nan), "NaN or infinity"),
        (lambda level, rng: 1 / 0, "simulate raised ZeroDivisionError"),
    ],
)
def test_what_simulators_must_not_return(simulate, message):
    with pytest.raises(SimulatorError, match=message):
        DynamicSimulator({"level": Static()}, None, simulate).sample(2, random_state=0)


def test_missing_values_may_be_allowed():
    def gaps(level, rng):
        return np.where(rng.random(level.shape) < 0.5, np.nan, level)

    X, _ = DynamicSimulator({"level": Static()}, IndependentPrior({"a": stats.norm()}), gaps, allow_nan=True).sample(3)
    assert np.isnan(X).any()


def test_transitions_are_compared_by_a_comparator():
    models = {
        "static": DynamicSimulator({"level": Static()}, None, noisy, n_times=20),
        "switching": DynamicSimulator({"level": RegimeSwitching(0.5, sd=3.0)}, None, noisy, n_times=20),
    }
    assert all(is_simulator(each) for each in models.values())
    comparator = AmortizedModelComparator(
        summary=ExpertSummary(_spread), n_simulations=200, max_iter=5, random_state=0
    ).fit(models)
    X = np.concatenate([each.sample(50, random_state=1)[0] for each in models.values()])
    # The two differ so much that few series of 20 are mistaken.
    assert np.mean(comparator.predict(X) == ["static"] * 50 + ["switching"] * 50) > 0.9


def test_subjects_and_draws_are_observed_as_axes_of_their_own():
    simulator = DynamicSimulator({"level": Static()}, {"noise": stats.halfnorm()}, offset_by, n_times=9)
    values = np.random.default_rng(0).normal(size=(2, 5, 3, 4, 1))
    of_draws, of_data = np.array([[10.0], [20.0]])[:, np.newaxis].repeat(5, axis=1), np.array([[10.0], [20.0]])
    for hyper in (of_draws, of_data, of_draws[:, :, np.newaxis].repeat(3, axis=2)):
        X = simulator.observe(values, hyper)
        np.testing.assert_array_equal(X, values + of_data[:, :, np.newaxis, np.newaxis, np.newaxis])


def test_observations_before_are_shared_by_draws():
    simulator = DynamicSimulator({"level": Static()}, None, lambda level, rng, past: level + past[:, -1, 0])
    past = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    X = simulator.observe(np.zeros((2, 7, 3, 1)), past=past)
    np.testing.assert_array_equal(X, past[:, np.newaxis, -1:].repeat(7, axis=1).repeat(3, axis=2))


@pytest.mark.parametrize(
    "values, hyper, error, message",
    [
        (np.zeros((2, 5, 3)), np.ones((2, 1)), ShapeError, r"values must have shape \(n, n_times, 1\)"),
        (np.zeros((2, 5)), np.ones((2, 1)), ShapeError, "values must have shape"),
        (np.full((2, 5, 1), np.nan), np.ones((2, 1)), ValueError, "values must be finite"),
        (np.zeros((2, 5, 1)), np.ones((3, 1)), ShapeError, r"hyper must have shape \(2, 1\) here"),
        (np.zeros((2, 5, 1)), np.ones((2, 2)), ShapeError, r"hyper must have shape \(2, 1\) here"),
        (np.zeros((2, 5, 1)), np.ones(1), ShapeError, "hyper must have shape"),
        (np.zeros((2, 5, 1)), None, ValueError, r"hyper-parameters \['noise'\] are needed"),
    ],
)
def test_trajectories_that_cannot_be_observed(values, hyper, error, message):
    simulator = DynamicSimulator({"level": Static()}, {"noise": stats.halfnorm()}, offset_by, n_times=9)
    with pytest.raises(error, match=message):
        simulator.observe(values, hyper)


def test_arguments_with_defaults_are_left_alone():
    def simulate(level, rng, noise=0.0, gain=3.0, **options):
        return gain * level + noise

    simulator = DynamicSimulator({"level": Static()}, {"noise": stats.uniform(1, 2)}, simulate, n_times=4)
    X, y = simulator.sample(5, random_state=0)
    np.testing.assert_allclose(X, 3 * y.values + y.hyper[:, np.newaxis])


@pytest.mark.parametrize("of_score", [lambda X, level: -level, lambda X, level, noise: noise - level])
@pytest.mark.parametrize("simulate", [noisy, offset_by])
def test_likelihoods_take_arguments_of_their_own(simulate, of_score):
    simulator = DynamicSimulator({"level": Static()}, {"noise": stats.halfnorm()}, simulate, log_likelihood=of_score)
    found = simulator.log_density(np.zeros((2, 1)), np.array([[1.0], [2.0]]), np.array([[10.0], [20.0]]))
    takes_noise = of_score.__code__.co_argcount == 3
    np.testing.assert_array_equal(found, [9.0, 18.0] if takes_noise else [-1.0, -2.0])


@pytest.mark.parametrize("simulate, of_score", [(noisy, lambda X, level, past: X), (growing, lambda X, growth: X)])
def test_likelihoods_agree_with_simulators_on_the_past(simulate, of_score):
    name = "level" if simulate is noisy else "growth"
    with pytest.raises(TypeError, match="both have an argument past, or neither"):
        DynamicSimulator({name: Static()}, None, simulate, log_likelihood=of_score)


@pytest.mark.parametrize(
    "value, message",
    [
        (np.nan, "2 of 2 are NaN or infinity"),
        (np.inf, "2 of 2 are NaN or infinity"),
        (None, r"an array of shape \(2, 1\); got \(\)"),
        ("", "log_likelihood raised "),
    ],
)
def test_what_likelihoods_must_not_return(value, message):
    def of_score(X, level):
        return np.float64(3.0) if value is None else level + value

    simulator = DynamicSimulator({"level": Static()}, None, noisy, log_likelihood=of_score)
    with pytest.raises(SimulatorError, match=message):
        simulator.log_density(np.zeros((2, 1)), np.ones((2, 1)))


def test_minus_infinity_is_a_log_likelihood():
    simulator = DynamicSimulator({"level": Static()}, None, noisy, log_likelihood=lambda X, level: level - np.inf)
    assert (simulator.log_density(np.zeros((2, 1)), np.ones((2, 1))) == -np.inf).all()
