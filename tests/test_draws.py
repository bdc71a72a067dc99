import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skabi.draws import summarize, to_datatree, to_frame
from skabi.exceptions import ShapeError


@pytest.fixture
def draws():
    return np.random.default_rng(0).normal(size=(3, 50, 4))


NAMES = ["beta", "theta[0]", "theta[1]", "theta[2]"]


def test_frame_has_a_row_for_each_draw(draws):
    frame = to_frame(draws, parameter_names=NAMES)
    assert frame.shape == (150, 4)
    assert frame.columns.tolist() == NAMES
    assert frame.index.names == ["dataset", "draw"]
    assert frame.loc[(2, 7), "theta[1]"] == draws[2, 7, 2]
    assert to_frame(draws).columns.tolist() == ["theta[0]", "theta[1]", "theta[2]", "theta[3]"]


def test_frame_does_not_share_memory_with_draws(draws):
    frame = to_frame(draws)
    kept = draws.copy()
    frame.iloc[0, 0] = 99.0
    np.testing.assert_array_equal(draws, kept)


def test_summary_is_that_of_each_data_set_and_parameter(draws):
    summary = summarize(draws, parameter_names=NAMES, probs=(0.025, 0.5))
    assert summary.columns.tolist() == ["mean", "sd", "2.5%", "50%"]
    assert summary.index.names == ["dataset", "parameter"]
    assert len(summary) == 12
    one = draws[1, :, 3]
    expected = [one.mean(), one.std(ddof=1), np.quantile(one, 0.025), np.median(one)]
    np.testing.assert_allclose(summary.loc[(1, "theta[2]")], expected)
    assert summarize(draws).columns.tolist() == ["mean", "sd", "5%", "50%", "95%"]


def test_summary_agrees_with_the_frame(draws):
    from_frame = to_frame(draws).groupby("dataset").mean().stack()
    np.testing.assert_allclose(summarize(draws)["mean"], from_frame)


@pytest.mark.parametrize("probs", [(-0.1, 0.5), (0.5, 1.1), (0.5, 0.5), [[0.5]], (np.nan,), ("median",)])
def test_wrong_probs(draws, probs):
    with pytest.raises(ValueError, match="probs must"):
        summarize(draws, probs=probs)


