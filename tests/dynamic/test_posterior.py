import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import skabi
from skabi.datasets import LinearGaussianStateSpace
from skabi.dynamic import (
    DynamicPosterior,
    DynamicSimulator,
    GaussianProcess,
    Jumps,
    RandomWalk,
    RegimeSwitching,
    Static,
)
from skabi.engines import Gaussian, SplineFlow
from skabi.exceptions import ApproximationWarning, ShapeError

MIXED = {
    "level": RegimeSwitching(stats.uniform(0.05, 0.2)),
    "drift": Jumps(stats.halfnorm(scale=0.2), rate=0.2),
    "smooth": GaussianProcess(stats.uniform(3.0, 4.0)),
    "offset": Static(bounds=(-2.0, 2.0)),
}


def mixed(level, drift, smooth, offset, rng):
    return rng.normal(level + drift + smooth + offset)


def _scored(simulator):
    """Return the simulator with the likelihood of a level that is seen with noise of 0.5."""
    return DynamicSimulator(
        simulator.space.transitions,
        None,
        simulator.simulate,
        n_times=simulator.n_times,
        log_likelihood=lambda X, level: stats.norm(level, 0.5).logpdf(X[..., 0]),
    )


@pytest.fixture(scope="module")
def all_kinds(make):
    simulator = DynamicSimulator(MIXED, None, mixed, n_times=10)
    return simulator, make().fit(simulator)


def test_draws_have_their_shapes_and_names(fitted, data):
    X, y = data
    draws = fitted.sample(X, 30, random_state=0)
    assert draws.values.shape == (4, 30, 12, 1) and draws.hyper.shape == (4, 30, 1)
    assert draws.parameter_names == ["level"] and draws.hyper_names == ["level_scale"]
    assert draws.mean().shape == y.values.shape and draws.quantiles([0.1, 0.9]).shape == (2, 4, 12, 1)
    each = fitted.sample(X, 30, kind="filtering", random_state=0)
    assert each.values.shape == (4, 30, 12, 1) and each.hyper.shape == (4, 30, 12, 1)
    mean, std = fitted.predict(X, return_std=True)
    assert mean.shape == std.shape == (4, 12, 1) and (std > 0).all()


def test_draws_follow_their_seed(fitted, data):
    first, second, third = (fitted.sample(data[0], 20, random_state=seed).values for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_every_kind_of_transition_keeps_its_manner(all_kinds):
    simulator, posterior = all_kinds
    X, y = simulator.sample(3, random_state=1)
    draws = posterior.sample(X, 200, random_state=0)
    level, drift, _, offset = np.moveaxis(draws.values, -1, 0)
    assert (offset == offset[..., :1]).all() and (np.abs(offset) < 2).all()
    stays = (level[..., 1:] == level[..., :-1]).mean()
    assert 0.3 < stays < 1.0
    assert (drift[..., 1:] != drift[..., :-1]).all() and draws.states.shape == (3, 200, 10, 5)
    assert np.isfinite(posterior.log_prob(X, y)).all() and np.isfinite(posterior.score(X, y))
    assert posterior.hyper_names_ == ["level_rate", "drift_scale", "smooth_length"]


def test_a_model_without_hyper_parameters_is_learned(make):
    simulator = DynamicSimulator({"level": RandomWalk(0.5)}, None, lambda level, rng: rng.normal(level), n_times=6)
    posterior = make().fit(simulator)
    X, y = simulator.sample(2, random_state=0)
    draws = posterior.sample(X, 10, random_state=0)
    assert draws.hyper.shape == (2, 10, 0) and draws.values.shape == (2, 10, 6, 1)
    assert posterior.forecast(X, 3, 10, random_state=0).values.shape == (2, 10, 3, 1)
    assert np.isfinite(posterior.log_prob(X, y)).all()


def test_shorter_series_are_beginnings_of_longer_ones(fitted, data):
    X, _ = data
    alone = fitted.sample(X[:1, :5], 4000, random_state=0)
    ragged = fitted.sample([X[0, :5], X[1]], 4000, random_state=1)
    assert ragged.values.shape == (2, 4000, 12, 1) and np.isnan(ragged.values[0, :, 5:]).all()
    for time in range(5):
        assert stats.ks_2samp(alone.values[0, :, time, 0], ragged.values[0, :, time, 0]).pvalue > 1e-4
    each = fitted.sample([X[0, :5], X[1]], 10, kind="filtering", random_state=1)
    for drawn in (each.values, each.hyper):
        assert np.isnan(drawn[0, :, 5:]).all() and np.isfinite(drawn[0, :, :5]).all() and np.isfinite(drawn[1]).all()


def test_longer_series_are_warned_of(fitted, data):
    X = np.concatenate([data[0], data[0]], axis=1)
    with pytest.warns(ApproximationWarning, match="series of 24 times"):
        assert np.isfinite(fitted.sample(X, 10, random_state=0).values).all()


def test_steps_of_a_filter_are_its_filtering_posterior(fitted, data):
    X = data[0][:2]
    whole = fitted.sample(X, 4000, kind="filtering", random_state=0)
    step = None
    for time in range(12):
        step = fitted.filter_step(X[:, time], step, n_draws=4000, random_state=time)
        for i in range(2):
            assert stats.ks_2samp(step.values[i, :, 0], whole.values[i, :, time, 0]).pvalue > 1e-4
            assert stats.ks_2samp(step.hyper[i, :, 0], whole.hyper[i, :, time, 0]).pvalue > 1e-4
    assert step.memory.n_times == 12


@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.zeros((4, 12, 1)), ShapeError, r"shape \(n_datasets, 1\)"),
        (3.0, ShapeError, "one observation of each series"),
        (np.zeros((2, 3)), ShapeError, "1 features"),
        ([[np.nan]], ValueError, 'missing="mask"'),
    ],
)
def test_bad_observations(fitted, x, error, message):
    with pytest.raises(error, match=message):
        fitted.filter_step(x)


