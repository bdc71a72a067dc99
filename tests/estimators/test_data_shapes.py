"""Sets, series, images, several sources, ragged and missing data, through everything that an estimator does."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.helper import SliceDict

from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.simulators import Simulator
from skabi.summaries import (
    ExpertSummary,
    FusionSummary,
    IdentitySummary,
    ImageSummary,
    ModuleSummary,
    NestedSummary,
    SeriesSummary,
    SetSummary,
)

N = 60
RNG = np.random.default_rng(0)
Y = RNG.normal(size=(N, 2))


def sets(n_observations=6):
    return Y[:, np.newaxis] + RNG.normal(size=(N, n_observations, 2))


def ragged(low=3, high=9):
    return [y + RNG.normal(size=(n, 2)) for y, n in zip(Y, RNG.integers(low, high, size=N, endpoint=True), strict=True)]


def groups():
    return Y[:, np.newaxis, np.newaxis] + RNG.normal(size=(N, 4, 1, 2)) + RNG.normal(size=(N, 4, 3, 2))


def ragged_groups():
    sizes = RNG.integers(2, 6, size=(N, 2))
    return [y + RNG.normal(size=(n_groups, n, 2)) for y, (n_groups, n) in zip(Y, sizes, strict=True)]


def uneven_groups():
    sizes = [RNG.integers(1, 6, size=n_groups) for n_groups in RNG.integers(2, 5, size=N)]
    return [[y + RNG.normal(size=(n, 2)) for n in each] for y, each in zip(Y, sizes, strict=True)]


def images():
    return Y[:, :1, np.newaxis, np.newaxis] + RNG.normal(size=(N, 6, 6, 1))


def sources():
    return SliceDict(table=Y + RNG.normal(size=Y.shape), points=sets(), signal=sets(10)[..., :1])


def mean_of_each(X):
    return np.stack([np.mean(x, axis=0) for x in X])


KINDS = {
    "table": (sets(1)[:, 0], None, IdentitySummary),
    "flat set": (sets(), IdentitySummary(), IdentitySummary),
    "set": (sets(), None, SetSummary),
    "attending set": (sets(), SetSummary(width=8, n_attention_blocks=1), SetSummary),
    "ragged set": (ragged(), None, SetSummary),
    "ragged attending set": (ragged(), SetSummary(width=8, n_attention_blocks=1), SetSummary),
    "series": (sets(), SeriesSummary(width=8), SeriesSummary),
    "ragged series": (ragged(), SeriesSummary(width=8), SeriesSummary),
    "ragged attending series": (ragged(), SeriesSummary(width=8, n_attention_blocks=1), SeriesSummary),
    "groups": (groups(), NestedSummary(), NestedSummary),
    "ragged groups": (ragged_groups(), None, NestedSummary),
    "uneven groups": (uneven_groups(), None, NestedSummary),
    "groups of series": (ragged_groups(), NestedSummary(SeriesSummary(width=8)), NestedSummary),
    "image": (images(), None, ImageSummary),
    "image without channels": (images()[..., 0], ImageSummary(width=8), ImageSummary),
    "sources": (sources(), None, FusionSummary),
    "sources fused early": (sources(), FusionSummary(fusion="early", width=8), FusionSummary),
    "sources fused both ways": (
        sources(),
        FusionSummary({"signal": SeriesSummary(width=8)}, fusion="hybrid"),
        FusionSummary,
    ),
    "ragged sources": (SliceDict(a=sets(), b=np.array([*ragged(), None], dtype=object)[:-1]), None, FusionSummary),
    "groups among sources": (
        SliceDict(a=sets(), b=np.array([*uneven_groups(), None], dtype=object)[:-1]),
        FusionSummary({"b": NestedSummary()}),
        FusionSummary,
    ),
    "expert": (sets(), ExpertSummary(mean_of_each), ExpertSummary),
    "ragged expert": (ragged(), ExpertSummary(mean_of_each, SetSummary(width=8)), ExpertSummary),
}


def rows_of(X, rows):
    """Return data sets of X in the way that scikit-learn takes them from lists, arrays and dicts."""
    return [X[i] for i in rows] if isinstance(X, list) else X[np.asarray(rows)]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def fitted_kind(kind, quick):
    X, summary, _ = kind
    return quick(summary=summary).fit(X, Y)


def test_everything_works(kind, fitted_kind):
    X, _, summary_class = kind
    assert type(fitted_kind.summary_) is summary_class
    few = rows_of(X, range(5))
    assert fitted_kind.sample(few, 7, random_state=0).shape == (5, 7, 2)
    assert fitted_kind.predict(few).shape == (5, 2)
    assert fitted_kind.log_prob(few, Y[:5]).shape == (5,)
    assert np.isfinite(fitted_kind.score(X, Y))
    summaries = fitted_kind.transform(few)
    assert summaries.shape == (5, len(fitted_kind.get_feature_names_out()))
    again = pickle.loads(pickle.dumps(fitted_kind))
    np.testing.assert_array_equal(again.transform(few), summaries)


def test_rows_do_not_depend_on_their_neighbours(kind, fitted_kind):
    X = kind[0]
    together = fitted_kind.log_prob(X, Y)
    alone = [fitted_kind.log_prob(rows_of(X, [i]), Y[[i]])[0] for i in range(8)]
    np.testing.assert_allclose(alone, together[:8], rtol=1e-9)
    summaries = [fitted_kind.transform(rows_of(X, [i]))[0] for i in range(8)]
    np.testing.assert_allclose(summaries, fitted_kind.transform(X)[:8], atol=1e-9)
    # A long neighbour means padding.
    np.testing.assert_allclose(fitted_kind.predict(rows_of(X, [3])), fitted_kind.predict(X)[[3]], rtol=1e-9)


def test_an_ensemble_of_it(kind, quick):
    X, summary, _ = kind
    posterior = quick(summary=summary, n_estimators=2, max_iter=2).fit(X, Y)
    members = posterior.network_.members
    # Weights were trained apart and put back: the mixture is what its members say.
    terms = [quick(summary=summary).fit(X, Y) for _ in members]
    for term, member in zip(terms, members, strict=True):
        term.network_ = member
    each = np.stack([term.log_prob(X, Y) for term in terms])
    np.testing.assert_allclose(posterior.log_prob(X, Y), np.log(np.exp(each).mean(axis=0)), rtol=1e-6)


def test_searches_and_scores_split_it(kind, quick):
    X, summary, _ = kind
    search = GridSearchCV(quick(summary=summary, max_iter=1), {"learning_rate_init": [1e-2, 1e-3]}, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(cross_val_score(quick(summary=summary, max_iter=1), X, Y, cv=2)).all()


def test_searches_reach_into_summaries(quick):
    search = GridSearchCV(quick(summary=SetSummary(), max_iter=1), {"summary__n_summaries": [2, 5]}, cv=2)
    assert search.fit(ragged(), Y).best_estimator_.summary_.n_summaries in (2, 5)
    choice = {"summary": [SetSummary(), SeriesSummary(), ExpertSummary(mean_of_each)]}
    assert np.isfinite(GridSearchCV(quick(max_iter=1), choice, cv=2).fit(ragged(), Y).best_score_)


def test_a_fitted_posterior_makes_features(quick):
    X = sets()
    posterior = quick().fit(X, Y)
    pipeline = make_pipeline(FrozenEstimator(posterior), Ridge()).fit(X, Y)
    np.testing.assert_allclose(
        pipeline.predict(X), Ridge().fit(posterior.transform(X), Y).predict(posterior.transform(X))
    )


# Sets and series


@pytest.mark.parametrize("summary", [None, SetSummary(width=8, n_attention_blocks=1)])
def test_the_order_of_a_set_says_nothing(quick, summary):
    for X in (sets(), ragged()):
        posterior = quick(summary=summary).fit(X, Y)
        turned = [x[::-1] for x in X]
        turned = np.stack(turned) if isinstance(X, np.ndarray) else turned
        np.testing.assert_allclose(posterior.log_prob(turned, Y), posterior.log_prob(X, Y), rtol=1e-9)
        np.testing.assert_allclose(posterior.predict(turned), posterior.predict(X), atol=1e-9)


def test_the_order_of_a_series_matters(quick):
    X = sets()
    posterior = quick(summary=SeriesSummary()).fit(X, Y)
    assert np.abs(posterior.log_prob(X[:, ::-1], Y) - posterior.log_prob(X, Y)).min() > 1e-9


def test_more_observations_are_told(quick):
    """Two data sets with the same moments and other numbers of observations."""
    X = ragged()
    posterior = quick().fit(X, Y)
    assert posterior.transform(X).shape[1] == posterior.network_.summary.n_summaries + 1
    once, twice = [X[0][:3]], [np.concatenate([X[0][:3]] * 3)]
    np.testing.assert_allclose(posterior.transform(once)[:, :-1], posterior.transform(twice)[:, :-1], rtol=1e-9)
    gap = posterior.transform(twice)[0, -1] - posterior.transform(once)[0, -1]
    lengths = np.log([len(x) for x in X])
    assert gap == pytest.approx(np.log(3) / lengths[:].std(), rel=0.2)


@pytest.mark.parametrize("summary", [SetSummary(width=8), SeriesSummary(width=8)])
def test_lists_and_arrays_of_one_length_are_alike(quick, summary):
    X = sets()
    of_array, of_list = quick(summary=summary).fit(X, Y), quick(summary=summary).fit(list(X), Y)
    np.testing.assert_allclose(of_array.predict(X), of_list.predict(list(X)), rtol=1e-4, atol=1e-5)
    # Relative to parameters of size one: some means are near zero.
    np.testing.assert_allclose(of_array.predict(list(X)), of_array.predict(X), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(of_list.predict(X), of_list.predict(list(X)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n_observations", [2, 20])
def test_lengths_beyond_those_of_fit_work_and_warn(quick, n_observations):
    posterior = quick().fit(ragged(), Y)
    with pytest.warns(ApproximationWarning, match=r"extrapolates: X has fewer or more observations \(3 to 9 in fit\)"):
        assert posterior.predict([np.zeros((n_observations, 2))]).shape == (1, 2)
    with pytest.warns(ApproximationWarning, match="the posterior extrapolates"):
        quick().fit(sets(6), Y).predict(sets(7))


# Several sources


def test_sources_by_name_not_by_place(quick):
    X = sources()
    posterior = quick().fit(X, Y)
    turned = dict(reversed(list(X.items())))
    np.testing.assert_array_equal(posterior.predict(turned), posterior.predict(X))


def test_warm_start_goes_on_with_the_same_sources(quick):
    posterior = quick(warm_start=True).fit(sources(), Y)
    assert posterior.fit(sources(), Y).n_iter_ == 6
    with pytest.raises(ValueError, match="with warm_start=True fit goes on with data sets of shape"):
        posterior.fit(sets(), Y)


# Missing


def test_missing_values_without_a_word_are_an_error(quick):
    for X in (sets(), ragged(), sources()):
        bad = X["points"] if isinstance(X, dict) else X[1]
        bad[0, 0] = np.nan
        with pytest.raises(ValueError, match=r"must be finite; .* say so to the estimator: missing=\"mask\""):
            quick().fit(X, Y)
    with pytest.raises(ValueError, match=r"contains NaN\. .*missing=\"mask\""):
        quick().fit(np.where(Y > 1, np.nan, Y), Y)
    with pytest.raises(ValueError, match="missing must be one of 'mask', None"):
        quick(missing="drop").fit(sets(), Y)
    with pytest.raises(ValueError, match="missing_rate"):
        quick(missing="mask", missing_rate=1.0).fit(sets(), Y)


@pytest.mark.parametrize("make", [lambda: sets()[:, 0], sets, ragged, images, sources])
def test_missing_values(quick, make):
    X = make()
    posterior = quick(missing="mask", early_stopping=False).fit(X, Y)
    complete = posterior.predict(X)
    part = X["points"] if isinstance(X, dict) else X
    part[3][0, ...] = np.nan
    assert np.isfinite(posterior.sample(X, 5)).all()
    changed = np.abs(posterior.predict(X) - complete).max(axis=1) > 1e-9
    assert changed[3] and changed.sum() == 1
    X_infinite = X
    part[3][0, ...] = np.inf
    with pytest.raises(ValueError, match=r"infinite|infinity"):
        posterior.predict(X_infinite)


def test_what_is_missing_in_fit_is_all_that_is_left_out(quick):
    """A feature that says everything and is missing half of the time: where it is there the posterior is narrow."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(600, 1))
    X = np.concatenate([y + 0.1 * rng.normal(size=y.shape), rng.normal(size=y.shape)], axis=1)
    X[::2, 0] = np.nan
    posterior = quick(missing="mask", max_iter=40).fit(X, y)
    _, deviation = posterior.predict(X, return_std=True)
    assert deviation[::2].mean() > 0.8 and deviation[1::2].mean() < 0.3
    # Never missing in fit, and now: no one can know.
    with pytest.warns(ApproximationWarning, match="feature 1 of X is missing, as it never was in fit"):
        assert np.isfinite(posterior.predict([[0.0, np.nan]])).all()


