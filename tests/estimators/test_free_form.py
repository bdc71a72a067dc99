"""Posteriors whose engines solve equations or have no density, as an estimator is asked."""

import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

import skabi
from skabi.datasets import ConjugateGaussian
from skabi.engines import ConsistencyModel, DiffusionModel, DormandPrince, FlowMatching, ResidualNetwork, UNet
from skabi.exceptions import DensityError
from skabi.files import save
from skabi.summaries import IdentitySummary

SMALL = ResidualNetwork(16, n_blocks=1, n_reading_blocks=1)
ENGINES = [
    FlowMatching(SMALL, n_steps=4),
    DiffusionModel(SMALL, n_steps=8),
    ConsistencyModel(SMALL),
    ConsistencyModel(SMALL, distil=False),
]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=["flow", "diffusion", "distilled", "self-taught"])


@pytest.fixture(scope="module")
def make(quick, simulations):
    """Return a function that fits a posterior with an engine."""
    fits = {}

    def fit(engine, **parameters):
        key = repr((engine, parameters))
        if key not in fits:
            fits[key] = quick(engine=engine, **parameters).fit(*simulations)
        return fits[key]

    return fit


@every_engine
def test_draws_and_predictions_agree_and_repeat(make, simulations, engine):
    X, _ = simulations
    posterior = make(engine)
    draws = posterior.sample(X[:3], 2000, random_state=0)
    assert draws.shape == (3, 2000, 2) and np.isfinite(draws).all()
    assert np.array_equal(draws, posterior.sample(X[:3], 2000, random_state=0))
    mean, std = posterior.predict(X[:3], return_std=True)
    # 4.5 standard errors of means and standard deviations, and 0.02 for what quasi-random points leave.
    assert (np.abs(draws.mean(axis=1) - mean) < (4.5 / math.sqrt(2000) + 0.02) * std).all()
    assert (np.abs(draws.std(axis=1) / std - 1) < 4.5 / math.sqrt(2000) + 0.02).all()
    assert np.array_equal(mean[:1], posterior.predict(X[:1])) or np.allclose(mean[:1], posterior.predict(X[:1]))
    even = posterior.sample(X[:3], 512, n_replicates=4, random_state=0)
    assert (np.abs(even.mean(axis=1) - mean) < 0.1 * std).all()


@every_engine
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_the_same_seed_gives_the_same_fit_and_leaves_torch_s_generator_alone(quick, simulations, engine, n_estimators):
    state = torch.random.get_rng_state()
    posterior = quick(engine=engine, n_estimators=n_estimators, max_iter=2)
    first, again = (clone(posterior).fit(*simulations) for _ in range(2))
    other = clone(posterior).set_params(random_state=1).fit(*simulations)
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.loss_curve_ == again.loss_curve_ != other.loss_curve_
    assert first.validation_scores_ == again.validation_scores_
    X = simulations[0][:2]
    assert np.array_equal(first.sample(X, 5, random_state=0), again.sample(X, 5, random_state=0))


@every_engine
def test_steps_may_be_changed_after_fit_and_are_kept_in_a_file(make, simulations, engine, tmp_path):
    X = simulations[0][:2]
    posterior = clone(make(engine)).fit(*simulations)
    before = posterior.sample(X, 10, random_state=0)
    posterior.set_params(engine__n_steps=3)
    after = posterior.sample(X, 10, random_state=0)
    assert not np.isclose(before, after).all()
    path = tmp_path / "posterior.skabi"
    save(posterior, path)
    assert np.array_equal(skabi.load(path).sample(X, 10, random_state=0), after)
    posterior.set_params(engine__n_steps=engine.n_steps)
    assert np.array_equal(posterior.sample(X, 10, random_state=0), before)


def test_more_steps_are_nearer_to_the_exact_solution(make, simulations):
    X, y = simulations
    posterior = clone(make(ENGINES[0])).fit(X, y)
    found = {n: posterior.set_params(engine__n_steps=n).log_prob(X[:20], y[:20]) for n in (2, 8, 32)}
    posterior.set_params(engine__solver=DormandPrince(1e-8))
    exact = posterior.log_prob(X[:20], y[:20])
    errors = [np.abs(found[n] - exact).max() for n in (2, 8, 32)]
    assert errors[0] > errors[1] > errors[2] < 1e-3


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_an_engine_without_a_density_says_so_and_names_others(make, simulations, n_estimators):
    posterior = make(ENGINES[2], n_estimators=n_estimators)
    message = r"ConsistencyModel has draws and no density.*FlowMatching\(\) or SplineFlow\(\).*energy_scorer"
    with pytest.raises(DensityError, match=message):
        posterior.log_prob(*simulations)
    with pytest.raises(DensityError, match=message):
        posterior.score(*simulations)


