"""What losses say of likelihoods and engines that they cannot be computed with."""

import numpy as np
import pytest
import torch
from scipy import stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian
from skabi.engines import ConsistencyModel, DormandPrince, FlowMatching, Gaussian, ResidualNetwork
from skabi.exceptions import ApproximationWarning, DensityError, ShapeError, TrainingError
from skabi.losses import ForwardKL, ReverseKL, SelfConsistency
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

EXACT = ConjugateGaussian()
PRIOR = IndependentPrior({"width": stats.norm(2.0, 1.0)})
TINY = {"n_simulations": 60, "max_iter": 2, "random_state": 0}


def in_torch(X, theta):
    return torch.distributions.Normal(theta, 1.0).log_prob(X).sum(dim=1)


def uniform_in_torch(X, width):
    possible = (X[:, 0] > 0) & (X[:, 0] < width)
    return torch.where(possible, -width.clamp_min(1e-3).log(), -torch.inf)


def uniform(X, width):
    return np.where((X[:, 0] > 0) & (X[:, 0] < width), -np.log(np.maximum(width, 1e-3)), -np.inf)


def uniform_simulator(log_likelihood=uniform):
    def simulate(width, rng):
        return (np.abs(width) * rng.random(len(width)))[:, np.newaxis]

    prior = IndependentPrior({"width": stats.uniform(1.0, 2.0)})
    return Simulator(prior, simulate, vectorized=True, log_likelihood=log_likelihood)


@pytest.mark.filterwarnings("ignore:the loss or its gradient became NaN")
def test_a_bound_of_minus_infinity_names_the_likelihood():
    posterior = AmortizedPosterior(Gaussian(()), loss=ReverseKL(likelihood=uniform_in_torch), prior=PRIOR)
    posterior.set_params(max_iter=20, random_state=0)
    with pytest.raises(TrainingError, match=r"likelihood is -inf at \d+ of \d+ draws .* at width = .* for data set 0"):
        posterior.fit([[2.0]])
    posterior.set_params(max_iter=2)
    with pytest.warns(ApproximationWarning, match=r"elbo_, is -inf for 1 of 1 data sets.*warm_start=True"):
        posterior.fit([[2.0]])


def test_self_consistency_counts_what_it_leaves_out():
    loss = ForwardKL() + SelfConsistency(start=0.0, ramp=0.0)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, **TINY)
    with pytest.warns(ApproximationWarning, match=r"likelihood is -inf at \d+ of \d+ parameters, one .* at width = "):
        posterior.fit(uniform_simulator())

    def nowhere(X, width):
        return np.full(len(X), -np.inf)

    with pytest.raises(TrainingError, match=r"SelfConsistency could not be computed: .* look at the likelihood"):
        posterior.fit(uniform_simulator(nowhere))


@pytest.mark.parametrize("loss", [ForwardKL() + SelfConsistency(), ReverseKL(likelihood=in_torch)])
def test_engines_without_a_density_are_refused_before_simulating(loss):
    def simulate(theta, rng):
        raise AssertionError("simulated")

    network = ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)
    simulator = Simulator(EXACT.prior, simulate, vectorized=True, log_likelihood=EXACT.log_likelihood)
    message = r"(SelfConsistency|ReverseKL) asks for the log density of draws, and ConsistencyModel has draws alone"
    for estimator in (AmortizedPosterior, JointEstimator):
        with pytest.raises(DensityError, match=message):
            estimator(ConsistencyModel(network), loss=loss, **TINY).fit(simulator)
    posterior = AmortizedPosterior(ConsistencyModel(network), loss=loss, prior=EXACT.prior, **TINY)
    with pytest.raises(DensityError, match=message):
        posterior.fit(*EXACT.sample(40, random_state=0))


@pytest.mark.parametrize(
    "loss", [ForwardKL() + SelfConsistency(start=0.0, ramp=0.0), ReverseKL(2, likelihood=in_torch)]
)
def test_a_solver_that_fails_in_training_is_named(loss):
    network = ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)
    engine = FlowMatching(network, solver=DormandPrince(max_steps=1))
    simulator = ConjugateGaussian(noise_variance=1.0)
    with pytest.raises(FloatingPointError, match=r"the solver .* (SelfConsistency|ReverseKL) asked .* max_steps"):
        AmortizedPosterior(engine, loss=loss, prior=None, **TINY).fit(simulator)


def test_a_weight_of_zero_is_the_loss_without():
    plain = AmortizedPosterior(Gaussian((8,)), loss=ForwardKL(), **TINY).fit(EXACT)
    loss = ForwardKL() + SelfConsistency(weight=0)
    zero = AmortizedPosterior(Gaussian((8,)), loss=loss, **TINY).fit(EXACT)
    np.testing.assert_allclose(zero.predict([[1.0, 0.0]]), plain.predict([[1.0, 0.0]]), rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            in_torch,
            TypeError,
            "likelihood of SelfConsistency is asked with NumPy arrays, and this function takes tensors",
        ),
        (lambda X, theta: theta.sum(), ShapeError, "^likelihood of SelfConsistency must return one number a data set"),
        (lambda X, theta: theta[:, 0] * np.nan, ValueError, "^likelihood of SelfConsistency must return log densities"),
        (lambda X, theta: theta[:, 0].nothing(), AttributeError, "nothing"),
    ],
)
def test_a_likelihood_of_the_loss_is_named(function, error, message):
    loss = ForwardKL() + SelfConsistency(start=0.0, ramp=0.0, likelihood=function)
    with pytest.raises(error, match=message):
        AmortizedPosterior(Gaussian(()), loss=loss, **TINY).fit(EXACT)


def test_the_simulators_likelihoods_are_named():
    parts = {"log_likelihood": lambda X, theta: theta.sum(), "torch_log_likelihood": lambda X, theta: theta.sum()}
    simulator = Simulator(EXACT.prior, EXACT.simulate, vectorized=True, **parts)
    posterior = AmortizedPosterior(Gaussian(()), loss=ForwardKL() + SelfConsistency(start=0.0, ramp=0.0), **TINY)
    with pytest.raises(ShapeError, match=r"^the simulator's log_likelihood must return one"):
        posterior.fit(simulator)
    del parts["log_likelihood"]
    simulator = Simulator(EXACT.prior, EXACT.simulate, vectorized=True, **parts)
    with pytest.raises(ShapeError, match=r"^the simulator's torch_log_likelihood must return one"):
        posterior.set_params(loss=ReverseKL()).fit(simulator)


@pytest.mark.parametrize("X", [np.zeros((3, 5)), [[0.0, np.nan]], np.zeros((2, 3, 2)), "far"])
def test_unlabelled_data_sets_are_named(X):
    loss = ForwardKL() + SelfConsistency(X_unlabelled=X)
    with pytest.raises(
        (TypeError, ValueError), match=r"^X_unlabelled of SelfConsistency must be data sets as X of fit: "
    ):
        AmortizedPosterior(Gaussian(()), loss=loss, **TINY).fit(EXACT)
