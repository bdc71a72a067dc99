"""Print how often tests of calibration reject exact posteriors, and posteriors with errors of a known size.

python benchmarks/trust.py alarms         # 1,000 repetitions, exact posteriors; ten minutes on one core
python benchmarks/trust.py power          # 200 repetitions of each error; 15 minutes on one core

Parameters are standard normal, data are parameters plus standard normal noise, and so posteriors are N(x / 2, 1 / 2).
A test of each parameter by itself counts once for each parameter.
"""

import argparse
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skabi.diagnostics import (
    highest_density_coverage,
    local_c2st,
    mmd_test,
    pit_ecdf,
    pit_values,
    posterior_predictive_check,
    sbc_ecdf,
    sbc_ranks,
    sliced_wasserstein_test,
    tarp,
    uniformity_test,
)

LEVEL = 0.05


@dataclass(frozen=True)
class Posteriors:
    """Simulated data sets with draws of their posteriors, which may be wrong.

    X, y: (n_datasets, n_parameters); draws: (n_datasets, n_draws, n_parameters); shift and scale: the error in the
    mean, in posterior standard deviations, and the factor of the standard deviation; seed: of this repetition.
    """

    X: np.ndarray
    y: np.ndarray
    draws: np.ndarray
    shift: float
    scale: float
    seed: int

    @cached_property
    def ranks(self):
        """Ranks of simulation-based calibration, which several tests share."""
        return sbc_ranks(self.draws, self.y)

    @property
    def n_draws(self):
        return self.draws.shape[1]

    def log_prob(self, theta):
        """Log density of the posteriors that were sampled, up to a constant: `(n_datasets, n_draws)`."""
        centre, spread = self.X / 2 + np.sqrt(0.5) * self.shift, np.sqrt(0.5) * self.scale
        return -0.5 * (((theta - centre[:, np.newaxis]) / spread) ** 2).sum(axis=2)


def simulate(n_datasets, n_draws, n_parameters, *, shift=0.0, scale=1.0, seed):
    """Return posteriors whose mean and standard deviation are wrong by `shift` and `scale`."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_datasets, n_parameters))
    X = y + rng.normal(size=y.shape)
    z = rng.standard_normal((n_datasets, n_draws, n_parameters))
    draws = X[:, np.newaxis] / 2 + np.sqrt(0.5) * (shift + scale * z)
    return Posteriors(X=X, y=y, draws=draws, shift=shift, scale=scale, seed=seed)


def against_exact(test, posteriors):
    """Return the p-value of a two-sample test of the draws of one data set and as many exact ones."""
    rng = np.random.default_rng([1, posteriors.seed])
    exact = posteriors.X[0] / 2 + np.sqrt(0.5) * rng.normal(size=posteriors.draws[0].shape)
    return test(exact, posteriors.draws[0], n_permutations=99, random_state=posteriors.seed).p_value


def locally(posteriors, n_cal=200):
    """Return the p-value of the local C2ST of one data set, calibrated by one draw of each of `n_cal` others."""
    return local_c2st(
        posteriors.draws[-1:],
        posteriors.X[-1:],
        draws_cal=posteriors.draws[:n_cal, 0],
        X_cal=posteriors.X[:n_cal],
        y_cal=posteriors.y[:n_cal],
        n_null=19,
        random_state=posteriors.seed,
    ).p_value


def predictive(posteriors, *, one_draw, n_replicates=39):
    """Return the overall p-values of a predictive check of the data themselves, replicated at one draw or at many."""
    draws = posteriors.draws[:, :n_replicates]
    replicated = np.random.default_rng([2, posteriors.seed]).normal(size=draws.shape)
    replicated += draws[:, :1] if one_draw else draws
    return posterior_predictive_check(posteriors.X, replicated, one_draw=one_draw).overall


# A test takes `Posteriors` and returns one p-value, or one for each parameter.
TESTS = {
    "SBC, smooth": lambda p: uniformity_test(p.ranks, p.n_draws),
    "SBC, ECDF band": lambda p: sbc_ecdf(p.ranks, p.n_draws).p_value,
    "highest density": lambda p: (
        highest_density_coverage(p.log_prob(p.draws), p.log_prob(p.y[:, np.newaxis])[:, 0]).p_value
    ),
    "TARP": lambda p: tarp(p.draws, p.y, random_state=p.seed).p_value,
    "PIT, ECDF band": lambda p: pit_ecdf(pit_values(p.draws, p.y, random_state=p.seed)).p_value,
    "MMD": lambda p: against_exact(mmd_test, p),
    "sliced Wasserstein": lambda p: against_exact(sliced_wasserstein_test, p),
    "local C2ST": locally,
    "predictive check": lambda p: predictive(p, one_draw=True),
    "predictive check, own draws": lambda p: predictive(p, one_draw=False),
}
ERRORS = {"mean + 0.2 sd": {"shift": 0.2}, "sd x 1.15": {"scale": 1.15}, "sd / 1.15": {"scale": 1 / 1.15}}


def rejections(tests, n_repeats, *, n_datasets, n_draws, n_parameters, **error):
    """Return the share of p-values up to `LEVEL` for each test."""
    p_values = {name: [] for name in tests}
    for seed in range(n_repeats):
        posteriors = simulate(n_datasets, n_draws, n_parameters, **error, seed=seed)
        for name in tests:
            p_values[name].append(np.atleast_1d(TESTS[name](posteriors)))
    return {name: np.mean(np.array(values) <= LEVEL) for name, values in p_values.items()}


def print_table(errors, tests, arguments):
    """Print a row for each of `errors`, name -> arguments of `simulate`, and each number of parameters."""
    print(f"| error | parameters | {' | '.join(tests)} |")
    print("|---" * (2 + len(tests)) + "|")
    for name, error in errors.items():
        for n_parameters in arguments.n_parameters:
            shares = rejections(
                tests,
                arguments.repeats,
                n_datasets=arguments.n_datasets,
                n_draws=arguments.n_draws,
                n_parameters=n_parameters,
                **error,
            )
            cells = " | ".join(f"{100 * shares[test]:.1f} %" for test in tests)
            print(f"| {name} | {n_parameters} | {cells} |", flush=True)


def main():
    """Print the table of the part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["alarms", "power"])
    parser.add_argument("--tests", nargs="+", choices=list(TESTS), default=list(TESTS), metavar="TEST")
    parser.add_argument("--repeats", type=int, help="by default 1,000 for alarms and 200 for power")
    parser.add_argument("--n-datasets", type=int, default=1000)
    parser.add_argument("--n-draws", type=int, default=100)
    parser.add_argument("--n-parameters", type=int, nargs="+", default=[1, 2, 5])
    arguments = parser.parse_args()
    alarms = arguments.part == "alarms"
    arguments.repeats = arguments.repeats or (1000 if alarms else 200)
    print_table({"none": {}} if alarms else ERRORS, arguments.tests, arguments)


if __name__ == "__main__":
    main()
