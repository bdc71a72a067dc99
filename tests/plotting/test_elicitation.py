from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skabi.plotting import ElicitationDisplay

TABLE = pd.DataFrame(
    {
        "target": ["outcome"] * 12 + ["share"] * 2,
        "row": [*np.repeat([0, 1], 6), 0, 0],
        "statistic": [
            *(f"{p} %" for p in (5, 25, 40, 50, 75, 95)),
            *(f"{p} %" for p in (5, 25, 40, 50, 75, 95)),
            "mean",
            "sd",
        ],
        "stated": np.arange(14.0),
        "implied": np.arange(14.0) + 0.5,
    }
)


def test_statements_and_what_is_implied_stand_in_a_panel_for_each_target():
    display = ElicitationDisplay.from_estimator(SimpleNamespace(residuals_=TABLE))
    assert display.targets_ == ["outcome", "share"]
    first, second = display.axes_.ravel()[:2]
    stated, implied = first.lines
    np.testing.assert_array_equal(stated.get_ydata(), np.arange(12))
    np.testing.assert_array_equal(implied.get_ydata(), np.arange(12) + 0.5)
    # Columns are apart.
    np.testing.assert_array_equal(stated.get_xdata(), [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])
    assert [text.get_text() for text in first.get_xticklabels()] == ["0", "1"]
    assert [text.get_text() for text in second.get_xticklabels()] == ["mean", "sd"]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["stated", "implied by the prior"]
    plt.close(display.figure_)


def test_axes_that_are_given_are_used():
    figure, axes = plt.subplots(1, 2)
    display = ElicitationDisplay.from_residuals(TABLE, ax=axes)
    assert display.figure_ is figure and display.axes_[0, 0] is axes[0]
    plt.close(figure)


def test_tables_of_other_things_are_refused():
    with pytest.raises(ValueError, match=r"lacks \['stated'\]"):
        ElicitationDisplay.from_residuals(TABLE.drop(columns="stated"))
    with pytest.raises(ValueError, match="Call fit first"):
        ElicitationDisplay.from_estimator(SimpleNamespace())
