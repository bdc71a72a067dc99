"""Hyper-parameters, groups that scatter by them, and the data of each group."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skabi._arguments import named_arguments, needed_arguments
from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.exceptions import ShapeError, SimulatorError
from skabi.hierarchical._group_prior import GroupPrior
from skabi.hierarchical._grouped_data import GroupedData, as_grouped
from skabi.hierarchical._levels import LevelDraws, Levels, arrays_of, as_levels
from skabi.hierarchical._sizes import Sizes
from skabi.priors import IndependentPrior, check_prior
from skabi.simulators._data_sets import as_numbers
from skabi.simulators._seeded_blocks import seeded_blocks

# Data sets a seed: many for array code, few for loops so that small jobs spread over workers.
_VECTORIZED_BLOCK, _LOOP_BLOCK = 250, 16


class HierarchicalSimulator:
    """A model with levels: hyper-parameters, parameters of groups that depend on them, and data of each group.

    Groups are exchangeable, and their data independent of each other given the parameters: the factorisation that
    `HierarchicalPosterior` learns rests on it.

    Parameters
    ----------
    hyper_prior : IndependentPrior, ChainedPrior, or dict of str to frozen distribution
        Of the hyper-parameters, and of what else all groups share, such as the scale of measurement noise.
    group_prior : dict of str to frozen distribution or function
        Of the parameters of one group, as in `ChainedPrior`: a function takes hyper-parameters, covariates and earlier
        parameters of the group by name, n values of each, and returns a frozen distribution of n values.
    simulate : callable
        Makes the data of a group. It takes by name what it needs of the parameters of the group, those that all groups
        share, covariates and `n_observations`, and `rng`, a `numpy.random.Generator`. Not vectorized: of one group,
        and returns `(n_observations, n_features)` or `(n_observations,)`; without `n_observations` a number or a row
        `(n_features,)`. Vectorized: of many groups at once, arrays `(n_all_groups,)`, and returns an array or a list
        with one entry a group. What is beyond a group's number of observations is cut off. Further arguments have
        defaults.
    n_groups : int, (int, int), or frozen discrete distribution
        Number of groups, or a range of it, ends included, drawn for each data set.
    n_observations : int, (int, int), frozen discrete distribution or None, default=None
        Number of observations of a group, or a range. Numbers are drawn such that data sets of equal groups, of small
        ones, of large ones, and of both are all among the simulations. None if a group is one observation.
    covariates : dict of str to frozen distribution, callable or array-like, optional
        What is known of each group. Drawn for each from a distribution; or by `draw(n_groups, rng)`, which returns
        `(n_groups,)` for a data set; or, if `n_groups` is fixed, the numbers `(n_groups,)` themselves.
    vectorized : bool, default=False
        Whether `simulate` takes many groups at once.
    block_size : int, optional
        Data sets simulated from one random seed; by default 250 when vectorized, else 16.

    Attributes
    ----------
    hyper_names, group_names : list of str
        Names of the parameters of both levels.

    Raises
    ------
    TypeError
        If `hyper_prior` is no prior, a function of `group_prior` or `simulate` asks for what there is not, or sizes
        or covariates are none of the above.
    ValueError
        If there is one group alone, a size may be below 1, or two things have one name.

    See Also
    --------
    HierarchicalPosterior : Learns the posterior of both levels from it.

    References
    ----------
    .. [1] D. Habermann, M. Schmitt, L. Kühmichel, A. Bulling, S. Radev, P.-C. Bürkner (2024). Amortized Bayesian
       multilevel models. arXiv 2408.13230.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.hierarchical import HierarchicalSimulator
    >>> from skabi.priors import IndependentPrior
    >>> def scatter(mu, tau):
    ...     return stats.norm(mu, tau)
    >>> simulator = HierarchicalSimulator(
    ...     IndependentPrior({"mu": stats.norm(0, 2), "tau": stats.halfnorm(scale=1)}),
    ...     {"theta": scatter},
    ...     lambda theta, n_observations, rng: rng.normal(theta, 1.0, size=n_observations),
    ...     n_groups=(3, 8),
    ...     n_observations=(2, 5),
    ... )
    >>> X, y = simulator.sample(10, random_state=0)
    >>> X
    GroupedData of 10 data sets: 3 to 8 groups of 2 to 5 observations
    >>> y
    Levels of 10 data sets: hyper ['mu', 'tau'], groups ['theta']
    """

    # Which class others name when they are given one of these.
    learned_by = "skabi.hierarchical.HierarchicalPosterior"

    def __init__(
        self,
        hyper_prior,
        group_prior: dict[str, Any],
        simulate: Callable[..., Any],
        *,
        n_groups: Any,
        n_observations: Any = None,
        covariates: Mapping[str, Any] | None = None,
        vectorized: bool = False,
        block_size: int | None = None,
    ):
        self.hyper_prior = as_prior(hyper_prior)
        self.simulate = simulate
        self.n_groups = n_groups
        self.n_observations = n_observations
        self.covariates = {} if covariates is None else dict(covariates)
        self.vectorized = vectorized
        default_size = _VECTORIZED_BLOCK if vectorized else _LOOP_BLOCK
        self.block_size = default_size if block_size is None else check_count(block_size, "block_size")
        self._sizes = Sizes(n_groups, n_observations)
        self._check_covariates()
        self.group_prior = GroupPrior(group_prior, self._draw_given)
        self.hyper_names, self.group_names = list(self.hyper_prior.parameter_names), self.group_prior.parameter_names
        self._arguments = self._check_simulate()

    def __repr__(self):
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"HierarchicalSimulator({self.hyper_prior!r}, {self.group_prior!r}, {name}, n_groups={self.n_groups!r})"

    def sample(self, n: int, *, random_state=None, n_jobs: int | None = None, verbose: int = 0):
        """Draw parameters of both levels, and a data set for each.

        Parameters
        ----------
        n : int
            Number of data sets.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
            The data sets depend on it alone: not on `n_jobs`, and the first ones not on `n`.
        n_jobs : int, optional
            Number of joblib workers; `joblib.parallel_config` applies.
        verbose : int, default=0
            Positive for a progress bar.

        Returns
        -------
        X : GroupedData
        y : Levels

        Raises
        ------
        SimulatorError
            If a simulation fails, or returns something else than finite numbers of the right shape.
        """
        n = check_count(n, "n")
        blocks = seeded_blocks(
            self._simulate_block,
            n,
            block_size=self.block_size,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        data, hyper, groups, covariates = (list(part) for part in zip(*blocks, strict=True))
        X = GroupedData(
            _joined(data)[:n], covariates={name: _joined([c[name] for c in covariates])[:n] for name in self.covariates}
        )
        y = as_levels(np.concatenate(hyper)[:n], _joined(groups)[:n], self.hyper_names, self.group_names, X.labels)
        return X, y

    def simulate_from(self, y: Levels | LevelDraws, X: GroupedData, *, random_state=None) -> GroupedData:
        """Simulate anew, for parameters of both levels, data sets of the sizes, covariates and labels of X.

        For posterior draws these are posterior predictive data, one data set for each draw.

        Parameters
        ----------
        y : Levels or LevelDraws
            Groups are matched by label.
        X : GroupedData
            Of as many data sets.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        X : GroupedData
            Of `n_datasets` data sets, or, for draws, of `n_datasets * n_draws`: those of all draws for the first data
            set, then those for the second, and so on.

        Raises
        ------
        ShapeError, ValueError
            If y is not of the groups of X, or X has other covariates than the simulator, or no observations where it
            has some.
        SimulatorError
            If a simulation fails.
        """
        X = self._like_own(as_grouped(X))
        hyper, groups, _ = arrays_of(y, X.labels, self.hyper_names, self.group_names)
        X = X[np.repeat(np.arange(len(X)), hyper.shape[1])]
        known = self.hyper_prior.split(np.repeat(hyper.reshape(-1, hyper.shape[2]), X.n_groups, axis=0))
        known |= {name: np.concatenate(values) for name, values in X.covariates.items()}
        theta = np.concatenate([own.reshape(-1, own.shape[2]) for own in groups])
        known |= self.group_prior.given(known).split(theta)
        sizes = None
        if X.has_observations:
            sizes = np.array([len(group) for groups in X.data for group in groups])
        flat = self._simulate_groups(known, sizes, np.random.default_rng(seed_sequence(random_state)))
        return GroupedData(_by_data_set(flat, X.n_groups), covariates=X.covariates, labels=X.labels)

    def _like_own(self, X):
        """Return X if its groups are like those that are simulated, or raise."""
        if set(X.covariates) != set(self.covariates):
            raise ValueError(f"X must have the covariates {list(self.covariates)}; got {list(X.covariates)}.")
        X = X if self._sizes.has_observations else X.as_rows()
        if X.has_observations != self._sizes.has_observations:
            wanted = "several observations each" if self._sizes.has_observations else "one observation each"
            raise ShapeError(f"groups of X must have {wanted}, as those that are simulated.")
        return X

    def _simulate_block(self, seed):
        """Return data, hyper-parameters, group parameters and covariates of a block of data sets."""
        rng = np.random.default_rng(seed)
        n_groups = self._sizes.draw_groups(self.block_size, rng)
        hyper = self.hyper_prior.sample(self.block_size, random_state=rng).to_numpy()
        covariates = self._draw_covariates(n_groups, rng)
        known = self.hyper_prior.split(np.repeat(hyper, n_groups, axis=0)) | covariates
        prior = self.group_prior.given(known)
        theta = prior.sample(int(n_groups.sum()), random_state=rng).to_numpy()
        sizes = self._sizes.draw_observations(n_groups, rng)
        data = self._simulate_groups(known | prior.split(theta), sizes, rng)
        covariates = {name: _by_data_set(values, n_groups) for name, values in covariates.items()}
        return _by_data_set(data, n_groups), hyper, _by_data_set(theta, n_groups), covariates

    def _simulate_groups(self, known, sizes, rng):
        """Return the data of all groups, a list of arrays, given all that `simulate` may ask for."""
        known = known | ({} if sizes is None else {"n_observations": sizes})
        arguments = {name: known[name] for name in self._arguments}
        n = len(next(iter(known.values())))
        try:
            if self.vectorized:
                each = self.simulate(**{name: np.array(values) for name, values in arguments.items()}, rng=rng)
            else:
                each = [self.simulate(**_one(arguments, j), rng=rng) for j in range(n)]
        except Exception as error:  # whatever the user's function raises
            raise SimulatorError(f"simulate raised {type(error).__name__}: {error}.") from error
        n_returned = len(each) if isinstance(each, (list, tuple)) or np.ndim(each) else None
        if n_returned != n:
            raise SimulatorError(
                f"a vectorized simulate must return one entry for each of {n} groups; got "
                f"{type(each).__name__ if n_returned is None else n_returned}."
            )
        return [_as_group(group, None if sizes is None else sizes[j]) for j, group in enumerate(each)]

    def _draw_covariates(self, n_groups, rng):
        """Return covariates of all groups, one data set after the other, by name."""
        drawn = {}
        for name, source in self.covariates.items():
            if hasattr(source, "rvs"):
                drawn[name] = np.asarray(source.rvs(size=int(n_groups.sum()), random_state=rng), dtype=float)
            elif callable(source):
                drawn[name] = np.concatenate([np.asarray(source(int(n), rng), dtype=float) for n in n_groups])
            else:
                drawn[name] = np.tile(np.asarray(source, dtype=float), len(n_groups))
            if drawn[name].shape != (n_groups.sum(),):
                raise SimulatorError(f"covariate {name!r} must be (n_groups,) for a data set; check what draws it.")
        return drawn

    def _draw_given(self, n):
        """Return `n` rows of hyper-parameters and covariates, each of another data set."""
        rng = np.random.default_rng(0)
        n_groups = self._sizes.draw_groups(n, rng)
        first = np.cumsum(n_groups) - n_groups
        covariates = {name: values[first] for name, values in self._draw_covariates(n_groups, rng).items()}
        return self.hyper_prior.split(self.hyper_prior.sample(n, random_state=rng).to_numpy()) | covariates

    def _check_covariates(self):
        for name, source in self.covariates.items():
            if name in self.hyper_prior.entry_names:
                raise ValueError(f"{name!r} is both a hyper-parameter and a covariate.")
            is_fixed = not hasattr(source, "rvs") and not callable(source)
            if is_fixed and (self._sizes.n_groups is None or np.shape(source) != (self._sizes.n_groups,)):
                raise TypeError(
                    f"covariate {name!r} must be a frozen distribution, a function draw(n_groups, rng), or, where "
                    f"n_groups is an int, an array (n_groups,); got {source!r} with n_groups={self.n_groups!r}."
                )

    def _check_simulate(self):
        """Return what of all that there is `simulate` asks for."""
        if not callable(self.simulate):
            raise TypeError(f"simulate must be callable; got {self.simulate!r}.")
        there = [*self.hyper_prior.entry_names, *self.covariates, *self.group_prior.entry_names]
        there += ["n_observations"] * self._sizes.has_observations
        named = named_arguments(self.simulate)
        if "rng" not in named or set(needed_arguments(self.simulate)) - {*there, "rng"}:
            raise TypeError(
                f"simulate must take rng, and what it needs of {there}, and may take arguments with defaults; it takes "
                f"{named}."
            )
        return [name for name in named if name in there]


def as_prior(hyper_prior):
    """Return a prior, which a dict of distributions stands for too, or raise if it is none."""
    return check_prior(IndependentPrior(hyper_prior) if isinstance(hyper_prior, dict) else hyper_prior)


def _one(arguments, j):
    """Return the arguments of one group: numbers, or arrays of vector entries."""
    return {name: values[j] if values.ndim > 1 else values[j].item() for name, values in arguments.items()}


def _as_group(group, n_observations):
    """Return what was simulated for a group as `(n_observations, n_features)`, or as a row of numbers."""
    array = as_numbers(group)
    if n_observations is None:
        array = np.atleast_1d(array)
        is_wrong, wanted = array.ndim != 1, "a number or (n_features,)"
    else:
        is_wrong = array.ndim not in (1, 2) or len(array) < n_observations
        wanted = f"(n_observations, n_features) or (n_observations,), with n_observations={n_observations} or more,"
    if is_wrong:
        raise SimulatorError(f"simulate must return {wanted} for a group; got shape {array.shape}.")
    if n_observations is not None:
        array = array[:n_observations]
        array = array[:, np.newaxis] if array.ndim == 1 else array
    if not np.isfinite(array).all():
        raise SimulatorError("simulate returned NaN or infinity.")
    return array


def _by_data_set(flat, n_groups):
    """Return what is of all groups, one data set after the other, as a list by data set."""
    ends = np.cumsum(n_groups)
    return [flat[end - n : end] for n, end in zip(n_groups, ends, strict=True)]


def _joined(blocks):
    return [each for block in blocks for each in block]
