"""Priors to a power: densities, draws and limits."""

import numpy as np
import pytest
from scipy import stats

from skabi.files import load, save
from skabi.priors import ChainedPrior, IndependentPrior, NarrowedPrior, power_scaled
from skabi.priors._power_scaled import RowsPowerScaled
from skabi.priors._powers import PowerScaledDistribution, powered
from skabi.testing import check_prior

CLOSED = {
    "norm": stats.norm(1.0, 2.0),
    "halfnorm": stats.halfnorm(scale=2.0),
    "truncnorm": stats.truncnorm(-1.0, 2.0, loc=1.0, scale=2.0),
    "lognorm": stats.lognorm(0.5, scale=2.0),
    "gamma": stats.gamma(3.0, scale=2.0),
    "invgamma": stats.invgamma(3.0, scale=2.0),
    "expon": stats.expon(1.0, 3.0),
    "laplace": stats.laplace(1.0, 2.0),
    "beta": stats.beta(2.0, 3.0, loc=1.0, scale=2.0),
    "uniform": stats.uniform(1.0, 3.0),
    "t": stats.t(5.0, loc=1.0, scale=2.0),
}
OPEN = {
    "gumbel": stats.gumbel_r(1.0, 2.0),
    "weibull": stats.weibull_min(1.5),
    "loguniform": stats.loguniform(0.1, 10.0),
}
PROBABILITIES = np.array([0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])


def spread_with(width):
    return stats.norm(0.0, width)


def weibull_with(width):
    return stats.weibull_min(1.5, scale=width)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 2.0])
@pytest.mark.parametrize("name", [*CLOSED, *OPEN])
def test_density_is_that_of_the_base_to_the_power(name, alpha):
    base = (CLOSED | OPEN)[name]
    scaled = powered(base, alpha, name=name)
    y = base.ppf(PROBABILITIES)
    gap = scaled.logpdf(y) - alpha * base.logpdf(y)
    np.testing.assert_allclose(gap, gap[0], atol=1e-9)
    # Normalised, by trapezoids between quantiles of the base that are dense in the tails, too.
    grid = base.ppf(stats.norm.cdf(np.linspace(-8, 8, 20_001)))
    np.testing.assert_allclose(np.trapezoid(scaled.pdf(grid), grid), 1.0, atol=2e-3 if name == "t" else 1e-4)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
