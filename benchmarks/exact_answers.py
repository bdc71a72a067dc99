"""Print how close the default estimator comes to exact posteriors, and how long it takes.

python benchmarks/exact_answers.py                     # everything, three seeds
python benchmarks/exact_answers.py gaussian --seeds 0  # one part, one seed
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian, TruncatedGaussian, TwoMoons
from skabi.diagnostics import c2st
from skabi.engines import Gaussian

# The first five observations of the two-moons task of the SBIBM benchmark (Lueckmann et al., 2021, arXiv 2101.04653).
TWO_MOONS_OBSERVATIONS = [
    [-0.6396706, 0.16234657],
    [-0.5676688, -0.33194834],
    [0.00301096, -0.6457662],
    [-0.25049388, 0.633055],
    [-0.66463584, -0.42604533],
]


def report_import(seeds):
    """Print how long `import skabi` takes in a fresh interpreter, and whether torch came along."""
    code = "from time import perf_counter as t; s = t(); import skabi, sys; print(t() - s, 'torch' in sys.modules)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    seconds, has_torch = zip(*(run.stdout.split() for run in runs), strict=True)
    print(f"import skabi: {np.median(np.array(seconds, float)):.3f} s, torch imported: {has_torch[0]}")


def report_gaussian(seeds):
    """Print accuracy on a linear Gaussian with 2,500 simulations, under a Gaussian and a box prior."""
    print("| prior | parameters | seed | fit s | C2ST at 0 | mean error / sd | sd ratio | integral | density outside |")
    print("|---|---|---|---|---|---|---|---|---|")
    for problem, prior in ((ConjugateGaussian, "Gaussian"), (TruncatedGaussian, "box")):
        for n_parameters in (1, 2, 4):
            for seed in seeds:
                simulator = problem(n_parameters, shift=-1.0, noise_variance=0.3)
                values = gaussian_figures(simulator, seed=seed)
                print(f"| {prior} | {n_parameters} | {seed} | " + " | ".join(values) + " |", flush=True)


def gaussian_figures(simulator, *, seed):
    """Return the numbers of one row: averages over ten simulated data sets, and C2ST and integral at the origin."""
    start = time.perf_counter()
    posterior = AmortizedPosterior(n_simulations=2500, random_state=seed).fit(simulator)
    seconds = time.perf_counter() - start
    X, _ = simulator.sample(10, random_state=1000 + seed)
    exact = simulator.sample_posterior(X, 50_000, random_state=seed)
    mean, std = posterior.predict(X, return_std=True)
    error = np.abs(mean - exact.mean(axis=1)) / exact.std(axis=1)
    ratio = std / exact.std(axis=1)
    origin = np.zeros((1, X.shape[1]))
    draws = posterior.sample(origin, 1000, random_state=seed)[0]
    reference = simulator.sample_posterior(origin, 1000, random_state=seed + 1)[0]
    accuracy = c2st(reference, draws, classifier=RandomForestClassifier(random_state=1), random_state=1)
    integral, outside = mass(posterior, origin, box=2.0 if isinstance(simulator, TruncatedGaussian) else None)
    return (
        f"{seconds:.1f}",
        f"{accuracy:.3f}",
        f"{error.mean():.3f}",
        f"{ratio.mean():.3f}",
        f"{integral:.4f}",
        "" if outside is None else f"{outside:g}",
    )


def mass(posterior, X, *, box):
    """Return the integral of the density given one data set, by importance sampling, and its maximum outside a box.

    The proposal is a Student distribution with mean and spread of the draws, or uniform in the box.
    """
    rng = np.random.default_rng(0)
    n, n_parameters = 400_000, X.shape[1]
    if box is None:
        from scipy import stats

        draws = posterior.sample(X, 5000, random_state=1)[0]
        proposal = stats.multivariate_t(draws.mean(axis=0), 1.2 * np.cov(draws.T), df=5)
        y = proposal.rvs(n, random_state=rng).reshape(n, n_parameters)
        return float(np.mean(np.exp(posterior.log_prob(X, y[np.newaxis])[0] - proposal.logpdf(y)))), None
    y = rng.uniform(-box, box, (n, n_parameters))
    integral = np.mean(np.exp(posterior.log_prob(X, y[np.newaxis])[0])) * (2 * box) ** n_parameters
    y = rng.uniform(-box, box, (1000, n_parameters))
    y[np.arange(1000), rng.integers(n_parameters, size=1000)] = box + rng.exponential(size=1000)
    return float(integral), float(np.exp(posterior.log_prob(X, y[np.newaxis])[0]).max())


def report_two_moons(seeds):
    """Print C2ST on two moons with 10,000 simulations, the classifier being that of the SBIBM benchmark."""
    simulator, X = TwoMoons(), np.array(TWO_MOONS_OBSERVATIONS)
    reference = simulator.sample_posterior(X, 5000, random_state=0)
    print("| seed | fit s | C2ST of five observations | mean |")
    print("|---|---|---|---|")
    for seed in seeds:
        start = time.perf_counter()
        posterior = AmortizedPosterior(random_state=seed).fit(simulator)
        seconds = time.perf_counter() - start
        accuracy = c2st(reference, posterior.sample(X, 5000, random_state=seed), n_jobs=os.cpu_count())
        values = " ".join(f"{value:.3f}" for value in accuracy)
        print(f"| {seed} | {seconds:.1f} | {values} | {accuracy.mean():.3f} |", flush=True)


def report_units(seeds):
    """Print what is left of the Jacobian when a parameter is rescaled by 1e-5, in nats."""
    simulator = ConjugateGaussian(2)
    X, y = simulator.sample(2000, random_state=0)
    y = y.to_numpy()
    scale = np.array([1e-5, 1.0])
    for seed in seeds:
        estimators = [
            AmortizedPosterior(Gaussian(), max_iter=10, random_state=seed).fit(X, y * s) for s in (1.0, scale)
        ]
        gap = estimators[1].log_prob(X, y * scale) - estimators[0].log_prob(X, y) - np.log(1e5)
        print(f"seed {seed}: rescaled minus original minus Jacobian: at most {np.abs(gap).max():.1e} nats")


PARTS = {
    "import": report_import,
    "gaussian": report_gaussian,
    "two_moons": report_two_moons,
    "units": report_units,
}


def main():
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        print(f"## {part}", flush=True)
        PARTS[part](arguments.seeds)


if __name__ == "__main__":
    main()
