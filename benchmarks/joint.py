"""Print what posterior and likelihood together reach: evidence, cross-validation, calibration of the pair.

python benchmarks/joint.py                             # everything, three seeds; an hour and a half
python benchmarks/joint.py evidence loo --seeds 0      # some parts, one seed

Parts: evidence (exact ones known), loo (exact refits known, and NUTS refits timed), diffusion (drift diffusion whose
likelihood is known), two_moons (beside AmortizedPosterior and sbi's NLE on the same simulations), joint_sbc.
"""

import argparse
import copy
import json
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import stats

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, DriftDiffusion, GaussianMeanScale, GaussianRegression, TwoMoons
from skabi.diagnostics import break_even, c2st, joint_sbc_ranks, sbc_ecdf, sbc_ranks
from skabi.estimators import KnownLikelihood
from skabi.exceptions import ApproximationWarning
from skabi.model_selection import cross_val_elpd, psis_loo
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PEERS = Path(__file__).parent / "peers"
MORE = {"n_simulations": 30_000, "max_iter": 20}
STILL_MORE = {"n_simulations": 100_000, "max_iter": 10}
MOST = {"n_simulations": 300_000, "max_iter": 8}


def fitted(simulator, *, seed, n_simulations=10_000, **parameters):
    """Return a joint estimator, its likelihood learned though the simulator has one, and the seconds of its fit."""
    joint = JointEstimator(prior=simulator.prior, random_state=seed, **parameters)
    start = time.perf_counter()
    joint.fit(*simulator.sample(n_simulations, random_state=seed))
    return joint, time.perf_counter() - start


class FixedDesign(Simulator):
    """Twenty responses at fixed places of a line with normal coefficients and known noise."""

    def __init__(self):
        self.design = np.column_stack([np.ones(20), np.linspace(-1, 1, 20), np.linspace(-1, 1, 20) ** 2])
        prior = IndependentPrior({"coefficient": stats.norm(np.zeros(3), 1.0)})
        super().__init__(prior, self._respond, vectorized=True)

    def _respond(self, coefficient, rng):
        return coefficient @ self.design.T + rng.normal(size=(len(coefficient), 20))

    def log_evidence(self, X):
        return stats.multivariate_normal(np.zeros(20), self.design @ self.design.T + np.eye(20)).logpdf(X)


def report_evidence(seeds):
    """Print the error of the log evidence of 100 data sets, and whether its interval holds the exact value."""
    problems = {
        "fixed design, 20 responses, defaults": (FixedDesign(), {}),
        "fixed design, 20 responses": (FixedDesign(), MORE),
        "sets of 10 to 60": (GaussianRegression(n_observations=(10, 60)), STILL_MORE),
        "sets of 10 to 60, precision 1": (GaussianRegression(n_observations=(10, 60), precision=1.0), STILL_MORE),
        "mean and scale, 10 to 60": (GaussianMeanScale(n_observations=(10, 60)), MORE),
    }
    print("| regression | seed | fit s | evidence s | median error | covered of 100 | median width |")
    print("|---|---|---|---|---|---|---|")
    for name, (simulator, parameters) in problems.items():
        for seed in seeds:
            joint, seconds = fitted(simulator, seed=seed, **parameters)
            X, _ = simulator.sample(100, random_state=1000 + seed)
            start = time.perf_counter()
            evidence = joint.log_evidence(X, random_state=seed)
            elapsed = time.perf_counter() - start
            exact = simulator.log_evidence(X)
            error = np.median(np.abs(evidence.median - exact))
            covered = np.count_nonzero((evidence.lower <= exact) & (exact <= evidence.upper))
            width = np.median(evidence.upper - evidence.lower)
            print(
                f"| {name} | {seed} | {seconds:.0f} | {elapsed:.1f} | {error:.3f} | {covered} | {width:.2f} |",
                flush=True,
            )


def exact_loo(simulator, X):
    """Return exact log predictive densities, `(n_datasets, n_observations)`."""
    left = np.concatenate([[np.delete(x, i, axis=0) for i in range(len(x))] for x in X])
    return simulator.log_evidence(X)[:, np.newaxis] - simulator.log_evidence(left).reshape(len(X), -1)


