import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skabi.plotting import ParetoKDisplay, RungDisplay
from skabi.plotting._canvas import BLUE, INK, PALETTE, VERMILION
from skabi.refine import Refined

N_DATASETS = 6


@pytest.fixture
def refined():
    return Refined(
        draws=np.zeros((N_DATASETS, 3, 1)),
        rung=np.array(["amortized", "psis", "mcmc", "amortized", "mcmc", "amortized"]),
        is_accepted=np.array([True, True, True, True, False, False]),
        is_usual=np.array([True, False, False, True, False, False]),
        p_value=np.full(N_DATASETS, 0.5),
        force_psis=False,
        pareto_k=np.array([np.nan, 0.3, np.inf, np.nan, 0.9, np.inf]),
        largest_k=0.7,
        n_effective=np.full(N_DATASETS, np.nan),
        r_hat=np.array([np.nan, np.nan, 1.0, np.nan, 1.2, np.nan]),
        seconds={"detector": 0.1, "amortized": 0.2, "psis": 0.3, "mcmc": 0.4},
        spot_check=pd.DataFrame(),
    )


def test_refined_is_told_in_a_line(refined):
    assert repr(refined) == "Refined(6 data sets: 3 amortized, 1 psis, 2 mcmc; 4 accepted)"


def test_rungs_are_counted(refined):
    display = RungDisplay.from_refined(refined)
    assert display.summary["reached"].to_list() == [6, 4, 2]
    assert display.summary["answered"].to_list() == [3, 1, 2]
    accepted, failed = ([bar.get_width() for bar in bars] for bars in display.ax_.containers)
    assert (accepted, failed) == ([2, 1, 1], [1, 0, 1])
    assert [text.get_text().strip() for text in display.ax_.texts][1] == "1 of 4, 0.3 s"
    plt.close(display.figure_)


def points(display):
    return {
        (line.get_color(), line.get_marker()): line.get_xydata().tolist()
        for line in display.ax_.lines
        if line.get_linestyle() == "None"
    }


def test_data_sets_stand_by_their_pareto_k(refined):
    display = ParetoKDisplay.from_refined(refined)
    assert display.order_.tolist() == [1, 4, 2, 5]
    assert points(display) == {
        (BLUE, "o"): [[0.0, 0.3]],
        (VERMILION, "o"): [[1.0, 0.9]],
        (VERMILION, "^"): [[2.0, 1.5]],
        (INK, "^"): [[3.0, 1.5]],
    }
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["importance sampling", "Markov chains", "not answered", "largest k, 0.70"]
    assert set(display.ax_.lines[-1].get_ydata()) == {0.7}
    plt.close(display.figure_)


def test_too_few_draws_are_no_large_pareto_k():
    pareto_k = np.array([0.1, -0.9, 0.2])
    display = ParetoKDisplay(pareto_k=pareto_k, largest_k=0.7, rung=np.array(["mcmc", "psis", "psis"])).plot()
    assert points(display) == {
        (BLUE, "v"): [[0.0, -0.5]],
        (BLUE, "o"): [[2.0, 0.2]],
        (PALETTE[4], "o"): [[1.0, 0.1]],
    }
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["importance sampling", "Markov chains: too few draws", "largest k, 0.70"]
    plt.close(display.figure_)
    without = ParetoKDisplay(pareto_k=pareto_k, largest_k=0.7).plot()
    assert {color for color, _ in points(without)} == {BLUE}
    plt.close(without.figure_)


def test_displays_draw_into_given_axes(refined):
    figure, axes = plt.subplots(1, 2)
    assert RungDisplay.from_refined(refined, ax=axes[0]).ax_ is axes[0]
    assert ParetoKDisplay.from_refined(refined, ax=axes[1]).figure_ is figure
    plt.close(figure)


def test_nothing_to_look_at():
    with pytest.raises(ValueError, match="no data set has a Pareto k"):
        ParetoKDisplay(pareto_k=np.full(3, np.nan), largest_k=0.7).plot()
