"""A mixture of estimators that differ: exact where its members are, and an estimator like the others."""

import itertools

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.integrate import trapezoid
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.preprocessing import StandardScaler
from skorch.helper import SliceDict

import skabi
from skabi import EnsemblePosterior, JointEstimator, reports
from skabi.datasets import ConjugateGaussian
from skabi.diagnostics import energy_scorer
from skabi.engines import FlowMatching, Gaussian, ResidualNetwork, SplineFlow
from skabi.estimators._members import SharedSimulations
from skabi.estimators._mixtures import draw_mixture, n_draws_of_members
from skabi.estimators._stacking import weights_by_density, weights_by_energy
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.losses import SelfConsistency
from skabi.misspecification import MahalanobisDetector
from skabi.model_selection import EvidenceComparator
from skabi.pipeline import Pipeline, make_pipeline
from skabi.priors import IndependentPrior
from skabi.refine import refine
from skabi.summaries import FusionSummary, SetSummary

WEIGHTS = np.array([0.3, 0.7])
QUANTILES = np.array([0.0, 0.01, 0.25, 0.5, 0.9, 1.0])


class Normal(RegressorMixin, BaseEstimator):
    """A posterior of two parameters that is normal around the first two features, and given by scipy."""

    def __init__(self, shift=0.0, scale=1.0):
        self.shift = shift
        self.scale = scale

    def fit(self, X, y=None):
        self.parameter_names_ = ["a", "b"]
        self.n_fitted_ = len(X.sample(0)[0] if hasattr(X, "sample") else X)
        return self

    def _dist(self, X):
        return stats.norm(np.asarray(X)[:, :2] + self.shift, self.scale)

    def sample(self, X, n_draws=1000, *, n_replicates=None, random_state=None):
        shape = (n_draws, len(X), 2)
        return self._dist(X).rvs(shape, random_state=np.random.default_rng(random_state)).swapaxes(0, 1)

    def log_prob(self, X, y):
        y = np.asarray(y)
        means = (np.asarray(X)[:, :2] + self.shift).reshape(len(y), *[1] * (y.ndim - 2), 2)
        return stats.norm(means, self.scale).logpdf(y).sum(axis=-1)

    def predict(self, X, *, return_std=False, quantiles=None):
        mean = np.asarray(X)[:, :2] + self.shift
        if quantiles is not None:
            points = self.scale * stats.norm.ppf(np.clip(quantiles, 1e-9, 1 - 1e-9))
            return mean[:, np.newaxis] + points[:, np.newaxis]
        return (mean, np.full(mean.shape, self.scale)) if return_std else mean


class WithoutDensity(Normal):
    def log_prob(self, X, y):
        raise NotImplementedError("no density here")


DIFFERENT = [("left", Normal(-1.0, 0.5)), ("right", Normal(2.0, 1.5))]


def mixture_cdf(value):
    """Return the distribution function of one parameter given data at zero."""
    parts = [stats.norm(member.shift, member.scale).cdf(value) for _, member in DIFFERENT]
    return np.tensordot(WEIGHTS, parts, axes=1)


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).normal(size=(300, 3))
    X.flags.writeable = False
    return X


@pytest.fixture(scope="module")
def exact(data):
    return EnsemblePosterior(DIFFERENT, weights=10 * WEIGHTS).fit(data, data[:, :2])


@pytest.fixture(scope="module")
def members(quick):
    return [("linear", quick(random_state=None)), ("small", quick(engine=Gaussian((8,)), random_state=None))]


@pytest.fixture(scope="module")
def fitted(members, simulations):
    return EnsemblePosterior(members, random_state=0).fit(*simulations)


# Of members that are known


