"""Both levels against exact answers, and what is asked of them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import skabi
from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.hierarchical import GroupedData, HierarchicalPosterior, HierarchicalSimulator, LevelDraws, Levels
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import NestedSummary, SetSummary

OBSERVED = np.array([1.3, -0.4, 2.2, 0.1, -1.0, 3.0])


def data(y):
    return GroupedData([y[:, np.newaxis]])


def test_both_levels_are_those_of_the_exact_posterior(single):
    n = 20_000
    draws = single.posterior.sample(data(OBSERVED), n, random_state=0)
    (mean, std), (means, stds) = single.exact(OBSERVED)
    # A regression on 4,000 simulations is off by a few hundredths of a standard deviation.
    slack = 5 / np.sqrt(n) + 0.1
    assert abs(draws.hyper[0, :, 0].mean() - mean) < slack * std
    assert abs(draws.hyper[0, :, 0].std() / std - 1) < slack
    assert (np.abs(draws.groups[0][..., 0].mean(axis=0) - means) < slack * stds).all()
    assert (np.abs(draws.groups[0][..., 0].std(axis=0) / stds - 1) < slack).all()


def test_groups_of_one_observation_are_rows(single):
    frame = pd.DataFrame({"y": OBSERVED, "place": list("uvwxyz")})
    X = GroupedData.from_frame(frame, group="place", features="y")
    found = single.posterior.sample(X, 3, random_state=0)
    assert found.labels[0].tolist() == list("uvwxyz")
    assert_array_equal(found.groups[0], single.posterior.sample(data(OBSERVED), 3, random_state=0).groups[0])


def test_draws_of_both_levels_belong_together(single):
    draws = single.posterior.sample(data(OBSERVED), 20_000, random_state=1)
    (_, std), (_, stds) = single.exact(OBSERVED)
    share = 0.8**2 / (0.8**2 + 1.5**2)
    # Of theta given mu and data the mean is share * y + (1 - share) * mu.
    expected = (1 - share) * std / stds[0]
    found = [np.corrcoef(draws.hyper[0, :, 0], draws.groups[0][:, j, 0])[0, 1] for j in range(6)]
    assert (np.abs(np.array(found) - expected) < 0.05).all()


def test_densities_are_those_of_the_exact_posterior(single):
    _, y = single.simulator.sample(20, random_state=5)
    X, _ = single.simulator.sample(20, random_state=5)
    log_prob = single.posterior.log_prob(X, y)
    share = 0.8**2 / (0.8**2 + 1.5**2)
    expected = []
    for i in range(20):
        values = np.array(X.data[i])[:, 0]
        (mean, std), _ = single.exact(values)
        mu, theta = y.hyper["mu"][i], y.groups[i]["theta"].to_numpy()
        groups = stats.norm.logpdf(theta, share * values + (1 - share) * mu, np.sqrt(share) * 1.5)
        expected.append(stats.norm.logpdf(mu, mean, std) + groups.sum())
    assert_allclose(log_prob, expected, atol=0.5)
    assert abs(log_prob.mean() - np.mean(expected)) < 0.15
    assert single.posterior.score(X, y) == pytest.approx(log_prob.mean())


def test_the_density_of_a_group_integrates_to_one(ragged):
    # Log-normal groups: without the Jacobian of their map it would not.
    X, y = ragged.simulator.sample(3, random_state=6)
    one = X[:1].take_groups([[0]])
    grid = np.exp(np.linspace(-12, 12, 4001))
    hyper = np.broadcast_to(y.hyper.to_numpy()[:1], (len(grid), 1))[np.newaxis]
    density = np.exp(ragged.posterior._level.log_prob(one, hyper, [grid[:, np.newaxis, np.newaxis]]))[0]
    assert np.trapezoid(density * grid, np.log(grid)) == pytest.approx(1.0, abs=1e-4)


def test_draws_have_the_density(ragged):
    X, _ = ragged.simulator.sample(4, random_state=7)
    draws = ragged.posterior.sample(X, 3, random_state=0)
    log_prob = ragged.posterior.log_prob(X, draws)
    assert log_prob.shape == (4, 3)
    one = Levels(
        pd.DataFrame(draws.hyper[:, 1], columns=["mu"]),
        [pd.DataFrame(own[1], columns=["theta"]) for own in draws.groups],
    )
    assert_allclose(ragged.posterior.log_prob(X, one), log_prob[:, 1], rtol=1e-6)
    assert all((own > 0).all() for own in draws.groups)
    assert ragged.posterior.log_prob(X, _negative(draws)).max() == -np.inf


def _negative(draws):
    return LevelDraws(draws.hyper, [-own for own in draws.groups], draws.hyper_names, draws.group_names, draws.labels)


def test_summaries_are_the_same_for_many_draws_as_for_one(ragged):
    """What a network is told of each draw is what it would see if a group were summarized with it."""
    X, _ = ragged.simulator.sample(2, random_state=8)
    level, network = ragged.posterior._level, ragged.posterior.group_._network()
    hyper = np.linspace(-1, 1, 10).reshape(2, 5, 1)
    base = level._summaries(X, hyper, network)
    for s in range(5):
        own = hyper[:, [s]]
        rows = np.repeat(own[:, 0], X.n_groups, axis=0)
        none = np.empty((len(rows), 0))
        told = level._told(base, np.arange(len(rows)), level._given(rows, none, level._bound(rows, none)))
        assert_allclose(told.numpy(), level._summaries(X, own, network).numpy(), atol=1e-9)


def test_predictions_are_means_and_do_not_depend_on_neighbours(ragged):
    X, _ = ragged.simulator.sample(5, random_state=9)
    mean, std = ragged.posterior.predict(X, return_std=True)
    draws = ragged.posterior.sample(X, 4000, random_state=0)
    alone = ragged.posterior.predict(X[[3]])
    assert_allclose(alone.groups[0], mean.groups[3], rtol=1e-9)
    for i in range(5):
        error = 6 * draws.std().groups[i] / np.sqrt(1000)
        assert (np.abs(mean.groups[i] - draws.mean().groups[i]) < error).all(axis=None)
    assert_allclose(std.hyper, draws.std().hyper, rtol=0.1)


def test_labels_are_kept(ragged):
    X = GroupedData([[[[1.0]], [[2.0], [0.3]]]], labels=[["north", "south"]])
    assert X.as_rows() is X
    assert ragged.posterior.predict(X).groups[0].index.tolist() == ["north", "south"]
    assert ragged.posterior.sample(X, 2, random_state=0).labels[0].tolist() == ["north", "south"]


def test_parameters_are_matched_by_label(ragged):
    X = GroupedData([[[[1.0]], [[2.0], [0.3]], [[9.0]]]], labels=[["north", "south", "west"]])
    y = ragged.posterior.predict(X)
    shuffled = Levels(y.hyper, [y.groups[0].iloc[[2, 0, 1]]])
    assert ragged.posterior.score(X, shuffled) == ragged.posterior.score(X, y)
    with pytest.raises(ValueError, match="must be of the groups of X"):
        ragged.posterior.log_prob(X, Levels(y.hyper, [y.groups[0].rename(index={"west": "east"})]))


def test_fit_matches_groups_by_label():
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])
    hyper, theta = pd.DataFrame({"mu": rng.normal(size=200)}), rng.normal(size=(200, 3, 1))
    y = Levels(hyper, [pd.DataFrame(own[::-1], columns=["theta"], index=labels[::-1]) for own in theta])
    level = AmortizedPosterior(Gaussian(()), max_iter=20)
    X = GroupedData(theta, labels=[labels] * 200)
    mean = HierarchicalPosterior(level, level, random_state=0).fit(X, y).predict(X)
    # Data are the parameters themselves. By place, two of three groups would have those of another, and errors of 2/3.
    assert np.mean((np.array(mean.groups) - theta) ** 2) < 0.1


def test_seeds_govern_draws(ragged):
    X, _ = ragged.simulator.sample(2, random_state=10)
    a, b, c = (ragged.posterior.sample(X, 5, random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(a.groups[1], b.groups[1])
    assert not np.array_equal(a.groups[1], c.groups[1])


def test_arrays_and_searches(ragged):
    X, y = ragged.simulator.sample(60, random_state=11)
    level = AmortizedPosterior(Gaussian(()), max_iter=2)
    posterior = HierarchicalPosterior(
        level,
        level,
        hyper_prior=ragged.simulator.hyper_prior.distributions,
        group_prior=ragged.simulator.group_prior.distributions,
    )
    search = GridSearchCV(posterior, {"group__max_iter": [1, 2], "random_state": [0]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    free = HierarchicalPosterior(level, level, random_state=0).fit(X, y)
    assert np.isfinite(free.score(X, y))
    with pytest.raises(ValueError, match="group_prior"):
        free.sample_new_group(X[:2], 5)


def test_covariates_and_ensembles(tmp_path):
    simulator = HierarchicalSimulator(
        IndependentPrior({"mu": stats.norm(0.0, 2.0)}),
        {"theta": _around},
        _by_error,
        n_groups=5,
        covariates={"sigma": stats.uniform(0.2, 3.0)},
        vectorized=True,
    )
    level = AmortizedPosterior(Gaussian((16,)), n_estimators=2, max_iter=15)
    posterior = HierarchicalPosterior(level, level, n_simulations=1000, random_state=0).fit(simulator)
    data, places = [[[2.0], [3.5], [1.5], [4.0], [3.0]]], np.linspace(0.8, 1.2, 5)
    sure, unsure = (
        posterior.predict(GroupedData(data, covariates={"sigma": [sigma * places]}), return_std=True)
        for sigma in (0.4, 2.5)
    )
    assert sure[1].hyper["mu"][0] < unsure[1].hyper["mu"][0]
    assert sure[1].groups[0]["theta"].mean() < unsure[1].groups[0]["theta"].mean()
    with pytest.raises(ValueError, match=r"covariates \['sigma'\]"):
        posterior.sample(data)
    posterior.save(tmp_path / "model")
    loaded = skabi.load(tmp_path / "model", custom_classes=[_around, _by_error])
    X = GroupedData(data, covariates={"sigma": [places]})
    assert_array_equal(loaded.sample(X, 4, random_state=0).groups[0], posterior.sample(X, 4, random_state=0).groups[0])


def _around(mu):
    return stats.norm(mu, 1.0)


def _by_error(theta, sigma, rng):
    return rng.normal(theta, sigma)


def test_recipes_reach_both_levels():
    simulator = HierarchicalSimulator(
        IndependentPrior({"mu": stats.norm(0.0, 2.0)}),
        {"theta": _around},
        lambda theta, n_observations, rng: rng.normal(theta, 1.0, size=n_observations),
        n_groups=3,
        n_observations=2,
    )
    hyper = AmortizedPosterior(Gaussian(()), summary=NestedSummary(SetSummary(width=8)), max_iter=1)
    group = AmortizedPosterior(Gaussian(()), summary=SetSummary(width=8), max_iter=1)
    posterior = HierarchicalPosterior(hyper, group, n_simulations=50, max_groups=1, random_state=0).fit(simulator)
    plain = HierarchicalPosterior(AmortizedPosterior(max_iter=1), group, n_simulations=50, random_state=0)
    assert plain.fit(simulator).hyper_.engine_.bound == 10.0 and plain.group_.engine_.hidden_layer_sizes == ()
    assert posterior.group_.summary_.summaries["data"].width == 8
    assert posterior.hyper_.random_state is not None and hyper.random_state is None
    assert clone(posterior).get_params()["hyper__summary__inner__width"] == 8


def test_unusual_groups_are_warned_of(single):
    with pytest.warns(ApproximationWarning, match="outside what was simulated"):
        single.posterior.sample(data(OBSERVED * 100), 5, random_state=0)


def test_bad_input(ragged):
    posterior = ragged.posterior
    X, y = ragged.simulator.sample(3, random_state=12)
    with pytest.raises(ShapeError, match="no groups"):
        posterior.sample([[]])
    with pytest.raises(ShapeError, match="groups must be"):
        posterior.sample([[[1.0], [2.0]]])
    with pytest.raises(ShapeError, match="n_features=1, as in fit; got 2"):
        posterior.sample([[[[1.0, 2.0]], [[2.0, 0.0]]]])
    with pytest.raises(ShapeError, match="groups of X"):
        posterior.log_prob(X[:2], y)
    with pytest.raises(TypeError, match="LevelDraws"):
        posterior.log_prob(X, y.hyper)
    with pytest.raises(ValueError, match="parameters"):
        posterior.log_prob(X, Levels(y.hyper.rename(columns={"mu": "nu"}), y.groups))
    with pytest.warns(ApproximationWarning, match="fewer or more groups"):
        posterior.sample([[[[1.0]]]], 2)
    with pytest.raises(NotFittedError):
        HierarchicalPosterior().sample(X)


def test_bad_fits(ragged):
    X, y = ragged.simulator.sample(20, random_state=13)
    with pytest.raises(TypeError, match="HierarchicalSimulator"):
        HierarchicalPosterior().fit(Simulator(ragged.simulator.hyper_prior, lambda mu, rng: mu))
    with pytest.raises(TypeError, match="must be Levels"):
        HierarchicalPosterior().fit(X, y.hyper)
    with pytest.raises(TypeError, match="must be an AmortizedPosterior"):
        HierarchicalPosterior(Gaussian()).fit(X, y)
    with pytest.raises(ShapeError, match=r"groups of X, \[\d, \d, \d, \d, \d\] in"):
        HierarchicalPosterior().fit(X, y[:19])
    with pytest.raises(ValueError, match="brings its own"):
        HierarchicalPosterior(group_prior={}).fit(ragged.simulator)
    with pytest.raises(ValueError, match=r"hyper\.prior must be None"):
        HierarchicalPosterior(AmortizedPosterior(prior=ragged.simulator.hyper_prior)).fit(X, y)
    with pytest.raises(ValueError, match=r"group\.fresh_simulations must be False"):
        HierarchicalPosterior(group=AmortizedPosterior(fresh_simulations=True)).fit(ragged.simulator)
    with pytest.raises(ValueError, match="max_groups"):
        HierarchicalPosterior(max_groups=0).fit(X, y)
