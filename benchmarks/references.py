"""Observations and draws of their exact posteriors: computed, from a folder, or from files of the `sbibm` package."""

import bz2
from pathlib import Path

import numpy as np

PACKAGE = Path(__file__).parent / "peers" / ".venv-sbibm" / "sbibm" / "tasks"
N_OBSERVATIONS, N_DRAWS = 5, 5000
# Seeds of training sets are small, those of held-out simulations begin at a million.
OBSERVATIONS_SEED = 2_000_000


def load_reference(task, folder=None):
    """Return observations `(5, n_features)` and reference draws `(5, 5000, n_parameters)` of a task."""
    if folder is None:
        return _from_package(task)
    # The raw spikes have the posterior of their sufficient statistics.
    archive = _open(Path(folder) / f"{task.removesuffix('_raw')}.npz")
    if task == "bernoulli_glm_raw":
        return _open(Path(folder) / "bernoulli_glm_inputs.npz")["observations_raw"], archive["reference"]
    return archive["observations"], archive["reference"]


def compute_reference(simulator):
    """Return such observations, which no training set has, and draws of a simulator with an exact posterior."""
    observations, _ = simulator.sample(N_OBSERVATIONS, random_state=OBSERVATIONS_SEED)
    return observations, simulator.sample_posterior(observations, N_DRAWS, random_state=1)


def _open(path):
    if not path.exists():
        raise SystemExit(f"There is no {path}. Leave --reference out to use the files of the sbibm package.")
    return np.load(path)


def _from_package(task):
    """Read the package's text files; the package itself is never imported."""
    files = PACKAGE / task.removesuffix("_raw") / "files"
    if not files.exists():
        raise SystemExit(f"There is no {files}. `make benchmark` installs the sbibm package; or pass --reference.")
    observation = "observation_raw.csv" if task.endswith("_raw") else "observation.csv"
    folders = [files / f"num_observation_{number}" for number in range(1, N_OBSERVATIONS + 1)]
    observations = [np.loadtxt(folder / observation, delimiter=",", skiprows=1, ndmin=1) for folder in folders]
    references = []
    for folder in folders:
        with bz2.open(folder / "reference_posterior_samples.csv.bz2", "rt") as lines:
            draws = np.loadtxt(lines, delimiter=",", skiprows=1)
        references.append(np.random.default_rng(0).permutation(draws)[:N_DRAWS])
    return np.stack(observations), np.stack(references)
