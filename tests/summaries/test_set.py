import pytest
import torch

from skabi.exceptions import ShapeError
from skabi.summaries import SetSummary
from skabi.testing._recipe import build_random, normals

VARIANTS = [SetSummary(width=8), SetSummary(width=8, n_attention_blocks=2, n_heads=2, n_inducing=3)]


@pytest.mark.parametrize("summary", VARIANTS)
@pytest.mark.parametrize("is_padded", [False, True])
def test_the_order_of_observations_says_nothing(summary, is_padded):
    network, x = build_random(summary, (12, 2), 3), normals(4, 12, 2)
    mask = torch.arange(12) < torch.tensor([[12], [7], [3], [1]]) if is_padded else None
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    shuffled = network(x[:, order], None if mask is None else mask[:, order])
    torch.testing.assert_close(shuffled, network(x, mask), rtol=1e-9, atol=1e-9)
    other = x.clone()
    other[:, 0] += 1.0
    assert (network(other, mask) - network(x, mask)).abs().amax(1).min() > 1e-4


def test_observations_see_each_other_with_attention_alone():
    """Pooled twice, a set is the same to a deep set; attention without pooling would not be."""
    x = normals(1, 6, 2)
    for summary in VARIANTS:
        network = build_random(summary, (6, 2), 3)
        tokens = network.tokens(x)[0]
        changed = x.clone()
        changed[:, 0] += 1.0
        gap = (network.tokens(changed)[0] - tokens).abs().amax(-1)[0, 1:].max()
        assert (gap > 1e-6) == (summary.n_attention_blocks > 0)


def test_moments_are_those_of_the_observations():
    """Without blocks a token is a linear map of its observation, so that pooled moments are known."""
    network = build_random(SetSummary(width=4, n_blocks=0), (9, 1), 1)
    seen = []
    network.of_all.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    x = normals(3, 9, 1)
    mask = torch.ones(3, 9, dtype=torch.bool)
    network(x, None), network(x, mask)
    weight, bias = network.of_one[0].weight[:, 0], network.of_one[0].bias
    mean = x.mean(dim=1) * weight + bias
    log_deviation = (x.std(dim=1, correction=0) * weight.abs()).square().add(1e-6).log() / 2
    for found in seen:
        torch.testing.assert_close(found, torch.cat([mean, log_deviation], dim=1))


def test_cost_is_linear_in_the_number_of_observations():
    for summary in VARIANTS:
        few, many, most = (summary.cost((n, 2), 3) for n in (100, 1000, 10_000))
        assert few.n_weights == many.n_weights == most.n_weights > 0
        per_observation = (most.n_multiplications - many.n_multiplications) / 9000
        assert (many.n_multiplications - few.n_multiplications) / 900 == per_observation


def test_widths_grow_with_the_number_of_parameters():
    # Mean, spread and ends of two features, and what they have to do with each other, come first, as they are.
    assert SetSummary().build((5, 2), 2).n_summaries == 9 + 8
    assert SetSummary().build((5, 2), 10).n_summaries == 9 + 40
    assert SetSummary().build((5, 2), 10).token_width == 80
    assert SetSummary(n_summaries=7).build((5, 2), 10).n_summaries == 9 + 7


@pytest.mark.parametrize(("n_features", "n_fixed"), [(1, 4), (3, 15), (8, 60), (9, 36)])
def test_pairs_of_up_to_eight_features_have_a_statistic(n_features, n_fixed):
    network = SetSummary().build((5, n_features), 2)
    assert network.n_fixed == n_fixed and network(torch.zeros(2, 5, n_features)).shape == (2, n_fixed + 8)


@pytest.mark.parametrize("summary", VARIANTS)
@pytest.mark.parametrize("n_features", [2, 3, 9])
def test_statistics_of_the_data_come_first(summary, n_features):
    network, x = build_random(summary, (9, n_features), 1), normals(3, 9, n_features)
    mask = torch.arange(9) < torch.tensor([[9], [4], [3]])
    x = torch.where(mask[..., None], x, 99.0)
    for i, n in enumerate((9, 4, 3)):
        alone = x[i, :n]
        log_deviation = (alone.std(dim=0, correction=0).square() + 1e-6).log() / 2
        expected = torch.cat([alone.mean(dim=0), log_deviation, alone.amin(dim=0), alone.amax(dim=0)])
        found = network(x, mask)[i, : network.n_fixed]
        torch.testing.assert_close(found[: 4 * n_features], expected)
        if n_features <= 8:
            pairs = torch.corrcoef(alone.T)[*torch.triu_indices(n_features, n_features, offset=1)]
            torch.testing.assert_close(found[4 * n_features :], pairs.atanh(), rtol=0, atol=1e-3)
        torch.testing.assert_close(network(alone[None])[0, : network.n_fixed], found)


@pytest.mark.parametrize(
    ("summary", "error", "words"),
    [
        (SetSummary(0), ValueError, "n_summaries must be at least 1"),
        (SetSummary(width=10, n_heads=4), ValueError, "n_heads must divide width"),
        (SetSummary(n_blocks=-1), ValueError, "n_blocks must be at least 0"),
        (SetSummary(n_inducing=1.5), TypeError, "n_inducing must be an int"),
    ],
)
def test_bad_parameters(summary, error, words):
    with pytest.raises(error, match=words):
        summary.build((5, 2), 3)


def test_rows_of_numbers_are_no_sets():
    with pytest.raises(ShapeError, match=r"SetSummary needs X of shape \(n_datasets, n_observations, n_features\)"):
        SetSummary().build((5,), 3)
