import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skabi.elicitation import FunctionOf, GroupMean, Outcome, Parameter, RSquared
from skabi.exceptions import ShapeError

RNG = np.random.default_rng(0)
PARAMETERS = {name: torch.from_numpy(RNG.normal(size=50)) for name in ("a", "b")}
MEAN = torch.from_numpy(RNG.normal(size=(50, 4)))
OUTCOMES = {"y": MEAN + torch.from_numpy(RNG.normal(size=(50, 4))), "mean": MEAN}


def test_parameters_stand_side_by_side():
    assert Parameter("b").compute(PARAMETERS, {}) is PARAMETERS["b"]
    assert torch.equal(Parameter(["b", "a"]).compute(PARAMETERS, {})[:, 1], PARAMETERS["a"])


def test_outcomes_at_some_points():
    y = OUTCOMES["y"]
    assert Outcome().compute({}, {"y": y}) is y
    assert torch.equal(Outcome([2, 0], name="y").compute({}, OUTCOMES), y[:, [2, 0]])
    assert torch.equal(Outcome(1, name="mean").compute({}, OUTCOMES), MEAN[:, 1])
    with pytest.raises(ValueError, match="4 columns"):
        Outcome([4], name="y").compute({}, OUTCOMES)
    with pytest.raises(ValueError, match="several outcomes"):
        Outcome().compute({}, OUTCOMES)
    with pytest.raises(ValueError, match="no outcome 'z'"):
        Outcome(name="z").compute({}, OUTCOMES)


def test_groups_have_means_in_sorted_order():
    found = GroupMean(["late", "early", "late", "late"], name="y").compute({}, OUTCOMES)
    y = OUTCOMES["y"]
    assert_allclose(found, torch.stack([y[:, 1], y[:, [0, 2, 3]].mean(1)], dim=1))
    with pytest.raises(ShapeError, match="one label for each column"):
        GroupMean([0, 1], name="y").compute({}, OUTCOMES)


def test_r_squared_is_the_explained_share():
    y, mean = OUTCOMES["y"].numpy(), MEAN.numpy()
    explained = mean.var(axis=1, ddof=1)
    expected = explained / (explained + (y - mean).var(axis=1, ddof=1))
    assert_allclose(RSquared().compute({}, OUTCOMES), expected)
    with pytest.raises(ShapeError, match="two points or more"):
        RSquared().compute({}, {"y": MEAN[:, :1], "mean": MEAN[:, :1]})


def test_functions_take_parameters_and_outcomes_by_name():
    ratio = FunctionOf(lambda a, y: y / a[:, None])
    assert torch.equal(ratio.compute(PARAMETERS, OUTCOMES), OUTCOMES["y"] / PARAMETERS["a"][:, None])
    assert ratio.needs_outcome_of(["a", "b"]) and not FunctionOf(lambda b: b).needs_outcome_of(["a", "b"])
    with pytest.raises(ValueError, match="no parameter or outcome 'c'"):
        FunctionOf(lambda c: c).compute(PARAMETERS, OUTCOMES)
