import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.plotting import ParetoKDisplay, RungDisplay
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
    )


def test_rungs_are_counted(refined):
    display = RungDisplay.from_refined(refined)
    assert display.summary["reached"].to_list() == [6, 4, 2]
    assert display.summary["answered"].to_list() == [3, 1, 2]
    accepted, failed = ([bar.get_width() for bar in bars] for bars in display.ax_.containers)
    assert (accepted, failed) == ([2, 1, 1], [1, 0, 1])
    assert [text.get_text().strip() for text in display.ax_.texts][1] == "1 of 4, 0.3 s"
    plt.close(display.figure_)


def test_data_sets_stand_by_their_pareto_k(refined):
    display = ParetoKDisplay.from_refined(refined)
    assert display.order_.tolist() == [1, 4, 2, 5]
    good, bad, line = display.ax_.lines
    assert good.get_xydata().tolist() == [[0.0, 0.3]]
    assert bad.get_xydata().tolist() == [[1.0, 0.9], [2.0, 1.5], [3.0, 1.5]]
    assert set(line.get_ydata()) == {0.7}
    plt.close(display.figure_)


def test_displays_draw_into_given_axes(refined):
    figure, axes = plt.subplots(1, 2)
    assert RungDisplay.from_refined(refined, ax=axes[0]).ax_ is axes[0]
    assert ParetoKDisplay.from_refined(refined, ax=axes[1]).figure_ is figure
    plt.close(figure)


def test_nothing_to_look_at():
    with pytest.raises(ValueError, match="no data set has a Pareto k"):
        ParetoKDisplay(pareto_k=np.full(3, np.nan), largest_k=0.7).plot()
