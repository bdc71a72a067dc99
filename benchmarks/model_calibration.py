"""Print how often the intervals of `model_calibration` hold the long-run error, and how often its p-values reject.

python benchmarks/model_calibration.py         # 2 minutes

Three models with exact probabilities of softmax form; those that are judged are exact or sharpened. Bins: 10.
"""

import numpy as np
from scipy import special

from skabi.diagnostics import model_calibration

N_MODELS, N_REPEATS = 3, 200


def simulate(n_datasets, sharpness, rng):
    """Return probabilities, of which a sharpness above 1 makes overconfident ones, and labels."""
    logits = 1.5 * rng.normal(size=(n_datasets, N_MODELS))
    cumulative = special.softmax(logits, axis=1).cumsum(axis=1)
    label = (rng.random((n_datasets, 1)) > cumulative[:, :-1]).sum(axis=1)
    return special.softmax(sharpness * logits, axis=1), label


def figures(proba, label, n_resamples, seed):
    """Return the errors of each model, of their average and of the selected model, by name."""
    result = model_calibration(proba, label, n_resamples=n_resamples, random_state=seed)
    parts = (result.per_model, result.average, result.selected)
    names = ("ece", "debiased", "lower", "upper", "p_value")
    return {name: np.hstack([getattr(part, name) for part in parts]) for name in names}


def main():
    """Print a table, a row a number of data sets and a sharpness; ranges are over the five errors."""
    print("| data sets | sharpness | long-run error | in 95 % interval | p <= 0.05 | bias of ECE | bias of debiased |")
    print("|---|---|---|---|---|---|---|")
    for n_datasets in (100, 300, 1000):
        for sharpness in (1.0, 1.3, 2.0, 0.5):
            rng = np.random.default_rng(0)
            long_run = np.zeros(N_MODELS + 2)
            if sharpness != 1:
                long_run = figures(*simulate(500_000, sharpness, rng), 1, 0)["ece"]
            rows = [figures(*simulate(n_datasets, sharpness, rng), 300, seed) for seed in range(N_REPEATS)]
            row = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            means = [
                long_run,
                ((row["lower"] <= long_run) & (long_run <= row["upper"])).mean(axis=0),
                (row["p_value"] <= 0.05).mean(axis=0),
                (row["ece"] - long_run).mean(axis=0),
                (row["debiased"] - long_run).mean(axis=0),
            ]
            cells = [n_datasets, sharpness, *(f"{mean.min():.3f} to {mean.max():.3f}" for mean in means)]
            print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
