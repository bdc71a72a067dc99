"""Print what model comparison reaches where evidences are known: probabilities, Bayes factors, calibration, time.

python benchmarks/comparison.py                # three seeds, some minutes
python benchmarks/comparison.py --seeds 0 --parts evidences

Two conjugate regressions of twenty responses, with and without a slope; 1,000 data sets, half of each. And nested
hierarchical normals, 50 groups of 50 observations, whose mean is zero or unknown; 5,000 data sets.
"""

import argparse
import time

import numpy as np
from scipy import special, stats

from skabi import AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi.diagnostics import model_calibration
from skabi.engines import Gaussian
from skabi.model_selection import EvidenceComparator, check_routes
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import NestedSummary

N_RESPONSES = 20
MORE = {"n_simulations": 15_000, "max_iter": 20}
SETTINGS = {
    "defaults": {},
    "15,000 simulations a model": MORE,
    "15,000, four networks": MORE | {"n_estimators": 4},
    "50,000": {"n_simulations": 50_000, "max_iter": 10},
}


class Regression(Simulator):
    """Responses at fixed places with standard normal coefficients and noise, whose evidence is known."""

    def __init__(self, design):
        self.design = design
        prior = IndependentPrior({"coefficient": stats.norm(np.zeros(design.shape[1]), 1.0)})
        super().__init__(prior, self._respond, vectorized=True, log_likelihood=self._log_likelihood)

    def _respond(self, coefficient, rng):
        return coefficient @ self.design.T + rng.normal(size=(len(coefficient), len(self.design)))

    def _log_likelihood(self, X, coefficient):
        return stats.norm.logpdf(X, coefficient @ self.design.T).sum(axis=1)

    def log_evidence(self, X):
        covariance = self.design @ self.design.T + np.eye(len(self.design))
        return stats.multivariate_normal(np.zeros(len(self.design)), covariance).logpdf(X)


def regressions():
    """Return both models by name."""
    line = np.linspace(-1, 1, N_RESPONSES)
    return {
        "flat": Regression(np.ones((N_RESPONSES, 1))),
        "sloped": Regression(np.column_stack([np.ones(N_RESPONSES), line])),
    }


def test_sets(models, seed):
    """Return 1,000 data sets, half of each model, their labels and exact log evidences."""
    X = np.concatenate([model.sample(500, random_state=1000 + seed)[0] for model in models.values()])
    return X, np.repeat([0, 1], 500), np.column_stack([model.log_evidence(X) for model in models.values()])


def error_and_correlation(log_factors, log_evidence):
    """Return the mean absolute error of a probability, and the correlation of log Bayes factors below six."""
    log_factor = np.diff(log_evidence, axis=1)[:, 0]
    is_small = np.abs(log_factor) < 6
    error = np.abs(special.softmax(log_factors, axis=1) - special.softmax(log_evidence, axis=1)).mean()
    return error, np.corrcoef(log_factors[is_small, 1], log_factor[is_small])[0, 1]


def print_row(*cells):
    """Print a row of a table, figures with four digits after the point."""
    print("|", " | ".join(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells), "|", flush=True)


def print_header(*cells):
    """Print the head of a table."""
    print()
    print_row(*cells)
    print("|" + "---|" * len(cells))


def classifiers(seeds):
    """Print what classifiers reach."""
    models = regressions()
    print_header(
        *("setting", "seed", "fit s", "error of probability", "correlation of log Bayes factors", "ECE", "exact ECE"),
        *("debiased ECE", "exact debiased ECE", "score", "exact score", "s for 10,000"),
    )
    for name, parameters in SETTINGS.items():
        for seed in seeds:
            start = time.perf_counter()
            comparator = AmortizedModelComparator(random_state=seed, **parameters).fit(models)
            fit_seconds = time.perf_counter() - start
            X, label, log_evidence = test_sets(models, seed)
            exact, proba = special.softmax(log_evidence, axis=1), comparator.predict_proba(X)
            start = time.perf_counter()
            comparator.predict_proba(np.tile(X, (10, 1)))
            seconds = time.perf_counter() - start
            errors = [model_calibration(p, label, random_state=0).per_model for p in (proba, exact)]
            figures = [
                *error_and_correlation(comparator.log_bayes_factors(X), log_evidence),
                *(error.ece[1] for error in errors),
                *(error.debiased[1] for error in errors),
                *(np.log(p[np.arange(1000), label]).mean() for p in (proba, exact)),
            ]
            print_row(name, seed, f"{fit_seconds:.1f}", *map(float, figures), f"{seconds:.2f}")


