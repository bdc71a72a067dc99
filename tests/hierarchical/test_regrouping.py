"""New groups, and groups that are left out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.hierarchical import GroupedData, HierarchicalPosterior, HierarchicalSimulator

LINEAR = AmortizedPosterior(Gaussian(()), max_iter=3)
OBSERVED = np.array([1.3, -0.4, 2.2, 0.1, -1.0, 3.0])


def test_a_new_group_scatters_around_what_is_known(single):
    draws = single.posterior.sample_new_group(GroupedData([OBSERVED[:, np.newaxis]]), 20_000, random_state=0)
    (mean, std), _ = single.exact(OBSERVED)
    spread = np.hypot(std, 0.8)
    theta = draws.groups[0][:, 0, 0]
    assert draws.labels[0].tolist() == ["new"]
    assert abs(theta.mean() - mean) < 0.1 * spread
    assert abs(theta.std() / spread - 1) < 0.05


def test_leaving_out_is_inference_from_the_rest(ragged):
    X, _ = ragged.simulator.sample(1, random_state=3)
    X = GroupedData([[*X.data[0], [[4.0]]]], labels=[list("abcdef")[: X.n_groups[0] + 1]])
    left_out = ragged.posterior.leave_one_group_out(X, 4000, random_state=0)
    n = int(X.n_groups[0])
    assert left_out.hyper[0].shape == (n, 4000, 1) and left_out.groups[0].shape == (n, 4000, 1)
    for j in range(n):
        rest = X.take_groups([[k for k in range(n) if k != j]])
        mean, std = ragged.posterior.predict(rest, return_std=True)
        # Standard errors of 4,000 draws; five of them.
        assert (
            abs(left_out.hyper[0][j].mean() - mean.hyper.iloc[0, 0]) < 5 * std.hyper.iloc[0, 0] / np.sqrt(4000) + 1e-3
        )
    # Of parameters that are log-normal given mu: the mean of logarithms is that of mu.
    gap = np.log(left_out.groups[0][0]) - left_out.hyper[0][0]
    assert abs(gap.mean()) < 5 * 0.8 / np.sqrt(4000)


def test_groups_that_come_later(single):
    X = GroupedData([OBSERVED[:, np.newaxis]])
    draws = single.posterior.sample(X, 5000, random_state=0)
    later = single.posterior.sample_groups(GroupedData([[[5.0]]], labels=[["later"]]), draws.hyper, random_state=1)
    share = 0.8**2 / (0.8**2 + 1.5**2)
    expected = share * 5.0 + (1 - share) * draws.hyper[0, :, 0].mean()
    assert later.labels[0].tolist() == ["later"]
    assert abs(later.groups[0].mean() - expected) < 0.15
    assert_allclose(later.hyper, draws.hyper)


def test_bad_questions(single):
    X = GroupedData([OBSERVED[:, np.newaxis]])
    with pytest.raises(ValueError, match="one group"):
        single.posterior.leave_one_group_out([[[1.0]]])
    with pytest.raises(ValueError, match="covariates"):
        single.posterior.sample_new_group(X, 5, covariates={"sigma": 1.0})
    with pytest.raises(ShapeError, match="draws for each data set"):
        single.posterior.sample_groups(X, np.zeros((2, 5, 1)))
    with pytest.raises(ValueError, match="hyper must be finite"):
        single.posterior.sample_groups(X, np.full((1, 5, 1), np.nan))


@pytest.fixture(scope="module")
def scaled():
    """A model with a scale among the hyper-parameters, and a covariate."""
    simulator = HierarchicalSimulator(
        {"tau": stats.halfnorm()},
        {"theta": lambda tau, size: stats.norm(size, tau)},
        lambda theta, rng: rng.normal(theta, 0.5),
        n_groups=3,
        covariates={"size": stats.uniform(0.0, 1.0)},
        vectorized=True,
    )
    return HierarchicalPosterior(LINEAR, LINEAR, n_simulations=100, random_state=0).fit(simulator)


def test_hyper_parameters_outside_their_support_are_refused(scaled):
    X = GroupedData([[[0.1], [0.2], [0.3]]], covariates={"size": [[0.2, 0.4, 0.6]]})
    own = scaled.sample(X, 4, random_state=0).hyper
    assert scaled.sample_groups(X, own, random_state=0).groups[0].shape == (4, 3, 1)
    own[0, 2, 0] = -1.0
    with pytest.raises(
        ValueError, match=r"hyper must lie in the support.* 1 of 4 draws do not, the first {'tau': -1.0}"
    ):
        scaled.sample_groups(X, own, random_state=0)


def test_covariates_of_new_groups_are_numbers_for_all_or_for_each_data_set(scaled):
    X = GroupedData(np.zeros((2, 3, 1)), covariates={"size": [[0.2, 0.4, 0.6]] * 2})
    draws = scaled.sample_new_group(X, 50, covariates={"size": [0.0, 1000.0]}, random_state=0)
    assert abs(draws.groups[0]).max() < 20 and abs(draws.groups[1] - 1000.0).max() < 20
    with pytest.raises(ShapeError, match="one number, or one for each of 2 data sets"):
        scaled.sample_new_group(X, 5, covariates={"size": [0.0, 1.0, 2.0]})
    with pytest.raises(ValueError, match=r"covariates\['size'\] must convert"):
        scaled.sample_new_group(X, 5, covariates={"size": "big"})
