"""The store: the rows of a run without one, whatever happens in between."""

import errno
import json
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import scipy
from numpy.testing import assert_array_equal
from scipy import stats

from skabi.exceptions import ApproximationWarning, SimulatorError, StoreError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, _store_chunks, _store_files, _store_plan, _store_run, _store_work, open_store
from skabi.simulators._store_plan import _chunk_rows

PRIOR = IndependentPrior({"a": stats.norm(0.0, 1.0), "b": stats.gamma(2.0)})
CALLS = []


def loop(a, b, rng):
    CALLS.append(a)
    return rng.normal(a, b, size=4)


def batch(a, b, rng):
    return rng.normal(a[:, np.newaxis], 1.0, size=(len(a), 4))


def images(a, b, rng):
    return rng.poisson(b[:, np.newaxis, np.newaxis], size=(len(a), 3, 5))


def sets(a, b, rng, n_observations):
    return rng.normal(a, b, size=(n_observations, 2))


def nested(a, b, rng, n_groups, n_observations):
    return rng.normal(a, b, size=(n_groups, n_observations))


def sources(a, b, rng, n_observations):
    return {"set": rng.normal(a, b, size=n_observations["set"]), "level": rng.normal(a)}


def failing_loop(a, b, rng):
    if a > 1:
        raise ZeroDivisionError("too large")
    return a


def failing_batch(a, b, rng):
    return np.where(a > 1, np.nan, rng.normal(a))


def missing(a, b, rng):
    return np.full((len(a), 3), np.nan)


def infinite(a, b, rng):
    return np.inf


