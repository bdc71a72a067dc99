"""The suites find parts that break their contract, and say how."""

import copy
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from skabi.engines import BaseEngine, Gaussian
from skabi.losses import BaseLoss, ForwardKL
from skabi.networks._gaussian import GaussianNetwork
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import BaseSummary
from skabi.testing import check_engine, check_loss, check_prior, check_simulator, check_summary


def broken(message):
    return pytest.raises(AssertionError, match=message)


class Built(BaseEngine):
    """An engine of any network class."""

    def __init__(self, network_class):
        self.network_class = network_class

    def build(self, n_parameters, n_context):
        return self.network_class(n_parameters, n_context, hidden_layer_sizes=(8,))


class ChecksInInit(BaseEngine):
    def __init__(self, n_transforms=2):
        self.n_transforms = int(n_transforms)


class RenamesInInit(BaseEngine):
    def __init__(self, n_transforms=2):
        self.n_transforms = n_transforms
        self.n_layers = n_transforms


class TakesAnything(BaseEngine):
    def __init__(self, **options):
        self.options = options


class RemembersBuild(Gaussian):
    def build(self, n_parameters, n_context):
        self.n_parameters = n_parameters
        return super().build(n_parameters, n_context)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (ChecksInInit(), r"__init__ of ChecksInInit must only store; given any objects it raised TypeError"),
        (RenamesInInit(), "must store each argument as it is under its own name, and nothing else"),
        (TakesAnything(), r"must name its hyper-parameters; it has \*options"),
        (RemembersBuild((8,)), "build must not change RemembersBuild"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_broken_recipes(engine, message):
    with broken(message):
        check_engine(engine)


def engine_with(**methods):
    return Built(type("Network", (GaussianNetwork,), methods))


def scaled_log_prob(self, theta, context):
    return GaussianNetwork.log_prob(self, theta, context) + 0.01


def wide_to_base(self, theta, context):
    z, log_det = GaussianNetwork.to_base(self, theta, context)
    return z, 1.01 * log_det


def shifted_from_base(self, z, context):
    return GaussianNetwork.from_base(self, z, context) + 0.01


def global_sample(self, context, n_draws, generator):
    z = torch.randn((len(context), n_draws, self.n_parameters), dtype=context.dtype)
    return self.from_base(z, context[:, None])


def shared_sample(self, context, n_draws, generator):
    z = torch.randn((1, n_draws, self.n_parameters), generator=generator, dtype=context.dtype)
    return self.from_base(z, context[:1, None]).expand(len(context), -1, -1)


def single_log_prob(self, theta, context):
    return GaussianNetwork.log_prob(self, theta, context).float()


def kept_axis(self, theta, context):
    return GaussianNetwork.log_prob(self, theta, context)[..., None]


def batch_log_prob(self, theta, context):
    return GaussianNetwork.log_prob(self, theta, context - context.mean(0, keepdim=True))


def blind_loss(self, theta, context):
    return -GaussianNetwork.log_prob(self, theta, 0 * context)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"log_prob": scaled_log_prob}, "log_prob must be that of normals under to_base"),
        ({"log_prob": kept_axis}, r"log_prob must have shape \(5,\)"),
        ({"log_prob": single_log_prob}, "must compute in float64"),
        ({"log_prob": batch_log_prob}, "rows of log_prob must not interact"),
        ({"to_base": wide_to_base}, "log-determinant of to_base must be autograd's"),
        ({"from_base": shifted_from_base}, "from_base must invert to_base"),
        ({"sample": global_sample}, "sample must repeat for the same state of its generator"),
        ({"sample": shared_sample}, "data sets must not share their draws"),
        ({"training_loss": blind_loss}, "training_loss must reach every weight"),
    ],
    ids=lambda value: next(iter(value.values())).__name__ if isinstance(value, dict) else "",
)
def test_broken_densities(methods, message):
    with broken(message):
        check_engine(engine_with(**methods))


class WithoutBase(nn.Module):
    """A density that has no map to normals: a Gaussian whose density and draws may be given factors."""

    density_factor = scale = 1.0

    def __init__(self, n_parameters, n_context, hidden_layer_sizes):
        super().__init__()
        self.network = GaussianNetwork(n_parameters, n_context, hidden_layer_sizes=hidden_layer_sizes)

    def log_prob(self, theta, context):
        return self.network.log_prob(theta, context) + np.log(self.density_factor)

    def sample(self, context, n_draws, generator):
        return self.scale * self.network.sample(context, n_draws, generator)

    def training_loss(self, theta, context):
        return -self.log_prob(theta, context)


def test_a_density_without_a_map_is_integrated():
    check_engine(Built(WithoutBase))
    with broken(r"the density must integrate to one; got 1\.01"):
        check_engine(Built(type("Network", (WithoutBase,), {"density_factor": 1.01})))
    with broken("draws must follow the density"):
        check_engine(Built(type("Network", (WithoutBase,), {"scale": 1.2})))


