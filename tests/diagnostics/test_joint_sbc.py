import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError

from skabi.diagnostics import joint_sbc_ranks, sbc_ecdf, sbc_ranks
from skabi.priors import IndependentPrior

NOISE = 0.5


class GaussianJoint:
    """Posterior and likelihood of x = theta + N(0, 1/4) noise under a standard normal prior.

    The posterior is always the exact one, N(0.8 x, 0.2); the likelihood is exact if `noise` is 0.5.
    """

    def __init__(self, *, noise=NOISE):
        self.noise = noise
        self.prior_ = IndependentPrior({"beta": stats.norm(), "gamma": stats.norm()})

    def sample_data(self, y, n_draws=1, *, n_observations=None, random_state=None):
        assert list(y.columns) == ["beta", "gamma"]
        return y.to_numpy() + self.noise * np.random.default_rng(random_state).normal(size=y.shape)

    def sample(self, X, n_draws=1000, *, random_state=None):
        noise = np.random.default_rng(random_state).normal(size=(len(X), n_draws, X.shape[1]))
        return 0.8 * X[:, np.newaxis] + np.sqrt(0.2) * noise


def test_ranks_of_the_exact_pair_are_uniform():
    ranks = joint_sbc_ranks(GaussianJoint(), n_datasets=4000, n_draws=9, random_state=0)
    assert ranks.shape == (4000, 2)
    assert ranks.dtype.kind == "i"
    for column in ranks.T:
        counts = np.bincount(column, minlength=10)
        assert len(counts) == 10
        assert stats.chisquare(counts).pvalue > 1e-4
    # Parameters are independent, so are their ranks: standard error 1 / sqrt(4000).
    assert abs(stats.spearmanr(*ranks.T).statistic) < 4 / np.sqrt(4000)


@pytest.mark.parametrize("noise", [0.35, 0.7])
def test_a_wrong_likelihood_is_found_where_the_posterior_alone_passes(noise):
    joint = GaussianJoint(noise=noise)
    ranks = joint_sbc_ranks(joint, n_datasets=500, n_draws=199, random_state=0)
    assert not sbc_ecdf(ranks, 199, prob=0.999).inside.any()

    rng = np.random.default_rng(1)
    y = joint.prior_.sample(500, random_state=rng)
    X = y.to_numpy() + NOISE * rng.normal(size=y.shape)
    alone = sbc_ranks(joint.sample(X, 199, random_state=rng), y)
    assert sbc_ecdf(alone, 199, prob=0.999).inside.all()


def test_defaults_and_repeatability():
    first, again, other = (joint_sbc_ranks(GaussianJoint(), random_state=seed) for seed in (0, 0, 1))
    assert first.shape == (1000, 2)
    assert 200 < first.max() <= 250
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_data_sets_may_be_a_list():
    class Ragged(GaussianJoint):
        def sample_data(self, y, n_draws=1, *, n_observations=None, random_state=None):
            X = super().sample_data(y, random_state=random_state)
            return [np.tile(x, (1 + i % 3, 1)) for i, x in enumerate(X)]

        def sample(self, X, n_draws=1000, *, random_state=None):
            return super().sample(np.stack([x[0] for x in X]), n_draws, random_state=random_state)

    settings = {"n_datasets": 20, "n_draws": 30, "random_state": 0}
    np.testing.assert_array_equal(joint_sbc_ranks(Ragged(), **settings), joint_sbc_ranks(GaussianJoint(), **settings))


def test_estimators_that_are_not_joint_raise():
    class Posterior:
        prior_ = None

    with pytest.raises(TypeError, match=r"learned a likelihood too.*got Posterior"):
        joint_sbc_ranks(Posterior())
    joint = GaussianJoint()
    joint.prior_ = None
    with pytest.raises(ValueError, match="this GaussianJoint was fitted without one"):
        joint_sbc_ranks(joint)
    del joint.prior_
    with pytest.raises(NotFittedError, match="GaussianJoint has no prior_ yet"):
        joint_sbc_ranks(joint)


@pytest.mark.parametrize("name", ["n_datasets", "n_draws"])
def test_counts_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        joint_sbc_ranks(GaussianJoint(), **{name: 0})
