"""Fits that go on with more simulations, another simulator, prior or number of observations."""

import numpy as np
import pytest
from scipy import stats
from skorch.callbacks import Callback

from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators import AmortizedLikelihood, AmortizedPosterior, JointEstimator
from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator
from skabi.summaries import SetSummary

PROBLEM = ConjugateGaussian()
SMALL = {"n_simulations": 400, "max_iter": 10, "batch_size": 32, "random_state": 0, "warm_start": True}


def with_prior(distribution):
    return Simulator(IndependentPrior({"theta": distribution}), PROBLEM.simulate, vectorized=True)


NARROW = with_prior(stats.norm(np.full(2, 0.8), 0.4))
BOX = with_prior(stats.uniform(np.full(2, -1.0), 2.0))


class Rates(Callback):
    """Highest rate of a training, and its number of epochs."""

    def __init__(self):
        self.highest, self.n_epochs = 0.0, 0

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.highest = max(self.highest, net.optimizer_.param_groups[0]["lr"])
        self.n_epochs = len(net.history)


def exact_score(X, y, *, mean, std):
    """The score of the exact posterior of the mean of a normal with variance 0.3 under a normal prior."""
    variance = 1 / (1 / std**2 + 1 / 0.3)
    location = variance * (mean / std**2 + X / 0.3)
    return stats.norm(location, np.sqrt(variance)).logpdf(y).sum(axis=1).mean()


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_another_prior(n_estimators):
    posterior = AmortizedPosterior(Gaussian((8,)), n_estimators=n_estimators, **SMALL).fit(PROBLEM)
    posterior.set_params(max_iter=5).fit(NARROW)
    assert posterior.prior_ == NARROW.prior and posterior.n_iter_ == 15
    X, y = NARROW.sample(2000, random_state=1)
    # Of 400 simulations.
    assert posterior.score(X, y) == pytest.approx(exact_score(X, y.to_numpy(), mean=0.8, std=0.4), abs=0.08)


def test_another_support():
    posterior = AmortizedPosterior(Gaussian((8,)), **SMALL).fit(PROBLEM).fit(BOX)
    X, y = BOX.sample(500, random_state=1)
    draws = posterior.sample(X[:20], 200, random_state=0)
    assert (np.abs(draws) < 1).all() and np.isneginf(posterior.log_prob(X[:1], [[0.0, 1.5]]))
    fresh = AmortizedPosterior(Gaussian((8,)), **SMALL).fit(BOX)
    assert posterior.score(X, y) > fresh.score(X, y) - 0.1


def test_a_likelihood_keeps_to_another_prior():
    likelihood = AmortizedLikelihood(Gaussian((8,)), **SMALL).fit(PROBLEM)
    X, y = NARROW.sample(1000, random_state=1)
    before = likelihood.fit(NARROW).score(X, y)
    exact = stats.norm(y.to_numpy(), np.sqrt(0.3)).logpdf(X).sum(axis=1).mean()
    assert before == pytest.approx(exact, abs=0.08)
    # What was learned outside the last prior stays; a prior that reaches farther has a map of its own.
    assert np.isfinite(likelihood.fit(BOX).log_likelihood([[0.0, 0.0]], [[2.0, 0.0]])).all()
    fresh = AmortizedLikelihood(Gaussian((8,)), **SMALL).fit(BOX)
    assert np.isneginf(fresh.log_likelihood([[0.0, 0.0]], [[2.0, 0.0]]))
    assert np.isfinite(fresh.fit(NARROW).log_likelihood([[0.0, 0.0]], [[2.0, 0.0]])).all()


def test_both_halves_go_on_with_another_prior():
    joint = JointEstimator(Gaussian((8,)), Gaussian((8,)), **SMALL).fit(PROBLEM).set_params(max_iter=5).fit(NARROW)
    assert joint.prior_ == joint.posterior_.prior_ == joint.likelihood_.prior_ == NARROW.prior
    assert joint.posterior_.n_iter_ == joint.likelihood_.n_iter_ == 15


def test_more_observations():
    few, more = GaussianMeanScale((2, 6)), GaussianMeanScale((6, 12))
    posterior = AmortizedPosterior(Gaussian((8,)), summary=SetSummary(width=8), **SMALL).fit(few)
    X, y = more.sample(300, random_state=1)
    posterior.set_params(warn_outside=False)
    with pytest.warns(UserWarning, match="unlike any in fit"):
        before = posterior.score(X, y)
    assert posterior.set_params(max_iter=5).fit(more).score(X, y) > before
    assert posterior.n_observations_in_ == (2, 12)


@pytest.mark.parametrize("learning_rate_init", [1e-9, 0.006, 1.0])
def test_held_out_rows_are_never_judged_worse_than_at_the_start(learning_rate_init):
    posterior = AmortizedPosterior(Gaussian((8,)), **SMALL).fit(PROBLEM)
    X, y = PROBLEM.sample(400, random_state=5)
    held_out = posterior._split(400, None, is_pass=False)[1]
    before = posterior.score(X[held_out], y.iloc[held_out])
    after = posterior.set_params(learning_rate_init=learning_rate_init, prior=PROBLEM.prior).fit(X, y)
    assert after.score(X[held_out], y.iloc[held_out]) >= before - 1e-5


