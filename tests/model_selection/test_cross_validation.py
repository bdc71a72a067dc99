"""Cross-validation of many data sets: exact where refits are, with honest Monte Carlo errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import AutoregressiveSeries, ConjugateGaussian, DriftDiffusion, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.model_selection import CrossValElpd, _cross_validation, cross_val_elpd
from skabi.model_selection._elpd import totals
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import ExpertSummary, IdentitySummary, SeriesSummary, SetSummary


def largest_of(n, *, n_refits):
    """Return what the largest of `n` errors, in Monte Carlo errors from eight replicates, exceeds once in 400 times."""
    return stats.t(7 * n_refits).ppf(1 - 1 / (2 * 400 * n))


# The exact answer


def test_leave_one_out_is_exact(samples, exact, exact_loo):
    X, _ = samples.sample(40, random_state=0)
    result = cross_val_elpd(exact(samples), X, n_draws=500, random_state=0)
    expected = exact_loo(samples, X)
    assert isinstance(result, CrossValElpd)
    assert [len(terms) for terms in result.pointwise] == [len(x) for x in X]
    assert result.n_refits == sum(map(len, X))
    np.testing.assert_allclose(result.elpd, [terms.sum() for terms in result.pointwise])
    z = (result.elpd - [terms.sum() for terms in expected]) / result.monte_carlo_se
    # Forty of them: one false alarm in four hundred, and on average.
    assert np.abs(z).max() < largest_of(40, n_refits=6)
    assert np.abs(z.mean()) < 4 / np.sqrt(40)
    spread = [np.sqrt(len(terms)) * terms.std(ddof=1) for terms in result.pointwise]
    np.testing.assert_allclose(result.se, spread)
    errors = np.concatenate(result.pointwise) - np.concatenate(expected)
    assert np.abs(errors).mean() < 0.1


@pytest.mark.parametrize("cv", [None, KFold(3), ShuffleSplit(4, test_size=0.4, random_state=0)])
def test_monte_carlo_error_is_the_spread_over_draws(exact, cv):
    """Copies of one data set in which observations that are held out together pull at the same draws."""
    simulator = GaussianMeanScale(12)
    X = np.linspace(-2.0, 2.5, 12)[np.newaxis, :, np.newaxis]
    n_copies = 300
    result = cross_val_elpd(exact(simulator), np.repeat(X, n_copies, axis=0), cv=cv, n_draws=200, random_state=0)
    spread, claimed = result.elpd.std(), np.sqrt(np.mean(result.monte_carlo_se**2))
    # The spread of as many numbers is known to one part in sqrt(2 * 300).
    assert spread == pytest.approx(claimed, rel=4 / np.sqrt(2 * n_copies))
    assert np.ptp(result.monte_carlo_se) > 0


def test_monte_carlo_error_of_evenly_spread_draws(trained):
    """It is their spread over copies of a data set, and far below that of independent draws."""
    joint = trained(GaussianMeanScale((7, 8)), max_iter=5)
    n_copies, x = 200, np.linspace(-1.0, 1.5, 8)[:, np.newaxis]
    result = cross_val_elpd(joint, np.repeat(x[np.newaxis], n_copies, axis=0), n_draws=200, random_state=0)
    spread = result.elpd.std()
    assert spread == pytest.approx(np.sqrt(np.mean(result.monte_carlo_se**2)), rel=4 / np.sqrt(2 * n_copies))
    rest = [np.delete(x, i, axis=0) for i in range(8)]
    draws = joint.sample(rest, 10_000, random_state=0)
    likelihoods = np.exp(joint.log_likelihood(list(x[:, np.newaxis]), draws))
    independent = np.sqrt(np.sum(likelihoods.var(axis=1) / likelihoods.mean(axis=1) ** 2) / 200)
    assert spread < 0.6 * independent


def test_monte_carlo_error_shrinks_with_the_draws(samples, exact):
    X, _ = samples.sample(20, random_state=0)
    few, many = (cross_val_elpd(exact(samples), X, n_draws=n, random_state=0).monte_carlo_se for n in (100, 1600))
    assert 3 < np.median(few / many) < 5


# Splits


def test_folds_are_exact(samples, exact):
    """The density of each observation is given those of the other folds alone."""
    X, _ = samples.sample(20, random_state=0)
    result = cross_val_elpd(exact(samples), X, cv=KFold(3), n_draws=500, random_state=0)
    assert result.n_refits == 3 * 20
    z = []
    for x, terms in zip(X, result.pointwise, strict=True):
        for left, held_out in KFold(3).split(x):
            rest = samples.log_evidence([x[left]])
            z.extend(terms[held_out] - [samples.log_evidence([x[[*left, i]]])[0] - rest[0] for i in held_out])
    assert np.abs(np.mean(z)) < 4 * np.std(z) / np.sqrt(len(z))
    assert np.std(z) < 0.1


@pytest.mark.parametrize(
    ("cv", "same"), [(3, KFold(3)), (list(KFold(3).split(np.zeros((9, 1)))), KFold(3)), (None, LeaveOneOut())]
)
def test_ways_to_say_how_to_split(exact, cv, same):
    simulator = GaussianMeanScale(9)
    X, _ = simulator.sample(4, random_state=0)
    result, other = (cross_val_elpd(exact(simulator), X, cv=c, n_draws=50, random_state=0) for c in (cv, same))
    np.testing.assert_array_equal(result.pointwise, other.pointwise)


def test_held_out_several_times_or_never(exact):
    simulator = GaussianMeanScale(6)
    X, _ = simulator.sample(30, random_state=0)
    cv = [(np.array([2, 3, 4, 5]), np.array([0, 1])), (np.array([1, 2, 3, 4]), np.array([0, 5]))]
    result = cross_val_elpd(exact(simulator), X, cv=cv, n_draws=2000, random_state=0)
    pointwise = np.array(result.pointwise)
    assert np.isnan(pointwise[:, [2, 3, 4]]).all() and np.isfinite(pointwise[:, [0, 1, 5]]).all()
    np.testing.assert_allclose(result.elpd, pointwise[:, [0, 1, 5]].sum(axis=1))
    np.testing.assert_allclose(result.se, np.sqrt(3) * pointwise[:, [0, 1, 5]].std(axis=1, ddof=1))
    assert np.isfinite(result.monte_carlo_se).all() and result.n_refits == 60

    def given(left, i):
        return simulator.log_evidence(X[:, [*left, i]]) - simulator.log_evidence(X[:, left])

    twice = (given([2, 3, 4, 5], 0) + given([1, 2, 3, 4], 0)) / 2
    expected = twice + given([2, 3, 4, 5], 1) + given([1, 2, 3, 4], 5)
    z = (result.elpd - expected) / result.monte_carlo_se
    assert np.abs(z).max() < largest_of(30, n_refits=2) and np.std(z) == pytest.approx(1, abs=4 / np.sqrt(60))


def test_groups(samples, exact):
    X, _ = samples.sample(20, random_state=0)
    groups = [np.arange(len(x)) % 3 for x in X]
    result = cross_val_elpd(exact(samples), X, cv=LeaveOneGroupOut(), groups=groups, n_draws=500, random_state=0)
    assert result.n_refits == 60
    errors = []
    for x, own, terms in zip(X, groups, result.pointwise, strict=True):
        for i in range(len(x)):
            rest = x[own != own[i]]
            exact_term = samples.log_evidence([np.vstack([rest, x[i]])]) - samples.log_evidence([rest])
            errors.append(terms[i] - exact_term[0])
    assert np.abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors))
    assert np.std(errors) < 0.1
    simulator = GaussianMeanScale(6)
    X, _ = simulator.sample(4, random_state=0)
    groups = np.tile([0, 0, 1, 1, 2, 2], (4, 1))
    assert cross_val_elpd(exact(simulator), X, cv=GroupKFold(3), groups=groups, n_draws=20).n_refits == 12


def test_the_future_of_a_series(exact_series):
    """A block's sum is the log of its joint predictive density, which is exact: evidence is known for any length."""
    X, _ = AutoregressiveSeries(n_times=12).sample(25, random_state=0)
    result = cross_val_elpd(exact_series, X, cv=TimeSeriesSplit(3), n_draws=1000, random_state=0)
    assert result.n_refits == 3 * 25
    pointwise = np.array(result.pointwise)
    assert np.isnan(pointwise[:, :3]).all() and np.isfinite(pointwise[:, 3:]).all()
    log_evidence = {n: AutoregressiveSeries(n_times=n).log_evidence(X[:, :n]) for n in (*range(3, 13),)}
    blocks = np.stack([pointwise[:, start : start + 3].sum(axis=1) for start in (3, 6, 9)], axis=1)
    expected = np.stack([log_evidence[start + 3] - log_evidence[start] for start in (3, 6, 9)], axis=1)
    np.testing.assert_allclose(result.elpd, blocks.sum(axis=1))
    z = (result.elpd - expected.sum(axis=1)) / result.monte_carlo_se
    assert np.abs(z).max() < 4 and np.std(z) == pytest.approx(1, abs=4 / np.sqrt(50))
    # Each given those before it, those held out included.
    each = np.stack([log_evidence[n + 1] - log_evidence[n] for n in range(3, 12)], axis=1)
    error = pointwise[:, 3:] - each
    assert np.abs(error.mean()) < 4 * error.std() / np.sqrt(error.size)
    assert error.std() < 0.15


