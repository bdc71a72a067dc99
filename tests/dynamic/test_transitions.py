import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.base import clone

from skabi.dynamic import BaseTransition, DynamicSimulator, GaussianProcess, Jumps, RandomWalk, RegimeSwitching, Static
from skabi.dynamic._bounds import check_bounds, from_real, to_real
from skabi.exceptions import SimulatorError

N = 4000
START = {"mean": 0.5, "sd": 2.0}


def paths(transition, n_times=5, n=N, **numbers):
    return transition.sample(n, n_times, START | numbers, np.random.default_rng(0))


def close(sample, distribution):
    """Whether a sample is one of a distribution: false for one in ten thousand that is."""
    return stats.kstest(sample, distribution.cdf).pvalue > 1e-4


@pytest.mark.parametrize("bounds", [(-1.0, 3.0), (2.0, np.inf), (-np.inf, -1.0), (-np.inf, np.inf)])
def test_bounds_are_undone_and_their_derivative_is_that_of_the_map(bounds):
    x = np.linspace(-2.0, 2.0, 9)
    values = from_real(x, bounds)
    assert ((values > bounds[0]) & (values < bounds[1])).all()
    back, log_derivative = to_real(values, bounds)
    np.testing.assert_allclose(back, x, atol=1e-12)
    slope = (to_real(values + 1e-6, bounds)[0] - to_real(values - 1e-6, bounds)[0]) / 2e-6
    np.testing.assert_allclose(log_derivative, np.log(slope), atol=1e-5)


def test_between_two_bounds_a_step_in_the_middle_has_the_units_of_the_parameter():
    assert from_real(0.01, (-6.0, 6.0)) == pytest.approx(0.01, rel=1e-5)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), ("a", 2.0)])
