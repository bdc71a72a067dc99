import numpy as np
import pytest
from scipy import special, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skabi import AmortizedModelComparator
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.model_selection import Dirichlet, LogisticNormal, MetaUncertainty
from skabi.model_selection._meta_uncertainty import _size_ranges
from skabi.pipeline import make_pipeline
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

VARIANCES = {"narrow": 1.25, "middle": 4.0, "wide": 25.0}
N_FEATURES = 3


def noisy(level, rng):
    return level + rng.normal(size=level.shape)


def model(variance, n_features=N_FEATURES, **settings):
    """Levels plus standard normal noise, so that each feature is N(0, variance)."""
    prior = IndependentPrior({"level": stats.norm(np.zeros(n_features), np.sqrt(variance - 1))})
    return Simulator(prior, settings.pop("simulate", noisy), vectorized=True, **settings)


class ExactComparator:
    """Probabilities of equally probable models from exact evidences, which depend on the sum of squares alone."""

    def __init__(self, variances=VARIANCES):
        self.classes_ = np.array(list(variances))
        self.variances = np.array(list(variances.values()))

    def of_squares(self, squares):
        log_evidence = -0.5 * (N_FEATURES * np.log(self.variances) + squares[:, np.newaxis] / self.variances)
        return special.softmax(log_evidence, axis=1)

    def predict_proba(self, X):
        return self.of_squares(np.sum(np.asarray(X) ** 2, axis=1))


@pytest.fixture(scope="module")
def models():
    return {name: model(variance) for name, variance in VARIANCES.items()}


@pytest.fixture(scope="module")
def fitted(models):
    return MetaUncertainty(2000, random_state=0).fit(ExactComparator(), models)


@pytest.fixture(scope="module")
def replicated():
    """Exact model probabilities of replications of each model, evenly spread: `(n_models, n, n_models)`."""
    levels = stats.chi2(N_FEATURES).ppf((np.arange(20_000) + 0.5) / 20_000)
    return np.stack([ExactComparator().of_squares(variance * levels) for variance in VARIANCES.values()])


@pytest.fixture(scope="module")
def observed():
    """Data sets that select each of the models, and are more or less sure of it."""
    X = np.zeros((7, N_FEATURES))
    X[:, 0] = [0.0, 1.0, 2.0, 3.5, 4.5, 7.0, 30.0]
    X.flags.writeable = False
    return X


def test_shares_of_selections_are_exact_ones(fitted):
    variances = np.array(list(VARIANCES.values()))
    # Evidences of neighbours are equal at these sums of squares.
    edges = N_FEATURES * np.log(variances[1:] / variances[:-1]) / (1 / variances[:-1] - 1 / variances[1:])
    below = stats.chi2(N_FEATURES).cdf(edges / variances[:, np.newaxis])
    exact = np.diff(np.pad(below, ((0, 0), (1, 1)), constant_values=(0, 1)), axis=1)
    assert fitted.simulated_proba_.shape == (3, 2000, 3)
    assert fitted.n_selected_.sum(axis=1).tolist() == [2000] * 3
    tolerance = 4 * np.sqrt(exact * (1 - exact) / 2000)
    np.testing.assert_array_less(np.abs(fitted.n_selected_ / 2000 - exact), tolerance)


def test_replication_risk_is_the_exact_probability_of_another_selection(fitted, replicated, observed):
    proba = ExactComparator().predict_proba(observed)
    selected = proba.argmax(axis=1)
    assert set(selected) == {0, 1, 2}
    flips = (replicated.argmax(axis=2)[:, :, np.newaxis] != selected).mean(axis=1).T
    exact = np.sum(proba * flips, axis=1)
    error = np.sqrt(np.sum(proba**2 * flips * (1 - flips), axis=1) / 2000)
    risk = fitted.replication_risk(observed)
    np.testing.assert_array_less(np.abs(risk.risk - exact), 4 * error + 1e-3)
    # A central 90 % interval of a nearly Gaussian posterior; its ends are quantiles of 4,000 draws.
    np.testing.assert_allclose((risk.upper - risk.lower) / error, 2 * 1.645, rtol=0.15)
    assert ((risk.lower < risk.risk) & (risk.risk < risk.upper)).all()


