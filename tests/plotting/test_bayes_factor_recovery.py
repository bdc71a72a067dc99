from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import bayes_factor_recovery
from skabi.exceptions import ShapeError
from skabi.plotting import BayesFactorRecoveryDisplay

CLASSES = np.array(["sir", "si", "seir"])


def log_bayes_factors(X, reference=None):
    """Return Bayes factors of log evidences X, with an error that is 0.3 for odd rows."""
    column = 0 if reference is None else CLASSES.tolist().index(reference)
    error = 0.3 * (np.arange(len(X)) % 2)[:, np.newaxis] * (np.arange(3) != column)
    return X - X[:, [column]] + error


@pytest.fixture
def comparator():
    return SimpleNamespace(log_bayes_factors=log_bayes_factors, classes_=CLASSES)


@pytest.fixture
def log_evidence():
    return np.random.default_rng(0).normal(scale=4.0, size=(100, 3))


@pytest.mark.parametrize("reference", [None, "si"])
def test_points_are_log_bayes_factors_of_all_but_the_reference(comparator, log_evidence, reference):
    ax = plt.figure().add_subplot()
    display = BayesFactorRecoveryDisplay.from_estimator(
        comparator, log_evidence, log_evidence, reference=reference, largest=5.0, ax=ax
    )
    column = 0 if reference is None else 1
    models = [j for j in range(3) if j != column]
    exact = (log_evidence - log_evidence[:, [column]])[:, models]
    learned = log_bayes_factors(log_evidence, reference)[:, models]
    np.testing.assert_allclose(display.exact, exact)
    np.testing.assert_allclose(display.log_bayes_factors, learned)
    assert display.classes.tolist() == CLASSES[models].tolist()
    table = bayes_factor_recovery(learned, exact, largest=5.0, n_resamples=1)["value"].unstack("figure")
    np.testing.assert_allclose(display.correlation, table["correlation"])
    np.testing.assert_allclose(display.rmse, table["rmse"])

    points = [line for line in ax.lines if line.get_marker() == "o"]
    for j in range(2):
        near, beyond = points[2 * j : 2 * j + 2]
        is_small = np.abs(exact[:, j]) < 5
        np.testing.assert_allclose(near.get_xydata(), np.column_stack([exact, learned])[is_small][:, [j, j + 2]])
        np.testing.assert_allclose(beyond.get_xydata(), np.column_stack([exact, learned])[~is_small][:, [j, j + 2]])
        assert beyond.get_alpha() < near.get_alpha()
    labels = ax.get_legend_handles_labels()[1]
    name, r, rmse = display.classes[0], display.correlation[0], display.rmse[0]
    assert labels[0] == f"{name}: r = {r:.3f}, RMSE = {rmse:.2g} nats"
    assert len(labels) == 3
    assert display.ax_ is ax and display.figure_ is ax.figure


def test_one_pair_of_models(log_evidence):
    exact = log_evidence[:, 0]
    display = BayesFactorRecoveryDisplay.from_predictions(exact + 0.1, exact)
    assert display.exact.shape == (100, 1)
    np.testing.assert_allclose(display.rmse, 0.1)
    assert display.ax_.get_legend_handles_labels()[1][0].startswith("0: r = 1.000")


def test_it_is_drawn_again_without_figures():
    display = BayesFactorRecoveryDisplay(log_bayes_factors=[[1.0], [2.0]], exact=[[1.1], [8.0]], classes=["a"]).plot()
    assert display.ax_.get_legend_handles_labels()[1] == ["a", "exact"]
    low, high = display.ax_.get_xlim()
    assert low < -6 and high > 8


def test_what_is_refused(comparator, log_evidence):
    with pytest.raises(ShapeError, match=r"one column for each of \['sir', 'si', 'seir'\]"):
        BayesFactorRecoveryDisplay.from_estimator(comparator, log_evidence, log_evidence[:, :2])
    with pytest.raises(ShapeError, match="must both have shape"):
        BayesFactorRecoveryDisplay.from_estimator(comparator, log_evidence, log_evidence[:50])
    with pytest.raises(ValueError, match="exact must be finite"):
        BayesFactorRecoveryDisplay.from_estimator(comparator, log_evidence, np.full((100, 3), -np.inf))
    with pytest.raises(ShapeError, match=r"got \(2,\) and \(2,\)"):
        BayesFactorRecoveryDisplay(log_bayes_factors=[1.0, 2.0], exact=[1.0, 2.0]).plot()
    with pytest.raises(ShapeError, match="one label for each of 1 models"):
        BayesFactorRecoveryDisplay(log_bayes_factors=[[1.0]], exact=[[1.0]], classes=["a", "b"]).plot()
