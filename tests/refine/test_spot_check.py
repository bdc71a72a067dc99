import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skabi.priors import IndependentPrior
from skabi.refine._spot_check import complaint, looked_at, spot_check
from skabi.refine._target import Target

PRIOR = IndependentPrior({"one": stats.norm(), "two": stats.norm()})


class Exact:
    """The likelihood to which a normal posterior of standard deviation 1 about the data belongs."""

    def log_likelihood(self, X, y):
        return normal_log_density(y - X[:, np.newaxis]) - normal_log_density(y)


class Off:
    """Draws whose means are off by `error` and whose standard deviation is `scale`."""

    def __init__(self, error, scale=1.0):
        self.error, self.scale = error, scale

    def sample(self, X, n_draws, *, random_state):
        noise = random_state.normal(size=(len(X), n_draws, 2))
        return X[:, np.newaxis] + self.error + self.scale * noise

    def log_prob(self, X, y):
        return normal_log_density((y - X[:, np.newaxis] - self.error) / self.scale) - 2 * np.log(self.scale)


def normal_log_density(y):
    return stats.norm.logpdf(y).sum(axis=-1)


def checked(posterior, *, n_datasets=20, seed=0):
    rng = np.random.default_rng(seed)
    target = Target(Exact(), PRIOR, rng.normal(size=(n_datasets, 2)), rows=np.arange(n_datasets))
    return spot_check(posterior, target, rng=rng)


@pytest.mark.parametrize("error", [0.17, 0.5, -0.7])
def test_errors_of_means_are_found(error):
    # A little wider than the posterior, so that weights are bounded and their errors known.
    spots = checked(Off(error, scale=1.2))
    assert (spots["pareto_k"] < 0.7).all()
    chance = np.sqrt((spots["monte_carlo_error"] ** 2).sum()) / len(spots)
    assert abs(spots["error_of_means"].mean() - abs(error)) < 4 * chance


def test_without_an_error_chance_is_all_there_is():
    spots = checked(Off(0.0, scale=1.2))
    assert (spots["error_of_means"] < 4 * spots["monte_carlo_error"]).all()
    assert checked(Off(0.0))["error_of_means"].max() < 1e-9


@pytest.mark.parametrize(("n_datasets", "error"), [(1, 0.17), (20, 0.17), (20, 0.22)])
def test_small_errors_are_not_complained_of(n_datasets, error):
    assert all(complaint(checked(Off(error), n_datasets=n_datasets, seed=seed)) is None for seed in range(20))


@pytest.mark.parametrize("n_datasets", [1, 20])
def test_large_errors_are_complained_of(n_datasets):
    for seed in range(20):
        assert "means are off by 0." in complaint(checked(Off(0.5), n_datasets=n_datasets, seed=seed))


def test_tails_that_are_too_light_are_complained_of():
    spots = checked(Off(0.0, scale=0.3))
    n_high = np.count_nonzero(spots["pareto_k"] > 0.7)
    assert n_high > 10
    assert f"{n_high} have a Pareto k above 0.7" in complaint(spots)


@pytest.mark.parametrize(("n_high", "n_datasets", "is_told"), [(4, 20, False), (5, 20, True), (1, 1, False)])
def test_a_share_within_chance_of_a_twentieth_is_no_complaint(n_high, n_datasets, is_told):
    # Of 20 data sets at 5 % five or more have a probability of 0.003, and four or more of 0.016.
    spots = pd.DataFrame({"pareto_k": 0.1, "error_of_means": 0.0, "monte_carlo_error": 0.01}, index=range(n_datasets))
    spots.loc[: n_high - 1, ["pareto_k", "error_of_means"]] = 0.9, 9.0
    assert complaint(spots) == (f"of 20 that were looked at {n_high} have a Pareto k above 0.7" if is_told else None)


def test_weights_that_are_all_zero_and_no_data_sets_at_all():
    class Impossible:
        def log_likelihood(self, X, y):
            return np.full(y.shape[:2], -np.inf)

    for n in (0, 1, 20):
        target = Target(Impossible(), PRIOR, np.zeros((n, 2)), rows=np.arange(n))
        spots = spot_check(Off(0.0), target, rng=np.random.default_rng(0))
        assert spots.shape == (n, 4)
        assert (complaint(spots) is not None) == (n == 20)


def test_those_looked_at_are_evenly_spread():
    rows = looked_at(np.arange(1000, 2000), np.random.default_rng(0))
    assert set(np.diff(rows)) == {50}
    assert 1000 <= rows[0] < 1050
    assert looked_at(np.array([3, 7]), np.random.default_rng(1)).tolist() == [3, 7]
