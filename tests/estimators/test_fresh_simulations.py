"""New simulations each epoch, made in the background."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from skorch.callbacks import Callback

from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators import AmortizedLikelihood, AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi.estimators._fresh_simulations import FreshSimulations, join
from skabi.exceptions import ApproximationWarning, SimulatorError
from skabi.heads import Softmax
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import SetSummary

SMALL = {"n_simulations": 60, "max_iter": 3, "batch_size": 32, "random_state": 0, "fresh_simulations": True}
TINY = Gaussian((4,))


class Rows(Callback):
    """First numbers of the rows of each epoch, and how many rows there are."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.seen.append((dataset_train.batch.theta[0, 0].item(), len(dataset_train)))


def counted(calls, **settings):
    """A simulator that tells of its calls, and may do something in one of them."""

    def simulate(theta, rng):
        calls.append(len(calls))
        for action in settings.values():
            action(len(calls))
        return rng.normal(theta)

    return Simulator(IndependentPrior({"theta": stats.norm(0.0, 2.0)}), simulate, block_size=4)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    # Joblib has threads of its own, which it keeps.
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fresh simulations")]


def test_each_epoch_has_simulations_of_its_own():
    rows = Rows()
    posterior = AmortizedPosterior(TINY, **SMALL).set_params(callbacks=[rows]).fit(ConjugateGaussian())
    firsts, sizes = zip(*rows.seen, strict=True)
    assert len(set(firsts)) == 3 and sizes == (54, 60, 60)
    # The first epoch, and what it is judged by, are those of a fit to fixed simulations.
    fixed = AmortizedPosterior(TINY, **{**SMALL, "fresh_simulations": False}).fit(ConjugateGaussian())
    np.testing.assert_array_equal(posterior._parameter_map.mean_, fixed._parameter_map.mean_)
    assert len(posterior.validation_scores_) == len(posterior.loss_curve_) == 3


@pytest.mark.parametrize(
    "estimator, simulator",
    [
        (AmortizedPosterior(TINY, n_estimators=2, **SMALL), ConjugateGaussian()),
        (AmortizedPosterior(TINY, summary=SetSummary(width=8), missing="mask", **SMALL), GaussianMeanScale((2, 5))),
        (AmortizedLikelihood(TINY, **SMALL), GaussianMeanScale((2, 5))),
        (
            AmortizedModelComparator(head=Softmax(1, block_width=8), **SMALL),
            {"a": ConjugateGaussian(), "b": ConjugateGaussian(shift=1.0)},
        ),
        (JointEstimator(TINY, TINY, **SMALL), ConjugateGaussian()),
    ],
    ids=["ensemble", "missing", "likelihood", "comparator", "both"],
)
def test_fits_repeat_by_their_random_state(estimator, simulator):
    first, second = (clone(estimator).fit(simulator) for _ in range(2))
    other = clone(estimator).set_params(random_state=1).fit(simulator)
    curves = [getattr(fitted, "posterior_", fitted).validation_scores_ for fitted in (first, second, other)]
    assert curves[0] == curves[1] != curves[2]


def test_workers_make_the_same_simulations():
    with joblib.parallel_config(backend="threading"):
        curves = [AmortizedPosterior(TINY, **SMALL, n_jobs=n).fit(counted([])).loss_curve_ for n in (1, 2)]
    assert curves[0] == curves[1]


def test_joblib_s_configuration_reaches_the_thread():
    seen = []
    simulator = counted([], look=lambda n: seen.append(type(joblib.parallel.get_active_backend()[0]).__name__))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        AmortizedPosterior(TINY, **SMALL).fit(simulator)
    # Inside a thread of a pool, joblib names what would run there, which is nothing more.
    assert len(set(seen)) == 1 and len(seen) == 180


