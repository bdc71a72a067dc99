"""Which measurement next: what a design is expected to tell, and policies that adapt designs to what was seen."""

from skabi.design._amortized_greedy import AmortizedGreedyDesign
from skabi.design._deep import DeepAdaptiveDesign
from skabi.design._designer import AdaptiveDesigner
from skabi.design._evaluation import PolicyGain, evaluate_policy
from skabi.design._experiment import Experiment
from skabi.design._greedy import GreedyDesign
from skabi.design._histories import HistorySimulator
from skabi.design._information_gain import ExpectedInformationGain, InformationGain
from skabi.design._policies import FixedDesign, RandomDesign
from skabi.design._search import OptimalDesign
from skabi.design._spaces import DesignBox, DesignPool

__all__ = [
    "AdaptiveDesigner",
    "AmortizedGreedyDesign",
    "DeepAdaptiveDesign",
    "DesignBox",
    "DesignPool",
    "ExpectedInformationGain",
    "Experiment",
    "FixedDesign",
    "GreedyDesign",
    "HistorySimulator",
    "InformationGain",
    "OptimalDesign",
    "PolicyGain",
    "RandomDesign",
    "evaluate_policy",
]
