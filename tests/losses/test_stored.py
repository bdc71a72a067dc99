"""Self-consistency on simulations that are read from disk a part at a time, and that come in passes."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from skorch.callbacks import Callback

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from skabi.losses import ForwardKL, SelfConsistency

NOISE = 0.3
SIMULATOR = ConjugateGaussian(noise_variance=NOISE)
STD = math.sqrt(NOISE / (1 + NOISE))
REAL = np.array([[4.0, -4.0], [3.0, 5.0]])


def log_likelihood(X, theta):
    return stats.norm.logpdf(X, theta, math.sqrt(NOISE)).sum(axis=1)


def posterior(engine=None, **parameters):
    loss = ForwardKL() + SelfConsistency(n_draws=4, likelihood=log_likelihood, X_unlabelled=REAL)
    parameters = {"max_iter": 3, "batch_size": 32, "random_state": 0} | parameters
    return AmortizedPosterior(engine or Gaussian(()), loss=loss, prior=SIMULATOR.prior, **parameters)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Data sets in a store, which is read in parts of 100 rows, and their parameters."""
    monkeypatch.setattr("skabi.estimators._stored._WHOLE", 0)
    monkeypatch.setattr("skabi.estimators._stored._PART", 100 * 16)
    monkeypatch.setattr("skabi.estimators._stored._FEWEST_FIRST", 100)
    for n in range(100, 500, 100):  # so that there are four chunks
        X, y = SIMULATOR.sample(n, random_state=0, store=tmp_path / "sims.zarr")
    return X, y


class Stop(Exception):
    """What no training catches."""


class StopAt(Callback):
    """End training in an epoch counted from 1."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training and len(net.history) == self.epoch:
            raise Stop


def weights(fitted):
    return fitted.network_.state_dict()


def stopped(recipe, X, y):
    with pytest.raises(Stop):
        clone(recipe).set_params(callbacks=[StopAt(3)]).fit(X, y)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_rows_of_a_stream_are_asked_about_their_own_data(stored, n_estimators):
    fitted = posterior(n_estimators=n_estimators, max_iter=8).fit(*stored)
    new, _ = SIMULATOR.sample(200, random_state=1)
    gaps = (fitted.predict(new) - SIMULATOR.posterior_mean(new)) / STD
    # By regression alone, three coefficients from 400 rows, a mean is off by so many standard deviations.
    assert np.sqrt(np.mean(gaps**2)) < math.sqrt(3 / 400)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_a_fit_to_a_store_goes_on_from_its_checkpoint(stored, tmp_path, n_estimators):
    recipe = posterior(Gaussian((4,)), n_estimators=n_estimators, checkpoint=tmp_path / "training")
    expected = weights(clone(recipe).set_params(checkpoint=None).fit(*stored))
    stopped(recipe, *stored)
    assert list(Path(tmp_path / "training").rglob("*.safetensors"))
    resumed = weights(clone(recipe).fit(*stored))
    assert all(torch.equal(value, expected[name]) for name, value in resumed.items())


def test_other_unlabelled_data_begin_anew(tmp_path):
    X, y = SIMULATOR.sample(200, random_state=0)
    large = np.concatenate([REAL] * 1000)
    recipe = posterior(checkpoint=tmp_path).set_params(loss__selfconsistency__X_unlabelled=large)
    stopped(recipe, X, y)
    other = large.copy()
    # Where a text of the array shows none of it.
    other[700] += 1e-3
    with pytest.warns(ApproximationWarning, match="not the same loss__selfconsistency__X_unlabelled. That state is"):
        clone(recipe).set_params(loss__selfconsistency__X_unlabelled=other).fit(X, y)
    assert list(tmp_path.rglob("*.safetensors"))
    clone(recipe).fit(X, y)
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_passes_over_parts(stored, n_estimators):
    X, y = stored
    gaps = []
    for loss in (ForwardKL(), posterior().loss):
        fitted = posterior(n_estimators=n_estimators, batch_size=8, learning_rate_init=0.03, warn_outside=False)
        fitted.set_params(loss=loss)
        for first in range(0, 400, 100):
            fitted.partial_fit(X[first : first + 100], y[first : first + 100])
        assert len(fitted.loss_curve_) == 4
        gaps.append(np.abs(fitted.predict(REAL) - SIMULATOR.posterior_mean(REAL)).mean())
    assert gaps[1] < 0.5 * gaps[0]


def test_unlabelled_data_in_a_store(stored, tmp_path):
    X, y = stored
    fits = [
        posterior(checkpoint=tmp_path / "training")
        .set_params(max_iter=1, loss__selfconsistency__X_unlabelled=real)
        .fit(X[:100].read(), y[:100])
        for real in (X[100:110], X[100:110].read())
    ]
    first, second = map(weights, fits)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