def test_datatree_of_several_data_sets(draws):
    tree = to_datatree(draws, parameter_names=NAMES)
    posterior = tree["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "dataset")
    assert posterior["theta"].dims == ("chain", "draw", "dataset", "theta_dim_0")
    np.testing.assert_array_equal(posterior["beta"].values[0], draws[:, :, 0].T)
    np.testing.assert_array_equal(posterior["theta"].values[0], draws[:, :, 1:].swapaxes(0, 1))
    assert set(tree.children) == {"posterior"}


def test_datatree_of_one_data_set_has_no_dataset_dimension(draws):
    posterior = to_datatree(draws[:1], parameter_names=NAMES)["posterior"]
    assert posterior["beta"].dims == ("chain", "draw")
    assert posterior["theta"].dims == ("chain", "draw", "theta_dim_0")
    np.testing.assert_array_equal(posterior["theta"].values, draws[:1, :, 1:])


def test_datatree_holds_the_data(draws):
    X = np.arange(30.0).reshape(3, 5, 2)
    observed = to_datatree(draws, X=X)["observed_data"]["X"]
    assert observed.dims == ("dataset", "X_dim_0", "X_dim_1")
    np.testing.assert_array_equal(observed.values, X)
    assert to_datatree(draws[:1], X=X[:1])["observed_data"]["X"].dims == ("X_dim_0", "X_dim_1")
    with pytest.raises(ShapeError, match="n_datasets of draws as first axis, 3"):
        to_datatree(draws, X=X[:2])


def test_datatree_holds_log_likelihood_and_predictions(draws):
    rng = np.random.default_rng(1)
    log_likelihood, predicted = rng.normal(size=(3, 50, 5)), rng.normal(size=(3, 50, 6, 2))
    tree = to_datatree(draws, X=np.zeros((3, 5, 2)), log_likelihood=log_likelihood, posterior_predictive=predicted)
    assert list(tree.children) == ["posterior", "observed_data", "log_likelihood", "posterior_predictive"]
    assert tree["log_likelihood"]["X"].dims == ("chain", "draw", "dataset", "X_dim_0")
    assert tree["posterior_predictive"]["X"].dims == ("chain", "draw", "dataset", "X_dim_0", "X_dim_1")
    np.testing.assert_array_equal(tree["log_likelihood"]["X"].values[0], log_likelihood.swapaxes(0, 1))
    np.testing.assert_array_equal(tree["posterior_predictive"]["X"].values[0], predicted.swapaxes(0, 1))

    tree = to_datatree(draws[:1], log_likelihood=log_likelihood[:1], posterior_predictive=predicted[:1])
    assert list(tree.children) == ["posterior", "log_likelihood", "posterior_predictive"]
    assert tree["log_likelihood"]["X"].dims == ("chain", "draw", "X_dim_0")
    np.testing.assert_array_equal(tree["posterior_predictive"]["X"].values, predicted[:1])


def test_a_parameter_may_be_called_X(draws):
    tree = to_datatree(draws[..., :1], parameter_names=["X"], X=np.zeros((3, 5)), log_likelihood=np.zeros((3, 50, 5)))
    assert tree["posterior"]["X"].dims == ("chain", "draw", "dataset")
    assert tree["observed_data"]["X"].dims == ("dataset", "X_dim_0")


def test_a_whole_data_set_may_be_one_observation(draws):
    for X in (np.zeros(3), np.zeros((3, 8)), np.zeros((3, 8, 8))):
        tree = to_datatree(draws, X=X, log_likelihood=np.zeros((3, 50, 1)))
        assert tree["log_likelihood"]["X"].shape == (1, 50, 3, 1)


@pytest.mark.parametrize(
    ("group", "shape", "message"),
    [
        ("log_likelihood", (3, 50), r"shape \(n_datasets, n_draws, n_observations\), here \(3, 50, n_observations\)"),
        ("log_likelihood", (3, 49, 5), r"got \(3, 49, 5\)"),
        ("log_likelihood", (2, 50, 5), r"got \(2, 50, 5\)"),
        ("log_likelihood", (3, 50, 4), "one column for each of the 5 observations of X"),
        ("posterior_predictive", (50, 5, 2), r"pass posterior_predictive\[np.newaxis\]"),
        ("posterior_predictive", (3, 49, 5, 2), r"here \(3, 50, ...\); got \(3, 49, 5, 2\)"),
    ],
)
def test_groups_that_do_not_fit_raise(draws, group, shape, message):
    with pytest.raises(ShapeError, match=message):
        to_datatree(draws, X=np.zeros((3, 5, 2)), **{group: np.zeros(shape)})


@pytest.mark.parametrize("name", ["X", "log_likelihood", "posterior_predictive"])
def test_data_sets_of_one_length_may_be_a_list_and_others_raise(draws, name):
    def given(*lengths):
        return [np.zeros((n, 2) if name == "X" else (50, n)) for n in lengths]

    group = "observed_data" if name == "X" else name
    tree = to_datatree(draws, **{name: given(5, 5, 5)})
    assert tree[group]["X"].shape == ((3, 5, 2) if name == "X" else (1, 50, 3, 5))
    as_objects = np.empty(3, dtype=object)
    as_objects[:] = given(5, 4, 5)
    for ragged in (given(5, 4, 5), as_objects):
        with pytest.raises(ShapeError, match=rf"of one size .* once for each size, with {name}\[i : i \+ 1\]"):
            to_datatree(draws, **{name: ragged})
    one = to_datatree(draws[1:2], **{name: as_objects[1:2]})
    assert one[group]["X"].shape == ((4, 2) if name == "X" else (1, 50, 4))


def test_loo_of_the_datatree_is_the_exact_one_of_a_gaussian():
    arviz_stats = pytest.importorskip("arviz_stats")
    rng = np.random.default_rng(0)
    n_datasets, n_draws, n = 2, 4000, 20
    X = rng.normal(1.0, size=(n_datasets, n))
    # Mean theta ~ N(0, 1), observations N(theta, 1): the posterior is N(sum / (n + 1), 1 / (n + 1)).
    theta = rng.normal(X.sum(axis=1)[:, np.newaxis] / (n + 1), (n + 1) ** -0.5, size=(n_draws, n_datasets, 1))
    theta = theta.swapaxes(0, 1)
    log_likelihood = stats.norm(theta).logpdf(X[:, np.newaxis])
    # Without observation i the posterior is N(rest / n, 1 / n).
    rest = X.sum(axis=1, keepdims=True) - X
    exact = stats.norm(rest / n, np.sqrt(1 + 1 / n)).logpdf(X)
    # Relative standard errors of the means of 1 / likelihood, added up as if they all went the same way.
    weights = np.exp(-log_likelihood)
    error = (weights.std(axis=1) / weights.mean(axis=1) / np.sqrt(n_draws)).sum(axis=1)

    elpd = []
    for i in range(n_datasets):
        one = slice(i, i + 1)
        tree = to_datatree(theta[one], X=X[one], log_likelihood=log_likelihood[one])
        result = arviz_stats.loo(tree, pointwise=True)
        assert result.n_data_points == n
        assert result.elpd_i.dims == ("X_dim_0",)
        assert abs(result.elpd - exact[i].sum()) < 4 * error[i]
        assert np.corrcoef(result.elpd_i, exact[i])[0, 1] > 0.99
        elpd.append(result.elpd)
    together = arviz_stats.loo(to_datatree(theta, X=X, log_likelihood=log_likelihood))
    assert together.elpd == pytest.approx(sum(elpd))


@pytest.mark.parametrize("n_datasets", [1, 3])
def test_arviz_reads_the_datatree(draws, n_datasets):
    arviz_stats = pytest.importorskip("arviz_stats")
    draws = draws[:n_datasets]
    table = arviz_stats.summary(to_datatree(draws, parameter_names=NAMES), round_to="none")
    assert len(table) == 4 * n_datasets
    mean = table["mean"].astype(float).to_numpy()
    # ArviZ goes variable by variable, then data set by data set.
    expected = draws.mean(axis=1)
    np.testing.assert_allclose(mean, np.concatenate([expected[:, 0], expected[:, 1:].ravel()]), atol=1e-6)


def test_datatree_without_arviz_says_what_to_install(draws, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz_base", None)
    with pytest.raises(ImportError, match=r"pip install \"skabi\[arviz\]\""):
        to_datatree(draws)


@pytest.mark.parametrize("function", [to_frame, to_datatree, summarize])
def test_wrong_input(draws, function):
    with pytest.raises(ShapeError, match=r"draws\[np.newaxis\]"):
        function(draws[0])
    with pytest.raises(ShapeError, match="each of the 4 parameters"):
        function(draws, parameter_names=["a", "b"])
    with pytest.raises(ValueError, match="distinct"):
        function(draws, parameter_names=["a", "a", "b", "c"])
    draws[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="draws must be finite"):
        function(draws)


def test_summary_of_one_draw_is_refused(draws):
    with pytest.raises(ShapeError, match="at least 2 draws"):
        summarize(draws[:, :1])


def test_summary_prints_in_a_table(draws):
    lines = str(summarize(draws[:1], parameter_names=NAMES).round(2)).splitlines()
    assert lines[0].split() == ["mean", "sd", "5%", "50%", "95%"]
    assert len(lines) == 6
    assert isinstance(summarize(draws), pd.DataFrame)
