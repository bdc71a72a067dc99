"""What the ladder returns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

RUNGS = ("amortized", "psis", "mcmc")


@dataclass(frozen=True, repr=False)
class Refined:
    """Posterior draws of each data set, and how far up the ladder it had to go.

    Attributes
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
        Of equal weight.
    rung : ndarray of str of shape (n_datasets,)
        Where the draws are from: "amortized", "psis" or "mcmc".
    is_accepted : ndarray of bool of shape (n_datasets,)
        Whether the rung's own check was passed. It was not where chains have not converged, nor where no parameters
        with a likelihood above zero were found: draws are amortized there.
    is_usual : ndarray of bool of shape (n_datasets,)
        Whether the detector took it for one on which the network was trained; False for all with `force_psis`.
    p_value : ndarray of shape (n_datasets,)
        Share of simulated data sets whose summaries are as unusual, by the posterior itself.
    force_psis : bool
        Whether all began on the second rung.
    pareto_k : ndarray of shape (n_datasets,)
        Of importance weights; NaN for amortized draws that were accepted.
    largest_k : float
        Up to which weights were relied on; less where few of them are above zero.
    n_effective : ndarray of shape (n_datasets,)
        Draws of equal weight that importance draws are worth; NaN for amortized draws that were accepted.
    r_hat : ndarray of shape (n_datasets,)
        Largest nested R-hat of the parameters; NaN where no chains were run.
    seconds : dict of str to float
        Time spent on each rung, and on the detector; that on the spot check belongs to the first rung.
    spot_check : DataFrame of shape (n_looked_at, 4)
        The weights of some data sets with accepted amortized draws, which keep them: up to 20, indexed by `dataset`,
        none with `force_psis`. Columns are `pareto_k`; `n_effective`, of 2,000 draws; `error_of_means`, in posterior
        standard deviations, what chance explains taken off and averaged over parameters; and its `monte_carlo_error`.
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
    spot_check: pd.DataFrame

    def __repr__(self):
        answered = ", ".join(f"{np.count_nonzero(self.rung == rung)} {rung}" for rung in RUNGS)
        return f"Refined({len(self.rung)} data sets: {answered}; {np.count_nonzero(self.is_accepted)} accepted)"

    def summary(self):
        """Return how many data sets reached each rung, and how long it took.

        Returns
        -------
        table : DataFrame of shape (3, 4)
            Indexed by `rung`, with the columns `reached`, `answered`, `accepted` and `seconds`.
        """
        n_answered = np.array([np.count_nonzero(self.rung == rung) for rung in RUNGS])
        # Where nothing could answer, amortized draws are there though the ladder was climbed.
        n_climbed = np.count_nonzero(~np.isnan(self.pareto_k))
        n_reached = [0 if self.force_psis else len(self.rung), n_climbed, n_answered[2]]
        table = {
            "reached": n_reached,
            "answered": n_answered,
            "accepted": [np.count_nonzero(self.is_accepted & (self.rung == rung)) for rung in RUNGS],
            "seconds": [self.seconds[rung] for rung in RUNGS],
        }
        return pd.DataFrame(table, index=pd.Index(RUNGS, name="rung"))