SIMULATORS = {
    "loop": Simulator(PRIOR, loop, block_size=10),
    "batch": Simulator(PRIOR, batch, vectorized=True, block_size=10),
    "images": Simulator(PRIOR, images, vectorized=True, block_size=10),
    "sets": Simulator(PRIOR, sets, n_observations=(1, 5), block_size=10),
    "nested": Simulator(PRIOR, nested, n_observations=(1, 4), n_groups=(1, 3), block_size=10),
    "sources": Simulator(PRIOR, sources, n_observations={"set": (2, 5)}, block_size=10),
    "missing": Simulator(PRIOR, missing, vectorized=True, allow_nan=True, block_size=10),
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(_store_plan, "_LARGEST", 1000)
    # What it is for cannot be tested here, and takes most of the time.
    monkeypatch.setattr(_store_files.os, "fsync", lambda descriptor: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sims.zarr"


def as_lists(X):
    """Return X, in memory or in a store, as a list of arrays for each source."""
    if isinstance(X, dict):
        return {name: as_lists(values)[None] for name, values in X.items()}
    return {None: list(X.read() if hasattr(X, "read") else X)}


def assert_same(stored, expected):
    (X, y), (expected_X, expected_y) = stored, expected
    assert y.equals(expected_y)
    X, expected_X = as_lists(X), as_lists(expected_X)
    assert list(X) == list(expected_X)
    for name, rows in X.items():
        for row, other in zip(rows, expected_X[name], strict=True):
            assert row.dtype == np.float64 and row.shape == other.shape and row.tobytes() == other.tobytes()


def files(path, pattern="X*/c/**/0"):
    """Return files of data, in the order of rows."""
    return sorted(file for file in path.rglob(pattern) if file.is_file())


@pytest.mark.parametrize("name", SIMULATORS)
def test_rows_are_those_without_a_store(path, name):
    simulator = SIMULATORS[name]
    expected = simulator.sample(67, random_state=5)
    assert_same(simulator.sample(67, random_state=5, store=path), expected)
    assert_same(open_store(path), expected)
    assert len(_store_plan.find_store(path).chunks()) > 3


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_write_the_same_rows(path, backend):
    simulator = SIMULATORS["sources"]
    with joblib.parallel_config(backend=backend):
        assert_same(simulator.sample(75, random_state=0, n_jobs=2, store=path), simulator.sample(75, random_state=0))


@pytest.mark.parametrize("name", ["loop", "batch", "sets"])
def test_a_store_is_extended_and_cut(path, name):
    simulator = SIMULATORS[name]
    # Neither 33 nor 71 rows end with a seed block.
    for n in (33, 71, 18):
        expected = simulator.sample(n, random_state=1)
        assert_same(simulator.sample(n, random_state=1, store=path), expected)
        assert_same(simulator.sample(n, store=path), expected)
    assert len(open_store(path)[1]) == 71


def test_nothing_is_simulated_twice(path):
    CALLS.clear()
    SIMULATORS["loop"].sample(50, random_state=0, store=path)
    SIMULATORS["loop"].sample(130, random_state=0, store=path)
    SIMULATORS["loop"].sample(90, random_state=0, store=path)
    assert len(CALLS) == len(set(CALLS)) == 130


@pytest.mark.parametrize(("simulate", "vectorized"), [(failing_loop, False), (failing_batch, True)])
def test_failed_simulations_are_dropped_alike(path, simulate, vectorized):
    simulator = Simulator(PRIOR, simulate, vectorized=vectorized, on_error="drop", block_size=10)
    for n in (95, 60):
        with pytest.warns(ApproximationWarning) as expected_words:
            expected = simulator.sample(n, random_state=0)
        with pytest.warns(ApproximationWarning) as words:
            X, y = simulator.sample(n, random_state=0, store=path)
        assert str(words[0].message) == str(expected_words[0].message)
        assert_same((X, y), expected)
    assert len(X) < 60 and len(open_store(path)[0]) == len(open_store(path)[1]) > len(X)


def test_failures_are_named_alike(path):
    for simulate, n in ((failing_loop, 95), (infinite, 30)):
        for on_error in ("raise", "drop"):
            simulator = Simulator(PRIOR, simulate, on_error=on_error, block_size=10)
            if (simulate, on_error) == (failing_loop, "drop"):
                continue
            with pytest.raises(SimulatorError) as expected:
                simulator.sample(n, random_state=0)
            with pytest.raises(SimulatorError) as raised:
                simulator.sample(n, random_state=0, store=path.with_name(f"{simulate.__name__}-{on_error}"))
            assert str(raised.value) == str(expected.value)
            assert type(raised.value.__cause__) is type(expected.value.__cause__)


def test_shapes_that_differ_are_refused(path):
    simulator = Simulator(PRIOR, lambda a, b, rng: np.zeros(2 if a > 1.5 else 3), block_size=1)
    with pytest.raises(SimulatorError, match="same shape every time"):
        simulator.sample(100, random_state=0, store=path)


DRIVER = """
import json, os, random, signal, sys, time
import numpy as np
from skabi.simulators import Simulator, _store_plan, open_store
from skabi.priors import IndependentPrior
from scipy import stats

PRIOR = IndependentPrior({"a": stats.norm(0.0, 1.0)})
LOG, PATH, N = sys.argv[1], sys.argv[2], 300
_store_plan._LARGEST = 400

def simulate(a, rng):
    with open(f"{os.environ['LOG']}/{os.getpid()}", "ab") as file:
        file.write(np.float64(a).tobytes())
    time.sleep(0.002)
    return rng.normal(a, size=3)

SIMULATOR = Simulator(PRIOR, simulate, block_size=10)

def start(path):
    pid = os.fork()
    if pid == 0:
        os.environ["LOG"] = LOG
        SIMULATOR.sample(N, random_state=0, store=path)
        os._exit(0)
    return pid

def simulated():
    rows = [np.fromfile(f"{LOG}/{name}") for name in os.listdir(LOG)]
    return np.concatenate([np.zeros(0), *rows])

def done():
    store = _store_plan.find_store(store_path)
    chunks = [chunk for chunk in store.chunks(N) if (chunk.folder / "zarr.json").exists()] if store else []
    return {row for chunk in chunks for row in range(chunk.start, min(chunk.stop, N))}

def same(path):
    X, y = open_store(path)
    return bool(np.array_equal(X.read(), expected[0]) and y.equals(expected[1]))

import pathlib
store_path = pathlib.Path(PATH)
os.environ["LOG"] = LOG
expected = SIMULATOR.sample(N, random_state=0)
row_of = {a: row for row, a in enumerate(expected[1]["a"])}

def clear():
    for name in os.listdir(LOG):
        os.remove(f"{LOG}/{name}")

result = {"killed": 0, "lost": 0, "again": 0}
while True:
    clear()
    before = done()
    pid = start(PATH)
    if result["killed"] < 5:
        while len(simulated()) <= 1:
            time.sleep(0.002)
        # A twelfth of what all rows take, so that no run comes to its end before it is killed.
        time.sleep(random.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    rows = [row_of[a] for a in simulated()]
    result["again"] += len(before.intersection(rows))
    result["lost"] += len(rows) - len(done() - before)
    if status == 0:
        break
    assert os.WIFSIGNALED(status), status
    result["killed"] += 1
clear()
pids = [start(PATH + "2") for _ in range(2)]
result["exits"] = [os.waitpid(pid, 0)[1] for pid in pids]
result["together"] = len(simulated())
result["same"], result["same2"] = same(PATH), same(PATH + "2")
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    (folder / "log").mkdir()
    (folder / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(folder / "driver.py"), str(folder / "log"), str(folder / "sims.zarr")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_run_that_is_killed_goes_on(drive):
    assert drive["same"]
    assert drive["killed"] == 5
    # No row of a chunk that was done; one process has one chunk open, of one block.
    assert drive["again"] == 0
    assert 0 < drive["lost"] <= 10 * drive["killed"]


def test_two_writers_share_the_work(drive):
    assert drive["exits"] == [0, 0]
    assert drive["same2"]
    # Of 30 chunks, one follows the plan and one goes at random: with k chunks left they meet with a chance of 1 / k,
    # four times in all, with a standard deviation of 1.5; and each makes the first, from which the plan is made.
    assert drive["together"] < 300 + 10 * (1 + 4 + 4 * 1.5)


@pytest.mark.parametrize("what", ["byte", "cut", "gone", "parameters", "marker", "description", "unmarked"])
def test_damaged_chunks_are_found_and_made_again(path, what, caplog):
    simulator = SIMULATORS["sets"]
    simulator.sample(60, random_state=0, store=path)
    expected = simulator.sample(60, random_state=0)
    chunk = _store_plan.find_store(path).chunks()[2]
    file = next(chunk.folder.glob("X/c/**/0"))
    file = file if file.is_file() else file / "0"
    if what == "byte":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif what == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    elif what == "gone":
        file.unlink()
    elif what == "parameters":
        file = chunk.folder / "y" / "c" / "0" / "0"
        file.write_bytes(b"\1" + file.read_bytes()[1:])
    elif what == "marker":
        file = chunk.folder / "zarr.json"
        file.write_text(file.read_text().replace('"n_kept": 10', '"n_kept": 11').replace('"stop": ', '"stop": 1'))
    elif what == "description":
        file = chunk.folder / "X" / "zarr.json"
        file.write_text("{")
    else:
        file = chunk.folder / "zarr.json"
        file.unlink()
    with pytest.raises(
        StoreError, match=r"not complete" if what == "unmarked" else r"damaged.*sample\(n, store=.*again"
    ):
        open_store(path)[0].read()
    with caplog.at_level(logging.WARNING, logger="skabi.simulators"):
        assert_same(simulator.sample(60, random_state=0, store=path), expected)
    assert ("damaged" in caplog.text) == (what != "unmarked")
    assert_same(open_store(path), expected)


def test_a_damaged_chunk_is_named(path):
    SIMULATORS["batch"].sample(60, random_state=0, store=path)
    chunk = _store_plan.find_store(path).chunks()[1]
    X, _ = open_store(path)
    (chunk.folder / "X" / "c" / "0" / "0").write_bytes(b"nonsense")
    X[:10].read()
    with pytest.raises(StoreError, match=rf"rows {chunk.start} to {chunk.stop} of the store are damaged"):
        X.read()


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "cannot be written to"), (errno.EIO, "failed")]
)
@pytest.mark.parametrize("n_written", [0, 7, 15])
def test_no_damage_by_writing_that_fails(path, monkeypatch, number, words, n_written):
    written = []

    def fail_later(descriptor):
        written.append(descriptor)
        if len(written) > n_written:
            raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(_store_files.os, "fsync", fail_later)
        with pytest.raises(StoreError, match=rf"{words}.*[0-9]+ of 60 simulations are stored") as raised:
            SIMULATORS["loop"].sample(60, random_state=0, store=path)
    assert raised.value.__cause__.errno == number
    assert not list(path.rglob("*.partial"))
    assert_same(
        SIMULATORS["loop"].sample(60, random_state=0, store=path), SIMULATORS["loop"].sample(60, random_state=0)
    )


def test_a_chunk_counts_once_its_description_stands(path, monkeypatch):
    def stop(path, content, **options):
        if path.name == "zarr.json" and path.parent.name.count("-") == 1 and path.parent.name[0] == "0":
            raise KeyboardInterrupt
        _store_files.write_file(path, content, **options)

    with monkeypatch.context() as patched:
        patched.setattr("skabi.simulators._store_chunks.write_file", stop)
        with pytest.raises(KeyboardInterrupt):
            SIMULATORS["loop"].sample(30, random_state=0, store=path)
    # All that the chunk has is there, but for its description.
    assert len(files(path)) == 1 and len(files(path, "y/c/0/0")) == 1
    with pytest.raises(StoreError, match=r"not complete: it has 0 of 30 rows.*sample\(30, store=\.\.\.\)"):
        open_store(path)
    with pytest.raises(StoreError, match="no rows"):
        open_store(path, partial=True)


def test_an_incomplete_store_gives_what_is_done(path):
    SIMULATORS["loop"].sample(60, random_state=0, store=path)
    chunks = _store_plan.find_store(path).chunks()
    (chunks[1].folder / "zarr.json").unlink()
    with pytest.raises(StoreError, match=f"it has {60 - len(chunks[1])} of 60 rows"):
        open_store(path)
    X, y = open_store(path, partial=True)
    expected_X, expected_y = SIMULATORS["loop"].sample(60, random_state=0)
    rest = np.delete(np.arange(60), np.arange(chunks[1].start, chunks[1].stop))
    assert_array_equal(X.read(), expected_X[rest])
    assert_array_equal(y, expected_y.iloc[rest])


def test_lost_workers_are_replaced_a_few_times(path, monkeypatch, caplog):
    results, losses = _store_run._Run._results, []

    def lose(run, chunks):
        if not n_before_loss:
            raise BrokenProcessPool("a worker was killed")
        for i, done in enumerate(results(run, chunks)):
            if i == n_before_loss:
                losses.append(1)
                raise BrokenProcessPool("a worker was killed")
            yield done

    monkeypatch.setattr(_store_run._Run, "_results", lose)
    n_before_loss = 1
    expected = SIMULATORS["loop"].sample(120, random_state=0)
    assert_same(SIMULATORS["loop"].sample(120, random_state=0, store=path), expected)
    assert len(losses) > 3 and "a worker was lost" in caplog.text
    n_before_loss = 0
    with pytest.raises(StoreError, match=r"ended 3 times before.*120 of 150 simulations are stored.*n_jobs"):
        SIMULATORS["loop"].sample(150, random_state=0, store=path)


@pytest.mark.parametrize("name", [name for _, name in _store_run._LOSSES])
def test_workers_of_clusters_are_replaced(name, monkeypatch):
    lost = type(name, (Exception,), {})
    module = next(module for module, each in _store_run._LOSSES if each == name)
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: lost}))
    assert {lost, BrokenProcessPool} <= set(_store_run._lost_worker())


@pytest.mark.parametrize("content", [b"", b"{", None])
def test_a_damaged_description_of_a_store_is_written_again(path, content, caplog):
    expected = SIMULATORS["loop"].sample(60, random_state=0, store=path)
    described = (path / "zarr.json").read_bytes()
    if content is None:
        (path / "zarr.json").unlink()
    else:
        (path / "zarr.json").write_bytes(content)
    assert_same(open_store(path), SIMULATORS["loop"].sample(60, random_state=0))
    with pytest.raises(StoreError, match="the store is good"):
        SIMULATORS["batch"].sample(60, random_state=0, store=path)
    with pytest.raises(StoreError, match="random_state"):
        SIMULATORS["loop"].sample(60, random_state=1, store=path)
    CALLS.clear()
    assert_same(SIMULATORS["loop"].sample(60, random_state=0, store=path), (as_lists(expected[0])[None], expected[1]))
    assert not CALLS and "written again from a copy" in caplog.text
    assert (path / "zarr.json").read_bytes() == described


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A store with several plans, and what it has."""
    path = tmp_path_factory.mktemp("planned") / "sims.zarr"
    for n in (20, 40, 60):
        X, y = SIMULATORS["loop"].sample(n, random_state=0, store=path)
    return path, (X.read(), y)


def damages():
    """Yield functions of the bytes of a file: cut off, and other bytes."""
    yield from (lambda content, share=share: content[: int(share * len(content))] for share in (0.0, 0.1, 0.5, 0.99))
    rng = np.random.default_rng(0)
    yield lambda content: rng.bytes(len(content))
    yield from (
        lambda content, i=i: bytes([*content[: i % len(content)], rng.integers(256), *content[i % len(content) + 1 :]])
        for i in rng.integers(100_000, size=20).tolist()
    )


def is_whole(folder):
    """Return whether the attributes of a description, of which it has a digest, can still be read."""
    try:
        return bool(_store_files.read_group(folder))
    except StoreError:
        return False


@pytest.mark.parametrize("number", [0, 1, -1])
def test_a_damaged_plan_is_told_and_what_to_do(planned, path, number):
    original, (X, y) = planned
    shutil.copytree(original, path)
    folder = sorted(path.glob("rows-*"))[number]
    plan = folder / "zarr.json"
    content = plan.read_bytes()
    for damage in damages():
        plan.write_bytes(damage(content))
        if plan.read_bytes() == content or is_whole(folder):
            # What is read of it is as it was.
            assert_same(open_store(path), (X, y))
            continue
        for call in (lambda: open_store(path), lambda: SIMULATORS["loop"].sample(60, random_state=0, store=path)):
            with pytest.raises(StoreError) as caught:
                call()
            told = str(caught.value)
            assert f"{plan} is damaged" in told and repr(str(path)) in told and "call sample with the same" in told
            assert ("are good, and stay" in told) == (number != 0)
    # What the message says to do helps, and only what was deleted is simulated again.
    for later in sorted(path.glob("rows-*"))[number:]:
        shutil.rmtree(later)
    CALLS.clear()
    again, parameters = SIMULATORS["loop"].sample(60, random_state=0, store=path)
    assert_same((again.read(), parameters), (X, y))
    assert len(CALLS) == 60 - int(folder.name.partition("-")[2])


def test_a_plan_that_is_gone_is_missed(planned, path):
    original, (X, y) = planned
    shutil.copytree(original, path)
    plans = [folder / "zarr.json" for folder in sorted(path.glob("rows-*"))]
    contents = [plan.read_bytes() for plan in plans]
    for plan, content in zip(plans[:-1], contents, strict=False):
        plan.unlink()
        for call in (lambda: open_store(path), lambda: SIMULATORS["loop"].sample(60, random_state=0, store=path)):
            with pytest.raises(StoreError, match=r"is not there\. It is the plan of rows"):
                call()
        plan.write_bytes(content)
    # The last one is made again.
    plans[-1].unlink()
    again, parameters = SIMULATORS["loop"].sample(60, random_state=0, store=path)
    assert_same((again.read(), parameters), (X, y))


def test_a_store_whose_descriptions_are_all_damaged_is_told(planned, path):
    shutil.copytree(planned[0], path)
    for described in (path, *path.glob("rows-*")):
        (described / "zarr.json").write_bytes(b"{")
    with pytest.raises(StoreError, match=r"says whose rows .* is damaged or not there, and so is each plan"):
        open_store(path)


def test_names_that_are_none_of_a_store_are_no_part_of_it(planned, path):
    shutil.copytree(planned[0], path)
    for name in ("rows-old", "rows-", "asked-often"):
        (path / name).mkdir()
        (path / name / "zarr.json").write_text("notes")
    assert_same(open_store(path), planned[1])
    assert_same(SIMULATORS["loop"].sample(60, random_state=0, store=path), planned[1])


def test_a_folder_in_the_place_of_a_plan_is_a_damaged_one(planned, path):
    shutil.copytree(planned[0], path)
    plan = sorted(path.glob("rows-*"))[1] / "zarr.json"
    plan.unlink()
    plan.mkdir()
    with pytest.raises(StoreError, match="is damaged"):
        open_store(path)


def broken(a, b, rng):
    raise ZeroDivisionError("not yet")


def test_a_first_try_that_failed_is_no_obstacle(path, caplog):
    with pytest.raises(SimulatorError, match="not yet"):
        Simulator(PRIOR, broken, block_size=5).sample(200, random_state=0, store=path)
    late = _store_plan.find_store(path).chunks()[0]
    expected = SIMULATORS["loop"].sample(60, random_state=1)
    assert_same(SIMULATORS["loop"].sample(60, random_state=1, store=path), expected)
    assert "has no rows yet; it is begun anew. What differs: simulate" in caplog.text
    assert len(open_store(path)[1]) == 60
    # A writer of the first try that comes late harms nothing.
    chunk = _store_plan.find_store(path).chunks()[0]
    data = {None: np.zeros((10, 4))}
    late = replace(late, folder=chunk.folder)
    _store_chunks.commit(late, data, expected[1][:10], counted={}, attributes={"dropped": [], "seconds": 1.0})
    with pytest.raises(StoreError, match="of another simulator or seed"):
        open_store(path)
    assert_same(SIMULATORS["loop"].sample(60, random_state=1, store=path), expected)


def test_two_simulators_cannot_plan_one_store(path):
    SIMULATORS["loop"].sample(20, random_state=0, store=path)
    other = replace(_store_plan.find_store(path), identity={"block_size": 10})
    with pytest.raises(StoreError, match="another simulator, or one with another seed, has begun to write"):
        other.plan(40, n_workers=1)


def test_other_versions_are_told_of_when_rows_are_added(path, monkeypatch):
    expected = SIMULATORS["loop"].sample(60, random_state=0)
    SIMULATORS["loop"].sample(30, random_state=0, store=path)
    version = scipy.__version__
    monkeypatch.setattr(scipy, "__version__", "9.9")
    SIMULATORS["loop"].sample(20, random_state=0, store=path)
    open_store(path)
    with pytest.warns(ApproximationWarning, match=rf"begun with scipy {version}, now 9\.9\. The rows") as words:
        stored = SIMULATORS["loop"].sample(60, random_state=0, store=path)
    assert len(words) == 1
    assert_same(stored, expected)


def test_a_store_that_somebody_makes_at_this_moment_is_none_of_something_else(path, monkeypatch):
    def publish(folder):
        (folder / "zarr.json").write_text("{}")

    path.mkdir()
    monkeypatch.setattr(_store_plan, "_described_in_plans", publish)
    assert _store_plan.find_store(path) is None


def test_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    SIMULATORS["loop"].sample(10, random_state=0, store="~/sims")
    assert (tmp_path / "sims").is_dir() and len(open_store("~/sims")[1]) == 10


def test_what_another_writer_has_done_is_taken(path, monkeypatch):
    expected = SIMULATORS["loop"].sample(60, random_state=0)
    commit = _store_work.commit

    def beaten(*args, **options):
        commit(*args, **options)
        raise FileNotFoundError(errno.ENOENT, "somebody removed it")

    monkeypatch.setattr(_store_work, "commit", beaten)
    assert_same(SIMULATORS["loop"].sample(60, random_state=0, store=path), expected)


def test_other_things_are_never_overwritten(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    before = sorted(tmp_path.rglob("*"))
    for name in ("notes", "file", "group"):
        for use in (open_store, lambda store: SIMULATORS["loop"].sample(10, store=store)):
            with pytest.raises(StoreError, match="store must be the path of a folder of simulations"):
                use(tmp_path / name)
    with pytest.raises(StoreError, match="no store at"):
        open_store(tmp_path / "nothing")
    with pytest.raises(TypeError, match="store must be the path"):
        SIMULATORS["loop"].sample(10, store=3)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    SIMULATORS["loop"].sample(10, store=tmp_path / "empty")


def test_another_format_is_refused(path, monkeypatch):
    monkeypatch.setattr(_store_plan, "FORMAT", 2)
    SIMULATORS["loop"].sample(10, random_state=0, store=path)
    monkeypatch.setattr(_store_plan, "FORMAT", 1)
    with pytest.raises(StoreError, match="of format 2, and this version of skabi knows format 1"):
        open_store(path)


def test_progress_begins_with_what_is_there(path, capsys):
    SIMULATORS["loop"].sample(60, random_state=0, store=path)
    SIMULATORS["loop"].sample(80, random_state=0, store=path, verbose=1)
    bars = capsys.readouterr().err.split("\r")
    assert "60/80" in bars[1] and "80/80" in bars[-1]


def test_zarr_reads_a_store(path):
    import zarr

    SIMULATORS["loop"].sample(25, random_state=0, store=path)
    root = zarr.open_group(str(path), mode="r")
    chunk = _store_plan.find_store(path).chunks()[0]
    X = root[f"{chunk.folder.parent.name}/{chunk.folder.name}/X"]
    assert_array_equal(X[...], SIMULATORS["loop"].sample(len(chunk), random_state=0)[0])


@pytest.mark.parametrize(
    ("row_bytes", "row_seconds", "n", "expected"),
    [
        # A loop of 16-row blocks: half a minute is the most that is lost, and tiny files are avoided.
        (160, 0.001, 1_000_000, 7808),
        (160, 1e-5, 1_000_000, 6),
        (160, 60.0, 1000, 16),
        # Rows of megabytes.
        (4_000_000, 0.01, 100_000, 16),
    ],
)
def test_chunks_have_a_sensible_size(monkeypatch, row_bytes, row_seconds, n, expected):
    monkeypatch.setattr(_store_plan, "_LARGEST", 2**23)
    rows = _chunk_rows(n, n, (row_bytes, row_seconds), block_size=16, n_workers=2)
    assert rows % 16 == 0
    assert rows * row_bytes <= 2**23 or rows == 16
    assert rows * row_seconds <= 31 or rows == 16
    assert rows * row_seconds > 0.2 or rows * row_bytes > 2**22
