import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skabi.exceptions import ShapeError
from skabi.misspecification import MahalanobisDetector
from skabi.plotting import MisspecificationDisplay


@pytest.fixture(scope="module")
def detector():
    X = np.random.default_rng(0).normal(size=(1000, 2))
    return MahalanobisDetector(random_state=0).fit(X)


def labels(display):
    return display.ax_.get_legend_handles_labels()[1]


def test_data_sets_stand_at_their_scores_in_the_colour_of_the_verdict(detector):
    X = [[0.1, 0.2], [1.0, 0.0], [4.0, 0.0]]
    display = MisspecificationDisplay.from_estimator(detector, X)
    np.testing.assert_array_equal(display.scores, detector.score_samples(X))
    np.testing.assert_array_equal(display.is_outlier_, detector.predict(X) < 0)
    cutoff, usual, outlier = display.ax_.lines
    assert cutoff.get_xdata()[0] == detector.offset_
    np.testing.assert_array_equal(usual.get_xdata(), display.scores[:2])
    np.testing.assert_array_equal(outlier.get_xdata(), display.scores[2:])
    assert usual.get_color() != outlier.get_color()
    assert labels(display)[:2] == ["2 usual", "1 outlier"] or {"2 usual", "1 outlier"} <= set(labels(display))


def test_the_histogram_is_that_of_the_data_sets_kept_apart(detector):
    display = MisspecificationDisplay.from_estimator(detector, [[0.1, 0.2]])
    area = sum(patch.get_height() * patch.get_width() for patch in display.ax_.patches)
    assert area == pytest.approx(1.0)
    assert display.ax_.patches[0].get_x() == pytest.approx(detector.reference_scores_[0])
    below = np.mean(detector.reference_scores_ < detector.offset_)
    assert f"cut-off, {below:.1%} of them below" in labels(display)


def test_what_is_far_out_stands_at_the_end_of_the_axis(detector):
    display = MisspecificationDisplay.from_estimator(detector, [[1e6, 0.0], [0.0, 4.5]])
    marks = {line.get_marker(): line.get_xdata()[0] for line in display.ax_.lines if line.get_marker() in ("o", "<")}
    assert marks["<"] > display.ax_.get_xlim()[0] > -20
    assert marks["o"] == display.scores[1]
    assert "2 outliers" in labels(display)


def test_a_batch_is_one_mark_before_its_null(detector):
    X = np.random.default_rng(1).normal(0.8, 1.0, size=(15, 2))
    _, ax = plt.subplots()
    display = MisspecificationDisplay.from_estimator(detector, X, batch=True, n_null=100, random_state=3, ax=ax)
    test = detector.test(X, batch=True, n_null=100, random_state=3)
    np.testing.assert_array_equal(display.reference, -test.null)
    assert display.scores == [-test.statistic] and display.ax_ is ax
    assert f"the batch, p = {test.p_value:.3g}" in labels(display)
    assert display.is_outlier_.tolist() == [True]


def test_the_cut_off_ends_below_the_legend(detector):
    display = MisspecificationDisplay.from_estimator(detector, [[0.1, 0.2], [5.0, 0.0]])
    display.figure_.canvas.draw()
    top = display.ax_.transData.transform((0.0, display.ax_.lines[0].get_ydata().max()))[1]
    assert top <= display.ax_.get_legend().get_window_extent().y0


def test_bad_input_is_refused(detector):
    with pytest.raises(NotFittedError):
        MisspecificationDisplay.from_estimator(MahalanobisDetector(), [[0.0, 0.0]])
    with pytest.raises(ShapeError, match="reference and scores must have shapes"):
        MisspecificationDisplay(reference=[[1.0]], scores=[1.0], cutoff=0.0).plot()
    with pytest.raises(ValueError, match="scores must be finite"):
        MisspecificationDisplay(reference=[1.0, 2.0], scores=[-np.inf], cutoff=0.0).plot()
