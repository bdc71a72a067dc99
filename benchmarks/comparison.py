"""Print what model comparison reaches where evidences are known: probabilities, Bayes factors, calibration, time.

python benchmarks/comparison.py                # three seeds, half a minute
python benchmarks/comparison.py --seeds 0

Two conjugate regressions of twenty responses, with and without a slope; 1,000 data sets, half of each.
"""

import argparse
import time

import numpy as np
from scipy import special, stats

from skabi import AmortizedModelComparator
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

N_RESPONSES = 20
SETTINGS = {"defaults": {}, "30,000 simulations": {"n_simulations": 30_000, "max_iter": 20}}


class Regression(Simulator):
    """Responses at fixed places with standard normal coefficients and noise, whose evidence is known."""

    def __init__(self, design):
        self.design = design
        prior = IndependentPrior({"coefficient": stats.norm(np.zeros(design.shape[1]), 1.0)})
        super().__init__(prior, self._respond, vectorized=True)

    def _respond(self, coefficient, rng):
        return coefficient @ self.design.T + rng.normal(size=(len(coefficient), len(self.design)))

    def log_evidence(self, X):
        covariance = self.design @ self.design.T + np.eye(len(self.design))
        return stats.multivariate_normal(np.zeros(len(self.design)), covariance).logpdf(X)


def calibration_error(proba, is_true, *, n_bins=10):
    """Return the expected calibration error of one class over bins of equal width."""
    bins = np.minimum((proba * n_bins).astype(int), n_bins - 1)
    gaps = [np.abs(np.sum(proba[bins == i] - is_true[bins == i])) for i in range(n_bins)]
    return sum(gaps) / len(proba)


def main():
    """Print a table, a row a seed and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    line = np.linspace(-1, 1, N_RESPONSES)
    models = {
        "flat": Regression(np.ones((N_RESPONSES, 1))),
        "sloped": Regression(np.column_stack([np.ones(N_RESPONSES), line])),
    }
    print(
        "| setting | seed | fit s | error of probability | correlation of log Bayes factors | ECE | exact ECE | "
        "score | exact score | s for 10,000 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, parameters in SETTINGS.items():
        for seed in seeds:
            start = time.perf_counter()
            comparator = AmortizedModelComparator(random_state=seed, **parameters).fit(models)
            fit_seconds = time.perf_counter() - start
            X = np.concatenate([model.sample(500, random_state=1000 + seed)[0] for model in models.values()])
            label = np.repeat([0, 1], 500)
            log_evidence = np.column_stack([model.log_evidence(X) for model in models.values()])
            exact, proba = special.softmax(log_evidence, axis=1), comparator.predict_proba(X)
            log_factor = np.diff(log_evidence, axis=1)[:, 0]
            is_small = np.abs(log_factor) < 6
            learned = comparator.log_bayes_factors(X)[:, 1]
            start = time.perf_counter()
            comparator.predict_proba(np.tile(X, (10, 1)))
            seconds = time.perf_counter() - start
            figures = [
                np.abs(proba - exact).mean(),
                np.corrcoef(learned[is_small], log_factor[is_small])[0, 1],
                *(calibration_error(p[:, 1], label) for p in (proba, exact)),
                *(np.log(p[np.arange(1000), label]).mean() for p in (proba, exact)),
            ]
            cells = [name, seed, f"{fit_seconds:.1f}", *(f"{figure:.4f}" for figure in figures), f"{seconds:.2f}"]
            print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
