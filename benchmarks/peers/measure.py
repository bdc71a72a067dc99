"""What every runner measures: fitting in one process and drawing in another, so that each has its own peak memory.

`python run_NAME.py fit FOLDER` reads `job.json` in the folder and writes the fitted model and `fit.json`;
`python run_NAME.py sample FOLDER` reads the model and writes `sample.json` and draws for the observations, `draws.npy`.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

N_DATA_SETS = 10  # that the many draws are spread over
N_DRAWS_OF_ONE = 1000
N_DRAWS_OF_OBSERVATION = 5000


def main(model_class):
    """Do the phase that the command line names with a runner's model.

    A model has `packages`, `start(method, prior, seed)`, `fit(X, y)`, `save(folder)`, `load(folder)`,
    `sample(X, n_draws)` and `log_prob(X, y)`; arrays in, arrays out.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["fit", "sample"])
    parser.add_argument(
        "folder", type=Path, help="holds job.json: method, seed, n_draws and the path of the simulations"
    )
    arguments = parser.parse_args()
    job = json.loads((arguments.folder / "job.json").read_text())
    with np.load(job["simulations"]) as archive:
        data = dict(archive)
    prior = str(data["prior_family"]), data["prior_first"], data["prior_second"]
    model = model_class(job["method"], prior, job["seed"])
    phase = {"fit": measure_fit, "sample": measure_sampling}[arguments.phase]
    figures = phase(model, data, job, arguments.folder)
    (arguments.folder / f"{arguments.phase}.json").write_text(json.dumps(figures))


def measure_fit(model, data, job, folder):
    """Return seconds and peak memory of fitting."""
    start = time.perf_counter()
    model.fit(data["X"], data["y"])
    figures = {"fit_seconds": time.perf_counter() - start, "fit_mib": peak_mib()}
    model.save(folder)
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in model.packages)]
    versions += getattr(model, "details", ())
    if threads := os.environ.get("OMP_NUM_THREADS"):
        versions.append(f"OMP_NUM_THREADS {threads}")
    return figures | {"versions": ", ".join(versions)}


def measure_sampling(model, data, job, folder):
    """Return seconds and peak memory of drawing, and the mean log density of held-out parameters."""
    X = data["X_held_out"]
    model.load(folder)
    n_draws = job["n_draws"] // N_DATA_SETS
    figures = {
        "draws_seconds": median_seconds(lambda: model.sample(X[:N_DATA_SETS], n_draws), n_repeats=3),
        "draw_milliseconds": 1000 * median_seconds(lambda: model.sample(X[:1], N_DRAWS_OF_ONE), n_repeats=11),
        "sampling_mib": peak_mib(),
        "log_density": float(np.mean(model.log_prob(X, data["y_held_out"]))),
    }
    if "observations" in data:
        np.save(folder / "draws.npy", model.sample(data["observations"], N_DRAWS_OF_OBSERVATION))
    return figures


def median_seconds(action, *, n_repeats, enough=20.0):
    """Return the median duration of several calls, fewer once they took enough seconds together."""
    seconds = []
    while len(seconds) < n_repeats and sum(seconds) < enough:
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def peak_mib():
    """Return the peak memory of this process.

    Linux counts in `getrusage` what the parent had before it started this process; its own record does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
