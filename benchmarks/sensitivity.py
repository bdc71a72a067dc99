"""Sensitivity-aware posteriors against dedicated ones and the exact answer, and how long thousands of posteriors take.

    python benchmarks/sensitivity.py accuracy --n-simulations 4096
    python benchmarks/sensitivity.py speed

The model is a linear Gaussian, whose posterior is known at every power of its prior. `accuracy` fits a posterior that
knows the power, and one without at power one; for 10,000 data sets simulated at power one it prints root mean square
error of the posterior mean and expected calibration error of both and of exact draws, and, at powers 1/2, 1 and 2, the
C2ST against exact draws. `speed` asks 100 data sets about 101 powers each.
"""

import argparse
import time

import numpy as np

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.diagnostics import c2st
from skabi.sensitivity import ContextPosterior, ContextSimulator, SensitivityAnalysis

POWERS = (0.5, 1.0, 2.0)
N_C2ST, N_COMPARED = 1000, 5


def exact_draws(simulator, X, power, *, n_draws, seed):
    """Return draws `(n_datasets, n_draws, n_parameters)` of the exact posterior at a power of the prior."""
    scaled = ConjugateGaussian(
        simulator.n_parameters,
        noise_variance=simulator.noise_variance,
        prior_variance=simulator.prior_variance / power,
    )
    return scaled.sample_posterior(X, n_draws, random_state=seed)


def calibration_error(draws, y):
    """Return the expected calibration error of central intervals, the mean over parameters and 20 levels."""
    ranks = (draws < np.asarray(y)[:, np.newaxis]).mean(axis=1)
    levels = np.linspace(0.05, 0.95, 20)
    observed = (np.abs(ranks - 0.5)[:, :, np.newaxis] < levels / 2).mean(axis=0)
    return np.abs(observed - levels).mean()


def accuracy(n_simulations, *, seeds):
    """Print errors of both posteriors."""
    simulator = ConjugateGaussian()
    X, y = simulator.sample(10_000, random_state=1000)
    exact_error = np.sqrt(np.mean((simulator.posterior_mean(X) - y.to_numpy()) ** 2))
    exact_ece = calibration_error(exact_draws(simulator, X, 1.0, n_draws=500, seed=0), y)
    print(f"exact: RMSE {exact_error:.4f}  ECE {exact_ece:.4f}")
    for seed in seeds:
        recipe = AmortizedPosterior(n_simulations=n_simulations, random_state=seed)
        began = time.perf_counter()
        aware = ContextPosterior(recipe).fit(ContextSimulator(simulator))
        middle = time.perf_counter()
        dedicated = AmortizedPosterior(n_simulations=n_simulations, random_state=seed).fit(simulator)
        ended = time.perf_counter()
        print(f"n={n_simulations} seed={seed}: fits of {middle - began:.0f} s and {ended - middle:.0f} s", flush=True)
        for name, estimator in (("aware", aware), ("dedicated", dedicated)):
            error = np.sqrt(np.mean((estimator.predict(X) - y.to_numpy()) ** 2))
            ece = calibration_error(estimator.sample(X, 500, random_state=0), y)
            print(f"  {name:9s} RMSE {error:.4f}  ECE {ece:.4f}", flush=True)
        for power in POWERS:
            exact = exact_draws(simulator, X[:N_COMPARED], power, n_draws=N_C2ST, seed=0)
            draws = aware.sample(X[:N_COMPARED], N_C2ST, context={"prior": power}, random_state=1)
            told = np.mean([c2st(a, b, random_state=0) for a, b in zip(draws, exact, strict=True)])
            untold = ""
            if power == 1.0:
                draws = dedicated.sample(X[:N_COMPARED], N_C2ST, random_state=1)
                other = np.mean([c2st(a, b, random_state=0) for a, b in zip(draws, exact, strict=True)])
                untold = f", dedicated {other:.3f}"
            print(f"  power {power:g}: C2ST {told:.3f}{untold}", flush=True)


def speed():
    """Print how long 100 data sets and 101 powers take, to be drawn, and to be compared and tabulated."""
    simulator = ConjugateGaussian()
    posterior = ContextPosterior(AmortizedPosterior(n_simulations=2000, max_iter=5, random_state=0))
    posterior.fit(ContextSimulator(simulator))
    X, _ = simulator.sample(100, random_state=1)
    powers = np.exp(np.linspace(np.log(0.5), np.log(2.0), 101))
    for n_draws in (100, 500):
        began, used = time.perf_counter(), time.process_time()
        posterior.sample_contexts(X, [{"prior": power} for power in powers], n_draws, random_state=0)
        middle, drawn = time.perf_counter(), time.process_time()
        SensitivityAnalysis(posterior, n_draws=n_draws, random_state=0).prior(X, powers)
        ended, compared = time.perf_counter(), time.process_time()
        print(
            f"100 data sets x 101 powers x {n_draws} draws: drawn in {middle - began:.1f} s ({drawn - used:.1f} s of "
            f"processors); drawn, compared and tabulated in {ended - middle:.1f} s ({compared - drawn:.1f} s)",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("accuracy", "speed"))
    parser.add_argument("--n-simulations", type=int, default=4096)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    if arguments.figure == "speed":
        speed()
    else:
        accuracy(arguments.n_simulations, seeds=arguments.seeds)