def test_losses_are_in_the_units_of_score():
    """The log-determinant of the map of parameters differs between epochs: it is that of their own rows."""
    prior = IndependentPrior({"theta": stats.lognorm(2.0)})
    simulator = Simulator(prior, lambda theta, rng: rng.normal(np.log(theta)), vectorized=True)
    settings = {"n_simulations": 400, "max_iter": 2, "learning_rate_init": 1e-9, "early_stopping": False}
    posterior = AmortizedPosterior(Gaussian(()), fresh_simulations=True, random_state=0, **settings).fit(simulator)
    make = posterior._fresh_simulations_of(simulator)
    X, y = make(2, lambda: False)
    assert -posterior.loss_curve_[1] == pytest.approx(posterior.score(X, y), abs=1e-4)


def test_fresh_simulations_are_not_learned_by_heart():
    settings = {"n_simulations": 100, "max_iter": 20, "batch_size": 32, "learning_rate_init": 0.02, "random_state": 0}
    X, y = ConjugateGaussian().sample(1000, random_state=1)
    fixed, fresh = (
        AmortizedPosterior(Gaussian((64, 64)), fresh_simulations=is_fresh, early_stopping=False, **settings)
        .fit(ConjugateGaussian())
        .score(X, y)
        for is_fresh in (False, True)
    )
    best = -2 * stats.norm(scale=np.sqrt(0.3 / 1.3)).entropy()
    assert fresh == pytest.approx(best, abs=0.15) and fresh > fixed + 0.1


def test_arrays_are_refused():
    X, y = ConjugateGaussian().sample(60, random_state=0)
    for estimator in (AmortizedPosterior(TINY, **SMALL), AmortizedLikelihood(TINY, **SMALL), JointEstimator(**SMALL)):
        with pytest.raises(ValueError, match="fresh_simulations=True needs a simulator"):
            estimator.fit(X, y)
    with pytest.raises(ValueError, match="fresh_simulations=True needs a simulator"):
        AmortizedModelComparator(**SMALL).fit(X, np.arange(60) % 2)
    with pytest.raises(TypeError, match="fresh_simulations must be True or False; got 1"):
        AmortizedPosterior(TINY, **{**SMALL, "fresh_simulations": 1}).fit(ConjugateGaussian())


def test_errors_of_the_simulator_reach_the_caller():
    def fail(n):
        if n > 100:
            raise ZeroDivisionError("no more")

    with pytest.raises(SimulatorError, match="ZeroDivisionError: no more"):
        AmortizedPosterior(TINY, **SMALL).fit(counted([], fail=fail))


def test_shapes_that_change_reach_the_caller():
    def simulate(theta, rng):
        calls.append(1)
        return rng.normal(theta[:, np.newaxis], size=(len(theta), 2 if len(calls) == 1 else 3))

    calls: list[int] = []
    simulator = Simulator(IndependentPrior({"theta": stats.norm()}), simulate, vectorized=True)
    with pytest.raises(ValueError, match="3 features, but AmortizedPosterior is expecting 2"):
        AmortizedPosterior(TINY, **SMALL).fit(simulator)


def test_ctrl_c_ends_simulating_too():
    calls: list[int] = []
    slow = counted(calls, wait=lambda n: time.sleep(0.02 if n > 60 else 0.0))

    class Interrupt(Callback):
        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            if training and len(net.history) == 2:
                raise KeyboardInterrupt

    with pytest.warns(ApproximationWarning, match="interrupted in epoch 2 of 3"):
        AmortizedPosterior(TINY, **SMALL, callbacks=[Interrupt()]).fit(slow)
    # Two epochs, and at most a row or two of the third.
    assert len(calls) < 120 + 60


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_does_not_wait_for_slow_simulations(n_jobs):
    calls: list[int] = []
    may_go_on = threading.Event()
    slow = counted(calls, wait=lambda n: n in (61, 62) and may_go_on.wait(5))

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            started.append(time.monotonic())
            raise KeyboardInterrupt

    started: list[float] = []
    with joblib.parallel_config(backend="threading"), pytest.warns(ApproximationWarning, match="interrupted in epoch"):
        AmortizedPosterior(TINY, **SMALL, n_jobs=n_jobs, callbacks=[Interrupt()]).fit(slow)
    assert time.monotonic() - started[0] < 2
    may_go_on.set()
    # What was going on comes to its end, and no more is begun than what workers had been given.
    for thread in threading.enumerate():
        if thread.name.startswith("fresh simulations"):
            thread.join(10)
    assert len(calls) <= 61 if n_jobs == 1 else len(calls) < 60 + 8 + 1