def test_steps_of_a_filter_go_on_with_the_same_series(fitted):
    step = fitted.filter_step([0.0, 1.0], n_draws=5)
    assert step.values.shape == (2, 5, 1)
    again = pickle.loads(pickle.dumps(step))
    first, second = (fitted.filter_step([1.0, 1.0], at, n_draws=5, random_state=0).values for at in (step, again))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ShapeError, match="the 2 series of step; got 3"):
        fitted.filter_step(np.zeros((3, 1)), step)
    with pytest.raises(TypeError, match="what filter_step returned"):
        fitted.filter_step(np.zeros((2, 1)), step.memory)


def test_a_filter_warns_once_of_a_series_that_gets_longer_than_those_of_fit(fitted):
    step = None
    for _ in range(12):
        step = fitted.filter_step([[0.0]], step, n_draws=5)
    with pytest.warns(ApproximationWarning, match="series of 13 times"):
        step = fitted.filter_step([[0.0]], step, n_draws=5)
    assert fitted.filter_step([[0.0]], step, n_draws=5).memory.n_times == 14


def test_smoothing_ends_where_filtering_does(fitted, data):
    ends = [
        fitted.sample(data[0], 4000, kind=kind, random_state=i) for i, kind in enumerate(("smoothing", "filtering"))
    ]
    first, second = (draws.values[0, :, -1, 0] for draws in ends)
    assert stats.ks_2samp(first, second).pvalue > 1e-4


def test_hyper_parameters_that_are_known_are_taken(fitted, data):
    X, y = data
    for kind in ("smoothing", "filtering"):
        draws = fitted.sample(X, 10, kind=kind, hyper=y.hyper, random_state=0)
        known = y.hyper[:, np.newaxis] if kind == "smoothing" else y.hyper[:, np.newaxis, np.newaxis]
        assert (draws.hyper == known).all()
    with pytest.raises(ShapeError, match="hyper must have shape"):
        fitted.sample(X, 10, hyper=y.hyper[:2])
    with pytest.raises(ValueError, match=r"support of the prior of \['level_scale'\]; 4 of 4 rows"):
        fitted.sample(X, 10, hyper=-y.hyper)
    with pytest.raises(ValueError, match="hyper must be finite"):
        fitted.sample(X, 10, hyper=np.nan * y.hyper)