def test_density_is_the_weighted_mixture_and_integrates_to_one(exact):
    axis = np.linspace(-8.0, 12.0, 301)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(1, -1, 2)
    density = np.exp(exact.log_prob(np.zeros((1, 3)), grid)).reshape(301, 301)
    assert trapezoid(trapezoid(density, axis), axis) == pytest.approx(1.0, abs=1e-6)
    X, y = np.array([[0.5, -0.5, 9.0]]), np.array([[0.1, 0.2]])
    parts = [member.log_prob(X, y) for _, member in DIFFERENT]
    np.testing.assert_allclose(np.exp(exact.log_prob(X, y)), np.tensordot(WEIGHTS, np.exp(parts), axes=1), rtol=1e-12)
    assert exact.score(X, y) == pytest.approx(exact.log_prob(X, y)[0])
    np.testing.assert_allclose(exact.weights_, WEIGHTS)


def test_draws_come_from_the_mixture(exact):
    draws = exact.sample(np.zeros((3, 3)), 4000, random_state=0)
    assert draws.shape == (3, 4000, 2)
    for own in np.moveaxis(draws, 2, 1).reshape(-1, 4000):
        # Draws are stratified, closer to the mixture than independent ones; of six tests one in 1,600 would fail.
        assert stats.kstest(own, mixture_cdf).pvalue > 1e-4
    # Parameters are correlated through the member that both come from.
    expected = 0.21 * 9 / (0.21 * 9 + WEIGHTS @ [0.25, 2.25])
    found = [np.corrcoef(own, rowvar=False)[0, 1] for own in draws]
    np.testing.assert_allclose(found, expected, atol=4 / np.sqrt(4000))


@pytest.mark.parametrize("n_draws", [1, 2, 3, 10, 1001])
def test_members_have_their_share_of_the_draws_and_no_place_of_their_own(n_draws):
    n, weights = 2000, np.array([0.15, 0.0001, 0.3, 0.5499])
    parts = [np.full((n, 1, n_own, 1), k) for k, n_own in enumerate(n_draws_of_members(n_draws, weights))]
    own = draw_mixture(parts, n_draws, weights, rng=np.random.default_rng(0))[:, 0, :, 0]
    assert own.shape == (n, n_draws)
    counts = np.stack([(own == k).sum(axis=1) for k in range(4)], axis=1)
    assert (np.abs(counts - n_draws * weights) < 1).all()
    error = np.sqrt(counts.var(axis=0) / n)
    assert (np.abs(counts.mean(axis=0) - n_draws * weights) < 4 * error + 1e-3).all()
    at_each_place = (own == 2).mean(axis=0)
    assert (np.abs(at_each_place - 0.3) < 4.5 * np.sqrt(0.21 / n)).all()


def test_draws_depend_on_the_random_state(exact, data):
    for n_draws in (1, 2, 7):
        first = exact.sample(data[:3], n_draws, random_state=0)
        assert np.unique(first).size == first.size == 3 * n_draws * 2
        np.testing.assert_array_equal(exact.sample(data[:3], n_draws, random_state=0), first)
        assert not np.isin(exact.sample(data[:3], n_draws, random_state=1), first).any()


