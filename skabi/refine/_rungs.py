"""The rungs of the ladder, each for many data sets at once."""

import numpy as np
from sklearn.base import clone
from tqdm.auto import tqdm

from skabi.diagnostics import nested_r_hat
from skabi.estimators._known_likelihood import rows_of
from skabi.refine._pareto import effective_sizes, largest_k, log_importance_weights, pareto_smoothed, resampled
from skabi.refine._starts import choose_starts
from skabi.refine._target import Target

# Proposals that are weighed at once, and draws that are kept of chains that run at once.
_PROPOSALS_AT_ONCE, _DRAWS_AT_ONCE = 400_000, 100_000
# Proposals for each draw of equal weight, so that few draws are taken twice.
_PROPOSALS_A_DRAW = 4
# Fewer leave the shape of the tail unknown.
_FEWEST_PROPOSALS = 2000
# Points that tell chains how far a posterior reaches.
_ARCHIVED = 256
# Chains have converged when their nested R-hat is below this.
_LARGEST_R_HAT = 1.01
# Importance draws are worth half of those that are wanted, and this many.
_FEWEST_EFFECTIVE = 100


class Ladder:
    """What is known of each data set so far; each rung fills in the rows that it was asked for.

    Attributes
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
    rung : ndarray of str of shape (n_datasets,)
        Empty where there are no draws yet.
    is_accepted : ndarray of bool of shape (n_datasets,)
    pareto_k, n_effective, r_hat : ndarray of shape (n_datasets,)
    n_impossible : int
        Data sets that no amortized draw made possible, so that chains start from the prior.
    n_proposals : int
        That are weighed for each data set.
    largest_k : float
    """

    def __init__(self, posterior, likelihood, *, n_datasets, n_draws, verbose):
        self.posterior, self.likelihood, self.verbose = posterior, likelihood, verbose
        self.draws = np.empty((n_datasets, n_draws, len(posterior.parameter_names_)))
        self.rung = np.full(n_datasets, "", dtype="<U9")
        self.is_accepted = np.ones(n_datasets, dtype=bool)
        self.n_proposals = max(_PROPOSALS_A_DRAW * n_draws, _FEWEST_PROPOSALS)
        self.largest_k = largest_k(self.n_proposals)
        self.pareto_k, self.n_effective, self.r_hat = np.full((3, n_datasets), np.nan)
        self.n_impossible = 0
        # Starting points and archives of what goes on to chains, on the real line, by data set.
        self._starts, self._archives = {}, {}

    def draw(self, X, rows, *, seed):
        """Take amortized draws for data sets `rows`."""
        n_draws = self.draws.shape[1]
        for part, child in self._parts(rows, max(1, _PROPOSALS_AT_ONCE // n_draws), seed, "amortized"):
            self.draws[part] = self.posterior.sample(rows_of(X, part), n_draws, random_state=child)
            self.rung[part] = "amortized"

    def weigh(self, X, rows, *, seed, n_starts):
        """Take importance draws for data sets `rows` where the weights allow it, and starting points where not."""
        n_draws = self.draws.shape[1]
        n_proposals = self.n_proposals
        for part, child in self._parts(rows, max(1, _PROPOSALS_AT_ONCE // n_proposals), seed, "importance sampling"):
            rng = np.random.default_rng(child)
            data = rows_of(X, part)
            target = self._target(X, part)
            proposals = self.posterior.sample(data, n_proposals, random_state=rng)
            log_weights = log_importance_weights(target.log_prob(proposals), self.posterior.log_prob(data, proposals))
            weights, pareto_k = pareto_smoothed(log_weights)
            n_effective = effective_sizes(weights)
            self.pareto_k[part], self.n_effective[part] = pareto_k, n_effective
            is_good = pareto_k <= np.minimum(self.largest_k, largest_k((weights > 0).sum(axis=1)))
            is_good &= n_effective >= max(n_draws / 2, _FEWEST_EFFECTIVE)
            if is_good.any():
                places = resampled(weights[is_good], n_draws, rng)
                self.draws[part[is_good]] = np.take_along_axis(proposals[is_good], places[..., np.newaxis], axis=1)
                self.rung[part[is_good]] = "psis"
            failed = np.flatnonzero(~is_good)
            if failed.size:
                target = self._target(X, part[failed])
                self._prepare(target, proposals[failed], log_weights[failed], n_starts=n_starts, rng=rng)

    def _prepare(self, target, proposals, log_weights, *, n_starts, rng):
        """Keep where the chains of the target's data sets start, and how far they reach."""
        rows = target.rows
        self.n_impossible += int(np.count_nonzero(~np.isfinite(log_weights).any(axis=1)))
        starts, has_start = choose_starts(target, proposals, log_weights, n_starts=n_starts, rng=rng)
        self.draws[rows] = proposals[:, : self.draws.shape[1]]
        self.rung[rows] = np.where(has_start, "", "amortized")
        self.is_accepted[rows] = has_start
        starts, archives = target.to_real(starts), target.to_real(proposals[:, :_ARCHIVED])
        for i in np.flatnonzero(has_start):
            self._starts[rows[i]] = starts[i]
            self._archives[rows[i]] = np.concatenate([archives[i], starts[i]])

    def run(self, X, sampler, *, max_rounds, seed):
        """Run chains for all data sets that have no draws yet, and go on where they have not converged."""
        n_at_once = max(self.draws.shape[1], sampler.n_superchains * sampler.n_chains)
        rows = np.flatnonzero(self.rung == "")
        for part, child in self._parts(rows, max(1, _DRAWS_AT_ONCE // n_at_once), seed, "Markov chains"):
            rng = np.random.default_rng(child)
            left = part
            for i in range(max_rounds):
                left = self._run(X, left, clone(sampler).set_params(n_warm_up=sampler.n_warm_up * 2**i), rng)
                if not left.size:
                    break
            self.rung[part], self.is_accepted[left] = "mcmc", False

    def _run(self, X, rows, sampler, rng):
        """Run chains for data sets `rows`; return those whose chains have not converged."""
        n_draws = self.draws.shape[1]
        target = self._target(X, rows)
        starts, archives = (np.stack([each[row] for row in rows]) for each in (self._starts, self._archives))
        chains = sampler.run(target, starts, archives, n_draws=n_draws, rng=rng)
        self.r_hat[rows] = _largest_r_hat(chains)
        # Draws of all chains in turn, so that any number of them has some of each.
        flat = chains.transpose(0, 3, 2, 1, 4).reshape(len(rows), -1, chains.shape[-1])
        order = rng.permuted(np.tile(np.arange(flat.shape[1]), (len(rows), 1)), axis=1)[:, :n_draws, np.newaxis]
        self.draws[rows] = target.from_real(np.take_along_axis(flat, order, axis=1))
        for i, row in enumerate(rows):
            self._starts[row], self._archives[row] = chains[i, :, 0, -1], flat[i, -_ARCHIVED:]
        return rows[~(self.r_hat[rows] < _LARGEST_R_HAT)]

    def _target(self, X, rows):
        return Target(self.likelihood, self.posterior.prior_, rows_of(X, rows), rows=rows)

    def _parts(self, rows, size, seed, name):
        """Yield a few of the rows at a time, with a seed of their own, and show how far the rung is."""
        parts = np.split(rows, np.arange(size, len(rows), size)) if len(rows) else []
        with tqdm(total=len(rows), desc=name, unit=" data sets", disable=not self.verbose or not len(rows)) as bar:
            for part, child in zip(parts, seed.spawn(len(parts)), strict=True):
                yield part, child
                bar.update(len(part))


def _largest_r_hat(chains):
    """Return the largest nested R-hat of each data set's `chains`, `(n_datasets,)`.

    Compared are superchains, and, of all of them, earlier draws with later ones, which differ while chains all travel
    the same way. Each in their locations and in their distances from the middle (Vehtari et al., 2021,
    arXiv 1903.08008).
    """
    middle = np.median(chains, axis=(1, 2, 3), keepdims=True)
    values = np.concatenate([chains, np.abs(chains - middle)], axis=-1)
    n_half = values.shape[3] // 2
    halves = np.stack([values[:, :, :, :n_half], values[:, :, :, -n_half:]], axis=1)
    halves = halves.reshape(len(values), 2, -1, n_half, values.shape[-1])
    return np.maximum(nested_r_hat(values), nested_r_hat(halves)).max(axis=-1)
