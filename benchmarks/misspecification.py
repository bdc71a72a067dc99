"""Print how often data sets that another model made are found out, and how often those of the model itself are.

python benchmarks/misspecification.py                 # three seeds, a few minutes
python benchmarks/misspecification.py --seeds 0

The setting of Schmitt et al. (arXiv 2112.08866): two means with a standard normal prior, 100 observations of variance
one around them, and summaries of which there are more than parameters: four that are learned, shaped to N(0, I) by
`SummaryRegularizer`, or those of `SetSummary`. First table: the share of 1,000 single data sets with a p-value of at
most 0.05, and the share that `predict` calls outliers. Second table: the share of 1,000 batches of five with such a
p-value. The standard error of a share is at most 0.016. Above them the power of the best test of a single data set,
where the world differs in the prior alone, and, as a bound for each set of summaries, that of a classifier that is told
of the error: it was trained on data sets of that very world.
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
from skabi.losses import ForwardKL, SummaryRegularizer
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
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
    """Return the power of a classifier that has seen summaries of that world beside those of the model."""
    usual, other, null, new = (
        posterior.transform(world(n, rng, **of))
        for n, of in ((3000, {}), (3000, choices), (3000, {}), (N_DATASETS, choices))
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


def main():
    """Print both tables, and how long fits took and how normal summaries are."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    prior = IndependentPrior({"mean": stats.norm(np.zeros(2), 1.0)})
    simulator = Simulator(prior, simulate, vectorized=True)
    columns = " | ".join(f"{world} | predict" for world in WORLDS)
    best = " | ".join(f"{best_power(choices)} | " for choices in WORLDS.values())
    print(f"| summaries | seed | fit s | detector | {columns} |")
    print("|" + "---|" * (4 + 2 * len(WORLDS)))
    print(f"| best test |  |  |  | {best} |")
    of_batches = [f"| summaries | seed | detector | {' | '.join(WORLDS)} |", "|" + "---|" * (3 + len(WORLDS))]
    for seed in parser.parse_args().seeds:
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