def report_loo(seeds):
    """Print errors and times of leave-one-out of 1,000 data sets of 50 observations, and times of NUTS."""
    problems = {
        "mean and scale": (GaussianMeanScale(n_observations=(20, 60)), MORE),
        "regression": (GaussianRegression(n_observations=(20, 60)), MOST),
    }
    print("| problem | seed | fit s | draws | data sets | s for 1,000 | within, % | median error | bias | MC error |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, (simulator, parameters) in problems.items():
        for seed in seeds:
            joint, fit_seconds = fitted(simulator, seed=seed, **parameters)
            _, y = simulator.sample(1000, random_state=1000 + seed)
            X = simulator.simulate_from(y, n_observations=50, random_state=2000 + seed)
            X = np.stack(X)
            exact = exact_loo(simulator, X).sum(axis=1)
            # Many draws of a tenth of the data sets; the seconds are then those of all.
            for n_draws, n in ((200, 1000), (2000, 100)) if seed == seeds[0] else ((200, 1000),):
                start = time.perf_counter()
                result = cross_val_elpd(joint, X[:n], n_draws=n_draws, random_state=seed)
                seconds = (time.perf_counter() - start) * len(X) / n
                error = result.elpd - exact[:n]
                within = np.abs(error) <= np.maximum(2 * result.monte_carlo_se, 0.3)
                cells = [name, seed, f"{fit_seconds:.0f}", n_draws, n, f"{seconds:.0f}", f"{100 * within.mean():.1f}"]
                figures = np.median(np.abs(error)), error.mean(), np.median(result.monte_carlo_se)
                print("|", " | ".join(map(str, cells + [f"{figure:.3f}" for figure in figures])), "|", flush=True)
                if name == "mean and scale" and seed == seeds[0]:
                    report_nuts(X[0], fit_seconds=fit_seconds, seconds=seconds / len(X), n_draws=n_draws)


def report_nuts(x, *, fit_seconds, seconds, n_draws):
    """Print what NUTS takes for the same refits, a few of them timed, and from how many data sets training pays."""
    job = {"X": x[:, 0].tolist(), "n_folds": 5, "n_warmup": 500, "n_draws": 1000}
    figures = run_peer("run_numpyro.py", ".venv-numpyro", job=job)
    if figures is None:
        return
    for name, way in (
        ("seconds_a_refit_uncompiled", "MCMC.run, which compiles each time"),
        ("seconds_a_refit", "one compiled function for all refits, without its compilation"),
    ):
        of_nuts = figures[name] * len(x)
        result = break_even(fit_seconds, seconds, of_nuts)
        print(
            f"NUTS ({way}): {figures[name]:.3f} s a refit, {of_nuts:.1f} s a data set. With {n_draws} draws here: "
            f"even at {result.n_datasets} data sets; at 1,000 {result.speedup(1000):.1f} times as fast, training "
            "included.",
            flush=True,
        )


def run_peer(script, environment, *, job=None, simulations=None):
    """Return the figures that a peer's script writes, or None if it has no environment."""
    python = PEERS / environment / "bin" / "python"
    if not python.exists():
        print(f"No {environment}: `make benchmark` sets it up.", flush=True)
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if job is not None:
            (folder / "job.json").write_text(json.dumps(job))
        if simulations is not None:
            np.savez(folder / "simulations.npz", **simulations)
        subprocess.run([python, PEERS / script, folder], check=True)
        return json.loads((folder / "figures.json").read_text())


class UnbiasedDiffusion(Simulator):
    """Drift diffusion of which the drift is believed to be zero: guesses."""

    def __init__(self, diffusion):
        distributions = {"boundary": stats.uniform(0.5, 2.0), "non_decision_time": stats.uniform(0.1, 0.5)}
        self.diffusion = diffusion
        super().__init__(IndependentPrior(distributions), self._walk, vectorized=True, log_likelihood=self._log_density)

    def _walk(self, boundary, non_decision_time, rng):
        return self.diffusion.simulate(np.zeros_like(boundary), boundary, non_decision_time, rng)

    def _log_density(self, X, boundary, non_decision_time, **options):
        return self.diffusion.log_likelihood(X, np.zeros_like(boundary), boundary, non_decision_time, **options)


def with_exact(joint, simulator):
    """Return a joint estimator with the simulator's own likelihood, by which PSIS corrects the posterior, too."""
    twin = copy.copy(joint)
    twin.likelihood_ = KnownLikelihood(simulator)
    return twin


def psis_difference(joints, X, *, seed):
    """Return the difference of two models' log predictive densities, one array a data set."""
    first, second = (psis_loo(joint, X, random_state=seed).pointwise for joint in joints)
    return [a - b for a, b in zip(first, second, strict=True)]


def correlations_with_exact(joint, simulator, X, *, seed):
    """Return correlations of learned and exact log likelihoods over draws, and the share that has no exact one."""
    draws = joint.sample(X, 200, random_state=seed)
    learned, exact = joint.log_likelihood(X, draws), KnownLikelihood(simulator).log_likelihood(X, draws)
    # A draw whose non-decision time is longer than a reaction has no likelihood.
    is_possible = np.isfinite(exact)
    pairs = zip(learned, exact, is_possible, strict=True)
    return [np.corrcoef(a[possible], b[possible])[0, 1] for a, b, possible in pairs], 1 - is_possible.mean()


def report_diffusion(seeds):
    """Print how a learned likelihood of choices and times follows the exact one, and PSIS-LOO differences."""
    diffusion = DriftDiffusion(n_trials=100)
    models = diffusion, UnbiasedDiffusion(diffusion)
    print("| seed | drifts | fit s | correlation, median | lowest | impossible draws, % | LOO differences within, % |")
    print("|---|---|---|---|---|---|---|")
    for seed in seeds:
        joints, seconds = zip(*(fitted(simulator, seed=seed) for simulator in models), strict=True)
        twins = [with_exact(*pair) for pair in zip(joints, models, strict=True)]
        # Drifts of the prior, where one model is mostly out of the question, and such that they are hard to tell apart.
        for name, shrinkage in {"prior": 1.0, "shrunk": np.linspace(0, 1, 100)}.items():
            _, y = diffusion.sample(100, random_state=1000 + seed)
            y["drift"] *= shrinkage
            X = diffusion.simulate_from(y, random_state=2000 + seed)
            correlations, share = correlations_with_exact(joints[0], diffusion, X, seed=seed)
            differences = [psis_difference(pair, X, seed=seed) for pair in (joints, twins)]
            errors = np.array([np.sum(a) - np.sum(b) for a, b in zip(*differences, strict=True)])
            se = np.array([np.sqrt(len(b) * np.var(b, ddof=1)) for b in differences[1]])
            print(
                f"| {seed} | {name} | {sum(seconds):.0f} | {np.median(correlations):.4f} | {min(correlations):.3f} | "
                f"{100 * share:.1f} | {100 * np.mean(np.abs(errors) <= se):.0f} |",
                flush=True,
            )


def report_two_moons(seeds):
    """Print C2ST beside AmortizedPosterior's, and log densities of new data beside sbi's NLE and exact ones."""
    simulator = TwoMoons()
    print(
        "| seed | C2ST | C2ST of AmortizedPosterior | log density of the data | exact | sbi NLE | fit s | sbi fit s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for seed in seeds:
        joint, seconds = fitted(simulator, seed=seed)
        X, y = simulator.sample(10_000, random_state=seed)
        alone = AmortizedPosterior(prior=simulator.prior, random_state=seed).fit(X, y)
        observations, _ = simulator.sample(5, random_state=3000 + seed)
        reference = simulator.sample_posterior(observations, 5000, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            accuracies = [
                c2st(reference, each.sample(observations, 5000, random_state=seed), n_jobs=os.cpu_count()).mean()
                for each in (joint, alone)
            ]
        X_held_out, y_held_out = simulator.sample(1000, random_state=1000 + seed)
        learned = joint.log_likelihood(X_held_out, y_held_out).mean()
        exact = simulator.log_likelihood(X_held_out, y_held_out.to_numpy()).mean()
        figures = run_peer(
            "run_sbi_likelihood.py",
            ".venv-sbi",
            simulations={
                **{"X": X, "y": y.to_numpy(), "X_held_out": X_held_out, "y_held_out": y_held_out.to_numpy()},
                **{"prior_family": "uniform", "prior_first": np.full(2, -1.0), "prior_second": np.ones(2)},
            },
        )
        peer = ("", "") if figures is None else (f"{figures['log_density']:.3f}", f"{figures['fit_seconds']:.0f}")
        print(
            f"| {seed} | {accuracies[0]:.3f} | {accuracies[1]:.3f} | {learned:.3f} | {exact:.3f} | {peer[0]} | "
            f"{seconds:.0f} | {peer[1]} |",
            flush=True,
        )


def report_joint_sbc(seeds):
    """Print p values of both calibrations, of a pair and of one whose likelihood was trained on too much noise."""
    simulator, wrong = ConjugateGaussian(noise_variance=0.3), ConjugateGaussian(noise_variance=0.6)
    print("| seed | likelihood | posterior SBC, lowest p | joint SBC, lowest p |")
    print("|---|---|---|---|")
    for seed in seeds:
        joint, _ = fitted(simulator, seed=seed)
        X, y = simulator.sample(1000, random_state=1000 + seed)
        ranks = sbc_ranks(joint.sample(X, 250, random_state=seed), y, random_state=seed)
        of_posterior = sbc_ecdf(ranks, 250).p_value.min() * ranks.shape[1]
        for name in ("right", "wrong noise"):
            if name == "wrong noise":
                joint.likelihood_ = fitted(wrong, seed=seed)[0].likelihood_
            ranks = joint_sbc_ranks(joint, random_state=seed)
            of_both = sbc_ecdf(ranks, 250).p_value.min() * ranks.shape[1]
            print(f"| {seed} | {name} | {min(1, of_posterior):.3g} | {min(1, of_both):.3g} |", flush=True)


PARTS = {
    "evidence": report_evidence,
    "loo": report_loo,
    "diffusion": report_diffusion,
    "two_moons": report_two_moons,
    "joint_sbc": report_joint_sbc,
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