def evidences(seeds):
    """Print what evidences reach on the same data sets, and what the check of both routes says there and far outside.

    Far outside are 200 of the flat model's data sets and a wave, whose exact probabilities are the flat data sets' own.
    An alarm is right where the classifier's probability is off by more than 0.1.
    """
    models = regressions()
    silent = {name: Simulator(model.prior, model.simulate, vectorized=True) for name, model in models.items()}
    settings = {"n_simulations": 5000, "max_iter": 20}
    wave = np.cos(8 * np.linspace(-1, 1, N_RESPONSES))
    print_header(
        *("likelihood", "seed", "fit s", "s", "error of probability", "correlation of log Bayes factors"),
        *("error by medians", "error by means"),
        *("classifier's error", "alarms", "right ones"),
        *("error outside", "classifier's error outside", "alarms outside", "right ones outside"),
    )
    for seed in seeds:
        classifier = AmortizedModelComparator(n_simulations=5000, random_state=seed).fit(models)
        X, _, exact = test_sets(models, seed)
        outside = X[:200] + 8 * (wave - wave.mean())
        exact_outside = np.column_stack([model.log_evidence(outside) for model in models.values()])
        of_learned = JointEstimator(Gaussian(), Gaussian(), random_state=seed, **settings)
        of_known = AmortizedPosterior(Gaussian(), random_state=seed, **settings)
        for name, estimator, simulators in [("known", of_known, models), ("learned", of_learned, silent)]:
            start = time.perf_counter()
            comparator = EvidenceComparator(estimator, random_state=seed).fit(simulators)
            fit_seconds = time.perf_counter() - start
            start = time.perf_counter()
            inside = check_routes(classifier, comparator, X)
            seconds = time.perf_counter() - start
            far = check_routes(classifier, comparator, outside)
            figures = [
                *error_and_correlation(inside.evidence, exact),
                *(error_and_correlation(factors, exact)[0] for factors in medians_and_means(comparator, X)),
                *judged(inside, exact),
                error_and_correlation(far.evidence, exact_outside)[0],
                *judged(far, exact_outside),
            ]
            print_row(name, seed, f"{fit_seconds:.1f}", f"{seconds:.1f}", *map(float, figures))


def medians_and_means(comparator, X):
    """Return log evidences by both estimates of them."""
    evidence = comparator.log_evidence(X).values()
    return [np.column_stack([getattr(part, name) for part in evidence]) for name in ("median", "log_mean")]


def judged(agreement, exact):
    """Return the classifier's mean error, the share of alarms, and the share of these where it is off by over 0.1."""
    proba = [special.softmax(values, axis=1)[:, 0] for values in (agreement.classifier, exact)]
    error, disagrees = np.abs(proba[0] - proba[1]), agreement.disagrees
    return error.mean(), disagrees.mean(), (error[disagrees] > 0.1).mean() if disagrees.any() else np.nan


def priors(seeds):
    """Print how far a prior that is changed after fit is from training with it, and both from the exact answer."""
    models = regressions()
    shares = np.array([0.8, 0.2])
    print_header("setting", "seed", "changed and trained", "changed and exact", "trained and exact", "two seeds")
    for name, parameters in SETTINGS.items():
        n_simulations = len(models) * parameters.get("n_simulations", 10_000)
        for seed in seeds:
            comparator = AmortizedModelComparator(random_state=seed, **parameters).fit(models)
            counts = (n_simulations * shares).astype(int)
            parts = [model.sample(n, random_state=seed)[0] for model, n in zip(models.values(), counts, strict=True)]
            order = np.random.default_rng(seed).permutation(n_simulations)
            data = np.concatenate(parts)[order], np.repeat(list(models), counts)[order]
            trained, again = (
                AmortizedModelComparator(random_state=s, **parameters).fit(*data) for s in (seed, seed + 100)
            )
            X, _, log_evidence = test_sets(models, seed)
            exact = special.softmax(log_evidence + np.log(shares), axis=1)
            changed = comparator.set_params(model_prior=shares.tolist()).predict_proba(X)
            other, third = (part.predict_proba(X) for part in (trained, again))
            pairs = [(changed, other), (changed, exact), (other, exact), (other, third)]
            print_row(name, seed, *(float(np.abs(a - b).mean()) for a, b in pairs))


def groups_of_normals(mean, variance_between, variance_within, rng, n_groups, n_observations):
    """Simulate normals around the means of their groups, which are normal themselves."""
    n, most_groups, most = len(mean), n_groups.max(), n_observations.max()
    centers = rng.normal(mean[:, np.newaxis], np.sqrt(variance_between)[:, np.newaxis], size=(n, most_groups))
    scale = np.sqrt(variance_within)[:, np.newaxis, np.newaxis]
    return rng.normal(centers[..., np.newaxis], scale, size=(n, most_groups, most))[..., np.newaxis]