@pytest.mark.parametrize("name", CLOSED)
def test_numerical_inversion_agrees_with_closed_forms(name, alpha):
    exact, numerical = powered(CLOSED[name], alpha, name=name), PowerScaledDistribution(CLOSED[name], alpha)
    y = exact.ppf(PROBABILITIES)
    np.testing.assert_allclose(numerical.cdf(y), PROBABILITIES, atol=1e-7)
    np.testing.assert_allclose(
        numerical.sf(y) if hasattr(numerical, "sf") else 1 - numerical.cdf(y), 1 - PROBABILITIES, atol=1e-7
    )
    np.testing.assert_allclose(numerical.ppf(PROBABILITIES), y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(numerical.logpdf(y), exact.logpdf(y), atol=1e-9)


def test_closed_families_stay_what_they_are():
    for base in CLOSED.values():
        assert type(powered(base, 0.7, name="x").dist) is type(base.dist)


def test_known_parameters():
    prior = power_scaled(
        IndependentPrior({"a": stats.gamma(3.0, scale=2.0), "b": stats.norm(1.0, 3.0), "c": stats.beta(2.0, 5.0)}),
        {"a": 0.5, "b": 4.0},
    )
    assert prior == IndependentPrior(
        {"a": stats.gamma(2.0, scale=4.0), "b": stats.norm(1.0, 1.5), "c": stats.beta(2.0, 5.0)}
    )


def test_multivariate_normal():
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    prior = power_scaled(IndependentPrior({"a": stats.multivariate_normal([0.0, 1.0], covariance)}), 0.5)
    np.testing.assert_allclose(prior.distributions["a"].cov, 2 * covariance)


def test_multivariate_normal_in_units_far_apart():
    covariance = np.diag([1e-12, 1.0, 1e12])
    distribution = stats.multivariate_normal(np.zeros(3), covariance, allow_singular=True)
    prior = power_scaled(IndependentPrior({"a": distribution}), 0.5)
    expected = stats.norm.logpdf([1e-6, 1.0, 1e6], scale=np.sqrt(2 * np.diag(covariance))).sum()
    np.testing.assert_allclose(prior.log_prob([[1e-6, 1.0, 1e6]]), expected)


@pytest.mark.parametrize(
    "prior",
    [
        IndependentPrior({"a": stats.gumbel_r(1.0, 2.0), "b": stats.loguniform([0.1, 0.2], [10.0, 20.0])}),
        ChainedPrior({"width": stats.gamma(2.0), "a": spread_with, "b": weibull_with}),
    ],
)
def test_prior_contract(prior, tmp_path):
    scaled = power_scaled(prior, 0.6)
    check_prior(scaled)
    again = power_scaled(prior, 0.6)
    assert scaled == again
    assert scaled != power_scaled(prior, 0.7)


def test_saved(tmp_path):
    prior = power_scaled(IndependentPrior({"a": stats.gumbel_r(1.0, 2.0), "b": stats.gamma(3.0)}), 0.6)
    save(prior, tmp_path / "prior")
    loaded = load(tmp_path / "prior")
    assert loaded == prior
    assert loaded.sample(5, random_state=0).equals(prior.sample(5, random_state=0))


def test_rows_have_powers_of_their_own():
    n = 1000
    prior = ChainedPrior(
        {
            "width": stats.gamma(3.0),
            "a": stats.gumbel_r(),
            "b": spread_with,
            "c": stats.multivariate_normal([0.0, 1.0], [[1.0, 0.5], [0.5, 2.0]]),
            "d": stats.norm([0.0, 1.0], [1.0, 2.0]),
        }
    )
    rng = np.random.default_rng(0)
    alphas = {name: np.exp(rng.uniform(np.log(0.5), np.log(2.0), size=n)) for name in prior.entry_names}
    rows = RowsPowerScaled(prior, alphas)
    y = rows.sample(n, random_state=1)
    u, log_det = rows.to_real(y)
    np.testing.assert_allclose(rows.from_real(u), y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(stats.norm.logpdf(u).sum(axis=1) + log_det, rows.log_prob(y), atol=1e-6)
    for row in range(3):
        one = power_scaled(prior, {name: alpha[row] for name, alpha in alphas.items()})
        np.testing.assert_allclose(rows.log_prob(y)[row], one.log_prob(y.iloc[[row]])[0], atol=1e-8)
    # Seven columns that are standard normal, each with alpha = 0.001.
    assert min(stats.kstest(column, "norm").pvalue for column in u.T) > 1e-3 / u.shape[1]


@pytest.mark.parametrize(
    ("base", "alpha", "limit"),
    [
        (stats.gamma(0.5), 2.5, "below 2"),
        (stats.beta(0.5, 3.0), 3.0, "below 2"),
        (stats.t(1.0), 0.4, "above 0.5"),
        (stats.invgamma(1.0), 0.3, "above 0.5"),
        (stats.arcsine(), 2.5, "below"),
        (stats.halfcauchy(), 0.3, "above"),
    ],
)
def test_improper_powers_name_the_entry_and_the_limit(base, alpha, limit):
    with pytest.raises(ValueError, match=rf"prior of 'rate' to the power {alpha:g} is improper.*{limit}"):
        power_scaled(IndependentPrior({"rate": base}), {"rate": alpha})


def test_bad_input():
    prior = IndependentPrior({"rate": stats.gamma(2.0)})
    with pytest.raises(ValueError, match="alphas are for the entries"):
        power_scaled(prior, {"speed": 2.0})
    with pytest.raises(ValueError, match=r"alphas\['rate'\] must lie between 0"):
        power_scaled(prior, -1.0)
    with pytest.raises(TypeError, match="IndependentPrior or a ChainedPrior"):
        power_scaled(NarrowedPrior(prior, [-1.0], [1.0]), 2.0)
