"""Fits that are interrupted, or killed, end where they would have ended."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skabi.datasets import AutoregressiveSeries, ConjugateGaussian, GaussianMeanScale
from skabi.engines import ConsistencyModel, Gaussian, ResidualNetwork
from skabi.estimators import AmortizedLikelihood, AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi.exceptions import ApproximationWarning
from skabi.heads import Softmax
from skabi.losses import ForwardKL, SelfConsistency
from skabi.summaries import SeriesSummary, SetSummary

SMALL = {"n_simulations": 120, "max_iter": 4, "batch_size": 32, "random_state": 0}
TINY = Gaussian((4,))
SET = SetSummary(width=8)


class Killed(Exception):
    """What no training catches."""


class KillAt(Callback):
    """End training, or the n-th of several, in an epoch counted from 1."""

    def __init__(self, epoch, *, training=1, action=Killed):
        self.epoch, self.training, self.action, self.n_trainings = epoch, training, action, 0

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.n_trainings += 1

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training and len(net.history) == self.epoch and self.n_trainings == self.training:
            if self.action is Killed:
                raise Killed
            self.action()


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def networks(estimator):
    halves = [getattr(estimator, name) for name in ("posterior_", "likelihood_") if hasattr(estimator, name)]
    return [half.network_ for half in halves or [estimator]]


def assert_same_fit(estimator, expected):
    for network, other in zip(networks(estimator), networks(expected), strict=True):
        for (name, value), kept in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
            assert torch.equal(value, kept), name
    parts = [(estimator, expected)]
    if hasattr(estimator, "posterior_"):
        parts = [(estimator.posterior_, expected.posterior_), (estimator.likelihood_, expected.likelihood_)]
    for part, other in parts:
        for curve in ("loss_curve_", "validation_scores_", "best_iter_", "n_iter_"):
            assert getattr(part, curve) == getattr(other, curve)


def files_in(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A function that returns data sets in a store, which is read in parts of 100 rows, and their parameters."""
    monkeypatch.setattr("skabi.estimators._stored._WHOLE", 0)
    monkeypatch.setattr("skabi.estimators._stored._PART", 100 * 16)
    monkeypatch.setattr("skabi.estimators._stored._FEWEST_FIRST", 100)

    def sample(n=400, *, n_rows=None):
        for i in range(100, n + 1, 100):  # so that there are chunks of 100 rows
            X, y = ConjugateGaussian().sample(i, random_state=0, store=tmp_path / "sims.zarr")
        return X[:n_rows], y[:n_rows]

    return sample


