"""Print whether a store of simulations comes through what happens to long runs, and what it costs.

python benchmarks/store.py                    # everything; a quarter of an hour
python benchmarks/store.py kills --n-rows 20000 --n-kills 5
python benchmarks/store.py disk speed

Parts: kills (SIGKILL at random moments of a simulation with two workers: of all its processes, of the parent alone, or
of a worker; rows compared with those of an undisturbed run), disk (no space, a folder that cannot be written to, a
damaged chunk, a worker that is killed once or always), speed (simulators of 1 ms and 10 ms a row, against a loop).
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from skabi.exceptions import StoreError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, open_store
from skabi.simulators._store_files import NODE
from skabi.simulators._store_plan import find_store

PRIOR = IndependentPrior({"a": stats.norm(0.0, 1.0), "b": stats.gamma(2.0)})
SEED = 0


def logged(a, b, rng):
    """Return 20 numbers, and note the parameter, which no other row has, in a file of the process."""
    folder = os.environ.get("SKABI_LOG")
    if folder:
        with open(f"{folder}/{os.getpid()}", "ab") as file:
            file.write(np.float64(a).tobytes())
    return rng.normal(a, b, size=20)


def fatal(a, b, rng, *, flag):
    """End the process in the middle of the work, unless a file is there; once, it is made first."""
    if a > 2 and not Path(flag).exists():
        if "always" not in Path(flag).name:
            Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return rng.normal(a, b, size=20)


def busy(a, b, rng, *, seconds):
    """Compute for a given time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return rng.normal(a, b, size=20)


def busy_1(a, b, rng):
    return busy(a, b, rng, seconds=0.001)


def busy_10(a, b, rng):
    return busy(a, b, rng, seconds=0.01)


