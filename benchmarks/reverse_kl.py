"""Print how close reverse KL comes to exact posteriors and evidences of conjugate regressions.

python benchmarks/reverse_kl.py                        # both parts, three seeds; some minutes
python benchmarks/reverse_kl.py one --seeds 0          # one data set, one seed

Parts: one (a posterior of its own for each of three data sets: plain variational inference), many (one network for 500
data sets without parameters, judged on these and on 200 others; with and without a warm start from forward KL). The
regression has 20 responses at fixed places, three normal coefficients and known noise, so that the exact posterior is
normal. Means and standard deviations are from the posterior's 1,024 quasi-random draws.
"""

import argparse
import time

import numpy as np
import torch
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import Gaussian, SplineFlow
from skabi.losses import ReverseKL
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PLACES = np.linspace(-1, 1, 20)
DESIGN = np.column_stack([np.ones(20), PLACES, PLACES**2])
IN_TORCH = torch.tensor(DESIGN)
PRIOR = IndependentPrior({"coefficient": stats.norm(np.zeros(3), 1.0)})
SMALL = SplineFlow(2, hidden_layer_sizes=(32,), n_blocks=1, block_width=32)


def respond(coefficient, rng):
    return coefficient @ DESIGN.T + rng.normal(size=(len(coefficient), len(DESIGN)))


def torch_log_likelihood(X, coefficient):
    return torch.distributions.Normal(coefficient @ IN_TORCH.T, 1.0).log_prob(X).sum(dim=1)


SIMULATOR = Simulator(PRIOR, respond, vectorized=True, torch_log_likelihood=torch_log_likelihood)
COVARIANCE = np.linalg.inv(DESIGN.T @ DESIGN + np.eye(3))
STD = np.sqrt(np.diag(COVARIANCE))


def exact_mean(X):
    return X @ DESIGN @ COVARIANCE


def exact_log_evidence(X):
    return stats.multivariate_normal(np.zeros(len(DESIGN)), DESIGN @ DESIGN.T + np.eye(len(DESIGN))).logpdf(X)


def row(name, seed, posterior, X, *, seconds, elbo=None):
    """Print errors of means, in standard deviations, and of standard deviations, and the gap of the ELBO."""
    mean, std = posterior.predict(X, return_std=True)
    mean_error, std_error = np.abs(mean - exact_mean(X)) / STD, np.abs(std / STD - 1)
    # The seconds of a network are those of all its data sets.
    gap = "" if elbo is None else f"{np.mean(exact_log_evidence(X) - elbo):.4f}"
    errors = (f"{error.mean():.4f} | {error.max():.4f}" for error in (mean_error, std_error))
    print(f"| {name} | {seed} | {' | '.join(errors)} | {gap} | {seconds:.0f} |", flush=True)


def fitted(loss, data, **parameters):
    posterior = AmortizedPosterior(loss=loss, **parameters)
    start = time.perf_counter()
    return posterior.fit(data), time.perf_counter() - start


def report_one(seeds):
    """Print figures of posteriors of one data set each."""
    loss = ReverseKL(likelihood=torch_log_likelihood)
    for name, engine in (("one, Gaussian", Gaussian(())), ("one, SplineFlow", SMALL)):
        for seed in seeds:
            X, _ = SIMULATOR.sample(1, random_state=seed)
            posterior, seconds = fitted(
                loss, X, engine=engine, prior=PRIOR, learning_rate_init=0.02, max_iter=30, random_state=seed
            )
            row(name, seed, posterior, X, seconds=seconds, elbo=posterior.elbo_)


def report_many(seeds):
    """Print figures of posteriors of many data sets, under reverse KL until the learning rate is zero."""
    loss = ReverseKL(likelihood=torch_log_likelihood)
    for seed in seeds:
        X, _ = SIMULATOR.sample(500, random_state=seed)
        others, _ = SIMULATOR.sample(200, random_state=1000 + seed)
        both = {"learning_rate_init": 0.02, "random_state": seed}
        posterior, seconds = fitted(
            loss, X, engine=Gaussian(()), prior=PRIOR, max_iter=40, early_stopping=False, **both
        )
        row("many", seed, posterior, X, seconds=seconds, elbo=posterior.elbo_)
        row("many, others", seed, posterior, others, seconds=seconds)
        posterior, seconds = fitted(None, SIMULATOR, engine=Gaussian(()), n_simulations=500, max_iter=20, **both)
        row("forward KL", seed, posterior, others, seconds=seconds)
        start = time.perf_counter()
        posterior.set_params(loss=loss, warm_start=True, max_iter=40, early_stopping=False).fit(X)
        seconds += time.perf_counter() - start
        row("many, from forward KL", seed, posterior, X, seconds=seconds, elbo=posterior.elbo_)
        row("many, from forward KL, others", seed, posterior, others, seconds=seconds)


PARTS = {"one": report_one, "many": report_many}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    args = parser.parse_args(argv)
    print("| posterior | seed | mean error | largest | sd error | largest | evidence - ELBO | fit s |")
    print("|---|---|---|---|---|---|---|---|")
    for part in args.parts or PARTS:
        PARTS[part](args.seeds)


if __name__ == "__main__":
    main()
