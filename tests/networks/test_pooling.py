import numpy as np
import pytest
import torch

from skabi.networks._pooling import associations, extremes


@pytest.mark.parametrize("width", [1, 2, 4])
def test_associations_are_fisher_s_z_of_numpy_s_correlations(width):
    rng = np.random.default_rng(0)
    owners = rng.permutation(np.repeat([0, 1, 2], [40, 7, 300]))
    # Spread enough for the smallest of variances to say nothing.
    rows = 1000 * (rng.normal(size=(len(owners), 4)) @ rng.normal(size=(4, width))) + 5000
    found = associations(torch.tensor(rows), torch.tensor(owners), 3).numpy()
    pairs = np.triu_indices(width, 1)
    expected = [np.arctanh(np.atleast_2d(np.corrcoef(rows[owners == i].T))[pairs]) for i in range(3)]
    assert found.shape == (3, width * (width - 1) // 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_what_does_not_vary_has_no_association():
    rows = torch.tensor([[3.0, 1.0], [3.0, 2.0], [3.0, 5.0], [7.0, 8.0]])
    assert torch.equal(associations(rows, torch.tensor([0, 0, 0, 1]), 3), torch.zeros(3, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perfect_associations_are_large_and_finite(dtype):
    """Sums of many rows make the correlation of columns in proportion a little more than one."""
    generator = torch.Generator().manual_seed(0)
    for n in (3, 1000, 30_000):
        for _ in range(10):
            x = torch.randn(n, 1, generator=generator, dtype=dtype)
            found = associations(torch.cat([x, 1.7 * x, -0.3 * x], dim=1), torch.zeros(n, dtype=torch.long), 1)
            assert found.isfinite().all()
            assert (found.sign() == torch.tensor([1, -1, -1])).all() and (found.abs() > 3).all()


def test_extremes_are_those_of_each_data_set():
    rng = np.random.default_rng(0)
    owners = rng.permutation(np.repeat([0, 1, 3], [40, 1, 300]))
    rows = rng.normal(size=(len(owners), 2)) - 5
    found = extremes(torch.tensor(rows), torch.tensor(owners), 4).numpy()
    for i in (0, 1, 3):
        own = rows[owners == i]
        np.testing.assert_array_equal(found[i], [*own.min(axis=0), *own.max(axis=0)])
    np.testing.assert_array_equal(found[2], 0)
