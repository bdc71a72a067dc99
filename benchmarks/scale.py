"""Print what large jobs cost: training from disk, draws to disk, workers of several kinds, and hours of use.

python benchmarks/scale.py                              # everything but soak; a quarter of an hour
python benchmarks/scale.py training --gib 4
python benchmarks/scale.py soak --minutes 10

Parts: training (seconds a row and memory of training from a store of `--gib` GiB, beside rows in memory), draws
(100,000 data sets with 1,000 draws each to a store, beside draws in memory), workers (simulation by two processes of
loky and of a local Dask cluster), threads (two fits at once under n_jobs=2 beside one after the other), soak (a process
that fits, samples, saves and loads, and its memory). Memory is that of the process without the page cache: anonymous
pages, above those at its start.
"""

import argparse
import gc
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
from scipy import stats
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback

import skabi
from skabi import AmortizedPosterior
from skabi.datasets import TwoMoons
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

N_NUMBERS = 1024
N_ROUNDS = 3
PRIOR = IndependentPrior({"level": stats.norm(), "slope": stats.norm()})


def lines(level, slope, rng):
    """Return rows of 1,024 numbers: a line and noise."""
    x = np.linspace(-1, 1, N_NUMBERS)
    return level[:, np.newaxis] + slope[:, np.newaxis] * x + rng.normal(size=(len(level), N_NUMBERS))


def busy(level, slope, rng, *, seconds=0.005):
    """Compute for some time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return rng.normal(level, 1.0, size=4)


def anonymous():
    """Return the bytes of the process that are not files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    raise OSError("no RssAnon in /proc/self/status")


