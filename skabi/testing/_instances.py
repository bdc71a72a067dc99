"""One small instance of every public class, for suites to run over."""

import numpy as np
from scipy import stats

from skabi import datasets
from skabi.engines import AutoregressiveSplineFlow, Gaussian, SplineFlow
from skabi.estimators import AmortizedPosterior
from skabi.losses import ForwardKL
from skabi.priors import ChainedPrior, IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import IdentitySummary


def instances():
    """Return small instances of every public class by the room they live in.

    Returns
    -------
    instances : dict of str to list

    Examples
    --------
    >>> from skabi.testing import instances
    >>> instances()["losses"]
    [ForwardKL()]
    """
    return {
        "datasets": [
            datasets.BernoulliGLM(),
            datasets.BernoulliGLMRaw(),
            datasets.ConjugateGaussian(),
            datasets.GaussianLinear(),
            datasets.GaussianLinearUniform(),
            datasets.GaussianMixture(),
            datasets.LotkaVolterra(),
            datasets.SIR(),
            datasets.SLCP(),
            datasets.TruncatedGaussian(),
            datasets.TwoMoons(),
        ],
        "engines": [
            AutoregressiveSplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8),
            Gaussian(hidden_layer_sizes=(8,)),
            SplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8),
        ],
        "estimators": [
            AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)), max_iter=3),
            AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)), n_estimators=2, max_iter=3),
        ],
        "losses": [
            ForwardKL(),
        ],
        "priors": [
            ChainedPrior({"top": stats.gamma(2.0), "part": _part}),
            IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), [1.0, 2.0])}),
        ],
        "simulators": [
            Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _counts),
        ],
        "summaries": [
            IdentitySummary(),
        ],
    }


def _part(top):
    return stats.uniform(0.0, top)


def _counts(rate, rng):
    return rng.poisson(rate, size=3)
