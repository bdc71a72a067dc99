"""Measure skabi; see `measure`."""

import subprocess
from pathlib import Path

import joblib
import measure
import numpy as np
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import AutoregressiveSplineFlow, Gaussian
from skabi.networks import _splines
from skabi.priors import IndependentPrior

CHOICES = {
    "skabi": {},
    "skabi-cpu": {"device": "cpu"},
    "skabi-ensemble": {"n_estimators": 8},
    "skabi-autoregressive": {"engine": AutoregressiveSplineFlow()},
    "skabi-gaussian": {"engine": Gaussian()},
}


def revision():
    """Return which revision of the project is measured, with a plus if files have changed since."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    result = subprocess.run(command, capture_output=True, text=True)
    return f"revision {result.stdout.strip() or 'unknown'}"


def make_prior(family, first, second):
    """Return the prior that the peers are told of as a word and two arrays."""
    if family == "uniform":
        distribution = stats.uniform(first, second - first)
    elif family == "lognormal":
        distribution = stats.lognorm(second, scale=np.exp(first))
    elif np.array_equal(second, np.diag(np.diag(second))):
        distribution = stats.norm(first, np.sqrt(np.diag(second)))
    else:
        # The prior tests whether it is singular, free of units; scipy's test is not.
        distribution = stats.multivariate_normal(first, second, allow_singular=True)
    return IndependentPrior({"theta": distribution})


class Model:
    """Defaults of the estimator, with more networks or another engine."""

    packages = ("skabi", "torch")
    details = (revision(), "compiled splines" if _splines._KERNELS else "splines not compiled")

    def __init__(self, method, prior, seed):
        self.seed = seed
        self.posterior = AmortizedPosterior(prior=make_prior(*prior), random_state=seed, **CHOICES[method])

    def fit(self, X, y):
        self.posterior.fit(X, y)

    def save(self, folder):
        joblib.dump(self.posterior, folder / "model.joblib")

    def load(self, folder):
        self.posterior = joblib.load(folder / "model.joblib")

    def sample(self, X, n_draws):
        return self.posterior.sample(X, n_draws, random_state=self.seed)

    def log_prob(self, X, y):
        return self.posterior.log_prob(X, y)


if __name__ == "__main__":
    measure.main(Model)
