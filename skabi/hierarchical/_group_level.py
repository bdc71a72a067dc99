"""The lower level: parameters of each group given its data, hyper-parameters and covariates."""

import numpy as np
import torch
from skorch.helper import SliceDict

from skabi._random import integer_seed
from skabi._torch import to_array, to_tensor
from skabi._warnings import warn
from skabi.estimators._inference import chunks, contexts, draw, each
from skabi.estimators._sources import Source
from skabi.estimators._summarizing import discoveries
from skabi.exceptions import ApproximationWarning
from skabi.hierarchical._pairs import Pairs
from skabi.simulators._data_sets import as_objects

# Pairs that pass through a network at once.
_CHUNK = 4096
DATA, GIVEN = "data", "given"


class GroupLevel:
    """A posterior of single groups given hyper-parameters, asked about many draws of these at once.

    What a group's data say is summarized once, and not again for each draw. By the group prior, parameters of groups
    are standard normal given hyper-parameters: what is learned is what the data say beyond these.

    Parameters
    ----------
    estimator : AmortizedPosterior
        Of two sources, a group's data and what is given besides.
    hyper_prior : prior or None
        Hyper-parameters are told on its real line.
    hyper_names : list of str
    prior : GroupPrior or None
        Without one, parameters of groups are learned as they are.
    covariate_names : list of str
    """

    def __init__(self, estimator, *, hyper_prior, hyper_names, prior, covariate_names):
        self.estimator = estimator
        self.hyper_prior = hyper_prior
        self.hyper_names = hyper_names
        self.prior = prior
        self.covariate_names = covariate_names

    def fit(self, X, hyper, theta):
        """Learn from groups of data sets, given hyper-parameters and parameters of each, `(n_all_groups, ...)`."""
        covariates = X.covariate_columns(self.covariate_names)
        bound = self._bound(hyper, covariates)
        u = theta if bound is None else theta.assign(**dict(zip(theta, bound.to_real(theta)[0].T, strict=True)))
        self.estimator.fit(self._sources(X, self._given(hyper, covariates, bound)), u)
        return self

    def sample(self, X, hyper, *, seed):
        """Return draws of the groups, a list of `(n_draws, n_groups, k)`, for draws `(n_datasets, n_draws, n_hyper)`.

        Parameters
        ----------
        X : GroupedData
        hyper : ndarray of shape (n_datasets, n_draws, n_hyper)
        seed : SeedSequence
        """
        base = self._summaries(X, hyper, self.estimator.network_)
        if self.estimator.warn_outside:
            self._warn_of_outside(base)

        def work(block, rows, bound, context):
            child = integer_seed(np.random.SeedSequence([integer_seed(seed), block.start]))
            how = {"seed": child, "parameter_map": self.estimator._parameter_map}
            u = draw(self.estimator.network_, context, 1, **how)[:, 0]
            return u if bound is None else bound.from_real(u)

        return self._of_pairs(X, hyper, base, work)

    def map_evenly(self, X, hyper, points):
        """Return what standard normal `points` `(n_draws, k)` become for each group: draws without randomness."""
        network = self.estimator._network()

        def work(block, rows, bound, context):
            index = rows % len(points)
            z, phase = to_tensor(points[index], dtype=torch.float64), to_tensor(index / len(points))
            u = _in_parts(lambda part: network.from_base_given(z[part, None], context[part, None], phase[part]), len(z))
            u = self.estimator._parameter_map.from_network(u[:, 0])
            return u if bound is None else bound.from_real(u)

        return self._of_pairs(X, hyper, self._summaries(X, hyper, network), work)

    def log_prob(self, X, hyper, groups):
        """Return the log density of all groups' parameters given hyper-parameters, `(n_datasets, n_draws)`."""
        network = self.estimator._network()
        theta = np.concatenate([own.reshape(-1, own.shape[-1]) for own in groups])

        def work(block, rows, bound, context):
            part = theta[block]
            u, log_det = (part, np.zeros(len(part))) if bound is None else bound.to_real(part)
            values, more = self.estimator._parameter_map.to_network(u)
            log_det = log_det + more
            inside = np.isfinite(log_det)
            z = to_tensor(np.where(inside[:, np.newaxis], values, 0.0), dtype=torch.float64)
            density = _in_parts(lambda part: network.log_prob_given(z[part, None], context[part, None]), len(z))
            return np.where(inside, density[:, 0] + log_det, -np.inf)

        each_pair = self._of_pairs(X, hyper, self._summaries(X, hyper, network), work)
        return np.stack([terms.sum(axis=1) for terms in each_pair])

    def prior_of(self, X, hyper):
        """Return the prior of new groups, one for each of `hyper` `(n, n_hyper)` and of all groups' covariates."""
        return self._bound(hyper, X.covariate_columns(self.covariate_names))

    def _of_pairs(self, X, hyper, base, work):
        """Return what `work(block, rows, bound, context)` returns for all pairs, a list by data set."""
        pairs, covariates = Pairs(X.n_groups, hyper.shape[1]), X.covariate_columns(self.covariate_names)
        flat, parts = hyper.reshape(-1, hyper.shape[2]), []
        for block in pairs.blocks():
            groups, rows = pairs.owners(block)
            bound = self._bound(flat[rows], covariates[groups])
            given = self._given(flat[rows], covariates[groups], bound)
            parts.append(work(block, rows, bound, self._told(base, groups, given)))
        return pairs.by_data_set(np.concatenate(parts))

    def _bound(self, hyper, covariates):
        """Return the prior of groups given rows of hyper-parameters and covariates; None without one."""
        if self.prior is None:
            return None
        known = dict(zip(self.hyper_names, hyper.T, strict=True))
        known = known if self.hyper_prior is None else self.hyper_prior.split(hyper)
        return self.prior.given(known | dict(zip(self.covariate_names, covariates.T, strict=True)))

    def _given(self, hyper, covariates, bound):
        """Return what the network is told besides a group's data, `(n, n_given)`.

        Hyper-parameters on the real line, covariates, and of each parameter of the group where its prior is: the
        median, and the logarithm of the spread.
        """
        real = hyper if self.hyper_prior is None else self.hyper_prior.to_real(hyper)[0]
        if bound is None:
            return np.concatenate([real, covariates], axis=1)
        low, middle, high = (bound.from_real(np.full((len(hyper), bound.n_parameters), u)) for u in (-1.0, 0.0, 1.0))
        spread = np.log(np.maximum(high - low, np.finfo(float).tiny))
        return np.concatenate([real, covariates, middle, spread], axis=1)

    def _sources(self, X, given):
        flat = [group for groups in X.data for group in groups]
        return SliceDict(**{DATA: as_objects(flat) if X.has_observations else np.stack(flat), GIVEN: given})

    def _summaries(self, X, hyper, network):
        """Return what the network is conditioned on for each group, with the first draw of hyper-parameters."""
        first, covariates = np.repeat(hyper[:, 0], X.n_groups, axis=0), X.covariate_columns(self.covariate_names)
        sources = self._sources(X, self._given(first, covariates, self._bound(first, covariates)))
        dtype = next(network.parameters()).dtype
        return contexts(network, self.estimator._scaled(sources, "cpu", dtype), verbose=self.estimator.verbose)

    def _told(self, base, groups, given):
        """Return contexts of groups `base[groups]`, in which `given` takes the place of what stood there."""
        network, reader = self.estimator.network_, self.estimator._reader.each[GIVEN]
        summary = getattr(network, "members", [network])[0].summary
        start = sum(summary.n_fixed_of_each[: summary.names.index(GIVEN)])
        context = base[torch.from_numpy(groups)]
        values = to_tensor(reader.transform(Source(given))[0], dtype=base.dtype)
        context[..., start : start + given.shape[1]] = values if base.ndim == 2 else values[:, None]
        return context

    def _warn_of_outside(self, base):
        p_values = self.estimator._p_values_of(base)
        outside = discoveries(p_values)
        if outside.size:
            warn(
                f"{outside.size} of {len(p_values)} groups lie outside what was simulated, where the posterior is a "
                "guess. Compare them with simulated ones, or switch this warning off by "
                "group=AmortizedPosterior(warn_outside=False).",
                ApproximationWarning,
            )


def _in_parts(work, n):
    """Return what `work(slice)` returns of `n` rows, a part at a time, as one array."""
    parts = each(lambda rows, _: to_array(work(rows)), chunks(n, 1, _CHUNK))
    return np.concatenate(parts)