def test_blocks_of_a_series_are_those_of_the_learned_likelihood(trained):
    """By the log of the mean of the joint likelihood over draws, directly."""
    joint = trained(AutoregressiveSeries(n_times=6), Gaussian(()), summary=SeriesSummary(width=8), n_simulations=100)
    X, _ = AutoregressiveSeries(n_times=6).sample(3, random_state=1)
    draws = {}

    class Spy:
        n_observations_in_ = (1, 6)

        def sample(self, X, n_draws, *, n_replicates, random_state):
            draws["all"] = joint.posterior_.sample(X, n_draws, random_state=random_state)
            return draws["all"]

    class Half(JointEstimator):
        posterior_, likelihood_, observations_ = Spy(), joint.likelihood_, "ordered"

    result = cross_val_elpd(Half(), X, cv=[(np.arange(4), np.array([4, 5]))], n_draws=104, random_state=0)
    terms = joint.log_likelihood(X, draws["all"], pointwise=True)
    block = special.logsumexp(terms[:, :, 4:].sum(axis=2), axis=1) - np.log(104)
    np.testing.assert_allclose(result.elpd, block, atol=1e-3)
    first = special.logsumexp(terms[:, :, 4], axis=1) - np.log(104)
    np.testing.assert_allclose(np.array(result.pointwise)[:, 4], first, atol=1e-3)


