import pytest
import torch

from skabi.exceptions import ShapeError
from skabi.summaries import SeriesSummary
from skabi.testing._recipe import build_random, normals

# Without segments, which see the order of what is far apart as it is.
VARIANTS = [
    SeriesSummary(n_segments=0, width=8),
    SeriesSummary(n_segments=0, width=8, n_attention_blocks=1, n_heads=2),
]


@pytest.mark.parametrize("summary", VARIANTS)
def test_order_matters(summary):
    network, x = build_random(summary, (20, 2), 3), normals(4, 20, 2)
    assert (network(x.flip(1), None) - network(x, None)).abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("summary", VARIANTS)
def test_far_apart_times_that_change_places_are_noticed(summary):
    """Convolutions see five times at once: what is beyond must be seen by what reads them."""
    network, x = build_random(summary, (40, 1), 2), torch.zeros(1, 40, 1, dtype=torch.float64)
    x[0, 10], x[0, 30] = 1.0, -1.0
    swapped = x.clone()
    swapped[0, 10], swapped[0, 30] = -1.0, 1.0
    assert (network(swapped, None) - network(x, None)).abs().max() > 1e-6


def test_long_series_come_down_to_few_steps():
    lengths = {
        n: SeriesSummary(width=8).build((n, 1), 2).tokens(torch.zeros(1, n, 1))[0].shape[1] for n in (1, 64, 65, 1000)
    }
    assert lengths == {1: 1, 64: 64, 65: 33, 1000: 63}


def test_segments_are_means_from_the_start():
    network = build_random(SeriesSummary(n_segments=3, width=8), (7, 2), 2)
    x, mask = normals(2, 7, 2), torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    expected = torch.stack([x[0, :3].mean(0), x[0, 3:6].mean(0), x[0, 6]])
    torch.testing.assert_close(network(x, mask)[0, :6], expected.flatten())
    expected = torch.stack([x[1, :3].mean(0), x[1, 3], torch.zeros(2, dtype=x.dtype)])
    torch.testing.assert_close(network(x, mask)[1, :6], expected.flatten())
    # A longer series than that of `build` is seen up to there, a shorter one as it is.
    longer = torch.cat([x, normals(2, 5, 2)], dim=1)
    torch.testing.assert_close(network(longer, None)[:, :4], network(x, None)[:, :4])
    torch.testing.assert_close(network(x[:, :4], None)[1, :6], network(x, mask)[1, :6])


def test_segments_are_few_where_series_are_long_or_wide():
    shapes = [(50, 1), (100, 2), (1000, 1), (20, 90)]
    n_fixed = {shape: SeriesSummary(width=8).build(shape, 2).n_fixed for shape in shapes}
    assert n_fixed == {(50, 1): 50, (100, 2): 100, (1000, 1): 63, (20, 90): 7 * 90}
    assert SeriesSummary(n_segments=0).build((50, 1), 2).n_fixed == 0


def test_number_of_convolutions():
    assert len(SeriesSummary().build((1000, 1), 2).convolutions) == 6
    assert [c.stride for c in SeriesSummary(n_convolutions=3).build((200, 1), 2).convolutions] == [1, 2, 2]


@pytest.mark.parametrize(
    ("summary", "error", "words"),
    [
        (SeriesSummary(kernel_size=4), ValueError, "kernel_size must be odd"),
        (SeriesSummary(n_convolutions=0), ValueError, "n_convolutions must be at least 1"),
    ],
)
def test_bad_parameters(summary, error, words):
    with pytest.raises(error, match=words):
        summary.build((5, 2), 3)


def test_images_are_no_series():
    with pytest.raises(ShapeError, match=r"SeriesSummary needs X of shape \(n_datasets, n_times, n_features\)"):
        SeriesSummary().build((5, 5, 1), 3)
