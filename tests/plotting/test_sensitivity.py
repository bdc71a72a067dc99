"""Displays of sensitivity show the numbers of the result."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skabi import AmortizedModelComparator, AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.plotting import SensitivityDisplay
from skabi.priors import IndependentPrior
from skabi.sensitivity import ContextComparator, ContextSimulator, SensitivityAnalysis
from skabi.simulators import Simulator

X = np.array([[1.5, 0.0], [-1.0, 0.3]])


@pytest.fixture(scope="module")
def posterior():
    recipe = AmortizedPosterior(Gaussian(()), n_estimators=2, n_simulations=400, max_iter=3, random_state=0)
    return recipe.fit(ConjugateGaussian())


@pytest.fixture(scope="module")
def analysis(posterior):
    return SensitivityAnalysis(posterior, n_draws=300, random_state=0)


@pytest.mark.parametrize("statistic", ["distance", "joint_distance", "mean_change_sd", "q5_change", "sd"])
def test_curves_over_powers(analysis, statistic):
    result = analysis.prior(X, [0.9, 1.0, 1.1])
    display = SensitivityDisplay.from_result(result, statistic=statistic)
    assert list(display.values_) == ["theta[0]", "theta[1]"]
    first = result.table[result.table["parameter"] == "theta[0]"]
    expected = first.groupby("alpha")[statistic].mean()
    line = display.axes_[0, 0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), expected.index)
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_probabilities_of_models():
    def simulate(theta, rng):
        return theta[:, np.newaxis] + rng.normal(size=(len(theta), 2))

    models = {
        name: ContextSimulator(Simulator(IndependentPrior({"theta": stats.norm(0, sd)}), simulate, vectorized=True))
        for name, sd in (("narrow", 0.5), ("wide", 2.0))
    }
    comparator = ContextComparator(AmortizedModelComparator(n_simulations=200, max_iter=2, random_state=0)).fit(models)
    display = SensitivityDisplay.from_analysis(SensitivityAnalysis(comparator), X, alphas=[0.5, 1.0, 2.0])
    assert [panel.get_title() for panel in display.axes_.ravel()] == ["probability of narrow", "probability of wide"]
    expected = [
        np.abs(comparator.predict_proba(X, context={"prior": power}) - comparator.predict_proba(X))[:, 0]
        / comparator.predict_proba(X).prod(axis=1) ** 0.5
        for power in (0.5, 1.0, 2.0)
    ]
    np.testing.assert_allclose(display.axes_[0, 0].lines[0].get_ydata(), np.mean(expected, axis=1), atol=1e-9)


def test_points_of_other_choices(analysis):
    result = analysis.approximator(X)
    display = SensitivityDisplay.from_result(result, data_set=1)
    own = result.table[(result.table["data_set"] == 1) & (result.table["parameter"] == "theta[1]")]
    points = display.axes_[1, 0].lines[0]
    np.testing.assert_allclose(points.get_xdata(), np.sort(own["distance"])[::-1])
    multiverse = analysis.multiverse(X, {"prior": np.linspace(0.8, 1.2, 20)})
    display = SensitivityDisplay(result=multiverse, n_shown=5).plot()
    assert len(display.axes_[0, 0].get_yticks()) == 5
    assert display.axes_[0, 0].texts[0].get_text() == "and 15 more"


def test_noise_is_that_of_the_statistic(analysis):
    result = analysis.prior(X, [0.9])
    table = result.table[result.table["parameter"] == "theta[0]"]
    by_statistic = {
        "distance": table["distance_noise"],
        "mean_change": 3 * table["mean_se"],
        "mean_change_sd": 3 * table["mean_se"] * (table["mean_change_sd"] / table["mean_change"]),
    }
    for statistic, noise in by_statistic.items():
        display = SensitivityDisplay.from_result(result, statistic=statistic)
        np.testing.assert_allclose(display.values_["theta[0]"]["noise"], noise.mean())


def test_weights_that_are_not_reliable_are_crosses(analysis):
    result = analysis.prior(X, [0.9])
    table = result.table.assign(pareto_k=1.0)
    wrong = type(result)(table, result.baseline, result.choice_names, result.quantiles, 300, result.largest_k)
    display = SensitivityDisplay.from_result(wrong)
    assert isinstance(display.values_["theta[0]"], pd.DataFrame)
    assert len(display.axes_[0, 0].lines[1].get_xdata()) == 1
    assert display.axes_[0, 0].lines[1].get_marker() == "x"


def test_from_analysis_and_given_axes(analysis):
    display = SensitivityDisplay.from_analysis(analysis, X, alphas=[0.9, 1.1])
    assert sorted(set(display.values_["theta[0]"]["alpha"])) == [0.9, 1.1]
    again = display.plot(ax=display.axes_)
    assert again is display
    assert display.ax_ is None


def test_bad_input(analysis):
    result = analysis.prior(X, [0.9])
    with pytest.raises(ValueError, match="column of the table"):
        SensitivityDisplay.from_result(result, statistic="median")
    with pytest.raises(ShapeError, match="one of 2"):
        SensitivityDisplay.from_result(result, data_set=5)
