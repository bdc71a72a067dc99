import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skabi.diagnostics import local_c2st
from skabi.exceptions import ShapeError
from skabi.plotting import LocalC2STDisplay


def _draws(estimator, simulations, X):
    return {
        "draws": estimator.sample(X, 50, random_state=1),
        "X": X,
        "draws_cal": estimator.sample(simulations[0], 1, random_state=2),
        "X_cal": simulations[0],
        "y_cal": simulations[1],
        "classifier": LogisticRegression(),
        "n_null": 19,
        "random_state": 3,
    }


def test_numbers_are_those_of_the_test(exact, simulations):
    given = _draws(exact, simulations, simulations[0][:4])
    display = LocalC2STDisplay.from_draws(**given)
    expected = local_c2st(**given)
    np.testing.assert_array_equal(display.statistic, expected.statistic)
    np.testing.assert_array_equal(display.null, expected.null)
    np.testing.assert_array_equal(display.p_value, expected.p_value)
    np.testing.assert_array_equal(display.order_, np.argsort(expected.statistic))
    assert display.ax_.get_ylabel().startswith("L-C2ST")
    assert display.ax_.figure is display.figure_


def test_one_data_set_is_a_histogram(exact, simulations):
    display = LocalC2STDisplay.from_draws(**_draws(exact, simulations, simulations[0][:1]))
    assert display.ax_.get_legend_handles_labels()[1][0] == "19 exchanges"
    assert display.ax_.get_xlabel().startswith("L-C2ST")


def test_estimator_is_sampled(exact, too_narrow, simulations):
    X, y = simulations
    settings = {"X_cal": X, "y_cal": y, "n_draws": 200, "n_draws_cal": 2, "n_null": 19, "random_state": 0}
    assert LocalC2STDisplay.from_estimator(too_narrow, X[:3], **settings).rejected_.all()
    display = LocalC2STDisplay.from_estimator(exact, X[:3], **settings, level=0.2)
    assert display.null.shape == (3, 19)


def test_the_order_is_that_of_the_statistic():
    null = np.random.default_rng(0).uniform(size=(3, 19)) * [[0.01], [1.0], [0.01]]
    display = LocalC2STDisplay(statistic=[0.02, 0.1, 0.005], null=null, p_value=[0.05, 0.9, 0.6]).plot()
    assert display.order_.tolist() == [2, 0, 1]
    assert display.ax_.get_xlabel() == "data set, counted from 0 and sorted by statistic"


def test_data_sets_of_another_form_are_summarised(exact, simulations):
    X, y = simulations

    class OfMeans:
        def sample(self, X, n_draws, *, random_state):
            return exact.sample(self.transform(X), n_draws, random_state=random_state)

        def transform(self, X):
            return np.stack([x.mean(axis=0) for x in X])

    noise = np.random.default_rng(0).normal(size=(len(X), 3, 2))
    sets = list(X[:, np.newaxis] + noise - noise.mean(axis=1, keepdims=True))
    settings = {"y_cal": y, "n_draws": 20, "n_null": 9, "classifier": LogisticRegression(), "random_state": 0}
    display = LocalC2STDisplay.from_estimator(OfMeans(), sets[:2], X_cal=sets, **settings)
    means = OfMeans().transform(sets)
    expected = LocalC2STDisplay.from_estimator(exact, means[:2], X_cal=means, **settings)
    np.testing.assert_allclose(display.statistic, expected.statistic)
    with pytest.raises(ShapeError, match=r"posterior\.transform\(X\)"):
        LocalC2STDisplay.from_draws(**(_draws(exact, simulations, X[:2]) | {"X": np.zeros((2, 3, 2))}))


def test_frames_are_taken_as_tables(exact, simulations):
    X = simulations[0]
    frame = pd.DataFrame(X, columns=["a", "b"])
    given = _draws(exact, simulations, X[:2]) | {"X": frame[:2], "X_cal": frame}
    np.testing.assert_allclose(
        LocalC2STDisplay.from_draws(**given).statistic,
        LocalC2STDisplay.from_draws(**_draws(exact, simulations, X[:2])).statistic,
    )
