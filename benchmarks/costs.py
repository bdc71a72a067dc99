"""Print what a project of given size costs, from constants that are measured here.

python benchmarks/costs.py                                         # 10^8 simulations, 10^6 data sets; two minutes
python benchmarks/costs.py --n-simulations 1e6 --ms 200 --workers 64 --numbers 50 --parameters 3
python benchmarks/costs.py --only-constants
python benchmarks/costs.py --memory --numbers 36                   # bytes a row of training from a store; five minutes

The constants are seconds of one core of this machine, whatever else it does: of a simulation besides what it computes
itself, of training a row in an epoch, of a posterior draw, of a prediction, with the default networks; and bytes of a
number on disk. The formulas, by which others can be put in, are in `predicted` and in the user guide.
"""

import argparse
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from scale import peak
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator, open_store

HOUR = 3600.0
# Bytes of memory that a row of a store costs who trains, with 4 parameters: `--memory`.
MEMORY_A_ROW = 340
# Rows of the two trainings whose memory is compared.
FEWER, MORE = 1_500_000, 4_000_000


def simulator(n_numbers, n_parameters, *, vectorized):
    """Return a simulator of noise around the parameters, which costs little itself."""

    def simulate(theta, rng):
        shape = (len(theta), n_numbers) if vectorized else (n_numbers,)
        return rng.normal(size=shape) + theta.mean(axis=-1, keepdims=vectorized)

    prior = IndependentPrior({"theta": stats.norm(np.zeros(n_parameters), 1.0)})
    return Simulator(prior, simulate, vectorized=vectorized)


def timed(work):
    """Return what `work` returns, and the seconds that it took of cores."""
    start = time.process_time()
    return work(), time.process_time() - start


def of_simulation(folder, *, numbers, parameters, n=40_000):
    """Return seconds a row, one by one and many at once, and bytes a number on disk."""
    found = {}
    for kind, is_vectorized in (("loop", False), ("vectorized", True)):
        model, path = simulator(numbers, parameters, vectorized=is_vectorized), folder / kind
        n_rows = 10 * n if is_vectorized else n
        model.sample(20, random_state=0)
        _, seconds = timed(partial(model.sample, n_rows, random_state=0, store=path))
        found[f"seconds_{kind}"] = seconds / n_rows
        n_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        found["bytes_a_number"] = n_bytes / (n_rows * (numbers + parameters))
    return found


def of_inference(*, numbers, parameters):
    """Return seconds of training a row in an epoch, of a draw, and of a prediction."""
    model = simulator(numbers, parameters, vectorized=True)
    settings = {"n_simulations": 20_000, "n_iter_no_change": 20, "random_state": 0}
    posterior, seconds = timed(lambda: AmortizedPosterior(max_iter=2, **settings).fit(model))
    _, more = timed(lambda: AmortizedPosterior(max_iter=6, **settings).fit(model))
    X, _ = model.sample(1000, random_state=1)
    posterior.sample(X[:10])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        _, of_draws = timed(lambda: posterior.sample(X, 1000))
    _, of_predictions = timed(lambda: posterior.predict(X[:100]))
    return {
        "seconds_training": (more - seconds) / (4 * 20_000),
        "seconds_draw": of_draws / 1e6,
        "seconds_prediction": of_predictions / 100,
    }


def of_memory(folder, *, numbers, parameters):
    """Return bytes of memory that a row of a store costs who trains, the peak of more rows less that of fewer."""
    model, peaks = simulator(numbers, parameters, vectorized=True), {}
    model.sample(MORE, random_state=0, store=folder / "memory")
    for n in (FEWER, MORE):
        X, y = open_store(folder / "memory")
        posterior = AmortizedPosterior(Gaussian((8,)), prior=model.prior, max_iter=2, batch_size=16_384, random_state=0)
        with peak() as memory:
            posterior.fit(X[:n], y[:n])
        peaks[n] = 2**20 * memory["MiB"]
    return (peaks[MORE] - peaks[FEWER]) / (MORE - FEWER)


def predicted(constants, *, n_simulations, ms, workers, numbers, parameters, epochs, n_datasets, n_draws):
    """Yield name and value of what a project needs."""
    overhead = constants["seconds_loop"]
    yield "simulation, hours", n_simulations * (ms / 1000 + overhead) / workers / HOUR
    yield "store, GB", n_simulations * constants["bytes_a_number"] * (numbers + parameters) / 1e9
    # Parts, and what torch and skabi take themselves, are 0.7 GB. More parameters take more a row.
    yield "memory of who trains, GB", 0.7 + n_simulations * MEMORY_A_ROW / 1e9
    yield f"training, {epochs} epochs, hours", n_simulations * epochs * constants["seconds_training"] / HOUR
    yield "draws, hours", n_datasets * n_draws * constants["seconds_draw"] / workers / HOUR
    yield "store of draws, GB", 8.0 * n_datasets * n_draws * parameters / 1e9
    yield "predictions instead of draws, hours", n_datasets * constants["seconds_prediction"] / workers / HOUR


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-simulations", type=float, default=1e8)
    parser.add_argument("--ms", type=float, nargs="+", default=[0.1, 1.0, 10.0], help="milliseconds a simulation")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 64], help="cores")
    parser.add_argument("--numbers", type=int, default=20, help="of a data set")
    parser.add_argument("--parameters", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=5, help="of training")
    parser.add_argument("--n-datasets", type=float, default=1e6)
    parser.add_argument("--n-draws", type=float, default=1000, help="of each data set")
    parser.add_argument("--only-constants", action="store_true")
    parser.add_argument("--memory", action="store_true", help="only measure bytes a row of training")
    arguments = vars(parser.parse_args())
    only_constants, only_memory = arguments.pop("only_constants"), arguments.pop("memory")
    all_ms, all_workers = arguments.pop("ms"), arguments.pop("workers")
    sizes = {name: arguments[name] for name in ("numbers", "parameters")}
    with tempfile.TemporaryDirectory() as folder:
        if only_memory:
            print(f"{of_memory(Path(folder), **sizes):.0f} bytes of memory a row, {sizes['parameters']} parameters")
            return
        constants = of_simulation(Path(folder), **sizes) | of_inference(**sizes)
    print(f"## Constants: {sizes['numbers']} numbers, {sizes['parameters']} parameters\n\n| constant | value |")
    print("| --- | --- |")
    for name, value in constants.items():
        print(f"| {name} | {value:.3g} |")
    if only_constants:
        return
    print(f"\n## Costs of {arguments['n_simulations']:.3g} simulations and {arguments['n_datasets']:.3g} data sets\n")
    cases = [(ms, workers) for ms in all_ms for workers in all_workers]
    print("| | " + " | ".join(f"{ms:g} ms, {workers} workers" for ms, workers in cases) + " |")
    print("| --- |" + " --- |" * len(cases))
    tables = [dict(predicted(constants, ms=ms, workers=workers, **arguments)) for ms, workers in cases]
    for name in tables[0]:
        print(f"| {name} | " + " | ".join(f"{table[name]:.3g}" for table in tables) + " |")


if __name__ == "__main__":
    main()
