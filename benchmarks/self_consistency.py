"""Print what self-consistency adds where simulations are few, and where data lie outside of them.

python benchmarks/self_consistency.py                          # all parts, one seed; an hour and a half on one core
python benchmarks/self_consistency.py shifted --seeds 0 1 2    # one part, three seeds

Parts: two_moons (posterior and likelihood learned from 512 to 4,096 simulations: width of the 95 % interval of the log
evidence over posterior draws, held-out log densities of both halves), mixture (sets of 10 observations whose likelihood
is known, 1,024 simulations: C2ST beside the exact posterior), shifted (ten normal means, 32 real data sets far from
1,024 simulated ones, whose parameters nobody knows: error of the posterior mean, in posterior standard deviations, of
200 others like them). Engine, summary, epochs and data are the same with self-consistency and without.
"""

import argparse
import time

import numpy as np
from scipy import special, stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, TwoMoons
from skabi.diagnostics import c2st
from skabi.engines import Gaussian, SplineFlow
from skabi.losses import ForwardKL, SelfConsistency
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import SetSummary

FLOW = {"hidden_layer_sizes": (64, 64), "n_blocks": 1, "block_width": 64}
SIZES = (512, 1024, 2048, 4096)


def timed_fit(estimator, *data):
    start = time.perf_counter()
    return estimator.fit(*data), time.perf_counter() - start


def width_of_log_evidence(joint, X, *, n_draws=500):
    """Return the mean width, over data sets, of the central 95 % of log evidences at posterior draws."""
    draws = joint.sample(X, n_draws, random_state=0)
    log_prior = joint.prior_.log_prob(draws.reshape(-1, draws.shape[-1])).reshape(draws.shape[:2])
    values = joint.log_likelihood(X, draws) + log_prior - joint.log_prob(X, draws)
    low, high = np.nanquantile(np.where(np.isfinite(values), values, np.nan), [0.025, 0.975], axis=1)
    return float(np.mean(high - low))