def test_mean_standard_deviation_and_quantiles_are_those_of_the_mixture(exact):
    X = np.array([[0.0, 10.0, 0.0], [-3.0, 0.0, 0.0]])
    mean, std = exact.predict(X, return_std=True)
    np.testing.assert_allclose(mean, X[:, :2] + WEIGHTS @ [-1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(std, np.sqrt(WEIGHTS @ [0.25, 2.25] + 0.21 * 9), rtol=1e-12)
    np.testing.assert_array_equal(exact.predict(X), mean)
    quantiles = exact.predict(X, quantiles=QUANTILES)
    assert quantiles.shape == (2, 6, 2)
    np.testing.assert_allclose(mixture_cdf(quantiles[0, :, 0]), QUANTILES, atol=0.001)
    solved = [optimize.brentq(lambda value, q=q: mixture_cdf(value) - q, -20, 20) for q in (0.25, 0.5, 0.9)]
    np.testing.assert_allclose(quantiles[1, 2:5, 1], solved, atol=0.01)


def test_quantiles_of_one_member_are_its_own(data):
    ensemble = EnsemblePosterior([("only", Normal())]).fit(data, data[:, :2])
    expected = Normal().predict(data[:5], quantiles=QUANTILES[1:-1])
    np.testing.assert_allclose(ensemble.predict(data[:5], quantiles=QUANTILES[1:-1]), expected, atol=1e-2)


def test_predictions_of_many_data_sets_are_made_in_blocks(exact):
    X = np.random.default_rng(0).normal(size=(2500, 3))
    quantiles = exact.predict(X, quantiles=[0.1, 0.5])
    assert quantiles.shape == (2500, 2, 2)
    for row in (0, 1001, 2499):
        np.testing.assert_array_equal(exact.predict(X[[row]], quantiles=[0.1, 0.5])[0], quantiles[row])


def test_disagreement_has_closed_forms(exact, data):
    found = exact.disagreement(data)
    within, between = WEIGHTS @ [0.25, 2.25], 0.21 * 9
    assert found.variance_share.shape == (300, 2)
    np.testing.assert_allclose(found.variance_share, between / (between + within), rtol=1e-9)
    np.testing.assert_allclose(found.mean_distance, 3 / np.sqrt(between + within), rtol=1e-9)
    np.testing.assert_allclose(found.spread_ratio, 3.0, rtol=1e-9)
    same = EnsemblePosterior([("a", Normal()), ("b", Normal())]).fit(data, data[:, :2]).disagreement(data)
    np.testing.assert_allclose([same.variance_share, same.mean_distance], 0.0, atol=1e-12)
    np.testing.assert_allclose(same.spread_ratio, 1.0)


def test_members_of_weight_zero_have_no_say(data):
    wrong = [("good", Normal()), ("wrong", WithoutDensity(np.nan))]
    ensemble = EnsemblePosterior(wrong, weights=[1, 0]).fit(data, data[:, :2])
    assert np.isfinite(ensemble.sample(data[:3], 7)).all()
    np.testing.assert_allclose(ensemble.log_prob(data, data[:, :2]), Normal().log_prob(data, data[:, :2]))
    np.testing.assert_array_equal(ensemble.disagreement(data).variance_share, 0.0)


# Weights by score


def truth_of_mixture(n, *, seed=0):
    """Return data sets and parameters, of which 30 % come from the first of `DIFFERENT`."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    means, sds = np.array([[member.shift, member.scale] for _, member in DIFFERENT]).T
    which = (rng.random(n) > WEIGHTS[0]).astype(int)
    return X, X[:, :2] + means[which, np.newaxis] + sds[which, np.newaxis] * rng.normal(size=(n, 2))


@pytest.mark.parametrize("second", [Normal(2.0, 1.5), WithoutDensity(2.0, 1.5)], ids=["density", "energy"])
def test_stacking_finds_the_weights_of_the_truth(second):
    X, y = truth_of_mixture(5000)
    estimators = [DIFFERENT[0], ("right", second), ("far", Normal(9.0, 1.0))]
    ensemble = EnsemblePosterior(estimators, weigh_by_score=True, validation_fraction=0.4, random_state=0).fit(X, y)
    # Of 2,000 held-out rows the share has a standard error of 0.01 if it is known which member each comes from.
    np.testing.assert_allclose(ensemble.weights_, [0.3, 0.7, 0.0], atol=0.05)
    assert ensemble.weights_.sum() == pytest.approx(1.0)
    assert [member.n_fitted_ for member in ensemble.estimators_] == [3000, 3000, 3000]


def test_weights_are_the_best_of_a_grid():
    X, y = truth_of_mixture(200, seed=1)
    log_density = np.stack([member.log_prob(X, y) for _, member in DIFFERENT], axis=1)
    shares = np.linspace(0.0, 1.0, 1001)
    scores = [np.log(np.exp(log_density) @ [share, 1 - share]).mean() for share in shares]
    assert weights_by_density(log_density)[0] == pytest.approx(shares[np.argmax(scores)], abs=2e-3)


def test_weights_by_energy_are_the_best_of_a_grid():
    X, y = truth_of_mixture(200, seed=1)
    draws = [member.sample(X, 60, random_state=i) for i, (_, member) in enumerate(DIFFERENT)]
    shares, scale = np.linspace(0.0, 1.0, 1001), y.std(axis=0)
    to_truth = [np.linalg.norm((own - y[:, np.newaxis]) / scale, axis=2).mean() for own in draws]

    def distance(a, b):
        pairs = itertools.product(range(60), range(60))
        kept = [(i, j) for i, j in pairs if a is not b or i != j]
        return np.mean([np.linalg.norm((a[:, i] - b[:, j]) / scale, axis=1).mean() for i, j in kept])

    within, across, other = distance(draws[0], draws[0]), distance(*draws), distance(draws[1], draws[1])
    scores = (
        shares * to_truth[0]
        + (1 - shares) * to_truth[1]
        - (shares**2 * within + 2 * shares * (1 - shares) * across + (1 - shares) ** 2 * other) / 2
    )
    assert weights_by_energy(draws, y)[0] == pytest.approx(shares[np.argmin(scores)], abs=2e-3)


def test_rows_that_no_member_makes_possible_do_not_decide():
    log_density = np.array([[-np.inf, -np.inf], [-1.0, -np.inf], [-1.0, -2.0]])
    np.testing.assert_allclose(weights_by_density(log_density), [1.0, 0.0])
    np.testing.assert_allclose(weights_by_density(log_density[:1]), [0.5, 0.5])


def test_held_out_data_sets_may_be_of_any_kind(quick, simulations):
    X, y = simulations
    sets, names = X[:60, :, np.newaxis], {"weigh_by_score": True, "validation_fraction": 0.5, "random_state": 0}
    members = [("a", quick(max_iter=1, summary=SetSummary(width=8))), ("b", quick(max_iter=1))]
    for several in (sets, list(sets)):
        ensemble = EnsemblePosterior(members, **names).fit(several, y[:60])
        assert ensemble.weights_.sum() == pytest.approx(1.0)
    of_sources = [("a", quick(max_iter=1, summary=FusionSummary(width=8)))]
    EnsemblePosterior(of_sources, **names).fit(SliceDict(points=sets, table=X[:60]), y[:60])


# Fitting


def test_the_simulator_is_asked_once(members, quick):
    class Counted(ConjugateGaussian):
        calls = 0

        def sample(self, n, **options):
            self.calls += 1
            return super().sample(n, **options)

    simulator = Counted()
    ensemble = EnsemblePosterior(members, n_simulations=200, random_state=0).fit(simulator)
    assert simulator.calls == 1
    assert ensemble.prior_ is simulator.prior and ensemble.parameter_names_ == simulator.prior.parameter_names
    assert all(member.prior_ is simulator.prior for member in ensemble.estimators_)
    # With the same seeds the members are those that arrays would have made.
    X, y = simulator.sample(200, random_state=np.random.SeedSequence(0).spawn(4)[0])
    again = EnsemblePosterior(members, prior=simulator.prior, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), ensemble.predict(X))


def test_random_states(members, simulations, quick):
    X, y = simulations
    twice = [("a", quick(random_state=None)), ("b", quick(random_state=None)), ("c", quick(random_state=3))]
    one, same, other = (EnsemblePosterior(twice, random_state=seed).fit(X, y) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.sample(X[:3], 5, random_state=0), same.sample(X[:3], 5, random_state=0))
    assert np.abs(one.predict(X) - other.predict(X)).max() > 1e-6
    a, b, c = (member.predict(X) for member in one.estimators_)
    assert np.abs(a - b).max() > 1e-6
    np.testing.assert_array_equal(c, quick(random_state=3).fit(X, y).predict(X))
    np.testing.assert_array_equal(c, other.named_estimators_["c"].predict(X))
    assert twice[0][1].random_state is None


@pytest.mark.slow
def test_members_are_the_same_from_any_number_of_workers(members, simulations, fitted):
    X, y = simulations
    parallel = EnsemblePosterior(members, n_jobs=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(parallel.predict(X), fitted.predict(X), rtol=1e-6)


def test_members_may_be_dropped(members, simulations):
    X, y = simulations
    ensemble = EnsemblePosterior([*members, ("none", "drop")], weights=[1, 3, 9], random_state=0)
    ensemble.set_params(linear="drop").fit(X, y)
    assert list(ensemble.named_estimators_) == ["small"]
    np.testing.assert_array_equal(ensemble.weights_, [1.0])
    np.testing.assert_array_equal(ensemble.predict(X), ensemble.estimators_[0].predict(X))


def test_parameters_of_members_can_be_searched(members, simulations):
    X, y = simulations
    members = clone(members[0][1]), clone(members[1][1])
    ensemble = EnsemblePosterior([("linear", members[0]), ("small", members[1])], random_state=0)
    params = ensemble.get_params()
    assert params["linear"] is members[0] and params["small__engine__hidden_layer_sizes"] == (8,)
    search = GridSearchCV(ensemble, {"small__max_iter": [1, 3], "weights": [None, [1, 2]]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.unique(search.cv_results_["mean_test_score"]).size == 4
    assert cross_val_score(ensemble, X, y, scoring=energy_scorer, cv=2).shape == (2,)
    ensemble.set_params(small__engine=SplineFlow(2), small__engine__n_bins=4)
    assert ensemble.estimators[1][1].engine.n_bins == 4
    with pytest.raises(ValueError, match="cannot be set while summary is None"):
        ensemble.set_params(small__summary__width=4)


def test_members_of_every_kind(members, simulations, simulator, quick):
    frozen = FrozenEstimator(quick().fit(simulator))
    joint = JointEstimator(Gaussian(()), Gaussian(()), max_iter=1)
    estimators = [("frozen", frozen), ("joint", joint), ("pipeline", make_pipeline(StandardScaler(), quick()))]
    ensemble = EnsemblePosterior(estimators, n_simulations=100, random_state=0).fit(simulator)
    X, y = simulations
    assert ensemble.estimators_[0].estimator is frozen.estimator
    assert ensemble.estimators_[1].likelihood_.log_likelihood(X, y).shape == (400,)
    draws = ensemble.sample(X[:5], 8, n_replicates=4, random_state=0)
    assert draws.shape == (5, 8, 2) and np.isfinite(ensemble.log_prob(X[:5], draws)).all()
    parts = [member.log_prob(X, y) for member in ensemble.estimators_]
    np.testing.assert_allclose(np.exp(ensemble.log_prob(X, y)), np.mean(np.exp(parts), axis=0), rtol=1e-10)
    assert ensemble.transform(X[:5]).shape == (5, 9)
    assert clone(ensemble).fit(simulator).predict(X[:5]).shape == (5, 2)
    with pytest.raises(ValueError, match="members must have one prior"):
        ensemble.fit(X, y)
    inside = Pipeline([("scale", StandardScaler()), ("last", EnsemblePosterior(members, n_simulations=100))])
    assert inside.fit(simulator).sample(X[:5], 4).shape == (5, 4, 2)


def test_what_the_simulator_knows_is_there_for_members_and_simulations_are_not_kept(quick):
    simulator = ConjugateGaussian()
    consistent = quick(loss=skabi.losses.ForwardKL() + SelfConsistency())
    estimators = [("joint", JointEstimator(Gaussian(()), max_iter=1)), ("consistent", consistent)]
    ensemble = EnsemblePosterior(estimators, n_simulations=100, random_state=0).fit(simulator)
    assert ensemble.estimators_[0].likelihood_.simulator is simulator
    assert not any(isinstance(value, SharedSimulations) for value in vars(ensemble.estimators_[1]).values())


def test_one_parameter_may_have_one_dimension(members, simulations):
    X, y = simulations
    ensemble = EnsemblePosterior(members, random_state=0).fit(X, y[:, 0])
    mean, std = ensemble.predict(X[:4], return_std=True)
    assert mean.shape == std.shape == (4,)
    assert ensemble.predict(X[:4], quantiles=[0.1, 0.9]).shape == (4, 2)
    assert ensemble.sample(X[:4], 6).shape == (4, 6, 1)
    assert ensemble.log_prob(X[:4], y[:4, 0]).shape == (4,)
    assert ensemble.disagreement(X[:4]).variance_share.shape == (4, 1)


def test_the_score_is_at_least_the_mean_of_the_members(fitted, simulations):
    """Jensen's inequality, for every data set."""
    X, y = simulations
    of_members = np.array([member.log_prob(X, y) for member in fitted.estimators_])
    assert (fitted.log_prob(X, y) >= of_members.mean(axis=0) - 1e-10).all()
    assert fitted.score(X, y) > of_members.mean() + 1e-4


# What is wrong


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"estimators": []}, ValueError, "estimators must be a list of pairs"),
        ({"estimators": [Normal()]}, ValueError, "estimators must be a list of pairs"),
        ({"estimators": [("a", Normal()), ("a", Normal())]}, ValueError, "members must have different names"),
        ({"estimators": [("a__b", Normal())]}, ValueError, "two underscores"),
        ({"estimators": [("prior", Normal())]}, ValueError, "a parameter of the ensemble"),
        ({"estimators": [("a", "drop")]}, ValueError, "all members are dropped"),
        ({"estimators": [("a", LinearRegression())]}, TypeError, "member 'a' must be an estimator such as"),
        ({"estimators": [("a", Normal)]}, TypeError, "member 'a' must be an estimator such as"),
        ({"weights": [1.0]}, ShapeError, r"weights must have shape \(2,\)"),
        ({"weights": [-1.0, 2.0]}, ValueError, "weights must not be negative"),
        ({"weights": [0.0, 0.0]}, ValueError, "some must be positive"),
        ({"weights": [0.5, 0.5], "weigh_by_score": True}, ValueError, "either given or chosen"),
        ({"weigh_by_score": "yes"}, ValueError, "weigh_by_score must be one of"),
        ({"validation_fraction": 1.5, "weigh_by_score": True}, ValueError, "validation_fraction must lie between"),
        ({"validation_fraction": 0.999, "weigh_by_score": True}, ValueError, "holds out all 300 data sets"),
        ({"estimators": [("a", SklearnPipeline([("b", Normal())]))]}, TypeError, "that of skabi.pipeline has them"),
        ({"n_simulations": 0}, ValueError, "n_simulations must be at least 1"),
    ],
)
def test_wrong_parameters(data, change, error, message):
    ensemble = EnsemblePosterior(DIFFERENT).set_params(**change)
    with pytest.raises(error, match=message):
        ensemble.fit(data, data[:, :2])