def test_bounds_that_are_none(bounds):
    with pytest.raises(ValueError, match="the first below the second"):
        check_bounds(bounds)
    with pytest.raises(TypeError, match="pair"):
        check_bounds((1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    "transition, numbers",
    [
        (Static(), {}),
        (RandomWalk(), {"scale": 0.1}),
        (RegimeSwitching(), {"rate": 0.1}),
        (Jumps(), {"scale": 0.1, "rate": 0.1, "jump_scale": 1.0}),
        (GaussianProcess(smoothness=0.5), {"length": 3.0}),
        (GaussianProcess(), {"length": 3.0}),
    ],
)
def test_all_start_at_their_normal(transition, numbers):
    states, jumped = paths(clone(transition), **numbers)
    assert close(states[:, 0, 0], stats.norm(0.5, 2.0))
    assert states.shape == (N, 5, transition.n_states) and not jumped[:, 0].any()


def test_a_static_parameter_stays():
    states, jumped = paths(Static())
    assert (states == states[:, :1]).all() and not jumped.any()


def test_a_walk_takes_independent_normal_steps():
    states, _ = paths(RandomWalk(), scale=0.3)
    steps = np.diff(states[..., 0], axis=1)
    assert close(steps.ravel(), stats.norm(0.0, 0.3))
    assert abs(np.corrcoef(steps.T)[0, 1]) < 4 / np.sqrt(N)


def test_regimes_last_until_they_are_replaced_by_independent_ones():
    states, jumped = paths(RegimeSwitching(), rate=0.3)
    moved = np.diff(states[..., 0], axis=1) != 0
    assert (moved == jumped[:, 1:]).all()
    assert abs(moved.mean() - 0.3) < 4 * np.sqrt(0.21 / moved.size)
    assert close(states[:, 1:, 0][moved], stats.norm(0.5, 2.0))
    assert abs(np.corrcoef(states[:, 0, 0][moved[:, 0]], states[:, 1, 0][moved[:, 0]])[0, 1]) < 4 / np.sqrt(1000)


@pytest.mark.parametrize(
    "transition, numbers, jump",
    [
        (Jumps(), {}, stats.norm(0.0, 2.0)),
        (Jumps(degrees=3.0), {"degrees": 3.0}, stats.t(3.0, scale=2.0)),
        (Jumps(stability=2.0), {"stability": 2.0}, stats.norm(0.0, 2.0 * np.sqrt(2))),
        (Jumps(stability=1.0), {"stability": 1.0}, stats.cauchy(scale=2.0)),
    ],
)
def test_steps_are_gradual_or_jumps(transition, numbers, jump):
    states, jumped = paths(transition, scale=0.1, rate=0.4, jump_scale=2.0, **numbers)
    steps = np.diff(states[..., 0], axis=1)
    assert abs(jumped[:, 1:].mean() - 0.4) < 4 * np.sqrt(0.24 / steps.size)
    assert close(steps[jumped[:, 1:]], jump)
    assert close(steps[~jumped[:, 1:]], stats.norm(0.0, 0.1))


def test_without_gradual_steps_a_parameter_stays_between_jumps():
    states, jumped = paths(Jumps(None), rate=0.3, jump_scale=1.0)
    assert ((np.diff(states[..., 0], axis=1) != 0) == jumped[:, 1:]).all()


@pytest.mark.parametrize("smoothness", [0.5, 1.5])
def test_a_gaussian_process_has_its_kernel(smoothness):
    states, _ = paths(GaussianProcess(smoothness=smoothness), n_times=8, n=20_000, length=4.0)
    distance = np.arange(8) / 4.0
    root = np.sqrt(3) * distance
    kernel = np.exp(-distance) if smoothness == 0.5 else (1 + root) * np.exp(-root)
    covariance = np.cov(states[..., 0].T)[0]
    np.testing.assert_allclose(covariance, 4.0 * kernel, atol=4 * 4.0 * np.sqrt(2 / 20_000))


@pytest.mark.parametrize(
    "transition, numbers",
    [
        (RandomWalk(), {"scale": 0.7}),
        (GaussianProcess(smoothness=0.5), {"length": 2.0}),
        (GaussianProcess(), {"length": 3.0}),
    ],
)
def test_a_pull_is_the_density_of_a_step_as_one_of_the_state_before_it(transition, numbers):
    numbers = START | numbers
    k, rng = transition.n_states, np.random.default_rng(1)
    before, after = rng.normal(size=(6, k)), np.repeat(rng.normal(size=(1, k)), 6, axis=0)
    # The step is linear with normal noise: its mean from a noiseless rng, its covariance from many draws of one.
    silent = _Silent()
    mean, _ = transition.advance(before, numbers, silent)
    origin = transition.advance(np.zeros((1, k)), numbers, silent)[0]
    factor = np.stack(
        [transition.advance(np.zeros((1, k)), numbers, _Silent(i))[0][0] - origin[0] for i in range(k)], 1
    )
    forward = stats.multivariate_normal(np.zeros(k), factor @ factor.T)
    step = np.array([forward.logpdf(row) for row in after - mean])
    location, root = transition.pull(after, numbers, jumped=False)
    back = np.array(
        [
            stats.multivariate_normal(m, f @ f.T).logpdf(x)
            for x, m, f in zip(before, location, np.broadcast_to(root, (6, k, k)), strict=True)
        ]
    )
    np.testing.assert_allclose(step - back, (step - back)[0], rtol=1e-6)


class _Silent:
    """Numbers in the place of random ones: zeros, or one of them a one."""

    def __init__(self, which=None):
        self.which = which

    def standard_normal(self, shape):
        noise = np.zeros(shape)
        if self.which is not None:
            noise.reshape(-1)[self.which] = 1.0
        return noise


def test_jumps_that_forget_and_steps_that_stay_say_so():
    states = np.ones((2, 1))
    switching = RegimeSwitching()
    assert (switching.pull(states, START, jumped=False).factor == 0).all()
    assert np.isinf(switching.pull(states, START, jumped=True).factor).all()


@pytest.mark.parametrize(
    "transition, message",
    [
        (RandomWalk(-0.1), "scale of 'level' must lie between"),
        (RandomWalk(stats.norm()), "scale of 'level' must be a number between 0 and inf, or one distribution"),
        (RegimeSwitching(1.5), "rate of 'level'"),
        (Jumps(degrees=3.0, stability=1.0), "not both"),
        (Jumps(stability=3.0), "stability of 'level' must lie between 0.0 and 2.0"),
        (Jumps(stability=stats.gamma(3.0)), "stability of 'level' must be a number between 0 and 2, or one distr"),
        (GaussianProcess(smoothness=2.5), "smoothness of 'level'"),
        (RandomWalk("size"), "none of the hyper-parameters"),
        (Static(bounds=(1.0, 0.0)), "bounds of 'level'"),
    ],
)
def test_numbers_of_recipes_are_checked(transition, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DynamicSimulator({"level": transition}, None, lambda level, rng: level)


class Reckless(RandomWalk):
    """A transition of a user's own that does not map states into its bounds."""

    def values(self, states):
        return 3.0 * states[..., 0]


def test_the_highest_numbers_are_among_those_allowed():
    Jumps(rate=1.0, stability=2.0).check("level")
    Jumps(rate=stats.uniform(), stability=stats.uniform(0.5, 1.5)).check("level")


def test_a_transition_that_leaves_its_bounds_is_found_out():
    simulator = DynamicSimulator({"level": Reckless(bounds=(-1.0, 1.0))}, None, lambda level, rng: level, n_times=9)
    with pytest.raises(SimulatorError, match=r"Reckless leaves the bounds \(-1, 1\)"):
        simulator.sample(3, random_state=0)


def test_tails_too_heavy_for_one_bound_are_found_out():
    flight = Jumps(None, rate=1.0, stability=0.3, bounds=(0.0, None))
    simulator = DynamicSimulator({"rate": flight}, None, lambda rate, rng: rate, n_times=50)
    with pytest.raises(SimulatorError, match="leaves the bounds"):
        simulator.sample(10, random_state=0)


def test_a_base_transition_has_no_steps():
    base = BaseTransition()
    with pytest.raises(NotImplementedError, match="advance"):
        base.advance(np.zeros((1, 1)), {}, None)
    with pytest.raises(NotImplementedError, match="pull"):
        base.pull(np.zeros((1, 1)), {}, jumped=False)


def test_the_map_between_bounds_keeps_probability():
    density = lambda value: np.exp(stats.norm.logpdf(to_real(value, (0.0, 2.0))[0]) + to_real(value, (0.0, 2.0))[1])  # noqa: E731
    assert integrate.quad(density, 0.0, 2.0)[0] == pytest.approx(1.0, abs=1e-6)
