import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

from skabi.elicitation import DynamicWeights, EnergyDistance, SquaredError


def test_squared_error_is_a_mean():
    implied, stated = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 4.0], [0.0, 4.0]])
    assert SquaredError().loss(implied, stated) == 13 / 4


def test_energy_distance_is_that_of_samples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=20), rng.normal(1.0, 2.0, size=20)
    found = EnergyDistance(softening=1e-6).loss(torch.from_numpy(a)[None], torch.from_numpy(b)[None])
    assert_allclose(found, stats.energy_distance(a, b) ** 2, rtol=1e-5)
    rows = torch.from_numpy(np.stack([a, b])), torch.from_numpy(np.stack([b, b]))
    assert_allclose(EnergyDistance(softening=1e-6).loss(*rows), found / 2, rtol=1e-4)


def test_energy_distance_is_smooth_where_numbers_agree():
    a = torch.tensor([[0.0, 1.0, 2.0]], dtype=torch.float64)
    loss = EnergyDistance().loss
    hessian = torch.autograd.functional.hessian(lambda x: loss(x, a), a).reshape(3, 3)
    assert torch.linalg.eigvalsh(hessian).min() > 0
    with pytest.raises(ValueError, match="softening"):
        EnergyDistance(softening=0.0).loss(a, a)


def test_weights_follow_how_fast_losses_fall():
    now, before = torch.tensor([1.0, 0.5, 0.1]), torch.tensor([1.0, 1.0, 1.0])
    ratio = np.array([1.0, 0.5, 0.1]) / 1.6
    assert_allclose(DynamicWeights().weights([before, now]), 3 * np.exp(ratio) / np.exp(ratio).sum(), rtol=1e-6)
    assert DynamicWeights().weights([before]).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="temperature"):
        DynamicWeights(0.0).weights([before, now])