def report_two_moons(seeds, sizes=SIZES):
    """Print widths of the log evidence and held-out log densities of both halves."""
    simulator, losses = TwoMoons(), {"forward KL": ForwardKL(), "with": ForwardKL() + SelfConsistency()}
    print("| loss | simulations | seed | width of log evidence | log posterior | log likelihood | fit s |")
    print("|---|---|---|---|---|---|---|")
    for n in sizes:
        for seed in seeds:
            X, y = simulator.sample(n, random_state=seed)
            others = simulator.sample(500, random_state=1000 + seed)
            for name, loss in losses.items():
                joint = JointEstimator(
                    SplineFlow(4, **FLOW), SplineFlow(4, **FLOW), loss=loss, prior=simulator.prior, random_state=seed
                )
                # As many steps for all sizes, about, and no early stopping, as in what is published.
                joint.set_params(max_iter=max(60, 61_440 // n), early_stopping=False)
                joint, seconds = timed_fit(joint, X, y)
                width = width_of_log_evidence(joint, others[0][:200])
                scores = (f"{half.score(*others):.3f}" for half in (joint.posterior_, joint.likelihood_))
                print(f"| {name} | {n} | {seed} | {width:.2f} | {' | '.join(scores)} | {seconds:.0f} |", flush=True)


class SymmetricMixture(Simulator):
    """Ten points, each around a mean or, as probably, around the point opposite."""

    def __init__(self):
        prior = IndependentPrior({"theta": stats.norm(np.zeros(2), 1.0)})
        super().__init__(prior, self._draw, vectorized=True, log_likelihood=self._log_density)

    def _draw(self, theta, rng):
        signs = rng.choice([-1.0, 1.0], size=(len(theta), 10, 1))
        return signs * theta[:, np.newaxis] + np.sqrt(0.5) * rng.normal(size=(len(theta), 10, 2))

    def _log_density(self, X, theta):
        terms = [stats.norm.logpdf(X, s * theta[:, np.newaxis], np.sqrt(0.5)).sum(axis=2) for s in (-1, 1)]
        return (np.logaddexp(*terms) - np.log(2.0)).sum(axis=1)

    def sample_posterior(self, x, n_draws, rng):
        """Return draws `(n_draws, 2)` of the exact posterior of one data set, from a fine grid."""
        line = np.linspace(-4.0, 4.0, 801)
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        log_prob = stats.norm.logpdf(grid).sum(axis=1)
        for point in x:
            terms = [-np.sum((point - sign * grid) ** 2, axis=1) for sign in (-1, 1)]
            log_prob += np.logaddexp(*terms)
        chosen = rng.choice(len(grid), size=n_draws, p=special.softmax(log_prob))
        return grid[chosen] + (line[1] - line[0]) * (rng.random((n_draws, 2)) - 0.5)


def report_mixture(seeds, n_data_sets=10):
    """Print C2ST of posteriors of sets of 10 observations."""
    simulator = SymmetricMixture()
    consistent = ForwardKL() + SelfConsistency(1.0, 16, likelihood=simulator.log_likelihood)
    losses = {"forward KL": ForwardKL(), "with": consistent}
    print("| loss | seed | C2ST | held-out log density | fit s |")
    print("|---|---|---|---|---|")
    for seed in seeds:
        X, y = simulator.sample(1024, random_state=seed)
        others = simulator.sample(500, random_state=1000 + seed)
        rng = np.random.default_rng(seed)
        exact = [simulator.sample_posterior(x, 1000, rng) for x in others[0][:n_data_sets]]
        for name, loss in losses.items():
            posterior = AmortizedPosterior(
                SplineFlow(4, **FLOW), summary=SetSummary(width=32), loss=loss, prior=simulator.prior, max_iter=80
            )
            posterior, seconds = timed_fit(posterior.set_params(random_state=seed), X, y)
            draws = posterior.sample(others[0][:n_data_sets], 1000, random_state=seed)
            scores = [c2st(*pair, random_state=0) for pair in zip(exact, draws, strict=True)]
            score = posterior.score(*others)
            print(f"| {name} | {seed} | {np.mean(scores):.3f} | {score:.3f} | {seconds:.0f} |", flush=True)


def report_shifted(seeds, shift=4.0):
    """Print errors of posterior means of data sets outside of what was simulated."""
    simulator = ConjugateGaussian(10, noise_variance=1.0)
    print("| loss | seed | error outside | error inside | fit s |")
    print("|---|---|---|---|---|")
    for seed in seeds:
        rng = np.random.default_rng(seed)
        real, others = (shift + np.sqrt(2.0) * rng.normal(size=(n, 10)) for n in (32, 200))
        inside, _ = simulator.sample(200, random_state=1000 + seed)
        consistent = ForwardKL() + SelfConsistency(1.0, 16, X_unlabelled=real)
        for name, loss in {"forward KL": ForwardKL(), "with": consistent}.items():
            # A network of which the exact posterior is one.
            posterior = AmortizedPosterior(Gaussian(()), loss=loss, n_simulations=1024, max_iter=40, warn_outside=False)
            posterior, seconds = timed_fit(posterior.set_params(random_state=seed), simulator)
            errors = (
                np.abs((posterior.predict(X) - simulator.posterior_mean(X)) / simulator.posterior_std(X)).mean()
                for X in (others, inside)
            )
            figures = " | ".join(f"{error:.3f}" for error in errors)
            print(f"| {name} | {seed} | {figures} | {seconds:.0f} |", flush=True)


PARTS = {"two_moons": report_two_moons, "mixture": report_mixture, "shifted": report_shifted}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args(argv)
    for part in arguments.parts or PARTS:
        print(f"## {part}", flush=True)
        PARTS[part](arguments.seeds)


if __name__ == "__main__":
    main()
