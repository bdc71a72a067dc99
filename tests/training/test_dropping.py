import pytest
import torch

from skabi.networks._data_sets import DataSets
from skabi.training import DropAtRandom


def generator():
    return torch.Generator().manual_seed(0)


def test_values_left_out_are_zero_and_marked():
    x = torch.cat([torch.full((2000, 10), 5.0), torch.zeros(2000, 10)], dim=1)
    values, marks = DropAtRandom(0.8)(x, generator()).chunk(2, dim=1)
    assert torch.equal(values == 0, marks == 1) and ((values == 0) | (values == 5)).all()
    shares = marks.mean(dim=1)
    # A quarter of the data sets stays complete; the others lose from none to 0.8 of their values: 0.3 on average.
    assert 0.25 < (shares == 0).float().mean() < 0.36
    assert abs(shares.mean() - 0.75 * 0.4) < 0.02
    assert shares.max() > 0.7


def test_what_was_missing_stays_so():
    x = torch.zeros(50, 6)
    x[:, 3] = 1.0
    assert (DropAtRandom(0.5)(x, generator())[:, 3] == 1).all()


def test_padding_stays_zero():
    mask = torch.arange(5) < torch.tensor([[5], [2], [1]] * 40)
    x = torch.ones(120, 5, 2) * mask[..., None]
    x[..., 1] = 0.0
    dropped = DropAtRandom(0.9)(DataSets(x, mask), generator())
    assert torch.equal(dropped.mask, mask)
    assert (dropped.values[~mask] == 0).all() and (dropped.values[..., 1][mask] == 1).any()


@pytest.mark.parametrize("kind", ["whole", "observations"])
def test_whole_sources_are_left_out(kind):
    n = 2000
    mask = torch.ones(n, dtype=torch.bool) if kind == "whole" else torch.ones(n, 3, dtype=torch.bool)
    shape = (n, 2) if kind == "whole" else (n, 3, 2)
    data = DataSets({"a": torch.ones(shape), "b": torch.ones(shape)}, {"a": mask, "b": mask})
    dropped = DropAtRandom(0.8)(data, generator())
    there = {name: dropped.mask[name].reshape(n, -1) for name in "ab"}
    assert all((part.all(dim=1) == part.any(dim=1)).all() for part in there.values())
    absent = {name: ~part[:, 0] for name, part in there.items()}
    for name in "ab":
        assert abs(absent[name].float().mean() - 0.3) < 0.05
        assert (dropped.values[name][absent[name]] == 0).all()
    assert (absent["a"] & absent["b"]).any() and (absent["a"] & ~absent["b"]).any()


def test_values_go_missing_together_too():
    """Whole observations, whole features and stretches, where single values at such rates would not do it."""
    n, n_times, n_features = 4000, 12, 8
    x = torch.cat([torch.ones(n, n_times, n_features), torch.zeros(n, n_times, n_features)], dim=2)
    marks = DropAtRandom(0.8)(x, generator())[..., n_features:].bool()
    assert 0.25 < (~marks.flatten(1).any(dim=1)).float().mean() < 0.35
    is_light = marks.float().mean(dim=(1, 2)) < 0.4
    a_feature, gone = marks.all(dim=1).any(dim=1), marks.all(dim=2)
    n_runs = gone.float().diff(dim=1, prepend=torch.zeros(n, 1)).eq(1).sum(dim=1)
    # By single values: one in thousands.
    assert (is_light & a_feature).float().mean() > 0.02
    assert (is_light & (n_runs > 1)).float().mean() > 0.02
    assert (is_light & (n_runs == 1) & (gone.sum(dim=1) > 3)).float().mean() > 0.005
