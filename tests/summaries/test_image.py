import pytest
import torch

from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.summaries import ImageSummary
from skabi.testing._recipe import build_random, normals


def test_images_with_and_without_an_axis_of_channels_are_the_same():
    torch.manual_seed(0)
    plain, channels = ImageSummary(width=4).build((9, 7), 2), ImageSummary(width=4).build((9, 7, 1), 2)
    channels.load_state_dict(plain.state_dict())
    x = torch.randn(3, 9, 7)
    torch.testing.assert_close(plain(x, None), channels(x[..., None], None))


def test_the_channels_are_the_last_axis():
    """A pixel's channels are mixed; two pixels of one channel far apart reach different places of the grid."""
    network = build_random(ImageSummary(width=4), (16, 16, 3), 2)
    x = normals(1, 16, 16, 3)
    tokens = network.tokens(x)[0]
    changed = x.clone()
    changed[:, 0, 0, 2] += 5.0
    moved = (network.tokens(changed)[0] - tokens).abs().amax(-1)[0].reshape(4, 4)
    assert moved[0, 0] > 1e-3 and moved[-1, -1] < moved[0, 0]


def test_where_something_is_matters():
    network = build_random(ImageSummary(width=4), (16, 16), 2)
    x = torch.zeros(2, 16, 16, dtype=torch.float64)
    x[0, 2, 2], x[1, 13, 13] = 1.0, 1.0
    summaries = network(x, None)
    assert (summaries[0] - summaries[1]).abs().max() > 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (3, 50, 2), (64, 64, 1)])
def test_any_size(shape):
    assert ImageSummary(width=4).build(shape, 5)(torch.zeros(2, *shape), None).shape == (2, 20)


def test_bad_parameters_and_shapes():
    with pytest.raises(ValueError, match="n_blocks must be at least 1"):
        ImageSummary(n_blocks=0).build((5, 5), 3)
    with pytest.raises(ShapeError, match=r"ImageSummary needs X of shape \(n_datasets, height, width, n_channels\)"):
        ImageSummary().build((5,), 3)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 28, 28), (4, 20, 5)])
def test_channels_that_seem_to_come_first_are_warned_of(shape):
    with pytest.warns(ApproximationWarning, match=f"have {shape[-1]} channels, since channels are the last axis"):
        ImageSummary(width=4).build(shape, 2)
