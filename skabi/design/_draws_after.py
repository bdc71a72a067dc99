"""Draws of the parameters after histories: learned, or prior draws weighted by a known likelihood."""

import numpy as np
from scipy import special

from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.design._likelihood import log_likelihood_of_histories
from skabi.diagnostics._pareto import effective_sizes, resampled
from skabi.exceptions import ApproximationWarning

# Prior draws that are weighted where no posterior is given.
N_PRIOR_DRAWS = 20_000
# Draws of equal weight below which weighted ones are too few to be trusted.
_FEWEST = 50


def draws_after(experiment, posterior, histories, *, n_draws, random_state, n_prior_draws=N_PRIOR_DRAWS):
    """Return draws `(n_histories, n_draws, n_parameters)` of the parameters given each history.

    Parameters
    ----------
    experiment : Experiment
        With a likelihood where there is no posterior.
    posterior : AmortizedPosterior or None
        Fitted to histories.
    histories : list of ndarray of shape (n_steps, n_designs + n_outcomes)
        Without a step, draws are the prior's.
    n_draws : int
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
    n_prior_draws : int
        Weighted ones, where there is no posterior.
    """
    first, second = seed_sequence(random_state).spawn(2)
    prior = experiment.prior
    is_empty = np.array([not len(history) for history in histories])
    draws = np.empty((len(histories), n_draws, len(prior.parameter_names)))
    if is_empty.any():
        n = int(is_empty.sum())
        draws[is_empty] = prior.sample(n * n_draws, random_state=first).to_numpy().reshape(n, n_draws, -1)
    begun = [history for history in histories if len(history)]
    if begun and posterior is not None:
        draws[~is_empty] = posterior.sample(as_data_sets(begun), n_draws, random_state=second)
    elif begun:
        draws[~is_empty] = _weighted(experiment, begun, n_draws, max(n_prior_draws, n_draws), second)
    return draws


def as_data_sets(histories):
    """Return histories as one array where all have as many steps, else as the list that they are."""
    return np.stack(histories) if len({len(history) for history in histories}) == 1 else histories


def _weighted(experiment, histories, n_draws, n_prior_draws, seed):
    """Return draws of the prior in proportion to the likelihood, by systematic resampling."""
    rng = np.random.default_rng(seed)
    y = experiment.prior.sample(n_prior_draws, random_state=rng).to_numpy()
    log_weights = log_likelihood_of_histories(experiment, histories, y)
    if np.isneginf(log_weights).all(axis=1).any():
        raise ValueError(
            f"a history has a likelihood of zero under each of {n_prior_draws} draws of the prior: is it an outcome of "
            "this experiment? Else give a posterior that was fitted to HistorySimulator(experiment, n_steps=...)."
        )
    weights = special.softmax(log_weights, axis=1)
    size = effective_sizes(weights).min()
    if size < min(_FEWEST, n_draws):
        warn(
            f"after a history of {max(map(len, histories))} steps, {n_prior_draws} draws of the prior are worth "
            f"{size:.0f} of the posterior's: it is much narrower. Give a posterior that was fitted to "
            "HistorySimulator(experiment, n_steps=...), or raise n_prior_draws.",
            ApproximationWarning,
        )
    return y[resampled(weights, n_draws, rng)]