def test_more_missing_than_in_fit_is_warned_of(quick):
    X = Y.copy()
    X[::2, 0] = np.nan
    posterior = quick(missing="mask").fit({"a": X, "b": Y}, Y)
    posterior.predict({"a": X, "b": Y})
    with pytest.warns(ApproximationWarning, match=r"50% of X\['b'\] is missing, where it was 0% at most in fit"):
        posterior.predict({"a": Y, "b": X})
    with pytest.warns(ApproximationWarning, match=r"X\['b'\] is not there, as it always was in fit"):
        posterior.predict({"a": Y})


def test_what_fit_was_told_of_missing_values_holds(quick):
    X = sets()
    posterior = quick(warm_start=True).fit(X, Y).set_params(missing="mask")
    with pytest.raises(ValueError, match=r"with warm_start=True fit goes on with missing=None; got 'mask'"):
        posterior.fit(X, Y)
    X[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        posterior.predict(X)


def test_a_simulator_with_missing_values_needs_a_word(quick, simulator):
    gaps = Simulator(simulator.prior, simulator.simulate, vectorized=True, allow_nan=True)
    with pytest.raises(ValueError, match=r"allow_nan=True, so the estimator needs missing=\"mask\""):
        quick().fit(gaps)
    quick(missing="mask", n_simulations=50).fit(gaps)


def test_warm_start_goes_on_with_other_lengths(quick):
    posterior = quick(warm_start=True).fit(ragged(4, 9), Y)
    with pytest.warns(ApproximationWarning, match="extrapolates"):
        posterior.predict([np.zeros((2, 2))])
    posterior.fit(ragged(2, 8), Y).predict([np.zeros((2, 2))])
    with pytest.raises(ValueError, match="goes on with data sets of shape"):
        posterior.fit(sets()[..., :1], Y)


def test_warm_start_knows_of_what_is_missing_now(quick):
    X, gaps = sets(), sets()
    gaps[:, :4] = np.nan
    few = gaps.copy()
    few[:, :3] = 0.0
    posterior = quick(missing="mask", warm_start=True).fit(few, Y)
    with pytest.warns(ApproximationWarning, match="67% of X is missing, where it was 17% at most"):
        posterior.predict(gaps)
    posterior.fit(gaps, Y).predict(gaps)
    gaps[:, 4] = np.nan
    posterior.fit(X, Y).predict(gaps)


def test_warm_start_that_is_refused_changes_nothing(quick):
    posterior = quick(warm_start=True).fit(ragged(3, 6), Y)
    with pytest.raises(ValueError, match="goes on with"):
        posterior.fit(ragged(3, 9), Y[:, :1])
    with pytest.warns(ApproximationWarning, match="extrapolates"):
        posterior.predict(sets(9))
    with pytest.raises(ValueError, match="the network is not told of others"):
        quick(warm_start=True).fit(sets(), Y).fit(ragged(), Y)
    table = {"table": pd.DataFrame(Y, columns=["a", "b"]), "points": sets()}
    posterior = quick(warm_start=True).fit(table, Y)
    with pytest.raises(ValueError, match=r"must have the columns \['a', 'b'\]"):
        posterior.fit(table | {"table": table["table"][["b", "a"]]}, Y)


def test_lists_of_images_of_one_shape(quick):
    X = images()
    posterior = quick(summary=ImageSummary(width=4), warm_start=True).fit(list(X), Y)
    np.testing.assert_allclose(posterior.predict(list(X)), posterior.predict(X), atol=1e-9)
    with pytest.raises(ShapeError, match=r"as in fit; got arrays \(5 to 6, 6, 1\)"):
        posterior.predict([X[0], X[1, :5]])
    with pytest.raises(ValueError, match="goes on with data sets of shape"):
        posterior.fit([x[: 5 + i % 2] for i, x in enumerate(X)], Y)


def test_columns_of_a_source_are_those_of_fit(quick):
    table = pd.DataFrame(Y, columns=["a", "b"])
    posterior = quick().fit({"table": table, "points": sets()}, Y)
    posterior.predict({"table": Y, "points": sets()})
    with pytest.raises(ValueError, match=r"X\['table'\] must have the columns \['a', 'b'\] in this order, as in fit"):
        posterior.predict({"table": table[["b", "a"]], "points": sets()})


def test_sources_start_from_the_regression_too(quick):
    X, y = Y + RNG.normal(size=Y.shape), Y
    alone, fused = (quick(max_iter=1).fit(data, y) for data in (X, {"table": X, "points": sets()}))
    assert fused.network_.summary.n_fixed == 2 + 9
    assert fused.score({"table": X, "points": sets()}, y) > alone.score(X, y) + 0.5


def test_sources_that_are_not_there(quick):
    X = sources()
    posterior = quick(missing="mask").fit(X, Y)
    few = {name: values[:4] for name, values in X.items()}
    by_name = posterior.predict({name: few[name] for name in ("table", "signal")})
    by_nan = posterior.predict(few | {"points": np.full_like(few["points"], np.nan)})
    np.testing.assert_array_equal(by_name, by_nan)
    assert np.abs(by_name - posterior.predict(few)).min() > 1e-9


def test_a_ragged_source_that_is_not_there(quick):
    X = {"table": Y + RNG.normal(size=Y.shape), "points": ragged()}
    posterior = quick(missing="mask").fit(X, Y)
    absent = posterior.predict({"table": X["table"][:1]})
    for nothing in (None, np.full((4, 2), np.nan)):
        some = {"table": X["table"][:2], "points": [nothing, X["points"][1]]}
        np.testing.assert_allclose(posterior.predict(some)[:1], absent, rtol=1e-9)
        np.testing.assert_allclose(posterior.predict({k: v[:1] for k, v in some.items()}), absent, rtol=1e-9)
    objects = np.array([None, X["points"][1]], dtype=object)
    by_object = {"table": X["table"][:2], "points": objects}
    np.testing.assert_allclose(posterior.predict(by_object)[:1], absent, rtol=1e-9)
    for nothing in (None, [None], objects[:1]):
        by_none = {"table": X["table"][:1], "points": nothing}
        np.testing.assert_allclose(posterior.predict(by_none), absent, rtol=1e-9)
    with pytest.raises(ShapeError, match="none of them is there"):
        posterior.predict({"table": None, "points": [None]})
    with pytest.raises(ShapeError, match="must have the same n_datasets"):
        posterior.predict({"table": X["table"][:2], "points": [None]})
    rows = [None, X["table"][1]]
    partly = posterior.predict({"table": rows, "points": X["points"][:2]})
    np.testing.assert_allclose(partly[:1], posterior.predict({"points": X["points"][:1]}), rtol=1e-9)
    with pytest.raises(ValueError, match=r"X\['points'\] has no value in any data set of fit"):
        quick(missing="mask").fit({"table": Y, "points": np.full((N, 3, 1), np.nan)}, Y)


# Bad input


def test_sources_that_do_not_fit_together(quick):
    X = sources()
    with pytest.raises(ShapeError, match=r"all sources of X must have the same n_datasets; got .*'points': 60"):
        quick().fit(dict(X) | {"table": Y[:5]}, Y)
    with pytest.raises(ShapeError, match="same n_datasets"):
        quick().fit(X, Y[:5])
    posterior = quick().fit(X, Y)
    with pytest.raises(ShapeError, match=r"X has the sources \['eeg'\], unseen in fit; there were \['table'"):
        posterior.predict(dict(X) | {"eeg": Y})
    with pytest.raises(ShapeError, match=r"X lacks the sources \['signal'\] of fit. .*missing=\"mask\""):
        posterior.predict({name: X[name] for name in ("table", "points")})
    with pytest.raises(ShapeError, match=r"X\['points'\] must have shape \(n_datasets, n_observations, 2\)"):
        posterior.predict(dict(X) | {"points": sets()[..., :1]})
    with pytest.raises(ShapeError, match=r"X must have the sources \['table', 'points', 'signal'\]"):
        posterior.predict(Y)
    with pytest.raises(ShapeError, match=r"X has several sources, .*; in fit it had one"):
        quick().fit(Y, Y).predict(X)
    with pytest.raises(ShapeError, match="at least one source"):
        quick().fit({}, Y)


def test_empty_sets(quick):
    X = ragged()
    X[4] = np.zeros((0, 2))
    with pytest.raises(ShapeError, match=r"X\[4\] has no observations"):
        quick().fit(X, Y)
    for missing in (None, "mask"):
        with pytest.raises(ShapeError, match=r"X\[0\] has no observations"):
            quick(missing=missing).fit(ragged(), Y).predict([np.zeros((0, 2))])


def test_series_without_an_axis_of_features(quick):
    X = [x[:, :1] for x in ragged()]
    posterior = quick().fit(X, Y)
    with pytest.raises(ValueError, match=r"for one feature pass \[np.asarray\(x\)\[:, np.newaxis\] for x in X\]"):
        posterior.predict([x[:, 0] for x in X])
    with pytest.raises(ShapeError, match=r"For one feature pass X\[..., np.newaxis\]"):
        posterior.predict(np.zeros((2, 9)))


def test_observations_of_other_widths(quick):
    X = ragged()
    X[4] = np.zeros((3, 5))
    with pytest.raises(ShapeError, match=r"the arrays of X may differ .*got shapes \(n_observations, 2\) and \(3, 5\)"):
        quick().fit(X, Y)
    with pytest.raises(ShapeError, match=r"X must have shape \(n_datasets, n_observations, 2\), as in fit; got"):
        quick().fit(ragged(), Y).predict([np.zeros((3, 5))])


def test_channels_in_another_place(quick):
    X = np.concatenate([images()] * 3, axis=-1)
    posterior = quick().fit(X, Y)
    with pytest.raises(ShapeError, match=r"as in fit; got \(60, 3, 6, 6\). The axes seem to come in another order"):
        posterior.predict(X.transpose(0, 3, 1, 2))
    with pytest.warns(ApproximationWarning, match="channels are the last axis"):
        quick(summary=ImageSummary(width=4)).fit(RNG.normal(size=(N, 3, 20, 20)), Y)


@pytest.mark.parametrize(
    ("summary", "X", "words"),
    [
        (IdentitySummary(), ragged(), "needs data sets of one shape; got a list of arrays of 3 to 9 observations"),
        (SetSummary(), Y, r"SetSummary needs X of shape \(n_datasets, n_observations, n_features\)"),
        (ImageSummary(), Y, "ImageSummary needs X of shape"),
        (FusionSummary(), Y, "FusionSummary needs X with several sources"),
        (SetSummary(), sources(), "SetSummary takes one source; .*FusionSummary"),
        (None, np.zeros((N, 2, 2, 2, 2)), "there is no default summary for data sets of shape"),
    ],
)
def test_summaries_that_do_not_suit_the_shape(quick, summary, X, words):
    with pytest.raises(ShapeError, match=words):
        quick(summary=summary).fit(X, Y)


def test_statistics_of_complete_data_cannot_be_left_out(quick):
    with pytest.raises(ValueError, match="ExpertSummary"):
        quick(summary=ExpertSummary(mean_of_each), missing="mask").fit(sets(), Y)


def test_a_module_of_ones_own_of_any_length(quick):
    from torch import nn

    class Mean(nn.Module):
        def forward(self, x, mask):
            return x.mean(dim=1) if mask is None else (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    posterior = quick(summary=ModuleSummary(Mean, takes_any_length=True)).fit(ragged(), Y)
    assert posterior.transform(ragged()).shape == (N, 3)


def test_numbers_of_groups_and_of_observations_in_them_are_told(quick):
    posterior = quick(max_iter=1).fit(ragged_groups(), Y)
    assert posterior.network_.conditions.n_conditions == 2
    one = np.ones((1, 1, 1, 2))
    shapes = [(2, 2), (4, 2), (2, 4)]
    summaries = [posterior.transform([np.broadcast_to(one[0], (*shape, 2))])[0, -2:] for shape in shapes]
    assert summaries[0][0] < summaries[1][0] and summaries[0][1] == summaries[1][1]
    assert summaries[0][1] < summaries[2][1] and summaries[0][0] == summaries[2][0]


def test_groups_of_one_size_in_lists_and_arrays_are_alike(quick):
    X = groups()
    of_array = quick(summary=NestedSummary()).fit(X, Y).predict(X[:5])
    of_lists = quick(summary=NestedSummary()).fit([list(x) for x in X], Y).predict([list(x) for x in X[:5]])
    np.testing.assert_allclose(of_lists, of_array, atol=1e-5)


def test_groups_beyond_those_of_fit_work_and_warn(quick):
    posterior = quick(max_iter=1).fit(ragged_groups(), Y)
    more_groups, larger_groups = (np.zeros((1, *shape, 2)) for shape in ((9, 3), (3, 9)))
    with pytest.warns(ApproximationWarning, match=r"X has fewer or more groups \(2 to 5 in fit\)"):
        posterior.predict(more_groups)
    with pytest.warns(ApproximationWarning, match=r"groups of X have fewer or more observations \(2 to 5 in fit\)"):
        posterior.predict(larger_groups)
    with pytest.warns(ApproximationWarning, match="groups of one data set of X differ in size, as they never did"):
        posterior.predict([[np.zeros((n, 2)) for n in (2, 3)]])
    assert np.isfinite(quick(max_iter=1).fit(uneven_groups(), Y).predict([[np.zeros((n, 2)) for n in (2, 3)]])).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_groups_of_which_only_one_size_varies(quick, axis):
    X = [np.repeat(x[:1, :1], RNG.integers(2, 6), axis=axis) for x in groups()]
    X = [x + RNG.normal(size=x.shape) for x in X]
    posterior = quick(max_iter=1).fit(X, Y)
    assert posterior.network_.conditions.n_conditions == 2 and np.isfinite(posterior.predict(X)).all()


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ([np.zeros((0, 3, 2)), np.zeros((2, 4, 2))], r"X\[0\] has no groups"),
        ([[np.zeros((3, 2)), np.zeros((0, 2))], [np.zeros((4, 2))]], r"X\[0\]\[1\] has no observations"),
        ([[np.zeros((3, 2))], np.zeros((4, 2))], r"X\[1\] must be groups of observations.*got shape \(4, 2\)"),
        ([[np.zeros((3, 2))], [np.zeros((3, 1))]], r"the arrays of groups of X may differ in their first axis"),
        (np.zeros((2, 4, 2)), r"X must have shape \(n_datasets, n_groups, n_observations, 2\)"),
        (np.zeros((2, 4, 3, 1)), r"X must have shape \(n_datasets, n_groups, n_observations, 2\)"),
        (np.zeros((3, 4, 2)), "one data set without its first axis"),
    ],
)
def test_groups_that_do_not_fit(quick, X, match):
    posterior = quick(max_iter=1).fit(ragged_groups(), Y)
    with pytest.raises(ShapeError, match=match):
        posterior.predict(X)


