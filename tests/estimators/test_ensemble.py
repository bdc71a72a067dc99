"""A posterior of several networks: their equal mixture, in whatever way it is asked."""

import copy
import itertools
import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import cumulative_trapezoid, trapezoid
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skabi.datasets import ConjugateGaussian, TruncatedGaussian
from skabi.engines import AutoregressiveSplineFlow, Gaussian, SplineFlow
from skabi.estimators._sources import Source
from skabi.exceptions import ApproximationWarning
from skabi.losses import ForwardKL
from skabi.networks._ensemble import Ensemble
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import BaseSummary, IdentitySummary
from skabi.testing import instances

N_MEMBERS = 3
QUANTILES = [0.05, 0.25, 0.5, 0.9]


class LinearSummary(BaseSummary):
    """Four sums of the features, with weights that are learned."""

    def build(self, shape, n_parameters):
        return LinearSummaryNetwork(*shape)


class LinearSummaryNetwork(torch.nn.Module):
    n_summaries = 4

    def __init__(self, n_features):
        super().__init__()
        self.linear = torch.nn.Linear(n_features, self.n_summaries)

    def forward(self, x, mask):
        return self.linear(x)


@pytest.fixture(scope="module")
def small(quick):
    """Return a function that makes an ensemble of three."""

    def make(**parameters):
        return quick(**({"engine": Gaussian((8,)), "n_estimators": N_MEMBERS, "max_iter": 5} | parameters))

    return make


@pytest.fixture(scope="module", params=["identity", "learned"])
def ensemble(request, small, simulations):
    summary = LinearSummary() if request.param == "learned" else None
    return small(summary=summary).fit(*simulations)


def alone(ensemble):
    """Return a posterior of each member."""
    posteriors = []
    for member in ensemble.network_.members:
        posteriors.append(copy.deepcopy(ensemble))
        posteriors[-1].network_ = member
    return posteriors


def told_apart(ensemble, *, by=1.0):
    """Return a copy whose members differ by much in location and in scale."""
    ensemble = copy.deepcopy(ensemble)
    for i, member in enumerate(ensemble.network_.members):
        member.residual.bias += 2 * by * i
        member.residual.scale *= 1 + by * i
    return ensemble


def all_differ(arrays):
    return all(np.abs(a - b).max() > 1e-3 for a, b in itertools.combinations(arrays, 2))


# Members


WITH_DENSITY = [engine for engine in instances()["engines"] if engine.build(1, 1).has_density]


@pytest.mark.parametrize("engine", WITH_DENSITY, ids=lambda engine: type(engine).__name__)
def test_every_engine_can_be_several(small, simulations, engine):
    X, y = simulations
    posterior = small(engine=engine).fit(X, y)
    assert isinstance(posterior.network_, Ensemble) and len(posterior.network_.members) == N_MEMBERS
    densities = [np.exp(member.log_prob(X, y)) for member in alone(posterior)]
    assert all_differ(densities)
    np.testing.assert_allclose(np.exp(posterior.log_prob(X, y)), np.mean(densities, axis=0), rtol=1e-10)
    draws = posterior.sample(X[:5], 7, random_state=0)
    assert draws.shape == (5, 7, 2) and draws.dtype == np.float64
    assert np.isfinite(posterior.log_prob(X[:5], draws)).all()
    assert posterior.predict(X[:5], quantiles=QUANTILES).shape == (5, 4, 2)
    assert not any(weight.requires_grad for weight in posterior.network_.parameters())
    assert not posterior.network_.training


def test_one_is_no_ensemble(small, simulations, quick):
    X, y = simulations
    one = small(n_estimators=1).fit(X, y)
    assert isinstance(one.network_, SummarizedDensity)
    np.testing.assert_array_equal(one.predict(X), quick(engine=Gaussian((8,)), max_iter=5).fit(X, y).predict(X))
    assert len(small(n_estimators=np.int64(2), max_iter=1).fit(X, y).network_.members) == 2


