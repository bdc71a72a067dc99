"""One small instance of every public class, for suites to run over."""

import numpy as np
import torch
from scipy import stats

from skabi import datasets
from skabi.design import (
    AdaptiveDesigner,
    AmortizedGreedyDesign,
    DeepAdaptiveDesign,
    DesignBox,
    DesignPool,
    ExpectedInformationGain,
    Experiment,
    FixedDesign,
    GreedyDesign,
    HistorySimulator,
    RandomDesign,
)
from skabi.dynamic import (
    DynamicPosterior,
    DynamicSimulator,
    GaussianProcess,
    Jumps,
    RandomWalk,
    RegimeSwitching,
    Static,
)
from skabi.elicitation import (
    Beta,
    Correlation,
    DynamicWeights,
    EnergyDistance,
    Exponential,
    FunctionOf,
    Gamma,
    GroupMean,
    HalfNormal,
    Histogram,
    JointFlow,
    LogNormal,
    Moments,
    Normal,
    Outcome,
    Parameter,
    PriorElicitor,
    Quantiles,
    RSquared,
    SquaredError,
    Target,
    Unknown,
)
from skabi.engines import (
    AutoregressiveSplineFlow,
    ColumnwiseSplineFlow,
    ConsistencyModel,
    DiffusionModel,
    FlowMatching,
    Gaussian,
    ResidualNetwork,
    SplineFlow,
)
from skabi.estimators import (
    AmortizedLikelihood,
    AmortizedModelComparator,
    AmortizedPosterior,
    EnsemblePosterior,
    JointEstimator,
)
from skabi.heads import DirichletEvidence, Softmax
from skabi.hierarchical import HierarchicalPosterior, HierarchicalSimulator
from skabi.losses import ForwardKL, ReverseKL, SelfConsistency, SummaryRegularizer
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
from skabi.model_selection import Dirichlet, EvidenceComparator, LogisticNormal, MetaUncertainty
from skabi.priors import ChainedPrior, IndependentPrior, NarrowedPrior
from skabi.refine import NUTSSampler, SliceSampler
from skabi.sensitivity import ContextComparator, ContextPosterior, ContextSimulator
from skabi.simulators import Simulator
from skabi.summaries import (
    ExpertSummary,
    FusionSummary,
    IdentitySummary,
    ImageSummary,
    ModuleSummary,
    NestedSummary,
    SeriesSummary,
    SetSummary,
)


