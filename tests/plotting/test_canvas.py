import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.plotting import (
    C2STDisplay,
    CoverageDisplay,
    ElpdDifferenceDisplay,
    EvidenceDisplay,
    HighestDensityCoverageDisplay,
    JointSBCDisplay,
    LossCurveDisplay,
    PairsDisplay,
    PITDisplay,
    RecoveryDisplay,
    SBCDisplay,
    TARPDisplay,
)
from skabi.plotting._canvas import line_style, many_axes, one_axes


def test_import_of_plotting_does_not_import_matplotlib():
    code = "import sys, skabi.plotting; print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


@pytest.fixture
def without_matplotlib(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "matplotlib":
                raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")

    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])


@pytest.mark.parametrize(
    "display",
    [
        C2STDisplay(values=[0.5]),
        ElpdDifferenceDisplay(pointwise=[[0.5, 1.0]]),
        EvidenceDisplay(median=[-1.0], lower=[-2.0], upper=[0.0]),
        LossCurveDisplay(training_loss=[1.0, 0.5]),
        PairsDisplay(draws=np.arange(20.0).reshape(10, 2)),
    ],
)
def test_missing_matplotlib_is_named_with_its_extra(display, without_matplotlib):
    with pytest.raises(ImportError, match=r"needs matplotlib.*pip install \"skabi\[plots\]\""):
        display.plot()


@pytest.mark.parametrize(
    ("display", "n_arguments"),
    [
        (C2STDisplay, 3),
        (CoverageDisplay, 3),
        (EvidenceDisplay, 2),
        (HighestDensityCoverageDisplay, 3),
        (JointSBCDisplay, 1),
        (PITDisplay, 3),
        (PairsDisplay, 3),
        (RecoveryDisplay, 3),
        (SBCDisplay, 3),
        (TARPDisplay, 3),
    ],
)
def test_missing_matplotlib_is_found_before_sampling(display, n_arguments, without_matplotlib):
    # None cannot be sampled: any other order would raise another error.
    with pytest.raises(ImportError, match="needs matplotlib"):
        display.from_estimator(*[None] * n_arguments)


def test_one_axes_draws_into_the_axes_given_and_makes_no_figure():
    figure, ax = plt.subplots()
    before = plt.get_fignums()
    assert one_axes(ax) == (figure, ax)
    assert plt.get_fignums() == before


def test_one_axes_makes_a_figure_that_pyplot_knows():
    figure, _ = one_axes(None)
    assert plt.get_fignums() == [figure.number]


def test_one_axes_refuses_an_array():
    _, axes = plt.subplots(1, 2)
    with pytest.raises(TypeError, match="one matplotlib Axes or None; got ndarray"):
        C2STDisplay(values=[0.5]).plot(ax=axes)


def test_plotting_leaves_settings_and_other_figures_alone():
    other, other_ax = plt.subplots()
    _, target = plt.subplots()
    plt.sca(other_ax)
    before = dict(mpl.rcParams)
    LossCurveDisplay(training_loss=[1.0, 0.5]).plot(ax=target)
    C2STDisplay(values=[0.5, 0.6]).plot(ax=target)
    PairsDisplay(draws=np.random.default_rng(0).normal(size=(100, 2))).plot()
    assert dict(mpl.rcParams) == before
    assert plt.fignum_exists(other.number)
    assert not other_ax.has_data()


@pytest.fixture
def used():
    return np.array([[True, True], [True, False]])


def test_one_axes_is_divided_once(used):
    figure, (left, right) = plt.subplots(1, 2)
    made_in, divided, axes = many_axes(left, used=used, figsize=(3, 3))
    assert made_in is figure and divided is left
    assert not left.axison and right.axison
    assert [panel is not None for panel in axes.ravel()] == [True, True, True, False]
    assert axes[0, 0].get_position().x1 <= right.get_position().x0
    with pytest.raises(ValueError, match="already divided"):
        many_axes(left, used=used, figsize=(3, 3))


def test_axes_outside_a_grid_cannot_be_divided(used):
    ax = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="belong to a grid"):
        many_axes(ax, used=used, figsize=(3, 3))


def test_array_of_axes_for_the_whole_grid_or_for_the_panels(used):
    _, grid = plt.subplots(2, 2)
    _, divided, axes = many_axes(grid, used=used, figsize=(3, 3))
    assert divided is None
    assert axes[used].tolist() == grid[used].tolist()
    assert axes[1, 1] is None and not grid[1, 1].axison

    _, row = plt.subplots(1, 3)
    assert many_axes(list(row), used=used, figsize=(3, 3))[2][used].tolist() == row.tolist()


def test_array_of_axes_of_the_wrong_size_or_kind(used):
    _, row = plt.subplots(1, 2)
    with pytest.raises(ValueError, match=r"3 axes, one for each panel, or 4 .*got 2"):
        many_axes(row, used=used, figsize=(3, 3))
    with pytest.raises(TypeError, match="array of them"):
        many_axes([1, 2, 3], used=used, figsize=(3, 3))


def test_display_draws_again_into_its_own_panels(exact, simulations):
    X, y = simulations
    display = RecoveryDisplay.from_estimator(exact, X, y, n_draws=50, random_state=0)
    panels = display.axes_
    assert display.plot(ax=panels).axes_[0, 1] is panels[0, 1]


def test_28_lines_are_distinct():
    assert len({tuple(line_style(index).values()) for index in range(28)}) == 28
    assert line_style(28) == line_style(0)
