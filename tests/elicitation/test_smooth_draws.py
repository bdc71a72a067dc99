import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skabi.elicitation import SmoothDraws
from skabi.exceptions import ShapeError

N = 4096


def column(value, **settings):
    return torch.full((N,), value, dtype=torch.float64, **settings)


@pytest.mark.parametrize("rate", [0.01, 0.5, 3.0, 40.0, 5000.0])
def test_poisson_counts_are_quantiles_of_the_base(rate):
    draws = SmoothDraws(N, 0)
    counts = np.floor(draws.poisson(column(rate)).numpy() + 0.5)
    assert_array_equal(counts, stats.poisson(rate).ppf(draws._kept[0]))


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (30, 0.01), (30, 0.99), (1000, 0.5)])
def test_successes_are_quantiles_of_the_base(n, p):
    draws = SmoothDraws(N, 0)
    counts = np.floor(draws.binomial(n, column(p)).numpy() + 0.5)
    assert_array_equal(counts, stats.binom(n, p).ppf(draws._kept[0]))


def test_categories_are_quantiles_of_the_base():
    table = torch.tensor([0.2, 0.5, 0.0, 0.3], dtype=torch.float64).expand(N, 4)
    counts = np.floor(SmoothDraws(N, 0).categorical(table).numpy() + 0.5)
    # Stratified: shares are exact but for one draw at each end.
    assert_allclose(np.bincount(counts.astype(int), minlength=4) / N, [0.2, 0.5, 0.0, 0.3], atol=1 / N)


def test_fractions_of_counts_are_uniform():
    z = SmoothDraws(N, 0).poisson(column(4.0)).numpy()
    assert stats.kstest(z - np.floor(z + 0.5) + 0.5, "uniform").pvalue > 1e-4


# Derivatives of the mean and the mean square of what is spread: those of counts, whose mean square is m2 + 1/12.
GRADIENTS = {
    "poisson": (lambda draws, x: draws.poisson(x), 3.0, 1.0, 2 * 3.0 + 1),
    "binomial": (lambda draws, x: draws.binomial(30, x), 0.3, 30.0, 30 - 60 * 0.3 + 2 * 900 * 0.3),
    "categorical": (lambda draws, x: draws.categorical(torch.stack([1 - x, x / 2, x / 2], 1)), 0.4, 1.5, 2.5),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients_of_counts_have_no_bias(case):
    draw, at, of_mean, of_square = GRADIENTS[case]
    for power, expected in ((1, of_mean), (2, of_square)):
        x = column(at, requires_grad=True)
        each = draw(SmoothDraws(N, 1), x) ** power
        (gradient,) = torch.autograd.grad(each.sum(), x)
        error = gradient.std().item() / N**0.5
        assert abs(gradient.mean().item() - expected) < 4 * error + 1e-9


def test_derivatives_of_each_count_are_those_of_its_quantile():
    step = 1e-6
    x = column(3.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(SmoothDraws(N, 1).poisson(x).sum(), x)
    above, below = (SmoothDraws(N, 1).poisson(column(3.0 + s)) for s in (step, -step))
    # At a corner, where the count changes, the two sides differ.
    gap = (gradient - (above - below) / (2 * step)).abs()
    assert (gap > 1e-5).double().mean() < 0.005


def test_normals_have_their_moments_and_repeat_after_restart():
    draws = SmoothDraws(N, 0)
    loc = torch.linspace(-1, 1, N, dtype=torch.float64)[:, None]
    first = draws.normal(loc, 2.0, size=(N, 3))
    assert first.shape == (N, 3)
    assert_allclose((first - loc).std(0), 2.0, rtol=1e-3)
    assert draws.standard_normal().shape == (N,)
    assert torch.equal(draws.restart().normal(loc, 2.0, size=(N, 3)), first)
    assert ((draws.uniform(2.0, 3.0) > 2) & (draws.restart().uniform(2.0, 3.0, size=(N, 3)) < 3).all(1)).all()


def test_shapes_are_checked():
    with pytest.raises(ShapeError, match=r"first axis .* 16 simulations"):
        SmoothDraws(16, 0).standard_normal((5, 2))
    draws = SmoothDraws(16, 0)
    draws.standard_normal((16, 2))
    with pytest.raises(ShapeError, match="same shapes each time"):
        draws.restart().standard_normal((16, 3))
