"""Small fitted estimators for `fuzz`, what their methods take, and what shapes and dtypes come back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from skorch.helper import SliceDict

from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators import (
    AmortizedLikelihood,
    AmortizedModelComparator,
    AmortizedPosterior,
    EnsemblePosterior,
    JointEstimator,
    KnownLikelihood,
)
from skabi.heads import DirichletEvidence
from skabi.misspecification import MahalanobisDetector, SummaryMMDDetector
from skabi.model_selection import EvidenceComparator, MetaUncertainty
from skabi.pipeline import Pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, is_simulator
from skabi.summaries import FusionSummary, SetSummary

_N, _N_DRAWS, _N_TRAIN = 3, 2, 30
_ENGINE = Gaussian(hidden_layer_sizes=(4,))


@dataclass(frozen=True)
class Method:
    """What a method takes and gives.

    arguments: the role of each by name; shape: of the result, or a list of those of its parts, given the sizes of a
    call (None where a fit gives itself, or sizes are random); dtype: kinds that results may have.
    """

    arguments: dict[str, str]
    shape: Callable | None = None
    dtype: str = "d"


@dataclass
class Case:
    """A fitted estimator with arguments that are valid, and a question with which to see whether it is as before.

    knows_likelihood: whether data sets are for a function of the model alone to check; starts_elsewhere: whether a
    transformer of scikit-learn sees them first.
    """

    name: str
    model: Any
    X: Any
    y: np.ndarray
    train: tuple
    methods: dict[str, Method]
    probe: Callable
    classes: list = field(default_factory=list)
    simulators: Any = ()
    comparator: Any = None
    may_miss: bool = False
    n_parameters: int = 2
    knows_likelihood: bool = False
    starts_elsewhere: bool = False

    @cached_property
    def answer(self):
        return joblib.hash(self.probe(self.model))

    @property
    def draws(self):
        """Parameters near zero, or near one where scales are among them, `(n_datasets, n_draws, n_parameters)`."""
        return self.y[:, np.newaxis] * np.linspace(1.0, 1.2, _N_DRAWS)[:, np.newaxis]

    @property
    def proba(self):
        return np.full((_N, _N_DRAWS, 2), 0.5)

    def sizes(self, method, arguments):
        """Return the sizes that shapes are made of."""
        of = {role: arguments[name] for name, role in self.methods[method].arguments.items()}
        data = next((of[role] for role in ("X", "train_X", "y") if role in of), ())
        y = next((np.shape(of[role]) for role in ("theta", "draws", "proba") if role in of), ())
        return SimpleNamespace(
            n=n_datasets(data),
            d=of.get("n_draws", 1000),
            p=self.n_parameters,
            m=len(self.classes),
            s=getattr(self.model, "_n_features_out", self.n_parameters),
            inner=y[1:2] if len(y) == 3 else (),
            is_table=not isinstance(self.X, list),
            is_list=isinstance(data, (list, tuple)) and hasattr(data[0], "shape"),
            arguments=arguments,
        )

    def may_take(self, value, role, method):
        """Return whether a method may answer for data sets or parameters such as `value`."""
        if method.startswith("fit") and role == "train_X":
            return self.starts_elsewhere or is_simulator(value) or _is_real_of_each(value)
        if role in ("y", "theta", "train_y"):
            if method.startswith("fit") and (value is None or _is_real(value)):
                return True
            shapes = [(self.n_parameters,), *[()] * (self.n_parameters == 1)]
            shapes += [(np.shape(value)[1], self.n_parameters)] if role == "theta" and np.ndim(value) == 3 else []
            return _is_real(value) and np.shape(value)[1:] in shapes
        if self.starts_elsewhere or (method == "warn_of_unlike" and self.knows_likelihood):
            return True
        if self.knows_likelihood:
            return _is_real_of_each(value)
        return _is_like(value, self.X, may_miss=self.may_miss)


def n_datasets(X):
    """Return the number of data sets."""
    if isinstance(X, Mapping):
        return next((len(values) for values in X.values() if values is not None), 0)
    return len(X)


def _is_real(value, *, may_miss=False):
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        return False
    try:
        is_frame = isinstance(value, pd.DataFrame)
        values = value.to_numpy(dtype=float, na_value=np.nan) if is_frame else np.asarray(value)
        if values.dtype.kind in "cmMV":
            return False
        values = values.astype(float)
    except (RuntimeError, TypeError, ValueError):
        return False
    return not np.isinf(values).any() and (may_miss or not np.isnan(values).any())


def _is_real_of_each(value):
    """Return whether data sets of any shape, of one source or several, are numbers or missing."""
    if value is None:
        return True
    if isinstance(value, Mapping):
        return all(_is_real_of_each(part) for part in value.values())
    is_list = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype.hasobject)
    return all(_is_real(part, may_miss=True) for part in value) if is_list else _is_real(value, may_miss=True)


def _is_like(value, valid, *, may_miss):
    if value is None:
        return may_miss
    if isinstance(valid, Mapping):
        return isinstance(value, Mapping) and all(
            name in valid and _is_like(part, valid[name], may_miss=may_miss) for name, part in value.items()
        )
    if isinstance(valid, list) or (isinstance(valid, np.ndarray) and valid.dtype == object):
        rest = valid[0].shape[1:]
        return all(_is_real(row) and np.shape(row)[1:] == rest and len(row) for row in value)
    return _is_real(value, may_miss=may_miss) and np.shape(value)[1:] == valid.shape[1:]


_X, _XY = {"X": "X"}, {"X": "X", "y": "y"}
_SEED = {"random_state": "random_state"}
_DRAWING = {"X": "X", "n_draws": "n_draws", **_SEED}
_TRAINING = Method({"X": "train_X", "y": "train_y"})
_OF_EACH, _OF_ALL = Method(_X, lambda s: (s.n,)), Method(_XY, lambda s: ())


def _predicted(s):
    quantiles = s.arguments.get("quantiles")
    return (s.n, s.p) if quantiles is None else (s.n, np.size(quantiles), s.p)


def _log_likelihoods(s):
    if not s.arguments["pointwise"]:
        return (s.n, *s.inner)
    X = s.arguments["X"]
    if s.is_table:
        return (s.n, *s.inner, 1)
    return [(*s.inner, len(x)) for x in X] if s.is_list else (s.n, *s.inner, np.shape(X)[1])


def _new_data(s):
    draws, sizes = (s.d,) if s.d > 1 else (), s.arguments["n_observations"]
    if s.is_table:
        return (s.n, *draws, 2)
    if sizes is None:
        return None
    return (s.n, *draws, sizes, 1) if np.ndim(sizes) == 0 else [(*draws, size, 1) for size in sizes]


def _like(s, n_draws):
    X = s.arguments["X"]
    return [(n_draws, *np.shape(x)) for x in X] if s.is_list and not s.is_table else (s.n, n_draws, *np.shape(X)[1:])


POSTERIOR = {
    "sample": Method({**_DRAWING, "n_replicates": "n_replicates"}, lambda s: (s.n, s.d, s.p)),
    "log_prob": Method({"X": "X", "y": "theta"}, lambda s: (s.n, *s.inner)),
    "score": _OF_ALL,
    "predict": Method({"X": "X", "return_std": "flag", "quantiles": "quantiles"}, _predicted),
    "transform": Method(_X, lambda s: (s.n, s.s), dtype="fd"),
    "fit": _TRAINING,
}
AMORTIZED = {
    **POSTERIOR,
    "usual_p_values": _OF_EACH,
    "fit_transform": _TRAINING,
    "partial_fit": _TRAINING,
}
ENSEMBLE = {
    **POSTERIOR,
    "usual_p_values": _OF_EACH,
    "fit_transform": _TRAINING,
    "disagreement": Method(_X, lambda s: (s.n, s.p)),
}
LIKELIHOOD = {
    "score": _OF_ALL,
    "log_likelihood": Method({"X": "X", "y": "theta", "pointwise": "flag"}, _log_likelihoods),
    "sample_data": Method({"y": "y", "n_draws": "n_draws", "n_observations": "n_observations", **_SEED}, _new_data),
}
LEARNED = {
    **LIKELIHOOD,
    "sample_like": Method({"X": "X", "draws": "draws", **_SEED}, lambda s: _like(s, *s.inner)),
    "warn_of_unlike": Method(_X),
}
JOINT = {
    **AMORTIZED,
    **LIKELIHOOD,
    "log_evidence": Method(_DRAWING, lambda s: (s.n,)),
    "predictive": Method(_DRAWING, lambda s: _like(s, s.d)),
    "to_datatree": Method(_DRAWING),
}
del JOINT["usual_p_values"]
_OF_MODELS = Method(_X, lambda s: (s.n, s.m))
COMPARISON = {
    "predict_proba": _OF_MODELS,
    "predict_log_proba": _OF_MODELS,
    "predict": Method(_X, lambda s: (s.n,), dtype="U"),
    "log_bayes_factors": Method({"X": "X", "reference": "reference"}, lambda s: (s.n, s.m)),
    "score": Method({"X": "X", "y": "labels"}, lambda s: ()),
    "sample": Method(_DRAWING, lambda s: (s.n, s.d), dtype="U"),
}
COMPARATOR = {
    **COMPARISON,
    "sample_proba": Method(_DRAWING, lambda s: (s.n, s.d, s.m)),
    "uncertainty": _OF_EACH,
    "transform": POSTERIOR["transform"],
    "fit": Method({"X": "train_X", "y": "train_labels"}),
    "fit_transform": Method({"X": "train_X", "y": "train_labels"}),
    "partial_fit": Method({"X": "train_X", "y": "train_labels", "classes": "classes"}),
}
EVIDENCE = {
    **COMPARISON,
    "log_evidence": _OF_EACH,
    "log_bayes_factor_intervals": COMPARISON["log_bayes_factors"],
    "fit": Method({"simulators": "simulators"}),
}
META = {
    "sample": Method(_DRAWING, lambda s: (s.n, s.d, s.m)),
    "log_prob": Method({"X": "X", "proba": "proba"}, lambda s: (s.n, *s.inner)),
    "predict_proba": _OF_MODELS,
    "replication_risk": _OF_EACH,
    "fit": Method({"comparator": "comparator", "simulators": "simulators", "n_observations": "n_observations"}),
}
DETECTOR = {
    "score_samples": _OF_EACH,
    "decision_function": _OF_EACH,
    "predict": Method(_X, lambda s: (s.n,), dtype="l"),
    "test": Method(
        {"X": "X", "batch": "flag", "n_null": "n_null", **_SEED}, lambda s: None if s.arguments["batch"] else (s.n,)
    ),
    "fit": Method({"X": "train_X"}),
    "fit_predict": Method({"X": "train_X"}, lambda s: (s.n,), dtype="l"),
}


def _posteriors():
    table = ConjugateGaussian()
    X, y = table.sample(_N_TRAIN, random_state=0)
    options = {"engine": _ENGINE, "max_iter": 1, "random_state": 0}
    yield "Posterior", AmortizedPosterior(**options), X, y, {}
    names = pd.DataFrame(X, columns=["a", "b"])
    yield "Posterior of frames", AmortizedPosterior(prior=table.prior, **options), names, y, {}
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.3, np.nan, X)
    yield (
        "Posterior with gaps",
        AmortizedPosterior(missing="mask", n_estimators=2, **options),
        gaps,
        y,
        {"may_miss": True},
    )
    sets, scales = GaussianMeanScale((2, 5)).sample(_N_TRAIN, random_state=0)
    yield "Posterior of sets", AmortizedPosterior(summary=SetSummary(width=4), **options), sets, scales, {}
    several = Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), _two_sources, n_observations={"counts": (2, 5)})
    X, y = several.sample(_N_TRAIN, random_state=0)
    yield (
        "Posterior of sources",
        AmortizedPosterior(summary=FusionSummary(width=4), **options),
        X,
        y,
        {"n_parameters": 1},
    )


def _two_sources(rate, rng, n_observations):
    return {"counts": rng.poisson(rate, size=(n_observations["counts"], 1)), "level": rng.normal(rate, size=1)}


def _first(X, n=_N):
    """Return the first data sets."""
    if isinstance(X, Mapping):
        return SliceDict(**{name: _first(values, n) for name, values in X.items()})
    return X[:n]


def _case(name, model, X, y, methods, *, probe=None, **more):
    """Return a `Case` of a fitted model, with some of its training data for valid ones."""
    few, parameters = _first(X), np.asarray(y)[:_N]
    probe = probe or (lambda model: model.score(few, parameters))
    return Case(name, model, few, parameters, (X, y), methods, probe, **more)


def cases():
    """Return all cases, fitted."""
    return [*_of_posteriors(), *_of_likelihoods(), *_of_models(), *_of_detectors()]


def _of_posteriors():
    fitted = {}
    for name, model, X, y, more in _posteriors():
        fitted[name] = model.fit(X, y)
        yield _case(name, model, X, y, AMORTIZED, **more)
    scaled = Pipeline([("scale", StandardScaler()), ("posterior", fitted["Posterior"])])
    X, y = ConjugateGaussian().sample(_N_TRAIN, random_state=0)
    members = [(name, clone(fitted["Posterior"]).set_params(max_iter=n)) for name, n in (("one", 1), ("two", 2))]
    ensemble = EnsemblePosterior(members, weigh_by_score=True, validation_fraction=0.5, random_state=0)
    yield _case("Ensemble", ensemble.fit(X, y), X, y, ENSEMBLE)
    methods = {**POSTERIOR, "fit_transform": _TRAINING}
    yield _case("Pipeline", clone(scaled).fit(X, y), X, y, methods, starts_elsewhere=True)


def _of_likelihoods():
    table, sets = ConjugateGaussian(), GaussianMeanScale((2, 5))
    options = {"max_iter": 1, "random_state": 0}
    for name, simulator in (("", table), (" of sets", sets)):
        X, y = simulator.sample(_N_TRAIN, random_state=0)
        known = KnownLikelihood(simulator)
        yield _case(f"KnownLikelihood{name}", known, X, y, LEARNED, knows_likelihood=True)
        learned = AmortizedLikelihood(_ENGINE, prior=simulator.prior, **options).fit(X, y)
        yield _case(f"Likelihood{name}", learned, X, y, {**LEARNED, "fit": _TRAINING, "partial_fit": _TRAINING})
        summary = SetSummary(width=4) if name else None
        joint = JointEstimator(_ENGINE, _ENGINE, summary=summary, prior=simulator.prior, **options).fit(X, y)
        methods = {method: how for method, how in JOINT.items() if method != "to_datatree" or not name}
        yield _case(f"Joint{name}", joint, X, y, methods)


def _of_models():
    models = {"near": ConjugateGaussian(), "far": ConjugateGaussian(shift=1.0)}
    X = np.concatenate([model.sample(_N_TRAIN, random_state=0)[0] for model in models.values()])[::-2]
    labels = np.repeat(["far", "near"], _N_TRAIN)[::2]
    order = np.random.default_rng(0).permutation(len(X))
    X, labels = X[order], labels[order]
    more = {"classes": ["far", "near"], "simulators": models, "probe": lambda model: model.predict_proba(X[:_N])}
    head = DirichletEvidence(n_blocks=1, block_width=4)
    comparator = AmortizedModelComparator(head=head, max_iter=1, random_state=0).fit(X, labels)
    yield _case("Comparator", comparator, X, labels, COMPARATOR, **more)
    posterior = AmortizedPosterior(_ENGINE, n_simulations=_N_TRAIN, max_iter=1, random_state=0)
    evidence = EvidenceComparator(posterior, n_draws=20, random_state=0).fit(models)
    yield _case("EvidenceComparator", evidence, X, labels, EVIDENCE, **more)
    meta = MetaUncertainty(n_simulations=20, random_state=0).fit(comparator, models)
    yield _case("MetaUncertainty", meta, X, labels, META, comparator=comparator, **more)


def _of_detectors():
    X, y = ConjugateGaussian().sample(80, random_state=0)
    table = AmortizedPosterior(_ENGINE, max_iter=1, random_state=0).fit(X, y)
    sets, scales = GaussianMeanScale((2, 5)).sample(80, random_state=0)
    summary = SetSummary(width=4)
    of_sets = AmortizedPosterior(_ENGINE, summary=summary, max_iter=1, random_state=0).fit(sets, scales)
    for detector in (MahalanobisDetector, SummaryMMDDetector):
        for name, estimator, data in ((" alone", None, X), ("", table, X), (" of sets", of_sets, sets)):
            model = detector(None if estimator is None else FrozenEstimator(estimator), random_state=0).fit(data)
            few = _first(data)
            probe = lambda model, few=few: model.score_samples(few)  # noqa: E731
            yield _case(f"{detector.__name__}{name}", model, data, y, DETECTOR, probe=probe)
