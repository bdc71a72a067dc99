"""Estimators with losses that know functions are saved and loaded, and go on."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from skorch.callbacks import Callback

import skabi
from skabi import AmortizedPosterior
from skabi.datasets import TwoMoons
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from skabi.losses import ForwardKL, ReverseKL, SelfConsistency
from skabi.priors import IndependentPrior

PRIOR = IndependentPrior({"mean": stats.norm()})


def log_likelihood(X, mean):
    return torch.distributions.Normal(mean[:, None], 1.0).log_prob(X).sum(dim=1)


def test_unlabelled_data_sets_and_a_known_likelihood_are_kept(tmp_path):
    simulator = TwoMoons()
    consistent = SelfConsistency(0.1, likelihood=simulator.log_likelihood, X_unlabelled=np.zeros((3, 2)))
    posterior = AmortizedPosterior(Gaussian(()), loss=ForwardKL() + consistent, n_simulations=60, max_iter=2)
    posterior.set_params(random_state=0).fit(simulator).save(tmp_path / "posterior")
    loaded = skabi.load(tmp_path / "posterior")
    assert repr(loaded.loss) == repr(posterior.loss)
    assert repr(clone(loaded).loss) == repr(posterior.loss_)
    X, y = simulator.sample(50, random_state=1)
    np.testing.assert_array_equal(loaded.predict(X), posterior.predict(X))
    assert loaded.set_params(warm_start=True, prior=simulator.prior).fit(X, y).n_iter_ == 4


def test_evidence_lower_bounds_are_kept(tmp_path):
    loss = ReverseKL(2, likelihood=log_likelihood)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, prior=PRIOR, max_iter=2, random_state=0)
    posterior.fit([[1.0, 2.0]]).save(tmp_path / "posterior")
    loaded = skabi.load(tmp_path / "posterior", custom_classes=[log_likelihood])
    np.testing.assert_array_equal(loaded.elbo_, posterior.elbo_)
    assert loaded.loss_.likelihood is log_likelihood


class StopOnce(Callback):
    """End training, as Ctrl-C does, at the end of the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_fit_that_was_interrupted_goes_on_with_the_same_draws(tmp_path):
    simulator = TwoMoons()
    loss = ForwardKL() + SelfConsistency(0.1, start=0.0, ramp=0.5)
    posterior = AmortizedPosterior(Gaussian(()), loss=loss, n_simulations=80, max_iter=4, random_state=0)
    X, _ = simulator.sample(5, random_state=1)
    expected = clone(posterior).fit(simulator).predict(X)
    with pytest.warns(ApproximationWarning, match="interrupted"):
        posterior.set_params(checkpoint=tmp_path, callbacks=[StopOnce()]).fit(simulator)
    resumed = posterior.set_params(callbacks=None).fit(simulator)
    np.testing.assert_allclose(resumed.predict(X), expected, rtol=1e-5)
