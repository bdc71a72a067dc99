import numpy as np
from scipy import stats

from skabi.priors import ChainedPrior, IndependentPrior
from skabi.refine._target import Target


class Overflowing:
    """A likelihood that overflows where the scale is next to nothing."""

    def log_likelihood(self, X, y):
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = X[:, np.newaxis, 0] / y[..., 1]
            return ratio - ratio


def test_the_likelihood_is_not_asked_on_the_edge_of_the_support():
    prior = IndependentPrior({"level": stats.norm(), "scale": stats.halfnorm()})
    target = Target(Overflowing(), prior, np.ones((1, 1)), rows=np.arange(1))
    u = np.array([[[0.0, -40.0], [0.0, -37.2], [0.0, 1.0], [50.0, 1.0]]])
    np.testing.assert_array_equal(target.log_prob_real(u), [[-np.inf, -np.inf, -0.5, -1250.5]])


def part_of(top):
    return stats.uniform(0.0, top)


def test_an_end_that_depends_on_other_parameters_is_no_edge_for_all():
    prior = ChainedPrior({"top": stats.lognorm(1.0), "part": part_of})
    target = Target(Overflowing(), prior, np.ones((1, 1)), rows=np.arange(1))
    # Ten standard deviations out, where no draw of the prior has been.
    assert target.log_prob_real(np.array([[[10.0, 2.0]]])) == -52.0
