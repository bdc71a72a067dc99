"""Draws of the parameters after histories: learned, or such as a known likelihood makes of those of the prior."""

import numpy as np

from skabi._random import seed_sequence
from skabi.design._particles import Particles

# Draws that follow a history where no posterior is given, at least.
N_PARTICLES = 512


def draws_after(experiment, posterior, histories, *, n_draws, random_state, n_particles=N_PARTICLES):
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
    n_particles : int
        Where there is no posterior, draws that follow a history at least.
    """
    first, second = seed_sequence(random_state).spawn(2)
    prior = experiment.prior
    is_empty = np.array([not len(history) for history in histories])
    draws = np.empty((len(histories), n_draws, prior.n_parameters))
    if is_empty.any():
        n = int(is_empty.sum())
        draws[is_empty] = prior.sample(n * n_draws, random_state=first).to_numpy().reshape(n, n_draws, -1)
    begun = [history for history in histories if len(history)]
    if begun and posterior is not None:
        draws[~is_empty] = posterior.sample(as_data_sets(begun), n_draws, random_state=second)
    elif begun:
        draws[~is_empty] = _followed(experiment, begun, n_draws, max(n_particles, n_draws), second)
    return draws


def as_data_sets(histories):
    """Return histories as one array where all have as many steps, else as the list that they are."""
    return np.stack(histories) if len({len(history) for history in histories}) == 1 else histories


def _followed(experiment, histories, n_draws, n_particles, seed):
    """Return draws that followed each history, in a random order."""
    following, choosing = seed.spawn(2)
    draws = np.empty((len(histories), n_draws, experiment.prior.n_parameters))
    kept = np.random.default_rng(choosing).permutation(n_particles)[:n_draws]
    for rows, steps in by_length(histories):
        particles = Particles(experiment, len(rows), n_particles, seed=following)
        for step in steps.transpose(1, 0, 2):
            particles = particles.told(step)
        draws[rows] = particles.y[:, kept]
    return draws


def by_length(histories):
    """Yield which histories have one length, and these as one array."""
    lengths = np.array([len(history) for history in histories])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield rows, np.stack([histories[i] for i in rows])
