"""Posteriors on grids: a density that jumps at the ends, and a needle in a wide box."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets._grid import GridSimulator


class Needle(GridSimulator):
    """A product of two Gaussians with given means, cut to a box."""

    def __init__(self, sd):
        self.sd = sd
        self.box = np.array([[0.0, 1.0], [-1000.0, 1000.0]])

    def _check(self, X):
        return np.asarray(X)

    def _statistics(self, X):
        return X

    def _log_joint(self, statistics, first, second):
        terms = [
            stats.norm.logpdf(axis, mean[:, np.newaxis], self.sd)
            for axis, mean in zip((first, second), statistics.T, strict=True)
        ]
        return terms[0][:, :, np.newaxis] + terms[1][:, np.newaxis]

    def _parameters(self, coordinates):
        return coordinates


@pytest.mark.parametrize("sd", [0.3, 1e-2])
def test_evidence_and_draws(sd):
    X = np.array([[0.0, 17.3], [0.5, -999.5], [1.1, 123.456], [0.0, 17.3]])
    simulator = Needle(sd)
    box = simulator.box
    parts = [stats.truncnorm((box[i, 0] - X[:, i]) / sd, (box[i, 1] - X[:, i]) / sd, X[:, i], sd) for i in (0, 1)]
    mass = [stats.norm.cdf((box[i, 1] - X[:, i]) / sd) - stats.norm.cdf((box[i, 0] - X[:, i]) / sd) for i in (0, 1)]
    is_seen = mass[0] > 0
    evidence = simulator.log_evidence(X)
    assert_allclose(evidence[is_seen], np.log(mass[0] * mass[1])[is_seen], atol=1e-9)
    assert evidence[0] == evidence[3]
    n = 20_000
    draws = simulator.sample_posterior(X, n, random_state=0)
    for i, part in enumerate(parts):
        assert (draws[..., i] >= box[i, 0]).all() and (draws[..., i] <= box[i, 1]).all()
        for row in range(len(X)):
            cdf = stats.truncnorm(*(a[row] for a in part.args[:2]), part.args[2][row], sd).cdf
            assert stats.kstest(draws[row, :, i], cdf).pvalue > 1e-5


def test_a_child_must_define_its_parts():
    for call in (lambda s: s._statistics(0), lambda s: s._log_joint(0, 0, 0), lambda s: s._parameters(0)):
        with pytest.raises(NotImplementedError):
            call(GridSimulator.__new__(GridSimulator))
