"""What is loaded is what was saved: the same files again, the same answers to the last digit, and a life after it."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import EpochTimer
from skorch.helper import SliceDict

import skabi
from skabi import AmortizedModelComparator, AmortizedPosterior, EnsemblePosterior, JointEstimator, pipeline
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import AutoregressiveSplineFlow, BaseEngine, ColumnwiseSplineFlow, Gaussian, SplineFlow
from skabi.estimators import AmortizedLikelihood, KnownLikelihood
from skabi.files import load, save
from skabi.heads import DirichletEvidence, Softmax
from skabi.losses import ForwardKL, SummaryRegularizer
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
from skabi.model_selection import EvidenceComparator, MetaUncertainty
from skabi.networks._base import DensityNetwork
from skabi.priors import ChainedPrior, IndependentPrior
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
from skabi.testing import _instances, instances
from skabi.testing._recipe import check_recipe

N = 40
RNG = np.random.default_rng(0)
Y = RNG.normal(size=(N, 2))
TABLE = Y @ RNG.normal(size=(2, 3)) + RNG.normal(size=(N, 3))
SETS = Y[:, np.newaxis] + RNG.normal(size=(N, 5, 2))
RAGGED = [y + RNG.normal(size=(n, 2)) for y, n in zip(Y, RNG.integers(2, 6, size=N), strict=True)]
GROUPS = [y + RNG.normal(size=(n, 3, 2)) for y, n in zip(Y, RNG.integers(2, 5, size=N), strict=True)]
IMAGES = Y[:, :1, np.newaxis, np.newaxis] + RNG.normal(size=(N, 6, 6, 1))
MISSING = np.where(RNG.random(TABLE.shape) < 0.2, np.nan, TABLE)
SOURCES = SliceDict(table=TABLE, points=SETS)
PRIOR = IndependentPrior({"a": stats.norm(), "b": stats.norm(scale=2.0)})
SPLINES = {"n_bins": 4, "hidden_layer_sizes": (8,), "n_blocks": 1, "block_width": 8}
TINY = {"max_iter": 2, "random_state": 0}


class Recurrent(torch.nn.Module):
    """Layers that have state of their own."""

    def __init__(self, n_features=2):
        super().__init__()
        self.read = torch.nn.GRU(n_features, 4, batch_first=True)
        self.scale = torch.nn.BatchNorm1d(4)
        self.mix = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        self.act = torch.nn.Softplus(beta=2.0)
        self.register_buffer("shift", torch.ones(4), persistent=False)
        self.tied = self.scale
        self.sizes = {"width": 4}

    def forward(self, x):
        states, _ = self.read(x)
        mixed, _ = self.mix(states, states, states)
        return self.tied(self.act(mixed.mean(dim=1)) + self.shift)


class ShiftNetwork(DensityNetwork):
    """A normal density around a linear function of the context."""

    def __init__(self, n_parameters, n_context):
        super().__init__(n_parameters)
        self.shift = torch.nn.Linear(n_context, n_parameters)

    def to_base(self, theta, context):
        z = theta - self.shift(context)
        return z, torch.zeros_like(z[..., 0])

    def from_base(self, z, context):
        return z + self.shift(context)


class Shift(BaseEngine):
    """An engine of one's own."""

    def build(self, n_parameters, n_context):
        return ShiftNetwork(n_parameters, n_context)


class Halves(IndependentPrior):
    """A prior of one's own."""

    def __init__(self):
        super().__init__({"a": stats.norm(scale=0.5), "b": stats.norm(scale=0.5)})


def mean_and_sd(X):
    return np.concatenate([X.mean(axis=1), X.std(axis=1)], axis=1)


def part_of(a):
    return stats.norm(a, 1.0)


def simulate_rows(a, b, rng):
    return rng.normal(a, np.exp(0.1 * b), size=3)


def simulate_spread(a, b, rng):
    return rng.normal(b, 2.0, size=3)


def known(X, a, b):
    return stats.norm(np.asarray(a)[:, None], np.exp(0.1 * np.asarray(b))[:, None]).logpdf(X).sum(axis=1)


def posterior(engine=None, **params):
    return AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)) if engine is None else engine, **(TINY | params))


def on(X, y=None, **params):
    return lambda: posterior(**params).fit(X, Y if y is None else y), X, Y


def pipeline_of_two():
    return pipeline.make_pipeline(StandardScaler(), posterior(prior=PRIOR)).fit(TABLE, Y)


def likelihood(X, **params):
    return lambda: AmortizedLikelihood(Gaussian(hidden_layer_sizes=(8,)), **(TINY | params)).fit(X, Y), X, Y


