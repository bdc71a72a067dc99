"""Priors against scipy, and their map to standard normals against its own inverse and derivative."""

import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import ShapeError
from skabi.priors import ChainedPrior, IndependentPrior, check_prior
from skabi.testing import check_prior as check_prior_contract


def part(top):
    return stats.uniform(0.0, top)


def effect(top, part):
    return stats.norm(part[:, np.newaxis], np.ones(3) * top[:, np.newaxis])


@pytest.fixture(params=["independent", "chained"])
def prior(request):
    if request.param == "independent":
        covariance = [[1.0, 0.5], [0.5, 2.0]]
        return IndependentPrior(
            {
                "rate": stats.gamma(2.0),
                "effect": stats.norm(np.zeros(3), [1.0, 2.0, 3.0]),
                "share": stats.uniform(-1.0, 2.0),
                "pair": stats.multivariate_normal([1.0, 2.0], covariance),
            }
        )
    return ChainedPrior({"top": stats.gamma(2.0), "part": part, "effect": effect})


def test_contract_with_vector_entries(prior):
    check_prior_contract(prior)


def test_draws_become_independent_normals(prior):
    u, _ = prior.to_real(prior.sample(20_000, random_state=0))
    assert np.abs(np.cov(u.T) - np.eye(prior.n_parameters)).max() < 5 * np.sqrt(2 / 20_000)


def test_log_prob_is_scipys():
    prior = IndependentPrior({"rate": stats.gamma(2.0), "effect": stats.norm(np.zeros(2), 3.0)})
    y = prior.sample(10, random_state=0).to_numpy()
    expected = stats.gamma(2.0).logpdf(y[:, 0]) + stats.norm(0, 3.0).logpdf(y[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(y), expected)
    assert prior.log_prob([[-1.0, 0.0, 0.0]]) == -np.inf


def test_extreme_real_numbers_stay_inside_the_support():
    prior = ChainedPrior({"a": stats.uniform(1.0, 2.0), "b": lambda a: stats.uniform(0.0, a)})
    y = prior.from_real(np.array([[40.0, 40.0], [-40.0, -40.0]]))
    assert ((y[:, 0] > 1) & (y[:, 0] < 3) & (y[:, 1] > 0) & (y[:, 1] < y[:, 0])).all()


# These draw exactly 1, and exactly 0.
@pytest.mark.parametrize("distribution", [stats.beta(0.1, 0.1), stats.gamma(0.01)])
def test_draws_lie_inside_the_open_support(distribution):
    low, high = distribution.support()
    raw = distribution.rvs(size=20_000, random_state=np.random.default_rng(1))
    assert not ((raw > low) & (raw < high)).all()
    prior = IndependentPrior({"a": distribution})
    y = prior.sample(20_000, random_state=np.random.default_rng(1)).to_numpy()
    np.testing.assert_allclose(y[:, 0], raw, rtol=1e-12, atol=1e-300)
    _check_inside(prior, y)


class TruncatedByRounding(stats.rv_continuous):
    """A distribution function that is zero below 0.1, where it draws all the same."""

    def _cdf(self, x):
        return np.where(x < 0.1, 0.0, x)

    def _ppf(self, q):
        return np.maximum(q, 0.1)

    def _pdf(self, x):
        return np.ones_like(x)

    def _rvs(self, size=None, random_state=None):
        return random_state.uniform(size=size)


def test_draws_lie_where_the_map_can_hold_them():
    prior = IndependentPrior({"a": TruncatedByRounding(a=0.0, b=1.0)(), "b": stats.norm()})
    y = prior.sample(100, random_state=0).to_numpy()
    _check_inside(prior, y)
    assert y[:, 0].min() == pytest.approx(0.1)


def _check_inside(prior, y):
    (low, high), u, log_det = prior.support[0], *prior.to_real(y)
    assert ((y[:, 0] > low) & (y[:, 0] < high)).all()
    assert np.isfinite(log_det).all() and (np.abs(u) < 37.5).all()


def test_bad_distributions_are_refused():
    with pytest.raises(TypeError, match="not frozen"):
        IndependentPrior({"a": stats.norm})
    with pytest.raises(TypeError, match="discrete"):
        IndependentPrior({"a": stats.poisson(3.0)})
    with pytest.raises(TypeError, match="discrete"):
        IndependentPrior({"a": stats.poisson})
    with pytest.raises(TypeError, match="gaussian_kde, which lacks"):
        IndependentPrior({"a": stats.gaussian_kde(np.arange(5.0))})
    with pytest.raises(ValueError, match="argument of simulate"):
        IndependentPrior({"rng": stats.norm()})
    with pytest.raises(ValueError, match="try 'lambda_'"):
        IndependentPrior({"lambda": stats.norm()})
    with pytest.raises(ShapeError, match=r"'a' must broadcast.*\(2,\) and \(3,\)"):
        IndependentPrior({"a": stats.gamma(np.ones(2), scale=np.ones(3))})


@pytest.mark.parametrize("covariance", [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.1], [0.1, 0.01 + 1e-18]]])
def test_singular_covariance_is_refused(covariance):
    with pytest.raises(ValueError, match="covariance of 'pair' must be positive definite"):
        IndependentPrior({"pair": stats.multivariate_normal([0.0, 1.0], covariance, allow_singular=True)})


