"""Two priors are equal if they are known to say the same."""

import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, clone

from skabi.priors import ChainedPrior, IndependentPrior

HISTOGRAM = np.histogram([1.0, 2.0, 2.5, 4.0], bins=3)


def part(top):
    return stats.uniform(0.0, top)


def independent(**changed):
    distributions = {
        "rate": stats.gamma(2.0),
        "effect": stats.norm(np.zeros(20), 1.0),
        "pair": stats.multivariate_normal([0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]]),
        "past": stats.rv_histogram(HISTOGRAM, density=False)(),
    }
    return IndependentPrior({**distributions, **changed})


def scaled(k):
    return lambda top: stats.uniform(0.0, k * top)


def far_effect():
    mean = np.zeros(20)
    mean[10] = 1e-12  # beyond what repr shows
    return stats.norm(mean, 1.0)


def test_equal_priors():
    prior = independent()
    for other in (independent(), pickle.loads(pickle.dumps(prior)), independent(rate=stats.gamma(a=2, loc=0))):
        assert prior == other and hash(prior) == hash(other)
    chained = ChainedPrior({"top": stats.gamma(2.0), "part": part})
    assert chained == ChainedPrior({"top": stats.gamma(2.0), "part": part}) == pickle.loads(pickle.dumps(chained))


@pytest.mark.parametrize(
    "changed",
    [
        {"rate": stats.gamma(2.5)},
        {"rate": stats.gamma(2.0, loc=1.0)},
        {"rate": stats.weibull_min(2.0)},
        {"effect": far_effect()},
        {"effect": stats.norm(np.zeros(19), 1.0)},
        {"pair": stats.multivariate_normal([0.0, 1.0], [[2.0, 0.4], [0.4, 1.0]])},
        {"past": stats.rv_histogram(np.histogram([1.0, 2.0, 3.5, 4.0], bins=3), density=False)()},
        {"more": stats.norm()},
    ],
)
def test_priors_that_differ(changed):
    assert independent() != independent(**changed)


def test_order_class_and_functions_count():
    a, b = stats.norm(), stats.gamma(2.0)
    assert IndependentPrior({"a": a, "b": b}) != IndependentPrior({"b": b, "a": a})
    assert IndependentPrior({"a": a, "b": b}) != ChainedPrior({"a": a, "b": b})
    assert IndependentPrior({"a": a}) != "prior" and IndependentPrior({"a": a}) is not None
    first, second = (ChainedPrior({"top": stats.gamma(2.0), "part": scaled(k)}) for k in (1.0, 2.0))
    assert first != second


def test_prior_as_a_constructor_parameter():
    class Learner(BaseEstimator):
        def __init__(self, prior=None):
            self.prior = prior

    learner = Learner(independent())
    assert clone(learner).get_params()["prior"] == learner.prior
    assert "IndependentPrior" in repr(learner)
