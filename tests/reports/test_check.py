"""Verdicts against posteriors whose errors are known."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from skabi import AmortizedPosterior, JointEstimator, reports
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.dynamic import DynamicPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.hierarchical import HierarchicalPosterior
from skabi.losses import ForwardKL
from skabi.pipeline import make_pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

QUICK = {"n_datasets": 300, "n_draws": 99, "random_state": 0}


class DrawsOnly:
    def __init__(self, posterior):
        self.sample = posterior.sample


def rows_of(report, check):
    return report.table[report.table["check"].str.startswith(check)]


def findings(report, check):
    return set(rows_of(report, check)["finding"])


def test_exact_posterior_is_good(make_posterior, simulator):
    report = reports.check(make_posterior(), simulator, n_draws=99, random_state=0)
    assert report.is_good
    assert report.verdict == "good"
    assert report.problems.empty
    assert (report.table["what_to_try"] == "").all()
    assert rows_of(report, "SBC")["parameter"].to_list() == simulator.prior.parameter_names
    np.testing.assert_allclose(rows_of(report, "weights: effective")["figure"], 1.0)


@pytest.mark.slow
def test_false_alarms_are_at_most_level(make_posterior, simulator):
    posterior, n = make_posterior(), 100
    how = {"n_datasets": 150, "n_draws": 40, "statistics": np.abs}
    n_alarms = sum(not reports.check(posterior, simulator, **how, random_state=seed).is_good for seed in range(n))
    assert stats.binomtest(n_alarms, n, 0.05, alternative="greater").pvalue > 1e-3


@pytest.mark.parametrize(
    ("how", "of_ranks", "of_intervals", "of_regions", "advice"),
    [
        ({"spread": 0.6}, "posterior too narrow", "intervals too narrow", "regions too small", "n_estimators=8"),
        ({"spread": 1.6}, "posterior too wide", "intervals too wide", "regions too large", "Longer training"),
        ({"shift": 0.6}, "posterior shifted, too high", None, None, "Longer training"),
        ({"shift": -0.6}, "posterior shifted, too low", None, None, "Longer training"),
    ],
)
def test_errors_are_named(how, of_ranks, of_intervals, of_regions, advice, make_posterior, simulator):
    report = reports.check(make_posterior(**how), simulator, **{**QUICK, "n_datasets": 1000})
    assert report.verdict == "bad"
    assert findings(report, "SBC") == {of_ranks}
    assert rows_of(report, "SBC")["what_to_try"].str.contains(advice, regex=False).all()
    if of_intervals:
        assert findings(report, "coverage: central") == {of_intervals}
        assert findings(report, "coverage: highest") == {of_regions}
        assert set(rows_of(report, "coverage: balls")["verdict"]) == {"bad"}


def test_size_of_errors_is_as_documented(make_posterior, simulator):
    of_six_percent = stats.norm.cdf(1 / 0.94 * np.linspace(0, 3, 301)) - stats.norm.cdf(np.linspace(0, 3, 301))
    assert 2 * of_six_percent.max() == pytest.approx(0.03, abs=2e-3)
    assert 2 * stats.norm.cdf(0.04) - 1 == pytest.approx(0.03, abs=2e-3)
    report = reports.check(make_posterior(shift=0.25), simulator, n_datasets=2000, n_draws=200, random_state=0)
    # Kolmogorov distances scatter by some 1 / sqrt(n_datasets).
    np.testing.assert_allclose(rows_of(report, "SBC")["error"], 0.1, atol=2 / np.sqrt(2000))


def test_errors_without_size_are_harmless(make_posterior, simulator):
    report = reports.check(
        make_posterior(shift=0.04), simulator, n_datasets=20_000, n_draws=50, n_replicates=0, random_state=0
    )
    assert rows_of(report, "SBC")["adjusted_p_value"].max() < 0.05
    assert set(rows_of(report, "SBC")["verdict"]) == {"good"}


def test_prior_as_posterior_is_calibrated_and_learned_nothing(simulator):
    class Prior:
        def sample(self, X, n_draws, *, random_state):
            return np.random.default_rng(random_state).normal(size=(len(X), n_draws, 2))

    report = reports.check(Prior(), simulator, **QUICK)
    assert set(rows_of(report, "coverage")["verdict"]) == {"good"}
    assert set(rows_of(report, "contraction")["verdict"]) == {"doubtful"}
    assert "that is the model" in rows_of(report, "contraction")["what_to_try"].iloc[0]
    # Replicates at a draw of the prior scatter about another place than the data.
    assert set(rows_of(report, "posterior predictive")["verdict"]) == {"bad"}


def test_posterior_worse_than_the_prior_is_bad(make_posterior, simulator):
    report = reports.check(make_posterior(spread=0.1), simulator, **QUICK)
    score = rows_of(report, "log score").iloc[0]
    assert (score["verdict"], score["finding"]) == ("bad", "worse than the prior")
    assert set(rows_of(report, "weights")["verdict"]) == {"bad"}


def test_truth_without_density_is_bad(make_posterior, simulator):
    class Bounded(type(make_posterior())):
        def log_prob(self, X, y):
            y = np.asarray(y)
            return np.where((y > 2).any(axis=-1), -np.inf, super().log_prob(X, y))

    report = reports.check(Bounded(simulator), simulator, **QUICK)
    score = rows_of(report, "log score").iloc[0]
    assert score["verdict"] == "bad"
    assert "no density at the truth" in score["finding"]


def test_held_out_data_sets_do(make_posterior, simulator):
    X, y = simulator.sample(300, random_state=1)
    report = reports.check(make_posterior(), X, y.to_numpy(), n_draws=99, random_state=0)
    assert report.is_good
    assert rows_of(report, "SBC")["parameter"].to_list() == ["theta[0]", "theta[1]"]
    assert any("posterior predictive check left out: there is no simulator" in note for note in report.notes)
    assert any("no prior is known" in note for note in report.notes)


def test_density_is_not_needed(make_posterior, simulator):
    report = reports.check(DrawsOnly(make_posterior()), simulator, **QUICK)
    assert report.is_good
    assert any("highest-density coverage left out" in note for note in report.notes)
    assert rows_of(report, "weights").empty
    assert len(rows_of(report, "coverage: balls")) == 1


def test_report_of_an_estimator(fitted, simulator):
    report = reports.check(fitted, simulator, observed=[[0.0, 0.0], [9.0, 9.0]], **QUICK)
    assert set(report.problems["check"]) == {"observed data: smallest p-value", "observed data: all together"}
    assert report.problems["finding"].iloc[0] == "1 of 2 unlike the simulations: 1, counted from 0"
    assert "mend the simulator" in report.problems["what_to_try"].iloc[0]
    assert len(rows_of(report, "training score")) == (fitted.best_iter_ > 0)
    np.testing.assert_array_equal(report.results["usual_p_values"], fitted.usual_p_values([[0.0, 0.0], [9.0, 9.0]]))


def test_usual_data_are_good(fitted, simulator):
    report = reports.check(fitted, simulator, observed=[[0.3, -0.2]], **QUICK)
    assert report.is_good
    assert len(rows_of(report, "observed")) == 1


def test_overfitting_is_named(fitted, simulator, monkeypatch):
    monkeypatch.setattr(fitted, "loss_curve_", [-1.0, -2.0])
    monkeypatch.setattr(fitted, "best_iter_", 2)
    assert isinstance(fitted.loss_, ForwardKL)
    row = rows_of(reports.check(fitted, simulator, **QUICK), "training score").iloc[0]
    assert (row["verdict"], row["finding"]) == ("doubtful", "overfitted")
    assert "More simulations" in row["what_to_try"]


def test_data_of_another_simulator_are_noticed(make_posterior):
    # Data sets have twice the noise that the posterior knows of.
    report = reports.check(make_posterior(), ConjugateGaussian(noise_variance=1.2), **QUICK)
    assert rows_of(report, "coverage: central")["verdict"].to_list() == ["bad", "bad"]


def test_predictive_check_sees_statistics_that_the_posterior_misses(make_posterior, simulator):
    report = reports.check(
        make_posterior(shift=1.0), simulator, statistics=lambda X: X.max(axis=1), **{**QUICK, "n_datasets": 1000}
    )
    row = rows_of(report, "posterior predictive").iloc[0]
    assert row["verdict"] == "bad"
    assert row["finding"] == "unlike its replicates: statistic 0"


def test_pipeline(simulator):
    last = AmortizedPosterior(Gaussian(()), n_simulations=1000, max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), last).fit(simulator)
    report = reports.check(pipeline, simulator, observed=[[0.0, 0.0]], **QUICK)
    assert report.is_good
    assert {
        "weights: effective share",
        "observed data: smallest p-value",
        "posterior predictive check",
    } < set(report.table["check"])


def test_joint_estimator(simulator):
    joint = JointEstimator(Gaussian(()), n_simulations=1000, max_iter=3, random_state=0).fit(simulator)
    report = reports.check(joint, simulator, observed=[[9.0, 9.0]], **QUICK)
    assert set(report.problems["check"]) == {"observed data: smallest p-value"}


def test_sets_of_different_sizes():
    simulator = GaussianMeanScale(n_observations=(2, 6))
    posterior = AmortizedPosterior(Gaussian((8,)), n_simulations=300, max_iter=2, random_state=0).fit(simulator)
    report = reports.check(posterior, simulator, n_datasets=40, n_draws=20, random_state=0)
    assert len(rows_of(report, "posterior predictive")) == 1


def test_several_sources():
    prior = IndependentPrior({"mu": stats.norm()})

    def simulate(mu, rng):
        return {"a": rng.normal(mu[:, np.newaxis], size=(len(mu), 3)), "b": rng.normal(mu[:, np.newaxis], 1.0)}

    simulator = Simulator(prior, simulate, vectorized=True)
    posterior = AmortizedPosterior(Gaussian((8,)), n_simulations=300, max_iter=2, random_state=0).fit(simulator)
    report = reports.check(posterior, simulator, n_datasets=40, n_draws=20, random_state=0)
    assert len(rows_of(report, "posterior predictive")) == 1


def test_simulator_that_cannot_replicate_is_noted(make_posterior, simulator):
    class Sampler:
        prior = simulator.prior
        sample = staticmethod(simulator.sample)

    report = reports.check(make_posterior(), Sampler(), **QUICK)
    assert any("data sets cannot be replicated" in note for note in report.notes)


@pytest.mark.parametrize(
    ("log_likelihood", "finding"),
    [
        (lambda X, theta: np.full(len(X), np.nan), "NaN"),
        (lambda X, theta: np.zeros((len(X), 1)), r"must return|shape"),
        (lambda X, theta: np.full(len(X), -np.inf), "zero at all draws"),
        (lambda X, theta: ["a"] * len(X), "number"),
    ],
)
def test_likelihood_that_fails_is_bad(log_likelihood, finding, make_posterior, simulator):
    failing = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    report = reports.check(make_posterior(), failing, **QUICK)
    assert rows_of(report, "weights").empty
    row = report.problems.iloc[0]
    assert (row["check"], row["verdict"]) == ("likelihood", "bad")
    assert re.search(finding, row["finding"])


def test_likelihood_of_another_simulator_is_suspected(make_posterior, simulator):
    def log_likelihood(X, theta):
        return stats.norm.logpdf(X, theta, 0.1).sum(axis=1)

    other = Simulator(simulator.prior, simulator.simulate, vectorized=True, log_likelihood=log_likelihood)
    report = reports.check(make_posterior(), other, **QUICK)
    assert rows_of(report, "weights: eff")["what_to_try"].str.contains("may not be that of the simulator").all()
    narrow = reports.check(make_posterior(spread=0.1), simulator, **QUICK)
    assert not rows_of(narrow, "weights: eff")["what_to_try"].str.contains("may not be that").any()


class Densities:
    def __init__(self, posterior, change):
        self.posterior, self.sample, self.change = posterior, posterior.sample, change

    def log_prob(self, X, y):
        return self.change(self.posterior.log_prob(X, y))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda p: np.where(p > np.quantile(p, 0.9), np.inf, p), "infinite for"),
        (lambda p: np.where(p > np.quantile(p, 0.9), np.nan, p), "NaN for"),
        (lambda p: np.full_like(p, -np.inf), "zero density at its own draws of 300 of 300"),
        (lambda p: p[..., np.newaxis], "shapes"),
    ],
)
def test_densities_that_are_none_are_bad(change, finding, make_posterior, simulator):
    report = reports.check(Densities(make_posterior(), change), simulator, **QUICK)
    row = report.problems.iloc[0]
    assert (row["check"], row["verdict"]) == ("log_prob of the posterior", "bad")
    assert finding in row["finding"]


def test_many_data_sets_that_are_each_a_little_unusual_are_unusual_together(fitted, simulator):
    X, _ = simulator.sample(100, random_state=5)
    report = reports.check(fitted, simulator, observed=1.5 * X, **QUICK)
    assert rows_of(report, "observed data: smallest")["verdict"].to_list() == ["good"]
    assert rows_of(report, "observed data: all")["verdict"].to_list() == ["bad"]
    assert report.results["batch_test"].p_value < 0.05
    usual = reports.check(fitted, simulator, observed=X, **QUICK)
    assert usual.is_good and len(rows_of(usual, "observed data")) == 2


def test_longer_training_is_not_advised_where_it_no_longer_helped(fitted, simulator, monkeypatch):
    subject, data_sets = fitted, simulator.sample(300, random_state=3)
    shifted = data_sets[1] + 0.4

    def advice():
        rows = rows_of(reports.check(subject, data_sets[0], shifted, n_draws=50, random_state=0), "SBC")
        return rows["what_to_try"].iloc[0]

    monkeypatch.setattr(subject, "best_iter_", subject.n_iter_)
    assert "Make sure that y comes from the prior of fit" in advice() and "longer training" in advice().lower()
    monkeypatch.setattr(subject, "best_iter_", 1)
    assert "longer training" not in advice().lower() and "More simulations" in advice()
    monkeypatch.setattr(subject, "best_iter_", subject.n_iter_)
    monkeypatch.setattr(subject, "max_iter", 100)
    assert "longer training" not in advice().lower()


def test_few_data_sets_are_good_so_far(make_posterior, simulator):
    report = reports.check(make_posterior(), simulator, n_datasets=20, n_draws=30, random_state=0)
    assert report.is_good and report.verdict == "good so far"
    assert "good so far" in report._repr_html_()
    needed = int(re.search(r"20 data sets: (\d+) would show", report.notes[-1])[1])
    enough = reports.check(make_posterior(), simulator, n_datasets=needed, n_draws=30, random_state=0)
    assert enough.verdict == "good"
    assert (
        reports.check(make_posterior(shift=3.0), simulator, n_datasets=20, n_draws=30, random_state=0).verdict == "bad"
    )


def test_statistics_have_names(make_posterior, fitted, simulator):
    def named(X):
        return pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})

    how = {"n_datasets": 30, "n_draws": 20, "random_state": 0}
    for posterior, statistics, names in (
        (make_posterior(), None, ["mean", "standard deviation"]),
        (make_posterior(), named, ["a", "b"]),
        (make_posterior(), np.abs, ["statistic 0", "statistic 1"]),
        (fitted, None, ["column 0", "column 1"]),
    ):
        report = reports.check(posterior, simulator, statistics=statistics, **how)
        assert report.results["statistic_names"] == names


def test_contraction_of_a_prior_without_variance_is_that_of_its_quartiles():
    prior = IndependentPrior({"mu": stats.cauchy()})

    class Narrow:
        def sample(self, X, n_draws, *, random_state):
            rng = np.random.default_rng(random_state)
            return X[:, np.newaxis] + 0.5 * rng.standard_cauchy(size=(len(X), n_draws, 1))

    simulator = Simulator(
        prior, lambda mu, rng: mu[:, np.newaxis] + 0.0 * rng.normal(size=(len(mu), 1)), vectorized=True
    )
    report = reports.check(Narrow(), simulator, n_datasets=200, n_draws=2000, random_state=0)
    assert rows_of(report, "contraction")["figure"].iloc[0] == pytest.approx(0.75, abs=0.04)
    assert any("contraction of mu is that of the interquartile range" in note for note in report.notes)


def test_likelihood_may_be_unknown(make_posterior, simulator):
    unknown = Simulator(simulator.prior, simulator.simulate, vectorized=True)
    report = reports.check(make_posterior(), unknown, **QUICK)
    assert report.is_good
    assert rows_of(report, "weights").empty


def test_frozen_estimator(fitted, simulator):
    report = reports.check(FrozenEstimator(fitted), simulator, observed=[[0.0, 0.0]], **QUICK)
    pd.testing.assert_frame_equal(report.table, reports.check(fitted, simulator, observed=[[0.0, 0.0]], **QUICK).table)


def test_results_depend_on_the_seed_alone(make_posterior, simulator):
    first, second = (reports.check(make_posterior(), simulator, **QUICK).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_verbose_shows_progress(make_posterior, simulator, capsys):
    reports.check(make_posterior(), simulator, n_datasets=30, n_draws=20, verbose=1, random_state=0)
    assert "checking" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0.1, 0.2]] * 30,), ValueError, "only with the parameters that made them"),
        (([[0.1, 0.2]] * 30, [[0.1, np.nan]] * 30), ValueError, "y must be finite"),
        (([[0.1, 0.2]] * 30, [[0.1, 0.2, 0.3]] * 30), ShapeError, "y must have shape"),
        (([[0.1, 0.2]] * 30, [[0.1, 0.2]] * 29), ShapeError, "the same n_datasets"),
        (([[0.1, 0.2]] * 5, [[0.1, 0.2]] * 5), ValueError, "number of data sets must be at least 20"),
    ],
)
def test_bad_data_sets(arguments, error, message, make_posterior):
    with pytest.raises(error, match=message):
        reports.check(make_posterior(), *arguments)


def test_bad_arguments(make_posterior, simulator):
    X, y = simulator.sample(30, random_state=0)
    with pytest.raises(ValueError, match="y must be None"):
        reports.check(make_posterior(), simulator, y)
    with pytest.raises(TypeError, match="posterior must have sample"):
        reports.check(simulator, X, y)
    with pytest.raises(TypeError, match="posterior must have sample"):
        reports.check(StandardScaler(), X, y)
    for posterior, instead in (
        (HierarchicalPosterior(), "level_ranks"),
        (DynamicPosterior(), "TimeCalibrationDisplay"),
    ):
        with pytest.raises(TypeError, match=f"draws of several levels, which are checked by .*{instead}"):
            reports.check(posterior, X, y)
    with pytest.raises(NotFittedError):
        reports.check(AmortizedPosterior(), X, y)
    with pytest.raises(ValueError, match="n_datasets must be at least 20"):
        reports.check(make_posterior(), simulator, n_datasets=5)
    with pytest.raises(ValueError, match="level must lie between"):
        reports.check(make_posterior(), simulator, level=1.0)
    for wrong in (lambda X: np.zeros((2, 2, 2)), lambda X: np.zeros((len(X) - 1, 2)), np.mean):
        with pytest.raises(ShapeError, match="statistics must have shape"):
            reports.check(make_posterior(), simulator, statistics=wrong, **QUICK)


def test_nan_is_refused(make_posterior, fitted, simulator):
    class Broken:
        def sample(self, X, n_draws, *, random_state):
            return np.full((len(X), n_draws, 2), np.nan)

    X, y = simulator.sample(30, random_state=0)
    with pytest.raises(ValueError, match="draws must be finite"):
        reports.check(Broken(), X, y)
    with pytest.raises(ValueError, match="NaN"):
        reports.check(fitted, np.full((30, 2), np.nan), y)
    with pytest.raises(ValueError, match="NaN"):
        reports.check(fitted, X, y, observed=[[np.nan, 0.0]])


def test_columns_must_be_those_of_fit(fitted, simulator):
    X, y = simulator.sample(30, random_state=0)
    with pytest.raises(ValueError, match="columns of y must be the parameters"):
        reports.check(fitted, X, y[y.columns[::-1]])