def test_times_must_increase(fitted, data):
    X, _ = data
    years = 1990 + np.arange(12)
    assert fitted.sample(X, 5, times=years).to_frame().index.get_level_values("time")[3] == 1993
    dates = np.datetime64("2020-01-01") + np.arange(12)
    assert fitted.sample(X, 5, times=dates).times[0] == dates[0]
    stamps = pd.date_range("2020-01-01", periods=12, tz="UTC")
    for text in (list(stamps), [stamp.date().isoformat() for stamp in stamps], [stamp.date() for stamp in stamps]):
        np.testing.assert_array_equal(fitted.sample(X, 5, times=text).times, dates)
    for wrong in (years[::-1], np.zeros(12), dates[::-1], list(stamps[::-1])):
        with pytest.raises(ValueError, match="times must increase"):
            fitted.sample(X, 5, times=wrong)
        with pytest.raises(ValueError, match="times must increase"):
            fitted.forecast(X, 12, 5, times=wrong)
    with pytest.raises(ValueError, match="numbers or dates; got 'first'"):
        fitted.sample(X, 5, times=["first"] * 12)
    with pytest.raises(ShapeError, match="one entry for each of 12 times"):
        fitted.sample(X, 5, times=years[1:])
    with pytest.warns(ApproximationWarning, match="twice as long"):
        fitted.sample(X, 5, times=np.r_[years[:-1], 2010])


def test_draws_tell_what_they_are(fitted, data):
    text = repr(fitted.sample(data[0], 5, random_state=0))
    assert (
        text == "TrajectoryDraws of 4 data sets, 5 draws of 12 times each: parameters ['level'], hyper ['level_scale']"
    )


def test_draws_become_frames_and_trees(fitted, data):
    draws = fitted.sample(data[0], 6, random_state=0)
    frame = draws.to_frame()
    assert frame.shape == (4 * 6 * 12, 1) and list(frame.columns) == ["level"]
    assert frame.loc[(2, 3, 4), "level"] == draws.values[2, 3, 4, 0]
    tree = draws.to_datatree()
    assert dict(tree["posterior"]["level"].sizes) == {"chain": 1, "draw": 6, "dataset": 4, "time": 12}
    assert float(tree["posterior"]["level"][0, 3, 2, 4]) == draws.values[2, 3, 4, 0]
    assert dict(tree["posterior"]["level_scale"].sizes) == {"chain": 1, "draw": 6, "dataset": 4}
    one = fitted.sample(data[0][:1], 6, random_state=0).to_datatree()
    assert dict(one["posterior"]["level"].sizes) == {"chain": 1, "draw": 6, "time": 12}


@pytest.mark.parametrize(
    "X, error, message",
    [
        (np.zeros((2, 12, 3)), ShapeError, "1 features"),
        (np.zeros((2, 12, 1, 1)), ShapeError, "n_datasets, n_times, n_features"),
        (np.full((2, 12, 1), np.nan), ValueError, 'missing="mask"'),
        ([np.zeros((3, 1)), np.zeros((4, 2))], ShapeError, "differ in n_times alone"),
        (np.zeros((12, 1)), ShapeError, r"one data set, which is X\[np.newaxis\]"),
    ],
)
def test_bad_series(fitted, X, error, message):
    with pytest.raises(error, match=message):
        fitted.sample(X)


def test_one_feature_needs_no_axis(fitted, data):
    X = data[0]
    np.testing.assert_array_equal(
        fitted.sample(X[..., 0], 5, random_state=0).values, fitted.sample(X, 5, random_state=0).values
    )


def test_missing_observations(make, simulator):
    posterior = make(missing="mask", n_simulations=300, max_iter=4).fit(simulator)
    X = simulator.sample(1, random_state=0)[0]
    gap = X.copy()
    gap[:, 4:] = np.nan
    whole, part = (posterior.sample(x, 500, random_state=0).values[0, :, -1, 0] for x in (X, gap))
    assert np.isfinite(part).all() and not np.array_equal(whole, part)
    step = posterior.filter_step(gap[:, -1], n_draws=20, random_state=0)
    assert np.isfinite(step.values).all()
    posterior.set_params(missing=None)
    assert np.isfinite(posterior.sample(gap, 5).values).all()


