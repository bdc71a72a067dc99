"""From many starts to a few ends: where the loss is least, and how far ends are apart."""

import numpy as np
import torch

from skabi._torch import single_thread
from skabi.elicitation._answers import worst_share
from skabi.elicitation._joint_flow import FlowSpace
from skabi.elicitation._matching import Matching, minimize, uniform_points
from skabi.exceptions import TrainingError

# Simulations with which candidates are tried, and then searched from.
_N_TO_TRY, _N_TO_SEARCH = 512, 1024
# Ends of searches with this much more loss are not worth more simulations.
_HOPELESS, _NEGLIGIBLE = 10.0, 1e-3


class Searches:
    """Searches of one elicitation.

    Parameters
    ----------
    predictions : Predictions
    stated : list of Stated
    losses : list of loss recipes
    weights : ndarray of shape (n_targets,)
    weighting : DynamicWeights or None
    n_simulations, max_iter : int
    """

    def __init__(self, predictions, stated, losses, *, weights, weighting, n_simulations, max_iter):
        self.predictions, self.stated, self.losses = predictions, stated, losses
        self.weights, self.weighting = weights, weighting
        self.n_simulations, self.max_iter = n_simulations, max_iter

    def matching(self, space, seed, n_simulations=None):
        """Return the losses as a function of the coordinates of `space`."""
        n = self.n_simulations if n_simulations is None else min(n_simulations, self.n_simulations)
        return Matching(space, self.predictions, self.stated, self.losses, n_simulations=n, seed=seed)

    def search(self, matching, x):
        """Return the `Search` from `x`."""
        with single_thread(), torch.enable_grad():
            return minimize(matching, x, weights=self.weights, weighting=self.weighting, max_iter=self.max_iter)

    def candidates(self, space, n_candidates, n_starts, seed):
        """Return the `n_starts` quasi-random candidates with the least loss, best first."""
        placing, drawing = seed.spawn(2)
        matching = self.matching(space, drawing, _N_TO_TRY)
        points = space.start(uniform_points(n_candidates, len(space.coordinates), np.random.default_rng(placing)))
        with single_thread(), np.errstate(all="ignore"):
            losses = np.array([self.weights @ matching.at(x) for x in points])
        losses = np.where(np.isnan(losses), np.inf, losses)
        n_finite = np.isfinite(losses).sum()
        if not n_finite:
            with torch.no_grad():
                shares = [worst_share(self.predictions.targets, matching.values(torch.from_numpy(x))) for x in points]
            name, share = min(shares, key=lambda pair: pair[1])
            raise TrainingError(
                f"none of {n_candidates} candidates gave finite losses: of target {name!r} {share:.2g} of the "
                "simulations or more overflow or are NaN under each. Say where to start with Unknown(low=..., "
                "high=...), and keep exponentials, logarithms and quotients in bounds in the simulator."
            )
        return points[np.argsort(losses)[: min(n_starts, n_finite)]]

    def ends(self, space, *, n_candidates, n_starts, seed, n_simulations=None):
        """Return searches from the best candidates: all with few simulations, promising ones with all; best first."""
        choosing, trying, drawing = seed.spawn(3)
        few = self.matching(space, trying, _N_TO_SEARCH)
        found = [self.search(few, x) for x in self.candidates(space, n_candidates, n_starts, choosing)]
        found.sort(key=lambda search: search.loss)
        limit = _HOPELESS * found[0].loss + _NEGLIGIBLE
        full = self.matching(space, drawing, n_simulations)
        better = [self.search(full, search.x) if search.loss <= limit else search for search in found]
        return sorted(better, key=lambda search: search.loss)

    def flow_ends(self, recipe, marginals, *, n_candidates, n_starts, seed):
        """Return `(space, search)` of flows that start near the best independent normals, each with other weights."""
        marginal, *seeds = seed.spawn(1 + n_starts)
        start = self.ends(marginals, n_candidates=n_candidates, n_starts=4, seed=marginal, n_simulations=_N_TO_SEARCH)[
            0
        ]
        found = []
        for each in seeds:
            making, trying, drawing = each.spawn(3)
            space = FlowSpace(recipe, start.x, seed=making)
            few = self.search(self.matching(space, trying, _N_TO_SEARCH), space.first)
            found.append((space, self.search(self.matching(space, drawing), few.x)))
        return sorted(found, key=lambda pair: pair[1].loss)
