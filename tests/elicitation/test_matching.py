import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skabi.elicitation import EnergyDistance, Moments, Normal, Parameter, Quantiles, SquaredError, Target
from skabi.elicitation._family_space import FamilySpace
from skabi.elicitation._identifiability import are_apart, flat_direction, identification
from skabi.elicitation._matching import Matching, _jacobian, _Step, uniform_points
from skabi.elicitation._targets import Predictions

RNG = np.random.default_rng(0)
FEW, MANY = RNG.normal(size=(3, 8)), RNG.normal(size=(8, 3))


def matching(loss):
    targets = {"a": Target(Parameter("a"), Quantiles((0.2, 0.5, 0.8))), "b": Target(Parameter("b"), Moments())}
    space = FamilySpace({"a": Normal(), "b": Normal()})
    stated = [targets["a"].statement.check([0.0, 1.0, 3.0], 1), targets["b"].statement.check([2.0, 1.0], 1)]
    predictions = Predictions(None, targets, ["a", "b"])
    seed = np.random.SeedSequence(0)
    return Matching(space, predictions, stated, [loss] * 2, n_simulations=4096, seed=seed)


@pytest.mark.parametrize("slopes", [FEW, MANY])
def test_jacobian_is_the_same_by_rows_and_by_columns(slopes):
    matrix = torch.from_numpy(slopes)
    x = torch.ones(slopes.shape[1], dtype=torch.float64, requires_grad=True)
    assert_allclose(_jacobian(matrix @ x.square(), x), 2 * slopes)


@pytest.mark.parametrize("rows", [FEW, MANY])
def test_steps_solve_the_damped_equations(rows):
    n = rows.shape[1]
    gradient, spread = RNG.normal(size=n), RNG.uniform(1, 2, size=n)
    step = _Step(rows, gradient, spread, np.zeros(n, dtype=bool))(0.3)
    assert_allclose((rows.T @ rows + 0.3 * np.diag(spread**2)) @ step, -gradient)
    # Logarithms move by one at most.
    bounded = _Step(rows, 1e6 * gradient, spread, np.ones(n, dtype=bool))(0.3)
    assert_allclose(np.abs(bounded).max(), 1.0)


@pytest.mark.parametrize("loss", [SquaredError(), EnergyDistance()])
def test_curvature_is_that_of_the_loss(loss):
    problem = matching(loss)
    x = np.array([0.3, -0.2, 1.0, 0.1])
    implied, slopes = problem.slopes(x)
    gradient, roots = problem.curvature(implied, np.array([1.0, 2.0]))
    step = 1e-4

    def total(x):
        return problem.at(x) @ [1.0, 2.0]

    shifts = step * np.eye(4)
    differences = [(total(x + shift) - total(x - shift)) / (2 * step) for shift in shifts]
    # Values are of single quantiles, and derivatives are means around them.
    assert_allclose(slopes.T @ gradient, differences, rtol=0.05, atol=0.02)
    for root in roots:
        assert np.linalg.eigvalsh(root.T @ root).min() > -1e-9


def test_points_are_inside_and_any_number_of_them():
    points = uniform_points(100, 3, np.random.default_rng(0))
    assert points.shape == (100, 3) and points.min() > 0 and points.max() < 1


def test_identification_is_the_covariance_of_answers_off_by_one_per_cent():
    slopes = RNG.normal(size=(6, 3))
    found = identification(slopes, np.array([1.0, 2.0, 1.0]))
    scaled = slopes * [1.0, 2.0, 1.0]
    assert_allclose(found.unsure, 0.01 * np.sqrt(np.diag(np.linalg.inv(scaled.T @ scaled))))
    assert flat_direction(found, list("abc")) is None


def test_a_direction_that_answers_do_not_see_is_named():
    slopes = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = identification(slopes, np.ones(3))
    assert np.isinf(found.unsure[:2]).all() and np.isclose(found.unsure[2], 0.01)
    message = flat_direction(found, ["a.loc", "b.loc", "c.scale"])
    assert "a.loc (" in message and "b.loc (" in message and "c.scale" not in message


def test_ends_that_match_as_well_may_be_apart():
    losses, positions = np.array([1.0, 1.2, 9.0]), np.array([[0.0, 0.0], [1.0, 0.1], [5.0, 5.0]])
    assert are_apart(losses, positions).tolist() == [True, False]
