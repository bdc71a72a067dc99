"""Reports as text, HTML and pictures."""

import pickle
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skabi import reports
from skabi.plotting._canvas import p_value_in_words
from skabi.reports._rendering import _p_value
from skabi.reports._verdicts import worst


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def bad_report(simulator, make_posterior):
    return reports.check(make_posterior(spread=0.5), simulator, n_datasets=200, n_draws=50, random_state=0)


def test_text_is_short_and_says_what_to_try(bad_report):
    text = repr(bad_report)
    assert text.startswith("Posterior check: bad (")
    assert "theta[0]" in text
    assert "intervals too narrow" in text
    assert "-> More simulations" in text
    assert "200 data sets" in text
    assert max(map(len, text.splitlines())) <= 132


def test_text_of_many_parameters_is_cut():
    rng = np.random.default_rng(0)

    class Prior:
        def sample(self, X, n_draws, *, random_state):
            return np.random.default_rng(random_state).normal(size=(len(X), n_draws, 40))

    y = rng.normal(size=(100, 40))
    report = reports.check(Prior(), np.zeros((100, 1)), y, n_draws=20, random_state=0)
    assert "more, all at least as good" in repr(report)
    assert len(repr(report).splitlines()) < 60
    assert report.plot().axes_.size == 9


def test_html_has_words_beside_colours_and_nothing_from_elsewhere(bad_report):
    reader = Reader()
    reader.feed(bad_report._repr_html_())
    text = " ".join(reader.text)
    for word in ("good", "bad", "intervals too narrow", "What to try:"):
        assert word in text
    coloured = [attrs["style"] for tag, attrs in reader.tags if tag == "span" and "background" in attrs["style"]]
    assert len(coloured) == 1 + len(bad_report.table)
    assert not {"script", "link", "img"} & {tag for tag, _ in reader.tags}
    assert "http" not in bad_report._repr_html_()


def test_html_escapes_names(simulator, make_posterior):
    X, y = simulator.sample(50, random_state=0)
    y = pd.DataFrame(y.to_numpy(), columns=["<script>alert(1)</script>", "a & b"])
    html = reports.check(make_posterior(spread=0.3), X, y, n_draws=50, random_state=0)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html


def test_plot_has_a_panel_for_each_result(fitted, simulator):
    report = reports.check(fitted, simulator, n_datasets=50, n_draws=30, random_state=0)
    assert report.plot() is report
    panels = [panel for panel in report.axes_.ravel() if panel is not None]
    titles = [panel.get_title().split("\n")[0] for panel in panels]
    assert titles == [
        "Ranks of the truth: good",
        "Central intervals: good",
        "Regions of highest density: good",
        "Balls around random points: good",
        "Training",
        "Posterior predictive check: good",
        *fitted.parameter_names_,
    ]
    assert all(panel.figure is report.figure_ for panel in panels)
    report.figure_.canvas.draw()


def test_panels_say_what_the_table_says(bad_report):
    ranks = bad_report.plot().axes_[0, 0]
    rows = bad_report.table[bad_report.table["check"] == "SBC ranks"]
    assert ranks.get_title() == f"Ranks of the truth: {worst(rows['verdict'])}"
    labels = ranks.get_legend_handles_labels()[1]
    assert "97.5 % simultaneous band" in labels
    assert f"theta[0]: outside, {p_value_in_words(rows['adjusted_p_value'].iloc[0])}" in labels


def test_legends_stay_in_their_panels(simulator, make_posterior):
    def statistics(X):
        return pd.DataFrame(
            {f"a statistic with quite a long name {j}": X[:, 0] + 50.0 * (j == 2) * X[:, 1] for j in range(6)}
        )

    report = reports.check(
        make_posterior(shift=2.0), simulator, statistics=statistics, n_datasets=300, n_draws=50, random_state=0
    ).plot()
    report.figure_.canvas.draw()
    for panel in report.axes_.ravel():
        if panel is not None and panel.get_legend() is not None:
            assert panel.get_legend().get_window_extent().x1 <= panel.get_window_extent().x1


def test_small_p_values_are_all_alike():
    assert [_p_value(value) for value in (0.0, 1e-9, 3e-4, 9e-4, 0.0012, np.nan)] == [*["< 0.001"] * 4, "0.001", ""]


def test_plot_leaves_out_what_was_not_checked(bad_report):
    panels = bad_report.plot().axes_
    assert panels.shape == (3, 3)
    assert sum(panel is not None for panel in panels.ravel()) == 7


def test_plot_into_axes_that_are_given(bad_report):
    figure, ax = plt.subplots()
    assert bad_report.plot(ax=ax).figure_ is figure
    figure, axes = plt.subplots(3, 3)
    assert bad_report.plot(ax=axes).axes_[0, 0] is axes[0, 0]


def test_report_pickles(bad_report):
    again = pickle.loads(pickle.dumps(bad_report))
    pd.testing.assert_frame_equal(again.table, bad_report.table)
    assert repr(again) == repr(bad_report)


def test_problems_have_the_bad_ones_first(bad_report):
    verdicts = bad_report.problems["verdict"].to_list()
    assert verdicts == sorted(verdicts)
    assert "good" not in verdicts
