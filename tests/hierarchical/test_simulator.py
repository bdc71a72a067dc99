"""Simulations with levels: their distribution, their sizes, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from skabi.exceptions import SimulatorError
from skabi.hierarchical import HierarchicalSimulator
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
        (lambda theta, n_observations, rng: np.zeros(n_observations - 1), "n_observations, n_features"),
        (lambda theta, n_observations, rng: 1 / 0, "ZeroDivisionError"),
        (lambda theta, n_observations, rng: None, "returned None"),
    ],
)
def test_bad_simulations(simulate, message):
    made = HierarchicalSimulator(PRIOR, {"theta": scatter}, simulate, n_groups=3, n_observations=2)
    with pytest.raises(SimulatorError, match=message):
        made.sample(3, random_state=0)