def test_the_rate_is_lower():
    rates = [Rates(), Rates()]
    posterior = AmortizedPosterior(Gaussian(()), **SMALL)
    for each in rates:
        posterior.set_params(callbacks=[each]).fit(PROBLEM)
    assert [each.n_epochs for each in rates] == [10, 10]
    assert rates[1].highest == pytest.approx(0.3 * rates[0].highest) == pytest.approx(0.3 * 6e-3, rel=0.01)


def test_rows_once_trained_on_are_not_held_out_later():
    posterior = AmortizedPosterior(Gaussian(()), **SMALL).set_params(max_iter=1, prior=PROBLEM.prior)
    X, y = PROBLEM.sample(400, random_state=0)
    seen, held_out = set(), []
    for n in (100, 100, 250, 180, 400):
        posterior.fit(X[:n], y[:n])
        # What the fit has just used.
        used, held = posterior._split(n, None, is_pass=False)
        assert sorted([*used, *held]) == list(range(n))
        assert not seen & set(held)
        seen |= set(used)
        held_out.append(len(held))
    assert held_out[0] == held_out[1] == 10 and held_out[2] == 25 and held_out[4] == 40


def test_a_fit_that_fails_leaves_the_last_one():
    posterior = AmortizedPosterior(Gaussian((8,)), **SMALL).fit(PROBLEM)
    before = dict(vars(posterior))
    with pytest.warns(UserWarning, match="last good weights"), pytest.raises(TrainingError):
        posterior.set_params(learning_rate_init=1e9).fit(NARROW)
    after = {name: value for name, value in vars(posterior).items() if name != "learning_rate_init"}
    before.pop("learning_rate_init")
    assert after == before


def test_parameters_of_other_names_and_a_prior_that_comes_or_goes():
    posterior = AmortizedPosterior(Gaussian(()), **SMALL).fit(PROBLEM)
    other = Simulator(
        IndependentPrior({"phi": stats.norm(np.zeros(2))}), lambda phi, rng: rng.normal(phi), vectorized=True
    )
    with pytest.raises(ValueError, match=r"fit goes on with the parameters \['theta\[0\]', 'theta\[1\]'\]; got \['phi"):
        posterior.fit(other)
    with pytest.raises(ValueError, match="another prior where there was one, and with none where there was none"):
        posterior.fit(*PROBLEM.sample(50, random_state=0))


def test_rows_of_passes_and_parts_of_a_store_are_not_held_out_later(tmp_path, monkeypatch):
    trained, held_out = set(), []
    original = AmortizedPosterior._train

    def spy(self, task):
        seen = task.used if task.stream is None else np.concatenate(task.stream.chunks)
        held_out.append(set(task.held_out if task.stream is None else task.stream.first[task.held_out]))
        assert not held_out[-1] & trained
        trained.update(seen)
        return original(self, task)

    monkeypatch.setattr(AmortizedPosterior, "_train", spy)
    X, y = PROBLEM.sample(700, random_state=0)
    settings = {**SMALL, "max_iter": 1, "prior": PROBLEM.prior}
    posterior = AmortizedPosterior(Gaussian(()), **settings)
    # Of 700 rows 100 are new after passes over 600, the first of them twice.
    for start, stop in ((0, 200), (0, 200), (200, 600)):
        posterior.partial_fit(X[start:stop], y[start:stop])
        trained.update(range(start, stop))
    posterior.fit(X, y)
    assert len(held_out[-1]) == 10 and min(held_out[-1]) >= 600
    trained.clear()
    monkeypatch.setattr("skabi.estimators._stored._WHOLE", 0)
    monkeypatch.setattr("skabi.estimators._stored._PART", 100 * 16)
    monkeypatch.setattr("skabi.estimators._stored._MOST_FIRST", 200)
    for n in range(100, 1000, 100):  # so that there are nine chunks
        stored = PROBLEM.sample(n, random_state=0, store=tmp_path / "sims.zarr")
    X, y = (part[np.random.default_rng(0).permutation(900)] for part in (stored[0], stored[1].to_numpy()))
    posterior = AmortizedPosterior(Gaussian(()), **settings).fit(X, y)
    assert 0 < len(held_out[-1]) < 50
    streamed = held_out[-1]
    assert posterior.fit(X, y) and held_out[-1] == streamed
    assert posterior.fit(X.read(), y) and held_out[-1] == streamed


def test_nothing_is_left_to_be_held_out():
    posterior = AmortizedPosterior(Gaussian(()), **{**SMALL, "max_iter": 1, "prior": PROBLEM.prior})
    X, y = PROBLEM.sample(100, random_state=0)
    posterior.partial_fit(X, y)
    with pytest.warns(ApproximationWarning, match="10 of the 10 data sets that are held out may have been trained on"):
        posterior.fit(X, y)
    posterior.set_params(early_stopping=False).fit(X, y)