def groups_around_zero(variance_between, variance_within, rng, n_groups, n_observations):
    """Simulate such whose mean is zero."""
    mean = np.zeros_like(variance_between)
    return groups_of_normals(mean, variance_between, variance_within, rng, n_groups, n_observations)


def nested_models():
    """Return the models of Elsemüller et al. (2023) by name; sizes of data sets are drawn at random."""
    variances = {"variance_between": stats.halfnorm(), "variance_within": stats.halfnorm()}
    sizes = {"n_groups": (2, 60), "n_observations": (2, 60), "vectorized": True}
    return {
        "zero": Simulator(IndependentPrior(variances), groups_around_zero, **sizes),
        "unknown": Simulator(IndependentPrior({"mean": stats.norm(), **variances}), groups_of_normals, **sizes),
    }


def nested_log_factors(X):
    """Return exact log Bayes factors of an unknown mean against zero, by quadrature over both variances."""
    n_groups, n = X.shape[1:3]
    means, squares = X[..., 0].mean(axis=2), X[..., 0].var(axis=2).sum(axis=1) * n
    degrees = n_groups * (n - 1)
    within = np.exp(np.log(squares / degrees) + np.sqrt(2 / degrees) * np.linspace(-6, 6, 41)[:, np.newaxis])
    between = np.geomspace(1e-6, 20, 300)[:, np.newaxis, np.newaxis]
    log_prior = stats.halfnorm.logpdf(within) + stats.halfnorm.logpdf(between)
    # Both variables are integrated over in logarithms.
    log_within = log_prior - degrees / 2 * np.log(within) - squares / (2 * within) + np.log(within) + np.log(between)
    variance, center = between + within / n, means.mean(axis=1)
    spread = ((means - center[:, np.newaxis]) ** 2).sum(axis=1)
    log_zero = log_within - n_groups / 2 * np.log(variance) - (spread + n_groups * center**2) / (2 * variance)
    of_center = stats.norm.logpdf(center, 0, np.sqrt(1 + variance / n_groups))
    log_unknown = log_zero - stats.norm.logpdf(center, 0, np.sqrt(variance / n_groups)) + of_center
    return special.logsumexp(log_unknown, axis=(0, 1)) - special.logsumexp(log_zero, axis=(0, 1))


def nested(seeds):
    """Print what a comparator of nested models reaches, and what exact probabilities do on the same data sets."""
    models = nested_models()
    print_header(
        *("seed", "fit s", "ms a data set", "accuracy", "exact", "absolute error", "exact", "log score", "exact"),
        *("ECE", "exact", "debiased ECE", "error of probability"),
    )
    for seed in seeds:
        start = time.perf_counter()
        comparator = AmortizedModelComparator(
            summary=NestedSummary(), n_simulations=20_000, max_iter=6, random_state=seed
        ).fit(models)
        fit_seconds = time.perf_counter() - start
        X = []
        for model in models.values():
            y = model.prior.sample(2500, random_state=np.random.default_rng(1000 + seed))
            X += model.simulate_from(y, n_groups=50, n_observations=50, random_state=1000 + seed)
        X, label = np.stack(X), np.repeat([0, 1], 2500)
        start = time.perf_counter()
        proba = comparator.predict_proba(X)
        milliseconds = 1000 * (time.perf_counter() - start) / len(X)
        exact = special.expit(np.concatenate([nested_log_factors(part) for part in np.split(X, 50)]))
        both = proba, np.column_stack([1 - exact, exact])
        true = [p[np.arange(len(X)), label] for p in both]
        errors = [model_calibration(p, label, random_state=0).per_model for p in both]
        figures = [
            *(np.mean(p.argmax(axis=1) == label) for p in both),
            *(np.mean(1 - p) for p in true),
            *(-np.mean(np.log(p)) for p in true),
            *(error.ece[1] for error in errors),
            errors[0].debiased[1],
            np.abs(proba[:, 1] - exact).mean(),
        ]
        print_row(seed, f"{fit_seconds:.0f}", f"{milliseconds:.1f}", *map(float, figures))


PARTS = {"classifiers": classifiers, "evidences": evidences, "priors": priors, "nested": nested}


def main():
    """Print a table a part, a row a seed and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    arguments = parser.parse_args()
    for part in arguments.parts:
        PARTS[part](arguments.seeds)


if __name__ == "__main__":
    main()
