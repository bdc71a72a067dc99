"""Print how well sets, series, images and several sources are answered, beside exact posteriors where there are any.

python benchmarks/data_shapes.py                # everything, seed 0
python benchmarks/data_shapes.py sizes --seeds 0 1 2
"""

import argparse
import os
import time
from itertools import product

import numpy as np
from references import load_reference
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import SLCP, DriftDiffusion, GaussianMeanScale
from skabi.diagnostics import c2st, recovery, sbc_ecdf, sbc_ranks
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import FusionSummary, SeriesSummary, SetSummary


def report_sizes(seeds):
    """Print C2ST for a Gaussian's mean and scale from few and many observations, one fit for all."""
    simulator = GaussianMeanScale()
    # Simulations are cheap here: three times as many, and a third of the epochs, take the time of the defaults.
    settings = {"defaults": {}, "30,000": {"n_simulations": 30_000, "max_iter": 16}}
    print("| seed | settings | fit s | observations | C2ST of five data sets | mean |")
    print("|---|---|---|---|---|---|")
    for seed, (name, parameters) in product(seeds, settings.items()):
        posterior, seconds = fitted(simulator, **parameters, random_state=seed)
        for n in (5, 20, 100, 500):
            _, y = simulator.sample(5, random_state=1)
            X = simulator.simulate_from(y, n_observations=n, random_state=2)
            exact = simulator.sample_posterior(X, 5000, random_state=3)
            accuracies = c2st(exact, posterior.sample(X, 5000, random_state=4), n_jobs=os.cpu_count())
            values = " ".join(f"{value:.3f}" for value in accuracies)
            print(f"| {seed} | {name} | {seconds:.1f} | {n} | {values} | {accuracies.mean():.3f} |", flush=True)


def report_points(seeds):
    """Print SLCP as eight numbers and as a set of four points."""
    simulator = SLCP()
    observations, reference = load_reference("slcp", None)
    X_held_out, y_held_out = simulator.sample(1000, random_state=999)
    print("| seed | X | fit s | held-out log density | C2ST of five observations | mean |")
    print("|---|---|---|---|---|---|")
    for seed in seeds:
        X, y = simulator.sample(10_000, random_state=seed)
        for name, shape in (("flat", (-1, 8)), ("four points", (-1, 4, 2))):
            start = time.perf_counter()
            posterior = AmortizedPosterior(prior=simulator.prior, random_state=seed).fit(X.reshape(shape), y)
            seconds = time.perf_counter() - start
            draws = posterior.sample(observations.reshape(shape), 5000, random_state=seed)
            accuracies = c2st(reference, draws, n_jobs=os.cpu_count())
            score = posterior.score(X_held_out.reshape(shape), y_held_out)
            values = " ".join(f"{value:.3f}" for value in accuracies)
            print(f"| {seed} | {name} | {seconds:.1f} | {score:.3f} | {values} | {accuracies.mean():.3f} |", flush=True)


def report_diffusion(seeds):
    """Print calibration and recovery of a drift diffusion model with 100 to 300 trials."""
    simulator = DriftDiffusion(n_trials=(100, 300))
    X, y = simulator.sample(1000, random_state=999)
    print("| seed | fit s | parameter | p of SBC ranks | band left | correlation | sd of z-scores |")
    print("|---|---|---|---|---|---|---|")
    for seed in seeds:
        posterior, seconds = fitted(simulator, random_state=seed)
        draws = posterior.sample(X, 1000, random_state=seed)
        # Bonferroni: the bands of three parameters hold together with probability 0.95.
        ecdf = sbc_ecdf(sbc_ranks(draws, y), 1000, prob=1 - 0.05 / y.shape[1])
        table = recovery(draws, y)
        for i, name in enumerate(y.columns):
            row = table.iloc[i]
            left = "yes" if not ecdf.inside[i] else "no"
            print(
                f"| {seed} | {seconds:.1f} | {name} | {ecdf.p_value[i]:.3f} | {left} | {row.correlation:.3f} | "
                f"{row.z_score_sd:.2f} |",
                flush=True,
            )


def report_order(seeds):
    """Print how far densities move when the observations of a set change places, and when it is padded."""
    simulator = GaussianMeanScale(n_observations=(20, 200))
    X, y = simulator.sample(200, random_state=999)
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(x) for x in X]
    for summary in (SetSummary(), SetSummary(n_attention_blocks=1)):
        posterior, _ = fitted(simulator, summary=summary, n_simulations=2000, max_iter=5, random_state=0)
        density = posterior.log_prob(X, y)
        permuted = np.abs(posterior.log_prob(shuffled, y) - density).max()
        alone = [posterior.log_prob([x], y.iloc[[i]])[0] for i, x in enumerate(X)]
        print(f"{summary!r}: permuted {permuted:.1e}, alone or padded {np.abs(alone - density).max():.1e} nats at most")


