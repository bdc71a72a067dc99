"""What an analysis asks of an estimator: draws of parameters, or probabilities of models."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from skabi.sensitivity._changes import answers_of, changes

# Draws that are held at once.
_N_HELD = 4_000_000
# A smaller distance is rounding.
_ROUNDING = 1e-9


class Parameters:
    """Posterior draws of parameters.

    Parameters
    ----------
    estimator : posterior
        Fitted.
    n_draws : int
    quantiles : ndarray
    """

    def __init__(self, estimator, n_draws, quantiles):
        self.estimator, self.n_draws, self.quantiles = estimator, n_draws, quantiles

    @property
    def names(self):
        """Names of parameters."""
        names = getattr(self.estimator, "parameter_names_", None)
        return list(self.estimator.posterior_.parameter_names_ if names is None else names)

    def ask(self, X, seed, context=None):
        """Return the `Answers` for data sets under a choice, or the default."""
        how = {} if context is None else {"context": context}
        return answers_of(self.estimator.sample(X, self.n_draws, random_state=seed, **how), self.quantiles)

    def ask_contexts(self, X, contexts, n_datasets, seed):
        """Yield the `Answers` under each choice, some at a time in one batch."""
        size = max(1, _N_HELD // (n_datasets * self.n_draws * len(self.names)))
        for start in range(0, len(contexts), size):
            draws = self.estimator.sample_contexts(
                X, contexts[start : start + size], self.n_draws, random_state=child(seed, start)
            )
            yield from (answers_of(own, self.quantiles) for own in np.moveaxis(draws, 1, 0))

    def changes(self, baseline, answers):
        """Return columns of changes of independent draws."""
        return changes(baseline, answers)


class Models:
    """Probabilities of models.

    Parameters
    ----------
    estimator : AmortizedModelComparator or ContextComparator
        Fitted.
    """

    n_draws, quantiles = 0, ()

    def __init__(self, estimator):
        self.estimator = estimator

    @property
    def names(self):
        """What is asked of: the probability of each model."""
        return [f"probability of {label}" for label in self.estimator.classes_.tolist()]

    def ask(self, X, seed, context=None):
        """Return the `ModelAnswers` for data sets under a choice, or the default."""
        how = {} if context is None else {"context": context}
        return ModelAnswers(self.estimator.predict_log_proba(X, **how))

    def ask_contexts(self, X, contexts, n_datasets, seed):
        """Yield the `ModelAnswers` under each choice."""
        return (self.ask(X, seed, context) for context in contexts)

    def changes(self, baseline, answers):
        """Return columns of changes, which have no Monte Carlo error."""
        columns = {}
        sd = np.where(baseline.values["sd"] > 0, baseline.values["sd"], 1.0)
        for name, value in answers.values.items():
            columns[name] = value
            columns[f"{name}_change"] = value - baseline.values[name]
            columns[f"{name}_change_sd"] = columns[f"{name}_change"] / sd
            columns[f"{name}_se"] = np.zeros(value.shape)
        columns["log_odds_change"] = answers.log_odds - baseline.log_odds
        columns["distance"] = np.abs(columns["mean_change_sd"])
        columns["distance_noise"] = np.zeros(sd.shape)
        columns["beyond_noise"] = columns["distance"] > _ROUNDING
        return columns


@dataclass(frozen=True)
class ModelAnswers:
    """Log probabilities of models, `(n_datasets, n_models)`: of the indicator of each, mean and standard deviation."""

    log_proba: np.ndarray

    @property
    def values(self):
        """Mean and standard deviation, by column name."""
        proba = np.exp(self.log_proba)
        return {"mean": proba, "sd": np.sqrt(proba * -np.expm1(self.log_proba))}

    @property
    def log_odds(self):
        """Log odds of each model against all others."""
        models = range(self.log_proba.shape[1])
        others = [special.logsumexp(np.delete(self.log_proba, model, axis=1), axis=1) for model in models]
        return self.log_proba - np.stack(others, axis=1)

    def of_rows(self, rows):
        """Return the answers of some data sets."""
        return ModelAnswers(self.log_proba[rows])


def child(seed, number):
    """Return a seed of its own for each number, whichever others there are."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