def test_covariance_in_small_units_is_taken():
    prior = IndependentPrior(
        {"pair": stats.multivariate_normal([0.0, 0.0], np.diag([1.0, 1e-12]), allow_singular=True)}
    )
    assert prior.sample(5, random_state=0).shape == (5, 2)


@pytest.mark.skipif(not hasattr(stats, "Normal"), reason="this scipy has one kind of distribution")
def test_second_kind_of_distribution_is_refused_by_its_name():
    normal = stats.Normal(mu=0.0, sigma=1.0)
    for distribution in (normal, stats.Mixture([normal, normal])):
        with pytest.raises(TypeError, match="use the frozen form"):
            IndependentPrior({"a": distribution})


def fixed_length(k, by_row=False):
    return lambda a: stats.norm(np.zeros(k), a if by_row else 1.0)


def test_functions_that_give_no_entry_are_refused():
    with pytest.raises(TypeError, match="come before it"):
        ChainedPrior({"a": lambda b: stats.norm(b), "b": stats.norm()})
    for length in (7, 8, 11):
        with pytest.raises(ShapeError, match=rf"'b' must have shape \(n,\).*got \({length},\) for n = "):
            ChainedPrior({"a": stats.norm(), "b": fixed_length(length)})
        with pytest.raises(ShapeError, match="'b' must broadcast"):
            ChainedPrior({"a": stats.gamma(2.0), "b": fixed_length(length, by_row=True)})
    with pytest.raises(ShapeError, match=r"length of 'b' must not depend on the number of rows; it is 7"):
        ChainedPrior({"a": stats.norm(), "b": lambda a: stats.norm(np.add.outer(a, a), 1.0)})
    with pytest.raises(TypeError, match="multivariate_normal, whose parameters cannot differ by row"):
        ChainedPrior({"a": stats.norm(), "b": lambda a: stats.multivariate_normal(np.zeros(1))})


def test_fixed_vector_from_a_function():
    prior = ChainedPrior({"a": stats.norm(), "b": lambda a: stats.norm(np.zeros((1, 7)), 1.0)})
    assert prior.sample(20, random_state=0).shape == (20, 8)


def test_parameters_of_another_shape_or_order_are_refused():
    prior = IndependentPrior({"a": stats.norm(), "b": stats.norm()})
    with pytest.raises(ShapeError, match=r"one column each.*\(2, 3\)\.$"):
        prior.log_prob(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"y\[np.newaxis\]"):
        prior.log_prob(np.zeros(2))
    with pytest.raises(ShapeError, match=r"y\.reshape\(-1, 2\)"):
        prior.to_real(np.zeros((2, 5, 2)))
    with pytest.raises(ShapeError, match=r"^u must have shape"):
        prior.from_real(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="in this order"):
        prior.split(prior.sample(2, random_state=0)[["b", "a"]])
    with pytest.raises(ShapeError, match=r"y\[:, np.newaxis\]"):
        IndependentPrior({"a": stats.norm()}).log_prob(np.zeros(3))


def test_prior_must_have_what_inference_asks_for():
    class Half:
        sample = log_prob = to_real = from_real = split = parameter_names = None

    with pytest.raises(TypeError, match="Half, which has no entry_names, support"):
        check_prior(Half())


@pytest.mark.parametrize(
    "distribution",
    [
        stats.norm(1.0, 2.0),
        stats.lognorm(0.5, scale=0.3),
        stats.lognorm(s=0.5, loc=-1.0),
        stats.uniform(-3.0, 7.0),
        stats.halfnorm(scale=2.0),
        stats.halfnorm(1.0, 2.0),
        stats.gamma(2.0),
    ],
)
def test_real_numbers_become_scipys_quantiles(distribution):
    u = np.linspace(-7.0, 7.0, 29)
    found = IndependentPrior({"a": distribution}).from_real(u[:, np.newaxis])[:, 0]
    wanted = np.where(u < 0, distribution.ppf(stats.norm.cdf(u)), distribution.isf(stats.norm.sf(u)))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_the_numbers_next_to_the_edges_are_mapped_there_and_back():
    prior = IndependentPrior({"a": stats.uniform([-1.0], 2.0)})
    y = np.array([[np.nextafter(-1.0, 0.0)], [np.nextafter(1.0, 0.0)], [0.25]])
    u, log_det = prior.to_real(y)
    assert np.isfinite(log_det).all() and u[0] < -8 and u[1] > 8
    np.testing.assert_allclose(prior.from_real(u), y, rtol=1e-15)
    outside = prior.to_real([[-1.5], [1.5]])
    assert (outside[1] == -np.inf).all()


def test_half_a_normal_is_exact_near_its_edge():
    prior = IndependentPrior({"a": stats.halfnorm(scale=2.0)})
    y = np.array([[1e-30], [1e-16], [1e-3], [1.0], [30.0]])
    np.testing.assert_allclose(prior.from_real(prior.to_real(y)[0]), y, rtol=1e-11)


def test_a_distribution_that_draws_no_numbers_is_named():
    with pytest.raises(ValueError, match="distribution of 'b' draws NaN or infinity"):
        IndependentPrior({"a": stats.norm(), "b": stats.norm(np.nan, 1.0)})
