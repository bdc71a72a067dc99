"""How much of an answer is owed to prior, likelihood, data and approximator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count, check_real
from skabi._random import seed_sequence
from skabi.estimators import KnownLikelihood
from skabi.estimators._checks import check_quantiles
from skabi.sensitivity._changes import answers_of, changes
from skabi.sensitivity._contexts import LIKELIHOOD, PRIOR
from skabi.sensitivity._members import member_draws
from skabi.sensitivity._perturbed import perturbed
from skabi.sensitivity._posterior import ContextPosterior
from skabi.sensitivity._powers import entry_log_densities
from skabi.sensitivity._result import SensitivityResult, result_of
from skabi.sensitivity._told import n_data_sets
from skabi.sensitivity._weights import largest_k, pareto_smoothed, prior_of, warn_of_weights

_POWERS = (0.5, 0.8, 1.25, 2.0)
# Draws that are held at once.
_N_HELD = 4_000_000


class SensitivityAnalysis:
    """Compares posteriors under other choices with the one under the default choice [1]_.

    Prior and likelihood are raised to powers [2]_. A `ContextPosterior` that was trained with these choices is asked;
    of another estimator, or for choices that it does not know, draws have importance weights, and Pareto k says how far
    these reach. Other data and other members of an ensemble need no more than further passes through the network. All
    methods return a `SensitivityResult`.

    Parameters
    ----------
    estimator : ContextPosterior, AmortizedPosterior, EnsemblePosterior or JointEstimator
        Fitted.
    simulator : Simulator, optional
        With a `log_likelihood`, for powers of the likelihood by weights; a `JointEstimator` brings its own.
    n_draws : int, default=1000
        Draws of each posterior, at least 25.
    quantiles : sequence of float, default=(0.05, 0.5, 0.95)
        Quantiles whose changes are told, between zero and one.
    random_state : int, RandomState, Generator or None
        Governs all draws.

    See Also
    --------
    change_prior : Draws under any other prior, by weights.

    References
    ----------
    .. [1] L. Elsemüller, H. Olischläger, M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2024). Sensitivity-aware
       amortized Bayesian inference. Transactions on Machine Learning Research. arXiv 2310.11122.
    .. [2] N. Kallioinen, T. Paananen, P.-C. Bürkner, A. Vehtari (2024). Detecting and diagnosing prior and likelihood
       sensitivity with power-scaling. Statistics and Computing 34. arXiv 2107.14054.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.sensitivity import ContextPosterior, ContextSimulator, SensitivityAnalysis
    >>> recipe = AmortizedPosterior(Gaussian((16,)), n_simulations=1000, max_iter=10, random_state=0)
    >>> posterior = ContextPosterior(recipe).fit(ContextSimulator(ConjugateGaussian()))
    >>> result = SensitivityAnalysis(posterior, random_state=0).prior([[2.0, 0.0]], alphas=[0.5, 2.0])
    >>> result.table[["choice", "alpha", "parameter"]].head(3)
            choice  alpha parameter
    0  prior_theta    0.5  theta[0]
    1  prior_theta    0.5  theta[1]
    2  prior_theta    2.0  theta[0]
    """

    def __init__(
        self,
        estimator,
        *,
        simulator=None,
        n_draws: int = 1000,
        quantiles: Sequence[float] = (0.05, 0.5, 0.95),
        random_state=None,
    ):
        check_is_fitted(estimator)
        if not hasattr(estimator, "sample"):
            raise TypeError(f"estimator must have sample, as a posterior has; got {type(estimator).__name__}.")
        self.estimator = estimator
        self.simulator = simulator
        self.n_draws = check_count(n_draws, "n_draws", minimum=25)
        self.quantiles = check_quantiles(quantiles)
        if ((self.quantiles <= 0) | (self.quantiles >= 1)).any():
            raise ValueError(f"quantiles must lie between 0 and 1, ends excluded; got {self.quantiles.tolist()}.")
        self.random_state = random_state

    def __repr__(self):
        return f"{type(self).__name__}({self.estimator!r}, n_draws={self.n_draws})"

    def prior(
        self, X: ArrayLike, alphas: Sequence[float] = _POWERS, *, entries: Sequence[str] | None = None
    ) -> SensitivityResult:
        """Raise the prior density of one entry at a time, and then of all, to powers.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        alphas : sequence of float, default=(0.5, 0.8, 1.25, 2.0)
            Below one the prior is wider, above one narrower.
        entries : sequence of str, optional
            Entries of the prior; by default all, or those whose powers a `ContextPosterior` knows.

        Returns
        -------
        result : SensitivityResult
            With the choices `choice`, "prior_<entry>" or "prior" for all of several entries, and `alpha`.
        """
        names = list(prior_of(self.estimator).entry_names)
        entries = self._own_entries() if entries is None else list(entries)
        unknown = [name for name in entries if name not in names]
        if unknown:
            raise ValueError(f"entries must be among {names}; got {unknown}.")
        alphas = [check_real(alpha, "alphas", low=0.0) for alpha in np.ravel(alphas).tolist()]
        asked = {f"{PRIOR}_{name}": [f"{PRIOR}_{name}"] for name in entries}
        if len(entries) > 1:
            asked[PRIOR] = [f"{PRIOR}_{name}" for name in entries]
        choices = [
            ({"choice": label, "alpha": alpha}, dict.fromkeys(own, alpha))
            for label, own in asked.items()
            for alpha in alphas
        ]
        return self._choices(X, choices, ["choice", "alpha"])

    def likelihood(self, X: ArrayLike, alphas: Sequence[float] = _POWERS) -> SensitivityResult:
        """Raise the likelihood to powers.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        alphas : sequence of float, default=(0.5, 0.8, 1.25, 2.0)
            Below one the data count less, above one more.

        Returns
        -------
        result : SensitivityResult
            With the choices `choice`, "likelihood", and `alpha`.

        Raises
        ------
        ValueError
            If the estimator was not trained for it and no likelihood is known.
        """
        alphas = [check_real(alpha, "alphas", low=0.0) for alpha in np.ravel(alphas).tolist()]
        choices = [({"choice": LIKELIHOOD, "alpha": alpha}, {LIKELIHOOD: alpha}) for alpha in alphas]
        return self._choices(X, choices, ["choice", "alpha"])

    def multiverse(self, X: ArrayLike, grid: Mapping[str, Sequence[Any]]) -> SensitivityResult:
        """Combine choices of all kinds: every analysis that might have been done.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        grid : dict of str to sequence
            Values of choices by name: "prior_<entry>", "likelihood", and variants of the `ContextSimulator`. All
            combinations are compared with the default. "prior" stands for the powers of all entries.

        Returns
        -------
        result : SensitivityResult
            With the names of the grid for choices.
        """
        if not isinstance(grid, Mapping) or not grid:
            raise TypeError(f"grid must be a dict of choice to values, and not empty; got {grid!r}.")
        for name, values in grid.items():
            if isinstance(values, str) or not np.ndim(values) or not len(values):
                raise TypeError(f"grid[{name!r}] must be a list of values; got {values!r}.")
        names = list(grid)
        combinations = [
            {name: each[name] for name in names} for each in ParameterGrid({k: list(v) for k, v in grid.items()})
        ]
        return self._choices(X, [(each, self._expanded(each)) for each in combinations], names)

    def data(self, X: ArrayLike, *, cv: Any = None, n_bootstrap: int | None = None) -> SensitivityResult:
        """Leave observations out, or draw them again.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_observations, n_features), or list of arrays
            Sets of observations. Where the estimator has `missing="mask"`, also a table or several sources, of which
            one feature or source at a time is left out.
        cv : int or cross-validation splitter, optional
            Folds that are left out. By default each observation by itself.
        n_bootstrap : int, optional
            How often as many observations are drawn with replacement, instead.

        Returns
        -------
        result : SensitivityResult
            With the choice `data`, in words.

        Raises
        ------
        ShapeError
            If there is nothing that could be left out.
        """
        splitting, *seeds = self._seeds(2)
        baseline = self._baseline(X, seeds[0])
        blocks = []
        missing = getattr(getattr(self.estimator, "posterior_", self.estimator), "missing", None)
        parts = perturbed(X, cv=cv, n_bootstrap=n_bootstrap, may_miss=missing is not None, random_state=splitting)
        for i, (label, rows, changed) in enumerate(parts):
            draws = self.estimator.sample(changed, self.n_draws, random_state=_child(seeds[1], i))
            columns = changes(_rows_of(baseline, rows), answers_of(draws, self.quantiles))
            blocks.append(({"data": label}, rows, columns))
        return self._result(blocks, baseline, ["data"])

    def approximator(self, X: ArrayLike) -> SensitivityResult:
        """Ask each member of an ensemble by itself.

        Members learned from the same simulations: where they differ, the simulations do not decide.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        result : SensitivityResult
            With the choice `member`; the baseline is their mixture.

        Raises
        ------
        ValueError
            If the estimator is no ensemble.
        """
        _, *seeds = self._seeds(2)
        baseline = self._baseline(X, seeds[0])
        rows = list(range(n_data_sets(X)))
        blocks = [
            ({"member": name}, rows, changes(baseline, answers_of(draws, self.quantiles)))
            for name, draws in member_draws(self.estimator, X, self.n_draws, seeds[1])
        ]
        return self._result(blocks, baseline, ["member"])

    def _own_entries(self):
        """Return the entries of the prior whose powers the estimator knows, or all if it knows of none."""
        names = list(prior_of(self.estimator).entry_names)
        known = [name for name in names if f"{PRIOR}_{name}" in getattr(self.estimator, "context_names_", [])]
        return known or names

    def _expanded(self, choice):
        """Return a choice in which "prior" has become the powers of all entries."""
        if PRIOR not in choice:
            return choice
        names = self._own_entries()
        rest = {name: value for name, value in choice.items() if name != PRIOR}
        return {f"{PRIOR}_{name}": choice[PRIOR] for name in names} | rest

    def _choices(self, X, choices, choice_names):
        """Return the result of choices: pairs of a label, a dict, and a context, a dict."""
        if not choices:
            raise ValueError("there is nothing to compare; give at least one choice.")
        known = self.estimator.context_names_ if isinstance(self.estimator, ContextPosterior) else []
        if all(name in known for _, context in choices for name in context):
            return self._by_contexts(X, choices, choice_names)
        return self._by_weights(X, choices, choice_names)

    def _by_contexts(self, X, choices, choice_names):
        """Ask a posterior that was trained for the choices, for some of them at a time."""
        _, *seeds = self._seeds(2)
        baseline, rows = self._baseline(X, seeds[0]), list(range(n_data_sets(X)))
        each = len(rows) * self.n_draws * len(self.estimator.parameter_names_)
        size, blocks = max(1, _N_HELD // each), []
        for start in range(0, len(choices), size):
            part = choices[start : start + size]
            draws = self.estimator.sample_contexts(
                X, [context for _, context in part], self.n_draws, random_state=_child(seeds[1], start)
            )
            for i, (label, _) in enumerate(part):
                blocks.append((label, rows, changes(baseline, answers_of(draws[:, i], self.quantiles))))
        return self._result(blocks, baseline, choice_names)

    def _by_weights(self, X, choices, choice_names):
        """Give draws of the posterior importance weights."""
        _, *seeds = self._seeds(2)
        draws = self.estimator.sample(X, self.n_draws, random_state=seeds[0])
        baseline, rows = answers_of(draws, self.quantiles), list(range(len(draws)))
        densities = self._log_densities(X, draws, {name for _, context in choices for name in context})
        blocks, of_all = [], []
        for label, context in choices:
            log_weights = sum((check_real(a, name, low=0.0) - 1) * densities[name] for name, a in context.items())
            weights, pareto_k = pareto_smoothed(np.broadcast_to(log_weights, draws.shape[:2]))
            columns = changes(baseline, answers_of(draws, self.quantiles, weights), weights=weights)
            columns["pareto_k"] = np.repeat(pareto_k[:, np.newaxis], draws.shape[2], axis=1)
            blocks.append((label, rows, columns))
            of_all.append(pareto_k)
        warn_of_weights(np.concatenate(of_all), self.n_draws)
        return self._result(blocks, baseline, choice_names, largest_k=largest_k(self.n_draws))

    def _log_densities(self, X, draws, names):
        """Return log densities of what is raised to powers by name, each `(n_datasets, n_draws)`."""
        prior_names = [name for name in names if name != LIKELIHOOD]
        densities = {}
        if prior_names:
            of_entries = entry_log_densities(prior_of(self.estimator), draws)
            densities = {f"{PRIOR}_{name}": values for name, values in of_entries.items()}
        if LIKELIHOOD in names:
            densities[LIKELIHOOD] = self._log_likelihood(X, draws)
        unknown = [name for name in names if name not in densities]
        if unknown:
            raise ValueError(
                f"the estimator was not trained for the choices {unknown}, and weights reach {list(densities)} alone. "
                "Train a ContextPosterior on a ContextSimulator that has them."
            )
        return densities

    def _log_likelihood(self, X, draws):
        if self.simulator is not None:
            return KnownLikelihood(self.simulator).log_likelihood(X, draws)
        if hasattr(self.estimator, "likelihood_"):
            return self.estimator.likelihood_.log_likelihood(X, draws)
        raise ValueError(
            "no likelihood is known: pass SensitivityAnalysis(..., simulator=) with a log_likelihood, a fitted "
            "JointEstimator, or a ContextPosterior of a ContextSimulator(..., likelihood_power=True)."
        )

    def _seeds(self, n):
        """Return seeds that are the same for each call where `random_state` is an int."""
        return seed_sequence(self.random_state).spawn(n + 1)

    def _baseline(self, X, seed):
        return answers_of(self.estimator.sample(X, self.n_draws, random_state=seed), self.quantiles)

    def _result(self, blocks, baseline, choice_names, *, largest_k=None):
        names = getattr(self.estimator, "parameter_names_", None)
        names = self.estimator.posterior_.parameter_names_ if names is None else names
        how = {"parameter_names": list(names), "quantiles": self.quantiles, "n_draws": self.n_draws}
        return result_of(blocks, baseline, choice_names=choice_names, largest_k=largest_k, **how)


def _child(seed, number):
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))


def _rows_of(answers, rows):
    """Return the answers of some data sets."""
    if len(rows) == len(answers.ordered):
        return answers
    some = ({name: values[rows] for name, values in part.items()} for part in (answers.values, answers.influence))
    return type(answers)(answers.ordered[rows], answers.weights[rows], *some)
