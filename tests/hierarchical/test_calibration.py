"""Simulation-based calibration of both levels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skabi.exceptions import ShapeError
from skabi.hierarchical import LevelDraws, Levels, level_ranks


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


def test_truths_are_matched_by_label():
    rng = np.random.default_rng(0)
    labels = [np.array(["a", "b", "c"])] * 20
    draws = LevelDraws(rng.normal(size=(20, 9, 1)), list(rng.normal(size=(20, 9, 3, 1))), ["mu"], ["theta"], labels)
    y = draws[np.arange(20)].quantiles([0.3])[0]
    shuffled = Levels(y.hyper, [own.iloc[::-1] for own in y.groups])
    expected = level_ranks(draws, y, random_state=0)
    assert_array_equal(level_ranks(draws, shuffled, random_state=0).groups, expected.groups)
    with pytest.raises(ShapeError, match="groups of draws"):
        level_ranks(draws, y[:3])
    with pytest.raises(ValueError, match=r"parameters \['mu'\]"):
        level_ranks(draws, Levels(y.hyper.rename(columns={"mu": "nu"}), y.groups))
    with pytest.raises(TypeError, match="must be Levels"):
        level_ranks(draws, draws)