def test_wrong_fits(members, simulations, simulator, quick):
    X, y = simulations
    with pytest.raises(ValueError, match="y must be None"):
        EnsemblePosterior(members).fit(simulator, y)
    with pytest.raises(ValueError, match="a simulator brings its own prior"):
        EnsemblePosterior(members, prior=simulator.prior).fit(simulator)
    with pytest.raises(ValueError, match="members must have one prior"):
        EnsemblePosterior([*members, ("other", quick(prior=simulator.prior))]).fit(X, y)
    with pytest.raises(ValueError, match="members share their simulations"):
        EnsemblePosterior([*members, ("fresh", quick(fresh_simulations=True))]).fit(simulator)
    with pytest.raises(ShapeError, match="of the same n_datasets"):
        EnsemblePosterior(members, weigh_by_score=True).fit(X[:5], y)
    names = IndependentPrior({"c": stats.norm(), "d": stats.norm()})
    frozen = FrozenEstimator(quick(prior=names).fit(X, y))
    with pytest.raises(ValueError, match="members must have one prior"):
        EnsemblePosterior([*members, ("frozen", frozen)]).fit(X, y)
    with pytest.raises(ValueError, match=r"that of the ensemble is .* and that of member 'frozen'"):
        EnsemblePosterior([("frozen", frozen)]).fit(simulator)
    with pytest.raises(ValueError, match="member 'own' has a prior of its own"):
        EnsemblePosterior([*members, ("own", quick(prior=simulator.prior))]).fit(simulator)
    with pytest.raises(ValueError, match="requires y to be passed") as caught:
        EnsemblePosterior(members).fit(X)
    assert caught.value.__notes__ == ["Raised by member 'linear' of an ensemble."]