@pytest.mark.parametrize(
    ("engine", "structure"),
    [
        (SplineFlow(2, hidden_layer_sizes=(8,)), "moved"),
        (AutoregressiveSplineFlow(2, hidden_layer_sizes=(8,)), "order"),
    ],
)
def test_members_start_differently(small, simulations, engine, structure):
    X, y = simulations
    # Steps too small to be seen, and six parameters, which can be ordered in many ways.
    y = np.column_stack([y, X, X[:, 0] * y[:, 0]]) + np.random.default_rng(0).normal(size=(400, 6))
    members = small(engine=engine, max_iter=1, learning_rate_init=1e-12).fit(X, y).network_.members
    weights = [member.density.embedding[0].weight.numpy() for member in members]
    assert all_differ(weights)
    orders = [[getattr(layer, structure).tolist() for layer in member.density.transforms] for member in members]
    assert all(one != other for one, other in itertools.combinations(orders, 2))
    # But all from the same linear regression.
    for member in members[1:]:
        assert torch.equal(member.residual.weight, members[0].residual.weight)
        assert member.residual.weight is not members[0].residual.weight
    assert members[0].residual.weight.any()


def test_a_fit_depends_on_the_random_state_alone(small, simulations):
    X, y = simulations
    fits = [small(random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    draws = [posterior.sample(X[:3], 7, random_state=0) for posterior in fits]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.isin(draws[2], draws[0]).any()


# Density and draws


def test_the_density_of_a_box_integrates_to_one_and_draws_come_from_it(small):
    problem = TruncatedGaussian(1)
    posterior = told_apart(small(n_simulations=300).fit(problem), by=0.3)
    X = np.array([[0.0], [-1.7], [2.6]])
    axis = problem.low + (problem.high - problem.low) * stats.norm.cdf(np.linspace(-7.0, 7.0, 2001))
    density = np.exp(posterior.log_prob(X, np.tile(axis[:, np.newaxis], (3, 1, 1))))
    np.testing.assert_allclose(trapezoid(density, axis, axis=1), 1.0, atol=1e-3)
    draws = posterior.sample(X, 2000, random_state=0)
    assert (np.abs(draws) < 2.0).all()
    for own, cdf in zip(draws[..., 0], cumulative_trapezoid(density, axis, initial=0.0), strict=True):
        # Three tests: one false alarm in three thousand sessions with other seeds.
        assert stats.kstest(own, lambda value, cdf=cdf: np.interp(value, axis, cdf / cdf[-1])).pvalue > 1e-4


def test_draws_depend_on_the_random_state(ensemble, simulations):
    X = simulations[0][:3]
    # Two are fewer than there are members.
    for n_draws in (1, 2, 7):
        first = ensemble.sample(X, n_draws, random_state=0)
        assert first.shape == (3, n_draws, 2)
        assert np.unique(first).size == first.size
        np.testing.assert_array_equal(ensemble.sample(X, n_draws, random_state=0), first)
        assert not np.isin(ensemble.sample(X, n_draws, random_state=1), first).any()


def test_the_score_is_at_least_the_mean_of_the_members(small):
    """Jensen's inequality, for every data set."""
    problem = ConjugateGaussian(2)
    posterior = small(engine=SplineFlow(2, hidden_layer_sizes=(16,)), n_simulations=60, max_iter=30).fit(problem)
    X, y = problem.sample(500, random_state=1)
    of_members = np.array([member.log_prob(X, y) for member in alone(posterior)])
    assert all_differ(of_members)
    assert (posterior.log_prob(X, y) >= of_members.mean(axis=0) - 1e-10).all()
    assert posterior.score(X, y) > of_members.mean() + 1e-3


# Predictions


@pytest.mark.parametrize("n_estimators", [2, 3, 4])
def test_predict_agrees_with_the_members_and_with_draws(small, simulations, n_estimators):
    X, y = simulations
    posterior, n_draws = told_apart(small(n_estimators=n_estimators, max_iter=1).fit(X, y)), 20_000
    mean, std = posterior.predict(X[:4], return_std=True)
    means, stds = np.swapaxes([member.predict(X[:4], return_std=True) for member in alone(posterior)], 0, 1)
    # Blocks of the quasi-random points, 256 at least, are right to about a hundredth of a standard deviation.
    assert (np.abs(mean - means.mean(axis=0)) < 0.02 * std).all()
    total_std = np.sqrt((stds**2).mean(axis=0) + means.var(axis=0))
    np.testing.assert_allclose(std, total_std, rtol=0.02)
    assert (stds[-1] > 1.5 * stds[0]).all() and (means[-1] > means[0]).all()
    draws = posterior.sample(X[:4], n_draws, random_state=0)
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * std / np.sqrt(n_draws) + 0.02 * std).all()
    kurtosis = stats.kurtosis(draws, axis=1)
    error = std * np.sqrt((kurtosis + 2) / 4 / n_draws)
    assert (np.abs(draws.std(axis=1) - std) < 5 * error + 0.02 * std).all()
    quantiles = posterior.predict(X[:4], quantiles=QUANTILES)
    below = (draws[:, :, np.newaxis] < quantiles[:, np.newaxis]).mean(axis=1)
    wanted = np.array(QUANTILES)[:, np.newaxis]
    assert (np.abs(below - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n_draws) + 0.01).all()


def test_predict_is_deterministic_and_rows_do_not_interact(ensemble, simulations):
    X = simulations[0]
    mean, std = ensemble.predict(X, return_std=True)
    quantiles, summaries = ensemble.predict(X, quantiles=QUANTILES), ensemble.transform(X)
    np.testing.assert_array_equal(ensemble.predict(X), mean)
    assert mean.dtype == std.dtype == np.float64
    for row in (0, 399):
        alone_mean, alone_std = ensemble.predict(X[[row]], return_std=True)
        np.testing.assert_allclose(alone_mean[0], mean[row], rtol=1e-12)
        np.testing.assert_allclose(alone_std[0], std[row], rtol=1e-12)
        np.testing.assert_allclose(ensemble.predict(X[[row]], quantiles=QUANTILES)[0], quantiles[row], rtol=1e-12)
        np.testing.assert_allclose(ensemble.transform(X[[row]])[0], summaries[row], rtol=1e-12, atol=1e-12)


# Summaries


def test_there_is_one_set_of_summaries_where_nothing_is_learned(small, simulations):
    X, y = simulations
    posterior = small().fit(X, y)
    np.testing.assert_allclose(posterior.transform(X), posterior._reader.each[None].transform(Source(X))[0], rtol=1e-12)
    assert posterior.get_feature_names_out().tolist() == [f"amortizedposterior{i}" for i in range(3)]
    arrays = small(summary=IdentitySummary()).fit(X.reshape(400, 3, 1), y)
    assert arrays.transform(X[:5].reshape(5, 3, 1)).shape == (5, 3)


def test_there_is_a_set_of_summaries_a_member_where_something_is(small, simulations):
    X, y = simulations
    posterior = small(summary=LinearSummary()).fit(X, y)
    summaries = posterior.transform(X)
    assert summaries.shape == (400, 4 * N_MEMBERS)
    for i, member in enumerate(alone(posterior)):
        np.testing.assert_allclose(summaries[:, 4 * i : 4 * i + 4], member.transform(X), rtol=1e-12)
    assert all_differ(np.split(summaries, N_MEMBERS, axis=1))
    names = [f"amortizedposterior{i}" for i in range(4 * N_MEMBERS)]
    assert posterior.get_feature_names_out().tolist() == names
    assert posterior.set_output(transform="pandas").transform(X).columns.tolist() == names


# Training


@pytest.mark.parametrize("summary", [None, LinearSummary()], ids=["identity", "learned"])
def test_held_out_scores_are_those_of_the_mixture_and_losses_the_mean_of_the_members(small, simulations, summary):
    X, y = simulations
    engine = SplineFlow(2, hidden_layer_sizes=(32,))
    posterior = small(engine=engine, summary=summary, max_iter=20, validation_fraction=0.5).fit(X, y)
    held_out = posterior._split(len(X), None, is_pass=False)[1]
    best = posterior.validation_scores_[posterior.best_iter_ - 1]
    assert posterior.best_iter_ > 0
    assert posterior.score(X[held_out], y[held_out]) == pytest.approx(best, abs=1e-4)
    assert np.mean([member.score(X[held_out], y[held_out]) for member in alone(posterior)]) < best - 1e-3
    posterior.set_params(early_stopping=False, learning_rate_init=1e-12, max_iter=1).fit(X, y)
    # Steps too small to be seen: the loss of the epoch is that of the weights there are.
    scores = [member.score(X, y) for member in alone(posterior)]
    assert posterior.loss_curve_ == pytest.approx([-np.mean(scores)], abs=1e-4)


def test_warm_start_goes_on_with_every_member(small, simulations):
    X, y = simulations
    posterior = small(warm_start=True).fit(X, y)
    before = [member.predict(X) for member in alone(posterior)]
    assert all_differ(before)
    scores = posterior.validation_scores_
    posterior.set_params(learning_rate_init=1e-9).fit(X, y)
    assert posterior.n_iter_ == 10
    assert posterior.validation_scores_[:5] == scores
    for member, own in zip(alone(posterior), before, strict=True):
        np.testing.assert_allclose(member.predict(X), own, rtol=0, atol=1e-5)
    posterior.set_params(learning_rate_init=0.02).fit(X, y)
    for member, own in zip(alone(posterior), before, strict=True):
        assert np.abs(member.predict(X) - own).max() > 1e-3


@pytest.mark.parametrize(("before", "after"), [(3, 2), (3, 1), (1, 3)])
def test_warm_start_with_another_number_of_networks(small, simulations, before, after):
    posterior = small(warm_start=True, max_iter=1, n_estimators=before).fit(*simulations)
    draws = posterior.sample(simulations[0][:3], 5, random_state=0)
    with pytest.raises(ValueError, match="n_estimators"):
        posterior.set_params(n_estimators=after).fit(*simulations)
    np.testing.assert_array_equal(posterior.sample(simulations[0][:3], 5, random_state=0), draws)
    posterior.set_params(warm_start=False).fit(*simulations)
    assert len(getattr(posterior.network_, "members", [None])) == after


def test_one_member_that_becomes_nan_is_restored_with_the_others(small, simulations):
    class BreakTheFirst(Callback):
        def on_batch_begin(self, net, batch=None, training=False, **kwargs):
            if training and len(net.history) == 3 and not self.is_done:
                self.is_done = True
                with torch.no_grad():
                    for weight in net.module_.parameters():
                        weight[0] = np.nan

        is_done = False

    X, y = simulations
    with pytest.warns(ApproximationWarning, match="became NaN or infinite in epoch 3"):
        posterior = small(callbacks=[BreakTheFirst()]).fit(X, y)
    assert posterior.n_iter_ == 5
    assert all(np.isfinite(member.log_prob(X, y)).all() for member in alone(posterior))


def test_a_loss_may_ask_for_all_that_losses_are_promised(small, simulations):
    class Regularized(ForwardKL):
        """`ForwardKL` in other words, and nothing more."""

        def __call__(self, network, batch):
            return -network.log_prob(batch.theta, batch.x) + 0.0 * network.context(batch.x).mean()

    X, y = simulations
    found = small(loss=Regularized()).fit(X, y).predict(X)
    np.testing.assert_allclose(found, small().fit(X, y).predict(X), rtol=0, atol=1e-4)


# Tools of others


def test_pickling_and_joblib(ensemble, simulations, tmp_path):
    X = simulations[0][:3]
    joblib.dump(ensemble, tmp_path / "ensemble.joblib")
    for again in (pickle.loads(pickle.dumps(ensemble)), joblib.load(tmp_path / "ensemble.joblib")):
        np.testing.assert_array_equal(again.sample(X, 7, random_state=0), ensemble.sample(X, 7, random_state=0))
        np.testing.assert_array_equal(again.predict(X), ensemble.predict(X))
        np.testing.assert_array_equal(again.transform(X), ensemble.transform(X))
        assert again.get_feature_names_out().tolist() == ensemble.get_feature_names_out().tolist()


def test_cloning_and_setting_the_number(ensemble, simulations):
    X, y = simulations
    copied = clone(ensemble)
    assert copied.n_estimators == N_MEMBERS and not hasattr(copied, "network_")
    np.testing.assert_array_equal(copied.fit(X, y).predict(X), ensemble.predict(X))
    assert len(copied.set_params(n_estimators=2).fit(X, y).network_.members) == 2
    assert copied.get_params()["n_estimators"] == 2


def test_a_search_over_the_number(small, simulations):
    X, y = simulations
    numbers = [1, 3]
    search = GridSearchCV(small(), {"n_estimators": numbers}, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert search.best_params_["n_estimators"] == numbers[np.argmax(scores)]
    assert search.best_estimator_.n_estimators == search.best_params_["n_estimators"]


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (0, ValueError, "n_estimators must be at least 1; got 0"),
        (-2, ValueError, "n_estimators must be at least 1; got -2"),
        (1.5, TypeError, "n_estimators must be an int; got 1.5"),
        (2.0, TypeError, "n_estimators must be an int; got 2.0"),
        (True, TypeError, "n_estimators must be an int; got True"),
        (None, TypeError, "n_estimators must be an int; got None"),
    ],
)
def test_numbers_that_make_no_sense(small, simulations, number, error, words):
    posterior = small(n_estimators=number)  # nothing is checked before fit
    with pytest.raises(error, match=words):
        posterior.fit(*simulations)