def instances():
    """Return small instances of every public class by the room they live in.

    Returns
    -------
    instances : dict of str to list

    Examples
    --------
    >>> from skabi.testing import instances
    >>> instances()["heads"]
    [DirichletEvidence(block_width=8, n_blocks=1), Softmax(block_width=8, n_blocks=1)]
    """
    return {
        "datasets": [
            datasets.AutoregressiveSeries(n_times=10),
            datasets.BernoulliGLM(),
            datasets.BernoulliGLMRaw(),
            datasets.BlobImage(size=6),
            datasets.ConjugateGaussian(),
            datasets.DriftDiffusion(n_trials=(2, 9)),
            datasets.GaussianLinear(),
            datasets.GaussianLinearUniform(),
            datasets.GaussianMeanScale(n_observations=(1, 20)),
            datasets.GaussianMixture(),
            datasets.GaussianRegression(n_observations=(1, 9), n_covariates=2),
            datasets.LinearGaussianStateSpace(n_times=10),
            datasets.LotkaVolterra(),
            datasets.SIR(),
            datasets.SLCP(),
            datasets.TruncatedGaussian(),
            datasets.TwoLevelGaussian(n_groups=3, n_observations=2),
            datasets.TwoMoons(),
        ],
        "design": [
            AdaptiveDesigner(_experiment()),
            AmortizedGreedyDesign(2, n_particles=20, hidden_layer_sizes=(8,), max_iter=1, n_batches=5),
            DeepAdaptiveDesign(2, hidden_layer_sizes=(8,), n_contrastive=20, max_iter=1, n_batches=5),
            DesignBox(0.0, 1.0),
            DesignPool([0.0, 1.0]),
            ExpectedInformationGain(_experiment(), n_draws=40, n_contrastive=20),
            _experiment(),
            FixedDesign([0.5, 1.0]),
            GreedyDesign(_experiment(), n_candidates=8),
            HistorySimulator(_experiment(), (1, 3)),
            RandomDesign(DesignBox(0.0, 1.0)),
        ],
        "dynamic": [
            DynamicPosterior(Gaussian((8,)), step_engine=Gaussian((8,)), width=8, n_simulations=60, max_iter=2),
            DynamicSimulator({"level": RandomWalk()}, None, _noisy, n_times=8),
            GaussianProcess(),
            Jumps(),
            RandomWalk(),
            RegimeSwitching(),
            Static(),
        ],
        "elicitation": [
            Beta(a=1.0),
            Correlation(),
            DynamicWeights(),
            EnergyDistance(),
            Exponential(),
            FunctionOf(_mean),
            Gamma(),
            GroupMean([0, 0, 1]),
            HalfNormal(),
            Histogram([0.0, 1.0, 2.0]),
            JointFlow({"rate": None}, n_transforms=2, n_bins=4, hidden_layer_sizes=(4,)),
            LogNormal(),
            Moments(),
            Normal(scale="spread"),
            Outcome(),
            Parameter("rate"),
            PriorElicitor({"rate": Gamma()}, targets={"rate": Target(Parameter("rate"), Moments())}, n_starts=1),
            Quantiles(),
            RSquared(),
            SquaredError(),
            Target(Outcome(), Quantiles()),
            Unknown("spread"),
        ],
        "engines": [
            AutoregressiveSplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8),
            ColumnwiseSplineFlow(1, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8),
            ConsistencyModel(ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)),
            DiffusionModel(ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)),
            FlowMatching(ResidualNetwork(8, n_blocks=1, n_reading_blocks=1)),
            Gaussian(hidden_layer_sizes=(8,)),
            SplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8),
        ],
        "estimators": [
            AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)), max_iter=3),
            AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)), n_estimators=2, max_iter=3),
            AmortizedLikelihood(Gaussian(hidden_layer_sizes=(8,)), max_iter=3),
            AmortizedModelComparator(head=Softmax(1, block_width=8), max_iter=3),
            AmortizedModelComparator(head=DirichletEvidence(n_blocks=1, block_width=8), n_estimators=2, max_iter=3),
            JointEstimator(Gaussian(hidden_layer_sizes=(8,)), Gaussian(hidden_layer_sizes=(8,)), max_iter=3),
            EnsemblePosterior(
                [
                    ("linear", AmortizedPosterior(Gaussian(()), max_iter=3)),
                    ("nonlinear", AmortizedPosterior(Gaussian((8,)), max_iter=3)),
                ]
            ),
        ],
        "heads": [
            DirichletEvidence(n_blocks=1, block_width=8),
            Softmax(1, block_width=8),
        ],
        "hierarchical": [
            HierarchicalPosterior(AmortizedPosterior(Gaussian((8,)), max_iter=2), n_simulations=60),
            HierarchicalSimulator(
                IndependentPrior({"top": stats.gamma(2.0)}), {"part": _part}, _one_part, n_groups=(2, 4)
            ),
        ],
        "losses": [
            ForwardKL(),
            ForwardKL() + SummaryRegularizer(),
            ReverseKL(n_draws=4),
            SelfConsistency(n_draws=5),
            SummaryRegularizer(weight=0.5),
        ],
        "misspecification": [
            MahalanobisDetector(n_simulations=100),
            SummaryMMDDetector(n_reference=50, n_simulations=100),
        ],
        "model_selection": [
            Dirichlet(),
            EvidenceComparator(AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=2), n_draws=50),
            LogisticNormal(),
            MetaUncertainty(n_simulations=50),
        ],
        "priors": [
            ChainedPrior({"top": stats.gamma(2.0), "part": _part}),
            IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), [1.0, 2.0])}),
            NarrowedPrior(
                IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm()}), [0.5, -1.0], [2.0, 3.0]
            ),
        ],
        "refine": [
            NUTSSampler(_jax_log_likelihood),
            SliceSampler(n_warm_up=5),
        ],
        "sensitivity": [
            ContextComparator(AmortizedModelComparator(n_simulations=100, max_iter=2)),
            ContextPosterior(AmortizedPosterior(Gaussian((8,)), n_simulations=100, max_iter=2)),
            ContextSimulator(Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _counts)),
        ],
        "simulators": [
            Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _counts),
            Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _many_counts, n_observations=(2, 5)),
            Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _two_sources, n_observations={"counts": (2, 5)}),
        ],
        "summaries": [
            ExpertSummary(_mean),
            FusionSummary(fusion="hybrid", width=8),
            IdentitySummary(),
            ImageSummary(width=8),
            ModuleSummary(torch.nn.Linear, {"in_features": 4, "out_features": 2}),
            SeriesSummary(width=8),
            SetSummary(width=8),
            NestedSummary(SetSummary(width=8), SetSummary(width=8)),
        ],
    }


def _experiment():
    return Experiment(
        IndependentPrior({"slope": stats.norm()}), _respond, space=DesignBox(0.0, 1.0), log_likelihood=_response_density
    )


def _respond(slope, design, rng):
    return slope * design[:, 0] + rng.normal(size=len(design))


def _response_density(outcome, design, slope):
    return stats.norm.logpdf(outcome[:, 0], slope * design[:, 0])


def _noisy(level, rng):
    return rng.normal(level)


def _part(top):
    return stats.uniform(0.0, top)


def _one_part(part, rng):
    return rng.poisson(part)


def _counts(rate, rng):
    return rng.poisson(rate, size=3)


def _many_counts(rate, rng, n_observations):
    return rng.poisson(rate, size=n_observations)


def _two_sources(rate, rng, n_observations):
    return {"counts": rng.poisson(rate, size=n_observations["counts"]), "level": rng.normal(rate)}


def _mean(X):
    return X.mean(axis=1)


def _jax_log_likelihood(x, theta):
    return -((x - theta) ** 2).sum()