@pytest.mark.parametrize("weigh_by_score", [False, True])
def test_a_fitted_member_must_have_the_parameters_in_the_order_of_y(simulations, quick, weigh_by_score):
    X, y = simulations
    y = pd.DataFrame(y, columns=["p", "q"])
    frozen = FrozenEstimator(quick().fit(X, y))
    ensemble = EnsemblePosterior([("frozen", frozen)], weigh_by_score=weigh_by_score)
    assert ensemble.fit(X, y).parameter_names_ == ["p", "q"]
    message = r"those of y are \['q', 'p'\] and those of member 'frozen' \['p', 'q'\]"
    with pytest.raises(ValueError, match=message):
        ensemble.fit(X, y[["q", "p"]])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_members_have_no_bars_inside_that_of_the_ensemble(members, simulations, n_jobs, capfd):
    verbose = [(name, clone(member).set_params(verbose=1)) for name, member in members]
    with joblib.parallel_config(backend="threading"):
        EnsemblePosterior(verbose, n_jobs=n_jobs, verbose=1).fit(*simulations)
        shown = capfd.readouterr().err
        assert "fitting members" in shown
        assert "training" not in shown
        EnsemblePosterior(verbose, n_jobs=n_jobs).fit(*simulations)
    assert "training" in capfd.readouterr().err


