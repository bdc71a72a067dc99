"""Print what each choice of the default fit buys: the held-out log density with the choice undone.

python benchmarks/ablation.py                             # three tasks, two budgets, three seeds
python benchmarks/ablation.py --tasks slcp --seeds 0      # one task, one seed
python benchmarks/ablation.py --choices "no dropout"      # one choice
"""

import argparse
import time
from contextlib import ExitStack
from functools import partial
from unittest import mock

import numpy as np
from sklearn.preprocessing import StandardScaler
from tasks import ALL_TASKS

from skabi import AmortizedPosterior
from skabi.engines import AutoregressiveSplineFlow, SplineFlow
from skabi.networks._residual import LinearResidual
from skabi.training import AverageWeights, Schedule
from skabi.training._train import _weight_decay


class PlainScaler:
    """Mean zero and standard deviation one, in place of the scaler of the estimator."""

    def fit(self, X):
        self._scaler = StandardScaler().fit(X)
        self.is_constant_ = np.zeros(X.shape[1], dtype=bool)
        return self

    def transform(self, X):
        return self._scaler.transform(X)


def keep_dropping(dropout, share):
    """Let as much be left out at the end of the training as at its begin."""
    dropout.left = 1.0


def no_start(context, theta, *, n_used):
    """Return a start from nothing, in place of the linear regression."""
    return LinearResidual.identity(theta.shape[1], context.shape[1])


# What is replaced inside skabi, and what is passed to the estimator.
CHOICES = {
    "defaults": ({}, {}),
    "no linear regression at the start": ({"skabi.estimators._base.linear_start": no_start}, {}),
    "features only standardised": ({"skabi.estimators._source_reader.FeatureScaler": PlainScaler}, {}),
    "no averaged weights": ({"skabi.training._train.AverageWeights": partial(AverageWeights, decay=0.0)}, {}),
    "no weight decay": ({"skabi.training._train._weight_decay": lambda n: 0.0}, {}),
    "twice the weight decay": ({"skabi.training._train._weight_decay": lambda n: 2 * _weight_decay(n)}, {}),
    "weight decay that does not fall": ({"skabi.training._train.Schedule": partial(Schedule, relief=1.0)}, {}),
    "no dropout": ({}, {"engine": SplineFlow(dropout=0.0)}),
    "dropout that does not fall": ({"skabi.networks._perceptrons.FallingDropout.proceed": keep_dropping}, {}),
    "a third of the learning rate": ({}, {"learning_rate_init": 2e-3}),
    "thirty epochs at most": ({}, {"max_iter": 30}),
    "no residual blocks": ({}, {"engine": SplineFlow(n_blocks=0)}),
    "one residual block": ({}, {"engine": SplineFlow(n_blocks=1)}),
    "blocks of width 192": ({}, {"engine": SplineFlow(block_width=192)}),
    "four transforms": ({}, {"engine": SplineFlow(n_transforms=4)}),
    "two transforms": ({}, {"engine": SplineFlow(n_transforms=2)}),
    "eight bins": ({}, {"engine": SplineFlow(n_bins=8)}),
    "twelve bins": ({}, {"engine": SplineFlow(n_bins=12)}),
    "splines that are not compiled": ({"skabi.networks._splines._KERNELS": None}, {}),
    "autoregressive, perceptrons (64, 64)": ({}, {"engine": AutoregressiveSplineFlow(hidden_layer_sizes=(64, 64))}),
    "four networks": ({}, {"n_estimators": 4}),
    "eight networks": ({}, {"n_estimators": 8}),
}


def held_out(simulator, choice, *, n_simulations, seed):
    """Return the mean log density of 2,000 fresh simulations, and the seconds of the fit."""
    replacements, parameters = CHOICES[choice]
    with ExitStack() as stack:
        for name, value in replacements.items():
            stack.enter_context(mock.patch(name, value))
        start = time.perf_counter()
        posterior = AmortizedPosterior(n_simulations=n_simulations, random_state=seed, **parameters).fit(simulator)
        seconds = time.perf_counter() - start
    return posterior.score(*simulator.sample(2000, random_state=10_000)), seconds


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tasks", nargs="+", default=["two_moons", "slcp", "gaussian_linear_uniform"], choices=ALL_TASKS
    )
    parser.add_argument("--choices", nargs="+", default=list(CHOICES), choices=CHOICES, metavar="CHOICE")
    parser.add_argument("--simulations", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    print("| task | simulations | choice | held-out log density | spread over seeds | fit s |")
    print("|---|---|---|---|---|---|")
    for n in arguments.simulations:
        for task in arguments.tasks:
            simulator = ALL_TASKS[task]()
            for choice in arguments.choices:
                runs = [held_out(simulator, choice, n_simulations=n, seed=seed) for seed in arguments.seeds]
                scores, seconds = np.transpose(runs)
                cells = f"{scores.mean():.3f} | {scores.std():.3f} | {seconds.mean():.1f}"
                print(f"| {task} | {n} | {choice} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