class HiddenState(GaussianNetwork):
    """Draws something at the start that is in no buffer."""

    def __init__(self, n_parameters, n_context, hidden_layer_sizes):
        super().__init__(n_parameters, n_context, hidden_layer_sizes=hidden_layer_sizes)
        self.shift = torch.randn(1).double()

    def to_base(self, theta, context):
        return super().to_base(theta, context + self.shift)

    def from_base(self, z, context):
        return super().from_base(z, context + self.shift)


class OwnSeed(GaussianNetwork):
    """Draws its first weights from a source of its own."""

    def __init__(self, n_parameters, n_context, hidden_layer_sizes):
        super().__init__(n_parameters, n_context, hidden_layer_sizes=hidden_layer_sizes)
        with torch.no_grad():
            next(self.parameters()).copy_(torch.from_numpy(np.random.default_rng().standard_normal((8, 2))))


def test_what_build_draws():
    with broken("state_dict must bring a network back"):
        check_engine(Built(HiddenState))
    with broken("must draw from torch's global generator alone"):
        check_engine(Built(OwnSeed))


class Means(BaseSummary):
    """Means over the first axis; a fault may be built in."""

    def __init__(self, fault=None):
        self.fault = fault

    def build(self, shape, n_parameters):
        return _Means(shape, self.fault)


class _Means(nn.Module):
    def __init__(self, shape, fault):
        super().__init__()
        self.fault = fault
        self.n_summaries = shape[-1] if fault != "size" else 7
        self.n_fixed = 9 if fault == "number of fixed" else 1
        self.token_width = 5 if fault == "width of tokens" else shape[-1]
        self.factor = nn.Parameter(torch.ones(1)) if fault == "fixed" else 1.0

    def tokens(self, x, mask=None):
        tokens = self.forward(x)[:, None]
        return tokens, torch.ones(len(x), 4 if self.fault == "mask of tokens" else 1, dtype=torch.bool)

    def forward(self, x, mask=None):
        values = x.flatten(1, -2).mean(1) if x.ndim > 2 else x
        if self.fault == "batch":
            values = values - values.mean(0)
        if self.fault == "single":
            values = values.float()
        values = self.factor * values
        if self.fault == "constant":
            values = 0 * values
        if self.fault == "random":
            values = values + torch.randn(1, dtype=x.dtype)
        return values


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("size", r"must have shape \(n, n_summaries\) = \(6, 7\)"),
        ("batch", "summaries of a data set must not depend on the others"),
        ("single", "must compute in float64"),
        ("constant", "different data sets must have different summaries"),
        ("random", "the same data sets must have the same summaries"),
        ("fixed", "the first n_fixed=1 summaries must not depend on weights"),
        ("number of fixed", "n_fixed must be an int from 0 to n_summaries=4; got 9"),
        ("width of tokens", r"tokens must have shape \(n, n_tokens, token_width\) = \(6, n_tokens, 5\)"),
        ("mask of tokens", r"the mask of tokens must have shape \(n, n_tokens\) = \(6, 1\); got \(6, 4\)"),
    ],
)
def test_broken_summaries(fault, message):
    check_summary(Means())
    with broken(message):
        check_summary(Means(fault))


class Reversed(BaseLoss):
    """Bounded, and lowest where the density of the truth is lowest."""

    def __call__(self, network, batch):
        return torch.tanh(network.log_prob(batch.theta, batch.x) / 10)


class Halved(BaseLoss):
    """Looks at half of the parameters' spread."""

    def __call__(self, network, batch):
        return -network.log_prob(batch.theta / 2, batch.x)


class Averaged(BaseLoss):
    def __call__(self, network, batch):
        return -network.log_prob(batch.theta, batch.x).mean()


class Blind(BaseLoss):
    def __call__(self, network, batch):
        return -network.log_prob(batch.theta, 0 * batch.x)


class Regularising(ForwardKL):
    def __call__(self, network, batch):
        with torch.no_grad():
            next(network.parameters()).mul_(0.9)
        return super().__call__(network, batch)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Reversed(), "must be the posterior"),
        (Halved(), "must be the posterior"),
        (Averaged(), r"one value a row, \(6,\) here; got \(\)"),
        (Blind(), "must be the posterior"),
        (Regularising(), "must not change the weights"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_broken_losses(loss, message):
    with broken(message):
        check_loss(loss)


def prior_with(**methods):
    prior_class = type("Prior", (IndependentPrior,), methods)
    return prior_class({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), 2.0)})


def inflated_log_prob(self, y):
    return IndependentPrior.log_prob(self, y) + 1e-3


def endless_log_prob(self, y):
    return np.maximum(IndependentPrior.log_prob(self, y), -1e3)


