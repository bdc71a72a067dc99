"""How much of an answer is owed to prior, likelihood, data and approximator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count, check_real
from skabi._random import seed_sequence
from skabi.diagnostics._pareto import FEWEST_WEIGHTS, largest_k
from skabi.estimators._checks import check_quantiles
from skabi.estimators._model_probabilities import ModelProbabilities
from skabi.sensitivity._changes import answers_of, changes
from skabi.sensitivity._comparator import ContextComparator
from skabi.sensitivity._contexts import LIKELIHOOD, PRIOR
from skabi.sensitivity._members import member_draws
from skabi.sensitivity._perturbed import perturbed
from skabi.sensitivity._result import SensitivityResult, result_of
from skabi.sensitivity._subjects import Models, Parameters, child
from skabi.sensitivity._told import n_data_sets
from skabi.sensitivity._weighing import Weighing
from skabi.sensitivity._weights import prior_of, warn_of_weights

_POWERS = (0.5, 0.8, 1.25, 2.0)


class SensitivityAnalysis:
    """Compares posteriors under other choices with the one under the default choice [1]_.

    Prior and likelihood are raised to powers [2]_. A `ContextPosterior` that was trained with these choices is asked;
    of another estimator, or for choices that it does not know, draws have importance weights, and Pareto k says how far
    these reach. Other data and other members of an ensemble need no more than further passes through the network. Of
    models, the changes of their probabilities are told: a `ContextComparator` is asked, or, for other data, any
    comparator. All methods return a `SensitivityResult`.

    Parameters
    ----------
    estimator : ContextPosterior, AmortizedPosterior, EnsemblePosterior, JointEstimator, ContextComparator or \
            AmortizedModelComparator
        Fitted.
    simulator : Simulator or ContextSimulator, optional
        With a `log_likelihood`, for powers of the likelihood by weights; a `JointEstimator` brings its own. Where
        variants are combined with these powers, the `ContextSimulator` that has them.
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
        of_models = isinstance(estimator, (ModelProbabilities, ContextComparator))
        if not of_models and not hasattr(estimator, "sample"):
            raise TypeError(
                "estimator must have sample, as a posterior has, or compare models, as a ContextComparator does; got "
                f"{type(estimator).__name__}."
            )
        self.estimator = estimator
        self.simulator = simulator
        self.n_draws = check_count(n_draws, "n_draws", minimum=FEWEST_WEIGHTS)
        self.quantiles = check_quantiles(quantiles)
        if ((self.quantiles <= 0) | (self.quantiles >= 1)).any():
            raise ValueError(f"quantiles must lie between 0 and 1, ends excluded; got {self.quantiles.tolist()}.")
        self.random_state = random_state
        self._subject = Models(estimator) if of_models else Parameters(estimator, self.n_draws, self.quantiles)

    def __repr__(self):
        return f"{type(self).__name__}({self.estimator!r}, n_draws={self.n_draws})"

    def prior(
        self, X: ArrayLike, alphas: Sequence[float] = _POWERS, *, entries: str | Sequence[str] | None = None
    ) -> SensitivityResult:
        """Raise the prior density of one entry at a time, and then of all, to powers.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        alphas : sequence of float, default=(0.5, 0.8, 1.25, 2.0)
            Below one the prior is wider, above one narrower.
        entries : str or sequence of str, optional
            Entries of the prior; by default all, or those whose powers a `ContextPosterior` knows.

        Returns
        -------
        result : SensitivityResult
            With the choices `choice`, "prior_<entry>" or "prior" for all of several entries, and `alpha`.
        """
        names = self._entry_names()
        entries = [entries] if isinstance(entries, str) else entries
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
            combinations are compared with the default. "prior" stands for the powers of all entries. Weights are given
            to powers that a `ContextPosterior` was not trained for, after it has answered for the rest. The number of
            observations is no choice of a grid, as it shows in X: see `data`.

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
        baseline = self._subject.ask(X, seeds[0])
        blocks = []
        inner = getattr(self.estimator, "posterior_", getattr(self.estimator, "comparator_", self.estimator))
        missing = getattr(inner, "missing", None)
        parts = perturbed(X, cv=cv, n_bootstrap=n_bootstrap, may_miss=missing is not None, random_state=splitting)
        for i, (label, rows, changed) in enumerate(parts):
            answers = self._subject.ask(changed, child(seeds[1], i))
            blocks.append(({"data": label}, rows, self._subject.changes(baseline.of_rows(rows), answers)))
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
            If the estimator is no ensemble of posteriors.
        """
        if isinstance(self._subject, Models):
            raise ValueError("members of a posterior can be asked by themselves, and those of a comparator cannot.")
        _, *seeds = self._seeds(2)
        baseline = self._subject.ask(X, seeds[0])
        rows = list(range(n_data_sets(X)))
        blocks = [
            ({"member": name}, rows, changes(baseline, answers_of(draws, self.quantiles)))
            for name, draws in member_draws(self.estimator, X, self.n_draws, seeds[1])
        ]
        return self._result(blocks, baseline, ["member"])

    def _entry_names(self):
        """Return the entries of the prior, or those whose powers a comparator knows."""
        if isinstance(self._subject, Models):
            if not self._known():
                raise ValueError(
                    "probabilities of models under other priors need a ContextComparator; got "
                    f"{type(self.estimator).__name__}."
                )
            return [name.removeprefix(f"{PRIOR}_") for name in self._known() if name.startswith(f"{PRIOR}_")]
        return list(prior_of(self.estimator).entry_names)

    def _own_entries(self):
        """Return the entries of the prior whose powers the estimator knows, or all if it knows of none."""
        names = self._entry_names()
        return [name for name in names if f"{PRIOR}_{name}" in self._known()] or names

    def _known(self):
        """Return the names of choices for which the estimator was trained."""
        return getattr(self.estimator, "context_names_", [])

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
        known = self._known()
        unknown = list(dict.fromkeys(name for _, context in choices for name in context if name not in known))
        if not unknown:
            return self._by_contexts(X, choices, choice_names)
        if isinstance(self._subject, Models):
            raise ValueError(
                f"probabilities of models need a ContextComparator that was trained for the choices {unknown}; got "
                f"{type(self.estimator).__name__}, which knows {list(known)}."
            )
        return self._by_weights(X, choices, choice_names)

    def _by_contexts(self, X, choices, choice_names):
        """Ask an estimator that was trained for the choices."""
        _, *seeds = self._seeds(2)
        baseline, rows = self._subject.ask(X, seeds[0]), list(range(n_data_sets(X)))
        asked = self._subject.ask_contexts(X, [context for _, context in choices], len(rows), seeds[1])
        blocks = [
            (label, rows, self._subject.changes(baseline, answers))
            for (label, _), answers in zip(choices, asked, strict=True)
        ]
        return self._result(blocks, baseline, choice_names)

    def _by_weights(self, X, choices, choice_names):
        """Ask an estimator for what it knows of each choice, and give draws weights for the rest."""
        _, *seeds = self._seeds(2)
        weighing = Weighing(self.estimator, self.simulator, X, [context for _, context in choices])
        draws = self.estimator.sample(X, self.n_draws, random_state=seeds[0])
        baseline, rows = answers_of(draws, self.quantiles), list(range(len(draws)))
        found, of_all = {}, []
        for number, (told, members) in enumerate(weighing.groups):
            if told:
                seed = child(seeds[1], number)
                draws = self.estimator.sample(X, self.n_draws, context=told, random_state=seed)
            for i, weights, pareto_k in weighing.weights(draws, told, members):
                answers = answers_of(draws, self.quantiles, weights)
                columns = changes(baseline, answers, weights=weights, is_paired=not told)
                columns["pareto_k"] = np.repeat(pareto_k[:, np.newaxis], draws.shape[2], axis=1)
                found[i] = choices[i][0], rows, columns
                of_all.append(pareto_k)
        warn_of_weights(np.concatenate(of_all), self.n_draws)
        blocks = [found[i] for i in range(len(choices))]
        return self._result(blocks, baseline, choice_names, largest_k=float(largest_k(self.n_draws)))

    def _seeds(self, n):
        """Return seeds that are the same for each call where `random_state` is an int."""
        return seed_sequence(self.random_state).spawn(n + 1)

    def _result(self, blocks, baseline, choice_names, *, largest_k=None):
        subject = self._subject
        how = {"parameter_names": subject.names, "quantiles": subject.quantiles, "n_draws": subject.n_draws}
        return result_of(blocks, baseline, choice_names=choice_names, largest_k=largest_k, **how)
