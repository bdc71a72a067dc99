import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.plotting import RecoveryDisplay


def test_points_bars_and_titles_are_means_intervals_and_agreement(exact, simulations):
    X, y = simulations
    display = RecoveryDisplay.from_estimator(exact, X, y, n_draws=400, prob=0.8, random_state=0)
    draws, truth = exact.sample(X, 400, random_state=0), y.to_numpy()
    assert display.axes_.shape == (1, 2)
    for j, panel in enumerate(display.axes_[0]):
        mean = draws[..., j].mean(axis=1)
        points = np.concatenate([line.get_xydata() for line in panel.lines if line.get_marker() == "o"])
        expected = np.column_stack([truth[:, j], mean])
        np.testing.assert_allclose(np.sort(points, axis=0), np.sort(expected, axis=0))
        np.testing.assert_allclose(points[np.argsort(points[:, 0]), 1], mean[np.argsort(truth[:, j])])

        bars = np.concatenate([np.asarray(bars.get_segments()) for bars in panel.collections])
        bars = bars[np.argsort(bars[:, 0, 0])]
        limits = np.percentile(draws[..., j], [10, 90], axis=1).T
        np.testing.assert_allclose(bars[:, :, 1], limits[np.argsort(truth[:, j])])

        correlation = np.corrcoef(mean, truth[:, j])[0, 1]
        rmse = np.sqrt(np.mean((mean - truth[:, j]) ** 2))
        assert panel.get_title() == f"{y.columns[j]}\nr = {correlation:.2f}, RMSE = {rmse:.3g}"
    assert display.axes_[0, 0].get_ylabel() == "posterior mean and 80 % interval"


def test_missed_intervals_are_marked_and_counted(exact, simulations):
    X, y = simulations
    display = RecoveryDisplay.from_estimator(exact, X, y, random_state=0)
    expected = (y.to_numpy() < display.lower) | (y.to_numpy() > display.upper)
    np.testing.assert_array_equal(display.missed_, expected)
    hit, missed = display.axes_[0, 0].collections
    assert len(missed.get_segments()) == expected[:, 0].sum()
    assert len(hit.get_segments()) == (~expected[:, 0]).sum()
    share = f"{100 * expected[:, 0].mean():.0f} % of intervals miss"
    assert share in [text.get_text() for text in display.axes_[0, 0].texts]
    # 10 % of 400 intervals, give or take 4.5 standard errors of 1.5 %.
    assert abs(expected.mean() - 0.1) < 0.0675


def test_panels_fill_rows_of_three():
    rng = np.random.default_rng(0)
    display = RecoveryDisplay.from_draws(rng.normal(size=(20, 30, 5)), rng.normal(size=(20, 5)))
    assert display.axes_.shape == (2, 3)
    assert display.axes_[1, 2] is None
    labelled = [panel.get_xlabel() == "true value" for panel in display.axes_.ravel()[:5]]
    assert labelled == [False, False, True, True, True]
    _, axes = plt.subplots(1, 5)
    assert display.plot(ax=axes).axes_[1, 1] is axes[4]


def test_one_dimensional_y_is_one_parameter():
    rng = np.random.default_rng(0)
    display = RecoveryDisplay.from_draws(rng.normal(size=(20, 30, 1)), rng.normal(size=20))
    assert display.true_values.shape == (20, 1)


@pytest.mark.parametrize("prob", [0, 1.0, 90])
def test_prob_outside_the_unit_interval_raises(prob):
    with pytest.raises(ValueError, match="prob must lie between 0 and 1"):
        RecoveryDisplay.from_draws(np.zeros((5, 10, 1)), np.zeros((5, 1)), prob=prob)
