"""Log Bayes factors against exact ones."""

import numpy as np
import pytest

from skabi.diagnostics import bayes_factor_recovery
from skabi.exceptions import ShapeError


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    exact = 5 * rng.normal(size=(300, 3))
    exact[:, 1] = 0
    learned = np.where(exact == 0, 0.0, 0.2 + exact + 0.5 * rng.normal(size=exact.shape))
    exact.flags.writeable = learned.flags.writeable = False
    return learned, exact


def test_figures_are_of_exact_values_below_the_largest(pair):
    learned, exact = pair
    table = bayes_factor_recovery(learned, exact, largest=4.0, classes=["a", "b", "c"], n_resamples=50, random_state=0)
    assert table.index.names == ["model", "figure"]
    assert list(table.index.unique("model")) == ["a", "c"]  # b is the reference.
    for j, name in ((0, "a"), (2, "c")):
        rows = np.abs(exact[:, j]) < 4
        x, y = learned[rows, j], exact[rows, j]
        expected = [np.corrcoef(x, y)[0, 1], np.mean(x - y), np.mean(np.abs(x - y)), np.sqrt(np.mean((x - y) ** 2))]
        figures = table.loc[name]
        assert list(figures.index) == ["correlation", "bias", "mean_absolute_error", "rmse"]
        np.testing.assert_allclose(figures["value"], expected)
        assert (figures["n_datasets"] == rows.sum()).all()
        assert ((figures["lower"] < figures["value"]) & (figures["value"] < figures["upper"])).all()
    assert table["n_datasets"].dtype == int


def test_one_dimension_is_one_pair(pair):
    learned, exact = (values[:, 2] for values in pair)
    table = bayes_factor_recovery(learned, exact, n_resamples=20, random_state=0)
    assert list(table.index.unique("model")) == [0]
    assert table.equals(bayes_factor_recovery(learned, exact, n_resamples=20, random_state=0))


def test_exact_ones_are_recovered(pair):
    _, exact = pair
    table = bayes_factor_recovery(exact, exact, n_resamples=20, random_state=0)
    for column in ("value", "lower", "upper"):
        values = table[column].unstack("figure")
        np.testing.assert_allclose(values["correlation"], 1.0)
        np.testing.assert_allclose(values.drop(columns="correlation"), 0.0)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of normal errors: bias 0.2, RMSE sqrt(0.2 ** 2 + 0.4 ** 2), correlation 1 / sqrt(1 + 0.4 ** 2 / 2 ** 2)."""
    rng, n_repeats, level = np.random.default_rng(1), 120, 0.9
    truth = {"correlation": 1 / np.sqrt(1 + 0.4**2 / 2**2), "bias": 0.2, "rmse": np.sqrt(0.2**2 + 0.4**2)}
    held = dict.fromkeys(truth, 0)
    for i in range(n_repeats):
        exact = 2 * rng.normal(size=150)
        learned = exact + 0.2 + 0.4 * rng.normal(size=150)
        table = bayes_factor_recovery(
            learned, exact, largest=50.0, confidence_level=level, n_resamples=99, random_state=i
        ).loc[0]
        for figure, value in truth.items():
            held[figure] += table.loc[figure, "lower"] <= value <= table.loc[figure, "upper"]
    # Percentile intervals of few resamples are a little short: 0.03 beside four standard errors.
    error = 4 * np.sqrt(level * (1 - level) / n_repeats)
    for count in held.values():
        assert level - 0.03 - error < count / n_repeats < level + error


def test_what_does_not_vary_has_no_correlation():
    table = bayes_factor_recovery([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], n_resamples=5, random_state=0).loc[0]
    assert table.loc["correlation", ["value", "lower", "upper"]].isna().all()
    np.testing.assert_allclose(table.loc["bias", "value"], 0.3)


def test_tiny_samples():
    table = bayes_factor_recovery([0.1, 0.5], [0.0, 0.3], n_resamples=30, random_state=0).loc[0]
    assert np.isfinite(table[["value", "lower", "upper"]]).all(axis=None)


@pytest.mark.parametrize(
    ("learned", "exact", "options", "error", "words"),
    [
        ([1.0, np.nan], [1.0, 2.0], {}, ValueError, "log_bayes_factors must be finite"),
        ([1.0, 2.0], [1.0, -np.inf], {}, ValueError, "exact must be finite"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], {}, ShapeError, r"got \(2,\) and \(3,\)"),
        ([1.0, 2.0], [[1.0], [2.0]], {}, ShapeError, r"must both have shape"),
        (1.0, 1.0, {}, ShapeError, "must both have shape"),
        ([], [], {}, ShapeError, "must both have shape"),
        ([0.0, 0.0], [0.0, 0.0], {}, ValueError, "nothing to compare"),
        ([[0.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [2.0, 0.0]], {}, ValueError, "against the same reference"),
        ([7.0, 8.0, 1.0], [7.0, 8.0, 1.0], {}, ValueError, "at least 2 data sets.* got 1 of 3"),
        ([1.0, 2.0], [1.0, 2.0], {"classes": ["a", "b"]}, ShapeError, "one label for each of 1 columns"),
        ([[1.0, 2.0]], [[1.0, 2.0]], {"classes": ["a", "a"]}, ValueError, "classes must be different"),
        ([1.0, 2.0], [1.0, 2.0], {"largest": 0.0}, ValueError, "largest must lie"),
        ([1.0, 2.0], [1.0, 2.0], {"confidence_level": 95}, ValueError, "confidence_level must lie"),
        ([1.0, 2.0], [1.0, 2.0], {"n_resamples": 0}, ValueError, "n_resamples must be"),
    ],
)
def test_what_is_refused(learned, exact, options, error, words):
    with pytest.raises(error, match=words):
        bayes_factor_recovery(learned, exact, **options)