def test_a_fit_that_fails_leaves_the_last_one(fitted, simulations):
    X, y = simulations
    ensemble, before = fitted, fitted.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        ensemble.fit(np.full_like(X, np.nan), y)
    np.testing.assert_array_equal(ensemble.predict(X), before)


def test_wrong_calls(fitted, simulations):
    X, _ = simulations
    with pytest.raises(ValueError, match="n_replicates must divide n_draws=10"):
        fitted.sample(X, 10, n_replicates=3)
    with pytest.raises(ValueError, match="not both"):
        fitted.predict(X, return_std=True, quantiles=[0.5])
    with pytest.raises(ValueError, match="X has 2 features"):
        fitted.sample(X[:, :2])
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        fitted.predict(X, quantiles=[2.0])


def test_a_member_without_density_is_named(data):
    ensemble = EnsemblePosterior([("good", Normal()), ("implicit", WithoutDensity())]).fit(data, data[:, :2])
    assert ensemble.sample(data[:2], 3).shape == (2, 3, 2)
    assert energy_scorer(ensemble, data, data[:, :2]) < 0
    with pytest.raises(NotImplementedError, match="no density here") as caught:
        ensemble.score(data, data[:, :2])
    assert caught.value.__notes__ == ["Raised by member 'implicit' of an ensemble."]