def test_interval_of_the_risk_is_that_of_a_beta_posterior_where_the_model_is_certain(models):
    meta = MetaUncertainty(30, random_state=0).fit(ExactComparator(), models)
    risk = meta.replication_risk([[100.0, 0.0, 0.0]])
    n_flips = 30 - meta.n_selected_[2, 2]
    # Jeffreys' prior of three shares has half a count for each.
    posterior = stats.beta(n_flips + 1.0, meta.n_selected_[2, 2] + 0.5)
    assert risk.risk.item() == pytest.approx(posterior.mean())
    shares = posterior.cdf([risk.lower.item(), risk.upper.item()])
    np.testing.assert_allclose(shares, [0.05, 0.95], atol=4 * np.sqrt(0.05 * 0.95 / 4000))


def test_risks_of_many_data_sets_are_those_of_each(fitted):
    X = np.random.default_rng(0).normal(scale=3.0, size=(450, N_FEATURES))
    together, alone = fitted.replication_risk(X), fitted.replication_risk(X[350:])
    for name in ("risk", "lower", "upper"):
        assert getattr(together, name).shape == (450,)
        np.testing.assert_allclose(getattr(together, name)[350:], getattr(alone, name))


def test_means_of_draws_are_those_of_replications(fitted, replicated, observed):
    draws = fitted.sample(observed, 20_000, random_state=1)
    assert draws.shape == (7, 20_000, 3)
    np.testing.assert_allclose(draws.sum(axis=2), 1.0)
    proba = ExactComparator().predict_proba(observed)
    # Errors of the simulations, of as many draws of the logistic normal as means are matched over, and of these draws.
    variance = proba**2 @ replicated.var(axis=1) * (1 / 2000 + 1 / 20_000) + draws.var(axis=1) / 20_000
    gap = draws.mean(axis=1) - proba @ replicated.mean(axis=1)
    np.testing.assert_array_less(np.abs(gap), 4 * np.sqrt(variance))


