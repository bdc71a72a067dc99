"""What the ladder returns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

RUNGS = ("amortized", "psis", "mcmc")


@dataclass(frozen=True)
class Refined:
    """Posterior draws of each data set, and how far up the ladder it had to go.

    Attributes
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
        Of equal weight.
    rung : ndarray of str of shape (n_datasets,)
        Where the draws are from: "amortized", "psis" or "mcmc".
    is_accepted : ndarray of bool of shape (n_datasets,)
        Whether the rung's own check was passed. Only the last rung can fail: its chains have not converged then.
    is_usual : ndarray of bool of shape (n_datasets,)
        Whether the detector took it for one on which the network was trained; False for all with `force_psis`.
    p_value : ndarray of shape (n_datasets,)
        Share of simulated data sets whose summaries are as unusual, by the posterior itself.
    force_psis : bool
        Whether all began on the second rung.
    pareto_k : ndarray of shape (n_datasets,)
        Of importance weights; NaN where none were needed.
    largest_k : float
        Up to which weights were relied on.
    n_effective : ndarray of shape (n_datasets,)
        Draws of equal weight that importance draws are worth; NaN where none were needed.
    r_hat : ndarray of shape (n_datasets,)
        Largest nested R-hat of the parameters; NaN where no chains were run.
    seconds : dict of str to float
        Time spent on each rung, and on the detector.
    """

    draws: np.ndarray
    rung: np.ndarray
    is_accepted: np.ndarray
    is_usual: np.ndarray
    p_value: np.ndarray
    force_psis: bool
    pareto_k: np.ndarray
    largest_k: float
    n_effective: np.ndarray
    r_hat: np.ndarray
    seconds: dict[str, float]

    def summary(self):
        """Return how many data sets reached each rung, and how long it took.

        Returns
        -------
        table : DataFrame of shape (3, 4)
            Indexed by `rung`, with the columns `reached`, `answered`, `accepted` and `seconds`.
        """
        n_answered = np.array([np.count_nonzero(self.rung == rung) for rung in RUNGS])
        # Where nothing could answer, amortized draws are there though the ladder was climbed.
        n_climbed = np.count_nonzero(~self.is_usual)
        n_reached = [0 if self.force_psis else len(self.rung), n_climbed, n_answered[2]]
        table = {
            "reached": n_reached,
            "answered": n_answered,
            "accepted": [np.count_nonzero(self.is_accepted & (self.rung == rung)) for rung in RUNGS],
            "seconds": [self.seconds[rung] for rung in RUNGS],
        }
        return pd.DataFrame(table, index=pd.Index(RUNGS, name="rung"))
