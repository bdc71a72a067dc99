"""Model probabilities under each choice are those of exact marginal likelihoods."""

import numpy as np
import pytest
from scipy import special, stats

import skabi
from skabi import AmortizedModelComparator
from skabi.exceptions import ApproximationWarning
from skabi.priors import IndependentPrior
from skabi.sensitivity import ContextComparator, ContextSimulator, SensitivityAnalysis
from skabi.simulators import Simulator

N = 4
X = np.array([[0.2, -0.3, 0.1, 0.4], [1.0, 0.8, 1.2, 1.4], [1.5, 2.2, 1.9, 2.0]])


def simulate(theta, rng, noise=1.0):
    return theta[:, np.newaxis] + np.sqrt(noise) * rng.normal(size=(len(theta), N))


def simulate_null(offset, rng):
    return 0.1 * offset[:, np.newaxis] + rng.normal(size=(len(offset), N))


def simulator_of(sd):
    return Simulator(IndependentPrior({"theta": stats.norm(0.0, sd)}), simulate, vectorized=True)


def log_proba(power):
    """Of a narrow and a wide prior: by the mean of the data, which is sufficient."""
    sd = np.sqrt(np.array([0.5, 2.0]) ** 2 / power + 1 / N)
    log_marginals = stats.norm.logpdf(X.mean(axis=1)[:, np.newaxis], 0.0, sd)
    return log_marginals - special.logsumexp(log_marginals, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def comparator():
    models = {name: ContextSimulator(simulator_of(sd)) for name, sd in (("narrow", 0.5), ("wide", 2.0))}
    recipe = AmortizedModelComparator(n_simulations=8000, max_iter=15, random_state=0)
    return ContextComparator(recipe).fit(models)


def test_probabilities_are_exact_under_each_choice(comparator):
    for power in (0.5, 1.0, 2.0):
        found = comparator.predict_proba(X, context={"prior_theta": power})
        # As near as a network is after 8,000 simulations of each model.
        np.testing.assert_allclose(found, np.exp(log_proba(power)), atol=0.07)
    by_row = comparator.predict_log_proba(X, context={"prior": [0.5, 1.0, 2.0]})
    each = [comparator.predict_log_proba(X, context={"prior_theta": power})[i] for i, power in enumerate([0.5, 1, 2])]
    np.testing.assert_allclose(by_row, each)
    assert comparator.predict(X).tolist() == comparator.classes_[comparator.predict_proba(X).argmax(axis=1)].tolist()
    factors = comparator.log_bayes_factors(X, "narrow")
    np.testing.assert_allclose(factors[:, 1], np.diff(comparator.predict_log_proba(X))[:, 0])


def test_changes_of_probabilities_are_told(comparator):
    result = SensitivityAnalysis(comparator).prior(X, [0.5, 2.0])
    assert result.parameter_names == ["probability of narrow", "probability of wide"]
    table = result.table[result.table["parameter"] == "probability of narrow"]
    for power in (0.5, 2.0):
        own = table[table["alpha"] == power]
        expected, before = np.exp(log_proba(power))[:, 0], np.exp(log_proba(1.0))[:, 0]
        np.testing.assert_allclose(own["mean_change"], expected - before, atol=0.07)
        np.testing.assert_allclose(own["log_odds_change"], special.logit(expected) - special.logit(before), atol=0.4)
    np.testing.assert_allclose(table["distance"], np.abs(table["mean_change_sd"]))
    assert list(result.summary()["parameter"][:2]) == result.parameter_names
    assert repr(result) == "SensitivityResult of 2 choices of choice, alpha: 3 data sets, 2 models"
    many = SensitivityAnalysis(comparator).multiverse(X, {"prior": [0.5, 1.0]}).table
    np.testing.assert_allclose(many.loc[many["prior"] == 1.0, "mean_change"], 0.0, atol=1e-12)


def test_choices_do_not_say_which_model_made_the_data():
    null = Simulator(IndependentPrior({"offset": stats.norm()}), simulate_null, vectorized=True)
    models = {
        "null": ContextSimulator(null),
        "effect": ContextSimulator(simulator_of(1.0), variants={"noise": {"usual": 1.0, "large": 4.0}}),
    }
    drawn = ContextComparator(AmortizedModelComparator(n_simulations=300, max_iter=2, random_state=0)).fit(models)
    assert drawn.context_names_ == ["prior_offset", "prior_theta", "noise"]
    assert drawn.default_context_ == {"prior_offset": 1.0, "prior_theta": 1.0, "noise": "usual"}
    seen = []

    class Recorded(AmortizedModelComparator):
        def fit(self, X, y=None):
            seen.extend(simulator.sample(2000, random_state=0)[0]["context"] for simulator in X.values())
            return super().fit(X, y)

    ContextComparator(Recorded(n_simulations=100, max_iter=1, random_state=0)).fit(models)
    for of_null, of_effect in zip(seen[0].T, seen[1].T, strict=True):
        assert stats.ks_2samp(of_null, of_effect).pvalue > 1e-3
        assert of_null.std() > 0


def test_observations_are_left_out_of_a_comparison():
    def of_set(theta, rng, n_observations):
        return theta[:, np.newaxis] + rng.normal(size=(len(theta), n_observations.max()))

    models = {
        name: Simulator(IndependentPrior({"theta": stats.norm(m, 0.3)}), of_set, vectorized=True, n_observations=(2, 5))
        for name, m in (("low", -1.0), ("high", 1.0))
    }
    plain = AmortizedModelComparator(n_simulations=500, max_iter=6, random_state=0).fit(models)
    data = np.array([[[-0.2], [0.1], [0.0], [3.0]]])
    analysis = SensitivityAnalysis(plain)
    table = analysis.data(data).table
    high = table[table["parameter"] == "probability of high"]
    assert high.loc[high["mean_change"].idxmin(), "data"] == "3 left out"
    with pytest.raises(ValueError, match=r"need a ContextComparator .* \['prior_theta'\]"):
        analysis.multiverse(data, {"prior_theta": [0.5]})
    with pytest.raises(ValueError, match="need a ContextComparator"):
        analysis.prior(data)
    with pytest.raises(ValueError, match="those of a comparator"):
        analysis.approximator(data)


def test_saved(comparator, tmp_path):
    comparator.save(tmp_path / "comparator")
    loaded = skabi.load(tmp_path / "comparator")
    context = {"prior_theta": 0.7}
    np.testing.assert_allclose(loaded.predict_proba(X, context=context), comparator.predict_proba(X, context=context))


def test_bad_input(comparator):
    with pytest.warns(ApproximationWarning, match="prior_theta = 4"):
        comparator.predict_proba(X, context={"prior_theta": 4.0})
    with pytest.raises(ValueError, match="need a ContextComparator"):
        SensitivityAnalysis(comparator).likelihood(X)
    one = ContextSimulator(simulator_of(1.0))
    with pytest.raises(TypeError, match="dict of name to ContextSimulator"):
        ContextComparator().fit({"a": one, "b": simulator_of(1.0)})
    with pytest.raises(ValueError, match="same values of the choice 'prior_theta'"):
        ContextComparator().fit({"a": one, "b": ContextSimulator(simulator_of(1.0), power_range=(0.1, 2.0))})
    with pytest.raises(TypeError, match="must be an AmortizedModelComparator"):
        ContextComparator(3).fit([one, one])
    with pytest.raises(ValueError, match="y must be None"):
        ContextComparator().fit([one, one], [0, 1])

    def log_likelihood(X, theta):
        return stats.norm.logpdf(X, theta[:, np.newaxis]).sum(axis=1)

    known = Simulator(one.prior, simulate, vectorized=True, log_likelihood=log_likelihood)
    with pytest.raises(ValueError, match="no marginal likelihood"):
        ContextComparator().fit([one, ContextSimulator(known, likelihood_power=True)])
