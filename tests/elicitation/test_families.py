import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

from skabi.elicitation import BaseFamily, Beta, Exponential, Gamma, HalfNormal, LogNormal, Normal, Unknown
from skabi.elicitation._family_space import FamilySpace
from skabi.priors import IndependentPrior

BASE = (np.arange(200) + 0.5) / 200
FAMILIES = [
    (Normal(), {"loc": 1.0, "scale": 2.0}, stats.norm(1, 2)),
    (HalfNormal(), {"scale": 2.0}, stats.halfnorm(scale=2)),
    (Exponential(), {"scale": 2.0}, stats.expon(scale=2)),
    (Gamma(), {"a": 0.7, "scale": 2.0}, stats.gamma(0.7, scale=2)),
    (Beta(), {"a": 0.7, "b": 3.0}, stats.beta(0.7, 3)),
    (LogNormal(), {"s": 0.7, "scale": 2.0}, stats.lognorm(0.7, scale=2)),
]


@pytest.mark.parametrize(("family", "values", "exact"), FAMILIES, ids=lambda x: type(x).__name__)
def test_draws_are_quantiles_and_move_as_they_do(family, values, exact):
    tensors = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in values.items()}
    draws, weights = family.draw(BASE, tensors), BASE**2
    assert_allclose(draws.detach(), exact.ppf(BASE), rtol=1e-12)
    for name, value in values.items():
        (slope,) = torch.autograd.grad((draws * torch.from_numpy(weights)).sum(), tensors[name], retain_graph=True)
        step = 1e-5
        ends = [family.frozen(values | {name: value + s}).ppf(BASE) for s in (step, -step)]
        assert_allclose(slope, weights @ (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def test_space_counts_free_fixed_and_shared_hyperparameters():
    space = FamilySpace(
        {"a": Normal(0.0, "spread"), "b": Normal(scale=Unknown("spread", low=1.0, high=2.0)), "c": Gamma(a=2.0)}
    )
    assert space.names() == ["spread", "b.loc", "c.scale"]
    assert space.is_positive.tolist() == [True, False, True]
    prior = space.prior(np.array([np.log(3.0), 5.0, 0.0]))
    assert prior == IndependentPrior(
        {
            "a": stats.norm(loc=0.0, scale=np.exp(np.log(3.0))),
            "b": stats.norm(loc=5.0, scale=np.exp(np.log(3.0))),
            "c": stats.gamma(a=2.0, scale=1.0),
        }
    )
    starts = np.exp(space.start(np.array([[0.0, 0.5, 0.5], [1.0, 0.5, 0.5]]))[:, 0])
    assert_allclose(starts, [1.0, 2.0])


def test_numbers_are_those_of_the_prior():
    space = FamilySpace({"a": Gamma()})
    x = np.array([0.3, -0.2])
    assert_allclose(space.prior(x).distributions["a"].mean(), np.prod(space.numbers(x)))
    draws = space.draws(torch.from_numpy(x), BASE[:, None])["a"]
    assert_allclose(draws, space.prior(x).distributions["a"].ppf(BASE))


class Skewed(BaseFamily):
    distribution = stats.skewnorm

    def __init__(self, a=None, loc=0.0, scale=1.0):
        self.a = a
        self.loc = loc
        self.scale = scale


def test_family_of_ones_own_may_have_a_shape_of_either_sign():
    space = FamilySpace({"a": Skewed()})
    assert space.names() == ["a.a"] and not space.is_positive[0]
    x = torch.tensor([-2.0], dtype=torch.float64, requires_grad=True)
    draws = space.draws(x, BASE[:, None])["a"]
    assert_allclose(draws.detach(), stats.skewnorm(-2).ppf(BASE))
    assert torch.autograd.grad(draws.mean(), x)[0] > 0


@pytest.mark.parametrize(
    ("families", "error", "message"),
    [
        ({"a": Normal(0.0, 1.0)}, ValueError, "every hyper-parameter .* fixed"),
        ({"a": Normal(scale=-1.0)}, ValueError, "scale of 'a'"),
        ({"a": Normal(loc=True)}, TypeError, "loc of 'a' must be a number, None, a str or an Unknown"),
        ({"a": Normal(loc="x", scale="x")}, ValueError, "cannot share 'x'"),
        ({"a": Normal(loc=Unknown(low=1.0))}, ValueError, "both low and high"),
        ({"a": Normal(loc=Unknown(low=1.0, high=0.0))}, ValueError, "high of loc of 'a'"),
        ({"a": stats.norm(0, 1)}, TypeError, "must be a family"),
        ({"lambda": Normal()}, ValueError, "a parameter name"),
        ({"rng": Normal()}, ValueError, "not 'rng'"),
    ],
)
def test_families_that_are_none_are_refused(families, error, message):
    with pytest.raises(error, match=message):
        FamilySpace(families)
