import pytest
import torch

from skabi.exceptions import ShapeError
from skabi.summaries import FusionSummary, IdentitySummary, NestedSummary, SeriesSummary, SetSummary
from skabi.testing import check_summary
from skabi.testing._recipe import build_random, normals

SHAPE = (4, 6, 2)


def masks():
    """Return which observations of three data sets are there: of none are groups even."""
    counts = torch.tensor([[6, 2, 3, 1], [4, 5, 0, 0], [1, 0, 0, 0]])
    return torch.arange(6) < counts[..., None]


def small(inner=None):
    return NestedSummary(SetSummary(width=8) if inner is None else inner, SetSummary(width=8))


@pytest.mark.parametrize("is_padded", [False, True])
def test_the_order_of_groups_and_of_observations_in_them_says_nothing(is_padded):
    network, x = build_random(small(), SHAPE, 3), normals(3, *SHAPE)
    mask = masks() if is_padded else None
    expected = network(x, mask)

    def summaries(*rows):
        return network(x[rows], None if mask is None else mask[rows])

    torch.testing.assert_close(summaries(slice(None), [2, 0, 3, 1]), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(summaries(slice(None), slice(None), [5, 2, 0, 1, 4, 3]), expected, rtol=1e-9, atol=1e-9)


def test_which_observations_belong_together_says_something():
    network, x = build_random(small(), SHAPE, 3), normals(3, *SHAPE)
    swapped = x.clone()
    swapped[:, 0, 0], swapped[:, 1, 0] = x[:, 1, 0], x[:, 0, 0]
    assert (network(swapped, None) - network(x, None)).abs().amax(1).min() > 1e-3


def test_the_first_statistics_are_of_group_means():
    """Mean and log standard deviation over groups of what describes a group, its mean first."""
    network, x = build_random(small(), SHAPE, 3), normals(3, *SHAPE)
    mask = masks()
    summaries = network(x, mask)
    for i in range(3):
        groups = [x[i, j, mask[i, j]].mean(dim=0) for j in range(4) if mask[i, j].any()]
        means = torch.stack(groups)
        torch.testing.assert_close(summaries[i, :2], means.mean(dim=0))
        log_deviation = (means.std(dim=0, correction=0).square() + 1e-6).log() / 2
        n_described = network.inner.n_fixed
        torch.testing.assert_close(summaries[i, n_described : n_described + 2], log_deviation)


def test_the_last_statistics_are_of_what_scatters_within_groups():
    """The logarithm of the root mean square of distances from the group's mean, over all observations."""
    network, x, mask = build_random(small(), SHAPE, 3), normals(3, *SHAPE), masks()
    found = network(x, mask)[:, network.n_fixed - SHAPE[-1] : network.n_fixed]
    for i in range(3):
        groups = [x[i, j, mask[i, j]] for j in range(4) if mask[i, j].any()]
        squares = torch.cat([(group - group.mean(dim=0)).square() for group in groups]).mean(dim=0)
        # Standard deviations below a thousandth are not told apart, in each group and in all.
        torch.testing.assert_close(found[i], 0.5 * (squares + 1e-6).log(), atol=1e-3, rtol=1e-4)


def test_the_number_of_observations_of_each_group_is_told():
    network, x = build_random(small(), SHAPE, 3), torch.ones(1, *SHAPE, dtype=torch.float64)
    few, many = torch.zeros(1, 4, 6, dtype=torch.bool), torch.ones(1, 4, 6, dtype=torch.bool)
    few[..., :2] = True
    assert (network(x, few) - network(x, many)).abs().max() > 1e-3


def test_groups_of_series():
    check_summary(small(SeriesSummary(width=8)), shapes=[(3, 6, 2)])
    network, x = build_random(small(SeriesSummary(width=8)), SHAPE, 3), normals(3, *SHAPE)
    assert (network(x.flip(2), None) - network(x, None)).abs().amax(1).min() > 1e-3


def test_summaries_that_say_nothing_fixed_are_not_described():
    assert build_random(small(SetSummary(width=8)), SHAPE, 3).n_fixed > 0
    summary = NestedSummary(SetSummary(width=8), SetSummary(width=8, n_summaries=5))
    assert build_random(summary, SHAPE, 3).n_summaries == build_random(summary, SHAPE, 3).n_fixed + 5


@pytest.mark.parametrize(
    ("summary", "shape", "error", "match"),
    [
        (NestedSummary(), (4, 2), ShapeError, r"NestedSummary needs X of shape \(n_datasets, n_groups, n_observations"),
        (NestedSummary(3), SHAPE, TypeError, "inner must be a recipe"),
        (NestedSummary(IdentitySummary()), SHAPE, TypeError, "inner must be a recipe for groups of any size"),
        (NestedSummary(NestedSummary()), SHAPE, TypeError, "inner must be a recipe for groups of any size"),
        (NestedSummary(FusionSummary()), SHAPE, ShapeError, "inner must be a recipe for one source"),
        (NestedSummary(None, SeriesSummary()), SHAPE, TypeError, "outer must be a SetSummary"),
    ],
)
def test_what_does_not_fit_is_refused(summary, shape, error, match):
    with pytest.raises(error, match=match):
        summary.build(shape, 2)
