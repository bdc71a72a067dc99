"""Simulation-based calibration of both levels."""

import numpy as np

from skabi.hierarchical import level_ranks


def test_ranks_of_both_levels_are_uniform(single):
    X, y = single.simulator.sample(1000, random_state=4)
    draws = single.posterior.sample(X, 50, random_state=0)
    ranks = level_ranks(draws, y, random_state=0)
    assert ranks.hyper.shape == (1000, 1) and ranks.groups.shape == (1000, 1)
    for own in (ranks.hyper, ranks.groups):
        share = (own[:, 0] + 0.5) / 51
        # Mean and variance of the uniform distribution, five standard errors.
        assert abs(share.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 1000)
        assert abs(np.mean((share - 0.5) ** 2) - (1 - 51**-2) / 12) < 5 * np.sqrt((1 / 80 - 1 / 144) / 1000)
