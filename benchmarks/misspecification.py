"""Print how often data sets that another model made are found out, and how often those of the model itself are.

python benchmarks/misspecification.py                 # three seeds, half an hour
python benchmarks/misspecification.py --seeds 0
python benchmarks/misspecification.py few             # false alarms after fits to few data sets; a minute
python benchmarks/misspecification.py wild --seeds 0  # one wild number among forty counts; a minute or two

The setting of Schmitt et al. (arXiv 2112.08866): two means with a standard normal prior, 100 observations of variance
one around them, and summaries of which there are more than parameters: four that are learned, shaped to N(0, I) by
`SummaryRegularizer`, or those of `SetSummary`. First table: the share of 1,000 single data sets with a p-value of at
most 0.05, and the share that `predict` calls outliers. Second table: the share of 1,000 batches of five with such a
p-value. The standard error of a share is at most 0.016. Above them the power of the best test of a single data set,
where the world differs in the prior alone, and, as a bound for each set of summaries, that of a classifier that is
told of the error: it was trained on data sets of that very world, of which it sees what detectors see, summaries and
moments.

Of "few" the data sets are independent normal numbers, new ones included, and detectors have no estimator. Of "wild"
they are rows of forty negative binomial counts with a log-linear mean, and 200 is added to one of them; detectors see
the rows themselves, or the summaries of a posterior that was trained on them.
"""

import argparse
import time

import numpy as np
import torch
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from torch import nn

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.losses import ForwardKL, SummaryRegularizer
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
from skabi.misspecification._moments import column_moments
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import ModuleSummary, SetSummary

N_OBSERVATIONS, N_DATASETS, BATCH_SIZE, N_NULL, LEVEL = 100, 1000, 5, 199, 0.05


class FourSummaries(nn.Module):
    """Four numbers that a small network makes of the moments of a set, which it sees on one scale."""

    def __init__(self):
        super().__init__()
        self.scale = nn.BatchNorm1d(4, affine=False)
        self.of_moments = nn.Sequential(nn.Linear(4, 32), nn.GELU(), nn.Linear(32, 4))
        self.skip = nn.Linear(4, 4)

    def forward(self, x):
        """Return `(n, 4)` of sets `(n, n_observations, 2)`."""
        moments = self.scale(torch.cat([x.mean(dim=1), (x.std(dim=1) + 1e-3).log()], dim=1))
        return self.skip(moments) + self.of_moments(moments)


def simulate(mean, rng):
    """Return data sets `(n_datasets, n_observations, 2)` of the model itself."""
    return mean[:, np.newaxis] + rng.normal(size=(len(mean), N_OBSERVATIONS, 2))


def world(n, rng, *, location=0.0, prior_scale=1.0, noise_scale=1.0, contaminated=0.0):
    """Return `n` data sets of a world that may differ from the model."""
    mean = location + prior_scale * rng.normal(size=(n, 1, 2))
    X = mean + noise_scale * rng.normal(size=(n, N_OBSERVATIONS, 2))
    is_other = rng.random((n, N_OBSERVATIONS, 1)) < contaminated
    return np.where(is_other, rng.beta(2.0, 5.0, size=X.shape), X)


WORLDS = {
    "prior mean 5": {"location": 5.0},
    "prior sd 2.5": {"prior_scale": 2.5},
    "noise sd 10": {"noise_scale": 10.0},
    "half Beta(2, 5)": {"contaminated": 0.5},
    "none: false alarms": {},
}


def best_power(choices):
    """Return the power of the best test of a single data set where the world differs in the prior alone."""
    variance = 1 + 1 / N_OBSERVATIONS
    if "location" in choices:
        # Along the line from the origin to the new mean.
        shift = np.hypot(choices["location"], choices["location"]) / np.sqrt(variance)
        return f"{stats.norm.sf(stats.norm.isf(LEVEL) - shift):.3f}"
    if "prior_scale" in choices:
        ratio = variance / (choices["prior_scale"] ** 2 + 1 / N_OBSERVATIONS)
        return f"{stats.chi2.sf(stats.chi2.isf(LEVEL, 2) * ratio, 2):.3f}"
    return ""


def posteriors(seed):
    """Yield name and posterior, untrained."""
    loss = ForwardKL() + SummaryRegularizer(1.0)
    for name, summary in {"four learned": ModuleSummary(FourSummaries), "SetSummary": SetSummary()}.items():
        yield name, AmortizedPosterior(summary=summary, loss=loss, n_simulations=4000, max_iter=20, random_state=seed)


def detectors(posterior, simulator, seed):
    """Yield name and fitted detector."""
    for detector in (MahalanobisDetector, SummaryMMDDetector):
        fitted = detector(FrozenEstimator(posterior), random_state=seed).fit(simulator)
        yield detector.__name__.removesuffix("Detector").removeprefix("Summary"), fitted


def told(posterior, rng, choices):
    """Return the power of a classifier that has seen data sets of that world beside those of the model."""

    def seen(X):
        return np.hstack([posterior.transform(X), column_moments(X)])

    usual, other, null, new = (
        seen(world(n, rng, **of)) for n, of in ((3000, {}), (3000, choices), (3000, {}), (N_DATASETS, choices))
    )
    labels = np.repeat([0, 1], 3000)
    classifier = HistGradientBoostingClassifier(random_state=0).fit(np.concatenate([usual, other]), labels)
    score = classifier.decision_function
    return f"{np.mean(score(new) > np.quantile(score(null), 1 - LEVEL)):.3f} | "