def test_what_was_fitted_says_whether_values_may_be_missing(make, simulator, data):
    X = data[0].copy()
    X[:, 3] = np.nan
    posterior = make().fit(simulator).set_params(missing="mask")
    for answer in (posterior.sample, posterior.predict, lambda X: posterior.filter_step(X[:, 3])):
        with pytest.raises(ValueError, match="NaN"):
            answer(X)


def test_simulators_with_missing_values_need_a_mask(make):
    def gaps(level, rng):
        return np.where(rng.random(level.shape) < 0.5, np.nan, rng.normal(level))

    simulator = DynamicSimulator({"level": RandomWalk()}, None, gaps, n_times=6, allow_nan=True)
    with pytest.raises(ValueError, match='missing="mask"'):
        make().fit(simulator)
    posterior = make(missing="mask").fit(simulator)
    assert np.isfinite(posterior.sample(simulator.sample(2)[0], 5).values).all()


def test_forecasts_go_on_from_the_last_state(fitted, data, simulator):
    X, _ = data
    ahead = fitted.forecast(X, 5, 4000, random_state=0)
    assert ahead.values.shape == (4, 4000, 5, 1) and ahead.times.tolist() == list(range(12, 17))
    spread = ahead.values[..., 0].std(axis=1)
    assert (np.diff(spread, axis=1) > 0).all()
    last = fitted.sample(X, 4000, kind="filtering", random_state=1).values[:, :, -1, 0]
    wanted = last.var(axis=1) + (ahead.hyper[..., 0] ** 2).mean(axis=1)
    np.testing.assert_allclose(ahead.values[:, :, 0, 0].var(axis=1), wanted, rtol=0.15)
    with pytest.raises(ShapeError, match="one length"):
        fitted.forecast([X[0], X[1, :5]], 3)


def test_predictions_one_step_ahead_see_only_what_came_before(fitted, data, simulator):
    X = data[0][:1]
    first = fitted.sample_ahead(X, simulator, 50, random_state=0)
    changed = X.copy()
    changed[:, 6:] += 3.0
    second = fitted.sample_ahead(changed, simulator, 50, random_state=0)
    assert first.shape == (1, 50, 12, 1)
    np.testing.assert_allclose(first[:, :, :7], second[:, :, :7], rtol=1e-4, atol=1e-4)
    assert not np.allclose(first[:, :, 7:], second[:, :, 7:])


def test_predictions_ahead_of_shorter_series_end_with_them(fitted, data, simulator):
    X, scored = data[0], _scored(simulator)
    made = fitted.sample_ahead([X[0, :5], X[1], X[2, :1]], simulator, 2000, random_state=0)
    scores = fitted.log_score_ahead([X[0, :5], X[1], X[2, :1]], scored, 2000, random_state=0)
    assert made.shape == (3, 2000, 12, 1) and scores.shape == (3, 12)
    for i, length in enumerate((5, 12, 1)):
        assert np.isnan(made[i, :, length:]).all() and np.isnan(scores[i, length:]).all()
        alone = fitted.sample_ahead(X[i : i + 1, :length], simulator, 2000, random_state=1)[0]
        for time in range(length):
            assert stats.ks_2samp(alone[:, time, 0], made[i, :, time, 0]).pvalue > 1e-4
        assert np.isfinite(scores[i, :length]).all()


def test_log_scores_are_those_of_the_predictive_density(fitted, data, simulator):
    X = data[0][:1]
    scores = fitted.log_score_ahead(X, _scored(simulator), 4000, random_state=0)
    draws = fitted.sample_ahead(X, simulator, 4000, random_state=1)[0, :, :, 0]
    near = (np.abs(draws - X[0, :, 0]) < 0.3).mean(axis=0)
    # A share of 4,000 draws, of which at least one in twenty is near, and the curvature of densities as wide as 0.5.
    is_common = near > 0.05
    np.testing.assert_allclose(np.log(near[is_common] / 0.6), scores[0, is_common], atol=0.3)
    assert is_common.sum() > 6


