import pytest
import torch

from skabi.exceptions import ShapeError
from skabi.summaries import SeriesSummary
from skabi.testing._recipe import build_random, normals

VARIANTS = [SeriesSummary(width=8), SeriesSummary(width=8, n_attention_blocks=1, n_heads=2)]


def learned(network, x):
    """Return the learned summaries: the outline that comes first sees the order of things by itself."""
    return network(x, None)[:, network.n_fixed :]


@pytest.mark.parametrize("summary", VARIANTS)
def test_order_matters(summary):
    network, x = build_random(summary, (20, 2), 3), normals(4, 20, 2)
    assert (learned(network, x.flip(1)) - learned(network, x)).abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("summary", VARIANTS)
def test_far_apart_times_that_change_places_are_noticed(summary):
    """Convolutions see five times at once: what is beyond must be seen by what reads them."""
    network, x = build_random(summary, (40, 1), 2), torch.zeros(1, 40, 1, dtype=torch.float64)
    x[0, 10], x[0, 30] = 1.0, -1.0
    swapped = x.clone()
    swapped[0, 10], swapped[0, 30] = -1.0, 1.0
    assert (learned(network, swapped) - learned(network, x)).abs().max() > 1e-6


def test_long_series_come_down_to_few_steps():
    lengths = {
        n: SeriesSummary(width=8).build((n, 1), 2).tokens(torch.zeros(1, n, 1))[0].shape[1] for n in (1, 64, 65, 1000)
    }
    assert lengths == {1: 1, 64: 64, 65: 33, 1000: 63}


def test_the_outline_of_a_series():
    network = build_random(SeriesSummary(n_segments=3, width=8), (7, 2), 2)
    x, mask = normals(2, 7, 2), torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    for row, n in enumerate((7, 4)):
        series, outline = x[row, :n], network(x, mask)[row, :14]
        steps = series[1:] - series[:-1]
        segments = [series[k : k + 3].mean(0) if k < n else torch.zeros(2, dtype=x.dtype) for k in (0, 3, 6)]
        spreads = [0.5 * (part.var(0, correction=0) + 1e-6).log() for part in (series, steps)]
        expected = [series.mean(0), spreads[0], steps.mean(0), spreads[1], *segments]
        torch.testing.assert_close(outline, torch.cat(expected))
    # A longer series than that of `build` has segments up to there, a shorter one as far as it goes.
    longer = torch.cat([x, normals(2, 5, 2)], dim=1)
    torch.testing.assert_close(network(longer, None)[:, 8:12], network(x, None)[:, 8:12])
    torch.testing.assert_close(network(x[:, :4], None)[1, :14], network(x, mask)[1, :14])
    assert network(x[:, :1], None).isfinite().all()


def test_segments_are_few_where_series_are_short_or_wide():
    shapes = [(5, 1), (50, 1), (1000, 2), (20, 90)]
    n_segments = {shape: SeriesSummary(width=8).build(shape, 2).outline.n_segments for shape in shapes}
    assert n_segments == {(5, 1): 5, (50, 1): 13, (1000, 2): 16, (20, 90): 4}
    assert SeriesSummary(n_segments=0).build((50, 1), 2).n_fixed == 4


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