def start_run(path, n, log):
    """Start a process that samples into a store with two workers, in a process group of its own."""
    log.mkdir()
    code = f"import store; store.Simulator(store.PRIOR, store.logged).sample({n}, store={str(path)!r}, "
    code += f"random_state={SEED}, n_jobs=2)"
    environment = {**os.environ, "SKABI_LOG": str(log), "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)


def rows_of(log):
    """Return the parameters of the rows that were simulated, in any order."""
    return np.concatenate([np.zeros(0), *(np.frombuffer(file.read_bytes(), float) for file in log.iterdir())])


def done_rows(path, n):
    """Return which of `n` rows are in chunks that are done."""
    is_done = np.zeros(n, dtype=bool)
    store = find_store(path)
    for chunk in store.chunks(n) if store else []:
        if (chunk.folder / NODE).exists():
            is_done[chunk.start : chunk.stop] = True
    return is_done


def kill(process, how):
    """Send SIGKILL to all processes of a run, to its parent, or to one of its workers."""
    if how == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "parent":
        process.kill()
    else:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [pid for pid in children if "loky" in Path(f"/proc/{pid}/cmdline").read_text()]
        if workers:
            os.kill(int(workers[-1]), signal.SIGKILL)


def measure_kills(n_rows, n_kills):
    """Kill a run at random moments, go on, and compare."""
    rng = np.random.default_rng()
    with tempfile.TemporaryDirectory() as folder:
        path, logs = Path(folder) / "sims.zarr", []
        n_again, counts, n_rows_lost = 0, dict.fromkeys(("all", "parent", "worker"), 0), 0
        start = time.perf_counter()
        X, y = Simulator(PRIOR, logged).sample(n_rows, random_state=SEED, n_jobs=2)
        # So that some chunks are finished between two kills, and all kills come before the end.
        longest = 3 * (time.perf_counter() - start) / n_kills
        row_of = pd.Series(np.arange(n_rows), index=y["a"])
        start = time.perf_counter()
        while True:
            done = done_rows(path, n_rows)
            logs.append(Path(folder) / f"log-{len(logs)}")
            process = start_run(path, n_rows, logs[-1])
            if sum(counts.values()) == n_kills:
                assert process.wait() == 0
            while process.poll() is None:
                # The clock runs from a new row on: a kill while modules are imported would show nothing.
                n_logged = len(rows_of(logs[-1]))
                while process.poll() is None and len(rows_of(logs[-1])) == n_logged:
                    time.sleep(0.02)
                time.sleep(rng.uniform(0, longest))
                if process.poll() is not None or sum(counts.values()) == n_kills:
                    process.wait()
                    break
                how = rng.choice(list(counts))
                kill(process, how)
                counts[how] += 1
            # Workers without a parent may go on for a while; nobody else is in their group.
            time.sleep(rng.uniform(0, 0.5))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            simulated = row_of[rows_of(logs[-1])].to_numpy()
            n_again += int(done[simulated].sum())
            n_rows_lost += len(simulated) - int(done_rows(path, n_rows).sum() - done.sum())
            if process.returncode == 0:
                break
        seconds = time.perf_counter() - start
        stored_X, stored_y = open_store(path)
        is_same = np.array_equal(stored_X.read().view(np.uint64), X.view(np.uint64)) and stored_y.equals(y)
        print(f"## {sum(counts.values())} SIGKILLs of a simulation of {n_rows:,} rows with two workers\n")
        print(
            f"killed: all processes {counts['all']}, the parent {counts['parent']}, a worker {counts['worker']} times"
        )
        print(f"chunks: {len(find_store(path).chunks())}; {seconds:.0f} s with all kills")
        print(f"rows identical, bit by bit: {is_same}")
        print(f"rows of open chunks that were lost: {n_rows_lost:,} ({n_rows_lost / n_rows:.1%})")
        print(f"rows simulated again though their chunk was done: {n_again}\n")


@contextmanager
def small_disk(folder, *, size):
    """Mount a small file system, and yield whether that was possible."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def first_error(simulator, n, **options):
    """Return the error that sampling raises, with its cause, as text."""
    try:
        simulator.sample(n, random_state=SEED, **options)
    except StoreError as error:
        return f"{error} (cause: {type(error.__cause__).__name__})"
    return "none"


def is_as_without_store(path, simulator, n, **options):
    """Return whether sampling into a store gives the rows of sampling without one."""
    X, y = simulator.sample(n, random_state=SEED, store=path, **options)
    expected_X, expected_y = simulator.sample(n, random_state=SEED)
    return np.array_equal(X.read(), expected_X) and y.equals(expected_y)


def measure_full_disk(simulator, n):
    """Fill a disk up; go on once there is space; then try where nothing may be written."""
    with tempfile.TemporaryDirectory() as folder, small_disk(folder, size="512k") as is_mounted:
        path = f"{folder}/sims.zarr"
        if is_mounted:
            print(f"full (tmpfs of 512 KiB): {first_error(simulator, n, store=path)}")
            subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        else:
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
            print(f"full (files limited to 20 kB by RLIMIT_FSIZE): {first_error(simulator, n, store=path)}")
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        print(f"with more space, identical: {is_as_without_store(path, simulator, n)}")
        if is_mounted:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        elif os.geteuid():
            Path(path).chmod(0o500)
        else:
            print("read-only folder: not tried, the super-user writes to any and may not mount one here")
            return
        print(f"read-only folder: {first_error(simulator, 2 * n, store=path)}")
        print(f"its rows can still be read: {len(simulator.sample(n, store=path)[0]) == n}")


def measure_disk(n_rows, n_kills):
    """Print what is said of broken disks, chunks and workers, and whether the rows are right in the end."""
    n, simulator = 4000, Simulator(PRIOR, logged)
    print("## Disk, chunks and workers\n")
    measure_full_disk(simulator, n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sims.zarr"
        simulator.sample(n, random_state=SEED, store=path)
        damaged = sorted(path.rglob("X/c/0/0"))[-1]
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        try:
            open_store(path)[0].read()
            print("one bit of a chunk: not noticed")
        except StoreError as error:
            print(f"one bit of a chunk: {error}")
        print(f"sampled again, identical: {is_as_without_store(path, simulator, n)}")
        for name in ("once", "always"):
            path, simulator = f"{folder}/{name}.zarr", Simulator(PRIOR, partial(fatal, flag=f"{folder}/{name}"))
            print(f"simulate ends the worker {name}: {first_error(simulator, n, store=path, n_jobs=2)}")
            Path(f"{folder}/{name}").touch()
            print(f"sampled again when it does not, identical: {is_as_without_store(path, simulator, n)}")
    print()


def seconds_of(function):
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def bare_loop(simulate, n):
    """Simulate in a plain loop."""
    rng = np.random.default_rng(SEED)
    y = PRIOR.sample(n, random_state=SEED).to_numpy()
    return np.array([simulate(a, b, rng) for a, b in y])


def measure_speed(n_rows, n_kills):
    """Print the speed of a loop and of both ways to sample, with one and with two workers that are there already."""
    print("## Speed\n")
    print("| milliseconds a row | rows | workers | store | seconds | speed-up over a loop | overhead a row |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for simulate, milliseconds, n in ((busy_1, 1, 10_000), (busy_10, 10, 3000)):
        simulator = Simulator(PRIOR, simulate)
        loop = seconds_of(lambda simulate=simulate, n=n: bare_loop(simulate, n))
        print(f"| {milliseconds} | {n:,} | loop | | {loop:.2f} | 1.00 | |")
        for n_jobs in (1, 2):
            simulator.sample(64, random_state=SEED, n_jobs=n_jobs)
            for is_stored in (False, True):
                with tempfile.TemporaryDirectory() as folder:
                    options = {"store": f"{folder}/sims.zarr"} if is_stored else {}
                    options |= {"random_state": SEED, "n_jobs": n_jobs}
                    seconds = seconds_of(lambda s=simulator, n=n, o=options: s.sample(n, **o))
                overhead = (seconds * n_jobs - loop) / n * 1e6
                print(
                    f"| {milliseconds} | {n:,} | {n_jobs} | {'yes' if is_stored else 'no'} | {seconds:.2f} | "
                    f"{loop / seconds:.2f} | {overhead:.0f} µs |",
                    flush=True,
                )
    print()


PARTS = {"kills": measure_kills, "disk": measure_disk, "speed": measure_speed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--n-rows", type=int, default=200_000, help="of kills")
    parser.add_argument("--n-kills", type=int, default=20)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in arguments.parts or PARTS:
        PARTS[name](arguments.n_rows, arguments.n_kills)


if __name__ == "__main__":
    # Workers and other processes find what they simulate under the name of the module.
    import store

    store.main()