def test_draws_repeat_with_their_seed_and_differ_without(fitted, observed):
    first, again, other = (fitted.sample(observed, 5, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()


def test_a_fit_repeats_with_its_seed(models, observed):
    first, again, other = (
        MetaUncertainty(40, random_state=seed).fit(ExactComparator(), models).replication_risk(observed)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.upper, again.upper)
    assert (first.upper != other.upper).all()


@pytest.mark.parametrize("meta_model", [None, LogisticNormal(), Dirichlet()])
def test_density_is_the_mixture(meta_model, models, observed):
    meta = MetaUncertainty(100, meta_model=meta_model, random_state=0).fit(ExactComparator(), models)
    assert type(meta.meta_model_) is type(meta_model or LogisticNormal())
    points = np.random.default_rng(0).dirichlet(np.ones(3), size=(7, 10))
    proba = ExactComparator().predict_proba(observed)
    parts = np.exp([part.log_prob(points) for part in meta.meta_models_])
    np.testing.assert_allclose(np.exp(meta.log_prob(observed, points)), np.einsum("nj,jnk->nk", proba, parts))


def test_models_are_known_by_their_labels_and_not_by_their_order(models, observed):
    backwards = dict(reversed(models.items()))
    meta = MetaUncertainty(400, random_state=0).fit(ExactComparator(), backwards)
    assert meta.classes_.tolist() == list(VARIANCES)
    means = meta.simulated_proba_.mean(axis=1)
    assert means.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_list_of_simulators_has_numbers_for_labels(models):
    comparator = ExactComparator(dict(enumerate(VARIANCES.values())))
    assert MetaUncertainty(20).fit(comparator, list(models.values())).classes_.tolist() == [0, 1, 2]


def test_what_becomes_of_the_comparator_later_does_not_matter(models, observed):
    comparator = ExactComparator()
    meta = MetaUncertainty(20).fit(comparator, models)
    comparator.variances = np.ones(3)
    np.testing.assert_array_equal(meta.predict_proba(observed), ExactComparator().predict_proba(observed))


def test_a_step_of_a_pipeline_that_changes_later_does_not_matter(models):
    X = np.concatenate([simulator.sample(100, random_state=0)[0] for simulator in models.values()])
    labels = np.repeat(list(VARIANCES), 100)
    pipeline = make_pipeline(StandardScaler(), AmortizedModelComparator(max_iter=2, random_state=0)).fit(X, labels)
    meta = MetaUncertainty(20, random_state=0).fit(pipeline, models)
    before = meta.predict_proba(X[:5])
    pipeline.set_params(amortizedmodelcomparator__model_prior={"narrow": 0.98, "middle": 0.01, "wide": 0.01})
    np.testing.assert_array_equal(meta.predict_proba(X[:5]), before)


class SizeComparator:
    """Keeps the numbers of observations that it sees."""

    classes_ = np.array(["a", "b"])

    def __init__(self):
        self.sizes = set()

    def predict_proba(self, X):
        self.sizes |= {len(x) for x in X}
        second = np.array([special.expit(x.mean()) for x in X])
        return np.column_stack([1 - second, second])


@pytest.fixture
def sized_models():
    def simulate(rate, rng, n_observations):
        return [rng.poisson(r, size=(n, 1)) for r, n in zip(rate, n_observations, strict=True)]

    prior = IndependentPrior({"rate": stats.gamma(2.0)})
    return {name: Simulator(prior, simulate, vectorized=True, n_observations=(2, 5)) for name in "ab"}


@pytest.mark.parametrize(("n_observations", "sizes"), [(4, {4}), (None, {2, 3, 4, 5})])
def test_replications_have_the_given_number_of_observations(n_observations, sizes, sized_models):
    comparator = SizeComparator()
    meta = MetaUncertainty(50, random_state=0).fit(comparator, sized_models, n_observations=n_observations)
    assert comparator.sizes == sizes
    assert meta.size_ranges_ == {"observations": (min(sizes), max(sizes))}


def test_data_sets_of_another_size_than_replications_are_warned_of(sized_models):
    meta = MetaUncertainty(20, random_state=0).fit(SizeComparator(), sized_models, n_observations=4)
    meta.replication_risk([np.ones((4, 1)), np.zeros((4, 1))])
    other = [np.ones((4, 1)), np.ones((60, 1))]
    for ask in (
        meta.sample,
        meta.replication_risk,
        lambda X: meta.log_prob(X, np.full((2, 1, 2), 0.5)),
    ):
        with pytest.warns(ApproximationWarning, match="replications have 4 observations, and data sets of X 4 to 60"):
            ask(other)
    meta.fit(SizeComparator(), sized_models)
    with pytest.warns(
        ApproximationWarning, match=r"replications have 2 to 5 obs.*X 3\. .*n_observations=len"
    ) as caught:
        meta.replication_risk(np.ones((2, 3, 1)))
    assert caught[0].filename == __file__


def test_sizes_of_groups_and_sources_are_told_apart():
    groups = [[np.ones((2, 1)), np.ones((5, 1))], [np.ones((3, 1))] * 4]
    assert _size_ranges(groups) == {"groups": (2, 4), "observations": (2, 5)}
    assert _size_ranges([np.ones((2, 6, 1)), np.ones((3, 6, 1))]) == {"groups": (2, 3), "observations": (6, 6)}
    assert _size_ranges(np.ones((7, 2, 3, 1))) == {"groups": (2, 2), "observations": (3, 3)}
    assert _size_ranges(np.ones((7, 2))) == _size_ranges([[1.0, 2.0]]) == {}
    several = {"series": [np.ones((4, 1)), None, np.ones((9, 1))], "traits": np.ones((3, 2)), "none": [None] * 3}
    assert _size_ranges(several) == {"observations of 'series'": (4, 9)}


def test_a_number_of_observations_that_a_model_does_not_have_is_named(models):
    with pytest.raises(ValueError, match="model 'narrow': simulate_from takes n_observations where sizes may differ"):
        MetaUncertainty(20).fit(ExactComparator(), models, n_observations=5)


def fails_often(level, rng):
    X = noisy(level, rng)
    X[rng.random(len(X)) < 0.4] = np.nan
    return X


def test_models_whose_simulations_fail_have_fewer(models):
    models = models | {"wide": model(25.0, simulate=fails_often, on_error="drop")}
    with pytest.warns(ApproximationWarning, match="of 100 simulations"):
        meta = MetaUncertainty(100, random_state=0).fit(ExactComparator(), models)
    n_kept = meta.simulated_proba_.shape[1]
    assert 20 <= n_kept < 100 and meta.n_selected_.sum(axis=1).tolist() == [n_kept] * 3
    with (
        pytest.warns(ApproximationWarning),
        pytest.raises(ValueError, match="number of simulations that succeed must be at least 20"),
    ):
        MetaUncertainty(22, random_state=0).fit(ExactComparator(), models)
    with pytest.raises(SimulatorError, match="model 'wide': "):
        MetaUncertainty(20).fit(ExactComparator(), models | {"wide": model(25.0, simulate=fails_often)})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda m: {k: m[k] for k in ("narrow", "wide")},
            ValueError,
            r"got \['narrow', 'wide'\], without \['middle'\]",
        ),
        (lambda m: m | {"other": m["wide"]}, ValueError, r"of which it does not know \['other'\]"),
        (lambda m: list(m.values()), ValueError, r"those of the comparator's models, \['narrow', .*got \[0, 1, 2\]"),
        (lambda m: m | {"wide": np.zeros((5, 3))}, TypeError, "model 'wide' is ndarray"),
        (lambda m: m["wide"], TypeError, "must be a dict of the comparator's labels to simulators.*got Simulator"),
    ],
)
def test_simulators_that_are_not_the_models_are_named(models, change, error, message):
    with pytest.raises(error, match=message):
        MetaUncertainty(20).fit(ExactComparator(), change(models))


