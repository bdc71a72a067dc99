"""Write the files that every later release must open, in the release that is installed.

python tests/files/make_kept_files.py          # once a release, with what is new in it among the models

They stand in tests/files/data/<release>/<model>, each with data sets and what the model said of them in
<model>.json. Those of a release that is out are never made anew.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.frozen import FrozenEstimator

import skabi
from skabi import AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi.datasets import GaussianMeanScale
from skabi.engines import Gaussian, SplineFlow
from skabi.heads import Softmax
from skabi.misspecification import MahalanobisDetector
from skabi.priors import IndependentPrior
from skabi.summaries import SetSummary

RNG = np.random.default_rng(0)
N = 60
Y = RNG.normal(size=(N, 2))
X = Y @ np.array([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]]) + 0.5 * RNG.normal(size=(N, 3))
LABELS = np.where(Y[:, 0] > 0, "up", "down")
SETS = [y[:1] + RNG.normal(size=(n, 1)) for y, n in zip(Y, RNG.integers(3, 7, size=N), strict=True)]
PRIOR = IndependentPrior({"location": stats.norm(), "shift": stats.truncnorm(-6, 6)})
TINY = {"max_iter": 5, "random_state": 0}


def posterior(engine=None, **params):
    return AmortizedPosterior(Gaussian((8,)) if engine is None else engine, prior=PRIOR, **TINY, **params)


def models():
    """Return fitted models by name, each with data sets to ask it about."""
    flow = SplineFlow(2, n_bins=4, hidden_layer_sizes=(8,), n_blocks=1, block_width=8)
    joint = JointEstimator(Gaussian((8,)), summary=SetSummary(width=8), n_simulations=80, **TINY)
    return {
        "gaussian": (posterior().fit(X, Y), X[:3], Y[:3]),
        "spline_flow_of_sets": (posterior(flow, summary=SetSummary(width=8)).fit(SETS, Y), SETS[:3], Y[:3]),
        "ensemble_with_missing_values": (
            posterior(n_estimators=2, missing="mask").fit(np.where(X > 2, np.nan, X), Y),
            np.where(X > 1, np.nan, X)[:3],
            Y[:3],
        ),
        "comparator": (AmortizedModelComparator(head=Softmax(1, block_width=8), **TINY).fit(X, LABELS), X[:3], None),
        "joint": (joint.fit(GaussianMeanScale(n_observations=(3, 6))), SETS[:3], np.exp(Y[:3])),
        "learned_joint": (
            JointEstimator(Gaussian((8,)), Gaussian((8,)), prior=PRIOR, **TINY).fit(X, Y),
            X[:3],
            Y[:3],
        ),
        "detector": (MahalanobisDetector(FrozenEstimator(posterior().fit(X, Y)), random_state=0).fit(X), X[:3], None),
    }


def answers(model, X, y):
    """Return what a model says of data sets, by method, as lists."""
    calls = {
        "predict": (X,),
        "predict_proba": (X,),
        "score_samples": (X,),
        "transform": (X,),
        **({} if y is None else {"log_prob": (X, y), "score": (X, y)}),
    }
    found = {name: getattr(model, name)(*arguments) for name, arguments in calls.items() if hasattr(model, name)}
    if hasattr(model, "sample"):
        found["sample"] = model.sample(X, 4, random_state=1)
    if hasattr(model, "likelihood_"):
        found["log_likelihood"] = model.log_likelihood(X, y)
    return {name: np.asarray(value).tolist() for name, value in found.items()}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "data" / skabi.__version__)
    parser.add_argument("--overwrite", action="store_true", help="make those of a release that is not out yet anew")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    for name, (model, X, y) in models().items():
        model.save(args.folder / name, overwrite=args.overwrite)
        kept = {
            "X": [np.asarray(x).tolist() for x in X],
            "y": None if y is None else y.tolist(),
            "answers": answers(model, X, y),
        }
        (args.folder / f"{name}.json").write_text(json.dumps(kept, indent=1))
        size = sum(path.stat().st_size for path in (args.folder / name).iterdir())
        print(f"{name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
