"""Probabilities of levels and counts add up to one, are those of logistic mixtures, and are those of the draws."""

import itertools

import numpy as np
import pytest
import torch
from scipy import special, stats

from skabi.networks._discrete import DiscreteHead

# Logits, places and log scales of eight components, in units of a standardised count.
MIXTURE = np.random.default_rng(0).normal(size=(3, 8)) * [[1.0], [0.7], [0.4]] + [[0.0], [0.0], [-0.5]]


def a_head(n_levels, *, lowest=0.0, location=0.0, scale=1.0, is_wide=False, n_context=2):
    """Return a head in double precision with random weights; counts share their settings."""
    n = len(n_levels)
    with torch.random.fork_rng():
        torch.manual_seed(n)
        head = DiscreteHead(
            n_levels,
            lowest=[0.0 if k else lowest for k in n_levels],
            location=[0.0 if k else location for k in n_levels],
            scale=[1.0 if k else scale for k in n_levels],
            is_wide=[not k and is_wide for k in n_levels],
            n_context=n_context,
            width=16,
        ).double()
    generator = torch.Generator().manual_seed(n)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.25 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return head


def of_mixture(**settings):
    """Return a head of one count that has the logistic mixture whatever the context."""
    head = a_head([0], **settings)
    with torch.no_grad():
        head.layers[-1].weight.zero_()
        head.layers[-1].bias.copy_(torch.tensor(MIXTURE.ravel()))
    return head


def mixture_cdf(units):
    """Return the distribution function of the mixture, `(n,)`."""
    logits, places, log_scales = MIXTURE
    z = (np.asarray(units)[:, np.newaxis] - places) / (np.exp(log_scales) + 1e-3)
    return special.expit(z) @ special.softmax(logits)


@torch.no_grad()
def log_prob(head, values, context=(0.3, -1.0)):
    dtype = head.lowest.dtype
    values = torch.as_tensor(values, dtype=dtype)
    return head.log_prob(values, head.features(values), torch.tensor(context, dtype=dtype)).double().numpy()


def every_value(n_levels, counts):
    return np.array(list(itertools.product(*(range(n) if n else counts for n in n_levels))), dtype=float)


# Counts beyond those here have less than 1e-9 together: components reach as far as some tens of scales.
@pytest.mark.parametrize(
    ("n_levels", "settings", "counts"),
    [
        ([3], {}, []),
        ([2, 3, 1, 4], {}, []),
        ([0], {"lowest": -3.0, "location": 2.0, "scale": 4.0}, range(-3, 1000)),
        ([3, 0, 2], {"location": 20.0, "scale": 8.0}, range(2000)),
        ([0, 2, 0], {"scale": 0.5}, range(60)),
        ([2, 0], {"location": 3.0, "scale": 0.1, "is_wide": True}, range(20_000)),
        ([0], {"lowest": 12.0, "location": 4.0, "scale": 0.2, "is_wide": True}, range(12, 100_000)),
    ],
)
def test_probabilities_of_all_values_add_up_to_one(n_levels, settings, counts):
    head, values = a_head(n_levels, **settings), every_value(n_levels, counts)
    # The width of wide bins above a hundred is exact to one in 1e5.
    tolerance = 1e-5 if settings.get("is_wide") else 1e-8
    for context in ((0.3, -1.0), (-2.0, 1.5)):
        assert np.exp(log_prob(head, values, context)).sum() == pytest.approx(1.0, abs=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("counts", "settings"),
    [
        (np.arange(0, 60), {"location": 20.0, "scale": 9.0}),
        (np.arange(-20, 30), {"lowest": -20.0, "location": 2.0, "scale": 9.0}),
        (np.arange(99_900, 100_100), {"location": 99_700.0, "scale": 300.0}),
        (np.arange(0, 250), {"location": 3.0, "scale": 1.2, "is_wide": True}),
        (np.arange(100_000, 100_100), {"location": 11.0, "scale": 2.0, "is_wide": True}),
        (np.arange(-105, 105), {"lowest": -200.0, "location": 0.0, "scale": 2.0, "is_wide": True}),
    ],
)
def test_a_count_has_the_mass_of_its_bin(counts, settings, dtype):
    head = of_mixture(**settings).to(dtype)
    edges = np.append(counts - 0.5, counts[-1] + 0.5)
    edges = np.arcsinh(edges) if settings.get("is_wide") else edges
    cdf = mixture_cdf((edges - settings["location"]) / settings["scale"])
    if counts[0] == settings.get("lowest", 0.0):
        cdf[0] = 0.0
    tolerance = 1e-5 if dtype is torch.float64 else 1e-4
    np.testing.assert_allclose(log_prob(head, counts[:, np.newaxis]), np.log(np.diff(cdf)), rtol=0, atol=tolerance)


def test_a_column_is_given_those_before_it_all_of_them_and_no_other():
    n_levels, widths, n_numbers = [2, 0, 3, 0], [2, 1, 3, 1], [2, 24, 3, 24]
    head = a_head(n_levels)
    features, context = torch.randn(2, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda f: head._numbers(f, context[:2]), features)
    column, of_numbers = np.repeat(np.arange(4), widths), np.repeat(np.arange(4), n_numbers)
    np.testing.assert_array_equal(jacobian.numpy() != 0, column < of_numbers[:, np.newaxis])
    jacobian = torch.autograd.functional.jacobian(lambda c: head._numbers(features, c), context[:2])
    assert (jacobian != 0).all()


