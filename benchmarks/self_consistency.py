"""Print what self-consistency adds where simulations are few, and where data lie outside of them.

python benchmarks/self_consistency.py                          # all parts, one seed; an hour and a half on one core
python benchmarks/self_consistency.py shifted --seeds 0 1 2    # one part, three seeds

Parts: two_moons (posterior and likelihood learned from 512 to 4,096 simulations: width of the 95 % interval of the log
evidence over posterior draws, held-out log densities of both halves), mixture (1,024 simulations whose likelihood is
known, of the Gaussian mixture of the SBI benchmark, of sets of 10 points from it, and of sets of 10 points about a mean
or the point opposite: C2ST beside the exact posterior), shifted (ten normal means, 32 real data sets far from 1,024
simulated ones, whose parameters nobody knows: error of the posterior mean, in posterior standard deviations, of 200
others like them, with an engine of which the exact posterior is one). Engine, summary, epochs and data are the same
with self-consistency and without.
"""

import argparse
import itertools
import time

import numpy as np
from scipy import special, stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMixture, TwoMoons
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


class SetMixture(Simulator):
    """Ten points, each from one of two normals of equal probability, whose sign and standard deviation are given."""

    def __init__(self, prior, components):
        self.components = components
        super().__init__(prior, self._draw, vectorized=True, log_likelihood=self._log_density)

    def _draw(self, theta, rng):
        is_first = rng.random((len(theta), 10, 1)) < 0.5
        signs, sds = (np.where(is_first, *pair) for pair in zip(*self.components, strict=True))
        return signs * theta[:, np.newaxis] + sds * rng.normal(size=(len(theta), 10, 2))

    def _log_density(self, X, theta):
        terms = [stats.norm.logpdf(X, sign * theta[:, np.newaxis], sd).sum(axis=2) for sign, sd in self.components]
        return (np.logaddexp(*terms) - np.log(2.0)).sum(axis=1)

    def sample_posterior(self, X, n_draws, *, random_state):
        """Return draws `(n_datasets, n_draws, 2)` of the exact posterior."""
        rng = np.random.default_rng(random_state)
        return np.stack([self._draw_exact(x, n_draws, rng) for x in X])

    def _draw_exact(self, x, n_draws, rng, *, n_cells=400, n_zooms=2):
        """Return draws `(n_draws, 2)` from a grid over all that can be, of which only what has mass is kept twice."""
        low, high = np.full(2, -10.0), np.full(2, 10.0)
        for _ in range(n_zooms + 1):
            side = (high - low) / n_cells
            middles = (low + (np.arange(n_cells)[:, np.newaxis] + 0.5) * side).T
            grid = np.stack(np.meshgrid(*middles), axis=-1).reshape(-1, 2)
            log_prob = self.prior.log_prob(grid) + self._log_density(x[np.newaxis], grid)
            has_mass = grid[log_prob > log_prob.max() - 20.0]
            low, high = has_mass.min(axis=0) - side, has_mass.max(axis=0) + side
        chosen = rng.choice(len(grid), size=n_draws, p=special.softmax(log_prob))
        return grid[chosen] + side * (rng.random((n_draws, 2)) - 0.5)


BOX = IndependentPrior({"theta": stats.uniform(np.full(2, -10.0), 20.0)})
NORMAL = IndependentPrior({"theta": stats.norm(np.zeros(2), 1.0)})
MIXTURES = {
    "one point": GaussianMixture(),
    "ten points": SetMixture(BOX, ((1, 1.0), (1, 0.1))),
    "ten points, opposite": SetMixture(NORMAL, ((1, 0.5**0.5), (-1, 0.5**0.5))),
}


def report_mixture(seeds, n_data_sets=10):
    """Print C2ST of posteriors of data sets from mixtures, averaged over `n_data_sets`."""
    print("| mixture | loss | seed | C2ST | held-out log density | fit s |")
    print("|---|---|---|---|---|---|")
    for (name, simulator), seed in itertools.product(MIXTURES.items(), seeds):
        consistent = ForwardKL() + SelfConsistency(1.0, 16, likelihood=simulator.log_likelihood)
        X, y = simulator.sample(1024, random_state=seed)
        others = simulator.sample(500, random_state=1000 + seed)
        exact = simulator.sample_posterior(others[0][:n_data_sets], 1000, random_state=seed)
        summary = SetSummary(width=32) if X.ndim == 3 else None
        for loss_name, loss in {"forward KL": ForwardKL(), "with": consistent}.items():
            posterior = AmortizedPosterior(
                SplineFlow(4, **FLOW), summary=summary, loss=loss, prior=simulator.prior, max_iter=80
            )
            posterior, seconds = timed_fit(posterior.set_params(random_state=seed), X, y)
            draws = posterior.sample(others[0][:n_data_sets], 1000, random_state=seed)
            scores = [c2st(*pair, random_state=0) for pair in zip(exact, draws, strict=True)]
            score = posterior.score(*others)
            row = f"{name} | {loss_name} | {seed} | {np.mean(scores):.3f} | {score:.3f} | {seconds:.0f}"
            print(f"| {row} |", flush=True)


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
