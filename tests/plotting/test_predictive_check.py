import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import posterior_predictive_check
from skabi.exceptions import ShapeError
from skabi.plotting import PredictiveCheckDisplay
from skabi.plotting._canvas import BLUE, VERMILION
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

PRIOR = IndependentPrior({"beta": stats.norm(), "gamma": stats.norm()})


def simulate(beta, gamma, rng):
    y = np.column_stack([beta, gamma])
    return y + 0.5 * rng.normal(size=y.shape)


@pytest.fixture
def simulator():
    return Simulator(PRIOR, simulate, vectorized=True)


@pytest.fixture
def replicates():
    rng = np.random.default_rng(0)
    return 1.5 * rng.normal(size=(12, 2)), rng.normal(size=(12, 200, 2)) + np.arange(12)[::-1, None, None] / 20


def test_points_and_intervals_are_sorted_by_the_median(replicates):
    display = PredictiveCheckDisplay.from_replicates(*replicates, statistic_names=["mean", "sd"], random_state=0)
    observed, replicated = replicates
    lower, median, upper = np.quantile(replicated, [0.05, 0.5, 0.95], axis=1)
    outside = (observed < lower) | (observed > upper)
    np.testing.assert_array_equal(display.outside_, outside)
    assert 0 < outside[:, 0].sum() < 12
    overall = posterior_predictive_check(*replicates).overall
    assert display.axes_.shape == (1, 2)
    for j, panel in enumerate(display.axes_[0]):
        order = np.argsort(median[:, j])
        points = {line.get_color(): line.get_xydata() for line in panel.lines}
        for color, rows in ((BLUE, ~outside[order, j]), (VERMILION, outside[order, j])):
            np.testing.assert_allclose(points[color], np.column_stack([np.flatnonzero(rows), observed[order, j][rows]]))
        assert panel.get_title() == f"{['mean', 'sd'][j]}: overall p = {overall[j]:.2g}"
        labels = panel.get_legend_handles_labels()[1]
        assert labels[1] == f"outside the 90 % interval: {outside[:, j].sum()} data sets"
        assert [tick.get_text() for tick in panel.get_xticklabels()] == [str(i) for i in order]


def test_one_statistic_without_names(replicates):
    figure, ax = plt.subplots()
    display = PredictiveCheckDisplay.from_replicates(replicates[0][:, 0], replicates[1][..., 0], prob=0.5, ax=[ax])
    assert display.axes_[0, 0] is ax and display.figure_ is figure
    assert ax.get_title().startswith("T[0]: overall p = ")


@pytest.mark.parametrize("one_draw", [True, False])
def test_estimator_and_simulator_make_the_replicates(exact, simulations, simulator, one_draw):
    X = simulations[0]
    display = PredictiveCheckDisplay.from_estimator(
        exact, X, simulator=simulator, statistics=np.asarray, n_replicates=99, one_draw=one_draw, random_state=0
    )
    # Given the data set, a replicate is N(0.8 x, 0.45); given one draw it is N(draw, 0.25).
    width = 2 * stats.norm.ppf(0.95) * np.sqrt(0.25 if one_draw else 0.45)
    assert np.mean(display.upper - display.lower) == pytest.approx(width, rel=0.03)
    share = 0.1 if one_draw else 2 * stats.norm.sf(stats.norm.ppf(0.95) * np.sqrt(0.45) / 0.2 / np.sqrt(1.25))
    assert abs(display.outside_.mean() - share) < 4 * np.sqrt(share / 400) + 0.01
    assert (display.overall > 0.01).all()


def test_replicates_have_the_sizes_of_the_data_sets(exact):
    def simulate_many(beta, gamma, rng, n_observations):
        return np.array([beta, gamma]) + rng.normal(size=(n_observations, 2))

    simulator = Simulator(PRIOR, simulate_many, n_observations=(3, 8))
    X, _ = simulator.sample(5, random_state=0)

    class OfMeans:
        def sample(self, X, n_draws, *, random_state):
            return exact.sample(np.stack([x.mean(axis=0) for x in X]), n_draws, random_state=random_state)

    sizes = []

    def statistics(X):
        sizes.append([len(x) for x in X])
        return np.array([x.mean() for x in X])

    PredictiveCheckDisplay.from_estimator(
        OfMeans(), X, simulator=simulator, statistics=statistics, n_replicates=7, random_state=0
    )
    np.testing.assert_array_equal(sizes[1], np.repeat(sizes[0], 7))

    simulator = Simulator(PRIOR, simulate_many, n_observations=(3, 8))
    simulator.n_observations = {"a": (3, 8)}
    with pytest.raises(TypeError, match="use from_replicates"):
        PredictiveCheckDisplay.from_estimator(OfMeans(), X, simulator=simulator, statistics=statistics)


def test_statistics_and_names_are_those_of_reports_by_default(exact, simulations, simulator):
    X = simulations[0][:3]
    display = PredictiveCheckDisplay.from_estimator(exact, X, simulator=simulator, n_replicates=9, random_state=0)
    np.testing.assert_allclose(display.observed, np.column_stack([X.mean(axis=1), X.std(axis=1)]))
    assert display.statistic_names == ["mean", "standard deviation"]


def test_wrong_input(exact, simulations, simulator, replicates):
    X = simulations[0][:3]
    with pytest.raises(ShapeError, match="one row for each data set, here 3; got"):
        PredictiveCheckDisplay.from_estimator(exact, X, simulator=simulator, statistics=lambda X: X[:2])
    with pytest.raises(ShapeError, match="one row for each data set, here 300; got"):
        PredictiveCheckDisplay.from_estimator(exact, X, simulator=simulator, statistics=lambda X: X[:3])
    with pytest.raises(ShapeError, match="here 3; got"):
        PredictiveCheckDisplay.from_estimator(exact, X, simulator=simulator, statistics=np.mean)
    with pytest.raises(ShapeError, match="one name for each of 2 statistics"):
        PredictiveCheckDisplay.from_replicates(*replicates, statistic_names=["a"])
    with pytest.raises(ValueError, match="prob must lie between"):
        PredictiveCheckDisplay.from_replicates(*replicates, prob=1.0)
    with pytest.raises(ValueError, match="have NaN"):
        PredictiveCheckDisplay.from_replicates(np.full((12, 2), np.nan), replicates[1])
