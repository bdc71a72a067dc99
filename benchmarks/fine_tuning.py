"""Print what going on from a fitted network is worth, where the prior or the number of observations has changed.

python benchmarks/fine_tuning.py                          # everything, one seed
python benchmarks/fine_tuning.py gaussian --seeds 0 1 2   # some parts, some seeds

A posterior is fitted to a problem, and another problem comes: `fit` anew, beside `fit` with `warm_start=True` and so
few of the epochs of the new fit that they take less than a third of its time. The score is that of 2,000 other
simulations, the time that of the processor.

Parts: gaussian (a prior that is shifted and narrower), glm (the Bernoulli GLM with half the prior covariance and a
shift), box (SLCP with a uniform prior of two thirds of the width), sizes (10 to 40 observations after 2 to 10).
"""

import argparse
import copy
import time
import warnings

import numpy as np
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import SLCP, BernoulliGLM, ConjugateGaussian, GaussianMeanScale
from skabi.exceptions import ApproximationWarning
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

# Of the epochs of a new fit.
SHARE = 0.28


def with_prior(problem, **distributions):
    """Return a problem with another prior."""
    return Simulator(IndependentPrior(distributions), problem.simulate, vectorized=True)


def gaussian():
    problem = ConjugateGaussian()
    return problem, with_prior(problem, theta=stats.norm(np.full(2, 0.8), 0.4))


def glm():
    problem = BernoulliGLM()
    ((name, prior),) = problem.prior.distributions.items()
    return problem, with_prior(problem, **{name: stats.multivariate_normal(prior.mean + 0.5, prior.cov / 2)})


def box():
    problem = SLCP()
    return problem, with_prior(problem, theta=stats.uniform(np.full(5, -2.0), 4.0))


def sizes():
    return GaussianMeanScale((2, 10)), GaussianMeanScale((10, 40))


PARTS = {"gaussian": gaussian, "glm": glm, "box": box, "sizes": sizes}


def fitted(posterior, simulator):
    """Return a fitted posterior and the seconds of the processor that it took."""
    start = time.process_time()
    posterior.fit(simulator)
    return posterior, time.process_time() - start


def measure(name, seed, *, n_simulations):
    """Print a row of the table."""
    before, after = PARTS[name]()
    X, y = after.sample(2000, random_state=1000 + seed)
    first = AmortizedPosterior(n_simulations=n_simulations, warm_start=True, random_state=seed).fit(before)
    recipe = {"n_simulations": n_simulations, "random_state": 100 + seed}
    anew, seconds = fitted(AmortizedPosterior(**recipe), after)
    warm = copy.deepcopy(first).set_params(max_iter=max(1, int(SHARE * anew.n_iter_)), **recipe)
    warm, warm_seconds = fitted(warm, after)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        unchanged = first.score(X, y) if np.isfinite(first.log_prob(X, y)).all() else -np.inf
    print(
        f"| {name} | {seed} | {unchanged:.3f} | {anew.score(X, y):.3f} | {seconds:.1f} | {warm.score(X, y):.3f} | "
        f"{warm_seconds:.1f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--n-simulations", type=int, default=10_000)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(f"{arguments.n_simulations:,} simulations\n")
    print("| problem | seed | score of the first fit | of a new fit | seconds | of the first, going on | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.parts or PARTS:
        for seed in arguments.seeds:
            measure(name, seed, n_simulations=arguments.n_simulations)


if __name__ == "__main__":
    main()
