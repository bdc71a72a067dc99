"""Fit skabi and its peers to the same simulations, one after the other, and compare time, accuracy and memory.

python benchmarks/side_by_side.py                                      # the quick choice: at most 20 minutes
python benchmarks/side_by_side.py --full                               # nine tasks, all methods, 1,000 and 10,000
python benchmarks/side_by_side.py --tasks slcp --n-simulations 100000  # some
python benchmarks/side_by_side.py --methods skabi skabi-cpu            # on a GPU, where there is one, and without it

Each cell is a task, a number of simulations, a method and a seed. A finished cell leaves a file in RESULTS/rows and is
not measured again until that file is deleted; the tables are made anew from all rows. RESULTS/simulations keeps what
all methods were given: delete it, too, when a simulator has changed. What is measured:

- seconds of the fit, without imports
- mean log density of the true parameters of 1,000 fresh simulations, in the units of the original task, and that of
  the exact posterior where it has a density
- C2ST of five observations against reference posteriors, by the classifier of the SBIBM benchmark (arXiv 2101.04653)
- seconds for 100,000 draws over ten data sets, and milliseconds for 1,000 draws of one; medians of repeated calls
- peak memory of the process that fits, and of a second one that draws
"""

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from references import compute_reference, load_reference
from rows import Rows
from runners import DEVICE_METHODS, METHODS, CellError, check_environments, run_cell
from tables import write_tables
from tasks import ALL_TASKS, OTHER_TASKS, TASKS, constants, write_simulations

from skabi.diagnostics import c2st
from skabi.exceptions import ApproximationWarning

RESULTS = Path(__file__).parent / "results"
ALL_METHODS = METHODS | DEVICE_METHODS
QUICK_METHODS = ["skabi", "sbi-nsf", "bayesflow-spline"]
QUICK_MINUTES = 20.0


@dataclass(frozen=True)
class Cell:
    """What one row is about."""

    task: str
    n_simulations: int
    method: str
    seed: int
    scaled: bool

    def __str__(self):
        return f"{self.simulations}-{self.method}"

    @property
    def simulations(self):
        """Name of the simulations, which all methods share."""
        return f"{self.task}-{self.n_simulations}-seed{self.seed}{'-scaled' if self.scaled else ''}"


def chosen_cells(arguments):
    """Return the cells that the command line asks for, in the order in which they are measured."""
    tasks, sizes, methods = arguments.tasks, arguments.n_simulations, arguments.methods
    if arguments.full or tasks or sizes or methods:
        triples = list(product(sorted(sizes or [1000, 10_000]), tasks or TASKS, methods or METHODS))
    else:
        triples = list(product([1000, 10_000], ["two_moons", "slcp"], QUICK_METHODS))
    cells = [Cell(task, n, method, seed, arguments.scaled) for n, task, method in triples for seed in arguments.seeds]
    return sorted(cells, key=lambda cell: (cell.n_simulations, cell.seed))


def measure(cell, arguments):
    """Return the row of a cell."""
    simulator = ALL_TASKS[cell.task]()
    if cell.task in OTHER_TASKS:
        observations, reference = compute_reference(simulator)
    else:
        observations, reference = load_reference(cell.task, arguments.reference)
    path = arguments.results / "simulations" / f"{cell.simulations}.npz"
    write_simulations(
        path, simulator, cell.n_simulations, seed=cell.seed, is_scaled=cell.scaled, observations=observations
    )
    figures, draws = run_cell(cell.method, path, seed=cell.seed, timeout=60 * arguments.cell_minutes)
    y_scale = constants(simulator, is_scaled=cell.scaled)[1]
    figures["log_density"] += float(np.log(y_scale).sum())
    with np.load(path) as arrays:
        if "exact_log_density" in arrays:
            figures["exact_log_density"] = float(arrays["exact_log_density"])
    with warnings.catch_warnings():
        # Classifiers stop after 1,000 iterations, converged or not.
        warnings.simplefilter("ignore", ApproximationWarning)
        accuracies = c2st(reference, draws / y_scale, n_jobs=os.cpu_count())
    each = {f"c2st_{number}": float(accuracy) for number, accuracy in enumerate(accuracies, start=1)}
    return vars(cell) | figures | {"c2st": float(accuracies.mean())} | each


def run(cells, arguments):
    """Measure the cells that have no row yet; return how many failed."""
    rows = Rows(arguments.results / "rows")
    load = os.getloadavg()[0]
    if load > 0.5:
        # Threads that wait for each other on a busy core can make a fit many times as long.
        print(f"Other processes are busy (load {load:.1f}): times measured now may be far too long.", flush=True)
    start, slowest, n_failed = time.perf_counter(), 0.0, 0
    for number, cell in enumerate(cells, start=1):
        if str(cell) in rows:
            continue
        began = time.perf_counter()
        if arguments.minutes and began - start + slowest > 60 * arguments.minutes:
            print(f"Time is up: {len(cells) - number + 1} cells are left for another run.", flush=True)
            break
        print(f"{number}/{len(cells)} {cell}", flush=True)
        try:
            row = measure(cell, arguments)
        except CellError as error:
            n_failed += 1
            print(f"  {error}", flush=True)
            continue
        rows.write(str(cell), row)
        slowest = max(slowest, time.perf_counter() - began)
        print(
            f"  fit {row['fit_seconds']:.1f} s, log density {row['log_density']:.3f}, C2ST {row['c2st']:.3f}; "
            f"{time.perf_counter() - began:.0f} s in all",
            flush=True,
        )
        write_tables(
            rows.read(), arguments.results, tasks=list(TASKS), others=list(OTHER_TASKS), methods=list(ALL_METHODS)
        )
    return n_failed


def parse():
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the nine tasks and all methods")
    parser.add_argument("--tasks", nargs="+", choices=ALL_TASKS, metavar="TASK", help=", ".join(ALL_TASKS))
    parser.add_argument("--n-simulations", nargs="+", type=int, metavar="N", help="1000 10000, unless said otherwise")
    parser.add_argument("--methods", nargs="+", choices=ALL_METHODS, metavar="METHOD", help=", ".join(ALL_METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED", help="of simulations and fits")
    parser.add_argument("--scaled", action="store_true", help="multiply parameters and data by constants")
    parser.add_argument("--reference", type=Path, metavar="FOLDER", help="TASK.npz with observations and reference")
    parser.add_argument("--minutes", type=float, help="begin no cell that may end later; the quick choice has 20")
    parser.add_argument("--cell-minutes", type=float, default=60, help="a phase of a cell that takes longer has failed")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    arguments = parser.parse_args()
    is_quick = not (arguments.full or arguments.tasks or arguments.n_simulations or arguments.methods)
    if is_quick and arguments.minutes is None:
        arguments.minutes = QUICK_MINUTES
    return arguments


def main():
    """Measure what the command line asks for and print the table."""
    arguments = parse()
    cells = chosen_cells(arguments)
    check_environments(dict.fromkeys(cell.method for cell in cells))
    n_failed = run(cells, arguments)
    table = arguments.results / "side_by_side.md"
    if table.exists():
        print(table.read_text())
        print(f"Written to {table} and {table.with_suffix('.csv')}")
    if n_failed:
        raise SystemExit(f"{n_failed} cells failed; the next run tries them again.")


if __name__ == "__main__":
    main()