def test_warnings_of_members_come_once(fitted, simulations):
    far = 1e4 * np.ones((1, 3))
    message = "1 of 1 data sets lie outside .* So say 2 of 2 members: linear, small"
    with pytest.warns(ApproximationWarning, match=message) as caught:
        fitted.sample(far, 5)
    assert len(caught) == 1
    clone(fitted).set_params(warn_outside=False).fit(*simulations).sample(far, 5)


# Tools


def test_save_and_load(fitted, simulations, tmp_path):
    X, y = simulations
    fitted.save(tmp_path / "ensemble")
    loaded = skabi.load(tmp_path / "ensemble")
    np.testing.assert_array_equal(loaded.sample(X[:3], 7, random_state=0), fitted.sample(X[:3], 7, random_state=0))
    assert loaded.estimators_[1] is loaded.named_estimators_["small"]
    assert loaded.fit(X, y).score(X, y) == pytest.approx(fitted.score(X, y))


def test_draws_in_a_store(fitted, simulations, tmp_path):
    draws = fitted.sample(simulations[0][:7], 20, store=tmp_path / "draws", random_state=0)
    assert draws.shape == (7, 20, 2) and np.isfinite(draws[:]).all()


@pytest.mark.slow
def test_other_rooms_take_it(quick):
    simulator = ConjugateGaussian()
    members = [("linear", quick(max_iter=10)), ("small", quick(engine=Gaussian((8,)), max_iter=10))]
    ensemble = EnsemblePosterior(members, n_simulations=1000, random_state=0).fit(simulator)
    X, _ = simulator.sample(40, random_state=1)
    report = reports.check(ensemble, simulator, n_datasets=100, n_draws=50, n_replicates=1, random_state=0)
    assert report.verdict != "bad"
    refined = refine(ensemble, np.vstack([X[:3], [[9.0, 9.0]]]), simulator, n_draws=100, random_state=0)
    assert refined.is_accepted.all() and refined.rung[3] != "amortized"
    detector = MahalanobisDetector(FrozenEstimator(ensemble), n_simulations=300, random_state=0).fit(simulator)
    assert detector.predict([[50.0, -50.0]]) == -1
    models = {"a": simulator, "b": ConjugateGaussian(prior_variance=5.0)}
    comparator = EvidenceComparator(ensemble, n_draws=50, random_state=0).fit(models)
    assert comparator.predict_proba(X).shape == (40, 2)