CASES = {
    "one network": (AmortizedPosterior(TINY, **SMALL), ConjugateGaussian(), 1),
    "ensemble": (AmortizedPosterior(TINY, n_estimators=2, **SMALL), ConjugateGaussian(), 1),
    "what networks are told": (
        AmortizedPosterior(
            ConsistencyModel(ResidualNetwork(4, n_blocks=1, n_reading_blocks=1), distil=False, n_levels=(2, 8)),
            n_estimators=2,
            **SMALL,
        ),
        ConjugateGaussian(),
        1,
    ),
    "all rows": (AmortizedPosterior(TINY, early_stopping=False, **SMALL), ConjugateGaussian(), 1),
    "missing": (AmortizedPosterior(TINY, summary=SET, missing="mask", **SMALL), GaussianMeanScale((2, 5)), 1),
    "likelihood": (AmortizedLikelihood(TINY, **SMALL), GaussianMeanScale(20), 1),
    "comparator": (
        AmortizedModelComparator(head=Softmax(1, block_width=8), **SMALL),
        {"a": ConjugateGaussian(), "b": ConjugateGaussian(shift=1.0)},
        1,
    ),
    "both, the first": (JointEstimator(TINY, TINY, **SMALL), ConjugateGaussian(), 1),
    "both, the second": (JointEstimator(TINY, TINY, **SMALL), ConjugateGaussian(), 2),
    "both as one": (
        JointEstimator(TINY, TINY, summary=SeriesSummary(width=8), share_summary=True, **SMALL),
        AutoregressiveSeries(n_times=5),
        1,
    ),
    "both at once": (
        JointEstimator(TINY, TINY, loss=ForwardKL() + SelfConsistency(n_draws=3), **SMALL),
        ConjugateGaussian(),
        1,
    ),
    "fresh simulations": (AmortizedPosterior(TINY, fresh_simulations=True, **SMALL), ConjugateGaussian(), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fit_that_was_killed_ends_where_it_would_have_ended(tmp_path, name):
    estimator, simulator, training = CASES[name]
    expected = clone(estimator).fit(simulator)
    killed = clone(estimator).set_params(checkpoint=tmp_path, callbacks=[KillAt(3, training=training)])
    with pytest.raises(Killed):
        killed.fit(simulator)
    assert files_in(tmp_path)
    counter = KillAt(0)
    resumed = clone(estimator).set_params(checkpoint=str(tmp_path), callbacks=[counter]).fit(simulator)
    assert_same_fit(resumed, expected)
    # A fit that is complete leaves nothing, so that the next one begins anew.
    assert not files_in(tmp_path)


def test_a_fit_to_a_store_that_was_killed(tmp_path, stored):
    X, y = stored()
    recipe = AmortizedPosterior(TINY, **SMALL, checkpoint=tmp_path / "training")
    expected = clone(recipe).set_params(checkpoint=None).fit(X, y)
    with pytest.raises(Killed):
        clone(recipe).set_params(callbacks=[KillAt(3)]).fit(X, y)
    started = []

    class First(Callback):
        def on_epoch_begin(self, net, **kwargs):
            started.append(len(net.history))

    assert_same_fit(clone(recipe).set_params(callbacks=[First()]).fit(X, y), expected)
    assert started[0] > 1


@pytest.mark.parametrize("training", [1, 2])
def test_without_a_random_state_both_halves_have_one_seed(tmp_path, training):
    for name in ("both, the first", "both as one"):
        recipe, simulator, _ = CASES[name]
        recipe = clone(recipe).set_params(random_state=None, checkpoint=tmp_path / name)
        if training == 2 and recipe.share_summary:
            continue
        with pytest.raises(Killed):
            clone(recipe).set_params(callbacks=[KillAt(3, training=training)]).fit(simulator)
        shutil.copytree(tmp_path / name, tmp_path / f"copy of {name}")
        resumed = clone(recipe).fit(simulator)
        again = clone(recipe).set_params(checkpoint=tmp_path / f"copy of {name}").fit(simulator)
        assert_same_fit(resumed, again)
        assert resumed.posterior_._own_seed.entropy == resumed.likelihood_._own_seed.entropy
        assert not files_in(tmp_path)
        shutil.rmtree(tmp_path / f"copy of {name}")


def test_draws_of_a_resumed_fit(tmp_path):
    posterior = AmortizedPosterior(TINY, **SMALL)
    X, _ = ConjugateGaussian().sample(5, random_state=1)
    expected = clone(posterior).fit(ConjugateGaussian()).sample(X, 10, random_state=0)
    posterior.set_params(checkpoint=tmp_path, callbacks=[KillAt(2)])
    with pytest.raises(Killed):
        posterior.fit(ConjugateGaussian())
    posterior.set_params(callbacks=None).fit(ConjugateGaussian())
    np.testing.assert_array_equal(posterior.sample(X, 10, random_state=0), expected)


def test_a_process_that_was_killed(tmp_path):
    code = """
import os, signal, sys
from skorch.callbacks import Callback
from skabi.datasets import ConjugateGaussian
from skabi.engines import ConsistencyModel, Gaussian, ResidualNetwork
from skabi.estimators import AmortizedPosterior

class Kill(Callback):
    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if len(net.history) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

posterior = AmortizedPosterior(
    Gaussian((4,)), n_simulations=120, max_iter=4, batch_size=32, checkpoint=sys.argv[1], callbacks=[Kill()]
)
posterior.fit(ConjugateGaussian())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    # Without a random state the seed is that of the checkpoint.
    recipe = AmortizedPosterior(TINY, **{**SMALL, "random_state": None}, checkpoint=tmp_path)
    copies = tmp_path.with_name("copies")
    copies.mkdir()
    shutil.copytree(tmp_path, copies, dirs_exist_ok=True)
    resumed = recipe.fit(ConjugateGaussian())
    again = clone(recipe).set_params(checkpoint=copies).fit(ConjugateGaussian())
    assert len(resumed.loss_curve_) == 4
    assert_same_fit(resumed, again)
    anew = clone(recipe).fit(ConjugateGaussian())
    assert anew.loss_curve_[0] != resumed.loss_curve_[0]


# Other fits


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A posterior whose fit was killed after two epochs, each with a file, and its data."""
    monkeypatch.setattr("skabi.training._checkpoints._Rhythm.is_due", lambda rhythm: True)
    X, y = ConjugateGaussian().sample(120, random_state=0)
    y = y.to_numpy()
    posterior = AmortizedPosterior(TINY, **SMALL, checkpoint=tmp_path, callbacks=[KillAt(3)])
    with pytest.raises(Killed):
        posterior.fit(X, y)
    return posterior.set_params(callbacks=None), X, y


@pytest.mark.parametrize(
    "change",
    [
        {"max_iter": 5},
        {"engine": Gaussian((5,))},
        {"random_state": 1},
        {"learning_rate_init": 0.1},
        {"early_stopping": False},
        {"n_estimators": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_recipe_begins_anew_and_leaves_the_state(begun, change, tmp_path):
    posterior, X, y = begun
    before = {path: path.read_bytes() for path in files_in(tmp_path)}
    other = clone(posterior).set_params(**change)
    assert_same_fit(other.fit(X, y), clone(other).set_params(checkpoint=None).fit(X, y))
    assert {path: path.read_bytes() for path in files_in(tmp_path)} == before
    counter = KillAt(0)
    expected = clone(posterior).set_params(checkpoint=None).fit(X, y)
    assert_same_fit(posterior.set_params(callbacks=[counter]).fit(X, y), expected)
    assert not files_in(tmp_path)


def test_other_data_begin_anew_with_a_warning(begun, tmp_path):
    posterior, X, y = begun
    X = X.copy()
    X[7, 0] += 1e-3
    expected = clone(posterior).set_params(checkpoint=None).fit(X, y)
    with pytest.warns(ApproximationWarning, match="not the same data sets and parameters.* this fit begins anew"):
        posterior.fit(X, y)
    assert_same_fit(posterior, expected)
    assert files_in(tmp_path)


def test_searches_share_a_folder(tmp_path):
    X, y = ConjugateGaussian().sample(200, random_state=0)
    search = GridSearchCV(AmortizedPosterior(TINY, **SMALL, checkpoint=tmp_path), {"learning_rate_init": [0.01, 0.02]})
    search.set_params(cv=2, error_score="raise", refit=False)
    alone = clone(search).set_params(estimator__checkpoint=None).fit(X, y)
    killed = clone(search.estimator).set_params(learning_rate_init=0.02, callbacks=[KillAt(3)])
    with pytest.raises(Killed):
        killed.fit(X[:100], y[:100])
    # The other fold has the same recipe, and other data.
    with pytest.warns(ApproximationWarning, match="not the same data sets and parameters"):
        search.fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert not files_in(tmp_path)
    with joblib.parallel_config(backend="threading", n_jobs=2), warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all() and not files_in(tmp_path)


def test_a_store_that_was_extended_or_given_other_parameters(tmp_path, stored):
    X, y = stored()
    recipe = AmortizedPosterior(TINY, **SMALL, checkpoint=tmp_path / "training")
    changed = y.copy()
    changed.iloc[-1] += 1e-3
    more = stored(500)
    for data in ((X, changed), more, (X[::-1], y[::-1].reset_index(drop=True))):
        with pytest.raises(Killed):
            clone(recipe).set_params(callbacks=[KillAt(3)]).fit(X, y)
        expected = clone(recipe).set_params(checkpoint=None).fit(*data)
        with warnings.catch_warnings():
            # Where the first rows differ, too, so do weights.
            warnings.simplefilter("ignore", ApproximationWarning)
            assert_same_fit(clone(recipe).fit(*data), expected)
    # The same rows of the store that has more of them now are the same data.
    assert files_in(tmp_path / "training")
    clone(recipe).fit(*stored(500, n_rows=400))
    assert not files_in(tmp_path / "training")


def test_what_does_not_change_the_weights_may_change(begun):
    posterior, X, y = begun
    expected = clone(posterior).set_params(checkpoint=None).fit(X, y)
    posterior.set_params(warn_outside=False, n_jobs=2, device="cpu").fit(X, y)
    assert_same_fit(posterior, expected)


@pytest.mark.parametrize("name", ["training.safetensors", "training.previous.safetensors"])
def test_a_damaged_file_and_the_one_before(begun, name, tmp_path):
    posterior, X, y = begun
    expected = clone(posterior).set_params(checkpoint=None).fit(X, y)
    (path,) = tmp_path.rglob(name)
    path.write_bytes(path.read_bytes()[:-100])
    if "previous" in name:
        posterior.fit(X, y)
    else:
        with pytest.warns(ApproximationWarning, match="goes on from the one before"):
            posterior.fit(X, y)
    assert_same_fit(posterior, expected)


def test_two_damaged_files_are_refused(begun, tmp_path):
    posterior, X, y = begun
    for path in files_in(tmp_path):
        path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cannot be read: .*Delete the folder to begin anew"):
        posterior.fit(X, y)


@pytest.mark.parametrize("value, error", [(3, TypeError), ("", ValueError)])
def test_what_is_no_folder(value, error):
    with pytest.raises(error, match="checkpoint must be the path of a folder"):
        AmortizedPosterior(TINY, checkpoint=value).fit(ConjugateGaussian())


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ValueError, match=r"is a file\. Name another"):
        JointEstimator(TINY, checkpoint=path).fit(ConjugateGaussian())


# Ctrl-C


def interrupted(estimator, simulator, *, message="training was interrupted in epoch 3 of 4", **at):
    estimator = clone(estimator).set_params(callbacks=[KillAt(3, action=press_ctrl_c, **at)])
    with pytest.warns(ApproximationWarning, match=message):
        return estimator.fit(simulator)


@pytest.mark.parametrize("name", ["one network", "ensemble", "all rows", "comparator", "fresh simulations"])
def test_ctrl_c_keeps_the_best_weights_so_far(name):
    estimator, simulator, _ = CASES[name]
    expected = clone(estimator).fit(simulator)
    kept = interrupted(estimator, simulator)
    assert kept.n_iter_ == 2 and kept.loss_curve_ == expected.loss_curve_[:2]
    assert kept.validation_scores_ == expected.validation_scores_[:2]
    assert kept.best_iter_ <= 2


@pytest.mark.parametrize("training", [1, 2])
def test_ctrl_c_ends_one_half(training, tmp_path):
    estimator, simulator, _ = CASES["both, the first"]
    expected = clone(estimator).fit(simulator)
    joint = interrupted(estimator.set_params(checkpoint=tmp_path), simulator, training=training)
    assert (joint.posterior_.n_iter_, joint.likelihood_.n_iter_) == ((2, 4) if training == 1 else (4, 2))
    assert_same_fit(joint.set_params(callbacks=None).fit(simulator), expected)
    estimator.set_params(checkpoint=None)
    assert not files_in(tmp_path)


@pytest.mark.parametrize("name", ["one network", "ensemble", "all rows", "both, the first", "both, the second"])
def test_ctrl_c_in_the_first_epoch_is_raised(name):
    estimator, simulator, training = CASES[name]
    estimator = clone(estimator).set_params(callbacks=[KillAt(1, training=training, action=press_ctrl_c)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(simulator)
    assert not estimator.__sklearn_is_fitted__()


def test_ctrl_c_while_simulating_is_raised():
    simulator = ConjugateGaussian()
    simulator.simulate = lambda **arguments: press_ctrl_c()
    for estimator in (AmortizedPosterior(TINY, **SMALL), JointEstimator(TINY, TINY, **SMALL)):
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(simulator)


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_the_user_ended_goes_on(tmp_path, warm_start):
    estimator, simulator, _ = CASES["one network"]
    expected = clone(estimator).fit(simulator)
    kept = interrupted(clone(estimator).set_params(checkpoint=tmp_path, warm_start=warm_start), simulator)
    kept = pickle.loads(pickle.dumps(kept.set_params(callbacks=None)))
    assert_same_fit(kept.fit(simulator), expected)


def test_a_fit_that_goes_on_from_another_and_was_ended(tmp_path):
    estimator, simulator, _ = CASES["one network"]
    warm = clone(estimator).set_params(warm_start=True).fit(simulator)
    before, expected = pickle.dumps(warm), pickle.loads(pickle.dumps(warm)).fit(simulator)
    kept = pickle.loads(before).set_params(checkpoint=tmp_path, callbacks=[KillAt(3, action=press_ctrl_c)])
    with pytest.warns(ApproximationWarning, match="interrupted in epoch 3"):
        kept.fit(simulator)
    assert kept.n_iter_ == 6
    assert_same_fit(kept.set_params(callbacks=None).fit(simulator), expected)
    # And in another process, from the estimator as it was.
    for action, error in ((Killed, Killed), (press_ctrl_c, KeyboardInterrupt)):
        failed = pickle.loads(before).set_params(callbacks=[KillAt(1, action=action)])
        with pytest.raises(error):
            failed.fit(simulator)
        assert_same_fit(failed, pickle.loads(before))


def test_no_code_runs_on_loading(begun, tmp_path):
    for path in files_in(tmp_path):
        content = path.read_bytes()
        assert int.from_bytes(content[:8], "little") < len(content) and b"pickle" not in content
    assert os.listdir(tmp_path)