@pytest.mark.parametrize("summary", [SetSummary(), ImageSummary(), IdentitySummary()])
def test_summaries_that_take_no_groups_of_different_sizes(quick, summary):
    with pytest.raises(ShapeError, match=r"needs groups of one size; got groups of .*Use NestedSummary\(\)"):
        quick(summary=summary).fit(uneven_groups(), Y)
    with pytest.raises(ShapeError, match="as in fit; got"):
        quick(max_iter=1).fit(ragged(), Y).predict(uneven_groups())


def test_missing_values_in_groups(quick):
    X = uneven_groups()
    X[0][0][0, 0] = X[1][0][0, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[0\]\[0\] must be finite"):
        quick().fit(X, Y)
    posterior = quick(missing="mask", max_iter=1).fit(X, Y)
    assert np.isfinite(posterior.predict(X)).all()
    posterior = quick(missing="mask", max_iter=1).fit(uneven_groups(), Y)
    assert np.isfinite(posterior.predict(X[:3])).all()


def test_columns_of_data_sets_in_a_list_are_those_of_fit(quick):
    frames = [pd.DataFrame(x, columns=["b", "a"]) for x in ragged()]
    posterior = quick(max_iter=1).fit(frames, Y)
    np.testing.assert_array_equal(posterior.predict(frames[:2]), posterior.predict([x.to_numpy() for x in frames[:2]]))
    with pytest.raises(ValueError, match=r"must have the columns \['b', 'a'\] in this order"):
        posterior.predict([frame[["a", "b"]] for frame in frames])
    with pytest.raises(ShapeError, match=r"the same columns in the same order; got \['b', 'a'\] and \['a', 'b'\]"):
        posterior.predict([frames[0], frames[1][["a", "b"]]])


def test_what_is_wrong_with_lists_is_said(quick):
    posterior = quick(max_iter=1).fit(ragged(), Y)
    with pytest.raises(ShapeError, match=r"as in fit; got arrays \(3 to 4, 3\)"):
        posterior.predict([np.zeros((n, 3)) for n in (3, 4)])
    with pytest.raises(ValueError, match=r"pass \[np\.asarray\(x\) for x in X\]"):
        posterior.predict([[[1.0, 2.0]] * n for n in (3, 4)])
