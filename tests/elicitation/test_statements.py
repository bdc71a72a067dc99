import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skabi.elicitation import Correlation, Histogram, Moments, Quantiles
from skabi.exceptions import ApproximationWarning, ShapeError

N = 4096
NORMALS = torch.from_numpy(stats.norm.ppf((np.arange(N) + 0.5) / N))
VALUES = torch.stack([NORMALS, 10 + 2 * NORMALS], dim=1)


def test_quantiles_are_those_of_the_distribution():
    found = Quantiles((0.05, 0.5, 0.9)).points(VALUES[torch.randperm(N, generator=torch.Generator().manual_seed(0))])
    exact = stats.norm([[0.0], [10.0]], [[1.0], [2.0]]).ppf([0.05, 0.5, 0.9])
    assert_allclose(found, exact, atol=1e-3)


def test_derivatives_of_quantiles_are_means_over_the_draws_there():
    # y = x + sigma z: the quantiles of its standard deviation s move by z_p sigma / s.
    rng = np.random.default_rng(0)
    x, z = torch.from_numpy(rng.standard_normal((2, 40_000)))
    sigma = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    found = Quantiles((0.05, 0.5, 0.9)).points((x + sigma * z)[:, None])[0]
    slopes = [torch.autograd.grad(q, sigma, retain_graph=True)[0].item() for q in found]
    # Of a few hundred draws at least, each with standard deviation 1/sqrt(5) given y.
    assert_allclose(slopes, stats.norm.ppf([0.05, 0.5, 0.9]) * 2 / 5**0.5, atol=4 * 0.45 / 400**0.5)


def test_quantiles_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"quantiles must increase .* got \[1.0, 3.0, 2.0\]"):
        Quantiles((0.25, 0.5, 0.75)).check([1, 3, 2], 1)
    with pytest.raises(ValueError, match="quantiles must increase"):
        Quantiles((0.25, 0.5)).check([[1, 2], [3, 3]], 2)


@pytest.mark.parametrize("probabilities", [(0.0, 0.5), (0.5, 1.0), (25, 50), (0.5, 0.25), ()])
def test_probabilities_must_be_probabilities(probabilities):
    with pytest.raises(ValueError, match="probabilities must increase and lie between 0 and 1"):
        Quantiles(probabilities).check([1, 2], 1)


@pytest.mark.parametrize(
    ("statement", "answer", "error", "message"),
    [
        (Quantiles(), [1, 2], ShapeError, r"\(1, 5\) or \(5,\)"),
        (Quantiles((0.5,)), [np.nan], ValueError, "finite"),
        (Quantiles((0.5,)), ["many"], TypeError, "must be numbers"),
        (Moments(), [1.0, 0.0], ValueError, "standard deviations must be positive"),
        (Moments(mean=False, sd=False), [], ValueError, "mean, sd or both"),
        (Histogram([0, 1, 2]), [5, 0], ValueError, "two bins"),
        (Histogram([0, 1, 2]), [5, -1], ValueError, "not be negative"),
        (Histogram([0, 2, 1]), [5, 1], ValueError, "edges must increase"),
        (Histogram([0, 1]), [5], ShapeError, "two bins or more"),
        (Correlation(), [0.5], ValueError, "two columns"),
    ],
)
def test_answers_that_are_none_are_refused(statement, answer, error, message):
    with pytest.raises(error, match=message):
        statement.check(answer, 1)


def test_answers_of_several_columns_are_rows():
    frame = pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"], columns=[0.25, 0.75])
    stated = Quantiles((0.25, 0.75)).check(frame, 2)
    assert_array_equal(stated.points, [[1, 2], [3, 4]])
    assert_array_equal(stated.scale, 1.0)
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        Quantiles((0.25, 0.75)).check(frame, 3)
    assert Quantiles((0.5,)).check([7, 8], 2).points.tolist() == [[7], [8]]


def test_moments_are_mean_and_standard_deviation():
    assert_allclose(Moments().points(VALUES), [[0, 1], [10, 2]], atol=2e-3)
    assert_allclose(Moments(sd=False).points(VALUES), [[0], [10]], atol=1e-9)
    assert Moments(sd=False).check([-4.0], 1).scale.tolist() == [[4.0]]


def test_histogram_compares_edges_with_quantiles_of_the_shares():
    statement = Histogram([-np.inf, -1.0, 1.0, 3.0, 5.0])
    shares = np.diff(stats.norm.cdf([-np.inf, -1, 1, 3, 5]))
    stated = statement.check(shares, 1)
    assert_allclose(statement.points(VALUES[:, :1], stated)[0, :2], [-1, 1], atol=2e-3)
    assert_allclose(statement.shown(VALUES[:, :1], stated)[0], shares, atol=2e-3)
    # Nothing was placed beyond the last edge but one: it is not compared.
    few = statement.check([3, 5, 2, 0], 1)
    assert np.isfinite(few.scale).tolist() == [[True, True, False]]
    assert_allclose(few.shown, [[0.3, 0.5, 0.2, 0.0]])


def test_quantiles_of_what_is_no_number_are_none():
    values = VALUES.clone()
    values[3, 1], values[4, 0] = np.nan, np.inf
    found = Quantiles((0.25, 0.5)).points(values)
    assert torch.isfinite(found[0]).all()
    assert found[1].isnan().all()


def test_shares_that_do_not_sum_to_one_are_warned_of():
    statement = Histogram([0, 10, 20, 40])
    with pytest.warns(ApproximationWarning, match=r"sum to \[0.9\].*bin missing"):
        statement.check([0.2, 0.5, 0.2], 1)
    for fine in ([0.33, 0.33, 0.33], [1, 1, 1], [0.5, 2.5, 1.0]):
        assert_allclose(statement.check(fine, 1).shown.sum(), 1.0)


def test_correlations_are_those_of_pairs():
    x = np.random.default_rng(0).standard_normal((500, 3)) @ [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
    found = Correlation().points(torch.from_numpy(x))[0]
    assert_allclose(found, np.corrcoef(x.T)[np.triu_indices(3, 1)])
    matrix = np.corrcoef(x.T)
    assert_allclose(Correlation().check(matrix, 3).points[0], found)
    assert_allclose(Correlation().check(found, 3).points[0], found)


def test_correlations_must_belong_together():
    with pytest.raises(ValueError, match="contradict each other"):
        Correlation().check([0.9, 0.9, -0.9], 3)
    with pytest.raises(ValueError, match="symmetric"):
        Correlation().check([[1.0, 0.5], [0.4, 1.0]], 2)
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        Correlation().check([0.5, 0.1], 3)
