import numpy as np
import pytest
import torch
from scipy import stats

from skabi.design import DesignBox, DesignPool, ExpectedInformationGain, Experiment, RandomDesign, evaluate_policy
from skabi.exceptions import ShapeError, SimulatorError
from skabi.priors import IndependentPrior
from skabi.testing._recipe import check_recipe
from tests.design.conftest import SLOPE, respond, respond_log_likelihood, respond_torch_log_likelihood


@pytest.mark.parametrize("space", [DesignBox([0.0, 1.0], [1.0, 3.0], names=["a", "b"]), DesignPool([[0.0], [2.0]])])
def test_spaces_are_recipes_whose_samples_are_of_them(space):
    check_recipe(space)
    designs = space.sample(200, random_state=0)
    assert designs.shape == (200, space.n_designs)
    assert (space.check(designs) == designs).all()
    assert (space.check(space.spread(50, random_state=0)) == space.spread(50, random_state=0)).all()
    assert (space.sample(200, random_state=0) == designs).all()


def test_samples_of_a_box_are_even():
    designs = DesignBox([0.0, -10.0], [1.0, 30.0]).sample(4000, random_state=0)
    assert stats.kstest(designs[:, 0], "uniform").pvalue > 0.001
    assert stats.kstest(designs[:, 1], stats.uniform(-10, 40).cdf).pvalue > 0.001


def test_samples_of_a_pool_are_even():
    designs = DesignPool([3.0, 5.0, 9.0]).sample(3000, random_state=0)
    counts = np.unique(designs, return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 0.001


def test_designs_out_of_bounds():
    box = DesignBox([0.0, 1.0], [1.0, 3.0], names=["dose", "time"])
    with pytest.raises(ValueError, match="time must lie between 1 and 3; design 1 has 4"):
        box.check([[0.5, 2.0], [0.5, 4.0]])
    with pytest.raises(ShapeError, match=r"designs must have shape \(n, 2\).*designs?\[np.newaxis\]|design\[np"):
        box.check([0.5, 2.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        box.check([[np.nan, 2.0]])
    assert (box.check([[-1e-9, 3 + 1e-9]]) == [[0.0, 3.0]]).all()
    with pytest.raises(ValueError, match=r"design 1, \[0.7\], is not. The nearest is \[0.5\]"):
        DesignPool([0.5, 1.0]).check([[1.0], [0.7]])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (DesignBox(1.0, 1.0), "low must be below high"),
        (DesignBox([0.0, 1.0], [1.0, 2.0, 3.0]), "one length"),
        (DesignBox(0.0, np.inf), "finite"),
        (DesignBox(0.0, 1.0, names=["a", "b"]), "names must be 1"),
        (DesignBox(0.0, 1.0, names="a"), "names must be 1"),
        (DesignPool([1.0]), "two or more"),
        (DesignPool([[1.0], [np.nan]]), "finite"),
        (DesignPool([[1.0], [2.0], [1.0]]), r"\[1.0\] comes 2 times"),
        ([0.0, 1.0], "DesignBox or a DesignPool"),
    ],
)
def test_spaces_that_are_none(space, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Experiment(SLOPE, respond, space=space)


def test_observe_pairs_designs_with_parameters(line):
    outcomes = line.observe([[0.0], [3.0]], [[100.0], [100.0]], random_state=0)
    assert outcomes.shape == (2, 1)
    assert abs(outcomes[0, 0]) < 5
    assert abs(outcomes[1, 0] - 300) < 5
    assert (line.observe([[0.0], [3.0]], [[100.0], [100.0]], random_state=0) == outcomes).all()
    with pytest.raises(ShapeError, match="same number of rows; got 1 and 2"):
        line.observe([[0.0]], [[1.0], [2.0]])


def test_functions_that_cannot_be_called():
    box = DesignBox(0.0, 1.0)
    with pytest.raises(TypeError, match="simulate must take design, rng, slope"):
        Experiment(SLOPE, lambda slope, rng: slope, space=box)
    with pytest.raises(TypeError, match="log_likelihood must take outcome, design, slope"):
        Experiment(SLOPE, respond, space=box, log_likelihood=lambda outcome, slope: slope)
    with pytest.raises(TypeError, match="torch_outcome must take design, generator, slope"):
        Experiment(SLOPE, respond, space=box, torch_outcome=lambda design, slope: slope)
    with pytest.raises(TypeError, match="simulate must be callable"):
        Experiment(SLOPE, None, space=box)
    with pytest.raises(ValueError, match="a parameter 'design'"):
        Experiment(IndependentPrior({"design": stats.norm()}), respond, space=box)


@pytest.mark.parametrize(
    ("simulate", "message"),
    [
        (lambda slope, design, rng: slope[:1], "one row for each of 3 designs"),
        (lambda slope, design, rng: np.full(len(slope), np.nan), "NaN or infinity, at design"),
        (lambda slope, design, rng: np.zeros((len(slope), 2, 2)), "got shape"),
        (lambda slope, design, rng: None, "return statement"),
    ],
)
def test_outcomes_that_are_none(simulate, message):
    with pytest.raises(SimulatorError, match=message):
        Experiment(SLOPE, simulate, space=DesignBox(0.0, 1.0))


@pytest.mark.parametrize(
    ("log_likelihood", "message"),
    [
        (lambda outcome, design, slope: respond_log_likelihood(outcome, design, slope)[:-1], r"\(n,\) for n="),
        (lambda outcome, design, slope: np.full(len(slope), np.nan), "finite or -inf; .* NaN or infinity"),
        (lambda outcome, design, slope: np.full(len(slope), -np.inf), "likelihood of zero under the very parameters"),
    ],
)
def test_likelihoods_that_are_none(log_likelihood, message):
    experiment = Experiment(SLOPE, respond, space=DesignBox(0.0, 1.0), log_likelihood=log_likelihood)
    with pytest.raises(ValueError, match=message):
        ExpectedInformationGain(experiment, n_draws=40, n_contrastive=10).evaluate([[1.0]])
    with pytest.raises(ValueError, match=message):
        evaluate_policy(experiment, RandomDesign(experiment.space), n_steps=2, n_rollouts=40, n_contrastive=10)


def test_likelihoods_in_torch_that_are_none():
    def make(torch_log_likelihood, **likelihood):
        return Experiment(
            SLOPE, respond, space=DesignBox(0.0, 1.0), torch_log_likelihood=torch_log_likelihood, **likelihood
        )

    with pytest.raises(ValueError, match="in torch and in NumPy disagree"):
        ExpectedInformationGain(
            make(
                lambda outcome, design, slope: 2 * respond_torch_log_likelihood(outcome, design, slope),
                log_likelihood=respond_log_likelihood,
            )
        )
    flat = make(lambda outcome, design, slope: torch.zeros(3))
    with pytest.raises(ShapeError, match="one number for each outcome and parameters"):
        ExpectedInformationGain(flat, n_draws=40, n_contrastive=10).evaluate([[1.0]])
    with pytest.raises(TypeError, match="must return a tensor"):
        ExpectedInformationGain(make(lambda outcome, design, slope: 0.0), n_draws=40, n_contrastive=10).evaluate(
            [[1.0]]
        )
