"""The rungs of the ladder, each for many data sets at once."""

import numpy as np
from sklearn.base import clone
from tqdm.auto import tqdm

from skabi.diagnostics._pareto import effective_sizes, largest_k, log_importance_weights, pareto_smoothed, resampled
from skabi.estimators._known_likelihood import rows_of
from skabi.refine._convergence import largest_r_hat
from skabi.refine._spot_check import looked_at, spot_check
from skabi.refine._starts import choose_starts
from skabi.refine._target import Target

# Proposals that are weighed at once, and draws that are kept of chains that run at once.
_PROPOSALS_AT_ONCE, _DRAWS_AT_ONCE = 400_000, 100_000
# Proposals for each draw of equal weight, so that few draws are taken twice.
_PROPOSALS_A_DRAW = 4
# Fewer leave the shape of the tail unknown.
_FEWEST_PROPOSALS = 2000
# Where these are too few and their weights even enough, at most so many times as many, and a little more than needed.
_MORE_PROPOSALS, _MARGIN = 8, 1.5
# Amortized draws of each data set that the likelihood is asked for.
_ASKED = 16
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
    n_from_prior : int
        Data sets that no amortized draw made possible, so that chains start from the prior.
    n_proposals : int
        That are weighed for each data set, at first.
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
        self.n_from_prior = 0
        # Starting points and archives of what goes on to chains, on the real line, by data set.
        self._starts, self._archives = {}, {}

    def draw(self, X, rows, *, seed):
        """Take amortized draws for data sets `rows`; return those of them that none of a few draws makes possible."""
        n_draws = self.draws.shape[1]
        impossible = [np.array([], dtype=int)]
        for part, child in self._parts(rows, _PROPOSALS_AT_ONCE // max(n_draws, _ASKED) or 1, seed, "amortized"):
            target = self._target(X, part)
            draws = self.posterior.sample(target.X, max(n_draws, _ASKED), random_state=child)
            is_possible = np.isfinite(target.log_likelihood(draws[:, :_ASKED])).any(axis=1)
            self.draws[part], self.rung[part] = draws[:, :n_draws], np.where(is_possible, "amortized", "")
            impossible.append(part[~is_possible])
        return np.concatenate(impossible)

    def check_spots(self, X, *, seed):
        """Look at the weights of some data sets that have amortized draws; these stay as they are."""
        rng = np.random.default_rng(seed)
        rows = looked_at(np.flatnonzero(self.rung == "amortized"), rng)
        return spot_check(self.posterior, self._target(X, rows), rng=rng)

    def weigh(self, X, rows, *, seed, n_starts):
        """Take importance draws for data sets `rows` where the weights allow it, and starting points where not."""
        n_enough = max(self.draws.shape[1] / 2, _FEWEST_EFFECTIVE)
        at_once = max(1, _PROPOSALS_AT_ONCE // self.n_proposals)
        for part, child in self._parts(rows, at_once, seed, "importance sampling"):
            rng = np.random.default_rng(child)
            left, is_fine, *weighed = self._weigh(X, part, rng, n_proposals=self.n_proposals, n_enough=n_enough)
            times = np.ceil(_MARGIN * n_enough / np.maximum(self.n_effective[left], 1.0)).astype(int)
            has_reach = is_fine & (times <= min(_MORE_PROPOSALS, at_once))
            self._prepare(X, left[~has_reach], *(each[~has_reach] for each in weighed), n_starts=n_starts, rng=rng)
            for n_times in np.unique(times[has_reach]):
                again = left[has_reach & (times == n_times)]
                for few in np.array_split(again, -(-len(again) * n_times // at_once)):
                    n_proposals = n_times * self.n_proposals
                    still, _, *weighed = self._weigh(X, few, rng, n_proposals=n_proposals, n_enough=n_enough)
                    self._prepare(X, still, *weighed, n_starts=n_starts, rng=rng)

    def _weigh(self, X, rows, rng, *, n_proposals, n_enough):
        """Take importance draws where weights are fine and enough.

        Return the other rows, whether weights are fine there, and proposals and their log weights.
        """
        n_draws = self.draws.shape[1]
        target = self._target(X, rows)
        proposals = self.posterior.sample(target.X, n_proposals, random_state=rng)
        log_weights = log_importance_weights(target.log_prob(proposals), self.posterior.log_prob(target.X, proposals))
        weights, self.pareto_k[rows] = pareto_smoothed(log_weights)
        self.n_effective[rows] = effective_sizes(weights)
        is_fine = self.pareto_k[rows] <= np.minimum(self.largest_k, largest_k((weights > 0).sum(axis=1)))
        is_good = is_fine & (self.n_effective[rows] >= n_enough)
        if is_good.any():
            places = resampled(weights[is_good], n_draws, rng)
            self.draws[rows[is_good]] = np.take_along_axis(proposals[is_good], places[..., np.newaxis], axis=1)
            self.rung[rows[is_good]] = "psis"
        return rows[~is_good], is_fine[~is_good], proposals[~is_good], log_weights[~is_good]

    def _prepare(self, X, rows, proposals, log_weights, *, n_starts, rng):
        """Keep where the chains of data sets `rows` start, and how far they reach."""
        if not len(rows):
            return
        target = self._target(X, rows)
        starts, has_start = choose_starts(target, proposals, log_weights, n_starts=n_starts, rng=rng)
        self.n_from_prior += int(np.count_nonzero(has_start & ~np.isfinite(log_weights).any(axis=1)))
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
        self.r_hat[rows] = largest_r_hat(chains)
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
