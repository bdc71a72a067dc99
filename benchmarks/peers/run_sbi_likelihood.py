"""Measure neural likelihood estimation of the sbi package with its defaults.

`python run_sbi_likelihood.py FOLDER` reads `simulations.npz` in the folder, the simulations that `run_sbi` gets, and
writes the fitted network and `figures.json`: `fit_seconds`, `fit_mib`, `log_density`, `versions`. The log density is
the mean over held-out data sets, each given the parameters that made it, in the units of the data: standardisation is a
part of the network, which counts its Jacobian.
"""

import argparse
import json
import os
from pathlib import Path

import measure
import numpy as np
from run_sbi import make_prior, to_tensor  # which says what to do where sbi is missing

# isort: split
import torch
from sbi.inference import NLE


class Model:
    """The network that the package chooses by itself."""

    packages = ("sbi", "torch")

    def __init__(self, prior, seed):
        torch.manual_seed(seed)
        self.prior = make_prior(*prior)

    def fit(self, X, y):
        inference = NLE(self.prior, show_progress_bars=False)
        self.network = inference.append_simulations(to_tensor(y), to_tensor(X)).train()

    def save(self, folder):
        torch.save(self.network, folder / "model.pt")

    def log_prob(self, X, y):
        with torch.no_grad():
            return self.network.log_prob(to_tensor(X)[None], condition=to_tensor(y))[0].numpy()


def main():
    """Fit, and look at what was held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds simulations.npz")
    parser.add_argument("--seed", type=int, default=0, help="of the fit")
    arguments = parser.parse_args()
    # The package writes logs to where it runs.
    os.chdir(arguments.folder)
    with np.load("simulations.npz") as archive:
        data = dict(archive)
    model = Model((str(data["prior_family"]), data["prior_first"], data["prior_second"]), arguments.seed)
    figures = measure.measure_fit(model, data, {}, Path())
    figures["log_density"] = float(np.mean(model.log_prob(data["X_held_out"], data["y_held_out"])))
    Path("figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