def joint(likelihood=None, **params):
    return JointEstimator(Gaussian(hidden_layer_sizes=(8,)), likelihood, **(TINY | params))


def simulators(*, log_likelihood=None):
    rows = Simulator(PRIOR, simulate_rows, log_likelihood=log_likelihood)
    spread = Simulator(PRIOR, simulate_spread, log_likelihood=log_likelihood)
    return {"rows": rows, "spread": spread}


def ensemble():
    members = [("one", posterior()), ("scaled", pipeline.make_pipeline(StandardScaler(), posterior()))]
    return EnsemblePosterior(members, weights=[1, 2], prior=PRIOR, random_state=0).fit(TABLE, Y)


def comparator(head=None, **params):
    head = Softmax(1, block_width=8) if head is None else head
    return AmortizedModelComparator(head=head, n_simulations=40, **(TINY | params))


def frozen_detector(cls):
    frozen = FrozenEstimator(posterior(prior=PRIOR).fit(TABLE, Y))
    return cls(frozen, random_state=0).fit(TABLE)


def evidence():
    estimator = posterior(n_simulations=60)
    return EvidenceComparator(estimator, n_draws=30, random_state=0).fit(simulators(log_likelihood=known))


def meta():
    models = simulators()
    return MetaUncertainty(20, random_state=0).fit(comparator().fit(models), models)


CUSTOM = [
    Recurrent,
    Shift,
    ShiftNetwork,
    Halves,
    mean_and_sd,
    part_of,
    simulate_rows,
    simulate_spread,
    known,
    StandardScaler,
    np.mean,
]
FRAME = pd.DataFrame(TABLE, columns=["x", "y", "z"])
Y_FRAME = pd.DataFrame(Y, columns=["a", "b"])
COUNTS = np.column_stack([RNG.poisson(3, size=400), RNG.integers(3, size=400), RNG.normal(size=400)])
COUNTS_Y = RNG.normal(size=(400, 2))
SOURCE_SUMMARY = FusionSummary({"table": IdentitySummary(), "points": SetSummary(width=8)}, fusion="hybrid", width=8)

# By name: what fits an estimator, data sets to ask it about, and parameters.
FITTED = {
    "gaussian": on(TABLE, prior=PRIOR),
    "no prior": on(TABLE),
    "own engine and prior": on(TABLE, engine=Shift(), prior=Halves()),
    "spline flow": on(TABLE, engine=SplineFlow(2, **SPLINES), prior=PRIOR),
    "autoregressive": on(TABLE, engine=AutoregressiveSplineFlow(2, **SPLINES), prior=PRIOR),
    "columnwise": on(TABLE, engine=ColumnwiseSplineFlow(1, **SPLINES), prior=PRIOR),
    "ensemble": on(TABLE, n_estimators=2, prior=PRIOR),
    "ensemble of sets": on(SETS, n_estimators=2, summary=SetSummary(width=8)),
    "simulator": (lambda: posterior(n_simulations=60).fit(ConjugateGaussian()), Y, Y),
    "losses": on(
        TABLE,
        loss=ForwardKL() + SummaryRegularizer(),
        summary=ModuleSummary(torch.nn.Linear, {"in_features": 3, "out_features": 2}),
    ),
    "names": (lambda: posterior().fit(FRAME, Y_FRAME), FRAME, Y_FRAME),
    "one parameter": (lambda: posterior().fit(TABLE, Y[:, 0]), TABLE, Y[:, 0]),
    "statistics": on(SETS, summary=ExpertSummary(mean_and_sd)),
    "sets": on(RAGGED, summary=SetSummary(width=8)),
    "series": on(SETS, summary=SeriesSummary(width=8)),
    "groups": on(GROUPS, summary=NestedSummary(SetSummary(width=8), SetSummary(width=8))),
    "images": on(IMAGES, summary=ImageSummary(width=8)),
    "own network": on(SETS, summary=ModuleSummary(Recurrent)),
    "missing values": on(MISSING, missing="mask", prior=PRIOR),
    "sources": on(SOURCES, summary=SOURCE_SUMMARY),
    "missing sources": on(SliceDict(table=MISSING, points=SETS), missing="mask", summary=FusionSummary(width=8)),
    "chained prior": on(TABLE, prior=ChainedPrior({"a": stats.norm(), "b": part_of})),
    "random states": on(TABLE, random_state=np.random.RandomState(3)),
    "likelihood of rows": likelihood(TABLE, prior=PRIOR),
    "likelihood of sets": likelihood(SETS),
    "likelihood of series": likelihood(SETS, summary=SeriesSummary(width=8)),
    "likelihood of counts": (
        lambda: AmortizedLikelihood(Gaussian(hidden_layer_sizes=(8,)), n_estimators=2, **TINY).fit(COUNTS, COUNTS_Y),
        COUNTS[:20],
        COUNTS_Y[:20],
    ),
    "joint": (lambda: joint(Gaussian(hidden_layer_sizes=(8,)), prior=PRIOR).fit(TABLE, Y), TABLE, Y),
    "joint, shared": (
        lambda: joint(Gaussian(hidden_layer_sizes=(8,)), summary=SeriesSummary(width=8), share_summary=True).fit(
            SETS, Y
        ),
        SETS,
        Y,
    ),
    "joint, known": (lambda: joint(n_simulations=60).fit(ConjugateGaussian()), Y, Y),
    "joint, own simulator": (
        lambda: joint(n_simulations=60).fit(simulators(log_likelihood=known)["rows"]),
        TABLE,
        Y,
    ),
    "known likelihood": (lambda: KnownLikelihood(GaussianMeanScale()), SETS[..., :1], np.abs(Y)),
    "comparator": (lambda: comparator().fit(simulators()), TABLE, None),
    "comparator, evidential": (
        lambda: comparator(DirichletEvidence(n_blocks=1, block_width=8), n_estimators=2).fit(TABLE, np.arange(N) % 2),
        TABLE,
        np.arange(N) % 2,
    ),
    "detector": (lambda: MahalanobisDetector(random_state=0).fit(TABLE), TABLE, None),
    "detector of summaries": (lambda: frozen_detector(MahalanobisDetector), TABLE, None),
    "discrepancy": (lambda: frozen_detector(SummaryMMDDetector), TABLE, None),
    "evidence": (evidence, TABLE, None),
    "meta-uncertainty": (meta, TABLE, None),
    "pipeline": (pipeline_of_two, TABLE, Y),
    "ensemble of others": (ensemble, TABLE, Y),
}


