"""Changes that are found are those of exact posteriors."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from skabi import AmortizedPosterior, EnsemblePosterior
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.priors import IndependentPrior, NarrowedPrior, power_scaled
from skabi.sensitivity import ContextPosterior, ContextSimulator, SensitivityAnalysis, change_prior
from skabi.simulators import Simulator

NOISE = 0.5
X = np.array([[-1.5], [-0.3], [0.4], [1.8]])


def exact(prior, likelihood):
    precision = prior + likelihood / NOISE
    return likelihood * X[:, 0] / NOISE / precision, precision**-0.5


def test_prior_and_likelihood_of_a_posterior_with_contexts(posterior):
    analysis = SensitivityAnalysis(posterior, n_draws=2000, random_state=0)
    for result, role in ((analysis.prior(X, [0.5, 2.0]), 0), (analysis.likelihood(X, [0.5, 2.0]), 1)):
        assert result.choice_names == ["choice", "alpha"]
        for alpha in (0.5, 2.0):
            table = result.table[result.table["alpha"] == alpha]
            powers = [1.0, 1.0]
            powers[role] = alpha
            mean, std = exact(*powers)
            base_mean, base_std = exact(1.0, 1.0)
            # As near as the network is after 4,000 simulations; see test_posterior.
            np.testing.assert_allclose(table["mean_change_sd"], (mean - base_mean) / base_std, atol=0.3)
            np.testing.assert_allclose(table["sd"], std, rtol=0.2)
            assert table["beyond_noise"].mean() >= 0.75
    again = analysis.prior(X, [0.5, 2.0]).table
    assert again.equals(analysis.prior(X, [0.5, 2.0]).table)


def test_weights_find_exact_changes(plain, simulator):
    analysis = SensitivityAnalysis(plain, simulator=simulator, n_draws=4000, random_state=0)
    for result, role in ((analysis.prior(X, [0.8, 1.25]), 0), (analysis.likelihood(X, [0.8, 1.25]), 1)):
        assert (result.table["pareto_k"] < result.largest_k).all()
        for alpha in (0.8, 1.25):
            table = result.table[result.table["alpha"] == alpha]
            powers = [1.0, 1.0]
            powers[role] = alpha
            mean, std = exact(*powers)
            base_mean, base_std = exact(1.0, 1.0)
            # Four standard errors of weights, and what a linear network from 4,000 simulations errs by.
            error = 4 * table["mean_se"].to_numpy() + 0.02
            assert (np.abs(table["mean_change"] - (mean - base_mean)) < error).all()
            assert (np.abs(table["sd_change"] - (std - base_std)) < 4 * table["sd_se"] + 0.01).all()


def test_multiverse(posterior, plain, simulator):
    grid = {"prior": [0.8, 1.0], "likelihood": [1.0, 1.25]}
    for estimator in (posterior, plain):
        result = SensitivityAnalysis(estimator, simulator=simulator, random_state=0).multiverse(X, grid)
        assert result.choice_names == ["prior", "likelihood"]
        assert len(result.table) == 4 * 4
        summary = result.summary()
        assert list(zip(summary["prior"], summary["likelihood"], strict=True)) == [
            (prior, likelihood) for likelihood in (1.0, 1.25) for prior in (0.8, 1.0)
        ]
        narrow = summary[summary["likelihood"] == 1.25]["sd_ratio"]
        assert (narrow < 1).all()
        assert "beyond noise" in repr(result)
        assert "<table" in result._repr_html_()
        assert result.parameter_names == ["theta[0]"]
        assert result.n_datasets == 4
        assert list(result.baseline.columns) == ["data_set", "parameter", "mean", "sd", "q5", "q50", "q95"]


def test_batches_of_choices_are_no_matter(posterior, monkeypatch):
    analysis = SensitivityAnalysis(posterior, n_draws=2000, random_state=0)
    once = analysis.prior(X, [0.5, 2.0]).table
    monkeypatch.setattr("skabi.sensitivity._subjects._N_HELD", 1)
    parts = analysis.prior(X, [0.5, 2.0]).table
    np.testing.assert_allclose(parts["mean"], once["mean"], atol=5 * once["mean_se"].max())
    assert parts["alpha"].equals(once["alpha"])


def test_entries_are_raised_one_at_a_time_and_together():
    simulator = GaussianMeanScale(n_observations=(5, 10))
    estimator = AmortizedPosterior(Gaussian(()), n_simulations=300, max_iter=2, random_state=0).fit(simulator)
    data, _ = simulator.sample(3, random_state=0)
    result = SensitivityAnalysis(estimator, n_draws=200, random_state=0).prior(data, [0.9])
    names = simulator.prior.entry_names
    assert list(dict.fromkeys(result.table["choice"])) == [*(f"prior_{name}" for name in names), "prior"]
    some = SensitivityAnalysis(estimator, n_draws=200, random_state=0).prior(data, [0.9], entries=names[:1])
    assert set(some.table["choice"]) == {f"prior_{names[0]}"}


def test_improper_priors_have_no_weights():
    prior = IndependentPrior({"scale": stats.halfcauchy(), "shift": stats.norm()})

    def simulate(scale, shift, rng):
        return shift[:, np.newaxis] + scale[:, np.newaxis] * rng.normal(size=(len(scale), 3))

    recipe = AmortizedPosterior(Gaussian(()), n_simulations=100, max_iter=2, random_state=0)
    analysis = SensitivityAnalysis(recipe.fit(Simulator(prior, simulate, vectorized=True)), n_draws=100, random_state=0)
    with pytest.raises(ValueError, match=r"'scale' to the power 0.3 is improper"):
        analysis.prior([[1.0, 1.0, 1.0]], [0.3, 2.0])
    # As a str an entry is one, and no list of letters.
    table = analysis.prior([[1.0, 1.0, 1.0]], [0.9], entries="shift").table
    assert set(table["choice"]) == {"prior_shift"}


def measure(theta, rng, noise=NOISE):
    return theta + np.sqrt(noise) * rng.normal(size=theta.shape)


def log_density(X, theta, noise=NOISE):
    return stats.norm.logpdf(X, theta, np.sqrt(noise)).sum(axis=1)


def test_a_variant_that_is_known_is_told_and_a_power_that_is_not_is_weighed():
    prior = IndependentPrior({"theta": stats.norm([0.0], 1.0)})
    simulator = Simulator(prior, measure, vectorized=True, log_likelihood=log_density)
    noises = {"small": NOISE, "large": 2.0}
    choices = ContextSimulator(simulator, prior_powers=False, variants={"noise": noises})
    recipe = AmortizedPosterior(Gaussian((16,)), n_simulations=8000, max_iter=20, random_state=0)
    posterior = ContextPosterior(recipe).fit(choices)
    grid = {"noise": list(noises), "likelihood": [0.8, 1.0, 1.25], "prior": [1.0, 1.25]}
    result = SensitivityAnalysis(posterior, simulator=choices, n_draws=4000, random_state=0).multiverse(X, grid)
    table = result.table
    precision = table["likelihood"] / table["noise"].map(noises)
    total = table["prior"] + precision
    mean = X[table["data_set"], 0] * precision / total
    # Four standard errors, and what a small network errs by.
    assert (np.abs(table["mean"] - mean) < 4 * table["mean_se"] + 0.06).all()
    np.testing.assert_allclose(table["sd"], total**-0.5, rtol=0.1)
    assert (table["pareto_k"] < result.largest_k).all()
    told = (table["likelihood"] == 1.0) & (table["prior"] == 1.0)
    assert (table["pareto_k"][told] == 0.0).all()
    assert (table["distance"][told & (table["noise"] == "small")] == 0.0).all()
    with pytest.raises(ValueError, match=r"variants of \['noise'\] need the likelihood of each"):
        SensitivityAnalysis(posterior, simulator=simulator).multiverse(X, grid)


def test_by_default_only_powers_that_are_known_are_asked_for(simulator):
    def two(a, b, rng):
        return np.column_stack([a, b]) + rng.normal(size=(len(a), 2))

    both = Simulator(IndependentPrior({"a": stats.norm(), "b": stats.norm()}), two, vectorized=True)
    recipe = AmortizedPosterior(Gaussian(()), n_simulations=200, max_iter=2, random_state=0)
    known = ContextPosterior(recipe).fit(ContextSimulator(both, prior_powers=["b"]))
    analysis = SensitivityAnalysis(known, n_draws=100, random_state=0)
    assert set(analysis.prior([[0.1, 0.2]], [0.8]).table["choice"]) == {"prior_b"}
    assert "pareto_k" not in analysis.multiverse([[0.1, 0.2]], {"prior": [0.8]}).table
    # What it does not know is answered by weights.
    assert "pareto_k" in analysis.prior([[0.1, 0.2]], [0.8], entries=["a"]).table


def test_observations_are_left_out(sets):
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(n, 1)) for n in (6, 8)]
    data[0][2] = 4.0
    analysis = SensitivityAnalysis(sets, n_draws=2000, random_state=0)
    result = analysis.data(data)
    assert len(result.table) == 6 + 8
    means = result.baseline["mean"].to_numpy()
    for i, x in enumerate(data):
        table = result.table[result.table["data_set"] == i]
        expected = [np.delete(x, j).sum() / len(x) for j in range(len(x))]
        # Conjugate: the mean given n observations is their sum over n + 1; as near as a small network is.
        np.testing.assert_allclose(table["mean_change"], np.array(expected) - x.sum() / (len(x) + 1), atol=0.25)
        assert means[i] == pytest.approx(x.sum() / (len(x) + 1), abs=0.15)
    first = result.table[result.table["data_set"] == 0]
    assert first.loc[first["mean_change"].abs().idxmax(), "data"] == "2 left out"
    assert set(analysis.data(data, cv=3).table["data"]) == {f"fold {i} left out" for i in range(3)}
    assert set(analysis.data(data, cv=KFold(4)).table["data"]) == {f"fold {i} left out" for i in range(4)}
    assert len(analysis.data(data, n_bootstrap=4).table) == 2 * 4
    even = analysis.data(np.stack([data[0], data[0]]))
    assert len(even.table) == 2 * 6


def test_features_are_left_out_where_they_may_be_missing():
    estimator = AmortizedPosterior(Gaussian(()), missing="mask", n_simulations=2000, max_iter=15, random_state=0)
    estimator.fit(ConjugateGaussian(2))
    result = SensitivityAnalysis(estimator, n_draws=500, random_state=0).data([[1.5, -1.5]])
    assert list(result.table["data"]) == [f"feature {j} left out" for j in (0, 0, 1, 1)]
    # What is left out says nothing of its mean any more: the posterior is that of the prior, and wider.
    assert result.table["sd_change"].to_numpy()[0] > 0.1


def test_members_differ_and_the_mixture_is_between(members, simulator):
    result = SensitivityAnalysis(members, random_state=0).approximator(X)
    assert list(dict.fromkeys(result.table["member"])) == [0, 1]
    assert result.table["mean_change_sd"].abs().max() < 0.3
    parts = [
        ("a", AmortizedPosterior(Gaussian(()), max_iter=2)),
        ("b", AmortizedPosterior(Gaussian((8,)), max_iter=2)),
    ]
    ensemble = EnsemblePosterior(parts, n_simulations=300, random_state=0).fit(simulator)
    result = SensitivityAnalysis(ensemble, n_draws=200, random_state=0).approximator(X)
    assert list(dict.fromkeys(result.table["member"])) == ["a", "b"]


def test_another_prior_by_weights(plain, simulator):
    prior = IndependentPrior({"theta": stats.norm([0.5], 0.8)})
    result = change_prior(plain, X, prior, n_draws=8000, random_state=0)
    assert (result.pareto_k < result.largest_k).all()
    precision = 1 / 0.64 + 1 / NOISE
    mean = (0.5 / 0.64 + X[:, 0] / NOISE) / precision
    error = 4 / np.sqrt(precision * result.effective_sizes) + 0.03
    assert (np.abs(result.draws[..., 0].mean(axis=1) - mean) < error).all()
    np.testing.assert_allclose(result.draws[..., 0].std(axis=1), precision**-0.5, rtol=0.06)
    with pytest.warns(ApproximationWarning, match="cannot be relied on"):
        far = change_prior(plain, X, IndependentPrior({"theta": stats.norm([6.0], 0.2)}), random_state=0)
    assert (far.pareto_k > far.largest_k).all()
    elsewhere = IndependentPrior({"theta": stats.uniform([30.0], 1.0)})
    with pytest.warns(ApproximationWarning, match="4 of 4 data sets no draw is possible under the new prior"):
        none = change_prior(plain, X, elsewhere, random_state=0)
    assert np.isnan(none.draws).all()
    assert none.effective_sizes.tolist() == [0.0] * 4


def test_powers_by_weights_agree_with_psense(plain, simulator):
    """What ArviZ calls prior-sensitive, and orders by that, is what moves here."""
    arviz_stats = pytest.importorskip("arviz_stats")
    n = 4000
    analysis = SensitivityAnalysis(plain, simulator=simulator, n_draws=n, random_state=0)
    draws = plain.sample(X, n, random_state=np.random.SeedSequence(0).spawn(3)[1])
    found = {"prior": analysis.prior(X, [0.8, 1.25]), "likelihood": analysis.likelihood(X, [0.8, 1.25])}
    sensitivity = {name: result.table.groupby("data_set")["distance"].mean() for name, result in found.items()}
    log_prior = simulator.prior.log_prob(draws.reshape(-1, 1)).reshape(1, len(X), n)
    log_likelihood = stats.norm.logpdf(X[:, np.newaxis], draws, np.sqrt(NOISE))[..., 0].reshape(1, len(X), n)
    import arviz_base

    for group, values in (("prior", log_prior), ("likelihood", log_likelihood)):
        own = []
        for i in range(len(X)):
            tree = arviz_base.from_dict(
                {
                    "posterior": {"theta": draws[np.newaxis, i, :, 0]},
                    f"log_{group}": {"theta" if group == "prior" else "x": values[:, i]},
                }
            )
            own.append(float(arviz_stats.psense(tree, group=group)["theta"]))
        assert np.corrcoef(np.array(own), sensitivity[group])[0, 1] > 0.9


def test_bad_input(plain, sets, simulator):
    with pytest.raises(TypeError, match="must have sample, as a posterior"):
        SensitivityAnalysis(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    with pytest.raises(ValueError, match="no likelihood is known"):
        SensitivityAnalysis(plain).likelihood(X)
    with pytest.raises(ValueError, match=r"not trained for the choices \['noise'\]"):
        SensitivityAnalysis(plain).multiverse(X, {"noise": [1.0]})
    with pytest.raises(TypeError, match="not empty"):
        SensitivityAnalysis(plain).multiverse(X, {})
    with pytest.raises(TypeError, match="must be a list of values"):
        SensitivityAnalysis(plain).multiverse(X, {"prior": 0.5})
    with pytest.raises(ValueError, match="entries must be among"):
        SensitivityAnalysis(plain).prior(X, entries=["speed"])
    with pytest.raises(ValueError, match="alphas must lie between 0"):
        SensitivityAnalysis(plain).prior(X, [0.0])
    with pytest.raises(ValueError, match="one member alone"):
        SensitivityAnalysis(plain).approximator(X)
    with pytest.raises(ShapeError, match="no axis of observations"):
        SensitivityAnalysis(plain).data(X)
    with pytest.raises(ValueError, match="cv or n_bootstrap"):
        SensitivityAnalysis(sets).data([np.array([[-1.0], [0.1], [0.3], [0.9]])], cv=2, n_bootstrap=3)
    with pytest.raises(ValueError, match="quantiles must lie between"):
        SensitivityAnalysis(plain, quantiles=[0.0])
    with pytest.raises(ValueError, match="prior must be of the parameters"):
        change_prior(plain, X, IndependentPrior({"rate": stats.norm()}))
    without = AmortizedPosterior(Gaussian(()), max_iter=2, random_state=0).fit(*simulator.sample(100, random_state=0))
    with pytest.raises(ValueError, match="without a prior"):
        SensitivityAnalysis(without).prior(X)
    narrowed = NarrowedPrior(simulator.prior, [-1.0], [1.0])
    cut = AmortizedPosterior(Gaussian(()), prior=narrowed, max_iter=2, random_state=0)
    y = narrowed.sample(100, random_state=0)
    cut.fit(simulator.simulate_from(y, random_state=0), y)
    with pytest.raises(TypeError, match="none with a density of its own"):
        SensitivityAnalysis(cut).prior(X)
    assert power_scaled(simulator.prior, 1.0) == simulator.prior
