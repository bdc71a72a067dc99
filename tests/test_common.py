"""Every public class keeps its contract, over one small instance of each."""

from importlib import import_module

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skabi.testing import check_engine, check_head, check_loss, check_prior, check_simulator, check_summary, instances
from skabi.testing._recipe import check_recipe

ROOMS = instances()
# No instance: base classes of rooms, what losses are given, what summaries say of themselves, and what is not fitted.
EXEMPT = {
    *("BaseEngine", "BaseHead", "BaseLoss", "BasePrior", "BaseSummary", "Batch", "SummaryCost"),
    *("DormandPrince", "ResidualNetwork", "RungeKutta", "UNet"),
    *("BaseSampler", "BatchTest", "Disagreement", "KnownLikelihood", "LogEvidence", "Refined"),
    *("BaseTransition", "FilterStep", "Pull", "Trajectories", "TrajectoryDraws"),
    *("BaseFamily", "BaseMatchLoss", "BaseQuantity", "BaseStatement", "FlowPrior", "SmoothDraws", "Stated"),
    *("GroupedData", "LeftOut", "LevelDraws", "LevelRanks", "Levels"),
    *("InformationGain", "OptimalDesign", "PolicyGain"),
    *("CrossValElpd", "PsisLoo", "ReplicationRisk", "RouteAgreement", "StoredDataSets"),
    *("Reweighted", "SensitivityAnalysis", "SensitivityResult"),
}
SOURCES = {"data": (5, 2), "statistics": (3,)}
SHAPES = {
    "ExpertSummary": [SOURCES],
    "FusionSummary": [SOURCES, {"a": (7, 2), "b": (4,), "c": (6, 6, 1)}],
    "IdentitySummary": [(4,), (5, 2)],
    "ImageSummary": [(8, 8), (5, 7, 3)],
    "ModuleSummary": [(4,)],
    "NestedSummary": [(3, 4, 2), (4, 1, 1)],
    "SeriesSummary": [(9, 2), (1, 3), (150, 1)],
    "SetSummary": [(9, 2), (1, 3)],
}


def every(*rooms):
    return pytest.mark.parametrize("part", [part for room in rooms for part in ROOMS[room]], ids=_name)


def _name(part):
    return type(part).__name__


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_class_has_an_instance(room):
    module = import_module(f"skabi.{room}")
    classes = {name for name in module.__all__ if isinstance(getattr(module, name), type)}
    assert {_name(part) for part in ROOMS[room]} == classes - EXEMPT


def test_estimators_of_one_network_and_of_several_are_checked():
    assert [getattr(part, "n_estimators", None) for part in ROOMS["estimators"]] == [1, 2, 1, 1, 2, 1, None]


def test_instances_are_made_anew():
    assert instances()["engines"][0] is not ROOMS["engines"][0]


@parametrize_with_checks(ROOMS["estimators"])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@parametrize_with_checks(ROOMS["misspecification"])
def test_scikit_learn_contract_of_detectors(estimator, check):
    check(estimator)


@every("engines")
def test_engine_contract(part):
    check_engine(part)


@every("elicitation")
def test_elicitation_recipe_contract(part):
    check_recipe(part)


@every("heads")
def test_head_contract(part):
    check_head(part)


@every("summaries")
def test_summary_contract(part):
    check_summary(part, shapes=SHAPES[_name(part)])


@every("losses")
def test_loss_contract(part):
    check_loss(part)


@every("refine")
def test_sampler_contract(part):
    check_recipe(part)


@every("priors")
def test_prior_contract(part):
    check_prior(part)


@every("simulators", "datasets")
def test_prior_contract_of_simulators(part):
    check_prior(part.prior)


@every("simulators", "datasets")
def test_simulator_contract(part):
    check_simulator(part)