# Functions that stand for the user's own.
EXAMPLES = [each for each in vars(_instances).values() if getattr(each, "__module__", None) == _instances.__name__]
PARTS = [(room, i) for room, parts in instances().items() for i in range(len(parts))]


def assert_same_answers(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        for ours, theirs in zip(as_list(found[name]), as_list(value), strict=True):
            assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=name)


def as_list(value):
    return value if isinstance(value, list) else [value]


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def through_a_file(estimator, tmp_path, *, custom_classes=()):
    """Return the estimator that a file gives back, having checked that it makes the same file again."""
    save(estimator, tmp_path / "first")
    loaded = load(tmp_path / "first", custom_classes=custom_classes)
    save(loaded, tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    return loaded


def test_every_public_estimator_has_save():
    rooms = ("estimators", "misspecification")
    classes = {type(part) for room in rooms for part in instances()[room]}
    classes |= {EvidenceComparator, KnownLikelihood, MetaUncertainty, pipeline.Pipeline}
    assert all(callable(getattr(cls, "save", None)) for cls in classes)
    assert skabi.load is load


def test_save_of_an_estimator_is_that_of_files(tmp_path):
    estimator = posterior(prior=PRIOR)
    estimator.save(tmp_path / "own")
    save(estimator, tmp_path / "other")
    assert contents(tmp_path / "own") == contents(tmp_path / "other")
    with pytest.raises(FileExistsError):
        estimator.save(str(tmp_path / "own"))
    estimator.save(str(tmp_path / "own"), overwrite=True)


@pytest.mark.parametrize(("room", "i"), PARTS)
def test_every_public_instance_comes_back(room, i, tmp_path):
    part = instances()[room][i]
    loaded = through_a_file(part, tmp_path, custom_classes=EXAMPLES)
    assert type(loaded) is type(part)
    assert repr(loaded) == repr(part)
    if room in ("engines", "heads", "losses", "summaries"):
        check_recipe(loaded)
    if room == "priors":
        assert loaded == part
        assert_array_equal(loaded.sample(5, random_state=0), part.sample(5, random_state=0))
    if room in ("datasets", "simulators"):
        X, y = part.sample(3, random_state=0)
        again, y_again = loaded.sample(3, random_state=0)
        assert repr(again) == repr(X)
        assert_array_equal(y_again, y)
    if room in ("estimators", "misspecification"):
        assert isinstance(clone(loaded), type(part))
        with pytest.raises(Exception, match="is not fitted yet"):
            check_is_fitted(loaded)


@pytest.fixture(scope="module")
def fitted():
    """Return a function that gives a fitted estimator, data sets and parameters by name, once for all tests."""
    made = {}

    def give(name):
        if name not in made:
            fit, X, y = FITTED[name]
            made[name] = fit(), X, y
        return made[name]

    return give


def answers(estimator, X, y):
    """Return all that an estimator knows of data sets, by method."""
    calls = {
        "sample": {"random_state": 1},
        "replication_risk": {},
        **{name: {} for name in ("predict", "predict_proba", "transform", "score_samples", "decision_function")},
        **{name: {"y": y} for name in ("score", "log_prob", "log_likelihood")},
    }
    if y is None:
        calls = {name: options for name, options in calls.items() if "y" not in options}
    found = {
        name: getattr(estimator, name)(X, **options) for name, options in calls.items() if hasattr(estimator, name)
    }
    if hasattr(estimator, "sample_data"):
        found["sample_data"] = estimator.sample_data(np.asarray(y)[:3], random_state=1)
    if "replication_risk" in found:
        found["replication_risk"] = found["replication_risk"].risk
    return found


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.filterwarnings("ignore::skabi.exceptions.ApproximationWarning")
def test_fitted_estimators_come_back(name, fitted, tmp_path):
    estimator, X, y = fitted(name)
    X, y = X[:5], None if y is None else y[:5]
    expected = answers(estimator, X, y)
    loaded = through_a_file(estimator, tmp_path, custom_classes=CUSTOM)
    assert_same_answers(answers(loaded, X, y), expected)
    assert_same_answers(answers(pickle.loads(pickle.dumps(loaded)), X, y), expected)
    if isinstance(estimator, BaseEstimator):
        assert loaded.get_params().keys() == estimator.get_params().keys()
        clone(loaded)
    assert list(vars(loaded)) == list(vars(estimator))
    assert len(expected) > 1


def test_training_goes_on_as_it_would_have(tmp_path):
    estimator = posterior(warm_start=True, n_estimators=2).fit(TABLE, Y)
    loaded = through_a_file(estimator, tmp_path)
    for each in (estimator, loaded):
        each.fit(TABLE, Y)
    assert loaded.n_iter_ == 4
    assert loaded.loss_curve_ == estimator.loss_curve_
    assert_same_answers(answers(loaded, TABLE, Y), answers(estimator, TABLE, Y))


def test_a_loaded_estimator_and_its_clone_can_be_fitted_again(tmp_path):
    estimator = posterior(prior=PRIOR).fit(TABLE, Y)
    loaded = through_a_file(estimator, tmp_path)
    for again in (clone(loaded), loaded):
        assert_same_answers(answers(again.fit(TABLE, Y), TABLE, Y), answers(estimator, TABLE, Y))


def test_members_and_halves_share_what_they_shared(tmp_path):
    share = joint(Gaussian(hidden_layer_sizes=(8,)), summary=SeriesSummary(width=8), share_summary=True).fit(SETS, Y)
    loaded = through_a_file(share, tmp_path)
    assert loaded.posterior_.network_.summary.memory is loaded.likelihood_.network_.memory
    assert loaded.prior_ is loaded.posterior_.prior_


def test_networks_come_back_as_they_were(tmp_path):
    estimator = posterior(summary=ModuleSummary(Recurrent)).fit(SETS, Y)
    estimator.network_.double().train()
    loaded = through_a_file(estimator, tmp_path, custom_classes=[Recurrent])
    network, before = loaded.network_.summary.module, estimator.network_.summary.module
    assert network.tied is network.scale
    assert network.training
    assert network.shift.dtype is torch.float64
    assert network.state_dict().keys() == before.state_dict().keys()
    assert not any(weight.requires_grad for weight in loaded.network_.parameters())
    states = torch.randn(3, 4, 2, dtype=torch.float64)
    assert torch.equal(network.eval()(states), before.eval()(states))


@pytest.mark.parametrize(
    "estimator",
    [
        posterior(callbacks=[EpochTimer()]),
        posterior(prior=IndependentPrior({"a": stats.lognorm(0.5, scale=2.0), "b": stats.truncnorm(a=-1, b=2.5)})),
        posterior(prior=IndependentPrior({"a": stats.multivariate_normal([0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]])})),
        posterior(prior=IndependentPrior({"a": stats.norm(np.zeros(2), [1.0, 2.0])}), random_state=None),
        comparator(model_prior={"rows": 0.25, "spread": 0.75}),
    ],
)
def test_constructor_parameters_come_back(estimator, tmp_path):
    loaded = through_a_file(estimator, tmp_path, custom_classes=[EpochTimer])
    assert loaded.__dict__.keys() == estimator.__dict__.keys()
    assert getattr(loaded, "prior", None) == getattr(estimator, "prior", None)