# Data sets


def test_lists_and_arrays_are_alike(exact):
    simulator = GaussianMeanScale((5, 9))
    X = np.random.default_rng(0).normal(size=(4, 6, 1))
    of_array, of_list = (cross_val_elpd(exact(simulator), x, n_draws=100, random_state=0) for x in (X, list(X)))
    np.testing.assert_array_equal(of_array.pointwise, of_list.pointwise)


def test_data_sets_do_not_interact(exact, samples, monkeypatch):
    """Whether alone, among others or in another batch: the same but for the draws."""
    X, _ = samples.sample(6, random_state=0)
    together = cross_val_elpd(exact(samples), X, n_draws=2000, random_state=0)
    monkeypatch.setattr(_cross_validation, "_PAIRS", 2000 * 7)
    apart = cross_val_elpd(exact(samples), X, n_draws=2000, random_state=1)
    alone = [cross_val_elpd(exact(samples), X[i : i + 1], n_draws=2000, random_state=2) for i in range(6)]
    alone = np.concatenate([result.elpd for result in alone])
    assert apart.n_refits == together.n_refits
    error = np.hypot(together.monte_carlo_se, apart.monte_carlo_se)
    for others in (apart.elpd, alone):
        assert (np.abs(together.elpd - others) < 4 * error).all()
    assert (together.elpd != apart.elpd).all()
    assert np.ptp(together.elpd) > 40 * error.max()


def test_a_refit_that_is_too_large_for_a_batch(exact, samples, monkeypatch):
    X, _ = samples.sample(3, random_state=0)
    monkeypatch.setattr(_cross_validation, "_PAIRS", 1)
    result = cross_val_elpd(exact(samples), X, cv=KFold(2), n_draws=50, random_state=0)
    assert np.isfinite(result.elpd).all() and result.n_refits == 6


def test_draws_depend_on_the_random_state(samples, exact):
    X, _ = samples.sample(3, random_state=0)
    first, again, other, fresh = (
        np.concatenate(cross_val_elpd(exact(samples), X, n_draws=20, random_state=seed).pointwise)
        for seed in (0, 0, 1, None)
    )
    np.testing.assert_array_equal(again, first)
    assert not np.isin(other, first).any() and not np.isin(fresh, first).any()


