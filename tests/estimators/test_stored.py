"""Simulations and draws on disk: what is in a store does as well as what is in memory."""

import warnings
from itertools import pairwise

import joblib
import numpy as np
import pytest
import zarr
from scipy import stats
from sklearn.model_selection import GridSearchCV, train_test_split
from skorch.callbacks import Callback

from skabi import AmortizedModelComparator, AmortizedPosterior, JointEstimator
from skabi._warnings import warn
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError, StoreError
from skabi.heads import Softmax
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, open_store

PRIOR = ConjugateGaussian().prior


def posterior(**parameters):
    return AmortizedPosterior(Gaussian((8,)), **{"max_iter": 2, "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "sims.zarr"
    for n in range(1000, 7000, 1000):  # so that there are six chunks
        ConjugateGaussian().sample(n, random_state=0, store=path)
    return path


@pytest.fixture
def stored(path):
    return open_store(path)


@pytest.fixture
def in_parts(monkeypatch):
    """Let everything be read in parts of 500 rows, the first of 1,000."""
    monkeypatch.setattr("skabi.estimators._stored._WHOLE", 0)
    monkeypatch.setattr("skabi.estimators._stored._PART", 500 * 16)
    monkeypatch.setattr("skabi.estimators._stored._MOST_FIRST", 1000)
    # Predictions from fewer points, for speed.
    monkeypatch.setattr("skabi.estimators._inference._N_BASE", 8)


def test_a_small_store_is_as_good_as_memory(stored):
    X, y = stored
    fitted, in_memory = posterior(prior=PRIOR).fit(X, y), posterior(prior=PRIOR).fit(X.read(), y)
    np.testing.assert_array_equal(
        fitted.sample(X[:5], 10, random_state=0), in_memory.sample(X[:5].read(), 10, random_state=0)
    )
    assert fitted.score(X[:100], y[:100]) == in_memory.score(X[:100].read(), y[:100])


def test_a_large_store_is_read_in_parts(stored, in_parts, monkeypatch):
    X, y = stored
    read = []
    original = type(X).read
    monkeypatch.setattr(type(X), "read", lambda self, rows=None: read.append(len(rows)) or original(self, rows))
    fitted = posterior(prior=PRIOR, max_iter=15).fit(X, y)
    assert 1000 <= read[0] < 2100 and max(read[1:]) < 2000
    n_held_out = int(np.ceil(0.1 * read[0]))
    assert sum(read[1:]) == fitted.n_iter_ * (6000 - n_held_out)
    monkeypatch.undo()
    new, theta = ConjugateGaussian().sample(1000, random_state=1)
    exact = ConjugateGaussian().log_posterior(new, theta.to_numpy()).mean()
    # Two parameters of a mean, four of a covariance, from 5,900 simulations, and training that ends early.
    assert fitted.score(new, theta) > exact - 0.02


def test_held_out_rows_are_never_trained_on(stored, in_parts, monkeypatch):
    X, y = stored
    trained, held_out = [], []
    further_rows, train = AmortizedPosterior._further_rows, AmortizedPosterior._train

    def note_rows(self, model, X, y, *, device):
        trained.append(y[:, 0])
        return further_rows(self, model, X, y, device=device)

    def note_held_out(self, task):
        held_out.append(self._parameter_map.from_network(task.theta[task.held_out])[:, 0])
        return train(self, task)

    monkeypatch.setattr(AmortizedPosterior, "_further_rows", note_rows)
    monkeypatch.setattr(AmortizedPosterior, "_train", note_held_out)
    posterior(prior=PRIOR, max_iter=1).fit(X, y)
    together = np.sort(np.concatenate([*trained, *held_out]))
    np.testing.assert_allclose(together, np.sort(y.to_numpy()[:, 0]), rtol=1e-12)


def test_the_rate_falls_to_its_end_whatever_the_size_of_parts(stored, in_parts, monkeypatch):
    X, y = stored
    monkeypatch.setattr("skabi.estimators._stored._PART", 100 * 16)
    rates = []

    class Note(Callback):
        def on_batch_end(self, net, batch=None, training=False, **_):
            if training:
                rates.append(net.optimizer_.param_groups[0]["lr"])

    posterior(prior=PRIOR, max_iter=3, early_stopping=False, batch_size=64, callbacks=[Note()]).fit(X, y)
    assert rates.index(max(rates)) < 0.2 * len(rates) and rates[-1] < 0.001 * max(rates)
    assert all(later <= sooner for sooner, later in pairwise(rates[len(rates) // 5 :]))


def test_parameters_outside_the_prior_are_refused_at_once(tmp_path, in_parts):
    simulator = Simulator(
        IndependentPrior({"rate": stats.gamma(2.0)}),
        lambda rate, rng: rng.poisson(rate, (2, len(rate))).T,
        vectorized=True,
    )
    X, y = simulator.sample(3000, random_state=0, store=tmp_path / "sims.zarr")
    y.iloc[2900] = -1.0
    with pytest.raises(ValueError, match="row 2900"):
        posterior(prior=simulator.prior).fit(X, y)


def test_searches_and_splits_read_what_they_need(stored, in_parts):
    X, y = stored
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert posterior(prior=PRIOR).fit(X_train, y_train).score(X_test, y_test) > -10
    search = GridSearchCV(posterior(prior=PRIOR), {"engine__hidden_layer_sizes": [(4,), (8,)]}, cv=2).fit(X, y)
    assert search.best_estimator_.n_features_in_ == 2


def test_sets_of_any_size_are_read_in_parts(tmp_path, in_parts):
    simulator = GaussianMeanScale(n_observations=(3, 9))
    X, y = simulator.sample(3000, random_state=0, store=tmp_path / "sims.zarr")
    fitted = posterior(prior=simulator.prior).fit(X, y)
    assert fitted.sample(X[:3], 10).shape == (3, 10, 2)


def test_several_sources_are_read_in_parts(tmp_path, in_parts):
    def simulate(mean, rng):
        return {
            "a": mean[:, None] + rng.normal(size=(len(mean), 3)),
            "b": mean[:, None] + rng.normal(size=(len(mean), 2)),
        }

    simulator = Simulator(IndependentPrior({"mean": stats.norm()}), simulate, vectorized=True)
    X, y = simulator.sample(3000, random_state=0, store=tmp_path / "sims.zarr")
    fitted = posterior(prior=simulator.prior).fit(X, y)
    assert fitted.sample(X[:3], 10).shape == (3, 10, 1)


def test_other_estimators_take_a_store(stored, in_parts):
    X, y = stored
    labels = np.where(y.to_numpy()[:, 0] > 0, "up", "down")
    comparator = AmortizedModelComparator(head=Softmax(1, block_width=8), max_iter=2, random_state=0).fit(X, labels)
    assert comparator.score(X[:500], labels[:500]) > -0.69
    joint = JointEstimator(Gaussian((4,)), Gaussian((4,)), prior=PRIOR, max_iter=1, random_state=0).fit(
        X[:500], y[:500]
    )
    assert joint.sample(X[:2], 5).shape == (2, 5, 2)


def test_answers_read_a_part_at_a_time(stored, in_parts, monkeypatch):
    """Rows in any order, a part of which is as many as the store reads together."""
    X, y = stored
    rows = np.random.default_rng(0).permutation(6000)[:5000]
    X, y, read = X[rows], y.iloc[rows], []
    fitted = posterior(n_simulations=500).fit(ConjugateGaussian())
    whole = X.read()
    expected = [
        fitted.log_prob(whole, y),
        fitted.predict(whole),
        np.stack(fitted.predict(whole, return_std=True)),
        fitted.predict(whole, quantiles=[0.1, 0.9]),
        fitted.transform(whole),
        fitted.usual_p_values(whole),
    ]
    score = fitted.score(whole, y)
    original = type(X).read
    monkeypatch.setattr(type(X), "read", lambda self, rows=None: read.append(len(rows)) or original(self, rows))
    answers = [
        fitted.log_prob(X, y),
        fitted.predict(X),
        np.stack(fitted.predict(X, return_std=True)),
        fitted.predict(X, quantiles=[0.1, 0.9]),
        fitted.transform(X),
        fitted.usual_p_values(X),
    ]
    for answer, wanted in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(answer, wanted)
    assert fitted.score(X, y) == score
    assert sum(read) == 7 * 5000 and max(read) < 1000


def test_comparators_and_likelihoods_answer_in_parts(stored, in_parts, monkeypatch):
    X, y = stored
    labels = np.where(y.to_numpy()[:, 0] > 0, "up", "down")
    comparator = AmortizedModelComparator(head=Softmax(1, block_width=8), max_iter=1, random_state=0)
    comparator.fit(X[:500].read(), labels[:500])
    joint = JointEstimator(Gaussian((4,)), Gaussian((4,)), n_simulations=300, max_iter=1, random_state=0)
    joint.fit(ConjugateGaussian())
    whole, read = X.read(), []
    original = type(X).read
    monkeypatch.setattr(type(X), "read", lambda self, rows=None: read.append(len(rows)) or original(self, rows))
    np.testing.assert_array_equal(comparator.predict_proba(X), comparator.predict_proba(whole))
    np.testing.assert_array_equal(joint.log_likelihood(X, y), joint.log_likelihood(whole, y))
    np.testing.assert_array_equal(joint.predict(X), joint.predict(whole))
    assert sum(read) == 3 * 6000 and max(read) < 2000


def test_what_parts_warn_of_is_said_once(stored, in_parts):
    X, y = stored
    fitted = posterior(n_simulations=300, max_iter=1).fit(ConjugateGaussian())
    with pytest.raises(ShapeError, match="got 6000 and 10"):
        fitted.score(X, y[:10])
    fitted._scaled = lambda X: warn("odd.", ApproximationWarning) or type(fitted)._scaled(fitted, X)
    with pytest.warns(ApproximationWarning) as caught:
        fitted.predict(X)
    (message,) = [str(each.message) for each in caught]
    assert message == "in 6 of 6 parts of the data sets, the first: odd."


def test_y_of_another_length_is_refused(stored, in_parts):
    X, y = stored
    with pytest.raises(ShapeError, match="same n_datasets"):
        posterior().fit(X, y[:10])


@pytest.fixture(scope="module")
def fitted():
    return posterior(n_simulations=2000).fit(ConjugateGaussian())


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("skabi.estimators._stored_draws._CHUNK", 2000)


def test_draws_in_a_store_are_those_of_the_posterior(fitted, small_chunks, tmp_path):
    X, _ = ConjugateGaussian().sample(45, random_state=1)
    draws = fitted.sample(X, 100, store=tmp_path / "draws.zarr", random_state=0)
    assert isinstance(draws, zarr.Array) and draws.shape == (45, 100, 2) and draws.chunks == (10, 100, 2)
    mean, std = fitted.predict(X, return_std=True)
    z = (draws[:].mean(axis=1) - mean) / std * 10
    assert abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / z.size)
    noise = (draws[:20] - mean[:20, np.newaxis]) / std[:20, np.newaxis]
    # Chunks have seeds of their own.
    assert abs(np.corrcoef(noise[:10].ravel(), noise[10:].ravel())[0, 1]) < 5 / np.sqrt(2000)


def test_draws_that_are_there_are_not_drawn_again(fitted, small_chunks, tmp_path, monkeypatch):
    X, _ = ConjugateGaussian().sample(45, random_state=1)
    whole = fitted.sample(X, 100, store=tmp_path / "whole.zarr", random_state=0)[:]
    path, calls = tmp_path / "part.zarr", []
    original = AmortizedPosterior.sample

    def limited(self, X, *arguments, store=None, **options):
        if store is None:
            calls.append(len(X))
            if len(calls) == 4:
                raise KeyboardInterrupt
        return original(self, X, *arguments, store=store, **options)

    monkeypatch.setattr(AmortizedPosterior, "sample", limited)
    with pytest.raises(KeyboardInterrupt):
        fitted.sample(X, 100, store=path, random_state=0)
    np.testing.assert_array_equal(fitted.sample(X, 100, store=path, random_state=0)[:], whole)
    assert calls == [1, 10, 10, 10, 1, 10, 10, 5]
    np.testing.assert_array_equal(fitted.sample(X, 100, store=path)[:], whole)


def test_workers_make_the_same_draws(fitted, small_chunks, tmp_path):
    X, _ = ConjugateGaussian().sample(45, random_state=1)
    one = fitted.sample(X, 100, store=tmp_path / "one.zarr", random_state=0)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        two = fitted.sample(X, 100, store=tmp_path / "two.zarr", random_state=0)
    np.testing.assert_array_equal(one[:], two[:])


def test_draws_of_something_else_are_refused(fitted, small_chunks, tmp_path):
    X, _ = ConjugateGaussian().sample(25, random_state=1)
    path = tmp_path / "draws.zarr"
    fitted.sample(X, 100, store=path, random_state=0)
    other = posterior(n_simulations=300, max_iter=3).fit(ConjugateGaussian())
    in_other_units = AmortizedPosterior(Gaussian((8,)), max_iter=2, random_state=0)
    rows, parameters = ConjugateGaussian().sample(300, random_state=0)
    in_other_units.fit(rows, parameters).sample(X, 100, store=tmp_path / "units.zarr")
    again = AmortizedPosterior(Gaussian((8,)), max_iter=2, random_state=0).fit(rows, 1000 * parameters)
    with pytest.raises(StoreError, match="not the same: draws of the first"):
        again.sample(X, 100, store=tmp_path / "units.zarr")
    for estimator, data, n_draws, seed, what in (
        (other, X, 100, 0, "weights"),
        (fitted, X + 1, 100, 0, "data sets"),
        (fitted, X, 50, 0, "shape"),
        (fitted, X, 100, 1, "random_state"),
    ):
        with pytest.raises(StoreError, match=what):
            estimator.sample(data, n_draws, store=path, random_state=seed)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="no store of draws"):
        fitted.sample(X, 10, store=tmp_path / "mine")
    with pytest.raises(StoreError, match="is a file"):
        fitted.sample(X, 10, store=tmp_path / "mine" / "notes.txt")
    with pytest.raises(TypeError, match="path of a folder"):
        fitted.sample(X, 10, store=3)
    with pytest.raises(ValueError, match="features"):
        fitted.sample(X[:, :1], 10, store=tmp_path / "new.zarr")
    assert not (tmp_path / "new.zarr").exists()


def test_a_chunk_that_was_cut_short_is_drawn_again(fitted, small_chunks, tmp_path):
    X, _ = ConjugateGaussian().sample(25, random_state=1)
    path = tmp_path / "draws.zarr"
    whole = fitted.sample(X, 100, store=path, random_state=0)[:]
    chunk = path / "c" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-100])
    np.testing.assert_array_equal(fitted.sample(X, 100, store=path, random_state=0)[:], whole)


def test_one_warning_for_all_chunks(fitted, small_chunks, tmp_path):
    X, _ = ConjugateGaussian().sample(25, random_state=1)
    X[[0, 24]] = 90.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted.sample(X, 100, store=tmp_path / "draws.zarr")
    (message,) = [str(each.message) for each in caught if each.category is ApproximationWarning]
    assert message.startswith("in 2 of 3 parts")


def test_a_full_disk_is_told(fitted, small_chunks, tmp_path, monkeypatch):
    X, _ = ConjugateGaussian().sample(25, random_state=1)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skabi.estimators._stored_draws._draw_chunk", full)
    with pytest.raises(StoreError, match="No space left"):
        fitted.sample(X, 100, store=tmp_path / "draws.zarr")