def test_what_is_missing_has_no_log_score(make, simulator):
    posterior, scored = make(missing="mask").fit(simulator), _scored(simulator)
    X = simulator.sample(2, random_state=0)[0]
    X[0, 3] = np.nan
    scores = posterior.log_score_ahead(X, scored, 20, random_state=0)
    assert np.isnan(scores[0, 3]) and np.isfinite(np.delete(scores.ravel(), 3)).all()


def test_simulators_that_look_at_the_past_miss_what_is_missing(make):
    def pulled(level, rng, past):
        before = past[:, -1, 0] if past.shape[1] else 0.0
        return rng.normal(level + 0.5 * np.nan_to_num(before))

    transitions = {"level": RandomWalk(0.5)}
    simulator, able = (DynamicSimulator(transitions, None, pulled, n_times=6, allow_nan=nan) for nan in (False, True))
    posterior = make(missing="mask").fit(simulator)
    X = simulator.sample(2, random_state=0)[0]
    assert posterior.sample_ahead(X, simulator, 5, random_state=0).shape == (2, 5, 6, 1)
    X[0, 3] = np.nan
    with pytest.raises(ValueError, match="simulate looks at past observations"):
        posterior.sample_ahead(X, simulator, 5)
    assert np.isfinite(posterior.sample_ahead(X, able, 5, random_state=0)).all()


def test_predictions_ahead_need_the_simulator_of_the_posterior(fitted, data):
    other = DynamicSimulator({"height": RandomWalk()}, None, lambda height, rng: rng.normal(height), n_times=12)
    for answer in (fitted.sample_ahead, fitted.log_score_ahead):
        with pytest.raises(ValueError, match=r"simulator must have the parameters .* it has \(\['height'\], \[\]\)"):
            answer(data[0], other)
        with pytest.raises(TypeError, match="must be a DynamicSimulator; got LinearGaussianStateSpace"):
            answer(data[0], LinearGaussianStateSpace())


def test_log_scores_need_a_likelihood(fitted, data, simulator):
    with pytest.raises(ValueError, match="log_likelihood"):
        fitted.log_score_ahead(data[0], simulator)


def test_posteriors_of_subjects(make):
    level = RandomWalk(stats.halfnorm(scale=0.3))
    simulator = DynamicSimulator({"level": level}, None, lambda level, rng: rng.normal(level), n_times=8, n_subjects=3)
    posterior = make().fit(simulator)
    X, y = simulator.sample(2, random_state=0)
    draws = posterior.sample(X, 20, random_state=0)
    assert draws.values.shape == (2, 20, 3, 8, 1) and draws.hyper.shape == (2, 20, 1)
    assert posterior.sample(X, 20, kind="filtering").values.shape == (2, 20, 3, 8, 1)
    assert np.isfinite(posterior.log_prob(X, y)).all()
    step = posterior.filter_step(X[:, :, 0], n_draws=5)
    assert step.values.shape == (2, 5, 3, 1)
    assert posterior.forecast(X, 4, 5).values.shape == (2, 5, 3, 4, 1)
    assert posterior.sample(X[:, :1], 5).values.shape == (2, 5, 1, 8, 1)
    assert dict(draws.to_datatree()["posterior"]["level"].sizes)["subject"] == 3
    more = np.concatenate([X, X[:, :1]], axis=1)
    with pytest.warns(ApproximationWarning, match="4 subjects"):
        posterior.sample(more, 5)
    with pytest.warns(ApproximationWarning, match="4 subjects"):
        step = posterior.filter_step(more[:, :, 0], n_draws=5)
    assert posterior.filter_step(more[:, :, 1], step, n_draws=5).values.shape == (2, 5, 4, 1)
    with pytest.raises(ValueError, match="one subject"):
        posterior.sample_ahead(X, simulator)