def single(detector, X):
    """Return the share of p-values of at most 0.05, and that of outliers."""
    return [f"{np.mean(detector.test(X) <= LEVEL):.3f}", f"{np.mean(detector.predict(X) < 0):.3f}"]


def batches(detector, X):
    """Return the share of batches with a p-value of at most 0.05."""
    p_values = [
        detector.test(X[start : start + BATCH_SIZE], batch=True, n_null=N_NULL, random_state=start).p_value
        for start in range(0, len(X), BATCH_SIZE)
    ]
    return f"{np.mean(np.array(p_values) <= LEVEL):.3f}"


def print_few(seeds):
    """Print false alarms of `predict` and of p-values, by the number of data sets in the fit."""
    print("| detector | data sets | numbers in each | predict | p <= 0.05 |\n|---|---|---|---|---|")
    for detector in (MahalanobisDetector, SummaryMMDDetector):
        for n, width, repeats in ((100, 30, 50), (1000, 20, 20), (10_000, 20, 2)):
            shares = []
            for seed in np.random.SeedSequence(seeds[0]).generate_state(repeats * len(seeds)):
                X = np.random.default_rng(seed).normal(size=(n + 4000, width))
                fitted = detector(random_state=int(seed)).fit(X[:n])
                shares.append([float(share) for share in single(fitted, X[n:])])
            of_tests, of_predict = np.mean(shares, axis=0)
            print(f"| {detector.__name__} | {n} | {width} | {of_predict:.3f} | {of_tests:.3f} |", flush=True)


def counts(intercept, slope, dispersion, rng):
    """Return rows of forty counts."""
    mean = np.exp(intercept[:, np.newaxis] + slope[:, np.newaxis] * np.linspace(-1, 1, 40))
    shape = dispersion[:, np.newaxis]
    return rng.poisson(rng.gamma(shape, mean / shape)).astype(float)


def print_wild(seeds):
    """Print how often a single wild number is found in the rows themselves, and in their summaries."""
    prior = {
        "intercept": stats.norm(1.0, 0.7),
        "slope": stats.norm(0.0, 0.7),
        "dispersion": stats.gamma(2.0, scale=2.0),
    }
    simulator = Simulator(IndependentPrior(prior), counts, vectorized=True)
    print("| seed | detector | sees | found | false alarms |\n|---|---|---|---|---|")
    for seed in seeds:
        posterior = AmortizedPosterior(Gaussian(), n_simulations=4000, max_iter=20, random_state=seed).fit(simulator)
        X, _ = simulator.sample(N_DATASETS, random_state=1000 + seed)
        wild = X + 200.0 * (np.arange(40) == 20)
        for estimator, sees in ((None, "rows"), (FrozenEstimator(posterior), "summaries")):
            for detector in (MahalanobisDetector, SummaryMMDDetector):
                fitted = detector(estimator, random_state=seed).fit(simulator)
                found, alarms = single(fitted, wild)[0], single(fitted, X)[0]
                print(f"| {seed} | {detector.__name__} | {sees} | {found} | {alarms} |", flush=True)


def main():
    """Print the tables of the part that was asked for."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["worlds", "few", "wild"], default="worlds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    {"worlds": print_worlds, "few": print_few, "wild": print_wild}[arguments.part](arguments.seeds)


def print_worlds(seeds):
    """Print both tables of other worlds, and how long fits took."""
    prior = IndependentPrior({"mean": stats.norm(np.zeros(2), 1.0)})
    simulator = Simulator(prior, simulate, vectorized=True)
    columns = " | ".join(f"{world} | predict" for world in WORLDS)
    best = " | ".join(f"{best_power(choices)} | " for choices in WORLDS.values())
    print(f"| summaries | seed | fit s | detector | {columns} |")
    print("|" + "---|" * (4 + 2 * len(WORLDS)))
    print(f"| best test |  |  |  | {best} |")
    of_batches = [f"| summaries | seed | detector | {' | '.join(WORLDS)} |", "|" + "---|" * (3 + len(WORLDS))]
    for seed in seeds:
        for summaries, posterior in posteriors(seed):
            start = time.perf_counter()
            posterior.fit(simulator)
            seconds = time.perf_counter() - start
            rng = np.random.default_rng(2000 + seed)
            bounds = " | ".join(told(posterior, rng, choices) for choices in WORLDS.values())
            print(f"| {summaries} | {seed} | {seconds:.0f} | told of the error | {bounds} |", flush=True)
            for name, detector in detectors(posterior, simulator, seed):
                rng = np.random.default_rng(1000 + seed)
                cells = [cell for c in WORLDS.values() for cell in single(detector, world(N_DATASETS, rng, **c))]
                print(f"| {summaries} | {seed} | {seconds:.0f} | {name} | {' | '.join(cells)} |", flush=True)
                n = BATCH_SIZE * N_DATASETS
                cells = [batches(detector, world(n, rng, **choices)) for choices in WORLDS.values()]
                of_batches.append(f"| {summaries} | {seed} | {name} | {' | '.join(cells)} |")
    print("\n".join(["", *of_batches]))


if __name__ == "__main__":
    main()