def test_observation_that_no_draw_explains(exact):
    """Faster than any draw's non-decision time: its density is zero, and that of its data set."""
    simulator = DriftDiffusion((3, 9))
    X, _ = simulator.sample(2, random_state=0)
    X[1][0, 0] = 0.01

    class Slow:
        n_observations_in_ = (1, 10)

        def sample(self, X, n_draws, *, n_replicates, random_state):
            return np.tile([0.5, 1.5, 0.15], (len(X), n_draws, 1))

    estimator = exact(simulator)
    estimator.posterior_ = Slow()
    result = cross_val_elpd(estimator, X, n_draws=10, random_state=0)
    assert np.isneginf(result.pointwise[1][0]) and np.isfinite(result.pointwise[1][1:]).all()
    assert np.isneginf(result.elpd[1]) and np.isfinite(result.elpd[0])
    assert result.monte_carlo_se[0] == pytest.approx(0.0, abs=1e-9)


def test_verbose_shows_a_bar(samples, exact, capsys):
    X, _ = samples.sample(3, random_state=0)
    cross_val_elpd(exact(samples), X, cv=KFold(2), n_draws=20)
    assert capsys.readouterr().err == ""
    cross_val_elpd(exact(samples), X, cv=KFold(2), n_draws=20, verbose=1)
    shown = capsys.readouterr().err
    assert "refitting: 100%" in shown and "6/6" in shown


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", [None, Gaussian((16,))], ids=["known", "learned"])
def test_learned_posteriors_come_close(exact_loo, likelihood):
    """Within a fraction of the standard error that elpd has as an estimate for new data."""
    simulator = GaussianMeanScale((5, 20))
    joint = JointEstimator(Gaussian((32,)), likelihood, n_simulations=3000, max_iter=20, random_state=0).fit(simulator)
    X, _ = GaussianMeanScale((6, 20)).sample(40, random_state=1)
    result = cross_val_elpd(joint, X, n_draws=400, random_state=0)
    difference = result.elpd - [terms.sum() for terms in exact_loo(simulator, X)]
    assert np.median(np.abs(difference) / result.se) < 0.1
    assert np.abs(np.median(difference)) < 0.1 * np.median(result.se)


# What does not make sense


def test_sizes_that_fit_had_not(samples, exact):
    X, _ = samples.sample(30, random_state=0)
    with pytest.warns(ApproximationWarning, match=r"of 5 to 11 observations, .* had 6 to 12: .*\(5, 12\)") as caught:
        cross_val_elpd(exact(samples, sizes=(6, 12)), X, n_draws=300)
    assert caught[0].filename == __file__ and len(caught) == 1
    cross_val_elpd(exact(samples, sizes=(5, 11)), X, n_draws=300)
    with pytest.warns(ApproximationWarning, match=r"had 5 to 9: .*\(5, 11\)"):
        cross_val_elpd(exact(samples, sizes=(5, 9)), X, n_draws=300)


def test_sizes_of_a_learned_posterior(trained):
    fixed = trained(GaussianMeanScale(6))
    X, _ = GaussianMeanScale(6).sample(3, random_state=1)
    with pytest.warns(ApproximationWarning, match=r"of 5 to 5 observations, .* had 6 to 6: .*\(5, 6\)") as caught:
        result = cross_val_elpd(fixed, X, n_draws=300)
    assert len(caught) == 1 and np.isfinite(result.elpd).all()
    X, _ = GaussianMeanScale((7, 12)).sample(3, random_state=1)
    cross_val_elpd(trained(GaussianMeanScale((6, 12))), X, n_draws=300)


@pytest.mark.parametrize("cv", [None, KFold(2), ShuffleSplit(2, random_state=0), TimeSeriesSplit(3, gap=1)])
def test_anything_but_the_future_of_a_series(exact_series, cv):
    words = r"of a series the future alone can be left out, .*TimeSeriesSplit\(\)"
    with pytest.raises(ValueError, match=words):
        cross_val_elpd(exact_series, np.zeros((2, 12, 1)), cv=cv, n_draws=20)


def test_data_sets_of_one_observation(trained):
    for joint in (
        trained(ConjugateGaussian()),
        trained(GaussianMeanScale(5), summary=IdentitySummary()),
    ):
        with pytest.raises(ShapeError, match=r"one observation each.*there is none to leave out.*SetSummary\(\)"):
            cross_val_elpd(joint, np.zeros((3, 5, 1)))


@pytest.mark.parametrize("X", [np.zeros((3, 2)), [np.zeros(3)], [], np.zeros((0, 5, 1))])
def test_data_sets_without_observations(exact, samples, X):
    with pytest.raises(ShapeError, match="there must be observations to leave out"):
        cross_val_elpd(exact(samples), X)


