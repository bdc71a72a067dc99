"""The recipe stores what it is given and builds networks that start close to the standard normal."""

import pytest
import torch
from sklearn.base import clone

from skabi.engines import SplineFlow


def test_recipe_is_cloned_and_untouched_by_build():
    engine = SplineFlow(3, n_bins=4, hidden_layer_sizes=(8,))
    before = engine.get_params()
    engine.build(2, 1)
    assert clone(engine).get_params() == engine.get_params() == before


def test_untrained_density_is_close_to_the_standard_normal():
    network = SplineFlow(2, hidden_layer_sizes=(16, 16)).build(3, 2, generator=torch.Generator().manual_seed(0))
    theta = torch.randn(200, 3, generator=torch.Generator().manual_seed(1))
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(theta).sum(-1)
    assert (network.log_prob(theta, torch.zeros(200, 2)) - normal).abs().max() < 0.5


def test_bad_hyperparameters_are_named():
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        SplineFlow(n_bins=1).build(2, 1)
    with pytest.raises(TypeError, match="n_transforms must be an int"):
        SplineFlow(2.5).build(2, 1)