def test_ctrl_c_while_waiting_for_simulations():
    """A real signal, while the training has nothing to learn from."""
    may_go_on = threading.Event()
    slow = counted([], wait=lambda n: n in (61, 62) and may_go_on.wait(5))
    times: list[float] = []

    def interrupt():
        times.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(1.0, interrupt)

    class Start(Callback):
        def on_epoch_end(self, net, **kwargs):
            timer.start()

    with pytest.warns(ApproximationWarning, match="interrupted in epoch 2 of 3"):
        AmortizedPosterior(TINY, **SMALL, callbacks=[Start()]).fit(slow)
    assert time.monotonic() - times[0] < 2
    may_go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("fresh simulations"):
            thread.join(10)


def test_at_most_one_epoch_is_made_ahead():
    calls: list[int] = []
    ahead = []

    class Ahead(Callback):
        def on_epoch_end(self, net, **kwargs):
            ahead.append(len(calls) - 60 * len(net.history))

    AmortizedPosterior(TINY, **SMALL, callbacks=[Ahead()]).fit(counted(calls))
    assert max(ahead) <= 60 and ahead[-1] == 0 and len(calls) == 180


@pytest.mark.parametrize("n, block_size", [(60, 4), (100, 1000), (10_000, 1000), (16_001, 1000), (11, 1), (17, 16)])
def test_parts_make_an_epoch(n, block_size):
    sizes = []

    def draw(n, seed):
        sizes.append(n)
        rng = np.random.default_rng(seed)
        return rng.normal(size=(n, 2)), rng.normal(size=(n, 1))

    fresh = FreshSimulations(draw, n=n, n_models=1, seed=np.random.SeedSequence(0), block_size=block_size)
    X, y = fresh(2, lambda: False)
    assert len(X) == len(y) == n == sum(sizes) and len(sizes) <= 8
    assert all(size % block_size == 0 for size in sizes[:-1]) and min(sizes) >= min(n, block_size)
    assert len(np.unique(X)) == 2 * n and not np.isin(fresh(3, lambda: False)[0], X).any()
    with pytest.raises(InterruptedError):
        fresh(2, lambda: True)


def test_joining():
    assert join([np.ones((1, 2)), np.ones((3, 2))]).shape == (4, 2)
    assert [len(x) for x in join([[np.ones((1, 2))], [np.ones((3, 2))]])] == [1, 3]
    assert join([{"a": np.ones((1, 2))}, {"a": np.ones((2, 2))}])["a"].shape == (3, 2)


def test_one_warning_tells_of_all_that_were_dropped():
    def fail(n):
        if n % 10 == 0:
            raise ZeroDivisionError("no")

    calls: list[int] = []
    simulator = counted(calls, fail=fail)
    simulator.on_error = "drop"
    with pytest.warns(ApproximationWarning) as caught:
        AmortizedPosterior(TINY, **SMALL).fit(simulator)
    # One of the first epoch, and one of the two others.
    of_first, of_others = (str(warning.message) for warning in caught)
    assert of_first.startswith("6 of 60 simulations") and len(calls) == 180
    assert of_others.startswith("12 of 120 (10.0%) fresh simulations failed and were dropped, in")
    assert "parts of the epochs, the first: 1 of 8 simulations" in of_others and "ZeroDivisionError: no" in of_others
