"""Data sets in a store: selected without reading, read once a chunk."""

import pickle
from threading import Thread

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing

from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, _store_plan, _store_view, open_store

PRIOR = IndependentPrior({"a": stats.norm(0.0, 1.0)})


def dense(a, rng):
    return rng.normal(a[:, np.newaxis], size=(len(a), 4))


def ragged(a, rng, n_observations):
    return rng.normal(a, size=(n_observations, 2))


def both(a, rng, n_observations):
    return {"set": rng.normal(a, size=n_observations["set"]), "level": rng.normal(a)}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_store_plan, "_LARGEST", 500)
        folder = tmp_path_factory.mktemp("stores")
        made = {}
        for simulate, options in (
            (dense, {"vectorized": True}),
            (ragged, {"n_observations": (1, 5)}),
            (both, {"n_observations": {"set": (1, 5)}}),
        ):
            simulator = Simulator(PRIOR, simulate, block_size=10, **options)
            path = folder / simulate.__name__
            simulator.sample(80, random_state=0, store=path)
            made[simulate.__name__] = path, simulator.sample(80, random_state=0)
        yield made


@pytest.fixture
def reads(monkeypatch):
    """Return a list to which every chunk that is read is added."""
    found, read = [], _store_view.read_data_sets

    def noted(folder, attributes, i):
        found.append(folder.name)
        return read(folder, attributes, i)

    monkeypatch.setattr(_store_view, "read_data_sets", noted)
    return found


def test_dense_data_sets_look_like_an_array(stores, reads):
    path, (expected, _) = stores["dense"]
    X, _ = open_store(path)
    assert (len(X), X.shape, X.ndim, X.dtype) == (80, (80, 4), 2, np.float64)
    assert repr(X) == f"<80 data sets (4,) in {str(path)!r}>"
    mask = np.arange(80) % 3 == 0
    for rows in (slice(5, 60, 3), slice(None, None, -1), [3, 70, 3, -1], mask, mask.tolist(), [], np.arange(80)):
        kept = expected[[]] if isinstance(rows, list) and not rows else expected[rows]
        assert X[rows].shape == kept.shape
        assert_array_equal(X[rows].read(), kept)
        assert_array_equal(X.read(rows), kept)
        assert_array_equal(X[rows][::2].read(), kept[::2])
        assert_array_equal(X[rows, ...], kept)
    assert_array_equal(X[-3], expected[-3])
    assert_array_equal(list(X[50:53]), expected[50:53])
    assert np.asarray(X, dtype=np.float32).dtype == np.float32
    assert np.asarray(X).flags.writeable


def test_data_sets_with_sizes_are_a_list_once_read(stores):
    path, (expected, _) = stores["ragged"]
    X, _ = open_store(path)
    assert (len(X), X.shape, X.ndim, X.dtype) == (80, (80,), 1, object)
    assert isinstance(X.read(), list) and isinstance(np.asarray(X), np.ndarray)
    for rows in (slice(7, 60, 9), [5, 5, 79, 0]):
        kept = [expected[i] for i in np.arange(80)[rows]]
        for read in (X[rows].read(), X.read(rows), np.asarray(X[rows])):
            assert len(read) == len(kept) and all(map(np.array_equal, read, kept))
    assert_array_equal(X[11], expected[11])


def test_sources_are_a_slice_dict(stores):
    path, (expected, _) = stores["both"]
    X, _ = open_store(path)
    part = X[np.array([40, 3, 3])]
    assert type(part) is type(expected) and len(part) == 3
    assert_array_equal(part["level"].read(), expected["level"][[40, 3, 3]])
    kept = expected["set"][[40, 3, 3]]
    assert part["set"].read().dtype == kept.dtype and all(map(np.array_equal, part["set"].read(), kept))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (80, "there are 80 data sets; got index 80"),
        ([0, 80], "got indices from 0 to 80"),
        ([-81], "got indices"),
        (np.zeros(79, bool), "a mask must have one entry for each of 80 data sets; got 79"),
        ([[1]], "one axis of int or bool"),
        ([0.5], "one axis of int or bool"),
        ((slice(None), 0), "selected by rows alone"),
    ],
)
def test_wrong_rows(stores, rows, words):
    X, _ = open_store(stores["dense"][0])
    with pytest.raises(IndexError, match=words):
        X[rows]


def test_splitting_reads_nothing_and_reading_reads_a_chunk_once(stores, reads):
    path, (expected, _) = stores["dense"]
    X, y = open_store(path)
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    folds = [(_safe_indexing(X, train), test) for train, test in KFold(3, shuffle=True, random_state=0).split(X, y)]
    assert not reads
    assert_array_equal(X_train.read(), expected[y_train.index])
    assert len(reads) == len(set(reads)) == len(_store_plan.find_store(path).chunks())
    assert_array_equal(X_test.read(), np.delete(expected, y_train.index, axis=0)[np.argsort(np.argsort(X_test._rows))])
    assert len(folds) == 3 and len(folds[0][0]) == 53
    # All chunks fit into memory: they were not read again.
    assert len(reads) == len(set(reads))


def test_the_cache_is_bounded(stores, reads, monkeypatch):
    path, (expected, _) = stores["dense"]
    X, _ = open_store(path)
    monkeypatch.setattr(_store_view, "_CACHE", 1000)
    for _ in range(2):
        assert_array_equal(X.read(), expected)
        assert sum(size for _, size in X._reader._cache.values()) <= 1000
    assert len(reads) == 2 * len(set(reads))
    assert X[-1] is not None and len(reads) == 2 * len(set(reads))


def test_chunks_are_rows_that_are_read_together(stores, reads):
    path, (expected, _) = stores["dense"]
    X, _ = open_store(path)
    shuffled = np.random.default_rng(0).permutation(80)[:50]
    view = X[shuffled]
    positions = list(view.chunks())
    assert_array_equal(np.sort(np.concatenate(positions)), np.arange(50))
    assert not reads
    for part in positions:
        n_read = len(reads)
        assert_array_equal(view.read(part), expected[shuffled[part]])
        assert len(reads) == n_read + 1
    assert list(X[:0].chunks()) == [] and X[:0].read().shape == (0, 4)


@pytest.mark.parametrize("name", ["dense", "ragged", "both"])
def test_pickle_leaves_data_behind(stores, name):
    path, _ = stores[name]
    X, _ = open_store(path)
    parts = X.values() if isinstance(X, dict) else [X]
    for part in parts:
        empty = len(pickle.dumps(part))
        part.read()
        content = pickle.dumps(part)
        assert len(content) == empty
        again = pickle.loads(content)
        assert all(map(np.array_equal, again.read(), part.read()))


def test_threads_may_read_at_once(stores):
    path, (expected, _) = stores["dense"]
    X, _ = open_store(path)
    with joblib.parallel_config(backend="threading"):
        sums = joblib.Parallel(n_jobs=4)(joblib.delayed(lambda i: X[i::7].read().sum())(i % 7) for i in range(28))
    assert_array_equal(sums, [expected[i % 7 :: 7].sum() for i in range(28)])
    thread = Thread(target=X.read)
    thread.start()
    thread.join()
