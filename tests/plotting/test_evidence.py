from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import ShapeError
from skabi.plotting import EvidenceDisplay


def _bars(ax):
    """Return `(n, 3)`: where each interval stands and its ends, from left to right."""
    segments = np.concatenate([bars.get_segments() for bars in ax.collections])
    return segments[np.argsort(segments[:, 0, 0])][:, [0, 0, 1], [0, 1, 1]]


def _points(ax):
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    return points[np.argsort(points[:, 0])]


def test_without_exact_values_data_sets_are_sorted(joint, simulations):
    X = simulations[0][:12]
    ax = plt.figure().add_subplot()
    display = EvidenceDisplay.from_estimator(joint, X, n_draws=400, random_state=0, ax=ax)
    evidence = joint.log_evidence(X, n_draws=400, random_state=0)
    order = np.argsort(evidence.median)
    np.testing.assert_array_equal(display.order_, order)
    np.testing.assert_array_equal(_points(ax), np.column_stack([np.arange(12), evidence.median[order]]))
    np.testing.assert_array_equal(
        _bars(ax), np.column_stack([np.arange(12), evidence.lower[order], evidence.upper[order]])
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(i) for i in order]
    assert display.error_ is None and display.missed_ is None
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert ax.get_ylabel() == "log evidence (nats)"
    (label,) = ax.get_legend_handles_labels()[1]
    assert label.endswith(f"typical width {np.median(evidence.upper - evidence.lower):.2g} nats")


def test_many_data_sets_are_not_numbered(joint, simulations):
    display = EvidenceDisplay.from_estimator(joint, simulations[0], n_draws=10, random_state=0)
    assert display.ax_.get_xlabel() == "data sets, sorted by log evidence"
    assert len(display.ax_.get_xticks()) < 20


def test_of_an_exact_pair_there_is_no_error(joint, simulations):
    X = simulations[0]
    # log p(x) of two features, each N(0, 1 + 1/4): likelihood * prior / posterior, whatever the draw.
    exact = stats.norm(0, np.sqrt(1.25)).logpdf(X).sum(axis=1)
    display = EvidenceDisplay.from_estimator(joint, X, n_draws=50, exact=exact, random_state=0)
    np.testing.assert_allclose(display.error_, 0, atol=1e-10)
    np.testing.assert_allclose(display.upper - display.lower, 0, atol=1e-10)


def test_errors_are_drawn_against_exact_values(joint, simulations):
    joint.noise = 0.6
    evidence = joint.log_evidence(simulations[0], n_draws=400, random_state=0)
    exact = evidence.median + np.random.default_rng(0).normal(scale=0.5, size=200)
    display = EvidenceDisplay.from_evidence(evidence, exact=exact)
    error, order = evidence.median - exact, np.argsort(exact)
    np.testing.assert_allclose(display.error_, error)
    np.testing.assert_allclose(_points(display.ax_), np.column_stack([exact, error])[order])
    ends = np.column_stack([exact, evidence.lower - exact, evidence.upper - exact])
    np.testing.assert_allclose(_bars(display.ax_), ends[order])

    missed = (evidence.lower > exact) | (evidence.upper < exact)
    n_missed = np.count_nonzero(missed)
    assert 0 < n_missed < 200
    np.testing.assert_array_equal(display.missed_, missed)
    assert display.ax_.get_legend_handles_labels()[1] == [
        f"exact value; root mean squared error {np.sqrt(np.mean(error**2)):.3g} nats",
        f"90 % interval of the draws holds it: {200 - n_missed} data sets",
        f"90 % interval of the draws misses it: {n_missed} data sets",
    ]
    assert display.ax_.lines[0].get_ydata()[0] == 0


@pytest.mark.parametrize("exact", [None, [-6.0]])
def test_legend_stands_above_a_single_interval(exact):
    evidence = SimpleNamespace(median=[-5.0], lower=[-9.0], upper=[-3.0])
    display = EvidenceDisplay.from_evidence(evidence, exact=exact)
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    top = _bars(display.ax_)[0, 2]
    assert display.ax_.transData.transform((0, top))[1] < legend.y0
    low, high = display.ax_.get_ylim()
    assert low < _bars(display.ax_)[0, 1] and high > top


def test_values_that_do_not_fit_raise():
    with pytest.raises(ShapeError, match=r"upper must have shape \(n_datasets,\), here \(2,\).*got \(3,\)"):
        EvidenceDisplay(median=[1.0, 2.0], lower=[0.0, 1.0], upper=[1.0, 2.0, 3.0]).plot()
    with pytest.raises(ShapeError, match="exact must have shape"):
        EvidenceDisplay(median=[1.0, 2.0], lower=[0.0, 1.0], upper=[1.0, 2.0], exact=-1.0).plot()
    with pytest.raises(ShapeError, match="at least one data set"):
        EvidenceDisplay(median=[], lower=[], upper=[]).plot()
    with pytest.raises(ValueError, match="median must be finite"):
        EvidenceDisplay(median=[-np.inf], lower=[0.0], upper=[1.0]).plot()