def test_several_sources(exact, samples):
    with pytest.raises(ShapeError, match="data sets of one source; got several"):
        cross_val_elpd(exact(samples), {"a": np.zeros((3, 5, 1))})


def test_nothing_is_left(exact, samples):
    with pytest.raises(ShapeError, match="nothing is left of data set 0, of 6 observations"):
        cross_val_elpd(exact(samples), np.zeros((2, 6, 1)), cv=[([], np.arange(6))], n_draws=5)


def test_data_set_that_cannot_be_split(exact, samples):
    X = [np.zeros((3, 1)), np.zeros((1, 1))]
    for cv, words in ((None, "Cannot perform LeaveOneOut"), (KFold(2), "n_splits=2"), (LeaveOneGroupOut(), "groups")):
        i = 0 if words == "groups" else 1
        with pytest.raises(ValueError, match=f"data set {i}, of {len(X[i])} observations, cannot be split: .*{words}"):
            cross_val_elpd(exact(samples), X, cv=cv, n_draws=5)


def test_groups_of_another_number_of_data_sets(exact, samples):
    with pytest.raises(ShapeError, match="one entry for each observation of the 2 data sets"):
        cross_val_elpd(exact(samples), np.zeros((2, 6, 1)), cv=LeaveOneGroupOut(), groups=np.zeros((3, 6)))


def test_use_before_fit():
    with pytest.raises(NotFittedError, match="JointEstimator instance is not fitted yet"):
        cross_val_elpd(JointEstimator(), np.zeros((2, 6, 1)))


@pytest.mark.parametrize("n_draws", [0, 1.5])
def test_numbers_of_draws_that_are_none(exact, samples, n_draws):
    with pytest.raises((ValueError, TypeError), match="n_draws must be"):
        cross_val_elpd(exact(samples), np.zeros((2, 6, 1)), n_draws=n_draws)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(trained, value):
    joint = trained(GaussianMeanScale((3, 9)))
    X, _ = GaussianMeanScale((5, 9)).sample(3, random_state=1)
    X[1][0] = value
    with pytest.raises(ValueError, match="must be finite"):
        cross_val_elpd(joint, X, n_draws=20)


def test_likelihood_that_knows_no_observations(exact):
    simulator = AutoregressiveSeries(n_times=6)
    with pytest.raises(TypeError, match="takes no pointwise=True"):
        cross_val_elpd(exact(simulator), np.zeros((2, 7, 1)), n_draws=20)


def test_groups_of_a_table_are_read_by_rows(exact):
    simulator = GaussianMeanScale(4)
    X, _ = simulator.sample(4, random_state=0)
    groups = pd.DataFrame([[0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 2, 3], [0, 1, 1, 1]])
    results = [
        cross_val_elpd(exact(simulator), X, cv=LeaveOneGroupOut(), groups=table, n_draws=50, random_state=0)
        for table in (groups, groups.to_numpy())
    ]
    assert results[0].n_refits == results[1].n_refits == 10
    np.testing.assert_array_equal(results[0].elpd, results[1].elpd)


@pytest.mark.parametrize(
    ("cv", "error", "words"),
    [
        ([((0, 1, 2), (3, 17))], ValueError, "splits must be indices of the 6 observations of data set 0"),
        ([((0, 1, 2), (2, 3))], ValueError, "an observation twice, or both left and held out"),
        ([((0, 1, 2), (3, 3))], ValueError, "an observation twice"),
        ([((), (3,))], ShapeError, "nothing is left of data set 0"),
        ([((0, 1), ())], ShapeError, "nothing is held out of data set 0"),
        ([], ValueError, "cv must have at least one split"),
        (StratifiedKFold(2), ValueError, "cv must split observations without labels"),
    ],
)
def test_splits_that_make_no_sense(exact, cv, error, words):
    with pytest.raises(error, match=words):
        cross_val_elpd(exact(GaussianMeanScale(6)), np.zeros((2, 6, 1)), cv=cv, n_draws=20)


def test_splits_as_masks(exact):
    simulator = GaussianMeanScale(6)
    X, _ = simulator.sample(3, random_state=0)
    mask = np.arange(6) < 4
    as_masks, as_indices = (
        cross_val_elpd(exact(simulator), X, cv=cv, n_draws=50, random_state=0)
        for cv in ([(mask, ~mask)], [(np.arange(4), np.array([4, 5]))])
    )
    np.testing.assert_array_equal(as_masks.elpd, as_indices.elpd)


