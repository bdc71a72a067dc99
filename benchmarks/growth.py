"""Measure how fit time, drawing time and peak memory grow with simulations, parameters and draws.

python benchmarks/growth.py                                            # skabi, everything, smallest first
python benchmarks/growth.py --over parameters --methods skabi sbi-nsf  # one part, with a peer

The problem is a linear Gaussian. One quantity grows, the others stay at 10,000 simulations, 10 parameters and 100,000
draws (over ten data sets); for draws the fit has 1,000 simulations. A finished cell leaves a file in RESULTS/growth
and is not measured again until that file is deleted.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from rows import Rows
from runners import METHODS, CellError, check_environments, run_cell
from tables import markdown
from tasks import write_simulations

from skabi.datasets import ConjugateGaussian

RESULTS = Path(__file__).parent / "results"
GROWTH = {
    "draws": [1000, 10_000, 100_000, 1_000_000],
    "parameters": [2, 5, 10, 20, 50, 100],
    "simulations": [1000, 10_000, 100_000, 1_000_000],
}
FIGURES = [
    ("fit_seconds", "fit s", ".1f"),
    ("fit_mib", "fit MiB", ".0f"),
    ("draws_seconds", "draws s", ".2f"),
    ("sampling_mib", "sampling MiB", ".0f"),
    ("log_density", "held-out log density", ".3f"),
]


def measure(over, value, method, arguments):
    """Return the row of a cell."""
    sizes = {"simulations": 1000 if over == "draws" else 10_000, "parameters": 10, "draws": 100_000} | {over: value}
    n_simulations, n_parameters = sizes["simulations"], sizes["parameters"]
    path = arguments.results / "simulations" / f"gaussian{n_parameters}-{n_simulations}.npz"
    write_simulations(path, ConjugateGaussian(n_parameters), n_simulations, seed=0)
    figures, _ = run_cell(method, path, seed=0, n_draws=sizes["draws"], timeout=60 * arguments.cell_minutes)
    return {"over": over, "value": value, "method": method} | figures


def write_tables(rows, folder):
    """Write `growth.csv` and `growth.md`."""
    frame = pd.DataFrame(rows).sort_values(["over", "value", "method"])
    frame.to_csv(folder / "growth.csv", index=False)
    parts = ["# Growth", f"Measured on: {'; '.join(sorted(set(frame['machine'])))}."]
    for over, group in frame.groupby("over"):
        lines = [
            [f"{row['value']:,}", row["method"], *(format(row[name], form) for name, _, form in FIGURES)]
            for row in group.to_dict("records")
        ]
        parts.append(markdown([over, "method", *(heading for _, heading, _ in FIGURES)], lines))
    (folder / "growth.md").write_text("\n\n".join(parts) + "\n")


def main():
    """Measure what the command line asks for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--over", nargs="+", choices=GROWTH, default=list(GROWTH), metavar="WHAT", help=", ".join(GROWTH)
    )
    parser.add_argument("--most", type=int, help="leave out values above this one")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["skabi"], metavar="METHOD")
    parser.add_argument(
        "--cell-minutes", type=float, default=120, help="a phase of a cell that takes longer has failed"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    arguments = parser.parse_args()
    check_environments(arguments.methods)
    rows = Rows(arguments.results / "growth")
    for over in arguments.over:
        for value in GROWTH[over]:
            for method in arguments.methods:
                name = f"{over}-{value}-{method}"
                if name in rows or (arguments.most and value > arguments.most):
                    continue
                print(name, flush=True)
                start = time.perf_counter()
                try:
                    rows.write(name, measure(over, value, method, arguments))
                except CellError as error:
                    print(f"  {error}", flush=True)
                    continue
                print(f"  {time.perf_counter() - start:.0f} s in all", flush=True)
                write_tables(rows.read(), arguments.results)
    table = arguments.results / "growth.md"
    if table.exists():
        print(table.read_text())


if __name__ == "__main__":
    main()