def wrong_log_det(self, y):
    u, log_det = IndependentPrior.to_real(self, y)
    return u, log_det + 1e-3


def shifted_from_real(self, u):
    return IndependentPrior.from_real(self, np.asarray(u) + 1e-6)


def global_draws(self, n, random_state=None):
    return IndependentPrior.sample(self, n, np.random.default_rng(np.random.randint(2**31 - 1)))  # noqa: NPY002


def scaled_draws(self, n, random_state=None):
    return 0.8 * IndependentPrior.sample(self, n, random_state)


def frozen_draws(self, n, random_state=None):
    return IndependentPrior.sample(self, n, 0)


def unnamed_draws(self, n, random_state=None):
    return IndependentPrior.sample(self, n, random_state).to_numpy()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"log_prob": inflated_log_prob}, "log_prob must be that of standard normals under to_real"),
        ({"log_prob": endless_log_prob}, "log_prob must be -inf outside the support of 'rate'"),
        ({"to_real": wrong_log_det}, "log_prob must be that of standard normals under to_real"),
        ({"to_real": wrong_log_det, "log_prob": inflated_log_prob}, "must be that of the numerical Jacobian"),
        ({"from_real": shifted_from_real}, "from_real must invert to_real"),
    ],
    ids=lambda value: "+".join(m.__name__ for m in value.values()) if isinstance(value, dict) else "",
)
def test_broken_densities_of_priors(methods, message):
    with broken(message):
        check_prior(prior_with(**methods))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (global_draws, "sample must repeat for the same random_state"),
        (scaled_draws, "to_real must make draws of 'rate' standard normal"),
        (frozen_draws, "sample must draw anew for another random_state"),
        (unnamed_draws, r"sample\(2000\) must be a DataFrame"),
    ],
)
def test_broken_draws_of_priors(sample, message):
    prior = copy.copy(prior_with())
    prior.__class__ = type("Prior", (IndependentPrior,), {"sample": sample})
    with broken(message):
        check_prior(prior)


PRIOR = IndependentPrior({"rate": stats.gamma(3.0)})


def counts(rate, rng):
    return rng.poisson(rate, size=(3, len(rate))).T


def global_counts(rate, rng):
    return np.random.poisson(rate, size=(3, len(rate))).T  # noqa: NPY002


def unseeded_counts(rate, rng):
    return np.random.default_rng().poisson(rate, size=(3, len(rate))).T


def certain(rate, rng):
    return np.stack([rate, rate], axis=1)


def whole_log_likelihood(X, rate):
    return stats.poisson(rate[:, np.newaxis]).logpmf(X).sum()


def centred_log_likelihood(X, rate):
    return stats.norm(rate - rate.mean()).logpdf(X[:, 0])


def impossible_log_likelihood(X, rate):
    return np.full(len(X), -np.inf)


@pytest.mark.parametrize(
    ("simulate", "log_likelihood", "message"),
    [
        (global_counts, None, "sample must leave NumPy's global generator alone"),
        (unseeded_counts, None, "sample must repeat for the same random_state"),
        (certain, None, "simulate_from must simulate anew for another random_state"),
        (counts, whole_log_likelihood, r"log_likelihood must have shape \(n,\)"),
        (counts, centred_log_likelihood, "log_likelihood of a row must not depend on the others"),
        (counts, impossible_log_likelihood, "given their own parameters must be finite"),
    ],
)
def test_broken_simulators(simulate, log_likelihood, message):
    check_simulator(Simulator(PRIOR, counts, vectorized=True))
    with broken(message):
        check_simulator(Simulator(PRIOR, simulate, vectorized=True, log_likelihood=log_likelihood))


class Forgetful(Simulator):
    """Draws other rows when there are workers, or when few are asked for."""

    def __init__(self, *, by):
        super().__init__(PRIOR, counts, vectorized=True)
        self.by = by

    def sample(self, n, *, random_state=None, n_jobs=None, verbose=0):
        if (self.by == "n_jobs" and n_jobs) or (self.by == "n" and n < 100):
            random_state = 17
        X, y = super().sample(n, random_state=random_state)
        return (X, y.iloc[::-1]) if self.by == "index" else (X, y)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("n_jobs", "rows must not depend on n_jobs"),
        ("n", "the first rows must not depend on how many are asked for"),
        ("index", "a DataFrame with 1020 rows, numbered"),
    ],
)
def test_rows_of_broken_simulators(by, message):
    with broken(message):
        check_simulator(Forgetful(by=by))


def test_suites_leave_global_generators_and_parts_alone():
    states = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    engine = Gaussian((8,))
    with warnings.catch_warnings(record=True) as caught:
        check_engine(engine)
        check_loss(ForwardKL())
        check_prior(PRIOR)
        check_simulator(Simulator(PRIOR, counts, vectorized=True))
    assert not caught
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert vars(engine) == {"hidden_layer_sizes": (8,)}