def test_other_bad_input_is_named(models, fitted, observed):
    with pytest.raises(ValueError, match="n_simulations must be at least 20; got 19"):
        MetaUncertainty(19).fit(ExactComparator(), models)
    for meta_model in ("dirichlet", Dirichlet):
        with pytest.raises(TypeError, match=r"meta_model must be a recipe, LogisticNormal\(\) or Dirichlet\(\); got"):
            MetaUncertainty(meta_model=meta_model).fit(ExactComparator(), models)
    with pytest.raises(TypeError, match="comparator must have predict_proba and classes_"):
        MetaUncertainty().fit(models, models)
    with pytest.raises(NotFittedError, match="AmortizedModelComparator, is not fitted"):
        MetaUncertainty().fit(AmortizedModelComparator(), models)
    for ask in ("sample", "replication_risk", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(clone(fitted), ask)(observed)
    with pytest.raises(ValueError, match="n_draws must be at least 1"):
        fitted.sample(observed, 0)
    with pytest.raises(ShapeError, match=r"of the 7 data sets of X; got \(2, 5, 3\)"):
        fitted.log_prob(observed, np.full((2, 5, 3), 1 / 3))
    with pytest.raises(ShapeError, match=r"shape \(n_datasets, 3\)"):
        fitted.log_prob(observed, np.full((7, 5, 2), 1 / 2))


def test_a_trained_comparator_and_data_of_another_shape():
    models = {name: model(variance) for name, variance in VARIANCES.items()}
    comparator = AmortizedModelComparator(n_simulations=300, max_iter=3, random_state=0).fit(models)
    meta = MetaUncertainty(50, random_state=0).fit(comparator, models)
    assert meta.sample(np.ones((2, N_FEATURES)), 10).shape == (2, 10, 3)
    with pytest.raises(ValueError, match="2 features"):
        meta.replication_risk(np.ones((1, 2)))
    other = models | {"middle": model(4.0, n_features=2)}
    with pytest.raises(ValueError, match=r"comparator cannot tell models of data sets of 'middle': .*2 features"):
        meta.fit(comparator, other)


def test_replications_have_the_given_number_of_groups():
    def simulate(rate, rng, n_groups, n_observations):
        return rng.poisson(rate, size=(n_groups, n_observations, 1))

    class Shapes(SizeComparator):
        def predict_proba(self, X):
            assert {x.shape for x in X} == {(3, 4, 1)}
            return super().predict_proba(X)

    sizes = {"n_groups": (2, 5), "n_observations": (2, 5)}
    prior = IndependentPrior({"rate": stats.gamma(2.0)})
    models = {name: Simulator(prior, simulate, **sizes) for name in Shapes().classes_.tolist()}
    MetaUncertainty(20, random_state=0).fit(Shapes(), models, n_observations=4, n_groups=3)
