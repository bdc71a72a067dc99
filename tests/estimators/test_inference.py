"""Large calls run in chunks: the answer is the same and complete, and memory does not grow."""

import numpy as np
import pytest
import torch

from skabi import AmortizedPosterior
from skabi.engines import DiffusionModel, Gaussian, ResidualNetwork
from skabi.estimators import _inference

N_THREADS = torch.get_num_threads()


@pytest.mark.parametrize("n_datasets", [1, 2, 5, 100])
@pytest.mark.parametrize("n_draws", [1, 3, 7, 8, 50])
def test_chunks_cover_everything_once_and_are_small(n_datasets, n_draws):
    covered = np.zeros((n_datasets, n_draws), dtype=int)
    for rows, columns in _inference.chunks(n_datasets, n_draws, 7):
        covered[rows, columns] += 1
        assert 1 <= covered[rows, columns].size <= 7
    assert (covered == 1).all()


def test_density_is_the_same_in_chunks(fitted, simulations, monkeypatch):
    X, y = simulations
    many = y[:, np.newaxis] + np.linspace(-1, 1, 11)[:, np.newaxis]
    whole, one_each = fitted.log_prob(X[:20], many[:20]), fitted.log_prob(X, y)
    monkeypatch.setattr(_inference, "_CHUNK", 7)
    np.testing.assert_allclose(fitted.log_prob(X[:20], many[:20]), whole, rtol=1e-12)
    np.testing.assert_allclose(fitted.log_prob(X, y), one_each, rtol=1e-12)


def test_density_is_zero_farther_out_than_a_solver_can_count(simulations):
    X, y = simulations
    engine = DiffusionModel(ResidualNetwork(8, n_blocks=1))
    posterior = AmortizedPosterior(engine, max_iter=1, random_state=0).fit(X[:100], y[:100])
    far = np.full_like(y[:2], np.finfo(float).max)
    np.testing.assert_array_equal(posterior.log_prob(X[:2], far), -np.inf)
    assert posterior.score(X[:2], far) == -np.inf


def test_predictions_and_summaries_are_the_same_in_chunks(fitted, simulations, monkeypatch):
    X = simulations[0][:20]
    whole = [*fitted.predict(X, return_std=True), fitted.predict(X, quantiles=[0.1, 0.6]), fitted.transform(X)]
    monkeypatch.setattr(_inference, "_CHUNK", 2500)  # predict takes whole data sets of 1,024 points
    parts = [*fitted.predict(X, return_std=True), fitted.predict(X, quantiles=[0.1, 0.6]), fitted.transform(X)]
    monkeypatch.setattr(_inference, "_CHUNK", 7)
    np.testing.assert_allclose(fitted.transform(X), whole[-1], rtol=1e-12)
    for whole_one, part in zip(whole, parts, strict=True):
        np.testing.assert_allclose(part, whole_one, rtol=1e-12)


def test_draws_in_chunks_are_complete_and_belong_to_their_rows(fitted, simulations, monkeypatch):
    X = simulations[0][:20]
    mean, std = fitted.predict(X, return_std=True)
    monkeypatch.setattr(_inference, "_CHUNK", 7)
    draws = fitted.sample(X, 400, random_state=0)
    assert draws.shape == (20, 400, 2)
    assert len(np.unique(draws.reshape(-1, 2), axis=0)) == 20 * 400
    # Forty means, each within four and a half standard errors, and one for the mean of predict.
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * std / np.sqrt(400)).all()
    assert np.ptp(mean[:, 0]) > std.max()
    np.testing.assert_array_equal(fitted.sample(X, 400, random_state=0), draws)


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_evenly_spread_draws_are_of_the_posterior_in_independent_replicates(simulations, n_estimators):
    X, y = simulations
    posterior = AmortizedPosterior(Gaussian(()), max_iter=3, n_estimators=n_estimators, random_state=0).fit(X, y)
    n_replicates, n_each = 40, 50
    draws = posterior.sample(X[:5], n_replicates * n_each, n_replicates=n_replicates, random_state=0)
    mean, std = posterior.predict(X[:5], return_std=True)
    # All in all as independent draws are: five data sets, two parameters.
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * std / np.sqrt(n_replicates * n_each)).all()
    np.testing.assert_allclose(draws.std(axis=1), std, rtol=5 / np.sqrt(2 * n_replicates * n_each))
    means = draws.reshape(5, n_replicates, n_each, 2).mean(axis=2)
    assert (means.std(axis=1) < 0.5 * std / np.sqrt(n_each)).all()
    # No replicate, and no data set, has the shift of another.
    assert len(np.unique(means.round(12).reshape(-1, 2), axis=0)) == 5 * n_replicates


def test_all_members_have_their_share_of_few_evenly_spread_draws(simulations):
    """Five draws in each of eight replicates, of eight members."""
    X, y = simulations
    posterior = AmortizedPosterior(Gaussian(()), max_iter=1, n_estimators=8, random_state=0).fit(X, y)
    for i, member in enumerate(posterior.network_.members):
        member.residual.bias += 1000.0 * i
    draws = posterior.sample(X[:20], 40, n_replicates=8, random_state=0)
    drawn_by = (draws[..., 1] - draws[..., 1].min(axis=1, keepdims=True)).argsort(axis=1).argsort(axis=1) // 5
    places = np.sort(draws[..., 1], axis=1).reshape(20, 8, 5)
    # Five of each member, whose draws are far from those of the next.
    assert (np.diff(places.mean(axis=2), axis=1) > 10 * places.std(axis=2).max()).all()
    # In no replicate the members of all others.
    assert len({tuple(np.sort(row)) for row in drawn_by[0].reshape(8, 5)}) > 1


def test_evenly_spread_draws_are_the_same_in_chunks(fitted, simulations, monkeypatch):
    X = simulations[0][:20]
    whole = fitted.sample(X, 400, n_replicates=8, random_state=0)
    monkeypatch.setattr(_inference, "_CHUNK", 7)
    np.testing.assert_allclose(fitted.sample(X, 400, n_replicates=8, random_state=0), whole, rtol=0, atol=1e-6)


def test_replicates_that_do_not_divide_the_draws_are_refused(fitted, simulations):
    with pytest.raises(ValueError, match="n_replicates must divide n_draws=10; got 3"):
        fitted.sample(simulations[0], 10, n_replicates=3)
    with pytest.raises(ValueError, match="n_replicates must be at least 1; got 0"):
        fitted.sample(simulations[0], 10, n_replicates=0)


def test_draws_do_not_depend_on_the_number_of_cores(fitted, simulations, monkeypatch):
    X = simulations[0][:20]
    monkeypatch.setattr(_inference, "_CHUNK", 7)
    draws = []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            draws.append(fitted.sample(X, 50, random_state=0))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(N_THREADS)
    np.testing.assert_array_equal(*draws)


def test_a_network_never_sees_more_than_a_chunk(fitted, simulations, monkeypatch):
    seen = []
    kind = type(fitted.network_.density)
    for name in ("to_base", "from_base"):
        method = getattr(kind, name)

        def spy(self, values, context, method=method):
            seen.append(values[..., 0].numel())
            return method(self, values, context)

        monkeypatch.setattr(kind, name, spy)
    X, y = simulations
    fitted.sample(X, 100)
    fitted.sample(X[:2], 40_000)
    fitted.log_prob(X, np.repeat(y[:, np.newaxis], 100, axis=1))
    fitted.log_prob(X[:1], np.zeros((1, 40_000, 2)))
    fitted.predict(X)
    assert max(seen) <= 16384
    assert sum(seen) == 2 * 40_000 + 80_000 + 40_000 + 400 * 1024
