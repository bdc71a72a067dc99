import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

import skabi
from skabi import AmortizedPosterior
from skabi.elicitation import Correlation, FlowPrior, JointFlow, Moments, Parameter, PriorElicitor, Quantiles, Target
from skabi.engines import Gaussian
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.testing import check_prior

SUPPORT = {"real": None, "positive": (0.0, np.inf), "below": (-np.inf, 3.0), "share": (2.0, 3.0)}
SMALL = JointFlow({"a": None, "b": (0.0, np.inf)}, n_transforms=2, n_bins=4, hidden_layer_sizes=(4,))


def random_prior(support=SUPPORT, scale=0.2):
    """A flow with weights far from where it starts."""
    prior = JointFlow(support, hidden_layer_sizes=(8,)).prior(random_state=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in prior.network.parameters():
            weight.add_(scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    return prior


@pytest.mark.parametrize("support", [SUPPORT, {"one": None}])
def test_prior_contract(support):
    check_prior(random_prior(support))


def test_density_of_a_new_flow_is_near_that_of_independent_normals():
    prior = JointFlow({"a": None, "b": (0.0, np.inf)}).prior(random_state=0)
    exact = IndependentPrior({"a": stats.norm(), "b": stats.lognorm(1.0)})
    y = exact.sample(200, random_state=0)
    assert np.abs(prior.log_prob(y) - exact.log_prob(y)).mean() < 0.2
    assert prior.support.tolist() == [[-np.inf, np.inf], [0.0, np.inf]]
    assert prior.log_prob([[0.0, -1.0], [0.0, 1.0]])[0] == -np.inf


def test_priors_are_equal_if_their_weights_are():
    assert random_prior() == random_prior()
    assert random_prior() != random_prior(scale=0.1)
    assert random_prior() != IndependentPrior({"a": stats.norm()})
    assert hash(random_prior()) == hash(random_prior())


def test_a_joint_prior_has_the_correlation_that_was_stated():
    # Logarithms of b and values of a are correlated; what is stated are moments of both and a rank-free correlation.
    targets = {
        "a": Target(Parameter("a"), Quantiles((0.1, 0.5, 0.9))),
        "b": Target(Parameter("b"), Quantiles((0.1, 0.5, 0.9))),
        "both": Target(Parameter(["a", "b"]), Correlation()),
    }
    answers = {
        "a": stats.norm(10, 2).ppf([0.1, 0.5, 0.9]),
        "b": stats.gamma(4).ppf([0.1, 0.5, 0.9]),
        "both": [-0.9],
    }
    elicitor = PriorElicitor(SMALL, targets=targets, n_simulations=1024, n_candidates=32, n_starts=1, random_state=0)
    prior = elicitor.fit(answers).prior_
    y = prior.sample(20_000, random_state=1)
    assert_allclose(y.corr().to_numpy()[0, 1], -0.9, atol=0.03)
    # Some 1,000 quasi-random draws, and 20,000 random ones to judge: errors are less than those of 1,000 random ones.
    assert_allclose(np.quantile(y["a"], [0.1, 0.5, 0.9]), answers["a"], atol=4 * 2 * 1.7 / 1024**0.5)
    assert_allclose(np.quantile(y["b"], [0.1, 0.5, 0.9]), answers["b"], rtol=0.1)
    table = elicitor.hyperparameters_
    assert list(table.index) == ["mean of a", "mean of b", "sd of a", "sd of b", "correlation of a, b"]
    assert_allclose(table["value"], [*y.mean(), *y.std(), y.corr().iloc[0, 1]], rtol=0.05)


def test_starts_of_a_flow_are_other_weights_and_their_spread_is_told():
    targets = {"a": Target(Parameter("a"), Moments()), "b": Target(Parameter("b"), Moments())}
    elicitor = PriorElicitor(SMALL, targets=targets, n_simulations=256, n_candidates=16, n_starts=2, random_state=0)
    elicitor.fit({"a": [0.0, 1.0], "b": [2.0, 0.5]})
    assert len(elicitor.starts_) == 2
    assert (elicitor.hyperparameters_["lowest"] <= elicitor.hyperparameters_["highest"]).all()


def test_a_flow_comes_back_with_what_was_trained_on_it(tmp_path):
    prior = random_prior({"a": None, "b": (0.0, np.inf)})
    simulator = Simulator(prior, lambda a, b, rng: a + b * rng.normal(size=4))
    posterior = AmortizedPosterior(Gaussian((8,)), n_simulations=200, max_iter=2, random_state=0).fit(simulator)
    posterior.save(tmp_path / "model")
    loaded = skabi.load(tmp_path / "model")
    assert isinstance(loaded.prior_, FlowPrior) and loaded.prior_ == prior
    assert loaded.prior_.sample(5, random_state=0).equals(prior.sample(5, random_state=0))


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        (JointFlow({}), TypeError, "non-empty dict"),
        (JointFlow(["a"]), TypeError, "non-empty dict"),
        (JointFlow({"a": (1.0, 0.0)}), ValueError, "low below high"),
        (JointFlow({"class": None}), ValueError, "a parameter name"),
        (JointFlow({"a": None}, n_bins=1), ValueError, "n_bins"),
        (JointFlow({"a": None}, n_transforms=0), ValueError, "n_transforms"),
        (JointFlow({"a": None}, bound=0.0), ValueError, "bound"),
        (JointFlow({"a": None}, hidden_layer_sizes=()), ValueError, "hidden_layer_sizes"),
    ],
)
def test_flows_that_are_none_are_refused(recipe, error, message):
    with pytest.raises(error, match=message):
        recipe.prior()
