import numpy as np
import pytest
from scipy.stats import chi2

from skabi.plotting._density import highest_density, histogram


def test_contours_hold_half_and_nine_tenths_of_a_gaussian():
    pairs = np.random.default_rng(0).normal(size=(20_000, 2))
    density, centres, levels = highest_density(pairs, [(-5, 5), (-5, 5)])
    # Around an isotropic Gaussian the contour at share p is a circle of radius sqrt(chi2 quantile of p).
    cell = np.prod([c[1] - c[0] for c in centres])
    for level, share in zip(levels, (0.9, 0.5), strict=True):
        radius = np.sqrt(np.sum(density >= level) * cell / np.pi)
        assert radius == pytest.approx(np.sqrt(chi2(2).ppf(share)), rel=0.05)


def test_narrow_modes_stay_apart():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(4000, 2)) * 0.05 + rng.choice([-1, 1], size=(4000, 1))
    density, centres, levels = highest_density(pairs, [(-1.5, 1.5), (-1.5, 1.5)])
    middle = np.abs(centres[0]) < 0.6
    assert density[middle].max() < levels[0] / 10
    heights, edges = histogram(pairs[:, 0], (-1.5, 1.5))
    assert heights[np.abs(edges[:-1]) < 0.5].max() == 0


def test_density_does_not_leak_out_of_the_support():
    pairs = np.random.default_rng(0).uniform(size=(5000, 2))
    density, centres, _ = highest_density(pairs, [(-0.1, 1.1), (-0.1, 1.1)])
    assert centres[0][1] >= 0 and centres[0][-2] <= 1
    edge, middle = density[1:4, 1:-1].mean(), density[20:40, 20:40].mean()
    assert edge == pytest.approx(middle, rel=0.15)
    assert not density[0].any() and not density[:, -1].any()
