"""ArviZ's table of models, for numbers that are known."""

import numpy as np
import pytest

from skabi.datasets import GaussianMeanScale
from skabi.exceptions import ShapeError
from skabi.model_selection import CrossValElpd, PsisLoo, compare, cross_val_elpd, psis_loo
from skabi.model_selection._elpd import totals

pytest.importorskip("arviz_stats")
TERMS = np.random.default_rng(0).normal(-1.0, 0.3, size=20)


def result(*pointwise):
    elpd = np.array([np.nansum(terms) for terms in pointwise])
    return CrossValElpd(list(pointwise), elpd, np.ones(len(elpd)), np.zeros(len(elpd)), 20)


def test_order_and_differences():
    other = TERMS + np.linspace(-0.5, 0.1, 20)
    table = compare({"poor": result(TERMS - 1.0), "good": result(TERMS), "other": result(other)})
    assert list(table.index) == ["good", "other", "poor"]
    assert list(table["rank"]) == [0, 1, 2]
    np.testing.assert_allclose(table["elpd"], [TERMS.sum(), other.sum(), TERMS.sum() - 20], rtol=1e-12)
    np.testing.assert_allclose(table["elpd_diff"], [0.0, (TERMS - other).sum(), 20.0], rtol=1e-12)
    np.testing.assert_allclose(table["se"], [np.sqrt(20) * t.std() for t in (TERMS, other, TERMS)], rtol=0.03)
    np.testing.assert_allclose(table["dse"], [0.0, np.sqrt(20) * (TERMS - other).std(), 0.0], rtol=0.03, atol=1e-9)
    assert table["weight"].sum() == pytest.approx(1.0)
    assert table["p"].isna().all()


def test_one_of_several_data_sets():
    one, other = result(TERMS, TERMS[:7] - 1.0), result(TERMS - 1.0, TERMS[:7])
    for dataset, best in ((0, "one"), (1, "other")):
        table = compare({"one": one, "other": other}, dataset=dataset)
        assert table.index[0] == best
        assert table["elpd_diff"].iloc[1] == pytest.approx([20.0, 7.0][dataset])


def test_observations_that_were_never_held_out():
    terms = TERMS.copy()
    terms[:5] = np.nan
    table = compare({"one": result(terms), "other": result(terms - 1.0)})
    np.testing.assert_allclose(table["elpd"], [terms[5:].sum(), terms[5:].sum() - 15])
    np.testing.assert_allclose(table["se"], np.sqrt(15) * terms[5:].std(), rtol=0.04)
    with pytest.raises(ValueError, match="the same observations of data set 0 must have been held out for every model"):
        compare({"one": result(terms), "other": result(terms[::-1])})


def test_estimates_that_cannot_be_relied_on():
    k = np.full(20, 0.2)
    good = PsisLoo([TERMS], np.array([TERMS.sum()]), np.ones(1), [k], 500)
    bad = PsisLoo([TERMS - 1], np.array([TERMS.sum() - 20]), np.ones(1), [np.append(k[1:], 0.8)], 500)
    table = compare({"good": good, "bad": bad})
    assert table["warning"].to_dict() == {"good": False, "bad": True}
    assert not compare({"good": good, "other": result(TERMS - 1)})["warning"].any()


def test_results_of_both_kinds(exact):
    """The same model twice: both ways to leave one out agree within the standard error of their difference."""
    simulator = GaussianMeanScale((20, 40))
    X, _ = simulator.sample(2, random_state=0)
    results = {method.__name__: method(exact(simulator), X, random_state=0) for method in (psis_loo, cross_val_elpd)}
    table = compare(results, dataset=1)
    assert set(table.index) == {"psis_loo", "cross_val_elpd"}
    assert table["elpd_diff"].iloc[1] < 0.1 * table["se"].iloc[0]


@pytest.mark.parametrize("results", [{}, {"alone": result(TERMS)}])
def test_fewer_than_two_models(results):
    with pytest.raises(ValueError, match="at least two models; got"):
        compare(results)


@pytest.mark.parametrize(("dataset", "error"), [(1, ValueError), (-1, ValueError), (0.0, TypeError)])
def test_data_set_that_is_none(dataset, error):
    with pytest.raises(error, match="dataset must be"):
        compare({"one": result(TERMS), "other": result(TERMS)}, dataset=dataset)


def test_results_of_other_data():
    with pytest.raises(ShapeError, match=r"must be of the same data sets; got \[1, 2\] of them"):
        compare({"one": result(TERMS), "other": result(TERMS, TERMS)})
    with pytest.raises(ShapeError, match=r"data set 0 must have as many observations for every model; got \[7, 20\]"):
        compare({"one": result(TERMS), "other": result(TERMS[:7])})


def test_what_is_no_dict_of_results():
    for results in ([result(TERMS), result(TERMS)], {"one": TERMS, "other": TERMS}):
        with pytest.raises(TypeError, match="must be a dict of what cross_val_elpd or psis_loo return"):
            compare(results)


def test_observations_that_a_model_excludes():
    terms = TERMS.copy()
    terms[[3, 7]] = -np.inf
    match = "2 observations of data set 0 have an infinite log predictive density under 'narrow', the first is 3"
    with pytest.raises(ValueError, match=match):
        compare({"good": result(TERMS), "narrow": result(terms)})
    assert compare({"one": result(terms, TERMS), "other": result(terms, TERMS - 1)}, dataset=1).index[0] == "one"


def test_observations_that_could_not_be_left_out():
    terms = np.append(TERMS[1:], np.nan)
    poor = PsisLoo([terms], np.array([np.nan]), np.ones(1), [np.append(np.full(19, 0.2), np.inf)], 500)
    with pytest.raises(ValueError, match="elpd of data set 0 under 'poor' is NaN: some observation could not be left"):
        compare({"poor": poor, "other": poor})


def test_the_total_of_excluded_observations_has_no_standard_error():
    sums, errors = totals([np.array([-1.0, -np.inf]), np.array([-1.0, -2.0]), np.array([-1.0, np.nan])])
    np.testing.assert_array_equal(sums, [-np.inf, -3.0, -1.0])
    np.testing.assert_allclose(errors, [np.nan, 1.0, np.nan])
