import pytest
import torch

from skabi.networks._data_sets import DataSets
from skabi.training import DropAtRandom, KeepAtRandom, LookAtRandom


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


def numbered(n, n_observations):
    """Data sets whose observations all differ, `(n, n_observations, 2)`."""
    return torch.arange(2.0 * n * n_observations).reshape(n, n_observations, 2) + 1


def test_kept_observations_are_some_of_their_own_data_set():
    x = numbered(50, 9)
    kept = KeepAtRandom(4)(x, generator())
    assert kept.shape == (50, 4, 2)
    for own, all_of_them in zip(kept.tolist(), x.tolist(), strict=True):
        assert all(row in all_of_them for row in own)
        assert len({tuple(row) for row in own}) == 4


def test_every_observation_is_kept_as_often_as_any_other():
    n, places = 6000, torch.arange(7.0)[None, :, None]
    kept = KeepAtRandom(3)(places.expand(n, -1, 1), generator())[..., 0].long()
    share = torch.nn.functional.one_hot(kept, 7).sum(dim=1).double()
    assert (share.amax(dim=1) == 1).all()
    # Kept or not: a Bernoulli variable of probability 3 / 7; two together of 3 / 7 times 2 / 6.
    assert ((share.mean(dim=0) - 3 / 7).abs() < 4.5 * (12 / 49 / n) ** 0.5).all()
    together = (share.T @ share / n)[*torch.triu_indices(7, 7, offset=1)]
    assert ((together - 1 / 7).abs() < 4.5 * (6 / 49 / n) ** 0.5).all()


def test_padding_is_kept_only_where_too_few_are_there():
    lengths = torch.tensor([9, 4, 2, 1] * 30)
    # Padding stands at the end, but nothing depends on it.
    mask = torch.arange(8, -1, -1) < lengths[:, None]
    x = numbered(120, 9) * mask[..., None]
    kept = KeepAtRandom(4)(DataSets(x, mask), generator())
    assert kept.mask.sum(dim=1).tolist() == lengths.clamp(max=4).tolist()
    assert torch.equal((kept.values != 0).all(dim=2), kept.mask)
    for own, is_there, original, n in zip(*kept, x, lengths, strict=True):
        found, expected = own[is_there][:, 0], original[-n:, 0]
        assert torch.isin(found, expected).all() and found.unique().numel() == min(n, 4)


def test_observations_there_are_kept_equally_often_beside_padding():
    mask = (torch.arange(9) < 6).expand(4000, -1)
    x = torch.arange(9.0).expand(4000, -1)[..., None]
    kept = KeepAtRandom(2)(DataSets(x, mask), generator())
    share = torch.bincount(kept.values.long().flatten(), minlength=9) / 4000
    assert kept.mask.all() and ((share[:6] - 1 / 3).abs() < 4.5 * (2 / 9 / 4000) ** 0.5).all() and not share[6:].any()


def test_what_is_kept_repeats_by_the_generator():
    x, keep = numbered(50, 9), KeepAtRandom(4)
    first, again, other = (keep(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("n_observations", [1, 4])
def test_few_observations_stay_as_they_are(n_observations):
    x = numbered(5, n_observations)
    padded = DataSets(x, torch.ones(5, n_observations, dtype=torch.bool))
    assert KeepAtRandom(4)(x, generator()) is x and KeepAtRandom(4)(padded, generator()) is padded


@pytest.mark.parametrize("is_padded", [False, True])
def test_a_few_times_are_looked_at_and_all_are_there(is_padded):
    n, lengths = 6000, torch.tensor([9, 6, 2] * 2000)
    mask, x = torch.arange(9) < lengths[:, None], numbered(6000, 9)
    seen = LookAtRandom(4)(DataSets(x, mask) if is_padded else x, generator())
    again = LookAtRandom(4)(DataSets(x, mask) if is_padded else x, generator())
    assert torch.equal(seen.values, x) and torch.equal(seen.mask, again.mask)
    assert torch.equal(seen.mask.sum(dim=1), lengths.clamp(max=4) if is_padded else torch.full((n,), 4))
    for size in (9, 6, 2) if is_padded else (9,):
        chosen = seen.mask[lengths == size] if is_padded else seen.mask
        share = min(4, size) / size
        error = 4.5 * (share * (1 - share) / len(chosen)) ** 0.5
        assert ((chosen[:, :size].double().mean(dim=0) - share).abs() <= error).all() and not chosen[:, size:].any()


def test_few_times_are_all_looked_at():
    x = numbered(5, 4)
    assert LookAtRandom(4)(x, generator()) is x
