"""Which runner and which virtual environment a method has, and how a cell is run in processes of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PEERS = Path(__file__).parent / "peers"
METHODS = {
    "skabi": "skabi",
    "sbi-nsf": "sbi",
    "bayesflow-spline": "bayesflow",
    "skabi-ensemble": "skabi",
    "skabi-autoregressive": "skabi",
    "skabi-gaussian": "skabi",
    "sbi-maf": "sbi",
    "bayesflow-affine": "bayesflow",
}
# Where `skabi` finds a GPU, the same without it.
DEVICE_METHODS = {"skabi-cpu": "skabi"}
# Beside free-form engines.
FREE_FORM_METHODS = {"bayesflow-flow-matching": "bayesflow", "bayesflow-consistency": "bayesflow"}


class CellError(Exception):
    """A cell that gave no figures."""


def family_of(method):
    """Return the library that a method is of."""
    return (METHODS | DEVICE_METHODS | FREE_FORM_METHODS)[method]


def interpreter(method):
    """Return the Python of the environment that a method lives in; skabi's is the one that runs this."""
    family = family_of(method)
    return Path(sys.executable) if family == "skabi" else PEERS / f".venv-{family}" / "bin" / "python"


def check_environments(methods):
    """Stop, and say what to do, if the environment of a method has not been set up."""
    missing = [method for method in methods if not interpreter(method).exists()]
    if missing:
        raise SystemExit(
            f"No environment for {', '.join(missing)}: {interpreter(missing[0])} is missing. "
            "`make benchmark` sets them up; or choose others with --methods."
        )


def run_cell(method, simulations, *, seed, n_draws=100_000, timeout=None):
    """Fit and draw; return the measured figures, and draws for the observations or None.

    Raises `CellError` if a process fails or takes longer than `timeout` seconds.
    """
    job = {"method": method, "simulations": str(Path(simulations).resolve()), "seed": seed, "n_draws": n_draws}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(job))
        figures = {}
        for phase in ("fit", "sample"):
            _run(method, phase, folder, timeout)
            figures |= json.loads((folder / f"{phase}.json").read_text())
        draws = folder / "draws.npy"
        return figures, np.load(draws) if draws.exists() else None


def _run(method, phase, folder, timeout):
    """Run one phase; what the process writes to disk on its own goes into the folder, too."""
    runner = (PEERS / f"run_{family_of(method)}.py").resolve()
    # Not resolved: an environment's Python is a link, and what it links to knows nothing of the environment.
    command = [str(interpreter(method).absolute()), str(runner), phase, "."]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CellError(f"{method} took more than {timeout:.0f} s to {phase}.") from None
    except subprocess.CalledProcessError as error:
        raise CellError(f"{method} failed to {phase}:\n{error.stderr[-3000:]}") from None
