"""What fit refuses, and what is to be used instead."""

import pytest
from scipy import stats

from skabi import AmortizedModelComparator, AmortizedPosterior, EnsemblePosterior, JointEstimator
from skabi.dynamic import DynamicSimulator, RandomWalk
from skabi.hierarchical import HierarchicalSimulator

LEVELS = HierarchicalSimulator(
    {"mu": stats.norm()},
    {"theta": lambda mu: stats.norm(mu, 1.0)},
    lambda theta, rng: rng.normal(theta),
    n_groups=3,
    vectorized=True,
)
MOVING = DynamicSimulator({"rate": RandomWalk(0.2)}, None, lambda rate, rng: rng.normal(rate), n_times=10)


@pytest.mark.parametrize(
    "estimator",
    [
        AmortizedPosterior(),
        JointEstimator(),
        EnsemblePosterior([("first", AmortizedPosterior()), ("second", AmortizedPosterior())]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize(
    ("simulator", "instead"), [(LEVELS, "hierarchical.HierarchicalPosterior"), (MOVING, "dynamic.DynamicPosterior")]
)
def test_simulators_of_other_rooms_are_refused(estimator, simulator, instead):
    with pytest.raises(TypeError, match=f"does not learn from a {type(simulator).__name__}; use skabi.{instead}"):
        estimator.fit(simulator)


def test_models_with_levels_are_compared_as_data_sets():
    with pytest.raises(TypeError, match=r"X is the list of their groups.*NestedSummary"):
        AmortizedModelComparator().fit({"a": LEVELS, "b": LEVELS})