def test_an_observation_that_few_draws_explain(exact):
    X = np.append(np.linspace(-0.1, 0.1, 7), 40.0)[np.newaxis, :, np.newaxis]
    with pytest.warns(ApproximationWarning, match="rest on fewer than 5 posterior draws"):
        cross_val_elpd(exact(GaussianMeanScale((6, 12))), X, n_draws=100, random_state=0)


def test_sizes_beside_the_statistics_of_an_expert():
    summary = ExpertSummary(mean_of_each, SetSummary(width=8))
    joint = JointEstimator(Gaussian(()), Gaussian(()), summary=summary, n_simulations=300, max_iter=2, random_state=0)
    simulator = GaussianMeanScale(6)
    X, _ = simulator.sample(2, random_state=1)
    with pytest.warns(ApproximationWarning, match="of 5 to 5 observations, and those of fit had 6 to 6"):
        cross_val_elpd(joint.fit(simulator), X, n_draws=50, random_state=0)


def mean_of_each(X):
    return np.array([np.mean(x, axis=0) for x in X])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_known_likelihood_that_returns_no_density(value):
    def log_likelihood(X, mu, pointwise=False):
        terms = [np.where(x[:, 0] > 1.5, value, stats.norm.logpdf(x[:, 0], m)) for x, m in zip(X, mu, strict=True)]
        return terms if pointwise else np.array([term.sum() for term in terms])

    def simulate(mu, rng, n_observations):
        return mu + rng.normal(size=n_observations)

    prior = IndependentPrior({"mu": stats.norm()})
    simulator = Simulator(prior, simulate, n_observations=(5, 20), log_likelihood=log_likelihood)
    joint = JointEstimator(Gaussian(()), n_simulations=300, max_iter=2, random_state=0).fit(simulator)
    X = [np.linspace(-2.0, high, 9)[:, np.newaxis] for high in (1.0, 1.2, 2.0)]
    with pytest.raises(
        ValueError, match=r"must return log densities, finite or -inf; .* NaN or \+inf for data set 2\."
    ):
        cross_val_elpd(joint, X, n_draws=80, random_state=0)


def test_nothing_is_passed_over_that_was_held_out():
    """Observations that no fold held out are NaN, those of which there is no density make the sum so."""
    terms = np.array([np.nan, -1.0, -2.0, np.nan])
    for held_out, total in (([1, 2], -3.0), ([1, 2, 3], np.nan)):
        (elpd,), (se,) = totals([terms], [np.isin(np.arange(4), held_out)])
        np.testing.assert_equal(elpd, total)
        assert np.isnan(se) == np.isnan(total)


def test_what_follows_on_an_impossible_observation_of_a_series(exact_series):
    class Impossible:
        def warn_of_unlike(self, X):
            pass

        def log_likelihood(self, X, y, *, pointwise, dtype):
            terms = np.full((len(X), y.shape[1], 6), -1.0)
            terms[:, :, 4] = -np.inf
            return list(terms)

    estimator = clone(exact_series).set_params(likelihood_=Impossible())
    result = cross_val_elpd(estimator, np.zeros((1, 6, 1)), cv=[(np.arange(3), np.arange(3, 6))], n_draws=16)
    np.testing.assert_array_equal(result.pointwise[0], [np.nan] * 3 + [-1.0, -np.inf, -np.inf])
    assert np.isneginf(result.elpd[0]) and np.isnan(result.se[0])


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (None, ValueError, "X must be an array of numbers; got None"),
        ("data", ValueError, "data set 0 of X must convert to an array of numbers; got str"),
        ([["a", "b"]], ValueError, "data set 0 of X must convert to an array of numbers; got list"),
        (7, ShapeError, "X must have shape"),
        ([np.zeros((6, 1)), np.full((6, 1), np.nan)], ValueError, "data set 1 of X must be finite; 6 of its 6 values"),
    ],
)
def test_data_sets_that_are_none(exact, X, error, words):
    """Before a word is lost on their sizes."""
    with pytest.raises(error, match=words):
        cross_val_elpd(exact(GaussianMeanScale(9), sizes=(9, 9)), X, n_draws=20)


def test_a_posterior_alone(exact):
    posterior = AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=1).fit(GaussianMeanScale(6))
    with pytest.raises(TypeError, match="a fitted JointEstimator is needed; got AmortizedPosterior"):
        cross_val_elpd(posterior, np.zeros((2, 6, 1)))
