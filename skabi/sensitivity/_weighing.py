"""Importance weights for choices that an estimator was not trained for."""

import numpy as np

from skabi._params import check_real
from skabi.diagnostics._pareto import pareto_smoothed
from skabi.estimators import KnownLikelihood
from skabi.priors._power_scaled import check_powers
from skabi.sensitivity._contexts import LIKELIHOOD, PRIOR
from skabi.sensitivity._powers import entry_log_densities
from skabi.sensitivity._simulator import ContextSimulator
from skabi.sensitivity._weights import prior_of


class Weighing:
    """Divides choices into what an estimator is told and powers that are reached by weights.

    Parameters
    ----------
    estimator : posterior
    simulator : Simulator, ContextSimulator or None
        Whose likelihood is raised to powers.
    X : array-like of shape (n_datasets, ...)
    contexts : list of dict
        The choices.

    Attributes
    ----------
    groups : list of (dict, list of int)
        What the estimator is told that is not the default, and the numbers of the choices that tell it.
    powers : list of dict
        Of each choice, the powers that are left to weights.

    Raises
    ------
    ValueError
        If a choice is no power, or a prior is improper at a power.
    """

    def __init__(self, estimator, simulator, X, contexts):
        self.estimator, self.simulator, self.X = estimator, simulator, X
        default = getattr(estimator, "default_context_", {})
        self.powers = [{name: power for name, power in context.items() if name not in default} for context in contexts]
        self._check_powers()
        self.groups: list[tuple[dict, list[int]]] = []
        for number, context in enumerate(contexts):
            told = {name: value for name, value in context.items() if name in default and value != default[name]}
            members = next((members for other, members in self.groups if other == told), None)
            if members is None:
                self.groups.append((told, [number]))
            else:
                members.append(number)

    def weights(self, draws, told, members):
        """Yield numbers of the choices of a group, weights `(n_datasets, n_draws)` and Pareto k `(n_datasets,)`."""
        names = {name for number in members for name in self.powers[number]}
        densities: dict[str, np.ndarray] = {}
        if names - {LIKELIHOOD}:
            of_entries = entry_log_densities(prior_of(self.estimator), draws)
            densities = {f"{PRIOR}_{name}": values for name, values in of_entries.items()}
        if LIKELIHOOD in names:
            densities[LIKELIHOOD] = self._likelihood(told).log_likelihood(self.X, draws)
        for number in members:
            log_weights = np.zeros(draws.shape[:2])
            for name, power in self.powers[number].items():
                if power != 1:
                    log_weights = log_weights + (power - 1) * densities[name]
            yield number, *pareto_smoothed(log_weights)

    def _check_powers(self):
        """Raise unless all are powers, of entries at which the prior is proper, or of the likelihood."""
        asked: dict[str, list] = {}
        for powers in self.powers:
            for name, power in powers.items():
                asked.setdefault(name, []).append(power)
        prior = prior_of(self.estimator) if set(asked) - {LIKELIHOOD} else None
        entries = {} if prior is None else {f"{PRIOR}_{name}": name for name in prior.entry_names}
        unknown = [name for name in asked if name not in entries and name != LIKELIHOOD]
        if unknown:
            raise ValueError(
                f"the estimator was not trained for the choices {unknown}, and weights reach "
                f"{[*entries, LIKELIHOOD]} alone. Train a ContextPosterior on a ContextSimulator that has them."
            )
        asked = {name: [check_real(power, name, low=0.0) for power in each] for name, each in asked.items()}
        ranges = {entries[name]: (min(1.0, *each), max(1.0, *each)) for name, each in asked.items() if name in entries}
        # Of priors without entries that have densities of their own `weights` says more.
        if ranges and hasattr(prior, "distributions"):
            check_powers(prior, ranges)

    def _likelihood(self, told):
        """Return the likelihood under what the estimator is told."""
        if isinstance(self.simulator, ContextSimulator):
            return KnownLikelihood(self.simulator._given_variants(told))
        prior_names = [name for name in told if name.startswith(f"{PRIOR}_")]
        if len(told) > len(prior_names):
            variants = [name for name in told if name not in prior_names]
            raise ValueError(
                f"powers of the likelihood under other variants of {variants} need the likelihood of each variant: "
                "pass SensitivityAnalysis(..., simulator=) the ContextSimulator that has them."
            )
        if self.simulator is not None:
            return KnownLikelihood(self.simulator)
        if hasattr(self.estimator, "likelihood_"):
            return self.estimator.likelihood_
        raise ValueError(
            "no likelihood is known: pass SensitivityAnalysis(..., simulator=) with a log_likelihood, a fitted "
            "JointEstimator, or a ContextPosterior of a ContextSimulator(..., likelihood_power=True)."
        )
