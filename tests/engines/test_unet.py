"""Pixels as parameters."""

import pytest
import torch

from skabi.engines import ConsistencyModel, DiffusionModel, FlowMatching, SplineFlow, UNet
from skabi.testing._recipe import build_random


@pytest.mark.parametrize("shape", [(8, 8), (5, 7, 3), (4, 4), (11, 3)])
def test_leading_axes_broadcast_and_rows_do_not_interact(shape):
    n = torch.Size(shape).numel()
    field = build_random(UNet(shape, n_channels=4), n, 2)
    theta, context = torch.randn(3, 5, n, dtype=torch.float64), torch.randn(3, 1, 2, dtype=torch.float64)
    time = torch.rand((), dtype=torch.float64)
    found = field(theta, time, field.read(context))
    assert found.shape == (3, 5, n)
    alone = field(theta[1, 2], time, field.read(context[1, 0]))
    torch.testing.assert_close(found[1, 2], alone, rtol=1e-12, atol=1e-10)


def test_images_of_the_context_are_seen_pixel_by_pixel():
    """A pixel of X far away changes a pixel only through what is read of the whole; one beside it does by itself."""
    field = build_random(UNet((16, 16), n_channels=4, n_images=1), 256, 256)
    with torch.no_grad():
        # Nothing is read of the whole, and there is only one grid left.
        field.from_context.weight.zero_()
        for blocks in field.up:
            blocks[0].inner.weight[:, : blocks[0].inner.in_channels - blocks[0].n_out].zero_()
            blocks[0].short.weight[:, : blocks[0].short.in_channels - blocks[0].n_out].zero_()
    theta, context = torch.zeros(256, dtype=torch.float64), torch.zeros(2, 256, dtype=torch.float64)
    context[1, 0] = 1.0
    first, other = field(theta, torch.tensor(0.5).double(), field.read(context)).reshape(2, 16, 16)
    changed = (first - other).abs() > 1e-12
    assert changed[0, 0] and not changed[10:].any() and not changed[:, 10:].any()


def test_channels_of_images_are_seen_as_channels():
    field = UNet((2, 3, 2), n_channels=4, n_images=2).build(12, 12)
    image, seen = torch.arange(12.0).reshape(1, 2, 3, 2), []
    field._convolved = lambda pixels, modulations: (seen.append(pixels), pixels[:, :2])[1]
    field(image.flatten(1), torch.tensor(0.5), field.read(image.flatten(1)))
    for part in seen[0].split(2, dim=1):
        torch.testing.assert_close(part, image.movedim(-1, 1))


@pytest.mark.parametrize("engine_class", [FlowMatching, DiffusionModel, ConsistencyModel])
def test_every_engine_takes_it_and_sees_pixels_unmixed(engine_class):
    engine = engine_class(UNet((4, 4), n_channels=4))
    assert not engine.has_linear_start and engine_class().has_linear_start and SplineFlow().has_linear_start
    network = engine.build(16, 3)
    assert network.sample(torch.zeros(2, 3), 3, torch.Generator().manual_seed(0)).shape == (2, 3, 16)


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"shape=\(8, 8\) has 64 pixels, and there are 3 parameters"):
        UNet((8, 8)).build(3, 2)
    with pytest.raises(ValueError, match="n_images=1 asks for 64 summaries, pixel by pixel; there are 10"):
        UNet((8, 8), n_images=1).build(64, 10)
    with pytest.raises(ValueError, match="n_images=1 asks for 64 summaries, pixel by pixel; there are 192"):
        UNet((8, 8), n_images=1).build(64, 3 * 64)
    with pytest.raises(ValueError, match="n_images=1 asks for 64 summaries, pixel by pixel; there are 1"):
        UNet((8, 8), n_images=1).build(64, 1).read(torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"shape must be \(height, width\)"):
        UNet((8,)).build(8, 2)
