"""Simulations with levels: their distribution, their sizes, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from skabi.exceptions import ShapeError, SimulatorError
from skabi.hierarchical import GroupedData, HierarchicalSimulator, LevelDraws
from skabi.priors import IndependentPrior

PRIOR = IndependentPrior({"mu": stats.norm(0.0, 2.0), "noise": stats.halfnorm(scale=1.0)})


def scatter(mu):
    return stats.norm(mu, 0.5)


def respond(theta, noise, n_observations, rng):
    return rng.normal(theta, noise, size=n_observations)


def simulator(**parameters):
    return HierarchicalSimulator(
        PRIOR, {"theta": scatter}, respond, **({"n_groups": (2, 6), "n_observations": (1, 9)} | parameters)
    )


def test_rows_depend_on_the_seed_alone():
    X, y = simulator().sample(40, random_state=0)
    other, _ = simulator().sample(20, random_state=0, n_jobs=2)
    for groups, others in zip(X.data, other.data, strict=False):
        for group, own in zip(groups, others, strict=True):
            assert_array_equal(group, own)
    assert [len(own) for own in y.groups] == X.n_groups.tolist()


def test_sizes_fill_their_range_and_groups_may_be_equal():
    X, _ = simulator().sample(400, random_state=0)
    sizes = [[len(group) for group in groups] for groups in X.data]
    assert set(X.n_groups) == {2, 3, 4, 5, 6} and {n for own in sizes for n in own} == set(range(1, 10))
    balanced = np.mean([len(set(own)) == 1 for own in sizes])
    # A quarter by design, and of the rest some, mostly where there are two groups.
    assert 0.25 < balanced < 0.6


def test_groups_scatter_by_their_prior():
    X, y = simulator(n_groups=4, n_observations=3).sample(3000, random_state=1)
    effect = np.stack([own["theta"] for own in y.groups])
    gap = effect - y.hyper["mu"].to_numpy()[:, None]
    assert abs(gap.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * gap.size)
    noise = np.array(X.data)[..., 0] - effect[..., None]
    share = noise / y.hyper["noise"].to_numpy()[:, None, None]
    assert abs(share.std() - 1.0) < 5 / np.sqrt(2 * share.size)


def test_covariates_are_drawn_made_or_fixed():
    def respond_by(theta, sigma, place, rng):
        return np.stack([theta + sigma * rng.standard_normal(len(theta)), place], axis=1)

    made = HierarchicalSimulator(
        PRIOR,
        {"theta": lambda mu, place: stats.norm(mu + place, 0.1)},
        respond_by,
        n_groups=3,
        covariates={"sigma": [1.0, 2.0, 3.0], "place": lambda n_groups, rng: np.arange(n_groups)},
        vectorized=True,
    )
    X, y = made.sample(5, random_state=0)
    assert_array_equal(X.covariates["sigma"], np.tile([1.0, 2.0, 3.0], (5, 1)))
    assert_array_equal(X.covariates["place"][4], np.array(X.data)[4, :, 1])
    assert (np.abs(y.groups[0]["theta"] - y.hyper["mu"][0] - [0, 1, 2]) < 1).all()
    drawn = HierarchicalSimulator(
        PRIOR,
        {"theta": scatter},
        lambda theta, sigma, rng: rng.normal(theta, sigma),
        n_groups=(2, 4),
        covariates={"sigma": stats.uniform(1, 2)},
    )
    X, _ = drawn.sample(5, random_state=0)
    assert [len(each) for each in X.covariates["sigma"]] == X.n_groups.tolist()


def test_data_are_simulated_again_for_given_parameters():
    X, y = simulator().sample(6, random_state=2)
    again = simulator().simulate_from(y, X, random_state=0)
    assert again.n_groups.tolist() == X.n_groups.tolist()
    assert [len(group) for group in again.data[3]] == [len(group) for group in X.data[3]]
    assert not np.array_equal(again.data[0][0], X.data[0][0])


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_groups": 1}, ValueError, "needs groups"),
        ({"n_groups": (1, 1)}, ValueError, "needs groups"),
        ({"n_groups": (0, 3)}, ValueError, "at least 1"),
        ({"n_groups": 2.5}, TypeError, "n_groups"),
        ({"n_groups": None}, TypeError, "got None"),
        ({"n_observations": None}, TypeError, "simulate must take rng"),
        ({"covariates": {"mu": stats.norm()}}, ValueError, "both a hyper-parameter"),
        ({"covariates": {"size": [1.0, 2.0]}}, TypeError, "must be a frozen distribution"),
        ({"covariates": {"theta": stats.norm()}}, ValueError, "both a parameter of groups"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        simulator(**parameters)


def test_bad_group_prior():
    with pytest.raises(TypeError, match="asks for nu"):
        HierarchicalSimulator(PRIOR, {"theta": lambda nu: stats.norm(nu)}, respond, n_groups=3, n_observations=2)


@pytest.mark.parametrize(
    ("simulate", "message"),
    [
        (lambda theta, n_observations, rng: np.full(n_observations, np.nan), "NaN"),
        (lambda theta, n_observations, rng: np.zeros(n_observations - 1), "n_observations=2 or more.*got shape"),
        (lambda theta, n_observations, rng: theta, r"n_observations=2 or more.*got shape \(\)"),
        (lambda theta, n_observations, rng: 1 / 0, "ZeroDivisionError"),
        (lambda theta, n_observations, rng: None, "returned None"),
    ],
)
def test_bad_simulations(simulate, message):
    made = HierarchicalSimulator(PRIOR, {"theta": scatter}, simulate, n_groups=3, n_observations=2)
    with pytest.raises(SimulatorError, match=message):
        made.sample(3, random_state=0)


@pytest.mark.parametrize(
    ("simulate", "message"),
    [
        (lambda theta, n_observations, rng: rng.normal(theta), r"n_observations=2 or more.*got shape \(\)"),
        (lambda theta, n_observations, rng: 3.0, "one entry for each of .* groups; got float"),
        (lambda theta, n_observations, rng: None, "got NoneType"),
        (lambda theta, n_observations, rng: theta[:-1], "one entry for each of"),
    ],
)
def test_bad_vectorized_simulations(simulate, message):
    made = HierarchicalSimulator(
        PRIOR, {"theta": scatter}, simulate, n_groups=3, n_observations=2, vectorized=True, block_size=3
    )
    with pytest.raises(SimulatorError, match=message):
        made.sample(3, random_state=0)


def test_arguments_with_defaults_and_dicts_of_distributions():
    def spread(mu, width=0.1, **unused):
        return stats.norm(mu, width)

    def simulate(theta, rng, noise=5.0, shift=100.0, **unused):
        return theta + shift + 0.0 * noise

    made = HierarchicalSimulator(PRIOR.distributions, {"theta": spread}, simulate, n_groups=3)
    assert made.hyper_prior == PRIOR
    X, y = made.sample(50, random_state=0)
    effect = np.stack([own["theta"] for own in y.groups])
    assert_array_equal(np.array(X.data)[..., 0], effect + 100.0)
    gap = effect - y.hyper["mu"].to_numpy()[:, None]
    assert abs(gap.std() / 0.1 - 1) < 5 / np.sqrt(2 * gap.size)


def test_predictive_data_of_draws_are_one_data_set_a_draw():
    """Groups that differ in their label, sizes and covariate meet their own parameters, whatever the order."""
    made = HierarchicalSimulator(
        PRIOR,
        {"theta": scatter},
        lambda theta, size, n_observations, rng: np.full((n_observations, 1), theta + size),
        n_groups=(2, 4),
        n_observations=(1, 4),
        covariates={"size": stats.uniform(0.0, 1.0)},
    )
    X = GroupedData(
        [[np.ones((3, 1)), np.ones((1, 1))], [np.ones((1, 1)), np.ones((2, 1)), np.ones((4, 1))]],
        covariates={"size": [[10.0, 20.0], [30.0, 40.0, 50.0]]},
        labels=[["a", "b"], ["p", "q", "r"]],
    )
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(5, 2, 1)), rng.normal(size=(5, 3, 1))]
    draws = LevelDraws(np.ones((2, 5, 2)), groups, ["mu", "noise"], ["theta"], [["b", "a"], ["r", "p", "q"]])
    predicted = made.simulate_from(draws, X, random_state=0)
    assert predicted.n_groups.tolist() == [2] * 5 + [3] * 5
    for s in range(5):
        assert [len(group) for group in predicted.data[s]] == [3, 1]
        assert predicted.labels[5 + s].tolist() == ["p", "q", "r"]
        assert_array_equal([own[0, 0] for own in predicted.data[s]], groups[0][s, [1, 0], 0] + [10.0, 20.0])
        assert_array_equal(
            [own[0, 0] for own in predicted.data[5 + s]], groups[1][s, [1, 2, 0], 0] + [30.0, 40.0, 50.0]
        )
    means = made.simulate_from(draws.mean(), X, random_state=0)
    assert means.data[0][0][0, 0] == pytest.approx(groups[0][:, 1, 0].mean() + 10.0)
    with pytest.raises(ValueError, match=r"covariates \['size'\]"):
        made.simulate_from(draws, GroupedData(X.data, labels=X.labels))
    with pytest.raises(ShapeError, match="several observations"):
        made.simulate_from(draws[:1], GroupedData([[[1.0], [2.0]]], covariates={"size": [[1.0, 2.0]]}))