def report_cost(seeds):
    """Print seconds of `transform` for 20 data sets of more and more observations."""
    rng = np.random.default_rng(0)
    print("| summary | observations | milliseconds a data set | the same per 1,000 observations | multiplications |")
    print("|---|---|---|---|---|")
    for summary in (SetSummary(), SetSummary(n_attention_blocks=1)):
        posterior = AmortizedPosterior(summary=summary, max_iter=1, random_state=0)
        X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 10_000, size=30)]
        posterior.fit(X, rng.normal(size=(30, 2)))
        for n in (100, 1000, 10_000):
            sets = [rng.normal(size=(n, 2))] * 20
            posterior.transform(sets)
            start = time.perf_counter()
            posterior.transform(sets)
            milliseconds = 1000 * (time.perf_counter() - start) / 20
            cost = summary.cost((n, 2), 2).n_multiplications
            print(f"| {summary!r} | {n} | {milliseconds:.2f} | {1000 * milliseconds / n:.2f} | {cost:,} |", flush=True)


def two_sources(drift, noise, rng):
    """An exchangeable source and a Markov one that share a parameter."""
    n = len(drift)
    answers = rng.normal(drift[:, None], 1.0, size=(n, 20))[..., None]
    steps = rng.normal(0.2 * drift[:, None], noise[:, None], size=(n, 40))
    return {"answers": answers, "signal": np.cumsum(steps, axis=1)[..., None]}


def report_sources(seeds):
    """Print what two sources say together and alone, and calibration where sources and values are missing."""
    prior = IndependentPrior({"drift": stats.norm(0.0, 1.0), "noise": stats.lognorm(0.5, scale=0.5)})
    simulator = Simulator(prior, two_sources, vectorized=True)
    X, y = simulator.sample(1000, random_state=999)
    series = {"signal": SeriesSummary()}
    print("| seed | sources | fit s | held-out log density |")
    print("|---|---|---|---|")
    for seed in seeds:
        for name in ("answers", "signal"):
            alone = Simulator(prior, OneSource(name), vectorized=True)
            posterior, seconds = fitted(alone, summary=series.get(name), random_state=seed)
            print(f"| {seed} | {name} alone | {seconds:.1f} | {posterior.score(X[name], y):.3f} |", flush=True)
        for fusion in ("late", "early", "hybrid"):
            summary = FusionSummary(series, fusion=fusion)
            posterior, seconds = fitted(simulator, summary=summary, random_state=seed)
            print(f"| {seed} | both, {fusion} | {seconds:.1f} | {posterior.score(X, y):.3f} |", flush=True)
    report_missing(simulator, series, seeds)


def report_missing(simulator, series, seeds):
    """Print calibration with values and sources missing at several rates."""
    print("| seed | fusion | missing | log density | p of SBC ranks, lowest of parameters | band left |")
    print("|---|---|---|---|---|---|")
    for seed in seeds:
        for fusion in ("late", "hybrid"):
            summary = FusionSummary(series, fusion=fusion)
            posterior, _ = fitted(simulator, summary=summary, missing="mask", random_state=seed)
            for rate in (0.0, 0.2, 0.4, 0.6, 0.8):
                X, y = simulator.sample(1000, random_state=round(1000 + 10 * rate))
                X = with_missing(X, rate, np.random.default_rng(0))
                draws = posterior.sample(X, 500, random_state=seed)
                ecdf = sbc_ecdf(sbc_ranks(draws, y), 500, prob=1 - 0.05 / y.shape[1])
                left = "yes" if not all(ecdf.inside) else "no"
                score = posterior.score(X, y)
                print(f"| {seed} | {fusion} | {rate} | {score:.3f} | {min(ecdf.p_value):.3f} | {left} |", flush=True)


class OneSource:
    """A simulator of one of the two sources."""

    def __init__(self, name):
        self.name = name

    def __call__(self, drift, noise, rng):
        return two_sources(drift, noise, rng)[self.name]


def with_missing(X, rate, rng):
    """Return sources with a share of values, and of whole sources, missing."""
    result = {}
    for name, values in X.items():
        gone = rng.random(values.shape) < rate
        gone |= (rng.random(len(values)) < rate).reshape(-1, *[1] * (values.ndim - 1))
        result[name] = np.where(gone, np.nan, values)
    return result


def fitted(simulator, **parameters):
    """Return a fitted posterior and how long the training took, without simulation."""
    posterior = AmortizedPosterior(prior=simulator.prior, **parameters)
    X, y = simulator.sample(posterior.n_simulations, random_state=posterior.random_state)
    start = time.perf_counter()
    return posterior.fit(X, y), time.perf_counter() - start


PARTS = {
    "sizes": report_sizes,
    "points": report_points,
    "diffusion": report_diffusion,
    "order": report_order,
    "cost": report_cost,
    "sources": report_sources,
}


def main():
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        print(f"## {part}", flush=True)
        PARTS[part](arguments.seeds)


if __name__ == "__main__":
    main()