def test_the_order_of_subjects_does_not_matter(make):
    level = RandomWalk(stats.halfnorm(scale=0.3))
    simulator = DynamicSimulator({"level": level}, None, lambda level, rng: rng.normal(level), n_times=8, n_subjects=3)
    posterior = make().fit(simulator)
    X, y = simulator.sample(2, random_state=0)
    turned = type(y)(y.hyper, y.values[:, ::-1], y.states[:, ::-1], y.jumped[:, ::-1], y.space)
    np.testing.assert_allclose(posterior.log_prob(X, y), posterior.log_prob(X[:, ::-1], turned))


def test_a_saved_posterior_answers_as_before(all_kinds, tmp_path):
    simulator, posterior = all_kinds
    posterior.save(tmp_path / "model")
    loaded = skabi.load(tmp_path / "model")
    X, y = simulator.sample(2, random_state=0)
    np.testing.assert_array_equal(loaded.log_prob(X, y), posterior.log_prob(X, y))
    first, second = (p.sample(X, 7, random_state=0).values for p in (posterior, loaded))
    np.testing.assert_array_equal(first, second)


def test_recipes_are_nested_and_cloned():
    posterior = DynamicPosterior(SplineFlow(3), width=16)
    other = clone(posterior).set_params(engine__n_transforms=5)
    assert other.engine.n_transforms == 5 and posterior.engine.n_transforms == 3
    assert clone(RandomWalk(0.3, bounds=(0.0, 1.0))).get_params()["bounds"] == (0.0, 1.0)


def test_fits_follow_their_seed(make, simulator, fitted, data):
    again = make().fit(simulator)
    np.testing.assert_array_equal(again.log_prob(*data), fitted.log_prob(*data))


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"width": 0}, ValueError),
        ({"n_looks": 1}, ValueError),
        ({"missing": "nan"}, ValueError),
        ({"max_iter": 1.5}, TypeError),
    ],
)
def test_numbers_of_the_constructor_are_checked(make, simulator, changes, error):
    with pytest.raises(error):
        make(**changes).fit(simulator)


def test_only_dynamic_simulators_are_fitted(make):
    with pytest.raises(TypeError, match="DynamicSimulator"):
        make().fit(LinearGaussianStateSpace())


def test_data_that_a_simulator_made_are_fitted_as_the_simulator_is(make, simulator, fitted, data):
    seed = np.random.SeedSequence(0).spawn(1)[0]
    X, y = simulator.sample(120, random_state=seed)
    posterior = make().fit(X, y)
    np.testing.assert_array_equal(posterior.log_prob(*data), fitted.log_prob(*data))
    assert posterior.parameter_names_ == ["level"] and posterior.n_times_in_ == 12


def test_cross_validation_splits_trajectories(make, simulator):
    X, y = simulator.sample(60, random_state=0)
    assert len(y[10:]) == 50 and y[3].shape == (1,) and "level" in repr(y)
    np.testing.assert_array_equal(y[[4, 2]].values, y.values[[4, 2]])
    scores = cross_val_score(make(), X, y, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()


def test_data_and_trajectories_must_fit_together(make, simulator):
    X, y = simulator.sample(20, random_state=0)
    for wrong, message in (((X[:, :5], y), "y must have trajectories of X"), ((X[:5], y[:5]), "at least 11")):
        with pytest.raises(ShapeError, match=message):
            make().fit(*wrong)
    with pytest.raises(ShapeError, match="of one length"):
        make().fit([X[0, :5], *X[1:]], y)
    with pytest.raises(TypeError, match="got X of class ndarray and y of class ndarray"):
        make().fit(X, y.values)
    with pytest.raises(ValueError, match="needs a simulator"):
        make(fresh_simulations=True).fit(X, y)
    with pytest.raises(ValueError, match="leave y at None"):
        make().fit(simulator, y)


def test_before_fit_there_is_no_posterior(data):
    with pytest.raises(ValueError, match="not fitted"):
        DynamicPosterior(Gaussian()).sample(data[0])


def test_each_epoch_may_have_simulations_of_its_own(make, simulator, data):
    posteriors = [make(fresh_simulations=True).fit(simulator) for _ in range(2)]
    assert len(posteriors[0].loss_curve_) == 2 and np.isfinite(posteriors[0].loss_curve_).all()
    first, second = (posterior.log_prob(*data) for posterior in posteriors)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, make().fit(simulator).log_prob(*data))


