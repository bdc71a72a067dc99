"""Bayes' rule in the base class."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skabi.datasets import ConjugateGaussian, TwoMoons
from skabi.datasets._exact import ExactSimulator


def test_log_posterior_is_bayes_rule():
    simulator = ConjugateGaussian()
    X, y = simulator.sample(5, random_state=0)
    joint = simulator.prior.log_prob(y) + simulator.log_likelihood(X, theta=y.to_numpy())
    assert_allclose(simulator.log_posterior(X, y), joint - simulator.log_evidence(X))


def test_impossible_data_set_is_named():
    with pytest.raises(ValueError, match="could have made data set 1"):
        TwoMoons().log_posterior([[0.0, 0.0], [5.0, 0.0]], np.zeros((2, 2)))


def test_a_child_must_define_both_methods():
    simulator = ConjugateGaussian()
    with pytest.raises(NotImplementedError):
        ExactSimulator.log_evidence(simulator, np.zeros((1, 2)))
    with pytest.raises(NotImplementedError):
        ExactSimulator.sample_posterior(simulator, np.zeros((1, 2)))
