"""Tasks, simulated once for all methods: those of SBIBM (Lueckmann et al., 2021, arXiv 2101.04653), and others."""

import os

import numpy as np
from other_tasks import Detectors, Elimination, Lighthouse, Oscillation

from skabi import datasets
from skabi.datasets._exact import ExactSimulator

# Smallest first.
TASKS = {
    "two_moons": datasets.TwoMoons,
    "gaussian_mixture": datasets.GaussianMixture,
    "sir": datasets.SIR,
    "slcp": datasets.SLCP,
    "lotka_volterra": datasets.LotkaVolterra,
    "gaussian_linear": datasets.GaussianLinear,
    "gaussian_linear_uniform": datasets.GaussianLinearUniform,
    "bernoulli_glm": datasets.BernoulliGLM,
    "bernoulli_glm_raw": datasets.BernoulliGLMRaw,
}
OTHER_TASKS = {
    "lighthouse": Lighthouse,
    "detectors": Detectors,
    "oscillation": Oscillation,
    "elimination": Elimination,
}
ALL_TASKS = TASKS | OTHER_TASKS
N_HELD_OUT = 1000
# Held-out simulations have seeds that no training set has.
HELD_OUT_SEED = 1_000_000


def constants(simulator, *, is_scaled):
    """Return a factor for each feature and each parameter: all ones, or from a thousandth to a thousand."""
    n_features, n_parameters = simulator.n_features, simulator.prior.n_parameters
    if not is_scaled:
        return np.ones(n_features), np.ones(n_parameters)
    rng = np.random.default_rng(0)
    return 10 ** rng.uniform(-3, 3, n_features), 10 ** rng.uniform(-3, 3, n_parameters)


def write_simulations(path, simulator, n, *, seed, is_scaled=False, observations=None):
    """Write the simulations that every method gets, unless they are there."""
    if path.exists():
        return
    x_scale, y_scale = constants(simulator, is_scaled=is_scaled)
    X, y = simulator.sample(n, random_state=seed)
    X_held_out, y_held_out = simulator.sample(N_HELD_OUT, random_state=HELD_OUT_SEED + seed)
    arrays = {
        "X": X * x_scale,
        "y": y.to_numpy() * y_scale,
        "X_held_out": X_held_out * x_scale,
        "y_held_out": y_held_out.to_numpy() * y_scale,
        **prior_arrays(simulator.prior, y_scale),
    }
    if observations is not None:
        arrays["observations"] = observations * x_scale
    if isinstance(simulator, ExactSimulator):
        arrays["exact_log_density"] = simulator.log_posterior(X_held_out, y_held_out).mean()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(part, **arrays)
    part.replace(path)


def prior_arrays(prior, scale):
    """Return a prior as a word and two arrays, so that each peer can build its own from them."""
    family, first, second = zip(*(_family(distribution) for distribution in prior.distributions.values()), strict=True)
    (family,) = set(family)
    if len(first) == 1:
        first, second = first[0], second[0]
    else:
        first, second = np.concatenate(first), np.concatenate(second)
    if family == "uniform":  # ends
        first, second = first * scale, second * scale
    elif family == "normal":  # mean and covariance
        first, second = first * scale, (second if second.ndim == 2 else np.diag(second)) * np.outer(scale, scale)
    else:  # mean and standard deviation of the logarithm
        first = first + np.log(scale)
    return {"prior_family": family, "prior_first": first, "prior_second": second}


def _family(distribution):
    """Return the name of a frozen distribution and its two arrays; for independent normals the variances."""
    if hasattr(distribution, "cov"):
        return "normal", np.asarray(distribution.mean), np.asarray(distribution.cov)
    name = distribution.dist.name
    if name == "uniform":
        first, second = distribution.support()
    elif name == "norm":
        name, first, second = "normal", distribution.mean(), distribution.var()
    elif name == "lognorm":
        name, first = "lognormal", np.log(distribution.median())
        second = np.sqrt(np.log1p(distribution.var() / distribution.mean() ** 2))
    else:
        raise ValueError(f"the peers know uniform, normal and lognormal priors; got {name}.")
    return name, np.atleast_1d(first), np.atleast_1d(second)