def test_features_tell_levels_and_standardise_counts():
    head = a_head([3, 0], location=2.0, scale=4.0)
    values = torch.tensor([[0.0, 2.0], [2.0, 8.0]]).double()
    assert head.features(values).tolist() == [[1, 0, 0, 0], [0, 0, 1, 1.5]]
    wide = a_head([0], location=1.0, scale=2.0, is_wide=True)
    assert wide.features(torch.tensor([[7.0]]).double()).item() == pytest.approx((np.arcsinh(7.0) - 1) / 2)


def test_far_counts_are_told_by_their_logarithm():
    features = a_head([0], scale=2.0).features(torch.tensor([[10.0], [12.0], [-12.0], [2e9]]).double())[:, 0]
    assert features.tolist() == pytest.approx([5.0, 5 + np.log(2), -5 - np.log(2), 5 + np.log(1e9 - 4)])


@pytest.mark.parametrize(
    ("n_levels", "settings", "counts"),
    [
        ([3, 2], {}, []),
        ([2, 0, 3], {"lowest": -1.0, "location": 1.0, "scale": 2.0}, range(-1, 200)),
        ([2, 0], {"lowest": 2.0, "location": 3.0, "scale": 0.5, "is_wide": True}, range(2, 20_000)),
    ],
)
@torch.no_grad()
def test_draws_are_as_frequent_as_they_are_probable(n_levels, settings, counts):
    head, values, n = a_head(n_levels, **settings), every_value(n_levels, counts), 20_000
    for context in ((0.3, -1.0), (-1.0, 0.5)):
        probability = np.exp(log_prob(head, values, context))
        rows = torch.tensor(context, dtype=torch.float64).expand(n, -1)
        draws = head.sample(rows, torch.Generator().manual_seed(0)).numpy()
        place = {tuple(value): i for i, value in enumerate(values)}
        found = np.bincount([place.get(tuple(draw), len(values)) for draw in draws], minlength=len(values) + 1)
        expected = n * np.append(probability, max(0.0, 1 - probability.sum()))
        is_rare = expected < 10
        found, expected = (np.append(x[~is_rare], x[is_rare].sum()) for x in (found, expected))
        kept = expected > 1
        assert found[~kept].sum() < 10 and kept.sum() > 5
        assert stats.chisquare(found[kept], expected[kept], sum_check=False).pvalue > 1e-4


@torch.no_grad()
def test_draws_of_large_counts_have_the_mixture_s_distribution():
    for is_wide in (False, True):
        location, scale = (11.0, 0.5) if is_wide else (1e5, 2e4)
        head = of_mixture(location=location, scale=scale, is_wide=is_wide).float()
        draws = head.sample(torch.zeros(5000, 2), torch.Generator().manual_seed(1))[:, 0].double().numpy()
        assert (draws == np.rint(draws)).all() and np.abs(draws).min() >= 0
        units = (np.arcsinh(draws) if is_wide else draws) / scale - location / scale
        inside = draws > 0
        # Draws below zero are zero.
        assert (1 - inside.mean()) == pytest.approx(mixture_cdf([(0.5 - location) / scale])[0], abs=0.01)
        assert stats.kstest(units[inside], mixture_cdf).pvalue > 1e-4


@torch.no_grad()
def test_draws_repeat_by_the_generator():
    head, rows = a_head([3, 0], scale=5.0), torch.zeros(50, 2, dtype=torch.float64)
    first, again, other = (head.sample(rows, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("is_wide", [False, True])
def test_log_probabilities_and_gradients_are_finite(dtype, is_wide):
    head = a_head([2, 0], lowest=5.0, location=6.0, scale=0.1, is_wide=is_wide).to(dtype)
    # Padding is zero, below the lowest; others are far beyond anything seen.
    counts = [0.0, 5.0, 6.0, 99.0, 100.0, 1e5, 1e7, 1e9, *([1e20, 1e30] if is_wide else [])]
    for count in counts:
        values = torch.tensor([[1.0, count]], dtype=dtype)
        log_prob = head.log_prob(values, head.features(values), torch.ones(1, 2, dtype=dtype))
        gradients = torch.autograd.grad(log_prob.sum(), list(head.parameters()))
        assert log_prob.isfinite().all() and log_prob.item() < 0, count
        assert all(gradient.isfinite().all() for gradient in gradients), count


def test_leading_axes_broadcast():
    head = a_head([3, 0], location=2.0, scale=3.0)
    generator = torch.Generator().manual_seed(0)
    values = torch.stack([torch.randint(3, (4, 5), generator=generator), torch.arange(20).reshape(4, 5)], -1).double()
    context = torch.randn(4, 6, 1, 2, generator=generator, dtype=torch.float64)
    found = head.log_prob(values[:, None], head.features(values[:, None]), context)
    whole = values[:, None].expand(4, 6, 5, 2)
    torch.testing.assert_close(found, head.log_prob(whole, head.features(whole), context.expand(4, 6, 5, 2)))
    assert found.flatten().unique().numel() == 4 * 6 * 5


def test_training_starts_with_equal_levels_and_counts_spread_out():
    head = DiscreteHead([4, 0], lowest=[0, 0], location=[0, 50], scale=[1, 10], is_wide=[False] * 2, n_context=1)
    with torch.no_grad():
        values = torch.tensor([[float(i), 50.0] for i in range(4)])
        assert head.log_prob(values, head.features(values), torch.zeros(4, 1)).std() < 0.1
        draws = head.sample(torch.zeros(5000, 1), torch.Generator().manual_seed(0))[:, 1]
    # Logistic deviations of 11 around places that deviate by 9.8.
    assert abs(draws.mean() - 50) < 2 and 13 < draws.std() < 17