@pytest.mark.parametrize("kind", ["smoothing", "filtering"])
def test_means_of_one_series_do_not_depend_on_others(all_kinds, kind):
    simulator, posterior = all_kinds
    X = simulator.sample(3, random_state=4)[0]
    together = posterior.predict(X, kind=kind, n_draws=50)
    for i in range(3):
        np.testing.assert_allclose(posterior.predict(X[i : i + 1], kind=kind, n_draws=50), together[i : i + 1])
    shorter = posterior.predict([X[0, :4], X[1]], kind=kind, n_draws=50)
    np.testing.assert_allclose(shorter[:1, :4], posterior.predict(X[:1, :4], kind=kind, n_draws=50))


def test_series_outside_the_simulations_are_warned_of(make, simulator, fitted, data):
    X = data[0].copy()
    X[1] = 1e9
    for answer in (lambda X: fitted.sample(X, 5), fitted.predict, lambda X: fitted.forecast(X, 2, 5)):
        with pytest.warns(ApproximationWarning, match="1 of 4 data sets lie outside what was simulated.*: 1, counted"):
            answer(X)
    with pytest.warns(ApproximationWarning, match="1 of 2 data sets lie outside"):
        fitted.sample([X[0], X[1, :3]], 5)
    quiet = make(warn_outside=False).fit(simulator)
    assert np.isfinite(quiet.sample(X, 5).values).all()


def test_p_values_of_simulated_series_are_uniform_at_any_length(make, simulator):
    posterior = make(n_simulations=1500, max_iter=1, validation_fraction=0.5).fit(simulator)
    X = simulator.sample(1000, random_state=1)[0]
    for length in (1, 2, 3, 6, 11, 12):
        p_values = posterior.usual_p_values(X[:, :length])
        # Exact in the mean over the lengths between two powers of two, about right at each.
        assert 0.05 < (p_values < 0.1).mean() < 0.2 and (p_values < 0.001).mean() < 0.01


def test_draws_are_split_and_summarized(fitted, data):
    draws = fitted.sample(data[0], 6, random_state=0)
    assert len(draws) == 4 and len(draws[1:]) == 3
    np.testing.assert_array_equal(draws[2].values, draws.values[2:3])
    np.testing.assert_array_equal(draws[[3, 1]].hyper, draws.hyper[[3, 1]])
    np.testing.assert_array_equal(draws.std(), draws.values.std(axis=1))
    hyper = draws.to_frame("hyper")
    assert hyper.index.names == ["dataset", "draw"] and hyper.loc[(2, 3), "level_scale"] == draws.hyper[2, 3, 0]
    each = fitted.sample(data[0], 6, kind="filtering", random_state=0)
    assert each.to_frame("hyper").loc[(2, 3, 4), "level_scale"] == each.hyper[2, 3, 4, 0]
    with pytest.raises(ValueError, match="level must be one of"):
        draws.to_frame("groups")


def test_densities_of_draws_are_those_of_trajectories(fitted, data):
    X, y = data
    draws = fitted.sample(X, 3, random_state=0)
    found = fitted.log_prob(X, draws)
    assert found.shape == (4, 3)
    for j in range(3):
        one = dataclasses.replace(y, hyper=draws.hyper[:, j], values=draws.values[:, j], states=draws.states[:, j])
        np.testing.assert_allclose(found[:, j], fitted.log_prob(X, one))
    shorter = fitted.sample([X[0, :5], X[1]], 3, random_state=0)
    first = fitted.log_prob([X[0, :5], X[1]], shorter)[0]
    alone = dataclasses.replace(shorter[0], values=shorter.values[:1, :, :5], states=shorter.states[:1, :, :5])
    np.testing.assert_allclose(first, fitted.log_prob(X[:1, :5], alone)[0])
    with pytest.raises(ValueError, match="draws of whole trajectories"):
        fitted.log_prob(X, fitted.sample(X, 3, kind="filtering"))
    with pytest.raises(ValueError, match="y must have the parameters"):
        fitted.log_prob(X, dataclasses.replace(draws, parameter_names=["height"]))
