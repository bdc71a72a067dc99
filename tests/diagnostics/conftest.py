"""Posteriors that are known exactly, and errors of a known size."""

from types import SimpleNamespace

import numpy as np
import pytest


def simulate_gaussians(n_datasets, n_draws, n_parameters=1, *, shift=0.0, scale=1.0, seed=0):
    """Return draws of N(x / 2, 1 / 2), the posterior of x = y + noise, whose mean and spread may be wrong.

    `shift` is in posterior standard deviations; log densities are those of the wrong posterior, up to a constant.
    """
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_datasets, n_parameters))
    centre, spread = (y + rng.normal(size=y.shape)) / 2 + np.sqrt(0.5) * shift, np.sqrt(0.5) * scale
    z = rng.normal(size=(n_datasets, n_draws, n_parameters))
    log_prob_y = -0.5 * (((y - centre) / spread) ** 2).sum(axis=1)
    draws = centre[:, np.newaxis] + spread * z
    return SimpleNamespace(
        y=y, centre=centre, draws=draws, log_prob_y=log_prob_y, log_prob_draws=-0.5 * (z**2).sum(axis=2)
    )


@pytest.fixture
def gaussians():
    return simulate_gaussians