@contextmanager
def peak():
    """Yield a dict that has the largest memory above that at the start, in MiB, at the end."""
    start, result, is_over = anonymous(), {"MiB": 0.0}, threading.Event()

    def watch():
        while not is_over.wait(0.02):
            result["MiB"] = max(result["MiB"], (anonymous() - start) / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield result
    finally:
        is_over.set()
        watcher.join()


def cost_of_epochs(X, y):
    """Return memory of a fit of three epochs, and seconds a row of an epoch but the first."""
    ends = []

    class Clock(Callback):
        def on_epoch_end(self, net, **_):
            ends.append(time.perf_counter())

    posterior = AmortizedPosterior(prior=PRIOR, max_iter=3, callbacks=[Clock()], random_state=0)
    with peak() as memory:
        posterior.fit(X, y)
    return memory["MiB"], (ends[-1] - ends[0]) / (len(ends) - 1) / len(y)


def measure_training(folder, *, gib, **_):
    """A store of some GiB beside a part of it in memory."""
    n = int(gib * 2**30 / (8 * N_NUMBERS))
    simulator = Simulator(PRIOR, lines, vectorized=True)
    start = time.perf_counter()
    X, y = simulator.sample(n, random_state=0, store=folder / "sims.zarr", n_jobs=2)
    print(f"## Training: {n:,} rows of {N_NUMBERS} numbers, {X.nbytes / 2**30:.2f} GiB\n")
    print(f"simulated and stored by two workers in {time.perf_counter() - start:.0f} s\n")
    n_part = n // 4
    print(f"| microseconds a row and epoch: in memory ({n_part:,} rows) | in the store | peak MiB above the start |")
    print("| --- | --- | --- |")
    ratios = []
    for _ in range(N_ROUNDS):
        in_memory = X[:n_part].read()
        _, a_row = cost_of_epochs(in_memory, y[:n_part])
        del in_memory
        gc.collect()
        mib, a_stored_row = cost_of_epochs(X, y)
        ratios.append(a_row / a_stored_row)
        print(f"| {1e6 * a_row:.1f} | {1e6 * a_stored_row:.1f} | {mib:.0f} |", flush=True)
    print(f"\nspeed from disk: {np.median(ratios):.0%} of that in memory (median)\n")


def measure_draws(folder, *, n_datasets=100_000, n_draws=1000, **_):
    """10^8 draws to a store."""
    posterior = AmortizedPosterior(n_simulations=2000, max_iter=5, random_state=0).fit(TwoMoons())
    X, _ = TwoMoons().sample(n_datasets, random_state=1)
    part = n_datasets // 50
    posterior.sample(X[:100], n_draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        start = time.perf_counter()
        posterior.sample(X[:part], n_draws)
        in_memory = part * n_draws / (time.perf_counter() - start)
        with peak() as memory:
            start = time.perf_counter()
            draws = posterior.sample(X, n_draws, store=folder / "draws.zarr", random_state=0)
            stored = n_datasets * n_draws / (time.perf_counter() - start)
    print(f"## Draws: {draws.shape[0]:,} data sets x {draws.shape[1]:,}\n")
    print(f"in memory {in_memory:,.0f} a second, to a store {stored:,.0f}: {stored / in_memory:.0%}")
    print(f"peak {memory['MiB']:.0f} MiB above the start\n")


def measure_workers(folder, *, n=2000, **_):
    """Two processes of loky beside two of Dask, and one."""
    from distributed import Client, LocalCluster

    simulator = Simulator(PRIOR, busy)
    print(f"## Workers: {n:,} simulations of 5 ms\n")
    print("| workers | seconds | seconds to a store |\n| --- | --- | --- |")
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster):
        for name, configuration in {
            "one process": {"backend": "sequential"},
            "loky, 2": {"backend": "loky", "n_jobs": 2},
            "Dask, 2": {"backend": "dask"},
        }.items():
            with joblib.parallel_config(**configuration):
                simulator.sample(64, random_state=1)
                seconds = []
                for options in ({}, {"store": folder / f"{name}.zarr"}):
                    start = time.perf_counter()
                    simulator.sample(n, random_state=0, **options)
                    seconds.append(time.perf_counter() - start)
            print(f"| {name} | {seconds[0]:.2f} | {seconds[1]:.2f} |", flush=True)
    print()


def measure_threads(folder, **_):
    """Two fits at once: twice as quick if they do not fight over cores."""
    X, y = TwoMoons().sample(4000, random_state=0)
    posterior = AmortizedPosterior(prior=TwoMoons().prior, max_iter=8, random_state=0)
    print("## Threads: cross-validation with four fits\n")
    for n_jobs in (1, 2):
        cross_val_score(posterior, X[:200], y[:200], cv=2, n_jobs=n_jobs)
        start = time.perf_counter()
        cross_val_score(posterior, X, y, cv=4, n_jobs=n_jobs)
        print(f"n_jobs={n_jobs}: {time.perf_counter() - start:.1f} s", flush=True)
    print()


def measure_soak(folder, *, minutes, **_):
    """Use over and over again, and the memory of the process."""
    print(f"## Soak: {minutes:g} minutes\n\n| round | MiB |\n| --- | --- |")
    end, n_rounds = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:
        posterior = AmortizedPosterior(Gaussian((16,)), n_simulations=1000, max_iter=3, random_state=n_rounds)
        posterior.fit(TwoMoons())
        posterior.save(folder / "posterior", overwrite=True)
        X, y = TwoMoons().sample(200, random_state=n_rounds)
        loaded = skabi.load(folder / "posterior")
        loaded.sample(X, 500)
        loaded.score(X, y)
        n_rounds += 1
        if n_rounds & (n_rounds - 1) == 0 or time.monotonic() > end:
            gc.collect()
            print(f"| {n_rounds} | {anonymous() / 2**20:.0f} |", flush=True)
    print()


PARTS = {
    "training": measure_training,
    "draws": measure_draws,
    "workers": measure_workers,
    "threads": measure_threads,
    "soak": measure_soak,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all but soak")
    parser.add_argument("--gib", type=float, default=4.0, help="size of the store of training")
    parser.add_argument("--minutes", type=float, default=10.0, help="of soak")
    parser.add_argument("--folder", help="where stores are made; by default among temporary files")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in arguments.parts or [name for name in PARTS if name != "soak"]:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            PARTS[name](Path(folder), gib=arguments.gib, minutes=arguments.minutes)


if __name__ == "__main__":
    main()
