"""A posterior that is a density, answers alike however it is asked, and agrees with an exact one."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import cumulative_trapezoid, trapezoid
from sklearn.base import clone
from skorch.callbacks import Callback

from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian, SplineFlow
from skabi.estimators._sources import Source
from skabi.losses import ForwardKL
from skabi.summaries import IdentitySummary

QUANTILES = [0.05, 0.25, 0.5, 0.9]


def grid_density(problem, posterior, x, n_points):
    """Return a grid over the box, fine towards its ends, and the density there of one data set."""
    axis = problem.low + (problem.high - problem.low) * stats.norm.cdf(np.linspace(-7.0, 7.0, n_points))
    points = np.stack(np.meshgrid(*[axis] * problem.n_parameters, indexing="ij"), axis=-1)
    log_prob = posterior.log_prob(x[np.newaxis], points.reshape(1, -1, problem.n_parameters))
    return axis, np.exp(log_prob).reshape(points.shape[:-1])


# Shapes


@pytest.mark.parametrize("n_axes", [2, 3, 4])
@pytest.mark.parametrize("kind", ["(n,)", "(n, 1)", "(n, 3)"])
def test_shapes(quick, n_axes, kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4, 3, 2)[:n_axes])
    y = rng.normal(size={"(n,)": 30, "(n, 1)": (30, 1), "(n, 3)": (30, 3)}[kind])
    p = 3 if kind == "(n, 3)" else 1
    posterior = quick(summary=IdentitySummary()).fit(X, y)
    few = X[:5]
    mean, std = posterior.predict(few, return_std=True)
    assert posterior.predict(few).shape == mean.shape == std.shape == y[:5].shape
    assert posterior.predict(few, quantiles=QUANTILES).shape == (5, 4, *y.shape[1:])
    assert posterior.predict(few, quantiles=0.5).shape == (5, 1, *y.shape[1:])
    assert posterior.sample(few).shape == (5, 1000, p)
    assert posterior.sample(few, np.int64(7)).shape == (5, 7, p)
    assert posterior.log_prob(few, y[:5]).shape == (5,)
    assert posterior.log_prob(few, posterior.sample(few, 7)).shape == (5, 7)
    assert isinstance(posterior.score(few, y[:5]), float)
    assert posterior.transform(few).shape == (5, X[0].size)
    assert posterior.network_.summary.n_summaries == len(posterior.get_feature_names_out()) == X[0].size
    assert posterior.n_features_in_ == X.shape[-1]
    for result in (mean, std, posterior.sample(few, 7), posterior.log_prob(few, y[:5]), posterior.transform(few)):
        assert result.dtype == np.float64


def test_axes_of_a_data_set_keep_their_order(quick):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2, 3))
    y = X[:, 0, 2] + 0.1 * rng.normal(size=200)
    flat, arrays = quick().fit(X.reshape(200, 6), y), quick(summary=IdentitySummary()).fit(X, y)
    np.testing.assert_array_equal(arrays.predict(X), flat.predict(X.reshape(200, 6)))


# Densities


def test_log_prob_takes_one_or_many_parameters_a_data_set(fitted, simulations):
    X, y = simulations
    one_by_one = fitted.log_prob(X, y)
    many = np.stack([y, y + 0.1, y], axis=1)
    np.testing.assert_allclose(fitted.log_prob(X, many)[:, [0, 2]], np.stack([one_by_one] * 2, axis=1), rtol=1e-12)
    np.testing.assert_allclose(fitted.log_prob(X, many)[:, 1], fitted.log_prob(X, y + 0.1), rtol=1e-12)
    np.testing.assert_allclose(fitted.log_prob(X[:1], y[np.newaxis])[0, :1], one_by_one[:1], rtol=1e-12)
    assert np.ptp(one_by_one) > 0.5
    assert fitted.score(X, y) == pytest.approx(one_by_one.mean(), rel=1e-12)


def test_rows_belong_together(fitted, simulations):
    X, y = simulations
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(fitted.log_prob(X[order], y[order]), fitted.log_prob(X, y)[order], rtol=1e-12)
    assert fitted.score(X, y[order]) < fitted.score(X, y) - 0.1


def test_density_is_zero_outside_the_support(boxed):
    problem, posterior, X = boxed
    outside = np.zeros((len(X), 4, problem.n_parameters))
    outside[..., -1] = [-2.0001, 2.0001, 2.0, 1e300]
    assert np.isneginf(posterior.log_prob(X, outside)).all()
    assert np.isfinite(posterior.log_prob(X, np.full((len(X), problem.n_parameters), 1.999))).all()


def test_density_integrates_to_one_inside_the_support(boxed):
    problem, posterior, X = boxed
    for x in X:
        axis, density = grid_density(problem, posterior, x, 301)
        for _ in range(problem.n_parameters):
            density = trapezoid(density, axis, axis=-1)
        assert density == pytest.approx(1.0, abs=0.01)


def test_draws_stay_inside_the_support(boxed):
    _, posterior, X = boxed
    draws = posterior.sample(X, 5000, random_state=0)
    assert (np.abs(draws) < 2.0).all()
    assert np.abs(draws).max() > 1.9
    assert np.isfinite(posterior.log_prob(X, draws)).all()
    assert (np.abs(posterior.predict(X, quantiles=[0.0, 1.0])) < 2.0).all()


def test_draws_come_from_the_density(boxed):
    problem, posterior, X = boxed
    draws = posterior.sample(X, 2000, random_state=0)
    for x, own in zip(X, draws, strict=True):
        axis, density = grid_density(problem, posterior, x, 301)
        for j in range(problem.n_parameters):
            marginal = density if problem.n_parameters == 1 else trapezoid(density, axis, axis=1 - j)
            cdf = cumulative_trapezoid(marginal, axis, initial=0.0)
            test = stats.kstest(own[:, j], lambda value, cdf=cdf, axis=axis: np.interp(value, axis, cdf / cdf[-1]))
            # Six to nine tests: one false alarm in a thousand sessions with other seeds.
            assert test.pvalue > 1e-4


# Reproducibility


def test_draws_depend_on_the_random_state(fitted, simulations):
    X = simulations[0][:3]
    first = fitted.sample(X, 4, random_state=0)
    np.testing.assert_array_equal(fitted.sample(X, 4, random_state=0), first)
    for other in (fitted.sample(X, 4, random_state=1), fitted.sample(X, 4), fitted.sample(X, 4)):
        assert not np.isin(other, first).any()
    assert np.unique(first).size == first.size
    generator = np.random.default_rng(0)
    assert not np.isin(fitted.sample(X, 4, random_state=generator), fitted.sample(X, 4, random_state=generator)).any()


def test_fit_depends_on_the_random_state(quick, simulations):
    X, y = simulations
    engine = Gaussian((8,))  # its first weights are random
    fits = [quick(engine=engine, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    draws = [posterior.sample(X[:3], 4, random_state=0) for posterior in fits]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.isin(draws[2], draws[0]).any()


def test_simulations_depend_on_the_random_state(quick, simulator):
    X = [[0.1, 0.2, 0.3]]
    means = [quick(random_state=seed, n_simulations=50).fit(simulator).predict(X) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(means[0], means[1])
    assert (means[2] != means[0]).all()


def test_no_global_seed_is_set_or_used(quick, simulations):
    import torch

    X, y = simulations
    states = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    posterior = quick(engine=Gaussian((8,))).fit(X, y)
    posterior.sample(X[:2], 3, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), states[1])


def test_fits_in_threads_are_those_of_fits_one_after_the_other(quick, simulations):
    recipes = [
        quick(engine=SplineFlow(1, n_bins=4, block_width=16), max_iter=3, random_state=seed) for seed in (0, 1, 2)
    ]
    expected = [clone(recipe).fit(*simulations).loss_curve_ for recipe in recipes]
    with joblib.parallel_config(backend="threading", n_jobs=3):
        fitted = joblib.Parallel()(joblib.delayed(recipe.fit)(*simulations) for recipe in recipes)
    assert [posterior.loss_curve_ for posterior in fitted] == expected


def test_pickling_and_cloning(fitted, simulations):
    X = simulations[0][:3]
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.sample(X, 4, random_state=0), fitted.sample(X, 4, random_state=0))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    assert not hasattr(clone(fitted), "network_")
    assert clone(fitted).engine.hidden_layer_sizes == (8,)


# Predictions


def test_predict_is_deterministic_and_rows_do_not_interact(fitted, simulations):
    X = simulations[0]
    mean, std = fitted.predict(X, return_std=True)
    quantiles = fitted.predict(X, quantiles=QUANTILES)
    np.testing.assert_array_equal(fitted.predict(X), mean)
    for row in (0, 17, 399):
        alone_mean, alone_std = fitted.predict(X[[row]], return_std=True)
        np.testing.assert_allclose(alone_mean[0], mean[row], rtol=1e-12)
        np.testing.assert_allclose(alone_std[0], std[row], rtol=1e-12)
        np.testing.assert_allclose(fitted.predict(X[[row]], quantiles=QUANTILES)[0], quantiles[row], rtol=1e-12)
        np.testing.assert_allclose(fitted.transform(X[[row]])[0], fitted.transform(X)[row], rtol=1e-12)


def test_predict_agrees_with_draws(boxed):
    _, posterior, X = boxed
    n_draws = 20_000
    draws = posterior.sample(X, n_draws, random_state=0)
    mean, std = posterior.predict(X, return_std=True)
    # Five standard errors of the draws, and as much again of a tenth for the 1,024 quasi-random points.
    tolerance = 5.5 * std / np.sqrt(n_draws)
    assert (np.abs(draws.mean(axis=1) - mean) < tolerance).all()
    kurtosis = stats.kurtosis(draws, axis=1)
    assert (np.abs(draws.std(axis=1) - std) < tolerance * np.sqrt((kurtosis + 2) / 4) + 0.005 * std).all()
    quantiles = posterior.predict(X, quantiles=QUANTILES)
    assert (np.diff(quantiles, axis=1) > 0).all()
    below = (draws[:, :, np.newaxis] < quantiles[:, np.newaxis]).mean(axis=1)
    wanted = np.array(QUANTILES)[:, np.newaxis]
    # A quantile of 1,024 points is right to about two of them.
    assert (np.abs(below - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n_draws) + 2 / 1024).all()


def test_median_is_the_map_of_the_median(boxed):
    """The order of the quantiles asked for is kept."""
    _, posterior, X = boxed
    shuffled = posterior.predict(X, quantiles=[0.9, 0.1, 0.5])
    np.testing.assert_array_equal(shuffled[:, [1, 2, 0]], posterior.predict(X, quantiles=[0.1, 0.5, 0.9]))


# Names


def test_parameter_names(quick, simulations, simulator):
    X, y = simulations
    names = ["location", "log_scale"]
    assert quick(n_simulations=50).fit(simulator).parameter_names_ == names
    assert quick(prior=simulator.prior).fit(X, y).parameter_names_ == names
    assert quick(prior=simulator.prior).fit(X, pd.DataFrame(y, columns=names)).parameter_names_ == names
    assert quick().fit(X, pd.DataFrame(y, columns=["b", "a"])).parameter_names_ == ["b", "a"]
    assert quick().fit(X, pd.DataFrame(y)).parameter_names_ == ["0", "1"]
    assert quick().fit(X, pd.Series(y[:, 0], name="a")).parameter_names_ == ["a"]
    assert quick().fit(X, pd.Series(y[:, 0])).parameter_names_ == ["theta[0]"]
    assert quick().fit(X, y.tolist()).parameter_names_ == ["theta[0]", "theta[1]"]


def test_parameter_called_name(quick, simulations):
    X, y = simulations
    assert quick().fit(X, pd.DataFrame(y, columns=["name", "b"])).parameter_names_ == ["name", "b"]


def test_frames_and_arrays_give_the_same(quick, simulations):
    X, y = simulations
    frame, parameters = pd.DataFrame(X, columns=["u", "v", "w"]), pd.DataFrame(y, columns=["a", "b"])
    of_frames, of_arrays = quick().fit(frame, parameters), quick().fit(X, y)
    assert of_frames.feature_names_in_.tolist() == ["u", "v", "w"]
    assert not hasattr(of_arrays, "feature_names_in_")
    np.testing.assert_array_equal(of_frames.predict(frame), of_arrays.predict(X))
    np.testing.assert_array_equal(of_frames.log_prob(frame, parameters), of_arrays.log_prob(X, y))


def test_transform_gives_the_summaries(fitted, simulations):
    X = simulations[0]
    summaries = fitted.transform(X)
    np.testing.assert_allclose(summaries, fitted._reader.each[None].transform(Source(X))[0], rtol=1e-12)
    names = [f"amortizedposterior{i}" for i in range(3)]
    assert fitted.get_feature_names_out().tolist() == names
    posterior = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas")
    assert posterior.transform(X).columns.tolist() == names
    np.testing.assert_array_equal(posterior.transform(X), summaries)
    assert isinstance(posterior.sample(X[:2], 3), np.ndarray)
    assert isinstance(posterior.predict(X[:2]), np.ndarray)


def test_recipes_are_resolved_and_constructor_parameters_stay(quick, simulations):
    posterior = quick(engine=None, max_iter=1).fit(*simulations)
    assert [posterior.engine, posterior.summary, posterior.loss, posterior.prior] == [None] * 4
    assert isinstance(posterior.engine_, SplineFlow)
    assert isinstance(posterior.summary_, IdentitySummary)
    assert isinstance(posterior.loss_, ForwardKL)
    assert posterior.prior_ is None
    engine = Gaussian((4,))
    assert quick(engine=engine).fit(*simulations).engine_ is not engine


def test_prior_is_the_simulators(quick, simulator):
    posterior = quick(n_simulations=50).fit(simulator)
    assert posterior.prior is None
    assert posterior.prior_ is simulator.prior


# Training


def test_curves_are_on_the_scale_of_score(quick, simulations, simulator):
    X, y = simulations
    posterior = quick(prior=simulator.prior, max_iter=12, learning_rate_init=0.05).fit(X, y * [0.9, 1e-3])
    assert posterior.n_iter_ == len(posterior.loss_curve_) == len(posterior.validation_scores_)
    assert posterior.best_iter_ == 1 + np.argmax(posterior.validation_scores_)
    used, held_out = posterior._split(len(X), None, is_pass=False)
    assert sorted([*used, *held_out]) == list(range(400))
    assert len(held_out) == 40
    # The network was trained in single precision, and answers in double.
    best = posterior.validation_scores_[posterior.best_iter_ - 1]
    assert posterior.score(X[held_out], (y * [0.9, 1e-3])[held_out]) == pytest.approx(best, abs=1e-4)
    # The training loss is a mean over an epoch, in which the weights move.
    last = -posterior.loss_curve_[-1]
    assert posterior.score(X[used], (y * [0.9, 1e-3])[used]) == pytest.approx(last, abs=0.05)


def test_best_weights_are_kept(quick, simulations):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 10))
    # Something to learn, and much that can be learned by heart.
    y = X[:, 0] ** 2 + 0.3 * rng.normal(size=100)
    posterior = quick(engine=Gaussian((64,)), max_iter=40, learning_rate_init=0.02).fit(X, y)
    held_out = posterior._split(100, None, is_pass=False)[1]
    scores = posterior.validation_scores_
    assert scores[-1] < max(scores) - 0.1
    assert posterior.score(X[held_out], y[held_out]) == pytest.approx(max(scores), abs=1e-4)
    assert posterior.best_iter_ == np.argmax(scores) + 1 < posterior.n_iter_


def test_the_start_is_kept_where_no_epoch_is_better(quick):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 20)), rng.normal(size=40)
    posterior = quick(engine=Gaussian((64,)), max_iter=40, learning_rate_init=0.02).fit(X, y)
    held_out = posterior._split(40, None, is_pass=False)[1]
    assert posterior.best_iter_ == 0
    assert posterior.score(X[held_out], y[held_out]) > max(posterior.validation_scores_)


def test_training_stops_early(quick):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 20)), rng.normal(size=40)
    posterior = quick(engine=Gaussian((64,)), max_iter=100, n_iter_no_change=3, learning_rate_init=0.02).fit(X, y)
    assert posterior.n_iter_ == posterior.best_iter_ + 3 < 100


def test_without_early_stopping_all_rows_are_used(quick, simulations):
    X, y = simulations
    posterior = quick(early_stopping=False, n_iter_no_change=1).fit(X, y)
    assert posterior.validation_scores_ == []
    assert posterior.best_iter_ == posterior.n_iter_ == posterior.max_iter == len(posterior.loss_curve_)
    assert posterior._split(len(X), None, is_pass=False)[1].size == 0
    assert posterior.score(X, y) == pytest.approx(-posterior.loss_curve_[-1], abs=0.1)


def test_warm_start_goes_on(quick, simulations):
    X, y = simulations
    posterior = quick(engine=Gaussian((8,)), max_iter=10, warm_start=True).fit(X, y)
    before = posterior.predict(X)
    network, scores, losses = posterior.network_, posterior.validation_scores_, posterior.loss_curve_
    held_out = posterior._split(len(X), None, is_pass=False)[1]
    # Steps too small to be seen: the second fit begins where the first one ended.
    posterior.set_params(learning_rate_init=1e-9).fit(X, y)
    np.testing.assert_allclose(posterior.predict(X), before, rtol=0, atol=1e-5)
    assert posterior.network_ is not network
    assert posterior.n_iter_ == 20
    assert posterior.validation_scores_[:10] == scores
    assert posterior.loss_curve_[:10] == losses
    assert posterior.validation_scores_[10:] == pytest.approx([max(scores)] * 10, abs=1e-4)
    posterior.set_params(learning_rate_init=0.02).fit(X, y)
    score = posterior.score(X[held_out], y[held_out])
    assert score >= max(scores) - 1e-4
    assert score == pytest.approx(posterior.validation_scores_[posterior.best_iter_ - 1], abs=1e-4)


def test_without_warm_start_fit_begins_anew(quick, simulations):
    X, y = simulations
    posterior = quick().fit(X, y)
    before = posterior.predict(X)
    np.testing.assert_array_equal(posterior.fit(X, y).predict(X), before)
    assert posterior.n_iter_ == 3
    assert posterior.fit(X[:, :2], y[:, 0]).sample(X[:1, :2], 5).shape == (1, 5, 1)


@pytest.mark.parametrize("n_rows", [2, 11])
def test_a_few_rows_do(quick, simulations, n_rows):
    X, y = simulations
    posterior = quick().fit(X[:n_rows], y[:n_rows])
    assert np.isfinite(posterior.sample(X, 3)).all()
    assert np.isfinite(posterior.score(X, y))
    assert len(posterior.validation_scores_) == posterior.n_iter_


def test_verbose_shows_bars(quick, simulator, capsys):
    quick(n_simulations=50, verbose=1).fit(simulator)
    shown = capsys.readouterr()
    assert "simulating: 100%" in shown.err
    assert "50/50" in shown.err
    assert "training: 100%" in shown.err
    assert "3/3" in shown.err
    quick(n_simulations=50).fit(simulator)
    quiet = capsys.readouterr()
    assert shown.out == quiet.out == quiet.err == ""


def test_callbacks_are_called(quick, simulations):
    class CountEpochs(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            CountEpochs.n_epochs += 1

    quick(callbacks=[CountEpochs()]).fit(*simulations)
    assert CountEpochs.n_epochs == 3
    quick(callbacks=[("counter", CountEpochs())]).fit(*simulations)
    assert CountEpochs.n_epochs == 6


# Units


def test_unit_of_a_parameter_shifts_the_log_density_by_the_jacobian(quick, simulations):
    X, y = simulations
    reference = quick(max_iter=10).fit(X, y)
    # A power of two changes no digit, so that training is the same number by number.
    unit = np.array([2.0**-17, 2.0**30])
    exact = quick(max_iter=10).fit(X, y * unit)
    np.testing.assert_allclose(exact.log_prob(X, y * unit), reference.log_prob(X, y) - np.log(unit).sum(), atol=1e-10)
    draws = reference.sample(X[:3], 100, random_state=0)
    np.testing.assert_allclose(exact.sample(X[:3], 100, random_state=0), draws * unit, rtol=1e-12)
    # Another unit moves the last digit of standardised parameters, 6e-8 in single precision, and 120 steps of training
    # carry that on: each step of AdamW at most adds about as much again.
    unit = np.array([1e-5, 1.0])
    rounded = quick(max_iter=10).fit(X, y * unit)
    tolerance = 120 * 6e-8 * 10
    expected = reference.log_prob(X, y) - np.log(unit).sum()
    np.testing.assert_allclose(rounded.log_prob(X, y * unit), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(rounded.predict(X) / unit, reference.predict(X), rtol=0, atol=tolerance)


def test_unit_of_a_feature_changes_nothing(quick, simulations):
    X, y = simulations
    reference = quick(max_iter=10).fit(X, y)
    unit = np.array([2.0**20, 1.0, 2.0**-40])
    np.testing.assert_array_equal(quick(max_iter=10).fit(X * unit, y).predict(X * unit), reference.predict(X))
    unit = np.array([1e6, 1.0, 1e-12])
    rescaled = quick(max_iter=10).fit(X * unit, y)
    np.testing.assert_allclose(rescaled.predict(X * unit), reference.predict(X), rtol=0, atol=1e-4)
    np.testing.assert_allclose(rescaled.log_prob(X * unit, y), reference.log_prob(X, y), rtol=0, atol=1e-4)


# An exact answer


@pytest.fixture(scope="module")
def conjugate(quick):
    """A problem whose posterior is linear in X, a posterior trained until nothing changes, and its simulations."""
    problem = ConjugateGaussian(2, shift=-1.0, noise_variance=2.0, prior_variance=9.0)
    posterior = quick(n_simulations=2000, max_iter=60, batch_size=500, early_stopping=False).fit(problem)
    return problem, posterior, posterior._simulate(problem)[:2]


@pytest.fixture(scope="module")
def far_and_wide(conjugate):
    """Nine data sets from the middle to 1.5 prior predictive standard deviations out in both features."""
    problem = conjugate[0]
    z = np.stack(np.meshgrid([-1.5, 0.0, 1.5], [-1.5, 0.0, 1.5]), axis=-1).reshape(-1, 2)
    return problem.shift + np.sqrt(problem.prior_variance + problem.noise_variance) * z, (z**2).sum(axis=1)[
        :, np.newaxis
    ]


def test_mean_and_std_agree_with_the_exact_posterior(conjugate, far_and_wide):
    problem, posterior, (simulated, _) = conjugate
    X, distance = far_and_wide
    mean, std = posterior.predict(X, return_std=True)
    exact_std = problem.posterior_std(X)
    # Least squares on n rows: the mean at z has variance std² (1 + |z|²) / n; the log of std, also linear in z, half.
    error = np.sqrt((1 + distance) / len(simulated))
    assert (np.abs(mean - problem.posterior_mean(X)) < 5 * error * exact_std).all()
    assert (np.abs(np.log(std / exact_std)) < 5 * error / np.sqrt(2)).all()


def test_mean_is_that_of_least_squares(conjugate, far_and_wide):
    problem, posterior, (simulated, y) = conjugate
    X, distance = far_and_wide
    design = np.insert(simulated, 0, 1.0, axis=1)
    coefficients = np.linalg.lstsq(design, y.to_numpy(), rcond=None)[0]
    # Weights by row, which the network may choose, move least squares within a small part of its error.
    tolerance = 0.5 * np.sqrt((1 + distance) / len(simulated)) * problem.posterior_std(X)
    assert (np.abs(posterior.predict(X) - np.insert(X, 0, 1.0, axis=1) @ coefficients) < tolerance).all()


def test_log_density_agrees_with_the_exact_posterior(conjugate):
    problem, posterior, (simulated, _) = conjugate
    X, y = problem.sample(2000, random_state=1)
    difference = problem.log_posterior(X, y) - posterior.log_prob(X, y)
    # Fitted numbers: for each of two parameters a mean and a log residual deviation, and one regression coefficient,
    # all linear in two features. Each costs 1 / 2n nats on average, so that twice n times the sum is chi-squared.
    cost = stats.chi2(5 * 3).ppf(1 - 1e-4) / (2 * len(simulated))
    noise = 4 * difference.std() / np.sqrt(len(X))
    assert -noise < difference.mean() < cost + noise
    assert noise < 0.02