class Levels(Callback):
    """Keeps the levels of noise of each step."""

    def __init__(self):
        self.found = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            [network] = {part for part in self._parts(net) if hasattr(part, "n_levels_now")}
            self.found.append(network.n_levels_now())

    def _parts(self, net):
        for root in (net.module_, *getattr(net.module_, "shared", [])):
            yield from root.modules()


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_levels_follow_each_training_from_its_beginning(quick, simulations, n_estimators):
    levels = Levels()
    engine = ConsistencyModel(SMALL, distil=False, n_levels=(3, 12))
    posterior = quick(engine=engine, n_estimators=n_estimators, callbacks=[levels], warm_start=True, batch_size=120)
    # Two or three thirds of the training each.
    for _ in range(2):
        levels.found.clear()
        posterior.fit(*simulations)
        assert levels.found == [3, 3, 3, 6, 6, 6, 12, 12, 12]
    levels.found.clear()
    posterior.partial_fit(*simulations)
    assert set(levels.found) == {12}


def test_draws_of_a_self_taught_consistency_model_are_the_exact_posterior_s(quick):
    problem = ConjugateGaussian()
    settings = {"n_simulations": 1000, "max_iter": 20, "batch_size": 64, "learning_rate_init": 0.01}
    posterior = quick(engine=ConsistencyModel(SMALL, distil=False), **settings).fit(problem)
    X, _ = problem.sample(50, random_state=1)
    draws, std = posterior.sample(X, 500, random_state=0), problem.posterior_std(X)
    error = (draws.mean(axis=1) - problem.posterior_mean(X)) / std
    # Of which 0.04 are those of 500 draws, and 0.05 the regression's from 1000 simulations.
    assert np.sqrt((error**2).mean()) < 0.2
    assert (draws.std(axis=1) / std).mean() == pytest.approx(1.0, abs=0.15)
    normal = ((draws - problem.posterior_mean(X)[:, np.newaxis]) / std[:, np.newaxis]).ravel()
    assert np.mean(np.abs(normal) < 1.0) == pytest.approx(0.683, abs=0.07)


def test_a_solver_that_fails_names_the_data_sets(make, simulations):
    X, y = simulations
    posterior = clone(make(ENGINES[0])).fit(X, y)
    posterior.set_params(engine__solver=DormandPrince(1e-9, max_steps=2))
    message = r"NaN or infinity for data sets 0, 1, counted from 0.*raise its n_steps or max_steps"
    for ask in (posterior.sample, posterior.predict):
        with pytest.raises(FloatingPointError, match=message):
            ask(X[:2])
    with pytest.raises(FloatingPointError, match=message):
        posterior.log_prob(X[:2], y[:2])


def test_probes_estimate_the_log_density_without_bias_for_one_parameter(make, simulations):
    X, y = simulations
    posterior = clone(make(ENGINES[0])).fit(X, y[:, 0])
    exact = posterior.log_prob(X[:5], y[:5, 0])
    np.testing.assert_allclose(posterior.set_params(engine__n_probes=1).log_prob(X[:5], y[:5, 0]), exact, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine",
    [
        FlowMatching(ResidualNetwork(32, n_blocks=2, n_reading_blocks=1)),
        DiffusionModel(ResidualNetwork(32, n_blocks=2, n_reading_blocks=1)),
        ConsistencyModel(ResidualNetwork(32, n_blocks=2, n_reading_blocks=1), n_steps=20),
        ConsistencyModel(ResidualNetwork(32, n_blocks=2, n_reading_blocks=1), n_steps=20, distil=False),
    ],
    ids=["flow", "diffusion", "distilled", "self-taught"],
)
def test_a_posterior_with_two_modes_is_learned(quick, engine):
    """Of y = +-sqrt(x), whose posterior given x + noise no regression and no normal has."""
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], size=4000) * rng.uniform(1.0, 2.0, size=4000)
    X = (np.abs(y) + rng.normal(scale=0.1, size=4000))[:, np.newaxis]
    posterior = quick(engine=engine, max_iter=30, learning_rate_init=5e-3, batch_size=128).fit(X, y)
    draws = posterior.sample([[1.5]], 4000, random_state=0)[0, :, 0]
    assert abs((draws > 0).mean() - 0.5) < 0.1
    assert np.abs(draws).mean() == pytest.approx(1.5, abs=0.05)
    assert np.abs(draws).std() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(
    ("engine_class", "parameters"),
    [(FlowMatching, {"n_steps": 2}), (ConsistencyModel, {"n_path_steps": 2}), (ConsistencyModel, {"distil": False})],
)
def test_pixels_may_be_parameters(quick, engine_class, parameters):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(100, 16))
    X = y + rng.normal(scale=0.5, size=(100, 16))
    engine = engine_class(UNet((4, 4), n_channels=4, n_images=1), **parameters)
    posterior = quick(engine=engine, summary=IdentitySummary(), max_iter=2).fit(X.reshape(100, 4, 4), y)
    assert torch.equal(posterior.network_.residual.scale, torch.eye(16))
    assert posterior.sample(X[:2].reshape(2, 4, 4), 3, random_state=0).shape == (2, 3, 16)