def test_p_values_are_the_harmonic_mean_of_the_members(fitted, simulations):
    X = np.vstack([simulations[0][:20], 1e3 * np.ones((1, 3))])
    parts = np.array([member.usual_p_values(X) for member in fitted.estimators_])
    np.testing.assert_allclose(fitted.usual_p_values(X), stats.hmean(parts), rtol=1e-12)


def test_what_may_be_chosen_after_fit_reaches_fitted_members():
    engine = FlowMatching(ResidualNetwork(8, n_blocks=1, n_reading_blocks=1), n_steps=1)
    members = [
        ("flow", skabi.AmortizedPosterior(engine, max_iter=2)),
        ("scaled", make_pipeline(StandardScaler(), skabi.AmortizedPosterior(clone(engine), max_iter=2))),
    ]
    ensemble = EnsemblePosterior(members, n_simulations=60, random_state=0).fit(ConjugateGaussian())
    before = [member.log_prob([[0.5, -1.0]], [[0.1, 0.2]]) for member in ensemble.estimators_]
    ensemble.set_params(flow__engine__n_steps=16, scaled__amortizedposterior__engine__n_steps=16)
    for member, last in zip(ensemble.estimators_, before, strict=True):
        assert member.log_prob([[0.5, -1.0]], [[0.1, 0.2]]) != last
    # Other members wait for the next fit.
    fitted = ensemble.named_estimators_["flow"]
    ensemble.set_params(flow=Normal(), weights=[1.0, 2.0]).set_params(flow__shift=1.0)
    assert ensemble.named_estimators_["flow"] is fitted
